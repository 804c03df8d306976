//! Tasks: everything that runs by itself has a name, a bound and an end.
//!
//! One [`Tasks`] tracks the asynchronous tasks and the threads of the process.
//! Rooms spawn through it and through nothing else.
//!
//! ```text
//!   Tasks::new ──► spawn(name, future) ─┐
//!       │          thread(name, body)  ─┤ each holds a Running until it ends
//!       │                               ▼
//!       └──► stop(deadline): tells all, waits, names those still running
//! ```
//!
//! # Invariants
//!
//! - No more than [`limits::TASKS`] run at a time; one more is refused.
//! - A panic ends its task only; it is logged with the task's name and counted.
//! - After [`Tasks::stop`] began nothing new starts.
//!
//! # Not here
//!
//! Restarting: who owns the work knows what state to begin afresh with.
//!
//! # Start with
//!
//! [`Tasks::spawn`] and [`Tasks::stop`]; for programs, [`Program`].
#![forbid(unsafe_code)]

mod program;
mod reaper;

#[cfg(test)]
mod tests;

pub use program::Program;

use std::any::Any;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::future::poll_fn;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::runtime::EnterGuard;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::model::limits;

/// The tasks and threads of a process, or of a part of it; clones are the same set.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// The whole first, then parts of parts down to this one.
    levels: Vec<Arc<Level>>,
    counts: Arc<Counts>,
    stop: CancellationToken,
    /// Where tasks run, if not on the runtime that spawns them.
    runtime: Option<Handle>,
}

