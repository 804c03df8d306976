//! Hooks: somebody else is told of what happens, and nobody waits for them.
//!
//! ```text
//!   Notice ═broadcast═► one task per hook: queue of 1,000 ─► one call at a time
//!                         full: the oldest is lost, counted      POST, or a command
//! ```

mod call;
mod queue;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::config::Hook;
use crate::config::HookEvent;
use crate::control::HookTraffic;
use crate::control::hook::call::Caller;
use crate::control::hook::queue::Queue;
use crate::engine::Notice;
use crate::engine::What;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How often it is said that a hook loses events, or fails.
const COMPLAINTS: Duration = Duration::from_secs(60);

/// The running hooks. When dropped they end, and what waits is lost.
pub struct Hooks {
    running: Vec<Hook>,
    part: Tasks,
    tasks: Tasks,
    notices: broadcast::Sender<Arc<Notice>>,
    counts: HookCounts,
}

/// What the hooks came to, for metrics; clones are the same.
#[derive(Clone, Debug, Default)]
pub struct HookCounts(Arc<Mutex<Vec<Arc<Counts>>>>);

/// What one hook came to.
#[derive(Debug, Default)]
struct Counts {
    hook: String,
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

impl Hooks {
    /// Starts one task per hook, on the current runtime.
    ///
    /// # Errors
    ///
    /// If there are too many tasks.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub fn start(
        hooks: &[Hook],
        notices: broadcast::Sender<Arc<Notice>>,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        let counts = HookCounts::default();
        let (tasks, part) = (tasks.clone(), tasks.part());
        let mut all = Self { running: Vec::new(), part, tasks, notices, counts };
        all.run(hooks)?;
        Ok(all)
    }

    /// Makes the hooks those given. If they are the same, they go on, with what waits.
    ///
    /// # Errors
    ///
    /// If there are too many tasks.
    pub fn renew(&mut self, hooks: &[Hook]) -> Result<(), SpawnError> {
        if self.running == hooks {
            return Ok(());
        }
        self.part.cancel();
        self.part = self.tasks.part();
        self.run(hooks)
    }

    /// What they came to.
    pub fn counts(&self) -> &HookCounts {
        &self.counts
    }

    fn run(&mut self, hooks: &[Hook]) -> Result<(), SpawnError> {
        self.running = hooks.to_vec();
        self.counts.all().clear();
        for hook in hooks {
            let counts = Arc::new(Counts { hook: hook.name.clone(), ..Counts::default() });
            self.counts.all().push(Arc::clone(&counts));
            let line = Line {
                events: hook.events.clone(),
                caller: Caller::new(hook),
                queue: Queue::default(),
                counts,
                complained: None,
            };
            let (notices, stop) = (self.notices.subscribe(), self.part.stopping().clone());
            self.part.spawn(format!("hook {}", hook.name), async move {
                tokio::select! {
                    () = line.run(notices) => {}
                    () = stop.cancelled() => {}
                }
            })?;
        }
        Ok(())
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.part.cancel();
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("running", &self.running).finish_non_exhaustive()
    }
}

