//! Flow: where all crowds go under some cutoffs.

use crate::load::Availability;
use crate::load::Cost;
use crate::load::Crowd;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::Cutoffs;
use crate::load::tier;
use crate::load::tier::Member;
use crate::model::RegionId;

/// What is left of a crowd, as a part of it, below which nobody follows it further.
const NOBODY: f64 = 1e-9;

/// Where all go: per step of each crowd, who comes and who is served. O(steps) to make.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Who comes, before some are refused.
    arrivals: Vec<f64>,
    /// Of these, who is taken.
    taken: Vec<f64>,
    /// Whom every region refused, and the first that is there takes all the same.
    forced: Vec<f64>,
    unserved: f64,
    /// Scratch: one tier.
    members: Vec<Member>,
    places: Vec<usize>,
    parts: Vec<f64>,
}

/// The clients of one crowd that one region serves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Position of the crowd in [`Crowds::iter`].
    pub crowd: usize,
    /// Who serves them.
    pub region: RegionId,
    /// How many they are, in the unit of the demand.
    pub clients: f64,
    /// What it costs them.
    pub cost: Cost,
}

impl Flow {
    /// Lets all crowds go. `demand` says for each region what the clients whose first it is are
    /// multiplied by.
    pub fn of(
        crowds: &Crowds,
        availability: &Availability,
        cutoffs: &Cutoffs,
        demand: &[f64],
    ) -> Self {
        let mut flow = Self::default();
        flow.run(crowds, availability, cutoffs, demand);
        flow
    }

    /// The same, in memory that is there already.
    pub(super) fn run(
        &mut self,
        crowds: &Crowds,
        availability: &Availability,
        cutoffs: &Cutoffs,
        demand: &[f64],
    ) {
        for by_step in [&mut self.arrivals, &mut self.taken, &mut self.forced] {
            by_step.clear();
            by_step.resize(crowds.steps().len(), 0.0);
        }
        self.unserved = 0.0;
        for (crowd, steps) in crowds.iter() {
            let demand = demand.get(crowd.origin.index()).copied().unwrap_or(0.0);
            let all = crowd.clients * demand;
            if all > 0.0 {
                self.go(all, crowd, steps, availability, cutoffs);
            }
        }
    }

    fn go(
        &mut self,
        all: f64,
        crowd: &Crowd,
        steps: &[CrowdStep],
        availability: &Availability,
        cutoffs: &Cutoffs,
    ) {
        let member = |step: &CrowdStep| Member {
            there: availability.of(crowd.map, step.region),
            takes: cutoffs.of(step.region).taken(step.loss),
            weight: step.weight,
        };
        let mut left = all;
        let mut at = crowd.range().start;
        for tier in steps.chunk_by(|_, next| !next.opens_tier) {
            self.gather(at, tier, false, member);
            left -= self.share_out(left, false);
            if left <= all * NOBODY {
                return;
            }
            at += tier.len();
        }
        // Weight 0: who is left may have the first of these.
        at = crowd.range().start;
        for tier in steps.chunk_by(|_, next| !next.opens_tier) {
            self.gather(at, tier, true, member);
            left -= self.share_out(left, false);
            if left <= all * NOBODY {
                return;
            }
            at += tier.len();
        }
        // Everybody refused: a share is of who has somewhere else to go. Who is left did not get
        // a region either because it is not there or because it refused.
        let forced = |step: &CrowdStep| {
            let Member { there, takes, weight } = member(step);
            Member { there: refused_of_missed(there, takes), takes: 1.0, weight }
        };
        for standby in [false, true] {
            at = crowd.range().start;
            for tier in steps.chunk_by(|_, next| !next.opens_tier) {
                self.gather(at, tier, standby, forced);
                left -= self.share_out(left, true);
                at += tier.len();
            }
        }
        self.unserved += left.max(0.0);
    }

    /// Sets the scratch to those of these steps that have a weight, or have none.
    fn gather(
        &mut self,
        start: usize,
        steps: &[CrowdStep],
        standby: bool,
        member: impl Fn(&CrowdStep) -> Member,
    ) {
        self.members.clear();
        self.places.clear();
        for (at, step) in (start..).zip(steps) {
            let member = member(step);
            if standby == (member.weight <= 0.0) {
                let weight = if standby { 1.0 } else { member.weight };
                self.members.push(Member { weight, ..member });
                self.places.push(at);
            }
        }
    }

