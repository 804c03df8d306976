//! What the leaves of a map say: regions in tiers, best first; and, where the map is partitioned
//! by them, the vantage group whose clients are there.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::geo::LeafLabel;
use crate::load::Cost;
use crate::load::Loss;
use crate::model::RegionId;
use crate::model::RegionSet;
use crate::model::VantageGroupId;
use crate::steer::Ranker;

/// One region in an order of preference.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Step {
    /// The region.
    pub region: RegionId,
    /// Whether it begins a new tier; the first step does.
    pub opens_tier: bool,
}

/// An order of preference, by its position in [`Labels`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LabelId(pub u32);

impl LabelId {
    /// Clients in this block are steered by their resolver's address.
    pub(crate) const ASK_RESOLVER: LeafLabel = LeafLabel(0);
    /// Clients in this block are steered by the IPv4 address that theirs carries.
    pub(crate) const EMBEDDED: LeafLabel = LeafLabel(1);

    /// The label as a leaf of a map holds it.
    pub(crate) const fn leaf(self) -> LeafLabel {
        LeafLabel(self.0 + 2)
    }

    /// The label that a leaf holds; `None` for the two marks.
    pub(crate) const fn from_leaf(leaf: LeafLabel) -> Option<Self> {
        match leaf.0.checked_sub(2) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }
}

/// The regions that some clients may get, and no others: all that the map ranks, or those that a
/// rule with `only = true` lists; of a partitioned map, for the clients of one group.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Fence {
    /// The regions.
    pub regions: RegionSet,
    /// The vantage group nearest to these clients.
    pub group: Option<VantageGroupId>,
}

/// All orders of preference that a map uses, each once; of a partitioned map once per group.
#[derive(Clone, Debug)]
pub struct Labels {
    steps: Vec<Step>,
    /// Label `i` is `steps[bounds[i]..bounds[i + 1]]`.
    bounds: Vec<u32>,
    /// The group of each label; empty where no label has one.
    groups: Vec<Option<VantageGroupId>>,
    /// How many clients each label has, and what each step costs them; empty if not asked for.
    clients: Vec<f64>,
    costs: Vec<Cost>,
    /// Those there are, each once.
    fences: Vec<Fence>,
}

impl Labels {
    /// The steps of a label. Constant time.
    #[inline]
    pub fn steps(&self, label: LabelId) -> &[Step] {
        let (start, end) = self.range(label);
        self.steps.get(start..end).unwrap_or_default()
    }

    #[inline]
    fn range(&self, label: LabelId) -> (usize, usize) {
        let at = label.0 as usize;
        match self.bounds.get(at..at + 2) {
            Some(&[start, end]) => (start as usize, end as usize),
            Some(_) | None => (0, 0),
        }
    }

    /// The vantage group nearest to the clients of a label; `None` where the map is not
    /// partitioned by groups, and for clients without a location. Constant time.
    pub fn group(&self, label: LabelId) -> Option<VantageGroupId> {
        self.groups.get(label.0 as usize).copied().flatten()
    }