impl HookCounts {
    /// The numbers now, in the order of the configuration.
    pub fn read(&self) -> Vec<HookTraffic> {
        let read = |counts: &Arc<Counts>| HookTraffic {
            hook: counts.hook.clone(),
            delivered: counts.delivered.load(Ordering::Relaxed),
            failed: counts.failed.load(Ordering::Relaxed),
            dropped: counts.dropped.load(Ordering::Relaxed),
        };
        self.all().iter().map(read).collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Counts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One hook at work.
struct Line {
    events: Vec<HookEvent>,
    caller: Caller,
    queue: Queue,
    counts: Arc<Counts>,
    /// When something was said last.
    complained: Option<Instant>,
}

impl Line {
    async fn run(mut self, mut notices: broadcast::Receiver<Arc<Notice>>) {
        loop {
            let Some(notice) = self.queue.take() else {
                let received = notices.recv().await;
                if !self.received(received) {
                    return;
                }
                continue;
            };
            let caller = self.caller.clone();
            let mut call = Box::pin(async move { caller.call(&notice).await });
            let result = loop {
                tokio::select! {
                    result = &mut call => break result,
                    received = notices.recv() => if !self.received(received) { return },
                }
            };
            match result {
                Ok(()) => {
                    self.counts.delivered.fetch_add(1, Ordering::Relaxed);
                }
                Err(why) => {
                    self.counts.failed.fetch_add(1, Ordering::Relaxed);
                    self.complain(&format!("did not take an event: {why}"));
                }
            }
        }
    }

    /// Whether there may be more.
    fn received(&mut self, received: Result<Arc<Notice>, RecvError>) -> bool {
        let lost = match received {
            Ok(notice) if self.events.contains(&kind(&notice.what)) => self.queue.add(notice),
            Ok(_) => 0,
            Err(RecvError::Lagged(missed)) => missed,
            Err(RecvError::Closed) => return false,
        };
        if lost > 0 {
            let dropped = self.counts.dropped.fetch_add(lost, Ordering::Relaxed) + lost;
            self.complain(&format!("is too slow: {dropped} events are lost"));
        }
        true
    }

    fn complain(&mut self, what: &str) {
        let now = Instant::now();
        if self.complained.is_none_or(|before| now - before >= COMPLAINTS) {
            self.complained = Some(now);
            tracing::warn!(hook = %self.counts.hook, "the hook {what}");
        }
    }
}

/// What hooks call it.
const fn kind(what: &What) -> HookEvent {
    match what {
        What::Check { .. } => HookEvent::Check,
        What::Pool { .. } => HookEvent::Pool,
        What::Service { .. } => HookEvent::Service,
        What::Region { .. } => HookEvent::Region,
        What::Admin { .. } => HookEvent::Admin,
        What::Reloaded { .. } => HookEvent::Reloaded,
        What::Cluster { .. } => HookEvent::Cluster,
        What::Vantage { .. } => HookEvent::Vantage,
        What::Trouble { .. } => HookEvent::Trouble,
        What::Certificate { .. } => HookEvent::Certificate,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;
    use crate::config::HookAction;

    fn notice(generation: u64) -> Arc<Notice> {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        of(at, What::Reloaded { generation })
    }

    fn of(at: jiff::Timestamp, what: What) -> Arc<Notice> {
        let (node, id) = ("ns1".to_owned(), "ns1-2a-1".to_owned());
        Arc::new(Notice { at, node, id, severity: what.severity(), what })
    }

    /// A hook that runs a script, and the folder that it is in.
    fn scripted(script: &str, timeout: Duration) -> (Hook, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hook.sh");
        std::fs::write(&path, format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display()))
            .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let action = HookAction::Command(vec![path.display().to_string(), "a b".into()]);
        let events = vec![HookEvent::Reloaded];
        (Hook { name: "script".into(), action, events, timeout }, folder)
    }

    async fn until(counts: &HookCounts, what: impl Fn(&HookTraffic) -> bool) -> HookTraffic {
        for _ in 0..1000 {
            let found = counts.read().remove(0);
            if what(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{:?}", counts.read());
    }

    #[tokio::test]
    async fn a_command_gets_the_event_without_a_shell() {
        let script = "cat > got; echo \"$MERIDIAN_EVENT $1 ${HOME-none}\" >> got";
        let (hook, folder) = scripted(script, Duration::from_secs(10));
        let (sender, _keep) = broadcast::channel(16);
        let tasks = Tasks::new();
        let hooks = Hooks::start(&[hook], sender.clone(), &tasks).unwrap();
        let check = What::Certificate { check: "c".into(), ends: notice(1).at };
        sender.send(of(notice(1).at, check)).unwrap();
        sender.send(notice(7)).unwrap();
        until(hooks.counts(), |counts| counts.delivered == 1).await;
        let got = std::fs::read_to_string(folder.path().join("got")).unwrap();
        assert_eq!(
            got,
            "{\"at\":\"2026-01-02T03:04:05Z\",\"node\":\"ns1\",\"id\":\"ns1-2a-1\",\
             \"severity\":\"info\",\"event\":\"reloaded\",\"generation\":7}\n\
             reloaded a b none\n"
        );
        drop(hooks);
        let _stopped = tasks.stop(Duration::from_secs(5)).await;
        assert_eq!(tasks.running(), 0);
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_and_one_that_fails_is_counted() {
        let (hangs, _folder) = scripted("exec sleep 1000", Duration::from_millis(100));
        let (sender, _keep) = broadcast::channel(16);
        let tasks = Tasks::new();
        let mut hooks = Hooks::start(std::slice::from_ref(&hangs), sender.clone(), &tasks).unwrap();
        sender.send(notice(1)).unwrap();
        until(hooks.counts(), |counts| counts.failed == 1).await;
        hooks.renew(&[hangs]).unwrap();
        assert_eq!(hooks.counts().read()[0].failed, 1, "the same hook goes on");
        let (fails, _folder) = scripted("exit 3", Duration::from_secs(10));
        hooks.renew(&[fails]).unwrap();
        sender.send(notice(2)).unwrap();
        let counts = until(hooks.counts(), |counts| counts.failed == 1).await;
        assert_eq!((counts.delivered, counts.dropped), (0, 0));
    }

    #[tokio::test]
    async fn a_command_that_succeeds_leaves_nothing_behind() {
        let script = "sleep 600 <&0 & echo $! > pid";
        let (hook, folder) = scripted(script, Duration::from_secs(10));
        let (sender, _keep) = broadcast::channel(16);
        let tasks = Tasks::new();
        let hooks = Hooks::start(&[hook], sender.clone(), &tasks).unwrap();
        sender.send(notice(1)).unwrap();
        until(hooks.counts(), |counts| counts.delivered == 1).await;
        let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        // Gone, or a record of what ended that nobody took.
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        for _ in 0..1000 {
            if !runs() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{pid} runs on");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_slow_loses_the_oldest_and_holds_up_nobody() {
        let counts = Arc::new(Counts::default());
        let (hook, _folder) = scripted("exit 0", Duration::from_secs(1));
        let mut line = Line {
            events: vec![HookEvent::Reloaded],
            caller: Caller::new(&hook),
            queue: Queue::default(),
            counts: Arc::clone(&counts),
            complained: None,
        };
        let most = crate::model::limits::HOOK_QUEUE as u64;
        for generation in 0..most + 5 {
            assert!(line.received(Ok(notice(generation))));
        }
        assert!(line.received(Err(RecvError::Lagged(3))));
        assert_eq!(counts.dropped.load(Ordering::Relaxed), 8);
        assert_eq!(line.queue.take(), Some(notice(5)));
        assert!(!line.received(Err(RecvError::Closed)));
    }
}
