//! The past: what was published when, since resolvers still answer from it.
//!
//! Caches end evenly over a TTL, so the load at a moment comes from what was published at any
//! moment of the TTL before, each as much as the other. A reading may be an average over a time
//! itself. Both together say how much of a reading is due to what was published when.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::load::Crowds;
use crate::load::Cutoffs;
use crate::load::Flow;
use crate::model::RegionId;
use crate::model::limits;

/// Where clients were sent, by when.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    n_regions: usize,
    /// The oldest first; before it, it was as in the first.
    times: VecDeque<Sent>,
}

/// Where clients were sent from a time on.
#[derive(Clone, Debug)]
struct Sent {
    since: Timestamp,
    /// For each origin and region, whom of the one the other serves, row by row.
    matrix: Box<[f32]>,
    /// By region, whether it refuses anybody.
    refuses: Box<[bool]>,
}

/// For each origin, how many of its clients a reading of a region saw there, if each asks once.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Sent there while the region took all who came.
    pub(super) open: Vec<f64>,
    /// Sent there while it refused some.
    pub(super) chosen: Vec<f64>,
}

impl Past {
    /// Of this configuration, in which clients go so since ever.
    pub(super) fn new(crowds: &Crowds, flow: &Flow, cutoffs: &Cutoffs, since: Timestamp) -> Self {
        let mut past = Self { n_regions: crowds.n_regions(), times: VecDeque::new() };
        past.push(crowds, flow, cutoffs, since);
        past
    }

    /// The same for another configuration of the same regions; `before` says which one each was.
    /// `was` and `is` are the clients of each origin, of then and of now. An origin without
    /// clients then is taken to have been sent where it is at `present`.
    pub(super) fn carried(
        &self,
        before: &[usize],
        was: &[f64],
        is: &[f64],
        present: &Self,
    ) -> Self {
        let n = self.n_regions;
        let present = present.times.back().map_or(&[][..], |sent| &sent.matrix);
        let carry = |sent: &Sent| {
            let mut matrix = Vec::with_capacity(n * n);
            for ((origin, now), old) in is.iter().enumerate().zip(before) {
                let then = was.get(*old).copied().unwrap_or(0.0);
                #[expect(clippy::cast_possible_truncation, reason = "as the matrix was made")]
                let times = (now / then) as f32;
                matrix.extend(before.iter().enumerate().map(|(region, was)| match then > 0.0 {
                    true => times * sent.matrix.get(old * n + was).copied().unwrap_or(0.0),
                    false => present.get(origin * n + region).copied().unwrap_or(0.0),
                }));
            }
            let refuses = before.iter().map(|was| sent.refuses.get(*was) == Some(&true));
            Sent { since: sent.since, matrix: matrix.into(), refuses: refuses.collect() }
        };
        Self { n_regions: n, times: self.times.iter().map(carry).collect() }
    }

    /// The clock was set back to `now`: what was published last was so just now, and what before
    /// as long before it as it was.
    pub(super) fn set_back(&mut self, now: Timestamp) {
        let Some(last) = self.times.back().map(|last| last.since).filter(|last| *last > now) else {
            return;
        };
        let by = last.duration_since(now);
        for sent in &mut self.times {
            sent.since = sent.since.checked_sub(by).unwrap_or(Timestamp::MIN);
        }
    }

    /// From then on clients are sent so, by these cutoffs; the flow is one with a demand of 1
    /// everywhere.
    pub(super) fn push(
        &mut self,
        crowds: &Crowds,
        flow: &Flow,
        cutoffs: &Cutoffs,
        since: Timestamp,
    ) {
        #[expect(clippy::cast_possible_truncation, reason = "seven digits are more than is known")]
        let matrix = flow.by_origin(crowds).into_iter().map(|clients| clients as f32).collect();
        let refuses = (0..).map(RegionId).take(self.n_regions).map(|id| cutoffs.of(id).refuses());
        while self.times.back().is_some_and(|last| last.since >= since) {
            self.times.pop_back();
        }
        self.times.push_back(Sent { since, matrix, refuses: refuses.collect() });
        if self.times.len() > limits::LOAD_PAST {
            self.times.pop_front();
        }
    }

    /// Whom a reading of a region saw there.
    pub(super) fn seen(&self, region: usize, at: Timestamp, windows: [Duration; 2]) -> Seen {
        let windows = windows.map(|window| window.as_secs_f64().max(0.001));
        let age = |since: Timestamp| at.duration_since(since).as_secs_f64();
        let nobody = vec![0.0; self.n_regions];
        let mut seen = Seen { open: nobody.clone(), chosen: nobody };
        let mut until = 0.0;
        for (nth, sent) in self.times.iter().enumerate().rev() {
            let reach = if nth == 0 { 1.0 } else { within(age(sent.since), windows) };
            let part = reach - until;
            until = reach;
            if part > 0.0 {
                let column = sent.matrix.iter().skip(region).step_by(self.n_regions.max(1));
                let to = match sent.refuses.get(region) {
                    Some(true) => &mut seen.chosen,
                    Some(false) | None => &mut seen.open,
                };
                to.iter_mut().zip(column).for_each(|(sum, n)| *sum += part * f64::from(*n));
            }
        }
        seen
    }
}

/// How much of a reading is due to the last `age` seconds: the distribution of the sum of two
/// times, each as likely as any other in its window.
fn within(age: f64, [a, b]: [f64; 2]) -> f64 {
    // Past both windows that is all; and the differences of squares below would be noise.
    if age >= a + b {
        return 1.0;
    }
    let half_square = |x: f64| x.max(0.0).powi(2) / 2.0;
    let area =
        half_square(age) - half_square(age - a) - half_square(age - b) + half_square(age - a - b);
    (area / (a * b)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_sees_what_was_published_over_a_ttl_and_its_interval() {
        let windows = [30.0, 10.0];
        assert_eq!(within(-1.0, windows), 0.0);
        assert_eq!(within(0.0, windows), 0.0);
        // After the interval a sixth of the caches have ended in the mean.
        assert!((within(10.0, windows) - 1.0 / 6.0).abs() < 1e-9);
        assert!((within(20.0, windows) - 0.5).abs() < 1e-9);
        assert!((within(40.0, windows) - 1.0).abs() < 1e-9);
        assert_eq!(within(1e6, windows), 1.0);
    }

    /// What was published weeks ago is not forgotten: differences of its squares are noise.
    #[test]
    fn what_was_published_long_ago_is_all_there_is() {
        for windows in [[1.0, 0.001], [30.0, 0.001], [86_400.0, 0.001], [1.0, 1.0], [0.001, 3600.0]]
        {
            for age in [1e5, 1e6, 3.3e6, 1e7, 7.7e7, 1e9] {
                assert_eq!(within(age, windows), 1.0, "{age} {windows:?}");
            }
        }
    }
}
