//! Rank: which regions suit a place, the best first.
//!
//! A policy is a list of criteria. Each orders some of the regions that the ones before
//! left over; what nothing orders comes last, in the policy's own order.
//!
//! A ranking has a head and a tail. The head is what rules name, then the first `depth`
//! regions of the computed order, never cutting a tier. The tail is the rest, in an order that depends
//! on the head alone (by distance from its first region), so that it adds no boundary
//! to the map.

use ipnet::IpNet;

use crate::geo::ChordSquared;
use crate::geo::Nets;
use crate::geo::UnitVector;
use crate::latency::Order;
use crate::latency::Orders;
use crate::latency::Rated;
use crate::model::Place;
use crate::model::Policy;
use crate::model::Rank;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::RegionSet;
use crate::steer::MapPlan;
use crate::steer::Step;
use crate::steer::Whereabouts;
use crate::steer::rule::RuleNets;

/// Why a region has its position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RankReason {
    /// A rule of the policy lists it, by position from 0.
    Rule(usize),
    /// By what was measured.
    Latency(Rated),
    /// The same, but it is in front to be measured, not since it is the best.
    Explored(Rated),
    /// By distance, in kilometres; the bias is applied.
    Nearest(f64),
    /// By the policy's order of regions.
    Priority,
    /// All that was left is equally good.
    Equal,
}

/// Ranks places by one policy, among the regions that matter.
#[derive(Debug)]
pub struct Ranker<'a> {
    policy: &'a Policy,
    orders: Option<&'a Orders>,
    /// How many regions of the computed order make the head.
    depth: usize,
    /// What the overlay knows of each rule.
    rules: Vec<RuleNets>,
    /// The regions to rank, in the policy's order.
    members: Vec<Member>,
    /// Whether squared chords order as well as kilometres: no bias, no ties.
    chords_will_do: bool,
    /// The head being made, with the reason for each step.
    steps: Vec<Step>,
    reasons: Vec<RankReason>,
    placed: RegionSet,
    /// How many of them were computed, not listed by a rule.
    computed: usize,
    /// Nothing may follow what a fence lists.
    fenced: bool,
    /// Scratch: the distance of each member, NaN once it is out of the running.
    distances: Vec<f64>,
    /// Scratch: one tier.
    tier: Vec<(RegionId, f64)>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    region: RegionId,
    at: Option<UnitVector>,
    /// What the distance is multiplied by.
    factor: f64,
}

impl<'a> Ranker<'a> {
    /// Prepares what a plan says for ranking clients that an atlas with these `nets` and
    /// `prefixes` (sorted) locates.
    pub fn new(plan: &MapPlan<'a>, regions: &[Region], nets: &Nets, prefixes: &[IpNet]) -> Self {
        let policy = plan.policy;
        let members: Vec<Member> = policy
            .regions
            .iter()
            .filter(|id| plan.regions.contains(**id))
            .filter_map(|id| Some((*id, regions.get(id.index())?)))
            .map(|(region, noun)| Member {
                region,
                at: noun.location.map(UnitVector::from),
                factor: bias_factor(noun.bias),
            })
            .collect();
        let unbiased = members.iter().all(|m| m.factor == 1.0);
        let depth = if plan.whole_order { 0 } else { usize::from(policy.depth) };
        Self {
            policy,
            orders: plan.orders.filter(|_| policy.rank.contains(&Rank::Latency)),
            depth: if depth == 0 { usize::MAX } else { depth },
            rules: policy.rules.iter().map(|rule| RuleNets::new(rule, nets, prefixes)).collect(),
            chords_will_do: unbiased && policy.tie.distance_km == 0.0,
            steps: Vec::with_capacity(members.len()),
            reasons: Vec::with_capacity(members.len()),
            placed: RegionSet::EMPTY,
            computed: 0,
            fenced: false,
            distances: vec![f64::NAN; members.len()],
            tier: Vec::with_capacity(members.len()),
            members,
        }
    }

    /// The regions that are ranked.
    pub fn regions(&self) -> RegionSet {
        self.members.iter().map(|member| member.region).collect()
    }

