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
use crate::steer::LabelId;
use crate::steer::Labels;
use crate::steer::Located;
use crate::steer::LocatedBy;
use crate::steer::Picks;
use crate::steer::ServiceStanding;
use crate::steer::SteeringMap;
use crate::steer::Step;
use crate::steer::Trace;
use crate::steer::admit::Eligible;
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
    let client = if service.ecs { *client } else { Client { subnet: None, ..*client } };
    let mut located = map.locate(&client);
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
    let key = Key { service, client: &client, located: &located };
    let way = Way { labels: map.labels(), label: located.label };
    let cutoffs = gate.cutoffs;
    let mut walk = Walk { service, standing, cutoffs, way, lane, key, chooser, trace };
    let answered = walk.answer();
    trace.answered(answered);
    Decision { answered, scope: located.scope }
}

/// Whether a region refuses the client at a step of its way, so that others have room there.
#[cold]
fn is_refused(cutoffs: &Cutoffs, way: Way<'_>, at: usize, region: RegionId, key: &Key<'_>) -> bool {
    let loss = way.labels.loss(way.label, at);
    // Not the hash by which endpoints take shares: who is ramped up and who is refused have
    // nothing to do with each other, and neither have two regions that refuse.
    !cutoffs.takes(region, loss, || {
        let service = key.service;
        let pool = service.pool_in(region).and_then(|at| service.pools.get(at));
        let region = pool.map_or(0, |pool| pool.identity).rotate_left(31);
        mix(key.hash() ^ mix(region ^ service.identity))
    })
}

fn block_hash(block: &Block) -> u64 {
    let [high, low] = [block.address >> 64, block.address & u128::from(u64::MAX)]
        .map(|half| u64::try_from(half).unwrap_or(0));
    mix(mix(high ^ block.family.index() as u64) ^ low)
}

/// What tells clients apart where an endpoint has a share of them: the leaf that the scope
/// names, the client's block if the service is sticky, the resolver where it decides or where
/// the scope is everybody. Made only where a share is not full.
struct Key<'a> {
    service: &'a Balanced,
    client: &'a Client,
    located: &'a Located,
}

impl Key<'_> {
    fn hash(&self) -> u64 {
        if self.service.sticky {
            return block_hash(&self.located.block);
        }
        let scope = self.located.scope.0;
        let subnet = self.client.subnet.filter(|_| self.located.by == LocatedBy::Subnet);
        let leaf = subnet.filter(|_| scope > 0).and_then(|subnet| {
            let family = subnet.family?;
            let beyond = u32::from(family.bits().saturating_sub(scope));
            let address = subnet.address.checked_shr(beyond)?.checked_shl(beyond)?;
            Some(Block { address, family, scope: self.located.scope })
        });
        block_hash(&leaf.unwrap_or_else(|| Block::resolver(self.client.resolver)))
    }
}

/// The order that a query goes down.
#[derive(Clone, Copy)]
struct Way<'a> {
    labels: &'a Labels,
    label: LabelId,
}

/// A tier of it.
#[derive(Clone, Copy)]
struct Tier<'a> {
    /// Which, from 0.
    at: usize,
    /// Which step of the label its first is.
    first: usize,
    steps: &'a [Step],
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

/// One query's way through the tiers of its label.
struct Walk<'a, T> {
    service: &'a Balanced,
    standing: &'a ServiceStanding,
    /// Where some region refuses somebody.
    cutoffs: Option<&'a Cutoffs>,
    way: Way<'a>,
    lane: usize,
    key: Key<'a>,
    chooser: Chooser<'a>,
    trace: &'a mut T,
}

