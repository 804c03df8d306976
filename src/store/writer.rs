//! The thread that writes: the newest text, not too often, and again if it failed.

use std::io;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::model::NodeProblems;
use crate::model::ProblemCode;
use crate::store::folder;
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
    /// Where it is said what can't be written.
    pub(super) problems: NodeProblems,
}

/// Texts are numbered as they are handed over: a text that is on disk holds all that the ones
/// before it did.
#[derive(Debug, Default)]
struct Queue {
    /// What is to be written, and its number.
    newest: Option<(u64, String)>,
    /// The number of the text that was handed over last.
    handed: u64,
    /// The number of the text on disk.
    written: u64,
    /// The number of the text that the thread last tried to write.
    tried: u64,
    /// Those who are to be told when a text is on disk.
    waiting: Vec<Waiting>,
    /// Whether the thread is gone.
    ended: bool,
}

/// Somebody who is to be told.
#[derive(Debug)]
struct Waiting {
    /// When the text of this number, or a later one, is on disk.
    number: u64,
    reply: oneshot::Sender<Result<(), String>>,
}

impl Queue {
    /// Whether somebody waits for what was not tried yet, so that the thread should not rest.
    fn is_urgent(&self) -> bool {
        self.waiting.iter().any(|waiting| waiting.number > self.tried)
    }

    /// Tells those who wait for a text up to this number.
    fn tell(&mut self, number: u64, result: &Result<(), String>) {
        for told in self.waiting.extract_if(.., |waiting| waiting.number <= number) {
            // Whoever waited may have gone.
            drop(told.reply.send(result.clone()));
        }
    }
}

impl Shared {
    pub(super) fn new(folder: Folder, problems: NodeProblems) -> Self {
        let (queue, changed) = (Mutex::default(), Condvar::new());
        Self { queue, changed, folder: Mutex::new(folder), problems }
    }

    pub(super) fn folder(&self) -> MutexGuard<'_, Folder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a text and returns its number.
    pub(super) fn hand_over(&self, text: String) -> u64 {
        let mut queue = self.queue();
        queue.handed += 1;
        let number = queue.handed;
        queue.newest = Some((number, text));
        drop(queue);
        self.changed.notify_all();
        number
    }

    /// Says when the text of this number is on disk, or why it is not. Each who waits is told
    /// for the number that they wait for, by a write that holds it.
    pub(super) fn saved(&self, number: u64) -> oneshot::Receiver<Result<(), String>> {
        let (reply, receiver) = oneshot::channel();
        let mut queue = self.queue();
        // Nobody waits for them any longer.
        queue.waiting.retain(|waiting| !waiting.reply.is_closed());
        if queue.written < number {
            // What failed before is tried again, at once.
            queue.tried = queue.tried.min(number.saturating_sub(1));
        }
        queue.waiting.push(Waiting { number, reply });
        let (written, ended) = (queue.written, queue.ended);
        queue.tell(written, &Ok(()));
        if ended {
            queue.tell(u64::MAX, &Err(ENDED.to_owned()));
        }
        drop(queue);
        self.changed.notify_all();
        receiver
    }

    /// Takes a text that is its number.
    #[cfg(test)]
    pub(super) fn hand_over_counted(&self) -> u64 {
        let mut queue = self.queue();
        queue.handed += 1;
        queue.newest = Some((queue.handed, queue.handed.to_string()));
        queue.handed
    }

    /// Waits until what was handed over last is on disk, and returns whether it came to that.
    #[cfg(test)]
    pub(super) fn settle(&self, deadline: Duration) -> bool {
        let number = self.queue().handed;
        let (mut saved, end) = (self.saved(number), now() + deadline);
        loop {
            match saved.try_recv() {
                Ok(result) => return result.is_ok(),
                Err(_) if now() > end => return false,
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said once nobody writes any longer.
const ENDED: &str = "the node is being stopped";

/// Writes until `stop`, then what is left.
pub(super) fn run(shared: &Shared, stop: &CancellationToken, pace: &Pace) {
    let _ended = Ended(shared);
    let mut not_before = now();
    loop {
        let is_last = stop.is_cancelled();
        let next = {
            let mut queue = shared.queue();
            let may = is_last || queue.is_urgent() || now() >= not_before;
            let next = if may { queue.newest.take() } else { None };
            if next.is_none() && !is_last {
                let rest = not_before.saturating_duration_since(now());
                // Until something is handed over, or may be written that was.
                let wait = if queue.newest.is_some() { rest.min(LOOK) } else { LOOK };
                drop(shared.changed.wait_timeout(queue, wait));
                continue;
            }
            next
        };
        let Some((number, text)) = next else { return };
        let begun = now();
        let result = shared.folder().write(&text);
        let took = now().saturating_duration_since(begun);
        let rest = (took * pace.times).clamp(pace.rest, pace.most.max(pace.rest));
        not_before = now() + if result.is_ok() { rest } else { rest.max(pace.again) };
        let is_saved = result.is_ok();
        written(shared, number, text, result);
        if is_last {
            if !is_saved {
                let path = shared.folder().path(folder::STATE);
                let path = path.display();
                tracing::error!(
                    "what changed since `{path}` was written last is lost: the node stops"
                );
            }
            return;
        }
    }
}

/// Notes how a write ended; what failed is tried again unless something newer came meanwhile.
fn written(shared: &Shared, number: u64, text: String, result: io::Result<()>) {
    let result = note(shared, folder::STATE, result).map_err(|(why, _)| why);
    let mut queue = shared.queue();
    queue.tried = number;
    if result.is_ok() {
        queue.written = number;
    } else {
        queue.newest.get_or_insert((number, text));
    }
    queue.tell(number, &result);
}

/// Notes whether a file of the folder could be written: it is said once in the log, and for as
/// long as it lasts in the list of the node's problems. An error comes back with its words.
pub(super) fn note(
    shared: &Shared,
    name: &str,
    result: io::Result<()>,
) -> Result<(), (String, io::Error)> {
    let path = shared.folder().path(name);
    let (path, code) = (path.display().to_string(), ProblemCode::StateNotSaved);
    match result {
        Ok(()) => {
            if shared.problems.clear(code, &path) {
                tracing::info!("`{path}` is written again");
            }
            Ok(())
        }
        Err(error) => {
            let words = format!("failed to write `{path}`: {error}");
            let news = format!("{words}; it is lost if the node stops before it can be written");
            if shared.problems.set(code, &path, news, Timestamp::now()) {
                tracing::error!("{words}; trying on");
            }
            Err((words, error))
        }
    }
}

/// Tells those who wait that there is nobody to wait for, however the thread ends.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.ended = true;
        queue.tell(u64::MAX, &Err(ENDED.to_owned()));
    }
}

#[expect(clippy::disallowed_methods, reason = "disks are slow in real time, and nothing else is")]
fn now() -> Instant {
    Instant::now()
}
