//! Samples, and why one is refused.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::RegionId;

/// One measured round trip between a client and a region.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sample {
    /// The client, or any address of its prefix.
    pub client: IpAddr,
    /// To which region.
    pub region: RegionId,
    /// The round trip in microseconds; signed, since it is input and may be nonsense.
    pub rtt_us: i64,
    /// When it was measured.
    pub at: Timestamp,
    /// Who says so.
    pub source: SourceId,
}

/// Who reported a sample: a small hash of a token, a vantage or a browser's address.
///
/// Two sources that meet in a hash count as one: they lose weight, and gain none.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceId(pub u16);

impl SourceId {
    /// The hash of whatever names a source.
    pub fn of(name: &[u8]) -> Self {
        // FNV-1a, folded; who is believed does not hang on it, so it need not be a strong one.
        let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
        });
        let [a, b, c, d] = hash.to_be_bytes();
        Self(u16::from_be_bytes([a ^ c, b ^ d]))
    }
}

/// Why a sample is not taken.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Refusal {
    /// The round trip is longer than [`Refusal::LONGEST_RTT`].
    AbsurdRtt,
    /// It was measured more than [`Refusal::AHEAD`] from now.
    FutureTime,
    /// The round trip is zero or less.
    NoRtt,
    /// It is older than [`Refusal::OLDEST`].
    TooOld,
    /// There is no such region.
    UnknownRegion,
}

impl Refusal {
    /// All reasons, in the order of their counts.
    pub const ALL: [Self; 5] =
        [Self::AbsurdRtt, Self::FutureTime, Self::NoRtt, Self::TooOld, Self::UnknownRegion];

    /// Ten seconds: whoever waits longer has given up, and no path on Earth takes a tenth of it.
    pub const LONGEST_RTT: Duration = Duration::from_secs(10);

    /// Five minutes: what clocks that nobody looks after are off.
    pub const AHEAD: Duration = Duration::from_mins(5);

    /// Thirty days: by then routes have changed, and what is kept has lost its weight.
    pub const OLDEST: Duration = Duration::from_hours(30 * 24);

    /// The reason in metrics and problems.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AbsurdRtt => "absurd-rtt",
            Self::FutureTime => "future-time",
            Self::NoRtt => "no-rtt",
            Self::TooOld => "too-old",
            Self::UnknownRegion => "unknown-region",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Sample {
    /// The round trip in microseconds, if it and the time can be true.
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub(super) fn plausible_us(&self, now: Timestamp) -> Result<u32, Refusal> {
        let age = now.duration_since(self.at);
        let rtt = u32::try_from(self.rtt_us).ok();
        if self.rtt_us <= 0 {
            Err(Refusal::NoRtt)
        } else if rtt.is_none_or(|us| u128::from(us) > Refusal::LONGEST_RTT.as_micros()) {
            Err(Refusal::AbsurdRtt)
        } else if age.as_secs() > 0 && age.unsigned_abs() > Refusal::OLDEST {
            Err(Refusal::TooOld)
        } else if age.is_negative() && age.unsigned_abs() > Refusal::AHEAD {
            Err(Refusal::FutureTime)
        } else {
            rtt.ok_or(Refusal::AbsurdRtt)
        }
    }
}

/// How many samples were refused, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refusals([u64; Refusal::ALL.len()]);

impl Refusals {
    /// How many were refused for one reason.
    pub fn count(&self, reason: Refusal) -> u64 {
        self.iter().find(|(of, _)| *of == reason).map_or(0, |(_, count)| count)
    }

    /// All counts.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> + '_ {
        Refusal::ALL.into_iter().zip(self.0)
    }

    pub(super) fn add(&mut self, reason: Refusal) {
        for (of, count) in Refusal::ALL.into_iter().zip(&mut self.0) {
            *count += u64::from(of == reason);
        }
    }
}
