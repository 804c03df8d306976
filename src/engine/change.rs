//! Changing an admin state, by an operator on this node.

use std::time::Duration;

use jiff::Timestamp;

use crate::engine::AdminOrder;
use crate::engine::AdminStatus;
use crate::engine::Engine;
use crate::engine::Stamp;
use crate::engine::What;
use crate::engine::admin;
use crate::engine::admin::AdminStates;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::Family;
use crate::model::limits;

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
}

/// Why a change was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AdminRefusal {
    /// It would leave a service fewer regions than the safety minimum.
    #[error(
        "service `{service}` would have {left} of {regions} regions in service for {family}, expected \
         at least {least}; force it if that is meant"
    )]
    Safety {
        /// The first service of which that is so.
        service: String,
        /// For which address family.
        family: Family,
        /// Regions it would have.
        left: usize,
        /// Regions it has pools in.
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
        let (replaced, overruled) = (replaced.unwrap_or_default(), None);
        let status =
            AdminStatus { target, state, who, why, since: now, until, settled, stamp, overruled };
        let order = AdminOrder { status: status.clone(), replaced };
        let mut admin = self.admin.clone();
        admin.put(order.clone(), &self.plan, &self.wiring);
        if is_out && !force {
            self.check_safety(&services, &admin, now)?;
        }
        self.admin = admin;
        if state == AdminState::Auto {
            self.let_back(&status.target, &services);
        }
        self.dirty.extend(services);
        self.effects.save = true;
        self.effects.orders.push(order);
        let AdminStatus { target, state, who, why, .. } = status;
        self.tell(now, What::Admin { target, state, who, why });
        Ok(AdminDone { before, settled })
    }

    fn check_safety(
        &self,
        services: &[usize],
        admin: &AdminStates,
        now: Timestamp,
    ) -> Result<(), AdminRefusal> {
        for at in services {
            let Some(service) = self.plan.services.get(*at) else { continue };
            let judged = |admin| self.judged(*at, &self.facts(*at, admin, now));
            let (Some(before), Some(after)) = (judged(&self.admin), judged(admin)) else {
                continue;
            };
            // Each family by itself: one without the other is half a region.
            for (lane, family) in Family::ALL.into_iter().enumerate() {
                let (regions, before) = before.regions(lane);
                let (_, left) = after.regions(lane);
                let least = self.plan.min_regions.of(regions);
                if left < least && left < before {
                    let service = service.name.clone();
                    return Err(AdminRefusal::Safety { service, family, left, regions, least });
                }
            }
        }
        Ok(())
    }

    /// The longest that an answer for one of these services may be kept.
    pub(super) fn longest_ttl(&self, services: &[usize]) -> Duration {
        let ttl = |at: &usize| self.plan.services.get(*at).map(|service| service.ttl.secs());
        Duration::from_secs(services.iter().filter_map(ttl).max().unwrap_or(0).into())
    }
}
