//! Why a line is refused.

use std::fmt;

use serde::Serialize;

use crate::latency::Refusal;

/// Why one line of a batch is not taken. What the table refuses has the table's names.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The round trip is too long to be one.
    AbsurdRtt,
    /// It was measured in the future.
    FutureTime,
    /// A field is not there.
    MissingField,
    /// The client is neither an address nor a prefix.
    NoClient,
    /// The round trip is zero or less.
    NoRtt,
    /// The time is none of RFC 3339.
    NoTime,
    /// The line is no object of JSON.
    NotJson,
    /// It was measured too long ago.
    TooOld,
    /// There is no such region.
    UnknownRegion,
    /// The client is a prefix that more than one /24, or /48, is in.
    WideClient,
    /// A field is unknown, there twice, or not of its type.
    WrongField,
}

impl Reason {
    /// All reasons, in the order of their counts.
    pub const ALL: [Self; 11] = [
        Self::AbsurdRtt,
        Self::FutureTime,
        Self::MissingField,
        Self::NoClient,
        Self::NoRtt,
        Self::NoTime,
        Self::NotJson,
        Self::TooOld,
        Self::UnknownRegion,
        Self::WideClient,
        Self::WrongField,
    ];

    /// The reason in metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AbsurdRtt => Refusal::AbsurdRtt.as_str(),
            Self::FutureTime => Refusal::FutureTime.as_str(),
            Self::MissingField => "missing-field",
            Self::NoClient => "no-client",
            Self::NoRtt => Refusal::NoRtt.as_str(),
            Self::NoTime => "no-time",
            Self::NotJson => "not-json",
            Self::TooOld => Refusal::TooOld.as_str(),
            Self::UnknownRegion => Refusal::UnknownRegion.as_str(),
            Self::WideClient => "wide-client",
            Self::WrongField => "wrong-field",
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AbsurdRtt => Self::AbsurdRtt,
            Refusal::FutureTime => Self::FutureTime,
            Refusal::NoRtt => Self::NoRtt,
            Refusal::TooOld => Self::TooOld,
            Refusal::UnknownRegion => Self::UnknownRegion,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_have_one_name_each_that_stands_in_the_manual() {
        let manual = include_str!("../manual/latency.md");
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert!(manual.contains(&format!("`{reason}`")), "not in the manual: {reason}");
        }
        for refusal in Refusal::ALL {
            assert_eq!(Reason::from(refusal).as_str(), refusal.as_str());
        }
        assert!(Reason::ALL.is_sorted());
    }
}
