//! What is kept of one prefix and one region: the last word of five sources.
//!
//! ```text
//!   sample ─► the slot of its source ─┐
//!             (creeps to its median)  ├─ weighted by age ─► median ─► what lies far off is
//!             slots of others ────────┘                               left out ─► Summary
//! ```
//!
//! A source has one slot however often it speaks, so one liar among five shifts the median by
//! one place. A sixth source takes the slot that was silent longest.
//!
//! Slots are also what nodes share. Of one source the later word holds, and of more than five
//! sources the five latest: so merging is commutative, associative and idempotent.

use serde::Deserialize;
use serde::Serialize;

use crate::latency::Tick;

/// Sources that one cell hears. Five outvote two liars, and 40 octets hold them.
pub(super) const SLOTS: usize = 5;

/// Standard deviation of the logarithm of one round trip around its median: 6 %.
const NOISE: f64 = 0.06;

/// Slots further than this from the median, in logarithms, count for nothing: a factor of 1.6.
const REACH: f64 = 0.47;

/// How far one sample moves its source's word at the most, in logarithms, before it is divided
/// by the samples so far: a factor of two.
const STEP: f64 = 0.7;

/// Samples after which a slot forgets as fast as it learns.
const MEMORY: u32 = 16;

/// The time in which what a source said loses half its weight: two days.
const HALF_LIFE_TICKS: f64 = 720.0;

/// One source's word, in eight octets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub(super) struct Slot {
    /// When it spoke last, then samples in the low octet, of which 255 may be more. So the later
    /// word is the greater number, and a slot that is free is 0.
    stamp: u32,
    /// The logarithm of the round trip.
    rtt: LogRtt,
    source: u16,
}

/// The natural logarithm of microseconds in steps of 1/4000: 0.025 % exact, up to 13 s.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize,
)]
pub(super) struct LogRtt(u16);

impl LogRtt {
    const STEPS: f64 = 4000.0;

    pub(super) fn of(ln_us: f64) -> Self {
        let steps = (ln_us * Self::STEPS).round().clamp(0.0, f64::from(u16::MAX));
        #[expect(clippy::cast_possible_truncation, reason = "it was clamped")]
        #[expect(clippy::cast_sign_loss, reason = "it was clamped")]
        Self(steps as u16)
    }

    pub(super) fn ln_us(self) -> f64 {
        f64::from(self.0) / Self::STEPS
    }
}

/// All that is kept of one (prefix, region).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    pub(super) slots: [Slot; SLOTS],
    /// Where the next cell of the prefix is, or of those that are free.
    pub(super) next: u32,
    pub(super) region: u16,
}

/// What the slots come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    /// The logarithm of microseconds.
    pub(super) ln_us: f64,
    /// The variance of that.
    pub(super) variance: f64,
    /// The standard deviation among sources, in logarithms.
    pub(super) spread: f64,
    /// The chance that all of it is wrong, before anything else is known.
    pub(super) doubt: f64,
    pub(super) samples: u32,
    pub(super) sources: u8,
    /// When it was measured last.
    pub(super) last: Tick,
}

impl Cell {
    /// Takes a sample.
    pub(super) fn take(&mut self, source: u16, ln_us: f64, tick: Tick, now: Tick) {
        let mine = self.slots.iter_mut().find(|slot| slot.is_of(source));
        if let Some(slot) = mine {
            let so_far = slot.rtt.ln_us();
            let share = 1.0 / f64::from((slot.count() + 1).min(MEMORY));
            slot.rtt = LogRtt::of(so_far + share * (ln_us - so_far).clamp(-STEP, STEP));
            let last = if slot.tick().is_ahead(now) { tick } else { slot.tick().max(tick) };
            slot.stamp = Slot::stamp(last, slot.count() + 1);
        } else {
            let fresh = Slot { stamp: Slot::stamp(tick, 1), rtt: LogRtt::of(ln_us), source };
            self.admit(fresh, now);
        }
    }

    /// Takes another node's word of a source: the later one holds. Returns whether it is news.
    pub(super) fn merge(&mut self, theirs: Slot, now: Tick) -> bool {
        match self.slots.iter_mut().find(|slot| slot.is_of(theirs.source)) {
            Some(slot) if theirs.rank(now) > slot.rank(now) => *slot = theirs,
            Some(_) => return false,
            None => return self.admit(theirs, now),
        }
        true
    }

    /// A source that has no slot gets the oldest one, if that is older; returns whether it did.
    fn admit(&mut self, fresh: Slot, now: Tick) -> bool {
        let oldest = self.slots.iter_mut().min_by_key(|slot| slot.rank(now));
        let Some(oldest) = oldest.filter(|oldest| fresh.rank(now) > oldest.rank(now)) else {
            return false;
        };
        *oldest = fresh;
        true
    }

