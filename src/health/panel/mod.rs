//! The panel: the vantages that vote, what each said last, and what they come to.
//!
//! ```text
//!   own outcomes ──────────────► cast ─┐
//!   Opinions of others ─► absorb ──────┼─► votes ─► count ─► verdict
//!   time ─► settle: who is heard ──────┘              ▲
//!                   who is cut off ───────────────────┘
//! ```
//!
//! Who votes comes from the configuration, never from who happens to report. What the panel
//! comes to is a function of the current opinions and of who is heard, so that nodes that
//! have heard the same say the same.

mod count;
mod cut_off;
mod seat;

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

pub use count::Finding;
pub use seat::Hearing;
pub use seat::Seat;

use crate::health::Check;
use crate::health::CheckId;
use crate::health::Echo;
use crate::health::Held;
use crate::health::Opinions;
use crate::health::Roll;
use crate::health::Vote;
use crate::health::panel::seat::Detail;
use crate::health::panel::seat::patience;
use crate::model::RegionId;
use crate::model::VantageId;
use crate::model::Vantages;
use crate::model::Voting;
use crate::model::limits;

/// What the panel votes on.
#[derive(Clone, Debug)]
pub struct Item {
    /// How.
    pub voting: Voting,
    /// From one probe to the next.
    pub interval: Duration,
    /// Failures that turn it down.
    pub fall: u8,
    /// The regions whose endpoints it is for.
    pub regions: Box<[RegionId]>,
}

/// What became of opinions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Absorbed {
    /// They count from now on.
    Taken,
    /// They are older than what is known, or our own.
    Known,
    /// They wait for the roll that they refer to.
    Waiting,
    /// The configuration has no such vantage.
    Stranger,
    /// They are of another process with the name of this one.
    Double,
}

/// The vantages that vote, and their votes.
#[derive(Debug)]
pub struct Panel {
    seats: Vec<Seat>,
    n_groups: usize,
    own: Option<VantageId>,
    items: Vec<Item>,
    /// How long the slowest of the checks takes to turn down.
    window: Duration,
    /// Per check, one per seat.
    votes: Vec<Vote>,
    index: HashMap<u64, CheckId>,
    /// Those that opinions of seats refer to, and a few more.
    rolls: HashMap<u64, Arc<Roll>>,
    /// What each position of a roll means.
    positions: HashMap<u64, Arc<[Option<CheckId>]>>,
    touched: BTreeSet<CheckId>,
    is_all_touched: bool,
    /// Whether who is cut off is to be found again.
    is_unsettled: bool,
    /// Since when nobody else can be heard.
    frozen: Option<Timestamp>,
    /// When the configuration was taken.
    configured: Timestamp,
    echo: Echo,
}

impl Panel {
    /// A panel that has heard nobody. `own` is the vantage of this process, if it is one.
    pub fn new(
        vantages: &Vantages,
        own: Option<VantageId>,
        checks: &[Check],
        items: Vec<Item>,
        now: Timestamp,
    ) -> Self {
        let roll = Roll::of(checks);
        let slowest = |item: &Item| item.interval.saturating_mul(item.fall.into());
        Self {
            seats: vantages.all.iter().map(Seat::new).collect(),
            n_groups: vantages.groups.len(),
            own,
            window: items.iter().map(slowest).max().unwrap_or_default(),
            votes: vec![Vote::Absent; items.len() * vantages.all.len()],
            items,
            index: Roll::index(checks),
            rolls: HashMap::from([(roll.digest(), Arc::new(roll))]),
            positions: HashMap::new(),
            touched: BTreeSet::new(),
            is_all_touched: true,
            is_unsettled: true,
            frozen: None,
            configured: now,
            echo: Echo::default(),
        }
    }

    /// Becomes the panel of another configuration: vantages are known by their names, and what
    /// they said last is read again. Own votes are to be cast again.
    pub fn reconfigure(&mut self, next: Self) {
        let before = std::mem::replace(self, next);
        (self.frozen, self.echo) = (before.frozen, before.echo);
        self.rolls.extend(before.rolls);
        for seat in before.seats {
            let at = self.seats.iter().position(|next| next.name == seat.name);
            let is_other = |at: &usize| self.own.is_none_or(|own| own.index() != *at);
            let Some(at) = at.filter(is_other) else { continue };
            if let Some(next) = self.seats.get_mut(at) {
                (next.heard, next.patience) = (seat.heard, seat.patience);
                (next.is_missed, next.waiting) = (seat.is_missed, seat.waiting);
                next.changed = seat.changed;
            }
            seat.said.into_iter().for_each(|said| self.read(at, said));
        }
    }

