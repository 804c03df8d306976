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
use crate::control::rate::Rates;
use crate::engine::Notice;
use crate::tasks::Tasks;

/// One API.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) desk: Desk,
    pub(super) notices: broadcast::Sender<Arc<Notice>>,
    pub(super) traffic: TrafficSource,
    pub(super) intake: Intake,
    /// Replaced at a reload.
    pub(super) tokens: ArcSwap<Vec<Token>>,
    /// What browsers are asked; replaced at a reload.
    pub(super) beacon: ArcSwap<Option<Beacon>>,
    pub(super) rates: Mutex<Rates>,
    /// Of browsers, by client prefix.
    pub(super) of_beacons: Mutex<Rates>,
    /// One permit per connection.
    pub(super) connections: Arc<Semaphore>,
    /// One permit per event stream.
    pub(super) streams: Arc<Semaphore>,
    pub(super) tasks: Tasks,
}

impl Room {
    /// How often browsers of each prefix reported.
    pub(super) fn beacon_rates(&self) -> MutexGuard<'_, Rates> {
        self.of_beacons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
