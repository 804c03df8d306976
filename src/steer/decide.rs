//! The decision itself, per query.

use fastrand::Rng;

use crate::model::AllDown;
use crate::model::Family;
use crate::model::RegionId;
use crate::steer::Admission;
use crate::steer::Balanced;
use crate::steer::BalancedPool;
use crate::steer::Block;
use crate::steer::Client;
use crate::steer::Finding;
use crate::steer::LabelId;
use crate::steer::Picks;
use crate::steer::ServiceStanding;
use crate::steer::SteeringMap;
use crate::steer::Step;
use crate::steer::Trace;
use crate::steer::balanced::mix;
use crate::steer::split::Candidate;
use crate::steer::split::Chooser;
use crate::wire::ScopePrefix;

/// What is answered, and for whom it holds.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    /// Which endpoints.
    pub answered: Answered,
    /// For which clients.
    pub scope: ScopePrefix,
}

/// How a decision was come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answered {
    /// Endpoints of one pool.
    Endpoints {
        /// Position of the pool in the service.
        pool: usize,
        /// Positions of the endpoints in the lane.
        picks: Picks,
        /// The worst admission that had to be taken: `Admitted`, or the service failed open.
        admission: Admission,
    },
    /// Nothing is admitted and the service says what to answer then.
    Fallback,
    /// Nothing is admitted and the service says to fail.
    ServFail,
}

/// Decides for one client. O(regions of the label + endpoints of the pool); no allocation.
///
/// `family` is that of the records asked for; for services of host names it is ignored.
pub fn decide<T: Trace>(
    service: &Balanced,
    family: Family,
    map: &SteeringMap,
    standing: &ServiceStanding,
    client: &Client,
    rng: &mut Rng,
    trace: &mut T,
) -> Decision {
    let client = if service.ecs { *client } else { Client { subnet: None, ..*client } };
    let mut located = map.locate(&client);
    // Sticky blocks are told apart under one order too, and from clients whose resolver decides.
    if map.is_uniform() && !service.sticky {
        located.scope = ScopePrefix::GLOBAL;
    }
    let by_subnet = located.by == crate::steer::LocatedBy::Subnet;
    if service.sticky && by_subnet {
        located.scope = located.scope.max(located.block.scope);
    }
    trace.located(&located);
    let lane = if service.alias { 0 } else { family.index() };
    let chooser = match service.sticky {
        true => Chooser::Block(block_hash(&located.block)),
        false => Chooser::Draw(rng),
    };
    let mut walk = Walk { service, standing, lane, chooser, trace };
    let answered = walk.answer(located.label, map);
    trace.answered(answered);
    Decision { answered, scope: located.scope }
}

fn block_hash(block: &Block) -> u64 {
    let [high, low] = [block.address >> 64, block.address & u128::from(u64::MAX)]
        .map(|half| u64::try_from(half).unwrap_or(0));
    mix(mix(high ^ block.family.index() as u64) ^ low)
}

/// One query's way through the tiers of its label.
struct Walk<'a, T> {
    service: &'a Balanced,
    standing: &'a ServiceStanding,
    lane: usize,
    chooser: Chooser<'a>,
    trace: &'a mut T,
}

impl<T: Trace> Walk<'_, T> {
    fn answer(&mut self, label: LabelId, map: &SteeringMap) -> Answered {
        let steps = map.labels().steps(label);
        if let Some(answered) = self.walk(label, steps, Admission::Admitted) {
            return answered;
        }
        match self.service.all_down {
            AllDown::FailOpen => {}
            AllDown::Fallback { .. } => return Answered::Fallback,
            AllDown::ServFail => return Answered::ServFail,
        }
        // As if all were up, inside the fence; then what was drained.
        [Admission::Down, Admission::Drained]
            .into_iter()
            .find_map(|least| self.walk(label, steps, least))
            .unwrap_or(Answered::ServFail)
    }

    /// The first tier in which somebody has this admission or a better one and a weight;
    /// failing that, the first in which somebody has the admission.
    fn walk(&mut self, label: LabelId, steps: &[Step], least: Admission) -> Option<Answered> {
        self.trace.walk(label, least);
        let mut standby = None;
        let tiers = steps.chunk_by(|_, next| !next.opens_tier);
        for (at, tier) in tiers.enumerate() {
            if let Some(pool) = self.draw_pool(at, tier, least) {
                if self.service.pools.get(pool).is_some_and(|p| weight(p, self.lane) > 0) {
                    return self.draw_endpoints(pool, least);
                }
                standby = standby.or(Some(pool));
            }
        }
        standby.and_then(|pool| self.draw_endpoints(pool, least))
    }

    /// Draws one of a tier's pools; one of weight 0 only if there is no other.
    fn draw_pool(&mut self, at: usize, tier: &[Step], least: Admission) -> Option<usize> {
        if T::OBSERVES {
            for step in tier {
                let finding = self.finding(step.region, least);
                self.trace.considered(at, step.region, finding);
            }
        }
        let (service, standing, lane) = (self.service, self.standing, self.lane);
        if let [only] = tier {
            let position = service.pool_in(only.region)?;
            let pool = service.pools.get(position)?;
            return (has_lane(pool, lane) && standing.pool(position) >= least).then_some(position);
        }
        let pools = tier.iter().filter_map(move |step| {
            let position = service.pool_in(step.region)?;
            let pool = service.pools.get(position)?;
            let fits = has_lane(pool, lane) && standing.pool(position) >= least;
            fits.then_some((position, pool))
        });
        let candidates =
            pools.clone().map(|(_, p)| Candidate { weight: weight(p, lane), identity: p.identity });
        let nth = self.chooser.choose(candidates)?;
        pools.clone().nth(nth).map(|(position, _)| position)
    }

    fn finding(&self, region: RegionId, least: Admission) -> Finding {
        let pool = self.service.pool_in(region);
        let Some((position, pool)) = pool.and_then(|p| Some((p, self.service.pools.get(p)?)))
        else {
            return Finding::NoPool;
        };
        let admission = self.standing.pool(position);
        if !has_lane(pool, self.lane) {
            Finding::NoFamily
        } else if admission < least {
            Finding::NotAdmitted(admission)
        } else {
            match weight(pool, self.lane) {
                0 => Finding::Standby,
                weight => Finding::Candidate(weight),
            }
        }
    }

    fn draw_endpoints(&mut self, pool: usize, admission: Admission) -> Option<Answered> {
        let drawn = self.service.pools.get(pool)?;
        self.trace.region_drawn(drawn.region);
        let endpoints = self.service.endpoints(*drawn.lanes.get(self.lane)?);
        let picks = Picks::draw(&mut self.chooser, endpoints, self.service.answers);
        picks.positions().iter().for_each(|at| self.trace.endpoint_drawn(*at));
        Some(Answered::Endpoints { pool, picks, admission })
    }
}

fn has_lane(pool: &BalancedPool, lane: usize) -> bool {
    pool.lanes.get(lane).is_some_and(|lane| lane.len > 0)
}

/// The pool's share of a draw in this family: none if all its endpoints there have weight 0.
fn weight(pool: &BalancedPool, lane: usize) -> u32 {
    let is_weighted = pool.lanes.get(lane).is_some_and(|lane| lane.weight > 0);
    if is_weighted { pool.weight } else { 0 }
}
