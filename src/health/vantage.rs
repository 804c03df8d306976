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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Outcome;
    use crate::model::MonitorId;
    use crate::model::Probe;
    use crate::model::ProbeAt;
    use crate::model::ProbeHost;
    use crate::model::Voting;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn monitor(interval: Duration) -> Monitor {
        Monitor {
            name: "ping".to_owned(),
            probe: Probe::Icmp,
            at: None,
            interval,
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            hold_down: Duration::ZERO,
            hold_unable: Duration::ZERO,
            voting: Voting::default(),
        }
    }

    fn checks(n: u32) -> Vec<Check> {
        let check = |nth: u32| Check {
            key: CheckKey::new(nth.to_string()),
            monitor: MonitorId(0),
            at: ProbeAt { host: ProbeHost::Name(nth.to_string()), port: None, path: None },
            name: None,
        };
        (0..n).map(check).collect()
    }

    /// One that has published at 0 that it knows nothing of so many checks.
    fn vantage(n: u32) -> Vantage {
        let monitors = [monitor(Duration::from_secs(5))];
        let mut vantage = Vantage::new("ams", 1, &checks(n), &monitors, at(0));
        vantage.publish(at(0)).unwrap();
        vantage
    }

    fn fail(vantage: &mut Vantage, nth: u32, now: Timestamp) {
        let (check, took) = (CheckKey::new(nth.to_string()), Duration::ZERO);
        let outcome = Outcome::Failure("refused".to_owned());
        vantage.take(Report { check, outcome, took, certificate_ends: None }, now).unwrap();
    }

    #[test]
    fn it_is_heard_as_often_as_it_probes_within_bounds() {
        for (intervals, expected) in [
            (&[30_000, 5_000][..], 5_000),
            (&[60_000], 10_000),
            (&[100, 60_000], 1_000),
            (&[], 10_000),
        ] {
            let monitors: Vec<Monitor> =
                intervals.iter().map(|ms| monitor(Duration::from_millis(*ms))).collect();
            assert_eq!(heartbeat(&monitors), Duration::from_millis(expected), "{intervals:?}");
        }
    }

    /// Verdicts are late by what a vantage keeps to itself.
    #[test]
    fn a_changed_vote_is_said_at_once_and_the_next_after_a_pause() {
        let mut vantage = vantage(3);
        assert_eq!(vantage.due(), at(5_000), "the heartbeat");
        fail(&mut vantage, 0, at(1_000));
        assert_eq!(vantage.due(), at(1_000));
        assert!(vantage.publish(at(1_000)).is_some());
        fail(&mut vantage, 1, at(1_010));
        assert_eq!(vantage.due(), at(1_100));
        assert_eq!(vantage.publish(at(1_099)), None);
        let said = vantage.publish(at(1_100)).unwrap().opinions;
        let votes: Vec<Vote> = said.exceptions.iter().map(|exception| exception.vote).collect();
        assert_eq!(votes, [Vote::Down, Vote::Down, Vote::Unknown]);
        assert_eq!((said.sequence, vantage.due()), (3, at(6_100)));
        fail(&mut vantage, 1, at(1_500));
        assert_eq!(vantage.due(), at(6_100), "what was said already is no news");
    }

    #[test]
    fn the_pause_grows_with_what_there_is_to_say() {
        let mut vantage = vantage(2_500);
        fail(&mut vantage, 0, at(10));
        assert_eq!(vantage.due(), at(300));
    }

    #[test]
    fn the_roll_is_said_where_it_changed_and_where_nobody_shares_it() {
        let monitors = [monitor(Duration::from_secs(5))];
        let mut vantage = vantage(3);
        let says = |vantage: &mut Vantage, now| vantage.publish(now).unwrap().roll;
        vantage.reconfigure(&checks(3), &checks(3), &monitors, at(1_000));
        assert_eq!(says(&mut vantage, at(1_000)), None);
        vantage.reconfigure(&checks(3), &checks(4), &monitors, at(2_000));
        assert_eq!(says(&mut vantage, at(2_000)), Some(Roll::of(&checks(4))));
        let shared = BTreeSet::from([Roll::of(&checks(4)).digest()]);
        vantage.put_back(&shared, at(3_000));
        assert_eq!(vantage.publish(at(3_000)), None);
        vantage.put_back(&BTreeSet::new(), at(4_000));
        assert_eq!(says(&mut vantage, at(4_000)), Some(Roll::of(&checks(4))));
    }
}
