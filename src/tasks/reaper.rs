//! Ends what programs left, on a thread of its own.
//!
//! Every process of the machine is looked through for the mark of a run, which takes milliseconds
//! or, where one does not let itself be read, for ever: nothing that has a rhythm may wait for it.
//! One look serves all runs that ended meanwhile. The thread is there while there is work.

use std::fs;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use tokio::sync::oneshot;

/// How often processes are looked through for what a program left: what is killed may just have
/// started others.
const ROUNDS: usize = 8;

/// What is to be ended, and whether a thread is at it.
#[derive(Default)]
pub(super) struct Reaper {
    work: Mutex<Work>,
    rests: Condvar,
}

#[derive(Default)]
struct Work {
    runs: Vec<Run>,
    is_at_it: bool,
}

/// A run that ended.
struct Run {
    /// The entry that its processes have in their environment.
    mark: String,
    /// Told when they are ended; nobody may be waiting.
    ended: oneshot::Sender<()>,
}

impl Reaper {
    /// Takes all that has a mark to be ended. What is returned resolves when that is done; it is
    /// done all the same if that is dropped.
    pub(super) fn end(self: &Arc<Self>, mark: String) -> oneshot::Receiver<()> {
        let (ended, ends) = oneshot::channel();
        let mut work = self.work();
        work.runs.push(Run { mark, ended });
        if !work.is_at_it {
            work.is_at_it = true;
            drop(work);
            let reaper = Arc::clone(self);
            let thread = std::thread::Builder::new().name("reaper".to_owned());
            if thread.spawn(move || reaper.work_off()).is_err() {
                // Without a thread it is slow, not left undone.
                self.work_off();
            }
        }
        ends
    }

    /// Waits until nothing is left to be ended; returns whether that was within the deadline.
    pub(super) fn settle(&self, deadline: Duration) -> bool {
        let is_busy = |work: &mut Work| work.is_at_it;
        let waited = self.rests.wait_timeout_while(self.work(), deadline, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    fn work_off(&self) {
        loop {
            let mut work = self.work();
            let runs = std::mem::take(&mut work.runs);
            if runs.is_empty() {
                work.is_at_it = false;
                self.rests.notify_all();
                return;
            }
            drop(work);
            let marks: Vec<&[u8]> = runs.iter().map(|run| run.mark.as_bytes()).collect();
            end_marked(&marks);
            // Whoever waited may be gone.
            for run in runs {
                run.ended.send(()).ok();
            }
        }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Kills every process that has one of the marks.
fn end_marked(marks: &[&[u8]]) {
    for _ in 0..ROUNDS {
        let Ok(all) = fs::read_dir("/proc") else { return };
        let numbers = all.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let own = numbers.filter_map(Pid::from_raw).filter(|pid| has_mark(*pid, marks));
        let own: Vec<Pid> = own.collect();
        if own.is_empty() {
            return;
        }
        for pid in own {
            kill_process(pid, Signal::KILL).ok();
        }
    }
}

/// Whether a process was started with a mark; that of others can't be read, and has none.
fn has_mark(pid: Pid, marks: &[&[u8]]) -> bool {
    let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero()));
    environment
        .is_ok_and(|octets| octets.split(|octet| *octet == 0).any(|one| marks.contains(&one)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use super::*;

    /// A process of a run that does not end by itself.
    fn left(mark: &str) -> std::process::Child {
        let (name, value) = mark.split_once('=').unwrap();
        Command::new("/bin/sleep").arg("600").env(name, value).process_group(0).spawn().unwrap()
    }

    #[test]
    fn all_that_was_handed_in_is_ended_when_it_settles() {
        let reaper = Arc::new(Reaper::default());
        assert!(reaper.settle(Duration::ZERO), "there is nothing to do");
        let marks: Vec<String> = (0..20).map(|n| format!("REAPED=of.{n}")).collect();
        let runs: Vec<_> = marks.iter().map(|mark| left(mark)).collect();
        let mut ends: Vec<_> = marks.iter().map(|mark| reaper.end(mark.clone())).collect();
        assert!(reaper.settle(Duration::from_secs(60)));
        assert!(ends.iter_mut().all(|ended| ended.try_recv().is_ok()));
        for mut run in runs {
            assert!(!run.wait().unwrap().success());
        }
    }

    #[test]
    fn who_hands_in_does_not_look_through_processes() {
        let reaper = Arc::new(Reaper::default());
        // As while a thread looks through them.
        reaper.work().is_at_it = true;
        let mut ended = reaper.end("REAPED=later".to_owned());
        assert!(ended.try_recv().is_err() && !reaper.settle(Duration::ZERO));
        reaper.work_off();
        assert!(ended.try_recv().is_ok() && reaper.settle(Duration::ZERO));
    }
}
