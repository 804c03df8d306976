//! The way to one node: what waits, and the task that sends it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cli::api::Api;
use crate::cli::api::Failure;
use crate::cli::latency::PATH;
use crate::cli::latency::Taken;
use crate::cli::output::plain;
use crate::reporter::Batch;
use crate::reporter::Outbox;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How often it is said that a node refuses samples.
const SAID: Duration = Duration::from_secs(60);

/// What waits for a node.
pub(super) struct Mail {
    outbox: Mutex<Outbox>,
    changed: Notify,
}

impl Mail {
    /// Starts the task that sends to a node. Told to stop, it sends what waits, once, and ends.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there are too many.
    pub(super) fn start(api: Api, tasks: &Tasks) -> Result<Arc<Self>, SpawnError> {
        let mail = Arc::new(Self { outbox: Mutex::default(), changed: Notify::new() });
        tasks.spawn("reports", Arc::clone(&mail).send(api, tasks.stopping().clone()))?;
        Ok(mail)
    }

    /// Adds a batch, in place of the oldest if there is no room.
    pub(super) fn post(&self, batch: Batch) {
        self.outbox().push(batch);
        self.changed.notify_one();
    }

    async fn send(self: Arc<Self>, api: Api, stop: CancellationToken) {
        let mut said = None;
        loop {
            let first = self.outbox().first();
            let Some((number, batch)) = first else {
                if stop.is_cancelled() {
                    return;
                }
                // What was posted just before the end is found above.
                tokio::select! {
                    () = self.changed.notified() => {}
                    () = stop.cancelled() => {}
                }
                continue;
            };
            match api.report::<Taken>(PATH, batch.lines.to_string()).await {
                Ok(taken) => {
                    if self.outbox().sent(number) {
                        tracing::info!("{} takes samples again", api.address());
                    }
                    tell(&api, &taken, &mut said);
                }
                Err(_) if stop.is_cancelled() => return,
                Err(failure) => self.rest(&api, &failure, &stop).await,
            }
        }
    }

    /// Says what is wrong, and waits before the next try; not if it is to end.
    async fn rest(&self, api: &Api, failure: &Failure, stop: &CancellationToken) {
        let now = Instant::now().into_std();
        let (pause, dropped) = self.outbox().failed(fastrand::f64(), now);
        if let Some(dropped) = dropped {
            let address = api.address();
            let why = plain(failure.why());
            tracing::warn!(dropped, "{address} takes no samples, trying on: {why}");
        }
        drop(timeout(pause, stop.cancelled()).await);
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says now and then what a node refuses.
fn tell(api: &Api, taken: &Taken, said: &mut Option<Instant>) {
    let Some(first) = taken.refused.first() else { return };
    if said.is_none_or(|said| said.elapsed() >= SAID) {
        *said = Some(Instant::now());
        let (refused, of) = (taken.refused_total, taken.refused_total + taken.taken);
        let (reason, found) = (&first.reason, plain(&first.found));
        let address = api.address();
        tracing::warn!("{address} refuses {refused} of {of} samples: {reason}, found {found:?}");
    }
}
