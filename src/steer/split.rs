//! Split: one of several by weight, drawn or by the client's block.

use fastrand::Rng;

use crate::model::limits;
use crate::steer::BalancedEndpoint;
use crate::steer::balanced::mix;

/// How one of several is chosen.
#[derive(Debug)]
pub(crate) enum Chooser<'a> {
    /// At random, by weight.
    Draw(&'a mut Rng),
    /// By the hash of the client's block: the same block gets the same choice everywhere.
    Block(u64),
}

/// One of those to choose from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Its share; candidates with 0 are chosen only if all have 0.
    pub weight: u32,
    /// Equal on every node.
    pub identity: u64,
}

impl Chooser<'_> {
    /// Chooses one by weight, as `candidate` describes each; `None` if there is none. Two passes,
    /// no allocation.
    pub(crate) fn choose<I: Iterator + Clone>(
        &mut self,
        all: I,
        candidate: impl Fn(&I::Item) -> Candidate,
    ) -> Option<I::Item> {
        match self {
            Self::Draw(rng) => draw(rng, all, |one| candidate(one).weight),
            Self::Block(block) => rendezvous(*block, all, candidate),
        }
    }
}

/// Uniform in 0..sum, then the one whose part of the sum that falls into.
fn draw<I: Iterator + Clone>(
    rng: &mut Rng,
    mut all: I,
    weight: impl Fn(&I::Item) -> u32,
) -> Option<I::Item> {
    let (mut count, mut sum) = (0_usize, 0_u64);
    for one in all.clone() {
        count += 1;
        sum += u64::from(weight(&one));
    }
    if count <= 1 {
        return all.next();
    }
    if sum == 0 {
        return all.nth(rng.usize(0..count));
    }
    let mut left = rng.u64(0..sum);
    all.find(|one| {
        let weight = u64::from(weight(one));
        let hit = left < weight;
        left = left.saturating_sub(weight);
        hit
    })
}

/// Weighted rendezvous hashing: the highest of −w / ln u wins, u uniform in (0, 1) from the
/// hash of (block, candidate). When a candidate leaves, only its blocks move; when its weight
/// grows, blocks move only to it.
fn rendezvous<T>(
    block: u64,
    all: impl Iterator<Item = T>,
    candidate: impl Fn(&T) -> Candidate,
) -> Option<T> {
    let score = |one: &T| {
        let Candidate { weight, identity } = candidate(one);
        let hash = mix(block ^ identity.rotate_left(32));
        // 53 bits make a float without rounding; half a step keeps it off 0 and 1.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit the mantissa")]
        let uniform = ((hash >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        // All weights 0: an unweighted choice, below every weighted one.
        if weight == 0 { uniform - 1.0 } else { -f64::from(weight) / uniform.ln() }
    };
    let scored = all.map(|one| (score(&one), one));
    // The first of equals, which takes two equal identities.
    scored.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, one)| one)
}

/// Endpoints drawn for one answer, by their positions in the lane.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Picks {
    positions: [u8; limits::ANSWERS as usize],
    len: u8,
}

impl Picks {
    /// Draws up to `answers` of the endpoints in `eligible` (by position) without replacement.
    /// Those of weight 0 are drawn only when all are. O(answers × endpoints), no allocation.
    #[inline]
    pub(crate) fn draw(
        chooser: &mut Chooser<'_>,
        endpoints: &[BalancedEndpoint],
        eligible: u128,
        answers: u8,
    ) -> Self {
        if eligible.is_power_of_two() {
            let mut only = Self::default();
            only.push(eligible.trailing_zeros() as usize);
            return only;
        }
        Self::draw_several(chooser, endpoints, eligible, answers)
    }

    fn draw_several(
        chooser: &mut Chooser<'_>,
        endpoints: &[BalancedEndpoint],
        eligible: u128,
        answers: u8,
    ) -> Self {
        let mut picks = Self::default();
        let mut taken = !eligible;
        let is_eligible = |at: usize| eligible & 1 << at != 0;
        let is_weighted =
            endpoints.iter().enumerate().any(|(at, e)| e.weight > 0 && is_eligible(at));
        for _ in 0..answers.min(limits::ANSWERS) {
            let left = |(at, _): &(usize, &BalancedEndpoint)| taken & 1 << at == 0;
            let candidates = endpoints.iter().enumerate().filter(left);
            let as_candidate = |(_, e): &(usize, &BalancedEndpoint)| Candidate {
                weight: e.weight,
                identity: e.identity,
            };
            let Some((at, endpoint)) = chooser.choose(candidates, as_candidate) else { break };
            // Among what is left everybody has weight 0, and somebody else was drawn.
            if endpoint.weight == 0 && is_weighted {
                break;
            }
            taken |= 1 << at;
            picks.push(at);
        }
        picks
    }

