//! The log: lines that a thread of its own writes to standard error, so that nobody waits for them.
//!
//! ```text
//!   event ─► line ─► queue, of at most LOG_QUEUE octets ─► thread ─► standard error
//!                      └─ full: the line is lost, and counted
//! ```
//!
//! A pipe that is not read, a terminal that was stopped or a service manager that hangs holds up
//! that thread and nothing else. Once it goes on, a line says how many were lost and where.
//!
//! # Invariants
//!
//! - Taking a line waits for no one who writes.
//! - Lines are whole and in order, and a line that says how many are missing is where they are.

use std::backtrace::Backtrace;
use std::backtrace::BacktraceStatus;
use std::collections::VecDeque;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tracing_subscriber::EnvFilter;

use crate::cli::color;
use crate::model::limits;

/// The log of this process, once it has one.
static LOG: OnceLock<Log> = OnceLock::new();

/// What is logged unless `RUST_LOG` says otherwise. The link to the cluster says itself what the
/// client of NATS says less clearly.
const LOGGED: &str = "info,async_nats=off";

/// How long the end of a process waits for the lines that were not written yet.
const FAREWELL: Duration = Duration::from_secs(1);

/// The pause before a descriptor that takes nothing at the moment is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Logs to standard error from here on; `RUST_LOG` says what, `info` and above by default. Panics
/// are logged too.
pub(super) fn start() {
    let log = LOG.get_or_init(|| {
        let log = Log::default();
        let of_writer = log.clone();
        let thread = std::thread::Builder::new().name("log".to_owned());
        // Without a thread nothing is written: the queue fills up, and that is counted.
        drop(thread.spawn(move || of_writer.write_all(&mut io::stderr())));
        log
    });
    std::panic::set_hook(Box::new(|panic| log_panic(log, panic)));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Line(log))
        .with_ansi(color())
        .with_target(false)
        .log_internal_errors(false);
    // A second call, in a test, keeps the first.
    drop(subscriber.try_init());
}

/// Takes text for the log, if there is one: else whoever has it writes it.
pub(super) fn take(text: &str) -> bool {
    LOG.get().inspect(|log| log.take(text.as_bytes())).is_some()
}

/// Lines that were lost so far.
pub(super) fn lost() -> u64 {
    LOG.get().map_or(0, |log| log.queue().lost)
}

/// Waits until what was logged is written, but not long: for the end of a process.
pub(super) fn end() {
    if let Some(log) = LOG.get() {
        log.flush(FAREWELL);
    }
}

/// A log; clones are the same.
#[derive(Clone, Debug, Default)]
struct Log(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write, or all is written.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    octets: usize,
    /// Lines that were lost since the start, and those of them that nobody was told of yet.
    lost: u64,
    untold: u64,
    /// The thread is at it.
    is_writing: bool,
}

/// A line that is being made; the subscriber hands it over whole.
struct Line(&'static Log);

impl Write for Line {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.take(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Takes a line, or loses it.
    fn take(&self, line: &[u8]) {
        let mut queue = self.queue();
        if queue.octets + line.len() > limits::LOG_QUEUE {
            queue.lost += 1;
            queue.untold += 1;
            return;
        }
        queue.octets += line.len();
        queue.lines.push_back(line.to_vec());
        self.0.changed.notify_all();
    }

    /// Writes what comes, for ever. What is gone for good is lost, and counted.
    fn write_all(&self, out: &mut impl Write) {
        loop {
            let (lines, untold) = self.next();
            let untold = (untold > 0).then(|| missing(untold).into_bytes());
            for line in lines.iter().chain(&untold) {
                if write(out, line).is_err() {
                    self.queue().lost += 1;
                }
            }
            self.queue().is_writing = false;
            self.0.changed.notify_all();
        }
    }

    /// Waits for lines; also returns how many are missing after them.
    fn next(&self) -> (VecDeque<Vec<u8>>, u64) {
        let queue = self.queue();
        let queue = self.0.changed.wait_while(queue, |queue| queue.lines.is_empty());
        let mut queue = queue.unwrap_or_else(PoisonError::into_inner);
        queue.is_writing = true;
        queue.octets = 0;
        (std::mem::take(&mut queue.lines), std::mem::take(&mut queue.untold))
    }

    fn flush(&self, patience: Duration) {
        let queue = self.queue();
        let is_behind = |queue: &mut Queue| queue.is_writing || !queue.lines.is_empty();
        drop(self.0.changed.wait_timeout_while(queue, patience, is_behind));
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a line whole.
fn write(out: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => line = line.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares the terminal may have made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The line that stands for those that are missing.
fn missing(lines: u64) -> String {
    let now = Timestamp::now();
    format!(
        "{now:.6}  WARN {lines} lines of the log are missing here: they were not read in time\n"
    )
}

fn log_panic(log: &Log, panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("(no name)");
    let mut text = format!("thread `{thread}` {panic}\n");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        text = format!("{text}{backtrace}\n");
    }
    log.take(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Lets through one write per permit, and keeps what was written.
    struct Gate {
        permits: mpsc::Receiver<()>,
        written: mpsc::Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.permits.recv().map_err(|_| ErrorKind::BrokenPipe)?;
            self.written.send(String::from_utf8(octets.to_vec()).unwrap()).unwrap();
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_not_read_is_lost_and_told_once_where_it_is_missing() {
        let log = Log::default();
        let (permit, permits) = mpsc::channel();
        let (written, lines) = mpsc::channel();
        let of_writer = log.clone();
        std::thread::spawn(move || of_writer.write_all(&mut Gate { permits, written }));
        log.take(b"first\n");
        while !log.queue().is_writing {
            std::thread::yield_now();
        }
        // The writer is stuck at the first line: taking others waits for nobody.
        let line = [b'x'; 1024];
        let most = limits::LOG_QUEUE / line.len();
        for _ in 0..most + 7 {
            log.take(&line);
        }
        let queue = log.queue();
        assert_eq!((queue.lines.len(), queue.octets, queue.lost), (most, limits::LOG_QUEUE, 7));
        drop(queue);
        log.flush(Duration::ZERO);
        for _ in 0..most + 2 {
            permit.send(()).unwrap();
        }
        assert_eq!(lines.recv().unwrap(), "first\n");
        for _ in 0..most {
            assert_eq!(lines.recv().unwrap().len(), line.len());
        }
        let told = lines.recv().unwrap();
        let expected = " WARN 7 lines of the log are missing here: they were not read in time\n";
        assert!(told.ends_with(expected), "{told}");
        log.take(b"last\n");
        permit.send(()).unwrap();
        assert_eq!(lines.recv().unwrap(), "last\n");
        log.flush(Duration::from_secs(20));
        assert!(!log.queue().is_writing);
    }

    #[test]
    fn what_nobody_can_read_any_more_is_counted() {
        let log = Log::default();
        let of_writer = log.clone();
        let (_, permits) = mpsc::channel();
        let (written, _) = mpsc::channel();
        std::thread::spawn(move || of_writer.write_all(&mut Gate { permits, written }));
        log.take(b"to nobody\n");
        log.flush(Duration::from_secs(20));
        assert_eq!(log.queue().lost, 1);
    }

    #[test]
    fn a_descriptor_that_takes_nothing_at_the_moment_is_tried_again() {
        struct Now(u32, Vec<u8>);
        impl Write for Now {
            fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 % 2 == 1 {
                    return Err(ErrorKind::WouldBlock.into());
                }
                self.1.push(octets[0]);
                Ok(1)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Now(0, Vec::new());
        write(&mut out, b"abc").unwrap();
        assert_eq!(out.1, b"abc");
    }
}
