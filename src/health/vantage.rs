//! A vantage: all that one prober makes of its targets, and when it says so.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::health::Check;
use crate::health::CheckId;
use crate::health::CheckKey;
use crate::health::Exception;
use crate::health::Opinions;
use crate::health::Report;
use crate::health::Roll;
use crate::health::Seen;
use crate::health::Sighting;
use crate::health::Vote;
use crate::model::Monitor;

/// All that the prober of this process makes of its targets.
#[derive(Debug)]
pub struct Vantage {
    name: String,
    instance: u64,
    sequence: u64,
    roll: Roll,
    heartbeat: Duration,
    ids: HashMap<CheckKey, CheckId>,
    sightings: Vec<Sighting>,
    /// The least time until it publishes again.
    pause: Duration,
    /// When it published last.
    published: Option<Timestamp>,
    /// When it is to publish next.
    due: Timestamp,
    /// When the roll is to be published; `None` as long as another shares the same.
    roll_due: Option<Timestamp>,
}

/// What a vantage has to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Published {
    /// Where it is due, and then before the opinions.
    pub roll: Option<Roll>,
    /// All of them.
    pub opinions: Opinions,
}

/// The least time between two publications, and again for each thousand checks that are not
/// plainly up: what changes meanwhile is said at once after it.
const PAUSE: Duration = Duration::from_millis(100);

/// How often at least and at most it says that it is there.
const HEARTBEAT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How often it publishes the roll; stores forget it after a day.
const ROLL: Duration = Duration::from_secs(6 * 3600);

impl Vantage {
    /// One that has probed nothing yet. `instance` is drawn for each start of the process.
    pub fn new(
        name: &str,
        instance: u64,
        checks: &[Check],
        monitors: &[Monitor],
        now: Timestamp,
    ) -> Self {
        let monitor = |check: &Check| monitors.get(check.monitor.index());
        Self {
            name: name.to_owned(),
            instance,
            sequence: 0,
            roll: Roll::of(checks),
            heartbeat: heartbeat(monitors),
            ids: ids(checks),
            sightings: checks.iter().map(|check| Sighting::new(monitor(check))).collect(),
            pause: PAUSE,
            published: None,
            due: now,
            roll_due: None,
        }
    }

    /// Takes other checks; what is known of those that stay is kept.
    pub fn reconfigure(
        &mut self,
        before: &[Check],
        checks: &[Check],
        monitors: &[Monitor],
        now: Timestamp,
    ) {
        let old = std::mem::take(&mut self.sightings).into_iter().zip(before);
        let mut old: HashMap<&CheckKey, Sighting> =
            old.map(|(sighting, check)| (&check.key, sighting)).collect();
        let sightings = checks.iter().map(|check| {
            let monitor = monitors.get(check.monitor.index());
            match old.remove(&check.key) {
                Some(sighting) => sighting.reconfigured(monitor),
                None => Sighting::new(monitor),
            }
        });
        self.sightings = sightings.collect();
        (self.ids, self.heartbeat) = (ids(checks), heartbeat(monitors));
        let roll = Roll::of(checks);
        if roll != self.roll {
            (self.roll, self.roll_due) = (roll, Some(now));
        }
        self.due = self.due.min(now);
    }

    /// Takes an outcome; `None` if it is of a check that is gone.
    pub fn take(&mut self, report: Report, now: Timestamp) -> Option<(CheckId, Seen)> {
        let id = self.ids.get(&report.check).copied()?;
        let seen = self.sightings.get_mut(id.index())?.take(report, now);
        if seen.vote {
            let earliest = self.published.map_or(now, |last| (last + self.pause).max(now));
            self.due = self.due.min(earliest);
        }
        Some((id, seen))
    }

    /// Has its opinions published again: whoever hears them may know nothing.
    pub fn say_all(&mut self, now: Timestamp) {
        self.due = now;
    }

    /// Has the roll published if it is not among those that are shared, whoever shares it: a
    /// store may lose what it keeps in memory, and a thousand vantages need one of them.
    pub fn put_back(&mut self, shared: &BTreeSet<u64>, now: Timestamp) {
        if !shared.contains(&self.roll.digest()) {
            (self.due, self.roll_due) = (now, Some(now));
        }
    }

    /// When it is to publish next.
    pub const fn due(&self) -> Timestamp {
        self.due
    }

    /// What it publishes, if that is due.
    pub fn publish(&mut self, now: Timestamp) -> Option<Published> {
        if now < self.due {
            return None;
        }
        let is_due = self.roll_due.is_some_and(|due| due <= now);
        let roll = is_due.then(|| {
            self.roll_due = Some(now + ROLL);
            self.roll.clone()
        });
        self.sequence += 1;
        self.published = Some(now);
        self.due = now + self.heartbeat;
        let opinions = self.opinions(now);
        let thousands = u32::try_from(opinions.exceptions.len() / 1000).unwrap_or(u32::MAX);
        self.pause = PAUSE.saturating_mul(thousands.saturating_add(1));
        Some(Published { roll, opinions })
    }

    /// The clock was set back to `now`.
    pub fn set_back(&mut self, now: Timestamp) {
        self.sightings.iter_mut().for_each(|sighting| sighting.set_back(now));
        self.published = self.published.map(|last| last.min(now));
        self.due = self.due.min(now);
        self.roll_due = self.roll_due.map(|due| due.min(now));
    }

    /// What tells it from another of its name.
    pub const fn instance(&self) -> u64 {
        self.instance
    }

    /// What it makes of each check, in their order.
    pub fn sightings(&self) -> &[Sighting] {
        &self.sightings
    }

    /// The same, to be changed.
    pub fn sightings_mut(&mut self) -> &mut [Sighting] {
        &mut self.sightings
    }

    /// The check of that key.
    pub fn find(&self, key: &CheckKey) -> Option<CheckId> {
        self.ids.get(key).copied()
    }

    fn opinions(&self, now: Timestamp) -> Opinions {
        let exception = |(at, sighting): (u32, &Sighting)| {
            let vote = sighting.vote();
            (vote != Vote::Up { failures: 0 }).then(|| Exception {
                at,
                vote,
                since: sighting.opinion().since(),
                held: sighting.opinion().hold(),
                reason: sighting.unable().unwrap_or_else(|| sighting.reason()).into(),
            })
        };
        Opinions {
            vantage: self.name.clone(),
            instance: self.instance,
            sequence: self.sequence,
            at: now,
            heartbeat: self.heartbeat,
            roll: self.roll.digest(),
            len: u32::try_from(self.roll.len()).unwrap_or(u32::MAX),
            exceptions: (0..).zip(&self.sightings).filter_map(exception).collect(),
        }
    }
}

fn ids(checks: &[Check]) -> HashMap<CheckKey, CheckId> {
    checks.iter().map(|check| check.key.clone()).zip((0..).map(CheckId)).collect()
}

/// As often as the most frequent probe, within bounds.
fn heartbeat(monitors: &[Monitor]) -> Duration {
    let (least, most) = HEARTBEAT;
    monitors.iter().map(|monitor| monitor.interval).min().unwrap_or(most).clamp(least, most)
}