    fn push(&mut self, at: usize) {
        if let Some(slot) = self.positions.get_mut(usize::from(self.len)) {
            *slot = u8::try_from(at).unwrap_or(u8::MAX);
            self.len += 1;
        }
    }

    /// The positions, in the order in which they were drawn.
    pub fn positions(&self) -> &[u8] {
        self.positions.get(..usize::from(self.len)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u128 = u128::MAX;

    fn endpoints(weights: &[u32]) -> Vec<BalancedEndpoint> {
        weights
            .iter()
            .enumerate()
            .map(|(at, weight)| BalancedEndpoint {
                weight: *weight,
                identity: mix(at as u64 + 1),
                rdata: Box::new([u8::try_from(at).unwrap()]),
            })
            .collect()
    }

    /// How often each endpoint comes first in 40,000 draws.
    fn shares(weights: &[u32], mut chooser: impl FnMut(u64) -> Picks) -> Vec<f64> {
        let mut counts = vec![0_u32; weights.len()];
        for round in 0..40_000 {
            counts[usize::from(chooser(round).positions()[0])] += 1;
        }
        counts.into_iter().map(|c| f64::from(c) / 40_000.0).collect()
    }

    fn expected(weights: &[u32]) -> Vec<f64> {
        let sum: u32 = weights.iter().sum();
        weights.iter().map(|w| f64::from(*w) / f64::from(sum)).collect()
    }

    #[test]
    fn first_records_are_drawn_by_weight() {
        for weights in [&[1, 1][..], &[5, 1, 4], &[0, 3, 1], &[1_000_000, 1]] {
            let all = endpoints(weights);
            let mut rng = Rng::with_seed(7);
            let drawn =
                shares(weights, |_| Picks::draw(&mut Chooser::Draw(&mut rng), &all, ALL, 1));
            let hashed =
                shares(weights, |r| Picks::draw(&mut Chooser::Block(mix(r)), &all, ALL, 1));
            for (at, share) in expected(weights).into_iter().enumerate() {
                assert!((drawn[at] - share).abs() < 0.015, "{weights:?} {drawn:?}");
                assert!((hashed[at] - share).abs() < 0.015, "{weights:?} {hashed:?}");
            }
        }
    }

    #[test]
    fn several_are_drawn_without_replacement() {
        let all = endpoints(&[3, 1, 2, 0]);
        let mut rng = Rng::with_seed(1);
        for _ in 0..100 {
            let picks = Picks::draw(&mut Chooser::Draw(&mut rng), &all, ALL, 8);
            let mut sorted = picks.positions().to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2], "weight 0 is not drawn beside others");
        }
        let standby = endpoints(&[0, 0]);
        assert_eq!(
            Picks::draw(&mut Chooser::Draw(&mut rng), &standby, 0b11, 2).positions().len(),
            2
        );
        assert_eq!(Picks::draw(&mut Chooser::Draw(&mut rng), &[], 0, 2).positions(), &[0_u8; 0]);
    }

    /// A change moves the fewest: who loses an endpoint moves, nobody else.
    #[test]
    fn rendezvous_moves_only_who_must() {
        let before = endpoints(&[1, 1, 1, 1]);
        let after = endpoints(&[1, 1, 1]);
        let heavier = endpoints(&[1, 1, 1, 2]);
        for block in 0..5_000 {
            let pick = |all: &[BalancedEndpoint]| {
                Picks::draw(&mut Chooser::Block(mix(block)), all, ALL, 1).positions()[0]
            };
            let (old, new) = (pick(&before), pick(&after));
            assert!(old == new || old == 3);
            let heavy = pick(&heavier);
            assert!(heavy == old || heavy == 3);
        }
    }
}
