//! The calendar: maintenance that begins and ends by itself.

use jiff::Timestamp;

use crate::engine::AdminStatus;
use crate::engine::Engine;
use crate::engine::Stamp;
use crate::engine::What;
use crate::engine::admin;
use crate::model::AdminState;

/// Who sets what the calendar sets.
const WHO: &str = "maintenance";

impl Engine {
    /// Opens and closes windows that are due. Cheap unless one is.
    pub(super) fn keep_calendar(&mut self, now: Timestamp) {
        if self.next_window.is_none_or(|due| now < due) {
            return;
        }
        self.read_calendar(now);
    }

    /// Finds what goes on now, and when that changes.
    pub(super) fn read_calendar(&mut self, now: Timestamp) {
        let mut windows = Vec::new();
        for maintenance in &self.plan.maintenance {
            let Some(window) = maintenance.active(now) else { continue };
            for target in &maintenance.target {
                let services = admin::concerned(target, &self.plan, &self.wiring);
                let longest = self.longest_ttl(&services.unwrap_or_default());
                windows.push(AdminStatus {
                    target: target.clone(),
                    state: maintenance.state,
                    who: WHO.to_owned(),
                    why: maintenance.why.clone(),
                    since: window.from,
                    until: Some(window.until),
                    settled: window.from.checked_add(longest).unwrap_or(window.from),
                    unsettled: None,
                    stamp: Stamp::default(),
                    overruled: None,
                });
            }
        }
        let changes = self.plan.maintenance.iter().filter_map(|m| m.next_change(now));
        self.next_window = changes.min();
        let (began, ended) = self.admin.maintain(windows, &self.plan, &self.wiring);
        let ended =
            ended.into_iter().map(|status| AdminStatus { state: AdminState::Auto, ..status });
        for AdminStatus { target, state, who, why, .. } in ended.chain(began) {
            let services = admin::concerned(&target, &self.plan, &self.wiring);
            self.dirty.extend(services.unwrap_or_default());
            self.tell(now, What::Admin { target, state, who, why });
        }
    }
}
