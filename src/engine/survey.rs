//! The survey: all that is known, in the words of the operator.

use jiff::Timestamp;

use crate::engine::AdminStatus;
use crate::engine::EndpointStatus;
use crate::engine::Engine;
use crate::engine::PoolStatus;
use crate::engine::ServiceState;
use crate::engine::ServiceStatus;
use crate::engine::Status;
use crate::engine::What;
use crate::engine::judge::Facts;
use crate::engine::judge::Judged;
use crate::engine::plan::EndpointId;
use crate::engine::plan::start_of;
use crate::engine::plan::text;
use crate::health::CheckId;
use crate::health::Verdict;
use crate::model::AdminState;
use crate::model::Family;
use crate::steer::Admission;

impl Engine {
    /// All that is known. O(services + checks); not for every packet.
    pub fn status(&self, now: Timestamp) -> Status {
        Status {
            at: now,
            started: self.started,
            generation: self.generation,
            // Not the engine's: all parts of a node have some.
            problems: Vec::new(),
            regions: self.all_regions().filter_map(|id| self.region_status(id)).collect(),
            services: (0..self.services.len()).filter_map(|at| self.service(at, now)).collect(),
            checks: (0..).map_while(|at| self.check_status(CheckId(at), now)).collect(),
            admin: self.admin.all().map(|status| self.shown(status)).collect(),
            cluster: self.cluster_status(now),
            // Nor is this the engine's.
            round_trips: None,
        }
    }

    /// An admin state with what holds of it now.
    fn shown(&self, status: &AdminStatus) -> AdminStatus {
        let (settled, unsettled) = self.followed(status);
        AdminStatus { settled, unsettled, ..status.clone() }
    }

    /// Tells what a service's judgement changed for its clients.
    pub(super) fn tell_changes(&mut self, at: usize, before: &Judged, now: Timestamp) {
        let (Some(noun), Some(after)) = (
            self.plan.services.get(at),
            self.services.get(at).and_then(|known| known.judged.as_ref()),
        ) else {
            return;
        };
        let service = noun.name.clone();
        let mut told = Vec::new();
        if before.state != after.state {
            let (before, after) = (before.state, after.state);
            told.push(What::Service { service: service.clone(), before, after });
        }
        let facts = self.facts(at, &self.admin, now);
        for (pool, noun) in noun.pools.iter().enumerate() {
            let admitted = after.is_pool_admitted(pool);
            if before.is_pool_admitted(pool) != admitted {
                let region = self.plan.region_name(noun.region).to_owned();
                let reason = self.pool_reason(at, pool, after, &facts);
                let admin = self.admin.pool(noun.region, at, pool);
                told.push(What::Pool { service: service.clone(), region, admitted, admin, reason });
            }
        }
        told.into_iter().for_each(|what| self.tell(now, what));
    }

    fn service(&self, at: usize, now: Timestamp) -> Option<ServiceStatus> {
        let (noun, judged) = (self.plan.services.get(at)?, self.services.get(at)?.judged.as_ref()?);
        let facts = self.facts(at, &self.admin, now);
        let pools = 0..noun.pools.len();
        Some(ServiceStatus {
            service: noun.name.clone(),
            names: noun.owners.iter().map(ToString::to_string).collect(),
            state: judged.state,
            pools: pools.filter_map(|pool| self.pool(at, pool, judged, (&facts, now))).collect(),
        })
    }

    fn pool(
        &self,
        at: usize,
        pool: usize,
        judged: &Judged,
        (facts, now): (&[Facts], Timestamp),
    ) -> Option<PoolStatus> {
        let noun = self.plan.services.get(at)?.pools.get(pool)?;
        let all_facts = facts;
        let facts = self.of_pool(at, pool, facts);
        let own = self.plan.services.get(at)?.name.clone();
        let region = self.plan.region_name(noun.region).to_owned();
        let target = crate::model::AdminTarget::Pool { service: own, region: region.clone() };
        let ttls = [0, 1].into_iter().filter(|lane| {
            judged
                .pools
                .get(pool)
                .and_then(|lanes| lanes.get(*lane))
                .is_some_and(|lane| lane.exists)
        });
        let ttl = ttls.map(|lane| judged.standing.ttl(pool, lane).secs()).min().unwrap_or(0);
        let all = (0..noun.endpoints.len()).zip(facts);
        Some(PoolStatus {
            region,
            verdict: judged.health_of(pool).unwrap_or_default(),
            admitted: judged.is_pool_admitted(pool),
            reason: self.pool_reason(at, pool, judged, all_facts),
            admin: self.admin.get(&target),
            ttl,
            endpoints: all
                .filter_map(|(e, facts)| {
                    self.endpoint(EndpointId { service: at, pool, endpoint: e }, judged, facts, now)
                })
                .collect(),
        })
    }

