//! Snapshots: what a query may read, built aside and published by one swap.
//!
//! ```text
//!   Config ─► World::build ─► World ─┐
//!                                    ├─► Snapshot ─► Publisher ═swap═► Subscriber (workers)
//!             verdicts ─► Standing ──┘                   └ frees what nobody reads
//! ```
//!
//! # Invariants
//!
//! - A snapshot never changes; whoever holds one sees one world and one standing.
//! - Taking one costs a reader a few atomic operations, no lock; freeing one is the
//!   publisher's work, never a reader's.
//! - A world that could not be built replaces nothing.
//!
//! # Start with
//!
//! [`World`], then [`Publisher`].
#![forbid(unsafe_code)]

mod plan;
mod publish;
mod world;

use std::sync::Arc;

pub use publish::Guard;
pub use publish::Publisher;
pub use publish::Subscriber;
pub use world::BuildError;
pub use world::CODES;
pub use world::MapScope;
pub use world::World;
pub use world::atlas;

use crate::steer::Admission;
use crate::steer::ServiceStanding;

/// All that a query may read.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What was configured; changes on reload.
    pub world: Arc<World>,
    /// Who may take clients now.
    pub standing: Arc<Standing>,
}

/// What each service's pools may take, by the position of the service in the world.
#[derive(Clone, Debug)]
pub struct Standing {
    services: Box<[ServiceStanding]>,
}

impl Standing {
    /// Everything is in service.
    pub fn all_admitted(world: &World) -> Self {
        let standing = |service| ServiceStanding::new(service, |_| Admission::Admitted);
        Self { services: world.services().iter().map(standing).collect() }
    }

    /// The standing of each service, made by `standing` from its position.
    pub fn new(services: impl IntoIterator<Item = ServiceStanding>) -> Self {
        Self { services: services.into_iter().collect() }
    }

    /// The standing of a service. Constant time.
    pub fn service(&self, position: usize) -> Option<&ServiceStanding> {
        self.services.get(position)
    }
}
