//! Changing an admin state, by an operator on this node.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::AdminOrder;
use crate::engine::AdminStatus;
use crate::engine::Engine;
use crate::engine::Stamp;
use crate::engine::Unsettled;
use crate::engine::What;
use crate::engine::admin;
use crate::engine::admin::AdminStates;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::Family;
use crate::model::limits;
use crate::steer::Admission;
use crate::steer::Fence;
use crate::steer::ServiceStanding;

/// A change of an admin state.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdminChange {
    /// Of what.
    pub target: AdminTarget,
    /// To what; `Auto` takes a state away.
    pub state: AdminState,
    /// Who asks: the name of a token.
    pub who: String,
    /// Why, in the operator's words.
    pub why: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Do it although fewer regions than the safety minimum are left.
    pub force: bool,
}

/// What a change did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AdminDone {
    /// What the state was.
    pub before: AdminState,
    /// When the last answer that was given before has run out of caches.
    pub settled: Timestamp,
    /// What stands against it that nobody is answered with it any more.
    pub unsettled: Option<Unsettled>,
    /// Admin states that take out the same, or a part of it, besides; the first few of them.
    pub others: Vec<AdminStatus>,
}

/// Why a change was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AdminRefusal {
    /// It would leave a service fewer regions than the safety minimum.
    #[error(
        "service `{service}` would have {left} of {regions} regions in service for {clients}, \
         expected at least {least}; force it if that is meant"
    )]
    Safety {
        /// The first service of which that is so.
        service: String,
        /// For which address family; nothing for host names.
        family: Option<Family>,
        /// The same in words, and for which clients, where rules let them have no others.
        clients: String,
        /// Regions it would have.
        left: usize,
        /// Regions with a pool that these clients may get.
        regions: usize,
        /// The safety minimum, for this service.
        least: usize,
    },
    /// Nothing has that name.
    #[error("{what} `{found}` is unknown; there are {known}")]
    Unknown {
        /// `region`, `service`, `pool` or `endpoint`.
        what: &'static str,
        /// What was asked for.
        found: String,
        /// What there is, or the first few of it.
        known: String,
    },
    /// It would end before it began.
    #[error("the end, {until}, is in the past")]
    Ended {
        /// The end.
        until: Timestamp,
    },
    /// There are as many admin states as there may be.
    #[error("there are {most} admin states already; take some away")]
    TooMany {
        /// How many there may be.
        most: usize,
    },
}

/// The regions of a service that clients behind a fence have for a family.
struct Room {
    fence: Fence,
    lane: usize,
    regions: usize,
    /// Those of them that are in service.
    left: usize,
}

impl Engine {
    /// Changes an admin state.
    ///
    /// # Errors
    ///
    /// [`AdminRefusal`]; nothing has changed then.
    pub fn change(
        &mut self,
        change: AdminChange,
        now: Timestamp,
    ) -> Result<AdminDone, AdminRefusal> {
        if let Some(until) = change.until.filter(|until| *until <= now) {
            return Err(AdminRefusal::Ended { until });
        }
        let before = self.admin.get(&change.target);
        let services = match admin::concerned(&change.target, &self.plan, &self.wiring) {
            Ok(services) => services,
            // What a reload took away may still be let go.
            Err(_) if change.state == AdminState::Auto && before != AdminState::Auto => Vec::new(),
            Err(refusal) => return Err(refusal),
        };
        if before == AdminState::Auto
            && change.state != AdminState::Auto
            && self.admin.len() >= limits::ADMIN_STATES
        {
            return Err(AdminRefusal::TooMany { most: limits::ADMIN_STATES });
        }
        let is_out = matches!(change.state, AdminState::Drained | AdminState::ForcedDown);
        let settled = if is_out { now + self.longest_ttl(&services) } else { now };
        let AdminChange { target, state, who, why, until, force } = change;
        let stamp = Stamp::next(&self.admin.last(), &self.plan.node.name, now);
        let replaced = self.admin.order(&target).map(|order| order.status.stamp.clone());
        let (replaced, overruled, unsettled) = (replaced.unwrap_or_default(), None, None);
        let since = now;
        let status = AdminStatus {
            target,
            state,
            who,
            why,
            since,
            until,
            settled,
            unsettled,
            stamp,
            overruled,
        };
        let order = AdminOrder { status: status.clone(), replaced };
        let mut admin = self.admin.clone();
        admin.put(order.clone(), &self.plan, &self.wiring);
        if is_out && !force {
            self.check_safety(&services, &admin, now)?;
        }
        self.admin = admin;
        self.note_order(&status.target, state, now);
        if state == AdminState::Auto {
            self.let_back(&status.target, &services);
        }
        self.dirty.extend(services);
        self.effects.save = true;
        self.effects.orders.push(order);
        // What is said of it is what is answered from now on.
        self.judge_all(now);
        let (settled, unsettled) = self.followed(&status);
        let others = self.others_on(&status.target);
        let AdminStatus { target, state, who, why, .. } = status;
        self.tell(now, What::Admin { target, state, who, why });
        Ok(AdminDone { before, settled, unsettled, others })
    }