    /// The facts of a pool among those of its service.
    fn of_pool<'f>(&self, at: usize, pool: usize, facts: &'f [Facts]) -> &'f [Facts] {
        let Some(service) = self.plan.services.get(at) else { return &[] };
        let start = start_of(service, pool);
        let len = service.pools.get(pool).map_or(0, |pool| pool.endpoints.len());
        facts.get(start..start + len).unwrap_or_default()
    }

    fn pool_reason(&self, at: usize, pool: usize, judged: &Judged, facts: &[Facts]) -> String {
        let Some(noun) = self.plan.services.get(at).and_then(|service| service.pools.get(pool))
        else {
            return String::new();
        };
        let of_pool = self.admin.pool(noun.region, at, pool);
        if of_pool != AdminState::Auto {
            return format!("{of_pool} by an operator");
        }
        if judged.state == ServiceState::Panic {
            return "verdicts are ignored: too little of the service is up".to_owned();
        }
        if judged.is_pool_admitted(pool) {
            let lanes = judged.pools.get(pool).into_iter().flatten().zip(Family::ALL);
            let mut missing = lanes.filter(|(lane, _)| lane.exists && !lane.is_admitted);
            return missing.next().map_or_else(String::new, |(_, family)| {
                format!("no {} endpoint is in service", family.record_type())
            });
        }
        let facts = self.of_pool(at, pool, facts);
        let state = self.regions.get(noun.region.index());
        if state.is_some_and(|region| region.is_out) {
            return "its region is down".to_owned();
        }
        let up = facts.iter().filter(|facts| facts.is_up()).count();
        let least = noun.min_healthy;
        format!("{up} of {} endpoints up, expected {least} % of their weight", facts.len())
    }

    fn endpoint(
        &self,
        id: EndpointId,
        judged: &Judged,
        facts: &Facts,
        now: Timestamp,
    ) -> Option<EndpointStatus> {
        let EndpointId { service: at, pool, endpoint } = id;
        let noun = self.plan.services.get(at)?.pools.get(pool)?.endpoints.get(endpoint)?;
        let start = start_of(self.plan.services.get(at)?, pool);
        let (lane, position) = self.wiring.lane_of(id, start)?;
        let is_admitted = judged.standing.endpoint(pool, lane, position) == Admission::Admitted;
        let checks = self.plan.checks.endpoints.get(at)?.get(pool)?.get(endpoint)?;
        let states = checks.iter().filter_map(|id| self.checks.get(id.index()));
        let agreeing = states.filter(|check| check.verdict == facts.verdict);
        Some(EndpointStatus {
            endpoint: text(&noun.target),
            // Without a monitor it is taken for up, which nobody knows.
            verdict: if facts.is_probed { facts.verdict } else { Verdict::Unknown },
            since: agreeing.filter_map(|check| check.since).max(),
            reason: self.endpoint_reason(facts, checks, now),
            admin: facts.admin,
            share: if is_admitted {
                judged.standing.share(pool, lane, position).percent()
            } else {
                0
            },
            checks: checks
                .iter()
                .filter_map(|id| self.plan.checks.get(*id))
                .map(|check| check.key.to_string())
                .collect(),
        })
    }

    /// What there is to say of a check that is up.
    fn up_reason(&self, id: CheckId) -> String {
        let is_held = self.checks.get(id.index()).is_some_and(|check| check.unable_until.is_some());
        match self.unable(id).filter(|_| is_held) {
            Some(why) => format!("was up when it could be probed last: {why}"),
            None => self.reason(id),
        }
    }

    /// Why a check is down, also where it is only held so.
    fn down_reason(&self, id: CheckId, now: Timestamp) -> String {
        let (reason, held) = (self.reason(id), self.held_down(id, now));
        let Some(held) = held else { return reason };
        let until = format!("held down until {}", held.until.strftime("%H:%M:%S UTC"));
        match held.up_since {
            Some(since) => format!("up since {}, {until}", since.strftime("%H:%M:%S UTC")),
            None if reason.is_empty() => until,
            None => format!("{reason}; {until}"),
        }
    }

    fn endpoint_reason(&self, facts: &Facts, checks: &[CheckId], now: Timestamp) -> String {
        if !facts.is_probed {
            return "no monitor: taken for up".to_owned();
        }
        if facts.is_held && facts.verdict == Verdict::Up {
            return "is up again, and comes back when an operator undrains it".to_owned();
        }
        let is_down = |id: &&CheckId| {
            self.checks.get(id.index()).is_some_and(|check| check.verdict == Verdict::Down)
        };
        let reasons: Vec<String> = match facts.verdict {
            Verdict::Down => {
                checks.iter().filter(is_down).map(|id| self.down_reason(*id, now)).collect()
            }
            Verdict::Up => checks.iter().map(|id| self.up_reason(*id)).collect(),
            Verdict::Unknown => checks.iter().filter_map(|id| self.unable(*id)).collect(),
        };
        let said: Vec<String> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
        match (facts.verdict, said.is_empty()) {
            (Verdict::Unknown, true) => "not probed yet".to_owned(),
            (Verdict::Unknown, false) => format!("can't be probed: {}", said.join("; ")),
            (Verdict::Up | Verdict::Down, _) => said.join("; "),
        }
    }
}