    /// Whether something is known of clients that no database places: they are in a net, they
    /// were measured, or a rule of this policy names their prefix or is for whose network it is.
    /// Rules of other policies say nothing here.
    pub fn claims(&self, client: &Whereabouts<'_>) -> bool {
        let overlay = client.overlay;
        let by_holder = || {
            let rule = self.matching_rule(client).and_then(|at| self.policy.rules.get(at));
            rule.is_some_and(|rule| rule.matches.asks_for_holder())
        };
        !overlay.tags().is_empty()
            || self.orders.is_some() && overlay.measured().is_some()
            || self.rules.iter().any(|nets| nets.covers(overlay))
            || by_holder()
    }

    /// The policy's first rule that matches.
    pub fn matching_rule(&self, client: &Whereabouts<'_>) -> Option<usize> {
        self.policy
            .rules
            .iter()
            .zip(&self.rules)
            .position(|(rule, nets)| nets.matches(rule, client))
    }

    /// Ranks for a client; `rule` is what [`Ranker::matching_rule`] says of it. Returns the head.
    pub fn rank(&mut self, client: &Whereabouts<'_>, rule: Option<usize>) -> &[Step] {
        self.steps.clear();
        self.reasons.clear();
        self.placed = RegionSet::EMPTY;
        self.computed = 0;
        self.fenced = false;
        for rank in &self.policy.rank {
            let head_ends = match rank {
                Rank::Rules => self.by_rule(rule),
                Rank::Latency => self.by_latency(client),
                Rank::Nearest => self.by_distance(client.place),
                Rank::Priority => self.by_priority(),
                Rank::Equal => self.as_equals(),
            };
            if head_ends {
                return &self.steps;
            }
        }
        self.by_priority();
        &self.steps
    }

    /// The last head.
    pub fn head(&self) -> &[Step] {
        &self.steps
    }

    /// Why each step of the last head is where it is.
    pub fn reasons(&self) -> &[RankReason] {
        &self.reasons
    }

    /// Appends what follows the last head.
    pub fn append_tail(&self, steps: &mut Vec<Step>) {
        if self.fenced {
            return;
        }
        let first = self.steps.first().and_then(|step| self.member(step.region));
        let from = first.and_then(|m| m.at);
        let mut rest: Vec<(f64, RegionId)> = self
            .members
            .iter()
            .filter(|m| !self.placed.contains(m.region))
            .map(|m| (distance(from, m).unwrap_or(f64::INFINITY), m.region))
            .collect();
        // Stable: equal distances, and regions without location, keep the policy's order.
        rest.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        steps.extend(rest.into_iter().map(|(_, region)| Step { region, opens_tier: true }));
    }

    fn member(&self, region: RegionId) -> Option<&Member> {
        self.members.iter().find(|m| m.region == region)
    }

    fn push(&mut self, region: RegionId, opens_tier: bool, reason: RankReason) {
        if !self.placed.contains(region) {
            self.placed.insert(region);
            self.steps.push(Step { region, opens_tier });
            self.reasons.push(reason);
        }
    }

    /// Each of these returns whether the head ends here.
    fn by_rule(&mut self, rule: Option<usize>) -> bool {
        let policy = self.policy;
        let Some((at, rule)) = rule.and_then(|at| Some((at, policy.rules.get(at)?))) else {
            return false;
        };
        for region in &rule.regions {
            if self.member(*region).is_some() {
                self.push(*region, true, RankReason::Rule(at));
            }
        }
        self.fenced = rule.only;
        rule.only
    }

    fn by_priority(&mut self) -> bool {
        for at in 0..self.members.len() {
            if let Some(region) = self.members.get(at).map(|m| m.region) {
                self.push(region, true, RankReason::Priority);
            }
        }
        true
    }

    fn as_equals(&mut self) -> bool {
        let placed = self.placed;
        let rest = self.members.iter().filter(|m| !placed.contains(m.region));
        self.tier.clear();
        self.tier.extend(rest.map(|m| (m.region, 0.0)));
        self.push_tier(|_| RankReason::Equal);
        true
    }

