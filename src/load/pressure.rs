//! Pressure: what gives way where there is too little room.
//!
//! Regions refuse from their soft limit on, so that nobody is near the hard one while others are
//! empty. But who refuses sends clients to somebody, at the end to a region that can't refuse
//! them since they have nowhere else to go. If that one gets over its hard limit, those that
//! sent clients there take more themselves: up to their own hard limits, and if that is not
//! enough all of them over by the same factor.

use std::collections::BTreeSet;

use crate::load::Crowd;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::Cutoffs;
use crate::load::Flow;
use crate::load::Loss;
use crate::load::settle::Case;
use crate::load::settle::Settled;
use crate::model::RegionId;

/// The most that limits are multiplied by. A demand beyond it is no demand, but a mistake.
const MOST: f64 = 64.0;

/// Halvings of the range in which the pressure is looked for.
const HALVINGS: usize = 9;

/// How often more regions may turn out to be concerned.
const WIDENINGS: usize = 6;

/// A pressure that is greater by this factor is as good.
const NEARLY: f64 = 1.004;

/// How far over the limit is none, as a part of it: what rounds leave over.
const GRACE: f64 = 1.002;

/// A settled case, and by region the pressure that it took.
#[derive(Clone, Debug)]
pub(super) struct Pressed {
    pub(super) settled: Settled,
    pub(super) pressures: Vec<f64>,
    /// By region, the clients that can go nowhere else; empty if there was no need to know.
    pub(super) captive: Vec<f64>,
}

impl Pressed {
    /// Settles a case with as little pressure as keeps regions within their limits.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let mut pressed = Self {
            pressures: vec![0.0; case.crowds.n_regions()],
            settled: case.settle(&vec![0.0; case.crowds.n_regions()]),
            captive: Vec::new(),
        };
        let mut concerned = vec![false; case.crowds.n_regions()];
        for _ in 0..WIDENINGS {
            if pressed.over(case).all(|over| !over) {
                break;
            }
            if pressed.captive.is_empty() {
                pressed.captive = captive(case);
            }
            let over: Vec<bool> = pressed.over(case).collect();
            if over.iter().zip(&concerned).all(|(over, known)| !over || *known) {
                break;
            }
            concerned.iter_mut().zip(over).for_each(|(known, over)| *known |= over);
            widen(case.crowds, &pressed.settled.flow, &mut concerned);
            pressed.press(case, &concerned);
        }
        pressed
    }

    /// By region, whether it serves more than its limit for no reason of its own.
    fn over<'a>(&'a self, case: &'a Case<'_>) -> impl Iterator<Item = bool> + 'a {
        let captive = self.captive.iter().copied().chain(std::iter::repeat(0.0));
        let regions = case.rooms.iter().zip(&self.settled.served).zip(&self.pressures).zip(captive);
        regions.map(|(((room, served), pressure), captive)| {
            room.is_some_and(|room| *served > room.limit(*pressure).max(captive) * GRACE)
        })
    }

    /// A pressure below which some of these regions are over for certain: all together they have
    /// to take those who can go nowhere else.
    fn least(&self, case: &Case<'_>, concerned: &[bool]) -> f64 {
        let (mut hard, mut captive) = (0.0, 0.0);
        let all = case.rooms.iter().zip(&self.captive).zip(concerned);
        for ((room, own), concerned) in all {
            if let (Some(room), true) = (room, concerned) {
                hard += room.hard();
                captive += own;
            }
        }
        ((bound(case, concerned) / GRACE - captive) / hard).min(MOST)
    }

    /// Finds the least pressure on the regions concerned under which none of them is over.
    fn press(&mut self, case: &Case<'_>, concerned: &[bool]) {
        let at = |pressure: f64, captive: &[f64], floors: &Cutoffs| {
            let case = Case { floors, ..*case };
            let pressures = concerned.iter().map(|concerned| match concerned {
                true => pressure,
                false => 0.0,
            });
            let pressures: Vec<f64> = pressures.collect();
            let settled = case.settle(&pressures);
            Self { settled, pressures, captive: captive.to_vec() }
        };
        let is_enough = |tried: &Self| {
            tried.over(case).zip(concerned).all(|(over, concerned)| !(over && *concerned))
        };
        let least = self.least(case, concerned);
        // What is only just too little or only just enough takes the most rounds to tell.
        let (mut low, mut high) = if least > 1.0 { (least, least * NEARLY) } else { (0.0, 1.0) };
        let mut best = at(high, &self.captive, case.floors);
        while !is_enough(&best) && high < MOST {
            (low, high) = (high, high * 2.0);
            best = at(high, &self.captive, case.floors);
        }
        for _ in 0..HALVINGS {
            if high <= low * NEARLY {
                break;
            }
            let middle = f64::midpoint(low, high);
            // Under less pressure nobody refuses fewer.
            let tried = at(middle, &self.captive, &best.settled.cutoffs);
            if is_enough(&tried) {
                (high, best) = (middle, tried);
            } else {
                low = middle;
            }
        }
        *self = best;
    }
}

/// The clients who can go nowhere but to these regions, and are served there.
fn bound(case: &Case<'_>, to: &[bool]) -> f64 {
    let is_bound = |region: RegionId| {
        let room = case.rooms.get(region.index()).copied().flatten();
        room.is_some() && to.get(region.index()) == Some(&true)
    };
    let of_crowd = |(crowd, steps): (&Crowd, &[CrowdStep])| {
        let mut nowhere = 1.0;
        for step in steps {
            let there = case.availability.of(crowd.map, step.region);
            if there > 0.0 && !is_bound(step.region) {
                return 0.0;
            }
            nowhere *= 1.0 - there;
        }
        let demand = case.demand.get(crowd.origin.index()).copied().unwrap_or(0.0);
        crowd.clients * demand * (1.0 - nowhere)
    };
    case.crowds.iter().map(of_crowd).sum()
}

/// By region, the clients that can go nowhere else even if nobody refuses them.
fn captive(case: &Case<'_>) -> Vec<f64> {
    let open = Cutoffs::none(case.crowds.n_regions());
    let flow = Flow::of(case.crowds, case.availability, &open, case.demand);
    let mut captive = vec![0.0; case.crowds.n_regions()];
    for (step, arrivals) in case.crowds.steps().iter().zip(flow.arrivals()) {
        if step.loss == Loss::NOWHERE
            && let Some(slot) = captive.get_mut(step.region.index())
        {
            *slot += arrivals;
        }
    }
    captive
}

/// Adds the regions that refuse clients whom a region concerned then serves, and those that
/// refuse clients whom one of these serves.
fn widen(crowds: &Crowds, flow: &Flow, concerned: &mut [bool]) {
    let mut edges = BTreeSet::new();
    for part in flow.parts(crowds) {
        let Some(crowd) = crowds.crowd(part.crowd) else { continue };
        for (step, at) in crowds.of_crowd(crowd).iter().zip(crowd.range()) {
            if step.region != part.region && flow.refused(at) > part.clients * 1e-6 {
                edges.insert((step.region, part.region));
            }
        }
    }
    let mut grew = true;
    while grew {
        grew = false;
        for (refuses, serves) in &edges {
            let is = |region: &RegionId| concerned.get(region.index()) == Some(&true);
            if is(serves)
                && !is(refuses)
                && let Some(slot) = concerned.get_mut(refuses.index())
            {
                *slot = true;
                grew = true;
            }
        }
    }
}