    /// Frees the slots that are older than any sample that is taken; whether one is left.
    pub(super) fn expire(&mut self, now: Tick) -> bool {
        for slot in &mut self.slots {
            if slot.tick().age(now) > Tick::OLDEST {
                *slot = Slot::default();
            }
        }
        self.words().next().is_some()
    }

    /// When it heard anything last.
    pub(super) fn last(&self) -> Option<Tick> {
        self.words().map(|slot| slot.tick()).max()
    }

    /// The slots that hold something.
    pub(super) fn words(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.stamp > 0)
    }

    /// Those that are not too old to count.
    fn held(&self, now: Tick) -> impl Iterator<Item = &Slot> {
        self.words().filter(move |slot| slot.tick().age(now) <= Tick::OLDEST)
    }

    /// What the slots say together; `None` if none holds.
    pub(super) fn summary(&self, now: Tick) -> Option<Summary> {
        let mut words = [(0.0, 0.0); SLOTS];
        let mut sources = 0_u8;
        let mut samples = 0_u32;
        for (word, slot) in words.iter_mut().zip(self.held(now)) {
            let age = f64::from(slot.tick().age(now));
            *word = (slot.rtt.ln_us(), (-age / HALF_LIFE_TICKS).exp2());
            sources += 1;
            samples += slot.count();
        }
        let words = words.get_mut(..usize::from(sources))?;
        let median = weighted_median(words)?;
        let (mut weights, mut sum, mut squares, mut all) = (0.0, 0.0, 0.0, 0.0);
        for (word, weight) in &*words {
            let off = word - median;
            all += weight;
            squares += weight * off.clamp(-2.0 * REACH, 2.0 * REACH).powi(2);
            if off.abs() < REACH {
                weights += weight;
                sum += weight * off;
            }
        }
        let ln_us = median + sum / weights.max(f64::MIN_POSITIVE);
        let spread = (squares / all.max(f64::MIN_POSITIVE)).sqrt();
        // Each source that agrees makes it ten times less likely that all of them are wrong, and
        // each sample of one a little less. Those that contradict each other are as good as one.
        let (mut agree, mut said) = (0_u8, 0);
        for slot in self.held(now).filter(|slot| (slot.rtt.ln_us() - median).abs() < REACH) {
            agree += 1;
            said += slot.count();
        }
        let each = said / u32::from(agree.max(1));
        let (agree, each) = if spread > REACH { (1, 1) } else { (agree.min(4), each) };
        let doubt = 0.1_f64.powi(i32::from(agree)) / f64::from(each.clamp(1, 255));
        Some(Summary {
            ln_us,
            variance: (NOISE.powi(2) + spread.powi(2)) / weights.max(0.05),
            spread,
            doubt,
            samples,
            sources,
            last: self.last()?,
        })
    }
}

impl Slot {
    const fn stamp(tick: Tick, count: u32) -> u32 {
        tick.number() << 8 | if count > 255 { 255 } else { count }
    }

    pub(super) fn tick(self) -> Tick {
        Tick::from_number(self.stamp >> 8)
    }

    fn count(self) -> u32 {
        self.stamp & 255
    }

    fn is_of(self, source: u16) -> bool {
        self.stamp > 0 && self.source == source
    }

    /// The later word is greater; a free slot is less than any, and so, but for that, is what was
    /// said when the clock was ahead: else nobody were heard until it is as late.
    fn rank(self, now: Tick) -> (u32, LogRtt, u16) {
        let stamp = if self.tick().is_ahead(now) { 1 } else { self.stamp };
        (stamp, self.rtt, self.source)
    }

    /// Whether another node may have said this, for input.
    pub(super) fn is_sound(self, now: Tick) -> bool {
        self.count() > 0 && !self.tick().is_ahead(now)
    }
}

/// The value at which half the weight is reached; sorts by value.
pub(super) fn weighted_median(words: &mut [(f64, f64)]) -> Option<f64> {
    // By weight too, so that whatever is summed over them is the same in whatever order they came.
    words.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let half = words.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    words.iter().find_map(|(word, weight)| {
        below += weight;
        (below >= half).then_some(*word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a clock ahead says would hold over all that is measured until it is as late.
    #[test]
    fn what_another_node_measured_ahead_of_our_clock_is_not_sound() {
        let now = Tick::from_number(10_000);
        let of = |number: u32, count: u32| {
            let stamp = Slot::stamp(Tick::from_number(number), count);
            Slot { stamp, rtt: LogRtt::of(10.0), source: 1 }
        };
        for (number, count, expected) in [
            (9_000, 1, true),
            (10_002, 1, true),
            (10_003, 1, false),
            (60_000, 1, false),
            (9_000, 0, false),
        ] {
            assert_eq!(of(number, count).is_sound(now), expected, "{number} {count}");
        }
        let mut cell = Cell::default();
        assert!(cell.merge(of(60_000, 9), now), "before anything else it may be kept");
        assert!(cell.merge(of(9_999, 1), now), "and gives way to what was measured at any time");
        assert_eq!(cell.last(), Some(Tick::from_number(9_999)));
    }
}
