//! Settle: the least refusals under which every region keeps within what it may take.
//!
//! From no refusals on, each round lets the crowds go and raises the cutoff of each region to
//! which too many come. Cutoffs only rise, so who was refused goes on, and arrivals only grow:
//! that is deferred acceptance, and it ends in the same place whoever is asked first.

use crate::load::Availability;
use crate::load::Crowds;
use crate::load::Cutoff;
use crate::load::Cutoffs;
use crate::load::Flow;
use crate::load::accept::Queue;
use crate::load::room::Room;
use crate::model::RegionId;

/// After so many rounds what there is must do. Each comes nearer by a part of what is left, so
/// this many are needed only where all regions together have hardly room.
const ROUNDS: usize = 96;

/// Cutoffs that rise by no more than this, in 1/1024 ms, are settled: 1/1000 of the clients of
/// one loss.
const SETTLED: i32 = 8;

/// What is to be settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case<'a> {
    pub(super) crowds: &'a Crowds,
    pub(super) availability: &'a Availability,
    /// By origin, what its clients are multiplied by.
    pub(super) demand: &'a [f64],
    /// By region, in the unit of the flow; `None` takes whoever comes.
    pub(super) rooms: &'a [Option<Room>],
    /// No cutoff is below these.
    pub(super) floors: &'a Cutoffs,
}

/// Where it ended.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) cutoffs: Cutoffs,
    pub(super) flow: Flow,
    /// By region, whom it serves.
    pub(super) served: Vec<f64>,
}

impl Case<'_> {
    /// Settles it under a pressure for each region, see [`Room::allowed`].
    pub(super) fn settle(&self, pressures: &[f64]) -> Settled {
        let mut cutoffs = self.floors.clone();
        let mut flow = Flow::default();
        let mut queue = Queue::default();
        for _ in 0..ROUNDS {
            flow.run(self.crowds, self.availability, &cutoffs, self.demand);
            if !self.raise(&flow, pressures, &mut cutoffs, &mut queue) {
                break;
            }
        }
        flow.run(self.crowds, self.availability, &cutoffs, self.demand);
        let served = flow.served_by_region(self.crowds);
        Settled { cutoffs, flow, served }
    }

    /// Raises the cutoffs of regions to which too many come; whether it mattered.
    fn raise(
        &self,
        flow: &Flow,
        pressures: &[f64],
        cutoffs: &mut Cutoffs,
        queue: &mut Queue,
    ) -> bool {
        let forced = flow.forced_by_region(self.crowds);
        let mut rose = false;
        let regions = self.rooms.iter().zip(self.crowds.lines()).zip(forced).zip(pressures);
        for ((((room, line), forced), pressure), region) in regions.zip((0..).map(RegionId)) {
            let Some(room) = room else { continue };
            queue.fill(line, flow.arrivals());
            let allowed = room.allowed(queue.all() + forced, *pressure) - forced;
            let needed = queue.cutoff(line, allowed);
            let before = cutoffs.of(region);
            if needed > before {
                cutoffs.set(region, needed);
                rose |= needed.fine() - before.fine() > SETTLED;
            }
        }
        rose
    }

    /// Of those who come to a region in a flow, how many a cutoff takes.
    pub(super) fn taken(&self, flow: &Flow, region: RegionId, cutoff: Cutoff) -> f64 {
        let Some(line) = self.crowds.lines().get(region.index()) else { return 0.0 };
        let mut queue = Queue::default();
        queue.fill(line, flow.arrivals());
        queue.taken(line, cutoff)
    }

    /// The lowest cutoff of a region, not below `least`, by which it serves no more than `most`
    /// of those who come in a flow.
    pub(super) fn cutoff_for(
        &self,
        flow: &Flow,
        region: RegionId,
        most: f64,
        least: Cutoff,
    ) -> Cutoff {
        let Some(line) = self.crowds.lines().get(region.index()) else { return least };
        let mut queue = Queue::default();
        queue.fill(line, flow.arrivals());
        queue.cutoff(line, most).max(least)
    }
}