/// Why a task was not started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There are [`limits::TASKS`] of them; the caller should shed load.
    #[error("too many tasks to start `{name}`")]
    Limit {
        /// The task.
        name: Cow<'static, str>,
    },
    /// Everything is being stopped.
    #[error("`{name}` was not started: everything is being stopped")]
    Stopping {
        /// The task.
        name: Cow<'static, str>,
    },
    /// The operating system refused a thread.
    #[error("failed to start the thread `{name}`")]
    Thread {
        /// The thread.
        name: Cow<'static, str>,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How stopping ended.
#[must_use]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stopped {
    /// Everything ended.
    Clean,
    /// The deadline passed; these were still running.
    Late(Vec<Cow<'static, str>>),
}

impl Tasks {
    /// An empty set.
    pub fn new() -> Self {
        Self {
            levels: vec![Arc::default()],
            counts: Arc::default(),
            stop: CancellationToken::new(),
            runtime: None,
        }
    }

    /// A part of this set that may be stopped by itself; limit, counts and
    /// [`Tasks::stop`] of the whole include it.
    #[must_use]
    pub fn part(&self) -> Self {
        let mut levels = self.levels.clone();
        levels.push(Arc::default());
        Self {
            levels,
            counts: Arc::clone(&self.counts),
            stop: self.stop.child_token(),
            runtime: self.runtime.clone(),
        }
    }

    /// A part whose tasks, and those of its parts, run on a runtime of their own: on one thread of
    /// this name, so that however many they are they keep no other task waiting. The thread ends
    /// when the part was told to stop and its tasks have ended.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] at the limit, when stopping, or if there is no thread or runtime to be had.
    pub fn part_on_thread(&self, name: &'static str) -> Result<Self, SpawnError> {
        let mut part = self.part();
        let (of_part, stop) = (part.levels.last().cloned(), part.stop.clone());
        let (started, starts) = mpsc::sync_channel(1);
        self.thread(name, move |_| {
            // Built here, since a runtime must not be dropped where a task runs.
            let built = Builder::new_current_thread()
                .enable_all()
                .max_blocking_threads(limits::BLOCKING_THREADS)
                .build();
            let runtime = match built {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            drop(started.send(Ok(runtime.handle().clone())));
            runtime.block_on(async {
                stop.cancelled().await;
                if let Some(of_part) = of_part {
                    of_part.tracker.close();
                    of_part.tracker.wait().await;
                }
            });
            // Nobody waits any longer for a name that is still being looked up.
            runtime.shutdown_background();
        })?;
        let handle = starts.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once")));
        let handle = handle.map_err(|source| SpawnError::Thread { name: name.into(), source })?;
        part.runtime = Some(handle);
        Ok(part)
    }

    /// Enters the runtime of [`Tasks::part_on_thread`], if this is of one: sockets and timers that
    /// are made until the guard is dropped belong to it.
    pub fn enter(&self) -> Option<EnterGuard<'_>> {
        self.runtime.as_ref().map(Handle::enter)
    }

    /// What a task watches to learn that it should end.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Starts a task: on the thread of [`Tasks::part_on_thread`] if this is of one, else on the
    /// current runtime.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] at the limit or when stopping; the future is dropped.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, if this has none of its own.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, task: F) -> Result<(), SpawnError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = self.begin(name.into())?;
        let task = async move {
            let mut task = pin!(task);
            let caught = poll_fn(|context| {
                match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
                    Ok(poll) => poll.map(Ok),
                    Err(panic) => Poll::Ready(Err(panic)),
                }
            });
            if let Err(panic) = caught.await {
                running.panicked(&*panic);
            }
        };
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are named and bounded")]
        drop(match &self.runtime {
            Some(runtime) => runtime.spawn(task),
            None => tokio::spawn(task),
        });
        Ok(())
    }

    /// Starts a thread; `body` must watch the token it is given.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] at the limit, when stopping, or if there is no thread to be had.
    pub fn thread<F>(&self, name: impl Into<Cow<'static, str>>, body: F) -> Result<(), SpawnError>
    where
        F: FnOnce(&CancellationToken) + Send + 'static,
    {
        let name = name.into();
        let running = self.begin(name.clone())?;
        let stop = self.stop.child_token();
        std::thread::Builder::new()
            .name(name.clone().into_owned())
            .spawn(move || {
                if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(&stop))) {
                    running.panicked(&*panic);
                }
            })
            .map(drop)
            .map_err(|source| SpawnError::Thread { name, source })
    }

    /// Tells this set to stop, without waiting.
    pub fn cancel(&self) {
        self.stop.cancel();
    }

    /// Tells all to stop and waits, at most for `deadline`.
    ///
    /// On a [`Tasks::part`] it concerns that part only. Cancel-safe.
    pub async fn stop(&self, deadline: Duration) -> Stopped {
        self.stop.cancel();
        let Some(level) = self.levels.last() else {
            return Stopped::Clean;
        };
        level.tracker.close();
        if tokio::time::timeout(deadline, level.tracker.wait()).await.is_ok() {
            return Stopped::Clean;
        }
        let left: Vec<_> = level.names().values().cloned().collect();
        if left.is_empty() {
            return Stopped::Clean;
        }
        tracing::warn!(tasks = ?left, "still running at the deadline");
        Stopped::Late(left)
    }

    /// How many are running.
    pub fn running(&self) -> usize {
        self.levels.last().map_or(0, |level| level.names().len())
    }

    /// How many ended in a panic, in the whole set.
    pub fn panics(&self) -> u64 {
        self.counts.panics.load(Ordering::Relaxed)
    }

    fn begin(&self, name: Cow<'static, str>) -> Result<Running, SpawnError> {
        if self.stop.is_cancelled() {
            return Err(SpawnError::Stopping { name });
        }
        let id = self.counts.next_id.fetch_add(1, Ordering::Relaxed);
        if let Some(whole) = self.levels.first() {
            let mut names = whole.names();
            if names.len() >= limits::TASKS {
                return Err(SpawnError::Limit { name });
            }
            names.insert(id, name.clone());
        }
        for part in self.levels.iter().skip(1) {
            part.names().insert(id, name.clone());
        }
        let entries = self.levels.iter().map(|level| (Arc::clone(level), level.tracker.token()));
        Ok(Running { id, name, entries: entries.collect(), counts: Arc::clone(&self.counts) })
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Default)]
struct Counts {
    next_id: AtomicU64,
    panics: AtomicU64,
}

/// What is known of the tasks of a set.
#[derive(Debug, Default)]
struct Level {
    tracker: TaskTracker,
    names: Mutex<BTreeMap<u64, Cow<'static, str>>>,
}

impl Level {
    fn names(&self) -> MutexGuard<'_, BTreeMap<u64, Cow<'static, str>>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One task's entries; dropped when it ends. Names go before the tokens, so that
/// whoever waited for the tokens finds no stale name.
struct Running {
    id: u64,
    name: Cow<'static, str>,
    entries: Vec<(Arc<Level>, TaskTrackerToken)>,
    counts: Arc<Counts>,
}

impl Running {
    fn panicked(&self, panic: &(dyn Any + Send)) {
        self.counts.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!(task = %self.name, message = panic_message(panic), "a task panicked");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for (level, _) in &self.entries {
            level.names().remove(&self.id);
        }
    }
}

/// The text of a panic, if it has one.
pub fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}
