//! A status for tests: two regions, one of them drained, and a check of each verdict.

use jiff::Timestamp;

use crate::engine::AdminStatus;
use crate::engine::CheckStatus;
use crate::engine::ClusterStatus;
use crate::engine::Contact;
use crate::engine::EndpointStatus;
use crate::engine::InputDigests;
use crate::engine::PoolStatus;
use crate::engine::RegionStatus;
use crate::engine::RoundTripsStatus;
use crate::engine::ServiceState;
use crate::engine::ServiceStatus;
use crate::engine::Stamp;
use crate::engine::Status;
use crate::engine::StillAnswered;
use crate::engine::Unsettled;
use crate::engine::VantageStatus;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::load::LoadStatus;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::NodeProblem;
use crate::model::ProblemCode;

/// The moment of the status.
pub(super) fn at(text: &str) -> Timestamp {
    format!("2026-01-02T{text}Z").parse().unwrap()
}

pub(super) fn status() -> Status {
    Status {
        round_trips: Some(RoundTripsStatus {
            prefixes: 12,
            areas: 3,
            blocks: 1,
            learnt: Some(at("03:00:00")),
        }),
        at: at("03:04:05"),
        started: at("00:00:00"),
        generation: 3,
        problems: vec![NodeProblem {
            code: ProblemCode::AddressUnavailable,
            subject: "192.0.2.53:53".into(),
            message: "failed to bind".into(),
            since: at("03:00:00"),
        }],
        regions: vec![region("us-east", AdminState::Auto), region("eu-west", AdminState::Drained)],
        services: vec![ServiceStatus {
            service: "www".into(),
            names: vec!["www.gslb.example.com".into()],
            state: ServiceState::Degraded,
            pools: vec![
                pool("us-east", &[("192.0.2.10", Verdict::Up), ("192.0.2.11", Verdict::Down)]),
                pool("eu-west", &[("198.51.100.10", Verdict::Unknown)]),
            ],
        }],
        checks: vec![
            check("192.0.2.10", Verdict::Up),
            check("192.0.2.11", Verdict::Down),
            check("198.51.100.10", Verdict::Unknown),
        ],
        admin: vec![AdminStatus {
            target: AdminTarget::Region { region: "eu-west".into() },
            state: AdminState::Drained,
            who: "alice".into(),
            why: "kernel <upgrade>".into(),
            since: at("03:00:00"),
            until: Some(at("05:00:00")),
            settled: at("03:00:30"),
            unsettled: Some(unsettled()),
            stamp: Stamp { ms: 1_767_322_800_000, count: 0, node: "ns1".into() },
            overruled: None,
        }],
        cluster: ClusterStatus {
            node: "ns1".into(),
            inputs: InputDigests::default(),
            contact: Contact::Joined,
            since: Some(at("00:00:01")),
            why: String::new(),
            vantages: vec![VantageStatus {
                vantage: "ns1".into(),
                group: "europe".into(),
                hearing: Hearing::Heard,
                heard: Some(at("03:04:04")),
                up: 1,
                down: 1,
                unable: 0,
                differs: 0,
            }],
            nodes: Vec::new(),
        },
    }
}

fn unsettled() -> Unsettled {
    let clients = StillAnswered {
        service: "www".into(),
        records: "A".into(),
        regions: vec!["eu-west".into()],
        rules: Some("rule 1 of policy `global`".into()),
        group: None,
    };
    let (clients, nodes) = (vec![clients], vec!["ns2".into()]);
    Unsettled { clients, clients_total: 1, nodes, nodes_total: 1 }
}

fn region(name: &str, admin: AdminState) -> RegionStatus {
    RegionStatus {
        load: Some(LoadStatus {
            load: Some(812.5),
            read: Some(at("03:04:00")),
            readings: "good".into(),
            capacity: Some(1000.0),
            arrivals: Some(900.0),
            share: Some(95),
            cutoff_ms: Some(12.5),
            reason: "above its soft limit: who loses least goes elsewhere".into(),
        }),
        region: name.into(),
        verdict: Verdict::Up,
        since: Some(at("03:00:00")),
        reason: String::new(),
        admin,
        pools_up: 1,
        pools_probed: 1,
        pools: 1,
        check: None,
    }
}

fn pool(region: &str, endpoints: &[(&str, Verdict)]) -> PoolStatus {
    let endpoint = |(address, verdict): &(&str, Verdict)| EndpointStatus {
        endpoint: (*address).into(),
        verdict: *verdict,
        since: (*verdict != Verdict::Unknown).then(|| at("03:00:00")),
        reason: if *verdict == Verdict::Down { "status 503".into() } else { String::new() },
        admin: AdminState::Auto,
        share: if *verdict == Verdict::Up { 100 } else { 0 },
        checks: vec![format!("web@{address}")],
    };
    PoolStatus {
        region: region.into(),
        verdict: Verdict::Up,
        admitted: region == "us-east",
        reason: if region == "us-east" { String::new() } else { "region drained".into() },
        admin: AdminState::Auto,
        ttl: 30,
        endpoints: endpoints.iter().map(endpoint).collect(),
    }
}

fn check(address: &str, verdict: Verdict) -> CheckStatus {
    let known = verdict != Verdict::Unknown;
    CheckStatus {
        check: format!("web@{address}"),
        monitor: "web".into(),
        verdict,
        since: known.then(|| at("03:00:00")),
        reason: if verdict == Verdict::Down { "status 503".into() } else { String::new() },
        last: known.then(|| at("03:03:55")),
        took_us: 1500,
        failures: if verdict == Verdict::Down { 3 } else { 0 },
        held_until: None,
        up_since: None,
        unable: None,
        unable_since: None,
        unable_until: None,
        certificate_ends: None,
        successes_total: 10,
        failures_total: 5,
        flips_total: 2,
        provisional: false,
        votes_up: usize::from(verdict == Verdict::Up),
        votes_down: usize::from(verdict == Verdict::Down),
        dissent: Vec::new(),
    }
}
