//! Probes against real sockets on loopback, and the schedule in virtual time.

mod allowed;
mod certificates;
mod dns;
mod grpc;
mod http;
mod live;
mod others;
mod schedule;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::health::Check;
use crate::health::CheckKey;
use crate::health::Outcome;
use crate::health::Report;
use crate::model::HttpProbe;
use crate::model::Monitor;
use crate::model::MonitorId;
use crate::model::Probe;
use crate::model::ProbeAt;
use crate::model::ProbeHost;
use crate::prober::Allowed;
use crate::prober::Plan;
use crate::prober::Prober;
use crate::tasks::Tasks;

fn get() -> HttpProbe {
    HttpProbe {
        tls: None,
        method: "GET".to_owned(),
        path: "/".to_owned(),
        host: None,
        port: 80,
        headers: Vec::new(),
        expect_status: vec![200..=299],
        expect_body: None,
        expect_json: Vec::new(),
        redirects: 0,
    }
}

/// A key that is due at once: which part of the first second it is hashed to.
fn soon() -> CheckKey {
    let mut keys = (0..).map(|n| format!("it@{n}"));
    let is_soon =
        |key: &String| CheckKey::new(key.as_str()).digest().rotate_left(32) < u64::MAX / 1000;
    CheckKey::new(keys.find(is_soon).unwrap())
}

fn plan(probe: Probe, at: SocketAddr, timeout: Duration) -> Plan {
    let monitor = Monitor {
        name: "it".to_owned(),
        probe,
        at: None,
        interval: Duration::from_secs(60),
        timeout,
        rise: 1,
        fall: 1,
        hold_down: Duration::ZERO,
        hold_unable: Duration::from_secs(300),
        voting: crate::model::Voting::default(),
    };
    let check = Check {
        key: soon(),
        monitor: MonitorId(0),
        at: ProbeAt { host: ProbeHost::Address(at.ip()), port: Some(at.port()), path: None },
        name: Some("localhost".to_owned()),
    };
    Plan { checks: vec![check], monitors: vec![monitor], allowed: Allowed::everything() }
}

/// The first report of a plan of one check.
async fn report(probe: Probe, at: SocketAddr, timeout: Duration) -> Report {
    let tasks = Tasks::new();
    let (sender, mut reports) = mpsc::channel(1);
    let _prober = Prober::start(plan(probe, at, timeout), sender, &tasks).unwrap();
    let report = reports.recv().await.unwrap();
    tasks.cancel();
    report
}

/// Its outcome, with a timeout that nothing honest needs.
async fn outcome(probe: Probe, at: SocketAddr) -> Outcome {
    report(probe, at, Duration::from_secs(30)).await.outcome
}

fn failure(outcome: &Outcome) -> &str {
    let Outcome::Failure(text) = outcome else { panic!("{outcome:?}") };
    text
}
