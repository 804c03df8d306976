//! The poll: what the vantages say, in the words of the operator.

use jiff::Timestamp;

use crate::engine::CheckStatus;
use crate::engine::ClusterStatus;
use crate::engine::Engine;
use crate::engine::VantageStatus;
use crate::health::CheckId;
use crate::health::Hearing;
use crate::health::Held;
use crate::health::Verdict;
use crate::health::Vote;
use crate::model::VantageId;

/// Vantages that are named because they say the opposite of a verdict.
const DISSENTERS: usize = 8;

impl Engine {
    /// With whom all is shared.
    pub(super) fn cluster_status(&self, now: Timestamp) -> ClusterStatus {
        ClusterStatus {
            node: self.plan.node.name.clone(),
            inputs: self.inputs.clone(),
            contact: self.line.contact,
            since: self.line.since,
            why: self.line.why.clone(),
            vantages: self.vantages(now),
            nodes: self.nodes(),
        }
    }

    /// One check, as far as all vantages go, and as far as this node's own does.
    pub(super) fn check_status(&self, id: CheckId, now: Timestamp) -> Option<CheckStatus> {
        let (check, state) = (self.plan.checks.get(id)?, self.checks.get(id.index())?);
        let monitor = self.plan.monitors.get(check.monitor.index())?;
        let own = self.vantage.sightings().get(id.index())?;
        let (successes_total, failures_total) = own.counts();
        let votes = |wanted| {
            let counting = self.panel.of(id).filter(|(seat, _)| seat.hearing() == Hearing::Heard);
            counting.filter(|(_, vote)| vote.says() == wanted).count()
        };
        let held = self.held_down(id, now);
        Some(CheckStatus {
            check: check.key.to_string(),
            monitor: monitor.name.clone(),
            verdict: state.verdict,
            since: state.since,
            reason: self.reason(id),
            last: own.last(),
            took_us: u64::try_from(own.took().as_micros()).unwrap_or(u64::MAX),
            failures: own.opinion().failures(),
            held_until: held.map(|held| held.until),
            up_since: held.and_then(|held| held.up_since),
            unable: self.unable(id),
            unable_since: state.unable_since,
            unable_until: state.unable_until,
            certificate_ends: own.certificate_ends(),
            successes_total,
            failures_total,
            flips_total: state.flips,
            provisional: state.is_provisional,
            votes_up: votes(Verdict::Up),
            votes_down: votes(Verdict::Down),
            dissent: self.dissent(id, state.verdict),
        })
    }

    /// Whether a check is down only since it is held so: until as many vantages as it takes by
    /// majority may say up, and since when the last of them would.
    pub(super) fn held_down(&self, id: CheckId, now: Timestamp) -> Option<Held> {
        self.checks.get(id.index()).filter(|check| check.verdict == Verdict::Down)?;
        let own = self.panel.own().map(VantageId::index);
        let heard = self.panel.of(id).enumerate();
        let heard = heard.filter(|(_, (seat, _))| seat.hearing() == Hearing::Heard);
        let (mut down, mut up) = (Vec::new(), 0);
        for (at, (seat, vote)) in heard {
            match vote {
                Vote::Down if own == Some(at) => {
                    let sighting = self.vantage.sightings().get(id.index());
                    down.push(sighting.and_then(|own| own.opinion().hold()));
                }
                Vote::Down => down.push(seat.hold(id)),
                Vote::Up { .. } => up += 1,
                Vote::Absent | Vote::Unable | Vote::Unknown => {}
            }
        }
        down.sort_unstable();
        let turning = down.len().checked_sub((down.len() + up) / 2)?;
        let last = down.get(turning.checked_sub(1)?).copied().flatten();
        last.filter(|held| held.until > now)
    }

    fn dissent(&self, id: CheckId, verdict: Verdict) -> Vec<String> {
        let counting = self.panel.of(id).filter(|(seat, _)| seat.hearing() == Hearing::Heard);
        let others = counting.filter(|(_, vote)| differs(*vote, verdict));
        others.map(|(seat, _)| seat.name().to_owned()).take(DISSENTERS).collect()
    }

    fn vantages(&self, now: Timestamp) -> Vec<VantageStatus> {
        let groups = &self.plan.vantages.groups;
        let group = |seat: &crate::health::Seat| groups.get(seat.group().index());
        let mut all: Vec<VantageStatus> = self
            .panel
            .seats()
            .iter()
            .zip(self.panel.hearings(now))
            .map(|(seat, hearing)| VantageStatus {
                vantage: seat.name().to_owned(),
                group: group(seat).map_or_else(|| seat.name(), String::as_str).to_owned(),
                hearing,
                heard: seat.heard(),
                up: 0,
                down: 0,
                unable: 0,
                differs: 0,
            })
            .collect();
        for (id, state) in (0..).map(CheckId).zip(&self.checks) {
            for (status, (_, vote)) in all.iter_mut().zip(self.panel.of(id)) {
                match vote {
                    Vote::Up { .. } => status.up += 1,
                    Vote::Down => status.down += 1,
                    Vote::Unable => status.unable += 1,
                    Vote::Absent | Vote::Unknown => {}
                }
                status.differs += usize::from(differs(vote, state.verdict));
            }
        }
        all
    }
}

fn differs(vote: Vote, verdict: Verdict) -> bool {
    let said = vote.says();
    said != Verdict::Unknown && verdict != Verdict::Unknown && said != verdict
}
