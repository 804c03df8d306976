//! What all connections share.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio::sync::broadcast;

use crate::config::Beacon;
use crate::config::Token;
use crate::control::Intake;
use crate::control::TrafficSource;
use crate::control::desk::Desk;
use crate::control::drawn::Drawn;
use crate::control::places::Places;
use crate::control::rate::Rates;
use crate::engine::Notice;
use crate::tasks::Tasks;

/// One API.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) desk: Desk,
    /// What is drawn of its status.
    pub(super) drawn: Drawn,
    pub(super) notices: broadcast::Sender<Arc<Notice>>,
    pub(super) traffic: TrafficSource,
    pub(super) intake: Intake,
    /// Replaced at a reload.
    pub(super) tokens: ArcSwap<Vec<Token>>,
    /// What browsers are asked; replaced at a reload.
    pub(super) beacon: ArcSwap<Option<Beacon>>,
    pub(super) of_peers: Mutex<Rates>,
    /// Of tokens, by name.
    pub(super) of_tokens: Mutex<Rates<Arc<str>>>,
    /// Of browsers, by client prefix.
    pub(super) of_beacons: Mutex<Rates>,
    /// All connections.
    pub(super) places: Places,
    /// One permit per connection that is told that it has to go.
    pub(super) farewells: Semaphore,
    pub(super) tasks: Tasks,
}

impl Room {
    /// How often peers without a token asked.
    pub(super) fn rates(&self) -> MutexGuard<'_, Rates> {
        self.of_peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it was asked with each token.
    pub(super) fn token_rates(&self) -> MutexGuard<'_, Rates<Arc<str>>> {
        self.of_tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often browsers of each prefix reported.
    pub(super) fn beacon_rates(&self) -> MutexGuard<'_, Rates> {
        self.of_beacons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