    /// In the order that was measured or inferred; tiers are what is within `tie` of their first.
    fn by_latency(&mut self, client: &Whereabouts<'_>) -> bool {
        let order = self.orders.and_then(|orders| order_of(orders, client));
        let explored = order.filter(|order| order.is_exploring());
        let explored = explored.and_then(|order| Some(order.rated().first()?.region()));
        let rated = order.map_or(&[][..], Order::rated).iter();
        let is_open = |rated: &&Rated| {
            !self.placed.contains(rated.region()) && self.member(rated.region()).is_some()
        };
        let open: Vec<&Rated> = rated.filter(is_open).collect();
        let mut rest = &open[..];
        let mut taken = 0;
        while let Some(first) = rest.first().filter(|_| taken < self.depth) {
            // Either way: one that looks faster but is behind is not surely so, or not by the margin,
            // or whoever is first is there to be measured.
            let is_tied =
                |rated: &&&Rated| rated.rtt().abs_diff(first.rtt()) <= self.policy.tie.rtt;
            let ties = rest.iter().take_while(is_tied).count().max(1);
            let (tier, behind) = rest.split_at(ties);
            let mut tier = tier.to_vec();
            tier.sort_unstable_by_key(|rated| rated.region());
            for (at, rated) in tier.into_iter().enumerate() {
                let reason = match explored == Some(rated.region()) {
                    true => RankReason::Explored(*rated),
                    false => RankReason::Latency(*rated),
                };
                self.push(rated.region(), at == 0, reason);
            }
            (rest, taken) = (behind, taken + ties);
        }
        self.computed = taken;
        taken >= self.depth
    }

    fn by_distance(&mut self, place: &Place) -> bool {
        let Some(client) = place.coordinates.map(UnitVector::from) else { return false };
        let mut left = 0_usize;
        for (at, member) in self.distances.iter_mut().zip(&self.members) {
            *at = f64::NAN;
            if let Some(region) = member.at
                && !self.placed.contains(member.region)
            {
                left += 1;
                let chord = client.chord_squared(region);
                *at = if self.chords_will_do { chord.value() } else { chord.km() * member.factor };
            }
        }
        let (before, mut taken) = (self.computed, 0);
        while taken < left && before + taken < self.depth {
            taken += self.take_nearest_tier();
        }
        // Past the depth whatever is left, located or not, is the tail.
        self.computed = before + taken;
        self.computed >= self.depth
    }

    /// Moves the nearest region that is left, and all within `tie` of it, to the head.
    /// Returns how many that were.
    fn take_nearest_tier(&mut self) -> usize {
        let nearest = self.distances.iter().copied().fold(f64::INFINITY, f64::min);
        let reach =
            if self.chords_will_do { nearest } else { nearest + self.policy.tie.distance_km };
        self.tier.clear();
        for (distance, member) in self.distances.iter_mut().zip(&self.members) {
            if *distance <= reach {
                self.tier.push((member.region, *distance));
                *distance = f64::NAN;
            }
        }
        let chords = self.chords_will_do;
        let km = |d| if chords { ChordSquared::from_value(d).km() } else { d };
        self.push_tier(|d| RankReason::Nearest(km(d)));
        self.tier.len()
    }

    /// Appends the scratch tier. The order inside a tier means nothing; by id, equal
    /// tiers are equal labels.
    fn push_tier(&mut self, reason: impl Fn(f64) -> RankReason) {
        let mut tier = std::mem::take(&mut self.tier);
        tier.sort_unstable_by_key(|(region, _)| *region);
        for (at, (region, distance)) in tier.iter().enumerate() {
            self.push(*region, at == 0, reason(*distance));
        }
        self.tier = tier;
    }
}

/// The order of a client by what was measured: of its block, or else of its place.
pub(super) fn order_of<'a>(orders: &'a Orders, client: &Whereabouts<'_>) -> Option<&'a Order> {
    let of_block = client.overlay.measured().and_then(|block| orders.block(block));
    of_block.or_else(|| orders.of_place(client.place))
}

fn distance(from: Option<UnitVector>, member: &Member) -> Option<f64> {
    Some(from?.chord_squared(member.at?).km() * member.factor)
}

/// A positive bias pulls clients in, distance × (1 − b/100); a negative one pushes them
/// away by the inverse, distance ÷ (1 − |b|/100), so that +50 and −50 undo each other.
fn bias_factor(bias: i8) -> f64 {
    let kept = 1.0 - f64::from(bias.unsigned_abs().min(99)) / 100.0;
    if bias >= 0 { kept } else { 1.0 / kept }
}

#[cfg(test)]
mod tests;
