//! Verdicts: what several opinions come to.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// Up, down, or not known.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Up.
    Up,
    /// Down.
    Down,
    /// Never probed.
    #[default]
    Unknown,
}

impl Verdict {
    /// The word in commands and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What several monitors of one endpoint come to when `need` of them must say up. Those that
/// can't run have no say: they are not among `verdicts`, and are not needed.
pub fn of_monitors(need: u8, verdicts: &[Verdict]) -> Verdict {
    if verdicts.is_empty() {
        return Verdict::Unknown;
    }
    let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
    let need = usize::from(need).clamp(1, verdicts.len());
    if count(Verdict::Up) >= need {
        Verdict::Up
    } else if verdicts.len() - count(Verdict::Down) < need {
        Verdict::Down
    } else {
        Verdict::Unknown
    }
}

/// When an endpoint can turn down at the earliest, from when each of its monitors that is up
/// can: as many must turn as bring the rest below `need`. `None` if it can't.
pub fn down_in(need: u8, bounds: &mut [Duration]) -> Option<Duration> {
    bounds.sort_unstable();
    let spare = bounds.len().checked_sub(usize::from(need))?;
    bounds.get(spare).copied()
}

#[cfg(test)]
mod tests {
    use super::Verdict::Down;
    use super::Verdict::Unknown;
    use super::Verdict::Up;
    use super::*;

    #[test]
    fn monitors_are_counted_against_the_need() {
        for (need, verdicts, expected) in [
            (2, &[Up, Up][..], Up),
            (2, &[Up, Down], Down),
            (2, &[Up, Unknown], Unknown),
            (1, &[Down, Up], Up),
            (1, &[Down, Unknown], Unknown),
            (2, &[Up, Down, Up], Up),
            (2, &[Up, Down, Down], Down),
            // One can't run, so that two of two are one of one.
            (2, &[Up], Up),
            (1, &[], Unknown),
        ] {
            assert_eq!(of_monitors(need, verdicts), expected, "{need} of {verdicts:?}");
        }
    }

    #[test]
    fn the_bound_is_that_of_the_monitor_that_tips_it() {
        let of = |need, bounds: &[u64]| {
            let mut bounds: Vec<_> = bounds.iter().map(|s| Duration::from_secs(*s)).collect();
            down_in(need, &mut bounds).map(|bound| bound.as_secs())
        };
        assert_eq!(of(1, &[30]), Some(30));
        assert_eq!(of(2, &[30, 10]), Some(10), "all are needed: the first to fail");
        assert_eq!(of(1, &[30, 10]), Some(30), "one is enough: the last");
        assert_eq!(of(2, &[30, 10, 20]), Some(20));
        assert_eq!(of(2, &[30]), None, "it is down already");
    }
}
