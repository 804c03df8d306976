//! Verdicts: from the votes of the panel to what stands of each check.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::What;
use crate::engine::saved::SavedCheck;
use crate::health::CheckId;
use crate::health::Finding;
use crate::health::Report;
use crate::health::Verdict;
use crate::health::Vote;
use crate::model::VantageGroupId;
use crate::model::VotingScope;

/// How soon after a verdict or an order a node says what all it has of them come to.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// What stands of one check.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CheckState {
    pub(super) verdict: Verdict,
    pub(super) since: Option<Timestamp>,
    /// When it can turn down at the earliest, counted from its last outcomes.
    pub(super) down_in: Option<Duration>,
    /// Nobody can run the probe.
    pub(super) is_unable: bool,
    /// Since when; kept until somebody sees it again.
    pub(super) unable_since: Option<Timestamp>,
    /// Until when it is up at the most if nobody can run the probe before.
    pub(super) unable_until: Option<Timestamp>,
    /// It was decided by fewer than it takes, since nothing was known: until enough are heard it
    /// is what those say who are, so that nodes that have heard the same say the same.
    pub(super) is_provisional: bool,
    /// What each vantage group says, where it is for its own clients.
    pub(super) of_groups: Box<[Finding]>,
    pub(super) flips: u64,
}

impl CheckState {
    /// As it was before a restart.
    pub(super) fn restored(saved: &SavedCheck, groups: &[String]) -> Self {
        let SavedCheck { verdict, since, unable_since, groups: own, .. } = saved;
        let finding = |verdict| Finding {
            verdict,
            down_in: None,
            is_unable: false,
            is_seen: true,
            is_enough: true,
        };
        let of_group = |group| finding(own.get(group).copied().unwrap_or(*verdict));
        let is_any = !own.is_empty();
        let of_groups = groups.iter().filter(|_| is_any).map(of_group).collect();
        let (verdict, since, unable_since) = (*verdict, *since, *unable_since);
        Self { verdict, since, unable_since, of_groups, ..Self::default() }
    }

    /// What it is for the clients of a vantage group, or for all, and when that can turn down
    /// at the earliest.
    pub(super) fn of(&self, group: Option<VantageGroupId>) -> (Verdict, Option<Duration>) {
        let own = group.and_then(|group| self.of_groups.get(group.index()));
        own.map_or((self.verdict, self.down_in), |own| (own.verdict, own.down_in))
    }
}

impl Engine {
    /// Takes an outcome of this node's own prober.
    pub(super) fn report(&mut self, report: Report, now: Timestamp) {
        // Of a check that a reload took away; its last probe was under way.
        let key = report.check.to_string();
        let Some((id, seen)) = self.vantage.take(report, now) else { return };
        if let Some(ends) = seen.certificate {
            self.tell(now, What::Certificate { check: key, ends });
        }
        self.cast(id, now);
    }

    /// Puts this node's own vote on the panel.
    pub(super) fn cast(&mut self, id: CheckId, now: Timestamp) {
        if let Some(sighting) = self.vantage.sightings().get(id.index()) {
            self.panel.cast(id, sighting.vote(), sighting.opinion().since(), now);
        }
    }

    /// Counts the votes on what changed since the last time.
    pub(super) fn count(&mut self, now: Timestamp) {
        self.follow_contact(now);
        self.panel.settle(now);
        self.tell_hearing(now);
        match self.panel.touched() {
            Some(touched) => touched.into_iter().for_each(|id| self.count_one(id, now)),
            None => {
                let all = u32::try_from(self.checks.len()).unwrap_or(u32::MAX);
                (0..all).for_each(|id| self.count_one(CheckId(id), now));
            }
        }
        while let Some((_, id)) = self.unable.first().copied().filter(|(until, _)| *until <= now) {
            self.unable.pop_first();
            self.count_one(id, now);
        }
    }

    /// What a finding comes to while nobody can run the probe: up is held so long and no longer,
    /// whatever it is that nobody can. Then it is unknown: nothing was seen to be wrong, so it is
    /// not down, and nothing shows that it is well.
    fn bounded(&mut self, id: CheckId, found: Finding, now: Timestamp) -> Finding {
        let monitor = self.plan.checks.get(id).map(|check| check.monitor);
        let monitor = monitor.and_then(|id| self.plan.monitors.get(id.index()));
        let hold = monitor.map(|monitor| monitor.hold_unable).unwrap_or_default();
        let Some(state) = self.checks.get_mut(id.index()) else { return found };
        let since = match (found.is_unable, found.is_seen) {
            (true, _) => state.unable_since.or(Some(now)),
            (false, true) => None,
            (false, false) => state.unable_since,
        };
        let is_held = found.is_unable && found.verdict == Verdict::Up;
        let until =
            since.filter(|_| is_held).map(|since| since.saturating_add(hold).unwrap_or(now));
        if let Some(before) = state.unable_until {
            self.unable.remove(&(before, id));
        }
        let is_over = until.is_some_and(|until| until <= now);
        let until = until.filter(|_| !is_over);
        self.unable.extend(until.map(|until| (until, id)));
        self.effects.save |= state.unable_since != since;
        (state.unable_since, state.unable_until) = (since, until);
        match is_over {
            true => Finding { verdict: Verdict::Unknown, down_in: None, ..found },
            false => found,
        }
    }

