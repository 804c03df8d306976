//! What one prober makes of one target.

use std::time::Duration;

use jiff::Timestamp;

use crate::health::Damper;
use crate::health::Damping;
use crate::health::Outcome;
use crate::health::Report;
use crate::health::Verdict;
use crate::model::Monitor;
use crate::model::Probe;

/// What the outcomes of one check came to so far, in this process.
#[derive(Clone, Debug)]
pub struct Sighting {
    damping: Damping,
    /// As many times the failures that the monitor says turn it down.
    caution: u8,
    opinion: Damper,
    reason: String,
    last: Option<Timestamp>,
    took: Duration,
    unable: Option<Unable>,
    /// How long being up is believed while it can't be probed.
    hold_unable: Duration,
    is_pushed: bool,
    certificate_ends: Option<Timestamp>,
    /// Whether the end of the certificate was told.
    is_warned: bool,
    expiry_warning: Duration,
    successes: u64,
    failures: u64,
}

/// It can't be probed for a reason of the prober's own.
#[derive(Clone, Debug)]
struct Unable {
    why: String,
    since: Timestamp,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// What it votes, or how far it is from another vote.
    pub vote: bool,
    /// The certificate turned out to end soon.
    pub certificate: Option<Timestamp>,
}

/// What one vantage says of one check.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Vote {
    /// Nothing: it does not have the check.
    #[default]
    Absent,
    /// Nothing yet: it has not probed it.
    Unknown,
    /// It can't run the probe.
    Unable,
    /// Down.
    Down,
    /// Up, with so many failures that count.
    Up {
        /// At the monitor's `fall` it is down.
        failures: u8,
    },
}

impl Vote {
    /// The verdict that it is for; unknown if it is for none.
    pub const fn says(self) -> Verdict {
        match self {
            Self::Up { .. } => Verdict::Up,
            Self::Down => Verdict::Down,
            Self::Absent | Self::Unable | Self::Unknown => Verdict::Unknown,
        }
    }
}

impl Sighting {
    /// Of a target that was never probed.
    pub fn new(monitor: Option<&Monitor>) -> Self {
        let tls = monitor.and_then(|monitor| match &monitor.probe {
            Probe::Http(probe) => probe.tls.as_ref(),
            Probe::Grpc(probe) => probe.tls.as_ref(),
            Probe::Tls(probe) => Some(&probe.tls),
            Probe::Dns(_) | Probe::Exec(_) | Probe::Icmp | Probe::Push | Probe::Tcp(_) => None,
        });
        Self {
            damping: monitor.map_or(NO_DAMPING, Damping::from),
            caution: 1,
            opinion: Damper::new(),
            reason: String::new(),
            last: None,
            took: Duration::ZERO,
            unable: None,
            hold_unable: monitor.map_or(Duration::ZERO, |monitor| monitor.hold_unable),
            is_pushed: monitor.is_some_and(|monitor| monitor.probe == Probe::Push),
            certificate_ends: None,
            is_warned: false,
            expiry_warning: tls.map_or(Duration::ZERO, |tls| tls.expiry_warning),
            successes: 0,
            failures: 0,
        }
    }

    /// The same under a configuration that may say other thresholds.
    #[must_use]
    pub fn reconfigured(self, monitor: Option<&Monitor>) -> Self {
        let Self { damping, expiry_warning, hold_unable, is_pushed, .. } = Self::new(monitor);
        let mut next = Self { damping, expiry_warning, hold_unable, is_pushed, ..self };
        next.slow(monitor, next.caution);
        next
    }

    /// As it was before a restart, with what it was remembered for.
    pub fn restore(
        &mut self,
        verdict: Verdict,
        since: Option<Timestamp>,
        downs: u8,
        held_until: Option<Timestamp>,
        reason: String,
    ) {
        let restored = Damper::restored(verdict, since, &self.damping);
        self.opinion = restored.held(downs, held_until);
        self.reason = reason;
    }

