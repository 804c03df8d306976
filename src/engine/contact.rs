//! Contact with the others: what a node does while it hears nobody.
//!
//! ```text
//!            lost                      60 s
//!   joined ───────► lost: verdicts hold ───► alone: what its own vantage
//!      ▲                    │                sees change decides
//!      │                    └──────┬────────────┘
//!      │    all heard again        │ joined
//!      └──────────────────── rejoining: verdicts hold
//! ```

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Contact;
use crate::engine::Engine;
use crate::engine::What;
use crate::engine::checks::CheckState;
use crate::health::CheckId;
use crate::health::Finding;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::health::Vote;

/// How long verdicts hold before a node that hears nobody decides by itself.
const ALONE_AFTER: Duration = Duration::from_secs(60);

/// How many times the failures it takes then for a vantage to call something down.
const ALONE_FALL: u8 = 2;

/// How a node hears the others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) contact: Contact,
    /// Since when.
    pub(super) since: Option<Timestamp>,
    /// Why nobody is heard.
    pub(super) why: String,
    /// Since when nobody was heard for longer than a moment.
    lost: Option<Timestamp>,
    /// Since when verdicts have held: when votes decided last.
    held: Option<Timestamp>,
}

impl Line {
    /// When it changes by itself.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let is_lost = self.contact == Contact::Lost;
        self.lost.filter(|_| is_lost).map(|lost| lost + ALONE_AFTER)
    }

    /// The clock was set back to `now`.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        self.since = self.since.map(|since| since.min(now));
        self.lost = self.lost.map(|lost| lost.min(now));
        self.held = self.held.map(|held| held.min(now));
    }

    /// Since when nobody is heard, if that is lost `now`: a link that comes and goes is lost
    /// from the first time on.
    fn lost_since(&self, now: Timestamp) -> Timestamp {
        let was_joined = match self.contact {
            Contact::Joined => self.since,
            Contact::Starting | Contact::Lost | Contact::Alone | Contact::Rejoining => None,
        };
        let is_settled = was_joined.is_some_and(|since| since + ALONE_AFTER <= now);
        self.lost.filter(|_| !is_settled).unwrap_or(now)
    }
}

impl Engine {
    /// The others can be heard from now on; all that they said follows.
    pub(super) fn joined(&mut self, now: Timestamp) {
        self.panel.thaw(now);
        self.vantage.say_all(now);
        self.card_due = now;
        let contact = match self.line.contact {
            Contact::Starting | Contact::Joined => Contact::Joined,
            Contact::Lost | Contact::Alone | Contact::Rejoining => {
                self.tell(now, What::Cluster { joined: true, why: String::new() });
                Contact::Rejoining
            }
        };
        self.enter(contact, now, String::new());
    }

    /// The others can't be heard.
    pub(super) fn lost(&mut self, why: String, now: Timestamp) {
        match self.line.contact {
            Contact::Lost | Contact::Alone => self.line.why = why,
            Contact::Starting | Contact::Joined | Contact::Rejoining => {
                self.panel.freeze(now);
                self.tell(now, What::Cluster { joined: false, why: why.clone() });
                self.enter(Contact::Lost, now, why);
            }
        }
    }

    /// Time passed, or somebody was heard.
    pub(super) fn follow_contact(&mut self, now: Timestamp) {
        match self.line.contact {
            Contact::Lost if self.line.next_deadline().is_some_and(|due| due <= now) => {
                self.line.contact = Contact::Alone;
                self.panel.touch_all();
            }
            // Who was heard before and is not yet again is waited for, until it is silent.
            Contact::Rejoining => {
                self.panel.settle(now);
                if !self.panel.is_missing_some() {
                    self.enter(Contact::Joined, now, String::new());
                }
            }
            Contact::Starting | Contact::Joined | Contact::Lost | Contact::Alone => {}
        }
    }

    /// What the votes on a check come to, as far as they may decide now.
    pub(super) fn finding(&self, id: CheckId, state: &CheckState) -> Option<Finding> {
        let before = state.verdict;
        let is_alone = self.line.contact == Contact::Alone;
        if before == Verdict::Unknown || state.is_provisional && !is_alone {
            let found = self.panel.find(id, Verdict::Unknown)?;
            let verdict = match found.verdict {
                Verdict::Unknown => before,
                Verdict::Up | Verdict::Down => found.verdict,
            };
            return Some(Finding { verdict, ..found });
        }
        let found = self.panel.find(id, before)?;
        if self.is_all_there_is() {
            return Some(found);
        }
        // What holds against a majority flips as soon as that may decide.
        let down_in = match (before, found.verdict) {
            (Verdict::Up, Verdict::Down) => Some(Duration::ZERO),
            _ => found.down_in,
        };
        let holds = Finding { verdict: before, down_in, ..found };
        match self.line.contact {
            Contact::Alone => self.own_finding(id, holds),
            Contact::Lost if self.is_enough(id) => self.own_finding(id, holds),
            Contact::Lost | Contact::Rejoining => Some(holds),
            Contact::Starting | Contact::Joined => Some(found),
        }
    }