    /// Forgets until when verdicts are held; they are all counted again.
    pub(super) fn forget_unable(&mut self) {
        self.unable.clear();
        self.checks.iter_mut().for_each(|check| check.unable_until = None);
        self.panel.touch_all();
    }

    fn count_one(&mut self, id: CheckId, now: Timestamp) {
        let Some(before) = self.checks.get(id.index()) else { return };
        let Some(found) = self.finding(id, before) else { return };
        let found = self.bounded(id, found, now);
        let Some(before) = self.checks.get(id.index()) else { return };
        let (of_groups, Finding { verdict, down_in, is_unable, .. }) =
            (self.views(id, found), found);
        let is_first = before.verdict == Verdict::Unknown || before.is_provisional;
        let is_provisional = is_first && verdict != Verdict::Unknown && !found.is_enough;
        let was = before.verdict;
        let is_new = (verdict, down_in, is_unable) != (was, before.down_in, before.is_unable)
            || of_groups != before.of_groups;
        let Some(state) = self.checks.get_mut(id.index()) else { return };
        state.is_provisional = is_provisional;
        if !is_new {
            return;
        }
        (state.down_in, state.is_unable, state.of_groups) = (down_in, is_unable, of_groups);
        if verdict != was {
            state.flips += u64::from(verdict == Verdict::Down);
            (state.verdict, state.since) = (verdict, Some(now));
        }
        self.touch(id);
        if verdict != was {
            self.effects.save = true;
            // The others see soon whether they agree.
            self.card_due = self.card_due.min(now + SOON);
            let check = self.plan.checks.get(id).map(|check| check.key.to_string());
            let reason = match verdict {
                Verdict::Unknown => self.unable(id).map(|why| format!("can't be probed: {why}")),
                Verdict::Up | Verdict::Down => Some(self.reason(id)),
            };
            let (check, reason) = (check.unwrap_or_default(), reason.unwrap_or_default());
            self.tell(now, What::Check { check, before: was, after: verdict, reason });
        }
    }

    /// What the vantage groups say of a check whose verdict is for their own clients.
    fn views(&self, id: CheckId, found: Finding) -> Box<[Finding]> {
        let monitor = self.plan.checks.get(id).map(|check| check.monitor);
        let monitor = monitor.and_then(|id| self.plan.monitors.get(id.index()));
        let is_scoped = monitor.is_some_and(|m| m.voting.scope == VotingScope::Vantage);
        if !is_scoped || self.holds() {
            // What this node decides alone is for all; else what stands for each stays.
            let is_same = |check: &&CheckState| check.verdict == found.verdict;
            let stands = self.checks.get(id.index()).filter(|_| is_scoped).filter(is_same);
            return stands.map(|check| check.of_groups.clone()).unwrap_or_default();
        }
        self.panel.of_groups(id, found).into()
    }

    /// Why a check has its verdict: in the words of a vantage that says the same.
    pub(super) fn reason(&self, id: CheckId) -> String {
        let Some(state) = self.checks.get(id.index()) else { return String::new() };
        let own = self.vantage.sightings().get(id.index());
        let agrees = |vote: Vote| vote.says() != Verdict::Unknown && vote.says() == state.verdict;
        let is_alone = self.is_all_there_is();
        let said = own.filter(|own| is_alone || agrees(own.vote())).map(|own| own.reason());
        if is_alone || state.verdict != Verdict::Down {
            return said.unwrap_or_default().to_owned();
        }
        let (agree, all, reason) = self.panel.agreeing(id, state.verdict);
        let said = said.filter(|said| !said.is_empty()).or(reason).unwrap_or("down");
        format!("{said} ({agree} of {all} vantages)")
    }

    /// Why nobody can probe a check.
    pub(super) fn unable(&self, id: CheckId) -> Option<String> {
        let own = self.vantage.sightings().get(id.index());
        if let Some(reason) = own.and_then(|own| own.unable()) {
            return Some(reason.to_owned());
        }
        let state = self.checks.get(id.index())?;
        state.is_unable.then(|| "no vantage that is heard can run it".to_owned())
    }
}
