//! The decision itself, per query.

use fastrand::Rng;

use crate::load::Cutoffs;
use crate::model::AllDown;
use crate::model::Family;
use crate::model::RegionId;
use crate::model::Ttl;
use crate::steer::Admission;
use crate::steer::Balanced;
use crate::steer::Block;
use crate::steer::Client;
use crate::steer::Finding;
use crate::steer::Gate;
use crate::steer::Labels;
use crate::steer::Located;
use crate::steer::LocatedBy;
use crate::steer::Picks;
use crate::steer::ServiceStanding;
use crate::steer::SteeringMap;
use crate::steer::Step;
use crate::steer::Trace;
use crate::steer::admit::Eligible;
use crate::steer::balanced::mix_wide;
use crate::steer::key::Key;
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
        /// How long the answer may be kept.
        ttl: Ttl,
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
    gate: Gate<'_>,
    client: &Client,
    rng: &mut Rng,
    trace: &mut T,
) -> Decision {
    let client = if service.ecs { client } else { &Client { subnet: None, ..*client } };
    let mut located = map.locate(client);
    // Sticky blocks are told apart under one order too, and from clients whose resolver decides.
    if map.is_uniform() && !service.sticky {
        located.scope = ScopePrefix::GLOBAL;
    }
    let by_subnet = located.by == LocatedBy::Subnet;
    if service.sticky && by_subnet {
        located.scope = located.scope.max(located.block.scope);
    }
    trace.located(&located);
    // Picked once: whatever is asked of it below is what holds for this client.
    let standing = match gate.standing.has_groups() {
        true => gate.standing.of_group(map.labels().group(located.label)),
        false => gate.standing,
    };
    let lane = if service.alias { 0 } else { family.index() };
    let chooser = match service.sticky {
        true => Chooser::Block(block_hash(&located.block)),
        false => Chooser::Draw(rng),
    };
    let (cutoffs, labels) = (gate.cutoffs, map.labels());
    let case = Case { service, standing, cutoffs, labels, lane, client, located: &located };
    let answered = Walk { case, chooser, trace }.answer();
    trace.answered(answered);
    Decision { answered, scope: located.scope }
}

fn block_hash(block: &Block) -> u64 {
    mix_wide(block.address, block.family.index() as u64)
}

/// Who is looked for: those of this admission or better, and whether shares that are not full
/// are heeded.
#[derive(Clone, Copy)]
struct Wanted {
    least: Admission,
    with_shares: bool,
}

impl Wanted {
    const IN_SERVICE: Self = Self { least: Admission::Admitted, with_shares: true };

    const fn of(least: Admission) -> Self {
        Self { least, with_shares: false }
    }
}

/// What a decision follows from, but for the draw.
struct Case<'a> {
    service: &'a Balanced,
    standing: &'a ServiceStanding,
    /// Where some region refuses somebody.
    cutoffs: Option<&'a Cutoffs>,
    labels: &'a Labels,
    lane: usize,
    client: &'a Client,
    located: &'a Located,
}

impl Case<'_> {
    /// Who may be drawn in the region of a step: the position of its pool, and its endpoints.
    #[inline(always)] // Most walks ask once: a call would cost them half as much again.
    fn open(&self, at: usize, region: RegionId, wanted: Wanted) -> Option<(usize, Eligible)> {
        let pool = self.service.pool_in(region)?;
        if let Some(cutoffs) = self.cutoffs
            && wanted.with_shares
            && self.is_refused(cutoffs, at, region)
        {
            return None;
        }
        let position = wanted.with_shares.then_some(|seed| self.position(seed));
        let eligible =
            self.standing.eligible(self.service, pool, self.lane, wanted.least, position)?;
        Some((pool, eligible))
    }

    /// Whether a region refuses the client at a step, so that others have room there.
    #[cold]
    fn is_refused(&self, cutoffs: &Cutoffs, at: usize, region: RegionId) -> bool {
        let loss = self.labels.loss(self.located.label, at);
        // Not the seed by which endpoints take shares: who is ramped up and who is refused have
        // nothing to do with each other, and neither have two regions that refuse.
        !cutoffs.takes(region, loss, || {
            let pool = self.service.pool_in(region).and_then(|at| self.service.pools.get(at));
            let region = pool.map_or(0, |pool| pool.identity).rotate_left(31);
            self.position(region ^ self.service.identity)
        })
    }

    /// Where the client stands among all clients, see [`Key::position`].
    fn position(&self, seed: u64) -> u64 {
        let Self { service, client, located, .. } = *self;
        Key { service, client, located }.position(seed)
    }

    /// What [`Case::open`] comes to, in the words of an observer.
    fn finding(&self, at: usize, region: RegionId, wanted: Wanted) -> Finding {
        let pool = self.service.pool_in(region);
        let Some((pool_at, pool)) = pool.and_then(|p| Some((p, self.service.pools.get(p)?))) else {
            return Finding::NoPool;
        };
        if pool.lanes.get(self.lane).is_none_or(|lane| lane.len == 0) {
            return Finding::NoFamily;
        }
        let least = wanted.least;
        let admission = self.standing.admission(pool_at, self.lane);
        let position = wanted.with_shares.then_some(|seed| self.position(seed));
        match self.standing.eligible(self.service, pool_at, self.lane, least, position) {
            None if admission < least => Finding::NotAdmitted(admission),
            found => match (self.refusal(at, region, wanted), found) {
                (Some(refusal), _) => refusal,
                (None, Some(Eligible { weight: 0, .. })) => Finding::Standby,
                (None, Some(Eligible { weight, .. })) => Finding::Candidate(weight),
                (None, None) => Finding::OutsideShare,
            },
        }
    }

    /// Why a full region refuses the client, if it does.
    fn refusal(&self, at: usize, region: RegionId, wanted: Wanted) -> Option<Finding> {
        let cutoffs = self.cutoffs.filter(|_| wanted.with_shares)?;
        let loss = self.labels.loss(self.located.label, at);
        let is_refused = self.is_refused(cutoffs, at, region);
        is_refused.then(|| Finding::Spilled(cutoffs.of(region), loss))
    }
}

