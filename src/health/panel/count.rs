//! Counting: what the votes on one check come to.

use std::time::Duration;

use crate::health::CheckId;
use crate::health::Verdict;
use crate::health::Vote;
use crate::health::ballot::Ballot;
use crate::health::panel::Hearing;
use crate::health::panel::Panel;
use crate::health::panel::Seat;
use crate::model::VantageGroupId;

/// What the votes on a check come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// When it can turn down at the earliest, counted from its last outcomes; `None` unless
    /// it is up.
    pub down_in: Option<Duration>,
    /// Nobody who is heard can run the probe, and somebody tried.
    pub is_unable: bool,
    /// Somebody who is heard says up or down.
    pub is_seen: bool,
    /// Enough are heard for the verdict to be one.
    pub is_enough: bool,
}

impl Panel {
    /// What the votes on a check come to, `before` being the verdict that stands.
    pub fn find(&self, id: CheckId, before: Verdict) -> Option<Finding> {
        let item = self.items.get(id.index())?;
        let ballot = self.ballot(id);
        let verdict = ballot.verdict(&item.voting, before);
        let down_in = (verdict == Verdict::Up).then(|| {
            let left = self.left(id, item.fall);
            // Where nobody has looked since it started, as if all had just done.
            let probes = match left.is_empty() {
                true => Some(item.fall),
                false => ballot.down_after(&item.voting, &left),
            };
            probes.map(|probes| item.interval.saturating_mul(u32::from(probes.max(1))))
        });
        let mut heard = self.of(id).filter(|(seat, _)| seat.hearing == Hearing::Heard);
        let is_seen = ballot.whole().up + ballot.whole().down > 0;
        let is_unable = !is_seen && heard.any(|(_, vote)| vote == Vote::Unable);
        let is_enough = ballot.is_enough(&item.voting);
        Some(Finding { verdict, down_in: down_in.flatten(), is_unable, is_seen, is_enough })
    }

    /// What each vantage group comes to on a check; `whole` where too few of it are heard.
    pub fn of_groups(&self, id: CheckId, whole: Finding) -> Vec<Finding> {
        let Some(item) = self.items.get(id.index()) else { return Vec::new() };
        let (ballot, left) = (self.ballot(id), self.left(id, item.fall));
        let of_group = |group| {
            let Some(verdict) = ballot.of_group(group, &item.voting) else { return whole };
            let probes = Ballot::group_down_after(group, &item.voting, &left);
            let down_in = probes.filter(|_| verdict == Verdict::Up);
            let down_in = down_in.map(|left| item.interval.saturating_mul(left.max(1).into()));
            Finding { verdict, down_in, is_unable: false, is_seen: true, is_enough: true }
        };
        (0..u8::MAX).map(VantageGroupId).take(self.n_groups).map(of_group).collect()
    }

    /// How many who count say the same as `verdict`, how many say something, and why; the
    /// reason is that of the first, of others than this process.
    pub fn agreeing(&self, id: CheckId, verdict: Verdict) -> (usize, usize, Option<&str>) {
        let counting = self.of(id).filter(|(seat, _)| seat.hearing == Hearing::Heard);
        let (mut agree, mut all, mut reason) = (0, 0, None);
        for (seat, vote) in counting {
            let says = vote.says();
            all += usize::from(says != Verdict::Unknown);
            if says == verdict && says != Verdict::Unknown {
                agree += 1;
                let said = seat.details.get(&id).map(|detail| &*detail.reason);
                reason = reason.or_else(|| said.filter(|said| !said.is_empty()));
            }
        }
        (agree, all, reason)
    }

    /// What each vantage says of a check, in the order of the configuration.
    pub fn of(&self, id: CheckId) -> impl Iterator<Item = (&Seat, Vote)> {
        let first = id.index() * self.seats.len();
        let votes = self.votes.get(first..first + self.seats.len()).unwrap_or_default();
        self.seats.iter().zip(votes.iter().copied())
    }

    fn ballot(&self, id: CheckId) -> Ballot {
        // What a vantage does not have yet is not what it is not to have.
        let own = self.own.and_then(|own| self.seats.get(own.index()));
        let is_own = |seat: &Seat| own.is_some_and(|own| own.name == seat.name);
        let vote = |seat: &Seat, vote| match vote {
            // The own vantage has every check, and says so to the others.
            Vote::Absent if seat.is_settling || is_own(seat) => Vote::Unknown,
            Vote::Absent | Vote::Unknown | Vote::Unable | Vote::Down | Vote::Up { .. } => vote,
        };
        let votes = self.of(id).map(|(seat, of)| (seat.group, seat.counts(), vote(seat, of)));
        Ballot::count(self.n_groups, votes)
    }

    fn left(&self, id: CheckId, fall: u8) -> Vec<(VantageGroupId, u8)> {
        let left = |(seat, vote): (&Seat, Vote)| match vote {
            Vote::Up { failures } => Some((seat.group, fall.saturating_sub(failures).max(1))),
            Vote::Down => Some((seat.group, 0)),
            Vote::Absent | Vote::Unable | Vote::Unknown => None,
        };
        self.of(id).filter(|(seat, _)| seat.counts()).filter_map(left).collect()
    }
}
