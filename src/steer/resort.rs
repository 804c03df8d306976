//! The last resort: which clients are answered with what an operator drained, since nothing
//! else is left to them.
//!
//! It asks the maps and the standing that queries are answered from, so that what is said of a
//! drain is what is done.

use crate::model::AllDown;
use crate::model::RegionId;
use crate::steer::Admission;
use crate::steer::Balanced;
use crate::steer::Fence;
use crate::steer::Labels;
use crate::steer::ServiceStanding;
use crate::steer::Step;

/// Clients of a service that are answered with what is drained.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastResort {
    /// The regions that they may get.
    pub fence: Fence,
    /// The family that they ask for, by position; 0 for host names.
    pub lane: usize,
    /// The pools that answer, by position in the service, and which of their endpoints, by
    /// position in the lane.
    pub pools: Vec<(usize, u128)>,
}

impl LastResort {
    /// Whether an endpoint is answered.
    pub fn answers(&self, pool: usize, lane: usize, position: usize) -> bool {
        let bit = u32::try_from(position).ok().and_then(|at| 1_u128.checked_shl(at)).unwrap_or(0);
        lane == self.lane && self.pools.iter().any(|(at, set)| *at == pool && set & bit != 0)
    }
}

/// The clients of a service that are answered with what is drained. Mostly none: O(fences ×
/// pools) then. Else the orders of preference are looked through until each pool was found first.
pub fn last_resorts(
    service: &Balanced,
    standing: &ServiceStanding,
    labels: &Labels,
) -> Vec<LastResort> {
    if service.all_down != AllDown::FailOpen {
        return Vec::new();
    }
    let mut found = Vec::new();
    for fence in labels.fences() {
        let standing = standing.of_group(fence.group);
        for lane in 0..2 {
            let inside = inside(service, fence);
            let best = inside.map(|pool| standing.admission(pool, lane)).max();
            if best != Some(Admission::Drained) {
                continue;
            }
            let pools = first_pools(service, standing, labels, fence, lane);
            found.push(LastResort { fence: *fence, lane, pools });
        }
    }
    found
}

/// The pools of a service that clients behind a fence may get.
fn inside<'a>(service: &'a Balanced, fence: &'a Fence) -> impl Iterator<Item = usize> + 'a {
    let pools = service.pools.iter().enumerate();
    pools.filter(|(_, pool)| fence.regions.contains(pool.region)).map(|(at, _)| at)
}

/// A drained pool, who of it is drawn, and its weight among pools.
type Candidate = (usize, u128, u32);

/// The drained pools that come first for somebody behind a fence, and who of them is drawn.
fn first_pools(
    service: &Balanced,
    standing: &ServiceStanding,
    labels: &Labels,
    fence: &Fence,
    lane: usize,
) -> Vec<(usize, u128)> {
    let of = |pool| {
        let found = standing.drained(service, pool, lane)?;
        Some((pool, drawn(service, pool, lane, found.endpoints), found.weight))
    };
    let candidates: Vec<Candidate> = inside(service, fence).filter_map(of).collect();
    let mut first: Vec<usize> = Vec::new();
    for label in labels.ids().filter(|label| labels.fence_of(*label) == *fence) {
        first.extend(first_of(labels.steps(label), &candidates, |region| service.pool_in(region)));
        first.sort_unstable();
        first.dedup();
        if first.len() == candidates.len() {
            break;
        }
    }
    let is_first = |(pool, ..): &&Candidate| first.contains(pool);
    candidates.iter().filter(is_first).map(|(pool, set, _)| (*pool, *set)).collect()
}

/// The pools that are drawn from by one order of preference: of the first tier in which one has
/// a weight, else of the first in which there is one.
fn first_of(
    steps: &[Step],
    candidates: &[Candidate],
    pool_in: impl Fn(RegionId) -> Option<usize>,
) -> Vec<usize> {
    let tiers = || steps.chunk_by(|_, next| !next.opens_tier);
    let of_tier = |tier: &[Step], least: u32| -> Vec<usize> {
        let pools = tier.iter().filter_map(|step| pool_in(step.region));
        let is_there = |pool: &usize| candidates.iter().any(|(at, _, w)| at == pool && *w >= least);
        pools.filter(is_there).collect()
    };
    let found = |least| tiers().map(|tier| of_tier(tier, least)).find(|pools| !pools.is_empty());
    found(1).or_else(|| found(0)).unwrap_or_default()
}

/// Of the endpoints of a lane those that are drawn: one of weight 0 only if all are.
fn drawn(service: &Balanced, pool: usize, lane: usize, set: u128) -> u128 {
    let lane = service.pools.get(pool).and_then(|pool| pool.lanes.get(lane));
    let all = lane.map_or(&[][..], |lane| service.endpoints(*lane));
    let weighted = (0..128).zip(all).filter(|(_, endpoint)| endpoint.weight > 0);
    let weighted = weighted.fold(0, |set, (at, _)| set | 1_u128 << at) & set;
    if weighted == 0 { set } else { weighted }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rank;
    use crate::steer::fixture::map;
    use crate::steer::fixture::policy;
    use crate::steer::fixture::service;

    /// Nobody is answered with what is drained while something is down at worst, nor where the
    /// service says otherwise.
    #[test]
    fn what_is_drained_answers_where_nothing_else_is_left() {
        let map = map(&policy(Rank::Priority, &[]));
        let of = |all_down, admissions: [Admission; 3]| {
            let service = service(1, |service, _| service.all_down = all_down);
            let standing = ServiceStanding::new(&service, |region| admissions[region.index()]);
            let found = last_resorts(&service, &standing, map.labels());
            found.into_iter().map(|resort| (resort.lane, resort.pools)).collect::<Vec<_>>()
        };
        use Admission::{Barred, Down, Drained};
        assert_eq!(of(AllDown::FailOpen, [Drained, Drained, Barred]), [(0, vec![(0, 1)])]);
        assert_eq!(of(AllDown::FailOpen, [Barred, Drained, Drained]), [(0, vec![(1, 1)])]);
        assert_eq!(of(AllDown::FailOpen, [Drained, Down, Drained]), []);
        assert_eq!(of(AllDown::FailOpen, [Barred; 3]), []);
        assert_eq!(of(AllDown::ServFail, [Drained; 3]), []);
    }

    #[test]
    fn the_first_tier_with_a_weight_answers_and_else_the_first() {
        let step = |region, opens_tier| Step { region: RegionId(region), opens_tier };
        let steps = [step(0, true), step(1, true), step(2, false), step(3, true)];
        let of = |candidates: &[(usize, u32)]| {
            let all: Vec<Candidate> = candidates.iter().map(|(at, w)| (*at, 1, *w)).collect();
            first_of(&steps, &all, |region| Some(region.index()))
        };
        assert_eq!(of(&[(1, 5), (3, 5)]), [1]);
        assert_eq!(of(&[(1, 5), (2, 5), (3, 5)]), [1, 2], "a tier is drawn from as a whole");
        assert_eq!(of(&[(0, 0), (2, 5)]), [2], "a standby waits for what has a weight");
        assert_eq!(of(&[(0, 0), (3, 0)]), [0]);
        assert_eq!(of(&[]), [0; 0]);
    }
}
