//! What a vantage publishes: all its opinions as one value.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::health::Held;
use crate::health::Vote;
use crate::model::limits;

/// All that one vantage thinks at one moment. Only what is not plainly up is written out: the
/// value stays small while most is well, and is still all there is to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opinions {
    /// Its name.
    pub vantage: String,
    /// Drawn when its process started: two of one name differ in it.
    pub instance: u64,
    /// Grows by one with each publication of an instance.
    pub sequence: u64,
    /// When it was made, by the vantage's own clock.
    pub at: Timestamp,
    /// It publishes at least so often.
    pub heartbeat: Duration,
    /// The digest of the [`Roll`](crate::health::Roll) that positions refer to.
    pub roll: u64,
    /// How many checks that has.
    pub len: u32,
    /// What is not up with no failure that counts, by position, lowest first.
    pub exceptions: Vec<Exception>,
}

/// One check that is not plainly up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exception {
    /// Which, by position in the roll.
    pub at: u32,
    /// What is thought of it.
    pub vote: Vote,
    /// Since when, by the vantage's own clock; of what is up or down.
    pub since: Option<Timestamp>,
    /// Whether it is held down, by the vantage's own clock.
    pub held: Option<Held>,
    /// What the last outcome said; the same few are shared by many.
    pub reason: std::sync::Arc<str>,
}

/// Why a value that came from outside is not used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// It is of another version of Meridian.
    #[error(
        "it is of format {found}, expected {expected}; run the same version of Meridian everywhere"
    )]
    Version {
        /// The format of the value.
        found: u8,
        /// Ours.
        expected: u8,
    },
    /// It is no such value.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

/// The format of the values that are shared; their first octet.
pub(crate) const FORMAT: u8 = 2;

/// Octets of a reason that are published; the rest is only told where it was seen.
const REASON: usize = 120;

/// Reasons that are told apart in one value.
const REASONS: usize = 1024;

/// As it is written.
#[derive(Deserialize, Serialize)]
struct Written {
    vantage: String,
    instance: u64,
    sequence: u64,
    at_ms: i64,
    heartbeat_ms: u32,
    roll: u64,
    len: u32,
    reasons: Vec<String>,
    /// Distance from the position before, vote, how long ago in ms, which reason.
    exceptions: Vec<(u32, WrittenVote, Option<u64>, u16)>,
}

#[derive(Deserialize, Serialize)]
enum WrittenVote {
    Unknown,
    Unable,
    Down,
    Up(u8),
    /// Down, and held so: for how long yet, and since how long ago it has succeeded, in ms.
    Held(u64, Option<u64>),
}

impl Opinions {
    /// As octets. Where it would be more than is shared, since when and why is left out: votes
    /// matter most when the most is down.
    pub fn encode(&self) -> Vec<u8> {
        let whole = self.written(true);
        if whole.len() > limits::SHARED_VALUE { self.written(false) } else { whole }
    }

    fn written(&self, is_whole: bool) -> Vec<u8> {
        let mut reasons: Vec<String> = vec![String::new()];
        let mut known = std::collections::HashMap::from([(String::new(), 0_u16)]);
        let mut next = 0;
        let exceptions = self.exceptions.iter().map(|exception| {
            let cut = if is_whole { shortened(&exception.reason) } else { "" };
            let reason = match known.get(cut) {
                Some(at) => *at,
                None if reasons.len() < REASONS => {
                    let at = u16::try_from(reasons.len()).unwrap_or(0);
                    reasons.push(cut.to_owned());
                    known.insert(cut.to_owned(), at);
                    at
                }
                None => 0,
            };
            let step = exception.at.saturating_sub(next);
            next = exception.at;
            let since = exception.since.filter(|_| is_whole).map(|since| {
                u64::try_from(self.at.duration_since(since).as_millis()).unwrap_or_default()
            });
            let vote = match exception.held.filter(|_| is_whole && exception.vote == Vote::Down) {
                Some(held) => self.written_hold(held),
                None => exception.vote.into(),
            };
            (step, vote, since, reason)
        });
        let exceptions = exceptions.collect();
        let written = Written {
            vantage: self.vantage.clone(),
            instance: self.instance,
            sequence: self.sequence,
            at_ms: self.at.as_millisecond(),
            heartbeat_ms: u32::try_from(self.heartbeat.as_millis()).unwrap_or(u32::MAX),
            roll: self.roll,
            len: self.len,
            reasons,
            exceptions,
        };
        encoded(&written)
    }

