//! What this node measures to landmarks: gathered, and told to whoever keeps it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::config::Measure;
use crate::prober::Gauge;
use crate::prober::Landmarks;
use crate::prober::Sighting;
use crate::reporter::Batch;
use crate::reporter::Reading;
use crate::reporter::Thinner;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How often what was measured is told.
const WINDOW: Duration = Duration::from_secs(5);

/// Sightings that may wait; past that they are lost.
const SIGHTINGS: usize = 1024;

/// What `node` is to measure, and from which region.
fn landmarks(measure: &Measure, node: &str) -> (Landmarks, String) {
    match measure.region_of(node) {
        Some(region) => {
            let landmarks = Landmarks { all: measure.hosts.clone(), interval: measure.interval };
            (landmarks, region.to_owned())
        }
        None => (Landmarks::default(), String::new()),
    }
}

/// What this node measures, from which region, and by what.
pub(super) struct Measured {
    gauge: Gauge,
    region: watch::Sender<String>,
    node: String,
}

impl Measured {
    /// Starts to measure what `node` is to, and gives it to `tell`.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no thread to be had.
    pub(super) fn start(
        measure: &Measure,
        node: &str,
        tell: impl Fn(Batch) + Send + 'static,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        let (landmarks, region) = landmarks(measure, node);
        let (sender, mut sightings) = mpsc::channel::<Sighting>(SIGHTINGS);
        let gauge = Gauge::start(landmarks, sender, tasks)?;
        let (region, of) = watch::channel(region);
        tasks.spawn("measured", async move {
            let mut thinner = Thinner::default();
            let mut window = interval(WINDOW);
            window.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let is_due = tokio::select! {
                    sighting = sightings.recv() => {
                        let Some(Sighting { client, rtt_us }) = sighting else { return };
                        thinner.take(Reading { client, rtt_us });
                        thinner.is_full()
                    }
                    _ = window.tick() => true,
                };
                if is_due {
                    let thinned = thinner.drain();
                    Batch::of(&of.borrow(), Timestamp::now(), thinned).into_iter().for_each(&tell);
                }
            }
        })?;
        Ok(Self { gauge, region, node: node.to_owned() })
    }

    /// Follows a reload.
    pub(super) fn replace(&self, measure: &Measure) {
        let (landmarks, region) = landmarks(measure, &self.node);
        self.region.send_replace(region);
        self.gauge.replace(landmarks);
    }
}
