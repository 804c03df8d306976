//! Compiling: one walk over every network, one map per plan.

use std::collections::BTreeSet;
use std::collections::HashMap;

use ipnet::IpNet;

use crate::geo::Atlas;
use crate::geo::DatabaseError;
use crate::geo::LeafLabel;
use crate::geo::Loci;
use crate::geo::Locus;
use crate::geo::LocusId;
use crate::geo::Network;
use crate::geo::Overlay;
use crate::geo::OverlayId;
use crate::geo::PrefixMap;
use crate::geo::PrefixMap6;
use crate::geo::PrefixMap6Builder;
use crate::geo::PrefixMapBuilder;
use crate::geo::Visitor;
use crate::latency::Orders;
use crate::model::Asn;
use crate::model::Continent;
use crate::model::Country;
use crate::model::Family;
use crate::model::Holder;
use crate::model::HolderName;
use crate::model::Place;
use crate::model::Policy;
use crate::model::Region;
use crate::model::RegionSet;
use crate::model::Subdivision;
use crate::model::limits;
use crate::steer::Costs;
use crate::steer::LabelId;
use crate::steer::Labels;
use crate::steer::Partition;
use crate::steer::Population;
use crate::steer::Ranker;
use crate::steer::Whereabouts;
use crate::steer::clients::Addresses;
use crate::steer::labels::LabelInterner;
use crate::steer::weigh::weigh;

/// A map to be compiled.
#[derive(Clone, Copy, Debug)]
pub struct MapPlan<'a> {
    /// By what to rank.
    pub policy: &'a Policy,
    /// Which regions: those that the services of the map have pools in.
    pub regions: RegionSet,
    /// Ignore the policy's depth: the services of the map have different regions, and what
    /// is beyond the head for one may be the best for another.
    pub whole_order: bool,
    /// Tells clients apart by the vantage group nearest to them too, since what is up may differ
    /// from group to group.
    pub partition: Option<&'a Partition>,
    /// What was measured, for policies that rank by it.
    pub orders: Option<&'a Orders>,
    /// Weigh the labels too: how many clients each has, and what each step costs them; and cut
    /// leaves up to [`limits::STEER_WEIGHED_LEAF`]. Only load asks for it.
    pub weighed: bool,
}

/// A policy, compiled: what each client's order of preference is.
#[derive(Clone, Debug)]
pub struct SteeringMap {
    pub(super) v4: PrefixMap<u32>,
    pub(super) v6: PrefixMap6,
    labels: Labels,
    /// The rules of the policy that are the first to match for some network.
    rules: BTreeSet<usize>,
    /// Of clients of whom nothing is known.
    pub(super) unlocated: LabelId,
}

impl SteeringMap {
    /// The orders of preference.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether a rule of the policy, by position, is the first to match for some network.
    pub fn reaches_rule(&self, rule: usize) -> bool {
        self.rules.contains(&rule)
    }

    /// Whether all clients have the same order of preference, and the same vantage group.
    pub fn is_uniform(&self) -> bool {
        self.labels.len() == 1
    }

    /// Leaves of both families.
    pub fn n_leaves(&self) -> usize {
        self.v4.n_leaves() + self.v6.n_leaves()
    }

    /// Octets of memory that the map holds.
    pub fn memory(&self) -> usize {
        self.v4.memory() + self.v6.memory() + self.labels.memory()
    }
}

/// All nets that rules of these policies name, sorted, each once: what an [`Atlas`] for
/// them is made with.
pub fn rule_prefixes<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Vec<IpNet> {
    let rules = policies.into_iter().flat_map(|policy| &policy.rules);
    let mut prefixes: Vec<IpNet> = rules.flat_map(|rule| rule.matches.nets.clone()).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    prefixes
}