    /// Takes an outcome.
    pub fn take(&mut self, report: Report, now: Timestamp) -> Seen {
        let before = self.vote();
        let certificate = self.certificate(&report, now);
        let success = match report.outcome {
            Outcome::Success => {
                self.successes += 1;
                self.reason.clear();
                true
            }
            Outcome::Failure(reason) => {
                self.failures += 1;
                self.reason = reason;
                false
            }
            Outcome::Unable(why) => {
                let since = self.unable.as_ref().map_or(now, |unable| unable.since);
                self.unable = Some(Unable { why, since });
                return Seen { vote: before != self.vote(), certificate };
            }
        };
        if let Some(unable) = self.unable.take()
            && is_over(unable.since, self.hold_unable, now)
        {
            self.opinion.forget_up();
        }
        self.last = Some(now);
        self.took = report.took;
        self.opinion.take(success, &self.damping, now);
        Seen { vote: before != self.vote(), certificate }
    }

    /// Takes so many times the failures that the monitor says to turn down; 1 is as it says.
    pub fn slow(&mut self, monitor: Option<&Monitor>, times: u8) {
        let fall = monitor.map_or(NO_DAMPING.fall, |monitor| monitor.fall);
        self.caution = times;
        self.damping.fall = fall.saturating_mul(times);
    }

    /// The clock was set back to `now`.
    pub fn set_back(&mut self, now: Timestamp) {
        self.opinion.set_back(&self.damping, now);
        let unable = self.unable.as_mut();
        unable.into_iter().for_each(|unable| unable.since = unable.since.min(now));
    }

    /// What it votes: nothing by what another process saw before, and nothing while it can't
    /// look. The verdict that stands holds meanwhile. A heartbeat is not looked for: what was
    /// remembered of it counts until silence says otherwise.
    pub fn vote(&self) -> Vote {
        match (self.opinion.verdict(), &self.unable) {
            (_, Some(_)) => Vote::Unable,
            (Verdict::Unknown, None) => Vote::Unknown,
            _ if self.last.is_none() && !self.is_pushed => Vote::Unknown,
            (Verdict::Down, None) => Vote::Down,
            (Verdict::Up, None) => Vote::Up { failures: self.opinion.failures() },
        }
    }

    /// The opinion, and what it takes to change it.
    pub const fn opinion(&self) -> &Damper {
        &self.opinion
    }

    /// What the last outcome said: empty for a success.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// When the last outcome came.
    pub const fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// How long the last probe took.
    pub const fn took(&self) -> Duration {
        self.took
    }

    /// Why it can't be probed, where that is so.
    pub fn unable(&self) -> Option<&str> {
        self.unable.as_ref().map(|unable| &*unable.why)
    }

    /// Whether its target reports by itself, when it likes.
    pub const fn is_pushed(&self) -> bool {
        self.is_pushed
    }

    /// When the certificate that was presented last ends.
    pub const fn certificate_ends(&self) -> Option<Timestamp> {
        self.certificate_ends
    }

    /// Probes that succeeded and that failed since the process started.
    pub const fn counts(&self) -> (u64, u64) {
        (self.successes, self.failures)
    }

    fn certificate(&mut self, report: &Report, now: Timestamp) -> Option<Timestamp> {
        let ends = report.certificate_ends?;
        if self.certificate_ends != Some(ends) {
            self.is_warned = false;
        }
        self.certificate_ends = Some(ends);
        let left = Duration::try_from(ends.duration_since(now)).unwrap_or_default();
        let is_due = !self.is_warned && left < self.expiry_warning;
        self.is_warned |= is_due;
        is_due.then_some(ends)
    }
}

/// Whether something that began `since` has lasted so long.
fn is_over(since: Timestamp, long: Duration, now: Timestamp) -> bool {
    since.saturating_add(long).is_ok_and(|until| until <= now)
}

