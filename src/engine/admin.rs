//! Admin states: what an operator asks of the engine, why it may refuse, and what is set.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use jiff::Timestamp;

use crate::engine::AdminOrder;
use crate::engine::AdminRefusal;
use crate::engine::AdminStatus;
use crate::engine::Plan;
use crate::engine::Stamp;
use crate::engine::plan::EndpointId;
use crate::engine::plan::Wiring;
use crate::engine::plan::text;
use crate::health::digest;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::RegionId;
use crate::model::limits;

/// The admin states that are set, by what they are about, and what they come to for the
/// regions, pools and endpoints of the present configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct AdminStates {
    /// The last order for each target, also where that took a state away.
    orders: BTreeMap<AdminTarget, AdminOrder>,
    /// Those of them whose time is over. The orders stay as they are: a clock may be wrong.
    ended: BTreeSet<AdminTarget>,
    /// The maintenance that goes on.
    windows: Vec<AdminStatus>,
    /// Those that are set as one number, see [`AdminStates::digest`].
    digest: u64,
    regions: HashMap<RegionId, AdminState>,
    pools: HashMap<(usize, usize), AdminState>,
    endpoints: HashMap<EndpointId, AdminState>,
}

impl AdminStates {
    /// Those that are set, and the maintenance that goes on.
    pub(super) fn all(&self) -> impl Iterator<Item = &AdminStatus> {
        self.set().chain(&self.windows)
    }

    /// The last order for each target.
    pub(super) fn orders(&self) -> impl Iterator<Item = &AdminOrder> {
        self.orders.values()
    }

    /// The last order for a target.
    pub(super) fn order(&self, target: &AdminTarget) -> Option<&AdminOrder> {
        self.orders.get(target)
    }

    /// The greatest stamp of all.
    pub(super) fn last(&self) -> Stamp {
        self.orders.values().map(|order| &order.status.stamp).max().cloned().unwrap_or_default()
    }

    /// How many are set.
    pub(super) fn len(&self) -> usize {
        self.set().count()
    }

    /// What is set for a target itself.
    pub(super) fn get(&self, target: &AdminTarget) -> AdminState {
        let order = self.orders.get(target).filter(|order| self.is_set(order));
        order.map_or(AdminState::Auto, |order| order.status.state)
    }

    /// How many are remembered that took a state away or have ended.
    pub(super) fn past(&self) -> usize {
        self.orders.len() - self.len()
    }

    /// Takes an order. Of those that took a state away only so many are remembered.
    pub(super) fn put(&mut self, order: AdminOrder, plan: &Plan, wiring: &Wiring) {
        self.keep(order, false);
        self.resolve(plan, wiring);
    }

    /// The same for many, which [`AdminStates::resolve`] is to follow.
    pub(super) fn keep(&mut self, order: AdminOrder, is_over: bool) {
        let target = order.status.target.clone();
        if is_over {
            self.ended.insert(target);
        } else {
            self.ended.remove(&target);
        }
        self.orders.insert(order.status.target.clone(), order);
        if self.orders.len() > 2 * limits::ADMIN_STATES {
            let past = self.orders.values().filter(|order| !self.is_set(order));
            let oldest = past.min_by_key(|order| &order.status.stamp);
            let oldest = oldest.map(|order| order.status.target.clone());
            oldest.iter().for_each(|target| drop(self.orders.remove(target)));
        }
    }

    /// Notes that an order lost against the one that stands, which did not know of it.
    pub(super) fn note_conflict(&mut self, target: &AdminTarget, loser: &AdminOrder) {
        if let Some(stands) = self.orders.get_mut(target)
            && let Some(lost) = loser.loses_unseen(stands)
        {
            stands.status.overruled = Some(lost);
        }
    }

    /// Takes away those that have ended, and returns them.
    pub(super) fn expire(
        &mut self,
        now: Timestamp,
        plan: &Plan,
        wiring: &Wiring,
    ) -> Vec<AdminStatus> {
        let has_ended = |set: &AdminStatus| set.until.is_some_and(|until| until <= now);
        let ended: Vec<_> = self.set().filter(|set| has_ended(set)).cloned().collect();
        let before = self.ended.len();
        let orders = &self.orders;
        // The clock may have been set back.
        self.ended
            .retain(|target| orders.get(target).is_some_and(|order| has_ended(&order.status)));
        let is_back = self.ended.len() < before;
        self.ended.extend(ended.iter().map(|status| status.target.clone()));
        if is_back || !ended.is_empty() {
            self.resolve(plan, wiring);
        }
        ended
    }

