//! Settling: what is to be judged, in turn, until nothing is.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::Effects;
use crate::engine::Engine;
use crate::engine::admin::AdminStates;
use crate::engine::checks::CheckState;
use crate::engine::judge::Case;
use crate::engine::judge::Facts;
use crate::engine::judge::Judged;
use crate::engine::plan::EndpointId;
use crate::health::CheckId;
use crate::health::Verdict;
use crate::health::down_in;
use crate::health::of_monitors;
use crate::model::AdminState;
use crate::model::Pool;
use crate::model::VantageGroupId;
use crate::steer::ServiceStanding;

impl Engine {
    /// Judges what is to be judged, and returns what is to be done since the last call.
    pub fn effects(&mut self, now: Timestamp) -> Effects {
        self.count(now);
        self.judge_all(now);
        if self.panel.own().is_some() {
            self.effects.published = self.vantage.publish(now);
        }
        self.effects.card = self.card(now);
        std::mem::take(&mut self.effects)
    }

    /// Judges what is to be judged.
    pub(super) fn judge_all(&mut self, now: Timestamp) {
        // Regions depend on the pools of services, and services on regions: what a region
        // comes to follows from verdicts of endpoints alone, so that two rounds settle it.
        for _ in 0..3 {
            for region in std::mem::take(&mut self.dirty_regions) {
                self.judge_region(region, now);
            }
            for service in std::mem::take(&mut self.dirty) {
                self.judge(service, now);
            }
            if self.dirty_regions.is_empty() {
                break;
            }
        }
    }

    /// What is known of a service's endpoints, its pools one after the other.
    pub(super) fn facts(&self, at: usize, admin: &AdminStates, now: Timestamp) -> Vec<Facts> {
        self.facts_for(None, at, admin, now)
    }

    /// The same for the clients of a vantage group, or for all.
    fn facts_for(
        &self,
        group: Option<VantageGroupId>,
        at: usize,
        admin: &AdminStates,
        now: Timestamp,
    ) -> Vec<Facts> {
        let (Some(service), Some(known), Some(checks)) =
            (self.plan.services.get(at), self.services.get(at), self.plan.checks.endpoints.get(at))
        else {
            return Vec::new();
        };
        let need = service.monitors.as_ref().map_or(1, |monitors| monitors.need);
        let mut facts = Vec::with_capacity(known.endpoints.iter().map(Vec::len).sum());
        let pools = service.pools.iter().zip(checks).zip(&known.endpoints).enumerate();
        for (pool, ((noun, checks), memories)) in pools {
            let of_pool = admin.pool(noun.region, at, pool);
            for (endpoint, (checks, memory)) in checks.iter().zip(memories).enumerate() {
                let id = EndpointId { service: at, pool, endpoint };
                let (verdict, down_in) = self.verdict_for(group, need, checks);
                facts.push(Facts {
                    verdict,
                    down_in,
                    admin: admin.endpoint(of_pool, id),
                    is_probed: !checks.is_empty(),
                    is_held: memory.is_held,
                    share: memory.share(service.ramp, now),
                });
            }
        }
        facts
    }

    /// What the checks of an endpoint come to, and when that can turn down at the earliest.
    pub(super) fn verdict(&self, need: u8, checks: &[CheckId]) -> (Verdict, Option<Duration>) {
        self.verdict_for(None, need, checks)
    }

    fn verdict_for(
        &self,
        group: Option<VantageGroupId>,
        need: u8,
        checks: &[CheckId],
    ) -> (Verdict, Option<Duration>) {
        match checks {
            [] => (Verdict::Up, None),
            [only] => {
                let check = self.checks.get(only.index());
                check.map_or((Verdict::Unknown, None), |check| check.of(group))
            }
            several => {
                let all = several.iter().filter_map(|id| self.checks.get(id.index()));
                // What can't run has no say, until it could.
                let has_say = |c: &&CheckState| !c.is_unable || c.verdict != Verdict::Unknown;
                let voting: Vec<&CheckState> = all.filter(has_say).collect();
                let found = voting.iter().map(|check| check.of(group));
                let (verdicts, bounds): (Vec<Verdict>, Vec<_>) = found.unzip();
                let need = need.min(u8::try_from(verdicts.len()).unwrap_or(u8::MAX));
                let mut bounds: Vec<_> = bounds.into_iter().flatten().collect();
                (of_monitors(need, &verdicts), down_in(need, &mut bounds))
            }
        }
    }

    pub(super) fn judged(&self, at: usize, facts: &[Facts]) -> Option<Judged> {
        let service = self.plan.services.get(at)?;
        let region = |pool: &Pool| {
            let is_forced = self.admin.region(pool.region) == AdminState::ForcedUp;
            let found = self.regions.get(pool.region.index());
            let is_down = !is_forced && found.is_some_and(|region| region.is_out);
            let check = self.plan.checks.regions.get(pool.region.index()).copied().flatten();
            let check = check.and_then(|id| self.checks.get(id.index()));
            (is_down, check.filter(|_| !is_forced).and_then(|check| check.down_in))
        };
        let regions: Vec<_> = service.pools.iter().map(region).collect();
        let (lanes, weights) = (self.wiring.lanes.get(at)?, self.wiring.weights.get(at)?);
        Case { plan: &self.plan, at, service, lanes, facts, weights, regions: &regions }.judge()
    }

    fn judge(&mut self, at: usize, now: Timestamp) {
        self.hold_back(at);
        let facts = self.facts(at, &self.admin, now);
        let Some(mut judged) = self.judged(at, &facts) else { return };
        if self.remember(at, &facts, &judged, now) {
            // A ramp began or ended, so that shares are others.
            let facts = self.facts(at, &self.admin, now);
            judged = self.judged(at, &facts).unwrap_or(judged);
        }
        judged = self.with_groups(judged, at, &facts, &self.admin, now);
        self.note_outs(at, &facts, &judged.standing, now);
        let Some(known) = self.services.get_mut(at) else { return };
        let before = known.judged.take();
        self.count_pools(at, before.as_ref(), &judged);
        if before.as_ref().is_none_or(|before| before.standing != judged.standing) {
            self.effects.standings.insert(at, judged.standing.clone());
        }
        let is_told =
            |before: &Judged| before.state != judged.state || before.pools != judged.pools;
        if let Some(before) = before.filter(is_told) {
            self.changed.entry(at).or_insert(before);
        }
        if let Some(known) = self.services.get_mut(at) {
            known.judged = Some(judged);
        }
    }

    /// With what holds for the clients of each vantage group, where verdicts differ by group.
    pub(super) fn with_groups(
        &self,
        judged: Judged,
        at: usize,
        facts: &[Facts],
        admin: &AdminStates,
        now: Timestamp,
    ) -> Judged {
        let groups = self.wiring.groups.get(at).map_or(&[][..], |groups| groups);
        let of_group = |group: &VantageGroupId| {
            let own = self.facts_for(Some(*group), at, admin, now);
            let judged = if own == facts { None } else { self.judged(at, &own) };
            judged.map(|judged| (*group, judged.standing))
        };
        let groups: Vec<(VantageGroupId, ServiceStanding)> =
            groups.iter().filter_map(of_group).collect();
        Judged { standing: judged.standing.with_groups(groups), ..judged }
    }
}
