//! What all connections share.

use std::sync::Arc;
use std::sync::Mutex;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;
use tokio::sync::broadcast;

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
    pub(super) rates: Mutex<Rates>,
    /// One permit per connection.
    pub(super) connections: Arc<Semaphore>,
    /// One permit per event stream.
    pub(super) streams: Arc<Semaphore>,
    pub(super) tasks: Tasks,
}