    /// The groups that are the nearest for somebody, in the order of their ids; none where the
    /// map is not partitioned.
    pub fn groups(&self) -> Vec<VantageGroupId> {
        let mut groups: Vec<VantageGroupId> = self.groups.iter().flatten().copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// The fences that clients are behind, each once; one for all where no rule is one.
    pub fn fences(&self) -> &[Fence] {
        &self.fences
    }

    /// The fence that the clients of a label are behind. O(steps).
    pub fn fence_of(&self, label: LabelId) -> Fence {
        let regions = self.steps(label).iter().map(|step| step.region).collect();
        Fence { regions, group: self.group(label) }
    }

    /// How many clients a label has, about; 0 where the map was compiled without. Constant time.
    pub fn clients(&self, label: LabelId) -> f64 {
        self.clients.get(label.0 as usize).copied().unwrap_or(0.0)
    }

    /// What each step of a label costs its clients on average; nothing where the map was
    /// compiled without. Constant time.
    pub fn costs(&self, label: LabelId) -> &[Cost] {
        let (start, end) = self.range(label);
        self.costs.get(start..end).unwrap_or_default()
    }

    /// What clients of a label lose if the region of a step refuses them: nothing in a tier with
    /// others, and [`Loss::NOWHERE`] at the last step. Constant time.
    #[inline]
    pub fn loss(&self, label: LabelId, step: usize) -> Loss {
        let steps = self.steps(label);
        let opens = |at: usize| steps.get(at).map(|step| step.opens_tier);
        let costs = self.costs(label);
        match (opens(step), opens(step + 1)) {
            (Some(true), None) => Loss::NOWHERE,
            (Some(true), Some(true)) => match (costs.get(step), costs.get(step + 1)) {
                (Some(here), Some(next)) => Loss::between(*here, *next),
                _ => Loss::ZERO,
            },
            _ => Loss::ZERO,
        }
    }

    /// Says what [`Labels::clients`] and [`Labels::costs`] tell.
    pub(super) fn set_weights(&mut self, clients: Vec<f64>, costs: Vec<Cost>) {
        self.clients = clients;
        self.costs = costs;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All labels.
    pub fn ids(&self) -> impl Iterator<Item = LabelId> + use<> {
        (0..u32::try_from(self.len()).unwrap_or(0)).map(LabelId)
    }

    /// The regions of the first tier of a label.
    pub fn first_tier(&self, label: LabelId) -> RegionSet {
        let mut steps = self.steps(label).iter();
        let first = steps.next().map(|step| step.region);
        first.into_iter().chain(steps.take_while(|s| !s.opens_tier).map(|s| s.region)).collect()
    }

    /// Whether some tier holds more than one region.
    pub fn has_ties(&self) -> bool {
        self.steps.iter().any(|step| !step.opens_tier)
    }

    /// Octets of memory that they hold.
    pub fn memory(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
            + self.bounds.capacity() * size_of::<u32>()
            + self.groups.capacity() * size_of::<Option<VantageGroupId>>()
            + self.clients.capacity() * size_of::<f64>()
            + self.costs.capacity() * size_of::<Cost>()
            + self.fences.capacity() * size_of::<Fence>()
    }
}

/// Gives equal orders of preference of one group the same id.
///
/// An order is known by its *head*, the part that is particular to a client; the tail
/// follows from it, so it is made once per head.
#[derive(Debug, Default)]
pub(crate) struct LabelInterner {
    /// Those without a group, then by group.
    known: Vec<Known>,
    steps: Vec<Step>,
    ends: Vec<u32>,
    groups: Vec<Option<VantageGroupId>>,
}

/// The labels of one group, or of none.
#[derive(Debug, Default)]
struct Known {
    by_head: HashMap<Box<[Step]>, LabelId>,
    /// By the whole order: two heads may come to the same.
    by_order: HashMap<Box<[Step]>, LabelId>,
}

impl LabelInterner {
    /// The label of what was ranked last, for clients of that group.
    pub(crate) fn intern(&mut self, ranker: &Ranker<'_>, group: Option<VantageGroupId>) -> LabelId {
        let slot = group.map_or(0, |group| group.index() + 1);
        if self.known.len() <= slot {
            self.known.resize_with(slot + 1, Known::default);
        }
        let Self { known, steps, ends, groups } = self;
        let head = ranker.head();
        let new = LabelId(u32::try_from(ends.len()).unwrap_or(u32::MAX));
        let Some(known) = known.get_mut(slot) else { return new };
        if let Some(label) = known.by_head.get(head) {
            return *label;
        }
        let mut order = head.to_vec();
        ranker.append_tail(&mut order);
        let label = *known.by_order.entry(order.into()).or_insert_with_key(|order| {
            steps.extend_from_slice(order);
            ends.push(u32::try_from(steps.len()).unwrap_or(u32::MAX));
            groups.push(group);
            new
        });
        known.by_head.insert(head.into(), label);
        label
    }

    /// The labels, in the order in which they were made. `all` are the regions that are ranked.
    pub(crate) fn finish(mut self, all: RegionSet) -> Labels {
        if self.groups.iter().all(Option::is_none) {
            self.groups = Vec::new();
        }
        self.steps.shrink_to_fit();
        let bounds = [0].into_iter().chain(self.ends).collect();
        self.groups.shrink_to_fit();
        let mut labels = Labels {
            steps: self.steps,
            bounds,
            groups: self.groups,
            clients: Vec::new(),
            costs: Vec::new(),
            fences: Vec::new(),
        };
        labels.fences = fences(&labels, all);
        labels
    }
}

/// The fences of labels that rank `all` regions, each once, in the order of the labels.
fn fences(labels: &Labels, all: RegionSet) -> Vec<Fence> {
    let mut known = HashSet::new();
    let n_all = all.len();
    let of_label = |label: LabelId| match labels.steps(label).len() == n_all {
        // Nearly all are: their steps need no look.
        true => Fence { regions: all, group: labels.group(label) },
        false => labels.fence_of(label),
    };
    labels.ids().map(of_label).filter(|fence| known.insert(*fence)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Nets;
    use crate::geo::Overlay;
    use crate::model::Place;
    use crate::model::Rank;
    use crate::steer::Whereabouts;
    use crate::steer::fixture;

    /// Labels of some groups: of three regions in two tiers, and of one region.
    fn labels(groups: [u8; 2]) -> Labels {
        let step = |(region, opens_tier)| Step { region: RegionId(region), opens_tier };
        Labels {
            steps: [(0, true), (1, true), (2, false), (0, true)].map(step).into(),
            bounds: vec![0, 3, 4],
            groups: groups.map(|group| Some(VantageGroupId(group))).into(),
            clients: Vec::new(),
            costs: [10.0, 30.0, 35.0, 10.0].map(Cost::from_ms).into(),
            fences: Vec::new(),
        }
    }

    #[test]
    fn a_client_loses_what_the_next_tier_costs_more() {
        let labels = labels([0, 1]);
        let loss = |label, step| labels.loss(LabelId(label), step);
        assert_eq!(loss(0, 0).ms(), Some(20.0));
        assert_eq!([loss(0, 1), loss(0, 2)], [Loss::ZERO; 2], "there is another in the tier");
        assert_eq!(loss(1, 0), Loss::NOWHERE);
    }

    #[test]
    fn clients_of_two_groups_are_behind_two_fences() {
        let all: RegionSet = (0..3).map(RegionId).collect();
        let of = |groups| {
            let fences = fences(&labels(groups), all);
            let group = |fence: &Fence| fence.group.map(|group| group.0);
            fences.iter().map(|fence| (fence.regions.len(), group(fence))).collect::<Vec<_>>()
        };
        assert_eq!(of([4, 5]), [(3, Some(4)), (1, Some(5))]);
        assert_eq!(of([4, 4]), [(3, Some(4)), (1, Some(4))]);
    }

    #[test]
    fn one_order_of_two_groups_is_two_labels() {
        let policy = fixture::policy(Rank::Priority, &[]);
        let (plan, regions) = (fixture::plan(&policy), fixture::regions());
        let mut ranker = Ranker::new(&plan, &regions, &Nets::default(), &[]);
        ranker.rank(&Whereabouts { place: &Place::default(), overlay: &Overlay::default() }, None);
        let mut interner = LabelInterner::default();
        let groups = [None, Some(0), Some(1), Some(0), None];
        let ids = groups.map(|of| interner.intern(&ranker, of.map(VantageGroupId)).0);
        assert_eq!(ids, [0, 1, 2, 1, 0]);
    }
}
