//! Who is heard, and who is cut off: a vantage that sees nearly everything down is itself the likelier
//! fault.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::health::CheckId;
use crate::health::Vote;
use crate::health::panel::Hearing;
use crate::health::panel::Panel;
use crate::health::panel::Seat;
use crate::model::RegionId;
use crate::model::VantageId;

/// Targets that must have turned down together, at least.
const TARGETS: usize = 10;

/// Of a hundred that it probes and that were not down already, as many.
const SHARE: usize = 90;

/// In so many regions.
const REGIONS: usize = 2;

impl Panel {
    /// How each vantage is heard at `now`, in the order of the configuration. While nobody can be
    /// heard, what was said last counts on; it is not heard for that.
    pub fn hearings(&self, now: Timestamp) -> impl Iterator<Item = Hearing> {
        (0..).zip(&self.seats).map(move |(at, seat)| {
            let is_own = self.own == Some(VantageId(at));
            let is_heard = seat.heard.is_some_and(|heard| now < heard + seat.patience);
            if is_own || is_heard { seat.hearing } else { Hearing::Silent }
        })
    }

    /// Finds again who is cut off, among those who are heard.
    pub(super) fn find_cut_off(&mut self) {
        for at in 0..self.seats.len() {
            // Its own votes decide whether it is under suspicion: most seats did not change.
            if self.seats.get_mut(at).is_some_and(|seat| std::mem::take(&mut seat.is_changed)) {
                let fallen = self.suspicion(at);
                self.seats.get_mut(at).into_iter().for_each(|seat| seat.fallen = fallen.clone());
            }
        }
        let is_suspect = |seat: &Seat| seat.fallen.is_some();
        // Where most see the same, it is so, whatever one of them says.
        let heard = self.seats.iter().filter(|seat| seat.hearing != Hearing::Silent);
        let suspects = heard.clone().filter(|seat| is_suspect(seat)).count();
        let is_few = suspects * 2 <= heard.count();
        let found: Vec<bool> = self
            .seats
            .iter()
            .map(|seat| {
                let Some(fallen) = seat.fallen.as_ref().filter(|_| is_few) else { return false };
                let others = (0..).zip(&self.seats).filter(|(_, other)| !is_suspect(other));
                let mut others = others.map(|(at, _)| at);
                others.any(|other| self.disagrees(other, fallen))
            })
            .collect();
        for (seat, is_cut_off) in self.seats.iter_mut().zip(found) {
            let hearing = match seat.hearing {
                Hearing::Silent => Hearing::Silent,
                Hearing::Heard | Hearing::CutOff if is_cut_off => Hearing::CutOff,
                Hearing::Heard | Hearing::CutOff => Hearing::Heard,
            };
            if std::mem::replace(&mut seat.hearing, hearing) != hearing {
                self.is_all_touched = true;
            }
        }
    }

    /// What turned down at a vantage within the time that its slowest check takes for that, if
    /// it is nearly everything that was not down before.
    fn suspicion(&self, at: usize) -> Option<Vec<CheckId>> {
        let seat = self.seats.get(at)?;
        if seat.details.len() < TARGETS {
            return None;
        }
        let down = seat.details.iter().filter(|(id, _)| self.vote(at, **id) == Vote::Down);
        let mut down: Vec<(Timestamp, CheckId)> =
            down.filter_map(|(id, detail)| Some((detail.since?, *id))).collect();
        down.sort_unstable();
        let fallen = densest(&down, self.window);
        let probed = (0..).map(CheckId).take(self.items.len());
        let votes = probed.map(|id| self.vote(at, id));
        let all = votes.filter(|vote| matches!(vote, Vote::Up { .. } | Vote::Down)).count();
        let before = down.len() - fallen.len();
        let regions = fallen.iter().filter_map(|(_, id)| self.items.get(id.index()));
        let regions: BTreeSet<RegionId> = regions.flat_map(|item| item.regions.clone()).collect();
        let is_most = fallen.len() >= TARGETS && fallen.len() * 100 >= (all - before) * SHARE;
        (is_most && regions.len() >= REGIONS).then(|| fallen.iter().map(|(_, id)| *id).collect())
    }

    /// Whether a vantage says up of at least half of these.
    fn disagrees(&self, at: usize, fallen: &[CheckId]) -> bool {
        let is_heard = self.seats.get(at).is_some_and(|seat| seat.hearing != Hearing::Silent);
        let up = |id: &&CheckId| matches!(self.vote(at, **id), Vote::Up { .. });
        let enough = fallen.len().div_ceil(2);
        is_heard && fallen.iter().filter(up).take(enough).count() == enough
    }

    fn vote(&self, at: usize, id: CheckId) -> Vote {
        let slot = id.index() * self.seats.len() + at;
        self.votes.get(slot).copied().unwrap_or_default()
    }
}

/// The most, of points in time in order, that lie within a window.
fn densest(all: &[(Timestamp, CheckId)], window: Duration) -> &[(Timestamp, CheckId)] {
    let mut best: &[(Timestamp, CheckId)] = &[];
    let mut first = 0;
    for (last, (at, _)) in all.iter().enumerate() {
        // Clocks of others may say anything: nothing is added to their times.
        let is_before =
            |(begin, _): &(Timestamp, CheckId)| at.duration_since(*begin).unsigned_abs() > window;
        while all.get(first).is_some_and(is_before) {
            first += 1;
        }
        let found = all.get(first..=last).unwrap_or_default();
        if found.len() > best.len() {
            best = found;
        }
    }
    best
}
