//! Why a probe did not succeed, in words, and whose fault that is.

use std::io;
use std::time::Duration;

use crate::health::Outcome;

/// A probe that did not succeed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The target's.
    Target(String),
    /// Ours.
    Ours(String),
}

impl Fault {
    /// The target's, in these words.
    pub(super) fn target(text: impl Into<String>) -> Self {
        Self::Target(text.into())
    }

    /// Whose an error of a socket is, and what it is called.
    #[expect(clippy::wildcard_enum_match_arm, reason = "kinds of errors have no end")]
    pub(super) fn of_socket(doing: &str, error: &io::Error) -> Self {
        let text = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            io::ErrorKind::ConnectionReset => format!("connection reset while {doing}"),
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                format!("connection closed while {doing}")
            }
            io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
            io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
            _ => format!("{error} while {doing}"),
        };
        if is_ours(error) { Self::Ours(text) } else { Self::Target(text) }
    }
}

/// Whether an error says nothing of the target: no permission, no descriptors, no ports, no
/// address of that family.
pub(super) fn is_ours(error: &io::Error) -> bool {
    let by_number = matches!(
        error.raw_os_error(),
        Some(
            libc::EMFILE
                | libc::ENFILE
                | libc::ENOBUFS
                | libc::ENOMEM
                | libc::EADDRNOTAVAIL
                | libc::EAFNOSUPPORT
                | libc::EACCES
                | libc::EPERM
        )
    );
    by_number || error.kind() == io::ErrorKind::PermissionDenied
}

/// What a probe comes to.
pub(super) fn outcome(result: Result<(), Fault>) -> Outcome {
    match result {
        Ok(()) => Outcome::Success,
        Err(Fault::Target(text)) => Outcome::Failure(plain(&text)),
        Err(Fault::Ours(text)) => Outcome::Unable(plain(&text)),
    }
}

/// Nothing in time.
pub(super) fn late(timeout: Duration, doing: &str) -> Fault {
    Fault::Target(format!("no answer within {} while {doing}", show(timeout)))
}

/// A duration as the configuration has it: `3 s`, `500 ms`.
pub(super) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) {
        format!("{} s", millis / 1000)
    } else {
        format!("{millis} ms")
    }
}

/// Text of a target, without what could steer a terminal or fill a log.
pub(super) fn plain(text: &str) -> String {
    const MOST: usize = 300;
    let shown = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    shown.take(MOST).collect::<String>().trim_end().to_owned()
}
