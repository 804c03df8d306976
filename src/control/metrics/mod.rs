//! `/metrics`: what is known and counted, as OpenMetrics text.
//!
//! Labels have values of the configuration only, so their number is bounded by it.

mod family;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

use crate::control::Traffic;
use crate::control::metrics::family as f;
use crate::control::places;
use crate::engine::CheckStatus;
use crate::engine::ClusterStatus;
use crate::engine::Contact;
use crate::engine::ServiceState;
use crate::engine::Status;
use crate::engine::VantageStatus;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::meters::Figures;
use crate::meters::Reason;
use crate::meters::Refusal;
use crate::meters::RegionFigures;
use crate::model::AdminState;
use crate::model::ProblemCode;
use crate::responder::Class;
use crate::samples::Counts;

/// The type of the body.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics at one moment.
pub(super) fn render(
    status: &Status,
    traffic: &Traffic,
    api: &places::Counts,
    samples: &Counts,
    loads: &Figures,
) -> String {
    let mut text = f::Text::default();
    node(&mut text, status, traffic);
    responses(&mut text, traffic);
    transports(&mut text, traffic);
    self::api(&mut text, api);
    hooks(&mut text, traffic);
    refused(&mut text, traffic);
    latency(&mut text, samples);
    self::loads(&mut text, loads);
    services(&mut text, status);
    cluster(&mut text, &status.cluster);
    checks(&mut text, status);
    text.end()
}

fn node(text: &mut f::Text, status: &Status, traffic: &Traffic) {
    text.family(&f::BUILD).sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.family(&f::STARTED).sample(&[], seconds(status.started));
    text.family(&f::GENERATION).sample(&[], status.generation);
    text.family(&f::TASK_PANICS).sample(&[], traffic.task_panics);
    text.family(&f::LOG_LOST).sample(&[], traffic.log_lost);
    let mut admin = text.family(&f::ADMIN);
    for state in [AdminState::ForcedUp, AdminState::Drained, AdminState::ForcedDown] {
        let set = status.admin.iter().filter(|admin| admin.state == state).count();
        admin.sample(&[("state", state.as_str())], set);
    }
    let unsettled = status.admin.iter().filter(|admin| admin.unsettled.is_some()).count();
    text.family(&f::ADMIN_UNSETTLED).sample(&[], unsettled);
    let mut problems = text.family(&f::NODE_PROBLEMS);
    for code in ProblemCode::ALL {
        let found = status.problems.iter().filter(|problem| problem.code == *code).count();
        problems.sample(&[("code", code.as_str())], found);
    }
}

fn responses(text: &mut f::Text, traffic: &Traffic) {
    let mut responses = text.family(&f::RESPONSES);
    for class in Class::ALL {
        responses.sample(&[("class", class.as_str())], traffic.responses.of(class));
    }
    text.family(&f::FAIL_OPEN).sample(&[], traffic.responses.failed_open());
}

fn transports(text: &mut f::Text, traffic: &Traffic) {
    for (family, value) in [
        (&f::RESPONDER_PANICS, traffic.responder_panics),
        (&f::UDP_RECEIVE_ERRORS, traffic.udp_receive_errors),
        (&f::UDP_SEND_FAILURES, traffic.udp_send_failures),
        (&f::TCP_ACCEPTED, traffic.tcp_accepted),
        (&f::TCP_ACCEPT_ERRORS, traffic.tcp_accept_errors),
    ] {
        text.family(family).sample(&[], value);
    }
    let mut closed = text.family(&f::TCP_CLOSED);
    for (why, value) in [
        ("evicted", traffic.tcp_evicted),
        ("idle", traffic.tcp_idle),
        ("malformed", traffic.tcp_malformed),
        ("refused", traffic.tcp_refused),
        ("slow", traffic.tcp_slow),
        ("unread", traffic.tcp_unread),
    ] {
        closed.sample(&[("why", why)], value);
    }
}

fn api(text: &mut f::Text, api: &places::Counts) {
    let mut connections = text.family(&f::API_CONNECTIONS);
    connections.sample(&[("of", "anybody")], api.of_anybody);
    connections.sample(&[("of", "tokens")], api.of_tokens);
    text.family(&f::API_EVICTED).sample(&[], api.evicted);
    text.family(&f::API_REFUSED).sample(&[], api.refused);
}