    fn written_hold(&self, Held { until, up_since }: Held) -> WrittenVote {
        let ms = |from: Timestamp, to: Timestamp| {
            u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
        };
        WrittenVote::Held(ms(self.at, until), up_since.map(|since| ms(since, self.at)))
    }

    /// From octets.
    ///
    /// # Errors
    ///
    /// [`Unreadable`].
    pub fn decode(octets: &[u8]) -> Result<Self, Unreadable> {
        let written: Written = decoded(octets)?;
        let damaged = |what: &str| Unreadable::Damaged(what.to_owned());
        let at = Timestamp::from_millisecond(written.at_ms).map_err(|_| damaged("no such time"))?;
        if written.vantage.len() > limits::NODE_NAME {
            return Err(damaged("the vantage's name is too long"));
        }
        let reasons: Vec<std::sync::Arc<str>> =
            written.reasons.iter().map(|reason| one_line(shortened(reason)).into()).collect();
        let mut position = 0_u32;
        let mut exceptions = Vec::with_capacity(written.exceptions.len());
        for (step, vote, ago, reason) in written.exceptions {
            let is_first = exceptions.is_empty();
            position = position.checked_add(step).ok_or_else(|| damaged("a position too large"))?;
            if position >= written.len || !is_first && step == 0 {
                return Err(damaged("a position that is not in its roll, or is there twice"));
            }
            let reason = reasons.get(usize::from(reason));
            let reason = reason.ok_or_else(|| damaged("a reason that is not there"))?.clone();
            let since = ago.and_then(|ago| at.checked_sub(Duration::from_millis(ago)).ok());
            let held = vote.hold(at);
            exceptions.push(Exception { at: position, vote: vote.into(), since, held, reason });
        }
        Ok(Self {
            vantage: written.vantage,
            instance: written.instance,
            sequence: written.sequence,
            at,
            heartbeat: Duration::from_millis(written.heartbeat_ms.into()),
            roll: written.roll,
            len: written.len,
            exceptions,
        })
    }
}

/// A value behind the octet of its format.
pub(crate) fn encoded(value: &impl Serialize) -> Vec<u8> {
    // Plain data always has an encoding.
    postcard::to_extend(value, vec![FORMAT]).unwrap_or_default()
}

/// The value behind the octet of its format, and nothing after it.
pub(crate) fn decoded<'a, T: Deserialize<'a>>(octets: &'a [u8]) -> Result<T, Unreadable> {
    let damaged = |what: &str| Unreadable::Damaged(what.to_owned());
    let (format, rest) = octets.split_first().ok_or_else(|| damaged("it is empty"))?;
    if *format != FORMAT {
        return Err(Unreadable::Version { found: *format, expected: FORMAT });
    }
    let (value, rest) =
        postcard::take_from_bytes(rest).map_err(|error| damaged(&error.to_string()))?;
    match rest.is_empty() {
        true => Ok(value),
        false => Err(damaged("something follows it")),
    }
}

/// What is shown to people as it is must not move a terminal's cursor.
fn one_line(reason: &str) -> std::borrow::Cow<'_, str> {
    match reason.contains(char::is_control) {
        true => reason.replace(char::is_control, " ").into(),
        false => reason.into(),
    }
}

fn shortened(reason: &str) -> &str {
    let end = reason.floor_char_boundary(REASON);
    reason.get(..end).unwrap_or_default()
}

impl From<Vote> for WrittenVote {
    fn from(vote: Vote) -> Self {
        match vote {
            // What a vantage does not have is not on its roll.
            Vote::Absent | Vote::Unknown => Self::Unknown,
            Vote::Unable => Self::Unable,
            Vote::Down => Self::Down,
            Vote::Up { failures } => Self::Up(failures),
        }
    }
}

