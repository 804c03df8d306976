//! A program that ends with all that it started.
//!
//! It is in a process group of its own, and carries a mark in its environment that what it starts
//! inherits. When it ends, well or not, the group is killed, and then whatever still has the mark
//! (a daemon that called `setsid`). Only what clears its environment gets away.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::process::Child;
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::tasks::reaper::Reaper;

/// The variable that holds the mark.
const MARK: &str = "MERIDIAN_RUN";

/// Ends what they leave.
static REAPER: LazyLock<Arc<Reaper>> = LazyLock::new(Arc::default);

/// A running program. Dropped, it is killed with all that it started.
#[derive(Debug)]
pub struct Program {
    child: Child,
    left: Left,
}

/// What a program may leave behind.
#[derive(Debug)]
struct Left {
    group: Option<Pid>,
    /// Until it was handed to the reaper.
    mark: Option<String>,
}

impl Program {
    /// Starts a program. Needs a Tokio runtime.
    ///
    /// # Errors
    ///
    /// Why the system did not start it.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let value = format!("{}.{run}.{:016x}", std::process::id(), fastrand::u64(..));
        let child = command.env(MARK, &value).process_group(0).kill_on_drop(true).spawn()?;
        let group = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let left = Left { group, mark: Some(format!("{MARK}={value}")) };
        Ok(Self { child, left })
    }

    /// The process, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until it ends, then ends all that it left. Cancelled, it can be called again.
    ///
    /// # Errors
    ///
    /// Why the system can't say how it ended.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        if let Some(ended) = self.left.end() {
            // It tells, whatever becomes of it.
            ended.await.ok();
        }
        Ok(status)
    }

    /// Waits until all that dropped programs had started is ended: to be called before the process
    /// ends. Returns whether that was within the deadline.
    pub fn all_ended(deadline: Duration) -> bool {
        REAPER.settle(deadline)
    }
}

impl Left {
    /// Ends it all, if that was not begun; what is returned resolves when it is done.
    fn end(&mut self) -> Option<oneshot::Receiver<()>> {
        if let Some(group) = self.group.take() {
            // It may have ended by itself.
            kill_process_group(group, Signal::KILL).ok();
        }
        Some(REAPER.end(self.mark.take()?))
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        drop(self.end());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tokio::time::sleep;

    use super::*;

    fn shell(script: &str, folder: &Path) -> Program {
        Program::start(Command::new("/bin/sh").args(["-c", script]).current_dir(folder)).unwrap()
    }

    /// The process whose number a script wrote.
    async fn written(folder: &Path) -> Pid {
        loop {
            let text = fs::read_to_string(folder.join("pid")).unwrap_or_default();
            if let Some(pid) = text.trim_end_matches('\n').parse().ok().and_then(Pid::from_raw)
                && text.ends_with('\n')
            {
                return pid;
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether a process is there and no mere record of one that ended.
    fn runs(pid: Pid) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
        stat.is_ok_and(|stat| !stat.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
    }

    async fn ends(pid: Pid) {
        for _ in 0..1000 {
            if !runs(pid) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("{pid:?} runs on");
    }

    #[tokio::test]
    async fn what_a_program_leaves_ends_with_it_also_in_a_session_of_its_own() {
        for script in [
            "sleep 600 & echo $! > pid",
            "setsid sh -c 'echo $$ > pid; exec sleep 600' &\n while ! test -s pid; do sleep 0.01; done",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let status = shell(script, folder.path()).wait().await.unwrap();
            assert!(status.success(), "{script}");
            ends(written(folder.path()).await).await;
        }
    }

    #[tokio::test]
    async fn what_is_given_up_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let script = "setsid sh -c 'echo $$ > pid; exec sleep 600' & sleep 600";
        let program = shell(script, folder.path());
        let pid = written(folder.path()).await;
        assert!(runs(pid));
        drop(program);
        ends(pid).await;
    }
}