    /// When the next one ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.set().filter_map(|set| set.until).min()
    }

    /// Those that operators set.
    fn set(&self) -> impl Iterator<Item = &AdminStatus> {
        self.orders.values().filter(|order| self.is_set(order)).map(|order| &order.status)
    }

    fn is_set(&self, order: &AdminOrder) -> bool {
        let AdminStatus { target, state, .. } = &order.status;
        *state != AdminState::Auto && !self.ended.contains(target)
    }

    /// Replaces the maintenance that goes on; returns what began and what ended.
    pub(super) fn maintain(
        &mut self,
        windows: Vec<AdminStatus>,
        plan: &Plan,
        wiring: &Wiring,
    ) -> (Vec<AdminStatus>, Vec<AdminStatus>) {
        let before = std::mem::replace(&mut self.windows, windows);
        let beyond = |all: &[AdminStatus], other: &[AdminStatus]| -> Vec<AdminStatus> {
            all.iter().filter(|window| !other.contains(window)).cloned().collect()
        };
        let (began, ended) = (beyond(&self.windows, &before), beyond(&before, &self.windows));
        if !(began.is_empty() && ended.is_empty()) {
            self.resolve(plan, wiring);
        }
        (began, ended)
    }

    /// Finds what each is about in a configuration. One about something that is not there
    /// stays set: it may come back.
    pub(super) fn resolve(&mut self, plan: &Plan, wiring: &Wiring) {
        fn put<K: Eq + std::hash::Hash>(
            states: &mut HashMap<K, AdminState>,
            id: Option<K>,
            state: AdminState,
        ) {
            // The graver of an operator's and the calendar's.
            if let Some(id) = id {
                let found = states.entry(id).or_default();
                *found = state.max(*found);
            }
        }
        let (mut regions, mut pools) = (HashMap::new(), HashMap::new());
        let mut endpoints = HashMap::new();
        for AdminStatus { target, state, .. } in self.all() {
            match target {
                AdminTarget::Region { region } => {
                    put(&mut regions, wiring.region(region), *state);
                }
                AdminTarget::Pool { service, region } => {
                    put(&mut pools, wiring.pool(plan, service, region), *state);
                }
                AdminTarget::Endpoint { service, region, endpoint } => {
                    let id = wiring.endpoint(plan, service, region, endpoint);
                    put(&mut endpoints, id, *state);
                }
            }
        }
        (self.regions, self.pools, self.endpoints) = (regions, pools, endpoints);
        self.digest = self.set().map(digest_of).fold(1, u64::wrapping_add).max(1);
    }

    /// All that operators set as one number: the same on nodes that hold the same, and never 0.
    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }

    /// What is set for a region itself.
    pub(super) fn region(&self, region: RegionId) -> AdminState {
        self.regions.get(&region).copied().unwrap_or_default()
    }

    /// The gravest that covers a pool.
    pub(super) fn pool(&self, region: RegionId, service: usize, pool: usize) -> AdminState {
        if self.regions.is_empty() && self.pools.is_empty() {
            return AdminState::Auto;
        }
        let own = self.pools.get(&(service, pool)).copied().unwrap_or_default();
        own.max(self.region(region))
    }

    /// The gravest that covers an endpoint, `of_pool` being that of its pool.
    pub(super) fn endpoint(&self, of_pool: AdminState, id: EndpointId) -> AdminState {
        if self.endpoints.is_empty() {
            return of_pool;
        }
        self.endpoints.get(&id).copied().unwrap_or_default().max(of_pool)
    }
}

/// One order as a number; the order in which they are added up does not matter.
fn digest_of(status: &AdminStatus) -> u64 {
    let AdminStatus { target, stamp, .. } = status;
    digest(format!("{target} {} {stamp}", status.state).as_bytes())
}

/// The services that a target concerns, or what of it is unknown.
pub(super) fn concerned(
    target: &AdminTarget,
    plan: &Plan,
    wiring: &Wiring,
) -> Result<Vec<usize>, AdminRefusal> {
    let unknown = |what, found: &str, known: Vec<String>| AdminRefusal::Unknown {
        what,
        found: found.to_owned(),
        known: some_of(&known),
    };
    let (AdminTarget::Region { region }
    | AdminTarget::Pool { region, .. }
    | AdminTarget::Endpoint { region, .. }) = target;
    let regions = || plan.regions.iter().map(|region| region.name.clone()).collect();
    let id = wiring.region(region).ok_or_else(|| unknown("region", region, regions()))?;
    let (AdminTarget::Pool { service, .. } | AdminTarget::Endpoint { service, .. }) = target else {
        return Ok(wiring.services_of_region.get(id.index()).cloned().unwrap_or_default());
    };
    let services = || plan.services.iter().map(|service| service.name.clone()).collect();
    let at = wiring.service(service).ok_or_else(|| unknown("service", service, services()))?;
    let pools = plan.services.get(at).map_or(&[][..], |service| &service.pools);
    let pool = pools.iter().find(|pool| pool.region == id).ok_or_else(|| {
        let known = pools.iter().map(|pool| plan.region_name(pool.region).to_owned()).collect();
        unknown("pool", &format!("{service}/{region}"), known)
    })?;
    if let AdminTarget::Endpoint { endpoint, .. } = target {
        let known: Vec<String> = pool.endpoints.iter().map(|e| text(&e.target)).collect();
        if !known.contains(endpoint) {
            return Err(unknown("endpoint", endpoint, known));
        }
    }
    Ok(vec![at])
}

fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ if names.is_empty() => "none".to_owned(),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of orders that are past the oldest is forgotten first: who knows an older one still may
    /// bring back what a newer one took away.
    #[test]
    fn of_what_is_past_the_oldest_is_forgotten() {
        let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let target = |nth: usize| AdminTarget::Region { region: nth.to_string() };
        let order = |nth: usize, state| AdminOrder {
            status: AdminStatus {
                target: target(nth),
                state,
                who: String::new(),
                why: String::new(),
                since: at,
                until: None,
                settled: at,
                unsettled: None,
                stamp: Stamp { ms: i64::try_from(nth).unwrap(), ..Stamp::default() },
                overruled: None,
            },
            replaced: Stamp::default(),
        };
        let most = 2 * limits::ADMIN_STATES;
        let mut states = AdminStates::default();
        states.keep(order(0, AdminState::Drained), false);
        (1..=most).for_each(|nth| states.keep(order(nth, AdminState::Auto), false));
        let is_known = [0, 1, 2, most].map(|nth| states.order(&target(nth)).is_some());
        assert_eq!(is_known, [true, false, true, true], "one in force is not past");
    }
}