/// Of a check whose monitor is gone, which configuration rules out.
const NO_DAMPING: Damping =
    Damping { interval: Duration::from_secs(10), rise: 1, fall: 1, hold_down: Duration::ZERO };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::CheckKey;
    use crate::model::Voting;

    const HOLD: u32 = 300;

    fn at(seconds: u32) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + i64::from(seconds)).unwrap()
    }

    fn monitor() -> Monitor {
        Monitor {
            name: "ping".to_owned(),
            probe: Probe::Icmp,
            at: None,
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            rise: 2,
            fall: 3,
            hold_down: Duration::ZERO,
            hold_unable: Duration::from_secs(HOLD.into()),
            voting: Voting::default(),
        }
    }

    fn report(outcome: Outcome) -> Report {
        let check = CheckKey::new("ping@2001:db8::1");
        Report { check, outcome, took: Duration::ZERO, certificate_ends: None }
    }

    /// Outcomes and when they came: `.` a success, `x` a failure, `?` could not be probed.
    fn fed(outcomes: &[(char, u32)]) -> Sighting {
        let mut sighting = Sighting::new(Some(&monitor()));
        for (outcome, seconds) in outcomes {
            let outcome = match outcome {
                '.' => Outcome::Success,
                'x' => Outcome::Failure("refused".to_owned()),
                _ => Outcome::Unable("no IPv6".to_owned()),
            };
            sighting.take(report(outcome), at(*seconds));
        }
        sighting
    }

    #[test]
    fn what_could_not_be_probed_for_long_is_seen_as_new() {
        let up = |failures| Vote::Up { failures };
        for (outcomes, expected) in [
            (&[('.', 0), ('?', 10)][..], Vote::Unable),
            (&[('.', 0), ('?', 10), ('.', 20)], up(0)),
            (&[('.', 0), ('?', 10), ('x', 20)], up(1)),
            // Failures count on both sides of it.
            (&[('.', 0), ('x', 10), ('x', 20), ('?', 30), ('x', 40)], Vote::Down),
            (&[('.', 0), ('?', 10), ('x', 9 + HOLD)], up(1)),
            // The bound is over: the next outcome decides as the first ever.
            (&[('.', 0), ('?', 10), ('x', 10 + HOLD)], Vote::Down),
            (&[('.', 0), ('?', 10), ('?', 200), ('x', 10 + HOLD)], Vote::Down),
            (&[('.', 0), ('?', 10), ('.', 10 + HOLD)], up(0)),
            // What was down is not up by the first success.
            (&[('x', 0), ('?', 10), ('.', 10 + HOLD)], Vote::Down),
            (&[('x', 0), ('?', 10), ('.', 10 + HOLD), ('.', 20 + HOLD)], up(0)),
        ] {
            assert_eq!(fed(outcomes).vote(), expected, "{outcomes:?}");
        }
    }

    /// A reload while nobody else is heard is no reason to believe one vantage sooner.
    #[test]
    fn caution_outlives_a_reload() {
        let mut sighting = fed(&[('.', 0)]);
        sighting.slow(Some(&monitor()), 2);
        let mut sighting = sighting.reconfigured(Some(&monitor()));
        for failures in 1..6 {
            sighting.take(report(Outcome::Failure("refused".to_owned())), at(failures.into()));
            assert_eq!(sighting.vote(), Vote::Up { failures });
        }
        sighting.take(report(Outcome::Failure("refused".to_owned())), at(60));
        assert_eq!(sighting.vote(), Vote::Down);
    }

    /// Another process saw it: only a heartbeat, which nobody looks for, speaks for itself.
    #[test]
    fn what_was_seen_before_a_restart_is_no_vote() {
        for (probe, expected) in [(Probe::Icmp, Vote::Unknown), (Probe::Push, Vote::Down)] {
            let mut restored = Sighting::new(Some(&Monitor { probe, ..monitor() }));
            restored.restore(Verdict::Down, Some(at(0)), 1, None, "refused".to_owned());
            assert_eq!(restored.vote(), expected);
            restored.take(report(Outcome::Success), at(10));
            assert_eq!(restored.vote(), Vote::Up { failures: 0 });
        }
    }

    #[test]
    fn the_end_of_each_certificate_is_told_once() {
        let mut sighting = Sighting::new(Some(&monitor()));
        sighting.expiry_warning = Duration::from_secs(1_000);
        let mut told = |now, ends| {
            let certificate_ends = Some(at(ends));
            let report = Report { certificate_ends, ..report(Outcome::Success) };
            sighting.take(report, at(now)).certificate
        };
        assert_eq!(told(0, 1_000), None, "as much is left as is to be left");
        assert_eq!(told(1, 1_000), Some(at(1_000)));
        assert_eq!(told(2, 1_000), None);
        assert_eq!(told(3, 900), Some(at(900)), "of another one");
        assert_eq!(told(4, 9_000), None);
    }
}
