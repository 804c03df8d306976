//! Why a probe did not succeed, in words, and whose fault that is.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::health::Outcome;
use crate::model::Family;
use crate::prober::blame::Blame;
use crate::prober::blame::Lack;
use crate::prober::blame::Means;
use crate::prober::blame::Sources;
use crate::prober::blame::Step;
use crate::prober::blame::Trouble;
use crate::prober::blame::blame;
use crate::prober::means::Node;
use crate::prober::tls;

/// A probe that did not succeed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The target's.
    Target(String),
    /// Ours.
    Ours(String),
    /// An error of a socket: whose fault it is also depends on what this node can do, which
    /// [`Fault::settled`] looks up.
    Socket {
        /// What it is called.
        text: String,
        /// The number of the system.
        number: i32,
    },
}

impl Fault {
    /// The target's, in these words.
    pub(super) fn target(text: impl Into<String>) -> Self {
        Self::Target(text.into())
    }

    /// An error of a socket, and what it is called.
    #[expect(clippy::wildcard_enum_match_arm, reason = "kinds of errors have no end")]
    pub(super) fn of_socket(doing: &str, error: &io::Error) -> Self {
        // What a target thinks of our certificate it says after the handshake.
        if let Some(words) = tls::said(error, false) {
            return Self::Target(words);
        }
        let text = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            io::ErrorKind::ConnectionReset => format!("connection reset while {doing}"),
            io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof => {
                format!("connection closed while {doing}")
            }
            io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
            io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
            _ => match error.raw_os_error() {
                Some(libc::EACCES) => "administratively prohibited".to_owned(),
                Some(libc::ENOPROTOOPT) => "protocol unreachable".to_owned(),
                Some(libc::EMSGSIZE) => "packet too big for the way there".to_owned(),
                Some(libc::EINVAL) => "a route of this node leads nowhere".to_owned(),
                Some(libc::EPERM) => format!("not permitted while {doing}"),
                _ => format!("{error} while {doing}"),
            },
        };
        match error.raw_os_error() {
            Some(number) => Self::Socket { text, number },
            None => Self::Target(text),
        }
    }

    /// The same with whose fault it is, for a probe of that address.
    pub(super) fn settled(self, step: Step, address: IpAddr, node: &Node) -> Self {
        match self {
            Self::Socket { text, number } => {
                Self::by_blame(text, step, address, Trouble::Error(number), node)
            }
            Self::Target(_) | Self::Ours(_) => self,
        }
    }

    /// Nothing came from that address in time.
    pub(super) fn silent(text: String, step: Step, address: IpAddr, node: &Node) -> Self {
        Self::by_blame(text, step, address, Trouble::Silence, node)
    }

    /// A look-up of addresses that failed.
    pub(super) fn of_lookup(text: String, trouble: Trouble) -> Self {
        // Where packets go plays no part in it.
        let means = Means { has_route: true, sources: Sources::Fit, reached_others: true };
        match blame(Step::LookingUp, Family::V4, trouble, means) {
            Blame::Target => Self::Target(text),
            Blame::Node(lack) => Self::Ours(format!("{text}: {}", lacking(lack, Family::V4))),
        }
    }

    fn by_blame(text: String, step: Step, address: IpAddr, trouble: Trouble, node: &Node) -> Self {
        let family = family(address);
        match blame(step, family, trouble, node.means(address)) {
            Blame::Target => Self::Target(text),
            Blame::Node(lack) => Self::Ours(format!("{text}: {}", lacking(lack, family))),
        }
    }

    /// What it says.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Target(text) | Self::Ours(text) | Self::Socket { text, .. } => text,
        }
    }

    /// The same, with something said before it.
    pub(super) fn after(self, before: &str) -> Self {
        let after = |text: String| format!("{before}: {text}");
        match self {
            Self::Target(text) => Self::Target(after(text)),
            Self::Ours(text) => Self::Ours(after(text)),
            Self::Socket { text, number } => Self::Socket { text: after(text), number },
        }
    }
}

/// The family of packets to an address: an IPv4 address written as IPv6 is that.
pub(super) fn family(address: IpAddr) -> Family {
    if address.to_canonical().is_ipv4() { Family::V4 } else { Family::V6 }
}

/// What this node lacks, in words.
fn lacking(lack: Lack, family: Family) -> String {
    let name = match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    };
    match lack {
        Lack::Address => {
            format!("this node has no {name} address on an interface that is up to reach it from")
        }
        Lack::Resources => "this node has run out of descriptors, ports or memory".to_owned(),
        Lack::Permission => {
            "a firewall or policy of this node does not let the probe out".to_owned()
        }
        Lack::Network => format!("this node's {name} or its interface is off"),
        Lack::Resolver => "this node's resolver has no answer".to_owned(),
    }
}

/// What several faults of one probe come to: the target's if one of them is, for that one shows
/// that it was looked at.
pub(super) fn together(faults: Vec<Fault>) -> Option<Fault> {
    let is_targets = faults.iter().any(|fault| !matches!(fault, Fault::Ours(_)));
    let mut texts: Vec<&str> = faults.iter().map(Fault::text).collect();
    texts.dedup();
    let text = texts.join("; ");
    if faults.is_empty() {
        return None;
    }
    Some(if is_targets { Fault::Target(text) } else { Fault::Ours(text) })
}

/// What a probe comes to.
pub(super) fn outcome(result: Result<(), Fault>) -> Outcome {
    match result {
        Ok(()) => Outcome::Success,
        Err(Fault::Target(text) | Fault::Socket { text, .. }) => Outcome::Failure(plain(&text)),
        Err(Fault::Ours(text)) => Outcome::Unable(plain(&text)),
    }
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