impl WrittenVote {
    /// How it is held down, by the clock that says it is `at`.
    fn hold(&self, at: Timestamp) -> Option<Held> {
        let Self::Held(left, ago) = self else { return None };
        let until = at.checked_add(Duration::from_millis(*left)).ok()?;
        let up_since = ago.and_then(|ago| at.checked_sub(Duration::from_millis(ago)).ok());
        Some(Held { until, up_since })
    }
}

impl From<WrittenVote> for Vote {
    fn from(vote: WrittenVote) -> Self {
        match vote {
            WrittenVote::Unknown => Self::Unknown,
            WrittenVote::Unable => Self::Unable,
            WrittenVote::Down | WrittenVote::Held(..) => Self::Down,
            WrittenVote::Up(failures) => Self::Up { failures },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exception() -> impl Strategy<Value = (u32, Vote, Option<u32>, String)> {
        let vote = prop_oneof![
            Just(Vote::Unknown),
            Just(Vote::Unable),
            Just(Vote::Down),
            any::<u8>().prop_map(|failures| Vote::Up { failures }),
        ];
        (0..5_000_u32, vote, any::<Option<u32>>(), "[a-zäß ]{0,60}")
    }

    fn at() -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_123).unwrap()
    }

    fn said(len: u32, exceptions: Vec<Exception>) -> Opinions {
        Opinions {
            vantage: "fra".to_owned(),
            instance: 7,
            sequence: 9,
            at: at(),
            heartbeat: Duration::from_secs(10),
            roll: 11,
            len,
            exceptions,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(mut all in prop::collection::vec(exception(), 0..50)) {
            all.sort_by_key(|exception| exception.0);
            all.dedup_by_key(|exception| exception.0);
            let exceptions = all
                .into_iter()
                .map(|(position, vote, ago, reason)| Exception {
                    at: position,
                    vote,
                    held: ago.filter(|_| vote == Vote::Down).map(|ago| Held {
                        until: at() + Duration::from_millis(u64::from(ago) * 3),
                        up_since: (ago % 2 == 0).then_some(at() - Duration::from_millis(7)),
                    }),
                    since: ago.map(|ago| at() - Duration::from_millis(ago.into())),
                    reason: reason.into(),
                })
                .collect();
            let opinions = said(5_000, exceptions);
            prop_assert_eq!(Opinions::decode(&opinions.encode()), Ok(opinions));
        }

        #[test]
        fn rubbish_is_refused_not_believed(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(read) = Opinions::decode(&octets) {
                prop_assert!(read.exceptions.iter().all(|exception| exception.at < read.len));
            }
        }
    }

    #[test]
    fn a_newer_version_is_named() {
        let found = Opinions::decode(&[9, 1, 2, 3]).unwrap_err().to_string();
        assert_eq!(
            found,
            "it is of format 9, expected 2; run the same version of Meridian everywhere"
        );
    }

    /// Where the most is down votes matter the most: since when and why give way to them.
    #[test]
    fn what_is_too_large_to_be_shared_is_said_without_reasons() {
        let down = |position: u32| Exception {
            at: position,
            vote: Vote::Down,
            since: Some(at() - Duration::from_secs(3_600)),
            held: None,
            reason: (position % 1_000).to_string().into(),
        };
        let all = |len: u32| said(len, (0..len).map(down).collect());
        let small = Opinions::decode(&all(1_000).encode()).unwrap();
        assert_eq!(small, all(1_000));
        let octets = all(150_000).encode();
        assert!(octets.len() <= limits::SHARED_VALUE, "{}", octets.len());
        let read = Opinions::decode(&octets).unwrap().exceptions;
        assert_eq!(read.len(), 150_000);
        let is_bare = |e: &Exception| e.vote == Vote::Down && e.since.is_none();
        assert!(read.iter().all(|e| is_bare(e) && e.reason.is_empty()));
    }
}