    /// Takes a vote of this process's own vantage.
    pub fn cast(&mut self, id: CheckId, vote: Vote, since: Option<Timestamp>, now: Timestamp) {
        let Some(own) = self.own else { return };
        let Some(seat) = self.seats.get_mut(own.index()) else { return };
        if seat.heard.is_none() {
            self.is_unsettled = true;
        }
        seat.heard = Some(now);
        match vote {
            Vote::Down => {
                drop(seat.details.insert(id, Detail { since, held: None, reason: "".into() }))
            }
            Vote::Absent | Vote::Unable | Vote::Unknown | Vote::Up { .. } => {
                seat.details.remove(&id);
            }
        }
        self.put(own.index(), id, vote);
    }

    /// Takes what another vantage published, `age` ago.
    pub fn absorb(
        &mut self,
        said: Opinions,
        instance: u64,
        age: Duration,
        now: Timestamp,
    ) -> Absorbed {
        let Some(at) = self.seats.iter().position(|seat| seat.name == said.vantage) else {
            return Absorbed::Stranger;
        };
        if self.own.is_some_and(|own| own.index() == at) {
            return if self.echo.is_other(said.instance, instance) {
                Absorbed::Double
            } else {
                Absorbed::Known
            };
        }
        let Some(seat) = self.seats.get_mut(at) else { return Absorbed::Stranger };
        let heard = now.checked_sub(age).unwrap_or(now);
        if !seat.is_news(&said, heard) {
            return Absorbed::Known;
        }
        if !self.rolls.contains_key(&said.roll) {
            seat.waiting = Some((said, heard));
            return Absorbed::Waiting;
        }
        self.hear(at, said, heard);
        Absorbed::Taken
    }

    /// Learns what positions mean; opinions that waited for it count from now on.
    pub fn learn(&mut self, roll: Roll) {
        let digest = roll.digest();
        if !self.has_room(&roll) {
            let is_used = |digest: &u64| self.seats.iter().any(|seat| seat.refers_to(*digest));
            self.rolls.retain(|digest, _| is_used(digest));
            self.positions.retain(|digest, _| self.rolls.contains_key(digest));
        }
        if !self.has_room(&roll) {
            return;
        }
        self.rolls.insert(digest, Arc::new(roll));
        let waits =
            |seat: &Seat| seat.waiting.as_ref().is_some_and(|(said, _)| said.roll == digest);
        let waiting: Vec<usize> =
            (0..).zip(&self.seats).filter(|(_, seat)| waits(seat)).map(|(at, _)| at).collect();
        for at in waiting {
            let waiting = self.seats.get_mut(at).and_then(|seat| seat.waiting.take());
            if let Some((said, heard)) = waiting {
                self.hear(at, said, heard);
            }
        }
    }

    fn has_room(&self, roll: &Roll) -> bool {
        let checks: usize = self.rolls.values().map(|known| known.len()).sum();
        self.rolls.len() < limits::ROLLS && checks + roll.len() <= limits::ROLLS_CHECKS
    }

    /// Nobody else can be heard from `now` on: what they said last stays as old as it is.
    pub fn freeze(&mut self, now: Timestamp) {
        self.frozen = self.frozen.or(Some(now));
    }

    /// The others can be heard again; whoever was heard when it froze has its whole patience
    /// left.
    pub fn thaw(&mut self, now: Timestamp) {
        let Some(since) = self.frozen.take() else { return };
        for seat in &mut self.seats {
            let Some(heard) = seat.heard.filter(|heard| since < *heard + seat.patience) else {
                continue;
            };
            // One that was not heard since the last time has no more patience than it had.
            let gone = now.duration_since(since);
            seat.heard = Some(if seat.is_missed { heard + gone } else { now });
            seat.is_missed = true;
        }
    }

    /// Whether some vantage that was heard before a [`Panel::freeze`] was not yet heard again.
    pub fn is_missing_some(&self) -> bool {
        let others = (0..).zip(&self.seats).filter(|(at, _)| self.own != Some(VantageId(*at)));
        others.into_iter().any(|(_, seat)| seat.is_missed && seat.hearing != Hearing::Silent)
    }

    /// Finds who is heard and who is cut off at `now`. To be called before verdicts are asked
    /// for.
    pub fn settle(&mut self, now: Timestamp) {
        let reference = self.frozen.unwrap_or(now);
        let own = self.own;
        for (at, seat) in (0..).zip(&mut self.seats) {
            let is_fresh = match seat.heard {
                None => false,
                Some(_) if own == Some(VantageId(at)) => true,
                Some(heard) => reference < heard + seat.patience,
            };
            let was_fresh = seat.hearing != Hearing::Silent;
            if is_fresh != was_fresh {
                seat.hearing = if is_fresh { Hearing::Heard } else { Hearing::Silent };
                (self.is_all_touched, self.is_unsettled) = (true, true);
            }
            let is_settling = now < seat.settles_at(self.configured);
            if std::mem::replace(&mut seat.is_settling, is_settling) != is_settling {
                self.is_all_touched = true;
            }
        }
        if std::mem::take(&mut self.is_unsettled) {
            self.find_cut_off();
        }
    }