/// One query's way through the tiers of its label.
struct Walk<'a, T> {
    case: Case<'a>,
    chooser: Chooser<'a>,
    trace: &'a mut T,
}

impl<T: Trace> Walk<'_, T> {
    fn answer(&mut self) -> Answered {
        if let Some(answered) = self.walk(Wanted::IN_SERVICE) {
            return answered;
        }
        // Outside of every share: a share is of who has somewhere else to go.
        let case = &self.case;
        if (case.cutoffs.is_some() || case.standing.has_shares(case.lane))
            && let Some(answered) = self.walk(Wanted::of(Admission::Admitted))
        {
            return answered;
        }
        match self.case.service.all_down {
            AllDown::FailOpen => {}
            AllDown::Fallback { .. } => return Answered::Fallback,
            AllDown::ServFail => return Answered::ServFail,
        }
        // As if all were up, inside the fence; then what was drained.
        [Admission::Down, Admission::Drained]
            .into_iter()
            .find_map(|least| self.walk(Wanted::of(least)))
            .unwrap_or(Answered::ServFail)
    }

    /// The first tier in which somebody is wanted and has a weight; failing that, the first in
    /// which somebody is wanted.
    fn walk(&mut self, wanted: Wanted) -> Option<Answered> {
        let Case { labels, located, .. } = self.case;
        self.trace.walk(located.label, wanted.least);
        let mut standby = None;
        // Which step of the label is the first of the tier.
        let mut first = 0;
        let tiers = labels.steps(located.label).chunk_by(|_, next| !next.opens_tier);
        for (at, tier) in tiers.enumerate() {
            if T::OBSERVES {
                for (step, Step { region, .. }) in (first..).zip(tier) {
                    let finding = self.case.finding(step, *region, wanted);
                    self.trace.considered(at, *region, finding);
                }
            }
            let drawn = match tier {
                [only] => self.case.open(first, only.region, wanted),
                several => self.draw_pool(first, several, wanted),
            };
            if let Some((pool, eligible)) = drawn {
                if eligible.weight > 0 {
                    return self.draw_endpoints(pool, eligible, wanted.least);
                }
                standby = standby.or(Some((pool, eligible)));
            }
            first += tier.len();
        }
        standby.and_then(|(pool, eligible)| self.draw_endpoints(pool, eligible, wanted.least))
    }

    /// Draws one of a tier's pools; one of weight 0 only if there is no other.
    #[inline(never)] // Its frame would be paid for by every walk that draws nothing.
    fn draw_pool(
        &mut self,
        first: usize,
        tier: &[Step],
        wanted: Wanted,
    ) -> Option<(usize, Eligible)> {
        let case = &self.case;
        let open = |(at, step): (usize, &Step)| case.open(at, step.region, wanted);
        let pools = (first..).zip(tier).filter_map(open);
        self.chooser.choose(pools, |(position, eligible)| Candidate {
            weight: eligible.weight,
            identity: case.service.pools.get(*position).map_or(0, |pool| pool.identity),
        })
    }

    fn draw_endpoints(
        &mut self,
        pool: usize,
        eligible: Eligible,
        admission: Admission,
    ) -> Option<Answered> {
        let Case { service, standing, lane, .. } = self.case;
        let drawn = service.pools.get(pool)?;
        self.trace.region_drawn(drawn.region);
        let endpoints = service.endpoints(*drawn.lanes.get(lane)?);
        let Eligible { endpoints: set, .. } = eligible;
        let picks = Picks::draw(&mut self.chooser, endpoints, set, service.answers);
        picks.positions().iter().for_each(|at| self.trace.endpoint_drawn(*at));
        let ttl = match admission {
            Admission::Admitted => standing.ttl(pool, lane),
            Admission::Down | Admission::Drained | Admission::Barred => service.ttl_min,
        };
        Some(Answered::Endpoints { pool, picks, admission, ttl })
    }
}

#[cfg(test)]
mod tests;
