//! The ballot: from the votes of vantages on one check to a verdict.

use crate::health::Verdict;
use crate::health::Vote;
use crate::model::Quorum;
use crate::model::VantageGroupId;
use crate::model::Voting;
use crate::model::limits;

/// What the vantages of one group say of one check.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Tally {
    /// Of those that are heard, how many say up.
    pub(super) up: u16,
    /// Of those that are heard, how many say down.
    pub(super) down: u16,
    /// How many there are in the configuration, without those that can't probe it.
    pub(super) able: u16,
}

/// The votes on one check, counted by group.
pub(super) struct Ballot {
    groups: [Tally; limits::VANTAGE_GROUPS],
    /// How many groups there are.
    n_groups: usize,
}

impl Tally {
    fn votes(self) -> u16 {
        self.up + self.down
    }

    /// Whether more than half of those who might vote are heard.
    fn speaks(self) -> bool {
        self.votes() > 0 && self.votes() * 2 > self.able
    }

    fn is_up(self, quorum: Quorum) -> bool {
        quorum.is_up(self.up.into(), self.down.into())
    }
}

impl Ballot {
    /// Counts votes; of each vantage its group, whether it counts, and what it says.
    pub(super) fn count(
        n_groups: usize,
        votes: impl Iterator<Item = (VantageGroupId, bool, Vote)>,
    ) -> Self {
        let mut groups = [Tally::default(); limits::VANTAGE_GROUPS];
        for (group, counts, vote) in votes {
            let Some(tally) = groups.get_mut(group.index()) else { continue };
            match vote {
                Vote::Absent | Vote::Unable if counts => continue,
                Vote::Up { .. } if counts => tally.up += 1,
                Vote::Down if counts => tally.down += 1,
                Vote::Absent | Vote::Unable | Vote::Unknown | Vote::Up { .. } | Vote::Down => {}
            }
            tally.able += 1;
        }
        Self { groups, n_groups }
    }

    fn groups(&self) -> impl Iterator<Item = Tally> + '_ {
        self.groups.iter().take(self.n_groups).copied()
    }

    /// All groups as one.
    pub(super) fn whole(&self) -> Tally {
        self.groups().fold(Tally::default(), |sum, tally| Tally {
            up: sum.up + tally.up,
            down: sum.down + tally.down,
            able: sum.able + tally.able,
        })
    }

    /// What all come to. The verdict before holds while too few are heard; but of what nothing
    /// is known, whoever is heard first says what it is.
    pub(super) fn verdict(&self, voting: &Voting, before: Verdict) -> Verdict {
        let whole = self.whole();
        if whole.votes() == 0 || before != Verdict::Unknown && !self.is_enough(voting) {
            return before;
        }
        let is_up = match voting.of_groups {
            None => whole.is_up(voting.quorum),
            Some(of_groups) => {
                let (up, down) = self.votes_of_groups(voting.quorum, before);
                of_groups.is_up(up, down)
            }
        };
        if is_up { Verdict::Up } else { Verdict::Down }
    }

    /// What one group comes to by itself; `None` if too few of it are heard.
    pub(super) fn of_group(&self, group: VantageGroupId, voting: &Voting) -> Option<Verdict> {
        let tally = self.groups.get(group.index()).filter(|tally| tally.speaks())?;
        Some(if tally.is_up(voting.quorum) { Verdict::Up } else { Verdict::Down })
    }

    /// As [`Ballot::down_after`], for what one group says by itself.
    pub(super) fn group_down_after(
        group: VantageGroupId,
        voting: &Voting,
        left: &[(VantageGroupId, u8)],
    ) -> Option<u8> {
        let own = left.iter().filter(|(of, _)| *of == group).map(|(_, left)| *left);
        kth(own.collect(), voting.quorum)
    }

    /// Whether so many are heard as it takes for a verdict to change.
    pub(super) fn is_enough(&self, voting: &Voting) -> bool {
        let whole = self.whole();
        let is_heard = match (voting.min_vantages, voting.of_groups) {
            (Some(least), _) => whole.votes() >= least.min(whole.able).max(1),
            (None, None) => whole.speaks(),
            (None, Some(_)) => true,
        };
        let able = self.groups().filter(|tally| tally.able > 0).count();
        let speaking = self.groups().filter(|tally| tally.speaks()).count();
        is_heard && (voting.of_groups.is_none() || speaking * 2 > able)
    }

    /// How many groups say up and down. At first a group need not be complete to be heard.
    fn votes_of_groups(&self, quorum: Quorum, before: Verdict) -> (usize, usize) {
        let is_heard = |tally: &Tally| match before {
            Verdict::Unknown => tally.votes() > 0,
            Verdict::Up | Verdict::Down => tally.speaks(),
        };
        let heard = self.groups().filter(is_heard);
        heard.fold((0, 0), |(up, down), tally| match tally.is_up(quorum) {
            true => (up + 1, down),
            false => (up, down + 1),
        })
    }

    /// After how many more failures at each vantage the check can be down at the earliest:
    /// `left` are those that each vantage that counts has to see, 0 where it is down.
    pub(super) fn down_after(&self, voting: &Voting, left: &[(VantageGroupId, u8)]) -> Option<u8> {
        let Some(of_groups) = voting.of_groups else {
            return kth(left.iter().map(|(_, left)| *left).collect(), voting.quorum);
        };
        let ids = (0..u8::MAX).map(VantageGroupId).take(self.n_groups);
        let of_group = |group| Self::group_down_after(group, voting, left);
        kth(ids.filter_map(of_group).collect(), of_groups)
    }
}