impl<T: Trace> Walk<'_, T> {
    fn answer(&mut self) -> Answered {
        if let Some(answered) = self.walk(Wanted::IN_SERVICE) {
            return answered;
        }
        // Outside of every share: a share is of who has somewhere else to go.
        if (self.cutoffs.is_some() || self.standing.has_shares(self.lane))
            && let Some(answered) = self.walk(Wanted::of(Admission::Admitted))
        {
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
            .find_map(|least| self.walk(Wanted::of(least)))
            .unwrap_or(Answered::ServFail)
    }

    /// The first tier in which somebody is wanted and has a weight; failing that, the first in
    /// which somebody is wanted.
    fn walk(&mut self, wanted: Wanted) -> Option<Answered> {
        self.trace.walk(self.way.label, wanted.least);
        let mut standby = None;
        let mut first = 0;
        let steps = self.way.labels.steps(self.way.label);
        for (at, steps) in steps.chunk_by(|_, next| !next.opens_tier).enumerate() {
            let tier = Tier { at, first, steps };
            first += steps.len();
            if let Some((pool, eligible)) = self.draw_pool(tier, wanted) {
                if eligible.weight > 0 {
                    return self.draw_endpoints(pool, eligible, wanted.least);
                }
                standby = standby.or(Some((pool, eligible)));
            }
        }
        standby.and_then(|(pool, eligible)| self.draw_endpoints(pool, eligible, wanted.least))
    }

    /// Draws one of a tier's pools; one of weight 0 only if there is no other.
    fn draw_pool(&mut self, tier: Tier<'_>, wanted: Wanted) -> Option<(usize, Eligible)> {
        if T::OBSERVES {
            for (at, step) in (tier.first..).zip(tier.steps) {
                let finding = self.finding(at, step.region, wanted);
                self.trace.considered(tier.at, step.region, finding);
            }
        }
        let (service, standing, lane, way) = (self.service, self.standing, self.lane, self.way);
        let key = wanted.with_shares.then_some(&self.key);
        let cutoffs = self.cutoffs.zip(key);
        let of = move |(at, step): (usize, &Step)| {
            let position = service.pool_in(step.region)?;
            if let Some((cutoffs, key)) = cutoffs
                && is_refused(cutoffs, way, at, step.region, key)
            {
                return None;
            }
            let key = key.map(|key| || key.hash());
            let eligible = standing.eligible(service, position, lane, wanted.least, key)?;
            Some((position, eligible))
        };
        if let [only] = tier.steps {
            return of((tier.first, only));
        }
        let pools = (tier.first..).zip(tier.steps).filter_map(of);
        let candidates = pools.clone().filter_map(|(position, eligible)| {
            let identity = service.pools.get(position)?.identity;
            Some(Candidate { weight: eligible.weight, identity })
        });
        let nth = self.chooser.choose(candidates)?;
        pools.clone().nth(nth)
    }

    fn finding(&self, at: usize, region: RegionId, wanted: Wanted) -> Finding {
        let pool = self.service.pool_in(region);
        let Some((position, pool)) = pool.and_then(|p| Some((p, self.service.pools.get(p)?)))
        else {
            return Finding::NoPool;
        };
        if pool.lanes.get(self.lane).is_none_or(|lane| lane.len == 0) {
            return Finding::NoFamily;
        }
        let least = wanted.least;
        let admission = self.standing.admission(position, self.lane);
        let key = wanted.with_shares.then_some(|| self.key.hash());
        match self.standing.eligible(self.service, position, self.lane, least, key) {
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
        let is_refused = is_refused(cutoffs, self.way, at, region, &self.key);
        let loss = self.way.labels.loss(self.way.label, at);
        is_refused.then(|| Finding::Spilled(cutoffs.of(region), loss))
    }

    fn draw_endpoints(
        &mut self,
        pool: usize,
        eligible: Eligible,
        admission: Admission,
    ) -> Option<Answered> {
        let drawn = self.service.pools.get(pool)?;
        self.trace.region_drawn(drawn.region);
        let endpoints = self.service.endpoints(*drawn.lanes.get(self.lane)?);
        let Eligible { endpoints: set, .. } = eligible;
        let picks = Picks::draw(&mut self.chooser, endpoints, set, self.service.answers);
        picks.positions().iter().for_each(|at| self.trace.endpoint_drawn(*at));
        let ttl = match admission {
            Admission::Admitted => self.standing.ttl(pool, self.lane),
            Admission::Down | Admission::Drained | Admission::Barred => self.service.ttl_min,
        };
        Some(Answered::Endpoints { pool, picks, admission, ttl })
    }
}
