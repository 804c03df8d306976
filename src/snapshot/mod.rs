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

mod crowds;
mod plan;
mod publish;
mod world;

use std::sync::Arc;

pub use crowds::crowd_steps;
pub use publish::Guard;
pub use publish::Publisher;
pub use publish::Subscriber;
pub use world::BuildError;
pub use world::CODES;
pub use world::MapScope;
pub use world::World;
pub use world::atlas;

use crate::load::Cutoffs;
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

/// What each service's pools may take, by the position of the service in the world; and whom
/// regions refuse since they are full.
///
/// Copied on write in chunks of services, so that a verdict rewrites a few kilobytes of it
/// however many services there are.
#[derive(Clone, Debug)]
pub struct Standing {
    chunks: Box<[Arc<[ServiceStanding]>]>,
    /// Where some region refuses somebody.
    cutoffs: Option<Arc<Cutoffs>>,
}

impl Standing {
    /// Services in a chunk: a copy takes a few microseconds, and 10,000 services are 157
    /// reference counts.
    const CHUNK: usize = 64;

    /// Everything is in service.
    pub fn all_admitted(world: &World) -> Self {
        let standing = |service| ServiceStanding::new(service, |_| Admission::Admitted);
        Self::new(world.services().iter().map(standing))
    }

    /// The standing of each service, in the order of the world.
    pub fn new(services: impl IntoIterator<Item = ServiceStanding>) -> Self {
        let all: Vec<ServiceStanding> = services.into_iter().collect();
        Self { chunks: all.chunks(Self::CHUNK).map(Arc::from).collect(), cutoffs: None }
    }

    /// The standing of a service. Constant time.
    pub fn service(&self, position: usize) -> Option<&ServiceStanding> {
        self.chunks.get(position / Self::CHUNK)?.get(position % Self::CHUNK)
    }

    /// This one with some services changed. Copies the chunks they are in and shares the rest.
    #[must_use]
    pub fn with(&self, changed: impl IntoIterator<Item = (usize, ServiceStanding)>) -> Self {
        let mut chunks = self.chunks.clone();
        for (position, standing) in changed {
            let Some(chunk) = chunks.get_mut(position / Self::CHUNK) else { continue };
            if Arc::get_mut(chunk).is_none() {
                *chunk = Arc::from(&**chunk);
            }
            let slot = Arc::get_mut(chunk).and_then(|own| own.get_mut(position % Self::CHUNK));
            if let Some(slot) = slot {
                *slot = standing;
            }
        }
        Self { chunks, cutoffs: self.cutoffs.clone() }
    }

    /// This one with the regions' cutoffs replaced; the services' standings are shared.
    #[must_use]
    pub fn with_cutoffs(&self, cutoffs: Cutoffs) -> Self {
        let cutoffs = (!cutoffs.is_empty()).then(|| Arc::new(cutoffs));
        Self { chunks: self.chunks.clone(), cutoffs }
    }

    /// Whom regions refuse since they are full; `None` if none does. Constant time.
    #[inline]
    pub fn cutoffs(&self) -> Option<&Cutoffs> {
        self.cutoffs.as_deref()
    }
}