    /// Each family by itself, and what is behind each fence: one without the other is half a
    /// region, and elsewhere is nowhere for clients that may not go there.
    fn check_safety(
        &self,
        services: &[usize],
        admin: &AdminStates,
        now: Timestamp,
    ) -> Result<(), AdminRefusal> {
        for at in services {
            let Some(service) = self.plan.services.get(*at) else { continue };
            let rooms = |admin| {
                let facts = self.facts(*at, admin, now);
                let judged = self.judged(*at, &facts)?;
                let judged = self.with_groups(judged, *at, &facts, admin, now);
                Some(self.rooms(*at, &judged.standing))
            };
            let (Some(before), Some(after)) = (rooms(&self.admin), rooms(admin)) else { continue };
            for (before, after) in before.iter().zip(after) {
                let Room { fence, lane, regions, left } = after;
                let least = self.plan.min_regions.of(regions);
                if left < least && left < before.left {
                    let family = Family::ALL.get(lane).copied().filter(|_| !service.is_alias());
                    let (service, clients) =
                        (service.name.clone(), self.clients(*at, &fence, family));
                    let short =
                        AdminRefusal::Safety { service, family, clients, left, regions, least };
                    return Err(short);
                }
            }
        }
        Ok(())
    }

    /// The regions of a service that are left to its clients, fence by fence.
    fn rooms(&self, at: usize, standing: &ServiceStanding) -> Vec<Room> {
        let world = &self.plan.world;
        let Some(service) = world.services().get(at) else { return Vec::new() };
        let fences = world.maps().get(service.map).map_or(&[][..], |map| map.labels().fences());
        let room = |fence: &Fence, lane: usize| {
            let standing = standing.of_group(fence.group);
            let pools = service.pools.iter().enumerate();
            let inside = pools.filter(|(_, pool)| {
                let has_lane = pool.lanes.get(lane).is_some_and(|lane| lane.len > 0);
                has_lane && fence.regions.contains(pool.region)
            });
            let is_left =
                |(pool, _): &(usize, _)| standing.admission(*pool, lane) == Admission::Admitted;
            let left = inside.clone().filter(is_left).count();
            Room { fence: *fence, lane, regions: inside.count(), left }
        };
        fences.iter().flat_map(|fence| [room(fence, 0), room(fence, 1)]).collect()
    }

    fn clients(&self, at: usize, fence: &Fence, family: Option<Family>) -> String {
        let family = family.map(|family| family.to_string());
        let rules = self.plan.world.rules_of(at, &fence.regions);
        let rules = rules.map(|rules| format!("clients of {rules}"));
        match (family, rules) {
            (Some(family), None) => family,
            (Some(family), Some(rules)) => format!("{family} answers to {rules}"),
            (None, rules) => rules.unwrap_or_else(|| "all clients".to_owned()),
        }
    }

    /// The longest that an answer for one of these services may be kept.
    pub(super) fn longest_ttl(&self, services: &[usize]) -> Duration {
        let ttl = |at: &usize| self.plan.services.get(*at).map(|service| service.ttl.secs());
        Duration::from_secs(services.iter().filter_map(ttl).max().unwrap_or(0).into())
    }
}
