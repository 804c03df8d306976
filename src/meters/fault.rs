//! Why there is no reading.

use std::fmt;

use crate::model::limits;

/// Why the load of a region could not be read, and of which source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The first source that failed: its URL, without what may be secret in it.
    pub source: String,
    /// The kind of failure.
    pub reason: Reason,
    /// What was found, and what was expected.
    pub found: String,
    /// How many other sources of the region failed too.
    pub others: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.found)?;
        match self.others {
            0 => Ok(()),
            1 => f.write_str(", and another source failed"),
            others => write!(f, ", and {others} other sources failed"),
        }
    }
}

/// Kinds of failure, in the order of their names.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// The answer is not in the format that was expected.
    Format,
    /// The answer was not there in time.
    Late,
    /// The answer does not have the row, series or field.
    Missing,
    /// What is there is no load: negative, not finite, absurd, or no number.
    Number,
    /// Something of the node's own is wrong: a file of a secret or a certificate.
    Own,
    /// A counter went back: its balancer began anew.
    Restart,
    /// The answer has another status than 200 to 299.
    Status,
    /// The answer, a line or a document is too long.
    TooLong,
    /// There was no connection, or it broke off.
    Unreachable,
}

impl Reason {
    /// All reasons, in the order of their counts.
    pub const ALL: [Self; 9] = [
        Self::Format,
        Self::Late,
        Self::Missing,
        Self::Number,
        Self::Own,
        Self::Restart,
        Self::Status,
        Self::TooLong,
        Self::Unreachable,
    ];

    /// The reason in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Late => "late",
            Self::Missing => "missing",
            Self::Number => "number",
            Self::Own => "own",
            Self::Restart => "restart",
            Self::Status => "status",
            Self::TooLong => "too-long",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What is wrong with one answer, before it is said of which source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Flaw {
    pub(super) reason: Reason,
    pub(super) found: String,
}

impl Flaw {
    /// With what was found and what was expected.
    pub(super) fn new(reason: Reason, found: impl Into<String>) -> Self {
        Self { reason, found: found.into() }
    }

    /// An answer is not what it should be.
    pub(super) fn format(expected: &str, found: &[u8]) -> Self {
        Self::new(Reason::Format, format!("expected {expected}, found {}", quoted(found)))
    }
}

/// Octets of somebody else as a text in quotes, as much as is told of them.
pub(super) fn quoted(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets.get(..4 * limits::LOAD_FOUND).unwrap_or(octets));
    format!("{:?}", text.chars().take(limits::LOAD_FOUND).collect::<String>())
}

/// Names of somebody else in backticks, in a row; "none" if there are none.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let shown = |name: &str| {
        let kept: String = name.chars().take(limits::LOAD_FOUND).collect();
        format!("`{}`", kept.replace(char::is_control, "\u{fffd}"))
    };
    let names: Vec<String> = names.into_iter().map(shown).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_stand_in_the_manual_in_order() {
        let manual = include_str!("../manual/load-sources.md");
        assert!(Reason::ALL.is_sorted_by_key(|reason| reason.as_str()));
        for reason in Reason::ALL {
            let row = format!("| `{}` |", reason.as_str());
            assert!(manual.contains(&row), "not in the manual: {row}");
        }
    }

    #[test]
    fn what_others_said_is_short_and_plain() {
        assert_eq!(quoted(b"\x1b[31m\n\xff"), "\"\\u{1b}[31m\\n\u{fffd}\"");
        assert_eq!(quoted(&[b'x'; 10_000]).len(), limits::LOAD_FOUND + 2);
        assert_eq!(listed(["a\nb", "c"]), "`a\u{fffd}b`, `c`");
        assert_eq!(listed([]), "none");
        let fault = Fault {
            source: "http://lb/".into(),
            reason: Reason::Status,
            found: "status 503, expected 200 to 299".into(),
            others: 2,
        };
        let text = "http://lb/: status 503, expected 200 to 299, and 2 other sources failed";
        assert_eq!(fault.to_string(), text);
    }
}
