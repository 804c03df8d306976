//! How long to wait before the next try.

use std::time::Duration;

use crate::cluster::fault::Kind;

/// The first pause; each one after is twice as long.
const FIRST: Duration = Duration::from_millis(100);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// The longest pause of a link that had contact: a store that is restarted has to be noticed
/// within a second, and one that was lost for good costs two attempts a second.
const LONGEST_AFTER_CONTACT: Duration = Duration::from_millis(500);

/// Pauses that grow, each a little different from what others wait.
#[derive(Debug)]
pub(super) struct Pace {
    next: Duration,
    dice: fastrand::Rng,
}

impl Pace {
    pub(super) fn new(dice: fastrand::Rng) -> Self {
        Self { next: FIRST, dice }
    }

    /// Begins with the shortest again.
    pub(super) fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The pause after a fault.
    pub(super) fn pause(&mut self, kind: Kind, had_contact: bool) -> Duration {
        let longest = match kind {
            Kind::Broken | Kind::Passing if had_contact => LONGEST_AFTER_CONTACT,
            Kind::Broken | Kind::NeedsHands | Kind::Passing => LONGEST,
        };
        let pause = self.next.min(longest);
        self.next = self.next.saturating_mul(2).min(LONGEST);
        // Three quarters to all of it: who lost the same server at once comes back apart.
        pause.mul_f64(0.75 + 0.25 * self.dice.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses without the dice: the shortest that each may be.
    fn check(kind: Kind, had_contact: bool, expected: &[u64]) {
        let mut pace = Pace::new(fastrand::Rng::with_seed(7));
        for most in expected {
            let pause = pace.pause(kind, had_contact).as_millis();
            let most = u128::from(*most);
            assert!((most * 3 / 4..=most).contains(&pause), "{kind:?}: {pause} of {most} ms");
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        check(Kind::Broken, false, &[100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        check(Kind::Broken, true, &[100, 200, 400, 500, 500, 500, 500]);
        check(Kind::NeedsHands, true, &[100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        check(Kind::Passing, true, &[100, 200, 400, 500, 500]);
    }
}
