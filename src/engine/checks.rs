//! What is known of each check.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::saved::SavedCheck;
use crate::health::Damper;
use crate::health::Damping;
use crate::health::Outcome;
use crate::health::Report;
use crate::health::Verdict;
use crate::health::of_vantages;
use crate::model::Monitor;
use crate::model::Probe;

/// One check: the opinion of this node's vantage, and the verdict.
#[derive(Clone, Debug)]
pub(super) struct CheckState {
    pub(super) damping: Damping,
    /// The opinion of the vantage that is this node itself.
    pub(super) opinion: Damper,
    pub(super) verdict: Verdict,
    pub(super) since: Option<Timestamp>,
    /// What the last outcome said; empty for a success.
    pub(super) reason: String,
    pub(super) last: Option<Timestamp>,
    pub(super) took: Duration,
    pub(super) unable: Option<String>,
    /// Its target reports by itself, when it likes.
    pub(super) is_pushed: bool,
    pub(super) certificate_ends: Option<Timestamp>,
    /// Whether the end of the certificate was told.
    is_warned: bool,
    expiry_warning: Duration,
    pub(super) successes: u64,
    pub(super) failures: u64,
    pub(super) flips: u64,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Changed {
    /// The verdict, from this.
    pub(super) from: Option<Verdict>,
    /// When it can turn down at the earliest, and so a TTL; or whether it can run.
    pub(super) bound: bool,
    /// The certificate turned out to end soon.
    pub(super) certificate: Option<Timestamp>,
}

impl CheckState {
    pub(super) fn new(monitor: Option<&Monitor>) -> Self {
        let damping = monitor.map_or(NO_DAMPING, Damping::from);
        let tls = monitor.and_then(|monitor| match &monitor.probe {
            Probe::Http(probe) => probe.tls.as_ref(),
            Probe::Grpc(probe) => probe.tls.as_ref(),
            Probe::Tls(probe) => Some(&probe.tls),
            Probe::Dns(_) | Probe::Exec(_) | Probe::Icmp | Probe::Push | Probe::Tcp(_) => None,
        });
        Self {
            damping,
            opinion: Damper::new(),
            verdict: Verdict::Unknown,
            since: None,
            reason: String::new(),
            last: None,
            took: Duration::ZERO,
            unable: None,
            is_pushed: monitor.is_some_and(|monitor| monitor.probe == Probe::Push),
            certificate_ends: None,
            is_warned: false,
            expiry_warning: tls.map_or(Duration::ZERO, |tls| tls.expiry_warning),
            successes: 0,
            failures: 0,
            flips: 0,
        }
    }

    /// The same check under a configuration that may say other thresholds.
    pub(super) fn reconfigured(self, monitor: Option<&Monitor>) -> Self {
        let Self { damping, expiry_warning, is_pushed, .. } = Self::new(monitor);
        Self { damping, expiry_warning, is_pushed, ..self }
    }

    /// As it was before a restart.
    pub(super) fn restore(&mut self, saved: SavedCheck) {
        let SavedCheck { verdict, since, reason, downs, held_until } = saved;
        let restored = Damper::restored(verdict, since, &self.damping);
        self.opinion = restored.held(downs, held_until);
        (self.verdict, self.since, self.reason) = (verdict, since, reason);
    }

    /// What is to be restored.
    pub(super) fn saved(&self) -> SavedCheck {
        SavedCheck {
            verdict: self.verdict,
            since: self.since,
            reason: self.reason.clone(),
            downs: self.opinion.downs(),
            held_until: self.opinion.held_until(),
        }
    }

    pub(super) fn take(&mut self, report: Report, now: Timestamp) -> Changed {
        let before = (self.opinion.down_in(&self.damping), self.unable.is_some());
        let mut changed =
            Changed { certificate: self.certificate(&report, now), ..Changed::default() };
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
            Outcome::Unable(reason) => {
                changed.bound = self.unable.is_none();
                self.unable = Some(reason);
                return changed;
            }
        };
        self.unable = None;
        self.last = Some(now);
        self.took = report.took;
        self.opinion.take(success, &self.damping, now);
        let verdict = of_vantages(self.verdict, [self.opinion.verdict()]);
        if verdict != self.verdict {
            changed.from = Some(self.verdict);
            self.flips += u64::from(verdict == Verdict::Down);
            (self.verdict, self.since) = (verdict, Some(now));
        }
        changed.bound = before != (self.opinion.down_in(&self.damping), false);
        changed
    }

    /// When it can turn down at the earliest, counted from its last outcome.
    pub(super) fn down_in(&self) -> Option<Duration> {
        self.opinion.down_in(&self.damping)
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

/// Of a check whose monitor is gone, which configuration rules out.
const NO_DAMPING: Damping =
    Damping { interval: Duration::from_secs(10), rise: 1, fall: 1, hold_down: Duration::ZERO };
