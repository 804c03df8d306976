//! Exploration: a few clients that go elsewhere, so that elsewhere stays measured.

use std::time::Duration;

use crate::latency::ClassId;

/// Which share of classes is sent to an alternative, and for how long at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration {
    /// The share of time in which a class goes to its alternative, 0 to 1.
    pub share: f64,
    /// How long one turn lasts: a few lifetimes of an answer, else no resolver asks in it.
    pub turn: Duration,
}

impl Default for Exploration {
    /// Off.
    fn default() -> Self {
        Self { share: 0.0, turn: Duration::from_mins(5) }
    }
}

impl Exploration {
    /// Whether a class goes to an alternative in the turn that `since_epoch` is in, and if so,
    /// which: the second of its order is 1, up to `alternatives`. Equal arguments give equal
    /// results, on every node.
    pub fn alternative(
        &self,
        class: ClassId,
        since_epoch: Duration,
        alternatives: u16,
    ) -> Option<u16> {
        let turn = since_epoch.as_secs() / self.turn.as_secs().max(1);
        let draw = mixed(class.0 ^ mixed(turn));
        let [low, high] = [draw & u64::from(u32::MAX), draw >> 32];
        let fraction = f64::from(u32::try_from(low).unwrap_or(u32::MAX)) / 2.0_f64.powi(32);
        let is_sent = alternatives > 0 && fraction < self.share;
        let which = high % u64::from(alternatives.max(1));
        is_sent.then(|| u16::try_from(which).unwrap_or(0) + 1)
    }
}

/// Spreads a word over all its bits (SplitMix64's finish).
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_classes_is_sent_each_turn_and_each_class_a_share_of_turns() {
        let exploration = Exploration { share: 0.02, ..Exploration::default() };
        let at = |turn: u64| Duration::from_secs(1_800_000_000 + 300 * turn);
        let sent = |class: u64, turn: u64| exploration.alternative(ClassId(class), at(turn), 3);
        let classes: Vec<u16> = (0..50_000).filter_map(|class| sent(class, 7)).collect();
        assert!((900..1100).contains(&classes.len()), "{}", classes.len());
        for which in 1..=3 {
            let count = classes.iter().filter(|one| **one == which).count();
            assert!((270..400).contains(&count), "{which}: {count}");
        }
        let turns = (0..50_000).filter(|turn| sent(42, *turn).is_some()).count();
        assert!((900..1100).contains(&turns), "{turns}");
        // A turn is one decision.
        assert_eq!(sent(42, 7), exploration.alternative(ClassId(42), at(7), 3));
        assert_eq!(exploration.alternative(ClassId(42), at(7), 0), None);
    }

    #[test]
    fn it_is_off_unless_asked_for() {
        let off = Exploration::default();
        assert!((0..10_000).all(|n| off.alternative(ClassId(n), Duration::ZERO, 3).is_none()));
    }
}
