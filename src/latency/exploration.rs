//! Exploration: a few clients that go elsewhere, so that elsewhere stays measured.

use std::time::Duration;

use crate::latency::Area;
use crate::latency::Order;
use crate::latency::Orders;

/// Which share of areas is sent to an alternative, and for how long at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exploration {
    /// The share of time in which an area goes to its alternative, 0 to 1.
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
    /// Whether an area goes to an alternative in the turn that `since_epoch` is in, and if so,
    /// which: the second of its order is 1, up to `alternatives`. Equal arguments give equal
    /// results, on every node.
    pub fn alternative(
        &self,
        area: &Area,
        since_epoch: Duration,
        alternatives: u16,
    ) -> Option<u16> {
        let turn = since_epoch.as_secs() / self.turn.as_secs().max(1);
        let draw = mixed(area.number() ^ mixed(turn));
        let [low, high] = [draw & u64::from(u32::MAX), draw >> 32];
        let fraction = f64::from(u32::try_from(low).unwrap_or(u32::MAX)) / 2.0_f64.powi(32);
        let is_sent = alternatives > 0 && fraction < self.share;
        let which = high % u64::from(alternatives.max(1));
        is_sent.then(|| u16::try_from(which).unwrap_or(0) + 1)
    }
}

impl Orders {
    /// Whether somebody is sent elsewhere to be measured.
    pub fn is_exploring(&self) -> bool {
        self.areas.values().any(Order::is_exploring)
    }

    /// With everybody where they belong.
    #[must_use]
    pub fn rested(&self) -> Self {
        let areas = self.areas.iter().map(|(area, order)| (*area, order.base()));
        Self { areas: areas.collect(), blocks: self.blocks.clone() }
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
    use crate::model::Coordinates;
    use crate::model::Place;

    /// One of 50,000.
    fn area(n: i32) -> Area {
        let coordinates =
            Coordinates::new(f64::from(n % 250) / 2.0 - 60.0, f64::from(n / 250) / 2.0 - 90.0);
        Area::of(&Place { coordinates, ..Place::default() }).unwrap()
    }

    #[test]
    fn a_share_of_areas_is_sent_each_turn_and_each_area_a_share_of_turns() {
        let exploration = Exploration { share: 0.02, ..Exploration::default() };
        let at = |turn: u64| Duration::from_secs(1_800_000_000 + 300 * turn);
        let sent = |n: i32, turn: u64| exploration.alternative(&area(n), at(turn), 3);
        let areas: Vec<u16> = (0..50_000).filter_map(|n| sent(n, 7)).collect();
        assert!((900..1100).contains(&areas.len()), "{}", areas.len());
        for which in 1..=3 {
            let count = areas.iter().filter(|one| **one == which).count();
            assert!((270..400).contains(&count), "{which}: {count}");
        }
        let turns = (0..50_000).filter(|turn| sent(42, *turn).is_some()).count();
        assert!((900..1100).contains(&turns), "{turns}");
        // A turn is one decision.
        assert_eq!(sent(42, 7), exploration.alternative(&area(42), at(7), 3));
        assert_eq!(exploration.alternative(&area(42), at(7), 0), None);
    }

    #[test]
    fn it_is_off_unless_asked_for() {
        let off = Exploration::default();
        assert!((0..10_000).all(|n| off.alternative(&area(n), Duration::ZERO, 3).is_none()));
    }
}