    /// The clock was set back to `now`: nobody was heard later.
    pub fn set_back(&mut self, now: Timestamp) {
        self.frozen = self.frozen.map(|since| since.min(now));
        self.configured = self.configured.min(now);
        for seat in &mut self.seats {
            seat.set_back(now);
        }
    }

    /// When somebody will no longer be heard unless something comes.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let settling = self.seats.iter().filter(|seat| seat.is_settling);
        let settled = settling.map(|seat| seat.settles_at(self.configured)).min();
        if self.frozen.is_some() {
            return settled;
        }
        let others = (0..).zip(&self.seats).filter(|(at, _)| self.own != Some(VantageId(*at)));
        let fresh = others.filter(|(_, seat)| seat.hearing != Hearing::Silent);
        fresh.filter_map(|(_, seat)| Some(seat.heard? + seat.patience)).chain(settled).min()
    }

    /// Has all checks counted again.
    pub const fn touch_all(&mut self) {
        self.is_all_touched = true;
    }

    /// The checks on which votes changed since the last call; `None`: all.
    pub fn touched(&mut self) -> Option<BTreeSet<CheckId>> {
        let touched = std::mem::take(&mut self.touched);
        (!std::mem::take(&mut self.is_all_touched)).then_some(touched)
    }

    /// The vantages, in the order of the configuration.
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The vantage of this process.
    pub const fn own(&self) -> Option<VantageId> {
        self.own
    }

    fn hear(&mut self, at: usize, said: Opinions, heard: Timestamp) {
        let Some(seat) = self.seats.get_mut(at) else { return };
        seat.patience = patience(said.heartbeat);
        seat.heard = Some(heard);
        seat.is_missed = false;
        self.read(at, (said, heard));
    }

    /// Reads what a vantage said into the votes.
    fn read(&mut self, at: usize, (said, heard): (Opinions, Timestamp)) {
        let Some(positions) = self.positions_of(said.roll) else {
            let seat = self.seats.get_mut(at);
            seat.into_iter().for_each(|seat| seat.waiting = Some((said.clone(), heard)));
            return;
        };
        let Some(seat) = self.seats.get_mut(at) else { return };
        let is_same_roll = seat.said.as_ref().is_some_and(|(before, _)| before.roll == said.roll);
        // Since when matters to who is cut off, also where no vote changed.
        (seat.is_changed, self.is_unsettled) = (true, true);
        if !is_same_roll && seat.said.is_some() {
            seat.changed = Some(heard);
        }
        let before = std::mem::take(&mut seat.details);
        let mut details = std::collections::BTreeMap::new();
        for exception in &said.exceptions {
            let place = usize::try_from(exception.at).unwrap_or(usize::MAX);
            let Some(id) = positions.get(place).copied().flatten() else { continue };
            // Its clock may be another than ours.
            let ours = |at: Timestamp| at.checked_add(heard.duration_since(said.at)).ok();
            let held = exception.held.and_then(|held| {
                Some(Held { until: ours(held.until)?, up_since: held.up_since.and_then(ours) })
            });
            let (since, reason) = (exception.since, Arc::clone(&exception.reason));
            let detail = Detail { since, held, reason };
            details.insert(id, (detail, exception.vote));
        }
        if is_same_roll {
            let gone = before.keys().filter(|id| !details.contains_key(*id));
            gone.for_each(|id| self.put(at, *id, Vote::Up { failures: 0 }));
        } else {
            self.clear(at);
            for id in positions.iter().flatten().filter(|id| !details.contains_key(*id)) {
                self.put(at, *id, Vote::Up { failures: 0 });
            }
        }
        details.iter().for_each(|(id, (_, vote))| self.put(at, *id, *vote));
        if let Some(seat) = self.seats.get_mut(at) {
            seat.details = details.into_iter().map(|(id, (detail, _))| (id, detail)).collect();
            seat.said = Some((said, heard));
        }
    }

    fn positions_of(&mut self, digest: u64) -> Option<Arc<[Option<CheckId>]>> {
        if let Some(known) = self.positions.get(&digest) {
            return Some(Arc::clone(known));
        }
        let found: Arc<[_]> = self.rolls.get(&digest)?.positions(&self.index).into();
        self.positions.insert(digest, Arc::clone(&found));
        Some(found)
    }

    fn clear(&mut self, at: usize) {
        for id in (0..).map(CheckId).take(self.items.len()) {
            self.put(at, id, Vote::Absent);
        }
    }

    fn put(&mut self, at: usize, id: CheckId, vote: Vote) {
        let slot = id.index() * self.seats.len() + at;
        let Some(slot) = self.votes.get_mut(slot) else { return };
        if std::mem::replace(slot, vote) != vote {
            self.touched.insert(id);
            self.is_unsettled = true;
            self.seats.get_mut(at).into_iter().for_each(|seat| seat.is_changed = true);
        }
    }
}

#[cfg(test)]
mod tests;