fn hooks(text: &mut f::Text, traffic: &Traffic) {
    let mut events = text.family(&f::HOOK_EVENTS);
    for hook in &traffic.hooks {
        for (outcome, value) in
            [("delivered", hook.delivered), ("dropped", hook.dropped), ("failed", hook.failed)]
        {
            events.sample(&[("hook", &hook.hook), ("outcome", outcome)], value);
        }
    }
}

fn refused(text: &mut f::Text, traffic: &Traffic) {
    let mut refused = text.family(&f::CLUSTER_REFUSED);
    for (kind, why, count) in &traffic.cluster_refused {
        refused.sample(&[("kind", kind), ("why", why)], count);
    }
}

fn latency(text: &mut f::Text, samples: &Counts) {
    let mut outcomes = text.family(&f::LATENCY_SAMPLES);
    outcomes.sample(&[("outcome", "taken")], samples.taken);
    for (reason, count) in samples.by_reason() {
        outcomes.sample(&[("outcome", reason.as_str())], count);
    }
    text.family(&f::LATENCY_OVERFLOWS).sample(&[], samples.overflows);
    text.family(&f::LATENCY_PREFIXES).sample(&[], samples.prefixes);
    text.family(&f::LATENCY_EVICTIONS).sample(&[], samples.evicted);
    text.family(&f::LATENCY_MERGED).sample(&[], samples.merged);
    text.family(&f::LATENCY_UNREADABLE).sample(&[], samples.unreadable);
    let mut orders = text.family(&f::LATENCY_ORDERS);
    orders.sample(&[("of", "area")], samples.orders.areas);
    orders.sample(&[("of", "block")], samples.orders.blocks);
    let mut learnt = text.family(&f::LATENCY_LEARNT);
    if samples.orders.at > Timestamp::UNIX_EPOCH {
        learnt.sample(&[], seconds(samples.orders.at));
    }
    text.family(&f::LATENCY_LEARNING).sample(&[], samples.learning.as_secs_f64());
}

fn loads(text: &mut f::Text, loads: &Figures) {
    let mut each = |family, value: &dyn Fn(&RegionFigures) -> Option<f64>| {
        let mut family = text.family(family);
        for region in &loads.regions {
            if let Some(value) = value(region) {
                family.sample(&[("region", &region.region)], value);
            }
        }
    };
    each(&f::REGION_CAPACITY, &|region| region.capacity);
    each(&f::REGION_LOAD, &|region| region.load);
    each(&f::REGION_LOAD_LAST, &|region| region.last.map(seconds));
    let mut readings = text.family(&f::LOAD_READINGS);
    for region in &loads.regions {
        let failed = Reason::ALL.into_iter().map(Reason::as_str).zip(region.failed);
        for (outcome, count) in std::iter::once(("taken", region.taken)).chain(failed) {
            readings.sample(&[("region", &region.region), ("outcome", outcome)], count);
        }
    }
    let mut pushes = text.family(&f::LOAD_PUSHES);
    let refused = Refusal::ALL.into_iter().map(Refusal::as_str).zip(loads.refused);
    for (outcome, count) in std::iter::once(("taken", loads.pushed)).chain(refused) {
        pushes.sample(&[("outcome", outcome)], count);
    }
}

fn services(text: &mut f::Text, status: &Status) {
    let mut region = text.family(&f::REGION_UP);
    for found in status.regions.iter().filter(|region| region.verdict != Verdict::Unknown) {
        region.sample(&[("region", &found.region)], u8::from(found.verdict == Verdict::Up));
    }
    let mut state = text.family(&f::SERVICE_STATE);
    for service in &status.services {
        for (word, of) in SERVICE_STATES {
            let labels = [("service", service.service.as_str()), ("state", word)];
            state.sample(&labels, u8::from(service.state == of));
        }
    }
    let mut admitted = text.family(&f::POOL_ADMITTED);
    for service in &status.services {
        for pool in &service.pools {
            let labels = [("service", service.service.as_str()), ("region", &pool.region)];
            admitted.sample(&labels, u8::from(pool.admitted));
        }
    }
    let mut share = text.family(&f::ENDPOINT_SHARE);
    for service in &status.services {
        for pool in &service.pools {
            for endpoint in &pool.endpoints {
                let labels = [
                    ("service", service.service.as_str()),
                    ("region", &pool.region),
                    ("endpoint", &endpoint.endpoint),
                ];
                share.sample(&labels, f64::from(endpoint.share) / 100.0);
            }
        }
    }
}

