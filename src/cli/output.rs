//! What commands print.
//!
//! `println!` panics when nobody reads any more (`meridian explain … | head -1`), and would
//! take a reload with it when standard error is gone. Here whoever hung up has read enough.

use std::io;
use std::io::ErrorKind;
use std::io::Write;

use jiff::SignedDuration;

use crate::cli::Exit;
use crate::cli::log;

/// Writes to standard output; the end of the command, unless that fails for another reason
/// than that nobody reads any more.
pub(super) fn show(text: &str, exit: Exit) -> Exit {
    write(&mut io::stdout().lock(), text, exit)
}

/// Writes to standard output; whether anybody reads on.
pub(super) fn show_more(text: &str) -> bool {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_ok()
}

/// Writes to standard error; through the log where there is one. If it is gone there is nobody to
/// tell.
pub(super) fn complain(text: &str) {
    if !log::take(text) {
        drop(io::stderr().lock().write_all(text.as_bytes()));
    }
}

/// A problem that ends a command, on one line of standard error.
pub(super) fn fail(problem: &str) {
    complain(&format!("meridian: {problem}\n"));
}

/// What others wrote, without control characters: none of them reaches a terminal.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// A duration as people say it: its two largest units.
pub(super) fn span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (1.., _, _) => format!("{days}d {}h", hours % 24),
        (_, 1.., _) => format!("{hours}h {}m", minutes % 60),
        (_, _, 1..) => format!("{minutes}m {}s", seconds % 60),
        _ => format!("{seconds}s"),
    }
}

fn write(out: &mut impl Write, text: &str, exit: Exit) -> Exit {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => exit,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => exit,
        Err(error) => {
            fail(&format!("failed to write: {error}"));
            Exit::Negative
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails as told.
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn durations_have_two_units() {
        for (seconds, expected) in
            [(-5, "0s"), (59, "59s"), (60, "1m 0s"), (3_725, "1h 2m"), (90_000, "1d 1h")]
        {
            assert_eq!(span(SignedDuration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn who_hangs_up_has_read_enough() {
        let mut read = Vec::new();
        assert_eq!(write(&mut read, "a\n", Exit::Done), Exit::Done);
        assert_eq!(read, b"a\n");
        for exit in [Exit::Done, Exit::Negative] {
            assert_eq!(write(&mut Broken(ErrorKind::BrokenPipe), "a\n", exit), exit);
        }
        assert_eq!(write(&mut Broken(ErrorKind::StorageFull), "a\n", Exit::Done), Exit::Negative);
    }
}
