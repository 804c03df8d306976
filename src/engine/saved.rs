//! What survives a restart, and what a reload.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::engine::AdminOrder;
use crate::engine::Engine;
use crate::engine::Known;
use crate::engine::Plan;
use crate::engine::Stamp;
use crate::engine::What;
use crate::engine::checks::CheckState;
use crate::engine::plan::Wiring;
use crate::engine::ramps::Memory;
use crate::engine::regions::RegionState;
use crate::health::CheckId;
use crate::health::CheckKey;
use crate::health::Verdict;
use crate::model::AdminTarget;
use crate::model::Endpoint;
use crate::model::Region;
use crate::model::Service;

/// Verdicts, what is held back, and admin states, as text in the state directory.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    version: u32,
    /// By the key of the check.
    pub(super) checks: BTreeMap<String, SavedCheck>,
    /// Endpoints that come back only when an operator says so.
    pub(super) held: Vec<AdminTarget>,
    /// Endpoints that come back bit by bit, and since when.
    #[serde(default)]
    pub(super) ramps: BTreeMap<AdminTarget, Timestamp>,
    /// The last order for each target.
    pub(super) admin: Vec<AdminOrder>,
}

/// What was known of one check.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct SavedCheck {
    pub(super) verdict: Verdict,
    pub(super) since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) reason: String,
    /// How often it went down that is not forgiven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) downs: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_until: Option<Timestamp>,
    /// Since when nobody can run the probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unable_since: Option<Timestamp>,
    /// What this node's own vantage said, where that was not the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) own: Option<Verdict>,
    /// What vantage groups say, by name, where that is not the verdict.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) groups: BTreeMap<String, Verdict>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

impl Saved {
    const VERSION: u32 = 1;

    pub(super) fn new(
        checks: BTreeMap<String, SavedCheck>,
        held: Vec<AdminTarget>,
        ramps: BTreeMap<AdminTarget, Timestamp>,
        admin: Vec<AdminOrder>,
    ) -> Self {
        Self { version: Self::VERSION, checks, held, ramps, admin }
    }

    /// As text.
    pub fn text(&self) -> String {
        // Strings, numbers and maps by string always have a text.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From text.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in a sentence; the file is to be set aside.
    pub fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let Versioned { version } =
            serde_json::from_str(text).map_err(|error| format!("it is no state: {error}"))?;
        if version != Self::VERSION {
            return Err(format!("it has version {version}, expected {}", Self::VERSION));
        }
        serde_json::from_str(text).map_err(|error| format!("it is damaged: {error}"))
    }
}

impl Engine {
    /// What is to be read back after a restart.
    pub fn saved(&self) -> Saved {
        let all = self.plan.checks.all.iter().zip((0..).map(CheckId));
        let known = all.map(|(check, id)| (check.key.to_string(), self.saved_check(id)));
        let checks = known.filter_map(|(key, known)| Some((key, known?)));
        let held = self.held().map(|(_, target)| target).collect();
        let ramps = self.ramping.iter().filter_map(|id| {
            let known = self.services.get(id.service)?;
            let since = known.endpoints.get(id.pool)?.get(id.endpoint)?.ramp?;
            Some((self.plan.target(*id)?, since))
        });
        Saved::new(checks.collect(), held, ramps.collect(), self.admin.orders().cloned().collect())
    }

    /// Puts back what was saved. What it says of things that are gone is dropped, but admin
    /// states, which may be about what comes back.
    pub(super) fn restore(&mut self, saved: Saved) {
        for (key, known) in saved.checks {
            let id = self.vantage.find(&CheckKey::new(key));
            id.into_iter().for_each(|id| self.restore_check(id, known.clone()));
        }
        for mut order in saved.admin {
            // Of before orders were stamped.
            if order.status.stamp == Stamp::default() {
                let ms = order.status.since.as_millisecond();
                order.status.stamp = Stamp { ms, count: 0, node: self.plan.node.name.clone() };
            }
            self.admin.put(order, &self.plan, &self.wiring);
        }
        for (target, since) in saved.ramps {
            self.set_memory(&target, |memory| {
                (memory.ramp, memory.was_admitted) = (Some(since), Some(true));
            });
        }
        for target in saved.held {
            self.set_memory(&target, |memory| memory.is_held = true);
        }
    }

    /// What is to be read back of a check; `None` if nothing is known of it.
    fn saved_check(&self, id: CheckId) -> Option<SavedCheck> {
        let state = self.checks.get(id.index()).filter(|c| c.verdict != Verdict::Unknown)?;
        let own = self.vantage.sightings().get(id.index())?;
        let opinion = own.opinion();
        let groups = self.plan.vantages.groups.iter().zip(&state.of_groups);
        let groups = groups.filter(|(_, found)| found.verdict != state.verdict);
        Some(SavedCheck {
            verdict: state.verdict,
            since: state.since,
            reason: self.reason(id),
            downs: opinion.downs(),
            held_until: opinion.held_until(),
            unable_since: state.unable_since,
            own: Some(opinion.verdict()).filter(|own| *own != state.verdict),
            groups: groups.map(|(name, found)| (name.clone(), found.verdict)).collect(),
        })
    }

    fn restore_check(&mut self, id: CheckId, saved: SavedCheck) {
        let Some(state) = self.checks.get_mut(id.index()) else { return };
        *state = CheckState::restored(&saved, &self.plan.vantages.groups);
        let SavedCheck { verdict, since, reason, downs, held_until, own, .. } = saved;
        if let Some(sighting) = self.vantage.sightings_mut().get_mut(id.index()) {
            sighting.restore(own.unwrap_or(verdict), since, downs, held_until, reason);
        }
    }

