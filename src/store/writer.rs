//! The thread that writes: the newest text, not too often, and again if it failed.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::store::folder::Folder;

/// How often the thread looks whether it should stop: nobody wakes it for that.
const LOOK: Duration = Duration::from_millis(100);

/// How often it writes.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// From the end of one write to the next, at least.
    pub(super) rest: Duration,
    /// The same in times what the last write took: a slow disk is not kept busy.
    pub(super) times: u32,
    /// The longest rest, however slow the disk.
    pub(super) most: Duration,
    /// From a write that failed to the next.
    pub(super) again: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            rest: Duration::from_millis(100),
            times: 10,
            most: Duration::from_secs(60),
            again: Duration::from_secs(5),
        }
    }
}

/// What the thread and the others share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Held for a moment only.
    queue: Mutex<Queue>,
    /// Something was handed over, or written.
    changed: Condvar,
    /// Held while a file is written.
    folder: Mutex<Folder>,
}

#[derive(Debug, Default)]
struct Queue {
    /// What is to be written.
    newest: Option<String>,
    /// Whether a text is being written.
    writing: bool,
    /// Whether somebody waits, so that the thread should not rest.
    hurry: bool,
    /// Whether the last write failed; said once.
    failing: bool,
    /// Whether the thread is gone.
    ended: bool,
}

impl Shared {
    pub(super) fn new(folder: Folder) -> Self {
        Self { queue: Mutex::default(), changed: Condvar::new(), folder: Mutex::new(folder) }
    }

    pub(super) fn folder(&self) -> MutexGuard<'_, Folder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hand_over(&self, text: String) {
        self.queue().newest = Some(text);
        self.changed.notify_all();
    }

    /// Waits until there is nothing to write, and returns whether it came to that.
    pub(super) fn settle(&self, deadline: Duration) -> bool {
        let mut queue = self.queue();
        queue.hurry = true;
        self.changed.notify_all();
        let is_busy = |queue: &mut Queue| {
            (queue.newest.is_some() || queue.writing) && queue.hurry && !queue.ended
        };
        let (mut queue, _) = self
            .changed
            .wait_timeout_while(queue, deadline, is_busy)
            .unwrap_or_else(PoisonError::into_inner);
        queue.hurry = false;
        queue.newest.is_none() && !queue.writing && !queue.failing
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes until `stop`, then what is left.
pub(super) fn run(shared: &Shared, stop: &CancellationToken, pace: &Pace) {
    let _ended = Ended(shared);
    let mut not_before = now();
    loop {
        let is_last = stop.is_cancelled();
        let text = {
            let mut queue = shared.queue();
            let may = is_last || queue.hurry || now() >= not_before;
            let text = if may { queue.newest.take() } else { None };
            if text.is_none() && !is_last {
                let rest = not_before.saturating_duration_since(now());
                // Until something is handed over, or may be written that was.
                let wait = if queue.newest.is_some() { rest.min(LOOK) } else { LOOK };
                drop(shared.changed.wait_timeout(queue, wait));
                continue;
            }
            queue.writing = text.is_some();
            text
        };
        let Some(text) = text else { return };
        let begun = now();
        let result = shared.folder().write(&text);
        let took = now().saturating_duration_since(begun);
        let rest = (took * pace.times).clamp(pace.rest, pace.most.max(pace.rest));
        not_before = now() + if result.is_ok() { rest } else { rest.max(pace.again) };
        written(shared, text, result);
        if is_last {
            return;
        }
    }
}

/// Notes how a write ended; what failed is tried again unless something newer came meanwhile.
fn written(shared: &Shared, text: String, result: std::io::Result<()>) {
    let mut queue = shared.queue();
    queue.writing = false;
    // Who waits for it waits no longer, whichever way it went; unless there is more by now.
    queue.hurry &= queue.newest.is_some();
    match result {
        Ok(()) if queue.failing => {
            queue.failing = false;
            tracing::info!("the state is written again");
        }
        Ok(()) => {}
        Err(error) => {
            queue.newest.get_or_insert(text);
            if !queue.failing {
                queue.failing = true;
                tracing::warn!("failed to write the state, trying on: {error}");
            }
        }
    }
    drop(queue);
    shared.changed.notify_all();
}

/// Tells those who wait that there is nobody to wait for, however the thread ends.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.queue().ended = true;
        self.0.changed.notify_all();
    }
}

#[expect(clippy::disallowed_methods, reason = "disks are slow in real time, and nothing else is")]
fn now() -> Instant {
    Instant::now()
}
