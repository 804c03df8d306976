//! Crowds: who asks, in what order they go to regions, and what each refusal costs them.

use std::collections::HashMap;
use std::ops::Range;

use crate::load::Cost;
use crate::load::Loss;
use crate::model::RegionId;
use crate::model::limits;

/// One region in a crowd's order of preference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CrowdStep {
    /// The region.
    pub region: RegionId,
    /// Whether it begins a new tier; the first step does.
    pub opens_tier: bool,
    /// What going there costs.
    pub cost: Cost,
    /// What the clients lose if it refuses them.
    pub loss: Loss,
    /// Its weight in the draw of its tier; 0 is taken only if there is nothing else.
    pub weight: f64,
}

/// The clients of one label of one map.
#[derive(Clone, Debug)]
pub struct Crowd {
    /// The map, as [`Availability`](crate::load::Availability) counts them.
    pub map: usize,
    /// How many there are, in whatever unit all crowds have.
    pub clients: f64,
    /// The first region of its order, by which demand is estimated.
    pub origin: RegionId,
    steps: Range<usize>,
}

/// All crowds. Made by a [`CrowdsBuilder`].
#[derive(Clone, Debug, Default)]
pub struct Crowds {
    n_regions: usize,
    crowds: Vec<Crowd>,
    steps: Vec<CrowdStep>,
    /// For each region its steps, who loses least first.
    lines: Vec<Line>,
}

/// The steps at one region, by loss.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// In the unit of cutoffs.
    pub(super) losses: Vec<i32>,
    /// Positions of the steps.
    pub(super) steps: Vec<u32>,
}

/// Gathers crowds.
#[derive(Clone, Debug, Default)]
pub struct CrowdsBuilder {
    n_regions: usize,
    gathered: Vec<(usize, f64, Vec<CrowdStep>)>,
}

impl CrowdsBuilder {
    /// Of a configuration with so many regions.
    pub const fn new(n_regions: usize) -> Self {
        Self { n_regions, gathered: Vec::new() }
    }

    /// Adds a crowd. One without clients or steps is left out; of its steps those past
    /// [`limits::LOAD_CROWD_STEPS`], and those at regions that there are not.
    pub fn push(&mut self, map: usize, clients: f64, steps: impl IntoIterator<Item = CrowdStep>) {
        let known = |step: &CrowdStep| step.region.index() < self.n_regions;
        let steps: Vec<_> =
            steps.into_iter().filter(known).take(limits::LOAD_CROWD_STEPS).collect();
        if clients > 0.0 && clients.is_finite() && !steps.is_empty() {
            self.gathered.push((map, clients, steps));
        }
    }

    /// The crowds. Past [`limits::LOAD_CROWDS`] the lightest are counted with the heaviest that
    /// has the same first regions, and left out if there is none.
    pub fn finish(mut self) -> Crowds {
        // Stable, so that equal configurations give equal crowds.
        self.gathered.sort_by(|(_, a, _), (_, b, _)| b.total_cmp(a));
        let light = self.gathered.split_off(self.gathered.len().min(limits::LOAD_CROWDS));
        let key = |map: usize, steps: &[CrowdStep], depth: usize| {
            (map, steps.iter().take(depth).map(|step| step.region).collect::<Vec<_>>())
        };
        if !light.is_empty() {
            let mut kept = HashMap::new();
            for depth in [2, 1] {
                for (at, (map, _, steps)) in self.gathered.iter().enumerate() {
                    kept.entry(key(*map, steps, depth)).or_insert(at);
                }
            }
            for (map, clients, steps) in light {
                let found = [2, 1].iter().find_map(|n| kept.get(&key(map, &steps, *n)));
                if let Some(heavy) = found.and_then(|at| self.gathered.get_mut(*at)) {
                    heavy.1 += clients;
                }
            }
        }
        Crowds::of(self.n_regions, self.gathered)
    }
}

impl Crowds {
    fn of(n_regions: usize, gathered: Vec<(usize, f64, Vec<CrowdStep>)>) -> Self {
        let mut all = Self { n_regions, ..Self::default() };
        for (map, clients, steps) in gathered {
            let Some(first) = steps.first() else { continue };
            let start = all.steps.len();
            let origin = first.region;
            all.steps.extend(steps);
            all.crowds.push(Crowd { map, clients, origin, steps: start..all.steps.len() });
        }
        let mut lines = vec![Line::default(); n_regions];
        let mut sorted: Vec<(Loss, u32)> =
            all.steps.iter().zip(0..).map(|(step, at)| (step.loss, at)).collect();
        sorted.sort_unstable();
        for (loss, at) in sorted {
            let region = all.steps.get(at as usize).map_or(0, |step| step.region.index());
            if let Some(line) = lines.get_mut(region) {
                line.losses.push(loss.fine());
                line.steps.push(at);
            }
        }
        all.lines = lines;
        all
    }

    /// The crowds, the heaviest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Crowd, &[CrowdStep])> {
        self.crowds.iter().map(|crowd| (crowd, self.of_crowd(crowd)))
    }

    /// One of them, by its position.
    pub fn crowd(&self, position: usize) -> Option<&Crowd> {
        self.crowds.get(position)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.crowds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.crowds.is_empty()
    }

    /// How many regions the configuration has.
    pub fn n_regions(&self) -> usize {
        self.n_regions
    }

    /// For each region, the clients whose first it is.
    pub fn clients_by_origin(&self) -> Vec<f64> {
        let mut clients = vec![0.0; self.n_regions];
        for crowd in &self.crowds {
            if let Some(slot) = clients.get_mut(crowd.origin.index()) {
                *slot += crowd.clients;
            }
        }
        clients
    }

    pub(super) fn steps(&self) -> &[CrowdStep] {
        &self.steps
    }

    pub(super) fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub(super) fn of_crowd(&self, crowd: &Crowd) -> &[CrowdStep] {
        self.steps.get(crowd.steps.clone()).unwrap_or_default()
    }
}

impl Crowd {
    /// The positions of its steps among those of all.
    pub(super) fn range(&self) -> Range<usize> {
        self.steps.clone()
    }
}