/// All names of holders that rules of these policies ask for.
pub fn rule_names<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Vec<HolderName> {
    let rules = policies.into_iter().flat_map(|policy| &policy.rules);
    rules.flat_map(|rule| rule.matches.names()).map(|name| HolderName::of(name)).collect()
}

/// Compiles maps for all plans in one walk. `prefixes` are those that the atlas was made
/// with, from [`rule_prefixes`].
///
/// # Errors
///
/// If a database is damaged.
pub fn compile<'a>(
    atlas: &Atlas,
    regions: &[Region],
    plans: &[MapPlan<'a>],
    prefixes: &[IpNet],
) -> Result<Vec<SteeringMap>, DatabaseError> {
    let builder = |plan: &MapPlan<'a>| {
        let ranker = Ranker::new(plan, regions, atlas.nets(), prefixes);
        MapBuilder::new(ranker, plan)
    };
    let mut compiler = Compiler {
        maps: plans.iter().map(builder).collect(),
        addresses: plans.iter().any(|plan| plan.weighed).then(Addresses::default),
    };
    let loci = atlas.walk(&mut compiler)?;
    let clients =
        compiler.addresses.map(|addresses| addresses.clients(&loci, &Population::Shipped));
    let finish = |(map, plan): (MapBuilder<'a>, &MapPlan<'a>)| {
        map.finish(|labels, by_locus| {
            if let Some(clients) = clients.as_ref().filter(|_| plan.weighed) {
                weigh(
                    labels,
                    by_locus,
                    clients,
                    &loci,
                    &Costs::new(regions, plan.policy, plan.orders),
                );
            }
        })
    };
    Ok(compiler.maps.into_iter().zip(plans).map(finish).collect())
}

struct Compiler<'a> {
    maps: Vec<MapBuilder<'a>>,
    /// If some map is to be weighed.
    addresses: Option<Addresses>,
}

impl Visitor for Compiler<'_> {
    fn network(&mut self, loci: &Loci, network: Network, locus: LocusId) {
        for map in &mut self.maps {
            map.push(loci, network, locus);
        }
        if let Some(addresses) = &mut self.addresses {
            addresses.count(network, locus);
        }
    }
}

struct MapBuilder<'a> {
    ranker: Ranker<'a>,
    partition: Option<&'a Partition>,
    /// How wide a leaf of IPv4 may be that has an order.
    widest: u8,
    labels: LabelInterner,
    /// By locus; [`UNKNOWN`] where it was not yet computed.
    by_locus: Vec<LeafLabel>,
    /// Rules look at a part of a place only, and there are far fewer of those.
    rules: HashMap<RuleKey, Option<usize>>,
    v4: PrefixMapBuilder<u32>,
    v6: PrefixMap6Builder,
}

/// All that a rule can ask about.
type RuleKey =
    ((Option<Continent>, Option<Country>, Option<Subdivision>), (Option<Asn>, Holder), OverlayId);

const UNKNOWN: LeafLabel = LeafLabel(u32::MAX);

impl<'a> MapBuilder<'a> {
    fn new(ranker: Ranker<'a>, plan: &MapPlan<'a>) -> Self {
        Self {
            ranker,
            partition: plan.partition,
            widest: if plan.weighed { limits::STEER_WEIGHED_LEAF } else { 0 },
            labels: LabelInterner::default(),
            by_locus: Vec::new(),
            rules: HashMap::new(),
            v4: PrefixMapBuilder::default(),
            v6: PrefixMap6Builder::default(),
        }
    }

    #[inline]
    fn push(&mut self, loci: &Loci, network: Network, locus: LocusId) {
        let label = match self.by_locus.get(locus.index()) {
            Some(label) if *label != UNKNOWN => *label,
            _ => self.label_of(loci, locus),
        };
        match network.family() {
            Family::V4 => {
                let start = u32::try_from(network.start()).unwrap_or(u32::MAX);
                let widest = LabelId::from_leaf(label).map_or(0, |_| self.widest);
                self.v4.push_cut(start, network.depth(), label, widest);
            }
            Family::V6 => self.v6.push(network.start(), network.depth(), label),
        }
    }

