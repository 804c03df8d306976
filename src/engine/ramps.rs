//! Coming back: at once, by a growing share, or when an operator says so.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::drains::Out;
use crate::engine::judge::Facts;
use crate::engine::judge::Judged;
use crate::engine::plan::EndpointId;
use crate::health::Verdict;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::Failback;
use crate::steer::Admission;
use crate::steer::Share;

/// Steps of a ramp: each is a publication.
const STEPS: u32 = 64;

/// Steps come no faster.
const LEAST_STEP: Duration = Duration::from_millis(100);

/// What is remembered of an endpoint from one judgement to the next.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Memory {
    /// Whether it was admitted; `None` until it first had a verdict.
    pub(super) was_admitted: Option<bool>,
    /// It was down, and comes back when an operator says so.
    pub(super) is_held: bool,
    /// Since when it comes back.
    pub(super) ramp: Option<Timestamp>,
    /// What is known of it while an operator has it out.
    pub(super) out: Option<Out>,
}

impl Memory {
    /// The clock was set back to `now`; caches keep nothing that is answered now beyond `latest`.
    pub(super) fn set_back(&mut self, now: Timestamp, latest: Timestamp) {
        self.ramp = self.ramp.map(|since| since.min(now));
        self.out.iter_mut().for_each(|out| out.set_back(latest));
    }

    /// The share of its clients that it gets.
    pub(super) fn share(&self, ramp: Duration, now: Timestamp) -> Share {
        match self.ramp.map(|since| step_of(since, ramp, now)) {
            Some(step) if step < STEPS => Share::of(u64::from(step) + 1, u64::from(STEPS)),
            _ => Share::FULL,
        }
    }
}

/// The step that a ramp is in: 0 to 63, 64 when it is over.
fn step_of(since: Timestamp, ramp: Duration, now: Timestamp) -> u32 {
    let elapsed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let step = elapsed.as_millis() * u128::from(STEPS) / ramp.as_millis().max(1);
    u32::try_from(step).unwrap_or(STEPS).min(STEPS)
}

impl Engine {
    /// Whoever is down comes back by an operator's word where the service says so.
    pub(super) fn hold_back(&mut self, at: usize) {
        let Some(service) = self.plan.services.get(at) else { return };
        if service.failback == Failback::Automatic {
            return;
        }
        let need = service.monitors.as_ref().map_or(1, |monitors| monitors.need);
        let checks = self.plan.checks.endpoints.get(at).cloned().unwrap_or_default();
        for (pool, checks) in checks.iter().enumerate() {
            for (endpoint, checks) in checks.iter().enumerate() {
                let is_down = self.verdict(need, checks).0 == Verdict::Down;
                let id = EndpointId { service: at, pool, endpoint };
                let Some(memory) = self.memory(id).filter(|memory| is_down && !memory.is_held)
                else {
                    continue;
                };
                memory.is_held = true;
                self.effects.save = true;
            }
        }
    }

    /// Lets those come back that a target covers.
    pub(super) fn let_back(&mut self, target: &AdminTarget, services: &[usize]) {
        let held = self.held().filter(|(id, _)| services.contains(&id.service));
        let covered: Vec<_> =
            held.filter(|(_, own)| target.covers(own)).map(|(id, _)| id).collect();
        for id in covered {
            self.memory(id).into_iter().for_each(|memory| memory.is_held = false);
        }
    }

    /// The endpoints that are held back, and their names.
    pub(super) fn held(&self) -> impl Iterator<Item = (EndpointId, AdminTarget)> + '_ {
        let is_held = |id: &EndpointId| {
            let known = self.services.get(id.service)?;
            Some(known.endpoints.get(id.pool)?.get(id.endpoint)?.is_held)
        };
        let held = self.plan.endpoints().filter(move |id| is_held(id) == Some(true));
        held.filter_map(|id| Some((id, self.plan.target(id)?)))
    }

    /// Notes who is admitted now; whether a ramp began or ended by that.
    pub(super) fn remember(
        &mut self,
        at: usize,
        facts: &[Facts],
        judged: &Judged,
        now: Timestamp,
    ) -> bool {
        let Some(service) = self.plan.services.get(at) else { return false };
        let (ramp, n_pools) = (service.ramp, service.pools.len());
        if ramp.is_zero() {
            return false;
        }
        let (mut changed, mut start) = (false, 0);
        for pool in 0..n_pools {
            let of_pool = self.plan.services.get(at).and_then(|service| service.pools.get(pool));
            let len = of_pool.map_or(0, |pool| pool.endpoints.len());
            for endpoint in 0..len {
                let Some(facts) = facts.get(start + endpoint) else { continue };
                let id = EndpointId { service: at, pool, endpoint };
                let Some((lane, position)) = self.wiring.lane_of(id, start) else { continue };
                let admission = judged.standing.endpoint(pool, lane, position);
                changed |= self.note(id, facts, admission, ramp, now);
            }
            start += len;
        }
        changed
    }

    fn note(
        &mut self,
        id: EndpointId,
        facts: &Facts,
        admission: Admission,
        ramp: Duration,
        now: Timestamp,
    ) -> bool {
        let Some(memory) = self.memory(id) else { return false };
        let was_ramping = memory.ramp.is_some();
        let is_admitted = admission == Admission::Admitted;
        if facts.verdict == Verdict::Unknown {
            // Its first outcome decides at once, and is no recovery.
            return false;
        }
        let comes_back = memory.was_admitted == Some(false) && is_admitted;
        if comes_back && facts.admin != AdminState::ForcedUp {
            memory.ramp = Some(now);
        }
        let is_over = memory.ramp.is_some_and(|since| step_of(since, ramp, now) >= STEPS);
        if !is_admitted || is_over {
            memory.ramp = None;
        }
        memory.was_admitted = Some(is_admitted);
        let is_ramping = memory.ramp.is_some();
        if is_ramping {
            self.ramping.insert(id);
        } else if was_ramping {
            self.ramping.remove(&id);
        }
        was_ramping != is_ramping
    }

    /// When shares of those who come back are to grow next: the pace of the fastest will do
    /// for all.
    pub(super) fn next_ramp_step(&self) -> Option<Timestamp> {
        let ramp = |id: &EndpointId| Some(self.plan.services.get(id.service)?.ramp / STEPS);
        let pace = self.ramping.iter().filter_map(ramp).min()?;
        self.last_tick.checked_add(pace.max(LEAST_STEP)).ok()
    }

    pub(super) fn memory(&mut self, id: EndpointId) -> Option<&mut Memory> {
        self.services.get_mut(id.service)?.endpoints.get_mut(id.pool)?.get_mut(id.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever comes back gets somebody from the first moment, and everybody at the end.
    #[test]
    fn a_ramp_begins_above_nothing_and_ends_with_all() {
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let memory = Memory { ramp: Some(start), ..Memory::default() };
        let ramp = Duration::from_secs(64);
        let share = |seconds| memory.share(ramp, start + Duration::from_secs(seconds));
        assert_eq!(share(0), Share::of(1, 64));
        assert_eq!(share(1), Share::of(2, 64));
        assert_eq!((share(62), share(63)), (Share::of(63, 64), Share::FULL));
        assert_eq!(Memory::default().share(ramp, start), Share::FULL);
    }
}