fn cluster(text: &mut f::Text, cluster: &ClusterStatus) {
    let mut contact = text.family(&f::CONTACT);
    for (word, of) in CONTACTS {
        contact.sample(&[("contact", word)], u8::from(cluster.contact == of));
    }
    let since = cluster.since.map(seconds);
    let mut family = text.family(&f::CONTACT_SINCE);
    since.into_iter().for_each(|since| family.sample(&[], since));
    let mut nodes = text.family(&f::NODES);
    for (word, agrees) in [("yes", true), ("no", false)] {
        let found = cluster.nodes.iter().filter(|node| node.agrees == agrees).count();
        nodes.sample(&[("agrees", word)], found);
    }
    let mut each = |family, value: &dyn Fn(&VantageStatus) -> Option<f64>| {
        let mut family = text.family(family);
        for vantage in &cluster.vantages {
            if let Some(value) = value(vantage) {
                let labels = [("vantage", vantage.vantage.as_str()), ("group", &vantage.group)];
                family.sample(&labels, value);
            }
        }
    };
    let is = |hearing| {
        move |vantage: &VantageStatus| Some(f64::from(u8::from(vantage.hearing == hearing)))
    };
    each(&f::VANTAGE_HEARD, &is(Hearing::Heard));
    each(&f::VANTAGE_CUT_OFF, &is(Hearing::CutOff));
    each(&f::VANTAGE_DIFFERS, &|vantage| u32::try_from(vantage.differs).ok().map(f64::from));
    each(&f::VANTAGE_LAST, &|vantage| vantage.heard.map(seconds));
}

fn checks(text: &mut f::Text, status: &Status) {
    let mut counts = text.family(&f::CHECKS);
    for (word, verdict) in VERDICTS {
        let found = status.checks.iter().filter(|check| check.verdict == verdict).count();
        counts.sample(&[("verdict", word)], found);
    }
    let mut each = |family, value: &dyn Fn(&CheckStatus) -> Option<f64>| {
        let mut family = text.family(family);
        for check in &status.checks {
            if let Some(value) = value(check) {
                family.sample(&[("check", &check.check), ("monitor", &check.monitor)], value);
            }
        }
    };
    each(&f::CHECK_UP, &|check| match check.verdict {
        Verdict::Up => Some(1.0),
        Verdict::Down => Some(0.0),
        Verdict::Unknown => None,
    });
    each(&f::CHECK_SUCCESSES, &|check| Some(count(check.successes_total)));
    each(&f::CHECK_FAILURES, &|check| Some(count(check.failures_total)));
    each(&f::CHECK_FLIPS, &|check| Some(count(check.flips_total)));
    each(&f::CHECK_LAST, &|check| check.last.map(seconds));
    each(&f::CHECK_DURATION, &|check| check.last.map(|_| count(check.took_us) / 1e6));
    each(&f::CHECK_CERTIFICATE, &|check| check.certificate_ends.map(seconds));
}

/// A number of events, exact up to 2⁵³, which no counter here reaches.
#[expect(clippy::cast_precision_loss, reason = "there is no other way from u64 to f64")]
fn count(n: u64) -> f64 {
    n as f64
}

/// Seconds since 1970.
fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

const SERVICE_STATES: [(&str, ServiceState); 4] = [
    ("up", ServiceState::Up),
    ("degraded", ServiceState::Degraded),
    ("panic", ServiceState::Panic),
    ("all-down", ServiceState::AllDown),
];

const CONTACTS: [(&str, Contact); 5] = [
    ("starting", Contact::Starting),
    ("joined", Contact::Joined),
    ("lost", Contact::Lost),
    ("alone", Contact::Alone),
    ("rejoining", Contact::Rejoining),
];

const VERDICTS: [(&str, Verdict); 3] =
    [("up", Verdict::Up), ("down", Verdict::Down), ("unknown", Verdict::Unknown)];
