//! How many vantages decide on a target.

/// How many of those who vote must call a target up for it to be up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Quorum {
    /// Half of them: a tie is up.
    #[default]
    Majority,
    /// More than so many of a hundred; at most 99. Route 53 takes 18.
    Share(u8),
    /// So many, or all if fewer vote; at least 1.
    Count(u16),
}

impl Quorum {
    /// Of `voters`, how many must call a target down for it to be down; at least 1.
    pub fn downs(self, voters: usize) -> usize {
        let spare = match self {
            Self::Majority => voters / 2,
            Self::Share(percent) => voters - (voters * usize::from(percent) / 100).min(voters),
            Self::Count(count) => voters - usize::from(count).min(voters),
        };
        match self {
            // So many are not enough to be up.
            Self::Share(_) => spare.max(1),
            Self::Majority | Self::Count(_) => spare + 1,
        }
    }

    /// Whether a target that `up` call up and `down` call down is up; one of which nobody says
    /// anything is.
    pub fn is_up(self, up: usize, down: usize) -> bool {
        down < self.downs(up + down)
    }
}

/// How the vantages of a monitor decide together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Voting {
    /// Among all vantages; with `of_groups` among those of each group.
    pub quorum: Quorum,
    /// Among the groups, each having one vote; `None`: groups don't matter.
    pub of_groups: Option<Quorum>,
    /// How many vantages must be heard for a verdict to change; `None`: more than half of those
    /// that are configured and can run the probe.
    pub min_vantages: Option<u16>,
    /// For whom a verdict holds.
    pub scope: VotingScope,
}

/// For whom a verdict holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VotingScope {
    /// For all clients.
    #[default]
    Everyone,
    /// What a vantage group says holds for the clients nearest to it.
    Vantage,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tie_is_up_a_share_must_be_exceeded_a_number_reached() {
        for (quorum, up, down, expected) in [
            (Quorum::Majority, 1, 1, true),
            (Quorum::Majority, 1, 2, false),
            (Quorum::Majority, 0, 1, false),
            (Quorum::Majority, 0, 0, true),
            (Quorum::Share(18), 18, 82, false),
            (Quorum::Share(18), 19, 81, true),
            (Quorum::Share(0), 0, 3, false),
            (Quorum::Share(0), 1, 2, true),
            (Quorum::Share(99), 2, 1, false),
            (Quorum::Share(99), 3, 0, true),
            (Quorum::Count(2), 2, 5, true),
            (Quorum::Count(2), 1, 5, false),
            // Fewer vote than it takes: all of them.
            (Quorum::Count(2), 1, 0, true),
            (Quorum::Count(2), 0, 1, false),
            (Quorum::Count(5), 2, 1, false),
        ] {
            assert_eq!(quorum.is_up(up, down), expected, "{quorum:?}: {up} up, {down} down");
        }
    }
}