    /// Takes another configuration. Checks are known by their keys, endpoints by their names.
    pub(super) fn reconfigure(&mut self, plan: Plan, now: Timestamp) {
        let memories: Vec<(AdminTarget, Memory)> = self.memories().collect();
        let verdicts: HashMap<AdminTarget, SavedCheck> = self.endpoint_verdicts().collect();
        let old = std::mem::take(&mut self.checks).into_iter().zip(&self.plan.checks.all);
        let mut states: HashMap<CheckKey, CheckState> =
            old.map(|(state, check)| (check.key.clone(), state)).collect();
        let (before, checks) = (&self.plan.checks.all, &plan.checks.all);
        self.vantage.reconfigure(before, checks, &plan.monitors, now);
        let mut regions = self.carried_regions(&plan, now);
        self.wiring = Wiring::new(&plan);
        let checks = plan.checks.all.iter();
        self.checks = checks.map(|check| states.remove(&check.key).unwrap_or_default()).collect();
        self.panel.reconfigure(plan.panel(now));
        if plan.vantages.groups != self.plan.vantages.groups {
            // Their positions mean others.
            self.checks.iter_mut().for_each(|check| check.of_groups = Box::default());
        }
        let region = |region: &Region| regions.remove(&region.name).unwrap_or_default();
        self.regions = plan.regions.iter().map(region).collect();
        self.services = plan.services.iter().map(Known::new).collect();
        self.plan = plan;
        self.ramping.clear();
        for (target, memory) in memories {
            self.set_memory(&target, |own| *own = memory);
        }
        self.inherit(&verdicts);
        self.forget_unable();
        self.cast_all(now);
        self.admin.resolve(&self.plan, &self.wiring);
        self.read_calendar(now);
        self.dirty = (0..self.plan.services.len()).collect();
        self.dirty_regions = self.all_regions().collect();
        self.effects.standings.clear();
        self.effects.save = true;
        self.generation += 1;
        self.tell(now, What::Reloaded { generation: self.generation });
    }

    /// What stays known of regions, by name: also until when caches may hold what was answered
    /// before and `next` no longer answers, or no longer for so long.
    fn carried_regions(&self, next: &Plan, now: Timestamp) -> HashMap<String, RegionState> {
        let mut regions: Vec<RegionState> =
            self.regions.iter().map(|region| region.carried()).collect();
        let after: HashMap<&str, &Service> =
            next.services.iter().map(|service| (service.name.as_str(), service)).collect();
        for before in &self.plan.services {
            let after = after.get(before.name.as_str()).filter(|after| after.ttl >= before.ttl);
            for pool in &before.pools {
                let name = self.plan.region_name(pool.region);
                let stays = after.and_then(|after| {
                    after.pools.iter().find(|pool| next.region_name(pool.region) == name)
                });
                let has = |endpoint: &Endpoint| {
                    stays.is_some_and(|pool| {
                        pool.endpoints.iter().any(|other| other.target == endpoint.target)
                    })
                };
                if pool.endpoints.iter().all(has) {
                    continue;
                }
                if let Some(region) = regions.get_mut(pool.region.index()) {
                    let gone = now + Duration::from_secs(before.ttl.secs().into());
                    region.cached = region.cached.max(Some(gone));
                }
            }
        }
        let names = self.plan.regions.iter().map(|region| region.name.clone());
        names.zip(regions).collect()
    }

    /// What each endpoint's one check says of it, where that is known.
    fn endpoint_verdicts(&self) -> impl Iterator<Item = (AdminTarget, SavedCheck)> + '_ {
        self.plan.endpoints().filter_map(|id| {
            let checks = self.plan.checks.endpoints.get(id.service)?.get(id.pool)?;
            let [only] = &**checks.get(id.endpoint)? else { return None };
            Some((self.plan.target(id)?, self.saved_check(*only)?))
        })
    }

    /// An endpoint that is probed in another way from now on keeps its verdict until that
    /// says something: a verdict holds until evidence replaces it.
    fn inherit(&mut self, verdicts: &HashMap<AdminTarget, SavedCheck>) {
        let all: Vec<_> = self.plan.endpoints().collect();
        for id in all {
            let checks = self.plan.checks.endpoints.get(id.service).and_then(|s| s.get(id.pool));
            let Some([only]) = checks.and_then(|c| c.get(id.endpoint)).map(|c| &**c) else {
                continue;
            };
            let (only, known) = (*only, self.checks.get(only.index()));
            if known.is_none_or(|check| check.verdict != Verdict::Unknown) {
                continue;
            }
            let before = self.plan.target(id).and_then(|target| verdicts.get(&target));
            before.into_iter().for_each(|before| self.restore_check(only, before.clone()));
        }
    }

    /// What is remembered of endpoints, where that is anything.
    fn memories(&self) -> impl Iterator<Item = (AdminTarget, Memory)> + '_ {
        self.plan.endpoints().filter_map(|id| {
            let known = self.services.get(id.service)?;
            let memory = *known.endpoints.get(id.pool)?.get(id.endpoint)?;
            Some((self.plan.target(id)?, memory)).filter(|_| memory != Memory::default())
        })
    }

    fn set_memory(&mut self, target: &AdminTarget, set: impl FnOnce(&mut Memory)) {
        let AdminTarget::Endpoint { service, region, endpoint } = target else { return };
        let id = self.wiring.endpoint(&self.plan, service, region, endpoint);
        let Some(id) = id else { return };
        let ramps = self.plan.services.get(id.service).is_some_and(|s| !s.ramp.is_zero());
        let Some(memory) = self.memory(id) else { return };
        set(memory);
        // Its service may no longer ramp.
        memory.ramp = memory.ramp.filter(|_| ramps);
        if memory.ramp.is_some() {
            self.ramping.insert(id);
        }
    }
}