    #[cold]
    fn label_of(&mut self, loci: &Loci, id: LocusId) -> LeafLabel {
        let label = match loci.locus(id) {
            Locus::AskResolver => LabelId::ASK_RESOLVER,
            Locus::Carried(_) => LabelId::EMBEDDED,
            Locus::Claimed { place, overlay }
                if !self.ranker.claims(&Whereabouts {
                    place: loci.place(place),
                    overlay: loci.overlay(overlay),
                }) =>
            {
                LabelId::ASK_RESOLVER
            }
            Locus::Claimed { place, overlay } | Locus::Known { place, overlay } => {
                self.rank(loci.place(place), overlay, loci.overlay(overlay)).leaf()
            }
        };
        if self.by_locus.len() <= id.index() {
            self.by_locus.resize(id.index() + 1, UNKNOWN);
        }
        if let Some(slot) = self.by_locus.get_mut(id.index()) {
            *slot = label;
        }
        label
    }

    fn rank(&mut self, place: &Place, overlay_id: OverlayId, overlay: &Overlay) -> LabelId {
        let area = (place.continent, place.country, place.subdivision);
        let key = (area, (place.asn, place.holder), overlay_id);
        let (ranker, client) = (&self.ranker, Whereabouts { place, overlay });
        let rule = *self.rules.entry(key).or_insert_with(|| ranker.matching_rule(&client));
        self.ranker.rank(&client, rule);
        let group = self.partition.and_then(|partition| partition.group_of(place));
        self.labels.intern(&self.ranker, group)
    }

    fn finish(mut self, weigh: impl FnOnce(&mut Labels, &[LeafLabel])) -> SteeringMap {
        let unlocated = self.rank(&Place::default(), OverlayId::NONE, &Overlay::default());
        let mut labels = self.labels.finish(self.ranker.regions());
        weigh(&mut labels, &self.by_locus);
        let rules = self.rules.into_values().flatten().collect();
        SteeringMap { v4: self.v4.finish(), v6: self.v6.finish(), labels, rules, unlocated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Nets;
    use crate::model::Match;
    use crate::model::Rank;
    use crate::model::RegionId;
    use crate::model::Rule;
    use crate::steer::fixture;

    /// Whatever a rule may ask for tells clients apart, whoever came before.
    #[test]
    fn rules_are_found_by_all_that_they_ask_for() {
        let rule = |matches, regions: &[u16]| {
            let regions = regions.iter().map(|region| RegionId(*region)).collect();
            Rule { matches, regions, only: false }
        };
        let mut policy = fixture::policy(Rank::Priority, &[]);
        let state = Match { subdivisions: vec!["US-CA".parse().unwrap()], ..Match::default() };
        let system = Match { asns: vec![Asn(64_500)], ..Match::default() };
        let provider = Match { isps: vec!["an ISP".to_owned()], ..Match::default() };
        policy.rules = vec![rule(state, &[1]), rule(system, &[2]), rule(provider, &[2, 1])];
        let (plan, regions) = (fixture::plan(&policy), fixture::regions());
        let ranker = Ranker::new(&plan, &regions, &Nets::default(), &[]);
        let mut builder = MapBuilder::new(ranker, &plan);
        let us = Place { country: "US".parse().ok(), ..Place::default() };
        let isp = Some(HolderName::of("an ISP"));
        let places = [
            us,
            Place { subdivision: "US-CA".parse().ok(), ..us },
            Place { asn: Some(Asn(64_500)), ..us },
            Place { holder: Holder { isp, ..Holder::default() }, ..us },
            us,
        ];
        let labels =
            places.map(|place| builder.rank(&place, OverlayId::NONE, &Overlay::default()).0);
        assert_eq!(labels, [0, 1, 2, 3, 0]);
    }
}