    /// Shares out what is left of a crowd among the scratch; returns how many were served.
    fn share_out(&mut self, left: f64, forced: bool) -> f64 {
        if self.members.is_empty() {
            return 0.0;
        }
        self.parts.clear();
        self.parts.resize(self.members.len(), 0.0);
        let nobody = tier::split(&self.members, &mut self.parts);
        for ((place, member), part) in self.places.iter().zip(&self.members).zip(&self.parts) {
            let came = left * part;
            if forced {
                add(&mut self.forced, *place, came);
            } else {
                add(&mut self.arrivals, *place, came);
                add(&mut self.taken, *place, came * member.takes);
            }
        }
        left * (1.0 - nobody)
    }

    /// For each region, who comes: those it takes and those it refuses.
    pub fn arrivals_by_region(&self, crowds: &Crowds) -> Vec<f64> {
        let came = self.arrivals.iter().zip(&self.forced).map(|(came, forced)| came + forced);
        by_region(crowds, came)
    }

    /// For each region, whom it serves.
    pub fn served_by_region(&self, crowds: &Crowds) -> Vec<f64> {
        let served = self.taken.iter().zip(&self.forced).map(|(taken, forced)| taken + forced);
        by_region(crowds, served)
    }

    /// For each origin and region, whom of the one the other serves, row by row.
    pub(super) fn by_origin(&self, crowds: &Crowds) -> Vec<f64> {
        let n = crowds.n_regions();
        let mut matrix = vec![0.0; n * n];
        for part in self.parts(crowds) {
            let origin = crowds.crowd(part.crowd).map_or(0, |crowd| crowd.origin.index());
            add(&mut matrix, origin * n + part.region.index(), part.clients);
        }
        matrix
    }

    /// Who serves whom, crowd by crowd and step by step; parts of nobody are left out.
    pub fn parts<'a>(&'a self, crowds: &'a Crowds) -> impl Iterator<Item = Part> + 'a {
        crowds.iter().enumerate().flat_map(move |(crowd, (noun, steps))| {
            steps.iter().zip(noun.range()).filter_map(move |(step, at)| {
                let clients = self.taken.get(at)? + self.forced.get(at)?;
                (clients > 0.0).then_some(Part {
                    crowd,
                    region: step.region,
                    clients,
                    cost: step.cost,
                })
            })
        })
    }

    /// Clients for whom no region is there.
    pub const fn unserved(&self) -> f64 {
        self.unserved
    }

    /// By step, who comes.
    pub(super) fn arrivals(&self) -> &[f64] {
        &self.arrivals
    }

    /// By step, who is refused.
    pub(super) fn refused(&self, step: usize) -> f64 {
        let at = |by_step: &[f64]| by_step.get(step).copied().unwrap_or(0.0);
        at(&self.arrivals) - at(&self.taken)
    }

    /// For each region, whom it has to take since everybody refused them.
    pub(super) fn forced_by_region(&self, crowds: &Crowds) -> Vec<f64> {
        by_region(crowds, self.forced.iter().copied())
    }
}

fn by_region(crowds: &Crowds, by_step: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sums = vec![0.0; crowds.n_regions()];
    for (step, clients) in crowds.steps().iter().zip(by_step) {
        add(&mut sums, step.region.index(), clients);
    }
    sums
}

fn add(to: &mut [f64], at: usize, what: f64) {
    if let Some(slot) = to.get_mut(at) {
        *slot += what;
    }
}

/// Of those that did not get a region which is there for a part of clients and takes a part of
/// these, how many it refused: the others can't be forced on it, as it is not there for them.
fn refused_of_missed(there: f64, takes: f64) -> f64 {
    let missed = 1.0 - there * takes;
    if missed > 0.0 { there * (1.0 - takes) / missed } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_left_was_refused_or_has_no_such_region() {
        for (there, takes, expected) in [
            (1.0, 0.0, 1.0),
            (1.0, 0.5, 1.0),
            (0.5, 0.5, 1.0 / 3.0),
            (0.5, 1.0, 0.0),
            (0.0, 0.0, 0.0),
            (1.0, 1.0, 0.0),
        ] {
            let found = refused_of_missed(there, takes);
            assert!((found - expected).abs() < 1e-9, "{found} of {there} that takes {takes}");
        }
    }
}