    /// Whether what vantage groups say stays as it is, whatever is voted.
    pub(super) const fn holds(&self) -> bool {
        match self.line.contact {
            Contact::Joined => false,
            Contact::Starting | Contact::Lost | Contact::Alone | Contact::Rejoining => true,
        }
    }

    /// Tells of vantages that are heard, no longer heard, or cut off.
    pub(super) fn tell_hearing(&mut self, now: Timestamp) {
        let heard: Vec<Hearing> = self.panel.seats().iter().map(|seat| seat.hearing()).collect();
        if heard == self.heard {
            return;
        }
        let before = std::mem::replace(&mut self.heard, heard.clone());
        // One that is all there is has nobody to be compared with.
        if heard.len() < 2 || before.len() != heard.len() {
            return;
        }
        let told: Vec<What> = self
            .panel
            .seats()
            .iter()
            .zip(before.into_iter().zip(heard))
            .filter(|(_, (before, after))| before != after)
            .map(|(seat, (_, hearing))| What::Vantage { vantage: seat.name().to_owned(), hearing })
            .collect();
        told.into_iter().for_each(|what| self.tell(now, what));
    }

    fn enter(&mut self, contact: Contact, now: Timestamp, why: String) {
        let is_cautious = matches!(contact, Contact::Lost | Contact::Alone);
        let is_one_of_many = self.panel.seats().len() > 1;
        let times = if is_cautious && is_one_of_many { ALONE_FALL } else { 1 };
        let monitors = &self.plan.monitors;
        let checks = self.plan.checks.all.iter();
        for (sighting, check) in self.vantage.sightings_mut().iter_mut().zip(checks) {
            sighting.slow(monitors.get(check.monitor.index()), times);
        }
        let lost = match contact {
            Contact::Lost => Some(self.line.lost_since(now)),
            Contact::Starting | Contact::Joined | Contact::Alone | Contact::Rejoining => {
                self.line.lost
            }
        };
        let held = match (contact, self.line.contact) {
            (Contact::Lost, Contact::Starting | Contact::Joined) => Some(now),
            _ => self.line.held,
        };
        self.line = Line { contact, since: Some(now), why, lost, held };
        self.panel.touch_all();
    }

    /// Whether this node's vantage is the only one.
    pub(super) fn is_all_there_is(&self) -> bool {
        self.panel.seats().len() == 1 && self.panel.own().is_some()
    }

    /// Whether one vantage is enough by configuration, and so also where nobody else is heard.
    fn is_enough(&self, id: CheckId) -> bool {
        let monitor = self.plan.checks.get(id).map(|check| check.monitor);
        let monitor = monitor.and_then(|id| self.plan.monitors.get(id.index()));
        monitor.is_some_and(|m| m.voting.min_vantages == Some(1))
    }

    /// What its own vantage saw change since nobody was heard decides; the rest stays.
    fn own_finding(&self, id: CheckId, holds: Finding) -> Option<Finding> {
        let own = self.panel.own().and_then(|_| self.vantage.sightings().get(id.index()));
        let Some(own) = own else { return Some(holds) };
        // Both may have been set back to the same time.
        let is_new = own.opinion().since() >= self.line.held;
        let verdict = match own.vote() {
            Vote::Up { .. } if is_new => Verdict::Up,
            Vote::Down if is_new => Verdict::Down,
            Vote::Absent | Vote::Unable | Vote::Unknown | Vote::Up { .. } | Vote::Down => {
                return Some(holds);
            }
        };
        Some(Finding { verdict, ..holds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link that comes and goes is lost from the first time on; one that held for a minute
    /// begins anew, so that a node is not alone too early.
    #[test]
    fn a_link_that_held_for_a_minute_is_lost_anew() {
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let at = |seconds| start + Duration::from_secs(seconds);
        let line =
            |contact| Line { contact, since: Some(at(100)), lost: Some(start), ..Line::default() };
        assert_eq!(line(Contact::Joined).lost_since(at(159)), start);
        assert_eq!(line(Contact::Joined).lost_since(at(160)), at(160));
        assert_eq!(line(Contact::Rejoining).lost_since(at(160)), start);
        assert_eq!(Line::default().lost_since(at(160)), at(160));
        let lost = Line { lost: Some(at(160)), ..line(Contact::Lost) };
        assert_eq!(lost.next_deadline(), Some(at(160) + ALONE_AFTER));
    }
}
