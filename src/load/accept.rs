//! Accept: the cutoff by which a region takes so many of those who come, and no more.

use crate::load::Cutoff;
use crate::load::crowds::Line;
use crate::load::cutoffs::BAND;

/// Who comes to a region, summed up by loss, so that what a cutoff takes costs two searches.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    /// Before each step of the line: how many came, and that times what they lose.
    sums: Vec<(f64, f64)>,
}

impl Queue {
    /// From who comes by step.
    pub(super) fn fill(&mut self, line: &Line, arrivals: &[f64]) {
        self.sums.clear();
        self.sums.reserve(line.steps.len() + 1);
        let (mut came, mut moment) = (0.0, 0.0);
        self.sums.push((came, moment));
        for (step, loss) in line.steps.iter().zip(&line.losses) {
            let clients = arrivals.get(*step as usize).copied().unwrap_or(0.0);
            came += clients;
            moment += clients * f64::from(*loss);
            self.sums.push((came, moment));
        }
    }

    /// How many come.
    pub(super) fn all(&self) -> f64 {
        self.sums.last().map_or(0.0, |(came, _)| *came)
    }

    /// How many of them a cutoff takes.
    pub(super) fn taken(&self, line: &Line, cutoff: Cutoff) -> f64 {
        let (low, high) = (cutoff.fine(), cutoff.fine().saturating_add(BAND));
        let refused = self.before(line.losses.partition_point(|loss| *loss <= low));
        // Who has nowhere to go loses more than any cutoff.
        let partly = self.before(line.losses.partition_point(|loss| *loss < high));
        let of_band = (partly.1 - refused.1) - (partly.0 - refused.0) * f64::from(low);
        self.all() - partly.0 + of_band / f64::from(BAND)
    }

    /// The lowest cutoff that takes no more than `most`; nobody is refused if all are as few.
    pub(super) fn cutoff(&self, line: &Line, most: f64) -> Cutoff {
        if self.all() <= most {
            return Cutoff::NONE;
        }
        let (mut low, mut high) = (Cutoff::NONE.fine(), Cutoff::ALL.fine());
        while high - low > 1 {
            let middle = low.midpoint(high);
            if self.taken(line, Cutoff::from_fine(middle)) <= most {
                high = middle;
            } else {
                low = middle;
            }
        }
        Cutoff::from_fine(high)
    }

    fn before(&self, at: usize) -> (f64, f64) {
        self.sums.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Cost;
    use crate::load::Loss;

    #[test]
    fn who_has_nowhere_to_go_is_taken_by_every_cutoff() {
        let unknown = Loss::between(Cost::from_ms(0.0), Cost::UNKNOWN);
        let losses = [Loss::ZERO, unknown, Loss::NOWHERE].map(Loss::fine);
        let line = Line { losses: losses.to_vec(), steps: vec![0, 1, 2] };
        let mut queue = Queue::default();
        queue.fill(&line, &[1.0, 10.0, 100.0]);
        assert_eq!(queue.taken(&line, Cutoff::ALL), 100.0);
        assert_eq!(queue.taken(&line, Cutoff::NONE), 111.0);
        assert_eq!(queue.cutoff(&line, 50.0), Cutoff::ALL, "there is none that does");
        assert_eq!(queue.cutoff(&line, 110.0).taken(unknown), 1.0);
    }
}