/// The one that tips it, of numbers after which each is down.
fn kth(mut left: Vec<u8>, quorum: Quorum) -> Option<u8> {
    let tipping = quorum.downs(left.len()).checked_sub(1)?;
    if tipping >= left.len() {
        return None;
    }
    Some(*left.select_nth_unstable(tipping).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VotingScope;

    /// Votes by group, `u` up, `d` down, `?` not probed, `x` can't; not heard: `-` was up, `~`
    /// could not.
    fn ballot(groups: &str) -> Ballot {
        let groups: Vec<&str> = groups.split(' ').collect();
        let votes = groups.iter().enumerate().flat_map(|(group, votes)| {
            votes.chars().map(move |vote| {
                let group = VantageGroupId(u8::try_from(group).unwrap());
                let (counts, vote) = match vote {
                    'u' => (true, Vote::Up { failures: 0 }),
                    'd' => (true, Vote::Down),
                    '?' => (true, Vote::Unknown),
                    'x' => (true, Vote::Unable),
                    '-' => (false, Vote::Up { failures: 0 }),
                    '~' => (false, Vote::Unable),
                    other => panic!("{other}"),
                };
                (group, counts, vote)
            })
        });
        Ballot::count(groups.len(), votes)
    }

    fn voting(quorum: Quorum, of_groups: Option<Quorum>, min_vantages: Option<u16>) -> Voting {
        Voting { quorum, of_groups, min_vantages, scope: VotingScope::Everyone }
    }

    #[test]
    fn more_than_half_of_those_heard_and_more_than_half_are_heard() {
        use Verdict::{Down, Unknown, Up};
        let majority = voting(Quorum::Majority, None, None);
        for (votes, before, expected) in [
            ("ddu", Up, Down),
            ("duu", Down, Up),
            ("du-", Down, Up),
            ("dd-", Up, Down),
            ("d--", Up, Up),
            ("u--", Down, Down),
            ("---", Up, Up),
            // One that can't is not waited for; one that has not probed yet is.
            ("d-x", Up, Up),
            ("dx?", Up, Up),
            ("dxx", Up, Down),
            ("d??", Up, Up),
            // One that is silent may be able by now.
            ("d~~", Up, Up),
            ("xxx", Up, Up),
            // The first decides where nothing is known.
            ("d--", Unknown, Down),
            ("?u-", Unknown, Up),
            ("???", Unknown, Unknown),
            ("u", Down, Up),
            ("d", Up, Down),
        ] {
            assert_eq!(ballot(votes).verdict(&majority, before), expected, "{votes} {before}");
        }
    }

    #[test]
    fn one_vantage_may_be_enough_and_all_may_be_needed() {
        use Verdict::{Down, Up};
        let one = voting(Quorum::Count(1), None, Some(1));
        assert_eq!(ballot("ddu").verdict(&one, Down), Up);
        assert_eq!(ballot("d--").verdict(&one, Up), Down);
        let all = voting(Quorum::Majority, None, Some(3));
        assert_eq!(ballot("dd-").verdict(&all, Up), Up);
        assert_eq!(ballot("ddx").verdict(&all, Up), Down, "three can't be had");
    }

    #[test]
    fn groups_have_one_vote_each_however_many_they_are() {
        use Verdict::{Down, Up};
        let groups = voting(Quorum::Majority, Some(Quorum::Majority), None);
        for (votes, before, expected) in [
            ("uuuuu d d", Up, Down),
            ("uuuuu d u", Down, Up),
            ("ddddd u u", Up, Up),
            // A group of which most are silent has no vote, and too few groups decide nothing.
            ("u-- d d", Up, Down),
            ("u-- - d", Up, Up),
            ("ddu ddu uuu", Up, Down),
        ] {
            assert_eq!(ballot(votes).verdict(&groups, before), expected, "{votes} {before}");
        }
        let europe = VantageGroupId(1);
        assert_eq!(ballot("uuu ddu").of_group(europe, &groups), Some(Down));
        assert_eq!(ballot("uuu d--").of_group(europe, &groups), None);
    }

    #[test]
    fn the_earliest_is_that_of_the_vantage_that_tips_it() {
        let of = |quorum, of_groups, left: &[(u8, u8)]| {
            let left: Vec<_> = left.iter().map(|(g, left)| (VantageGroupId(*g), *left)).collect();
            ballot("- - -").down_after(&voting(quorum, of_groups, None), &left)
        };
        assert_eq!(of(Quorum::Majority, None, &[(0, 3)]), Some(3));
        assert_eq!(of(Quorum::Majority, None, &[(0, 3), (0, 1), (0, 2)]), Some(2));
        assert_eq!(of(Quorum::Majority, None, &[(0, 0), (0, 3), (0, 3)]), Some(3));
        assert_eq!(of(Quorum::Count(1), None, &[(0, 1), (0, 2), (0, 3)]), Some(3), "all must");
        let majority = Some(Quorum::Majority);
        assert_eq!(of(Quorum::Majority, majority, &[(0, 1), (1, 3), (2, 2)]), Some(2));
        assert_eq!(of(Quorum::Majority, None, &[]), None);
    }
}
