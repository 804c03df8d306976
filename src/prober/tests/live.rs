//! A prober with several checks on real sockets: its bounds, its rhythm, its reloads; names and
//! IPv6.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::health::Check;
use crate::health::CheckKey;
use crate::health::Outcome;
use crate::health::Report;
use crate::model::Probe;
use crate::model::ProbeHost;
use crate::model::TcpProbe;
use crate::prober::Bounds;
use crate::prober::Plan;
use crate::prober::Prober;
use crate::prober::tests::get;
use crate::prober::tests::outcome;
use crate::prober::tests::plan;
use crate::tasks::Tasks;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// A listener, and what answers every request to it.
async fn website(at: &str) -> Option<(SocketAddr, impl Future<Output = ()>)> {
    let listener = TcpListener::bind(at).await.ok()?;
    let at = listener.local_addr().unwrap();
    let serve = async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            if stream.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {
                stream.write_all(OK).await.ok();
            }
        }
    };
    Some((at, serve))
}

/// A plan of several checks, `n` at each place, probed as the first of them.
fn several(probe: Probe, places: &[SocketAddr], n: usize, interval: Duration) -> Plan {
    let mut plan = plan(probe, places[0], interval);
    plan.monitors[0].interval = interval;
    let first = plan.checks.remove(0);
    for place in places {
        for number in 0..n {
            let mut check =
                Check { key: CheckKey::new(format!("{place} {number}")), ..first.clone() };
            check.at.port = Some(place.port());
            plan.checks.push(check);
        }
    }
    plan
}

#[tokio::test]
async fn ipv6_and_names_are_probed() {
    let tcp = || {
        let (send, expect) = (Some("hello".to_owned()), Some("200".to_owned()));
        Probe::Tcp(TcpProbe { port: 1, send, expect })
    };
    match website("[::1]:0").await {
        None => println!("left out: there is no IPv6"),
        Some((at, serve)) => {
            let both = async { (outcome(Probe::Http(get()), at).await, outcome(tcp(), at).await) };
            let both = tokio::select! { both = both => both, () = serve => unreachable!() };
            assert_eq!(both, (Outcome::Success, Outcome::Success));
        }
    }
    // The name has an IPv6 address too, at which nobody listens.
    let (at, serve) = website("127.0.0.1:0").await.unwrap();
    let named = |name: &str| {
        let mut plan = plan(Probe::Http(get()), at, Duration::from_secs(30));
        plan.checks[0].at.host = ProbeHost::Name(name.to_owned());
        plan
    };
    // A label has 63 octets at the most, so that nobody is asked.
    let long = "a".repeat(64);
    let first = async |plan| {
        let tasks = Tasks::new();
        let (sender, mut reports) = mpsc::channel(1);
        let _prober = Prober::start(plan, sender, &tasks).unwrap();
        reports.recv().await.unwrap().outcome
    };
    let both = async { (first(named("localhost")).await, first(named(&long)).await) };
    let (found, none) = tokio::select! { both = both => both, () = serve => unreachable!() };
    assert_eq!(found, Outcome::Success);
    assert!(
        matches!(&none, Outcome::Failure(why) if why.contains("no address of aaa")),
        "{none:?}"
    );
}

#[tokio::test]
async fn no_more_probes_are_under_way_than_the_bound_says() {
    // Its queue takes connections, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let mut plan = several(Probe::Http(get()), &[at], 12, Duration::from_secs(60));
    plan.monitors[0].timeout = Duration::from_millis(200);
    let tasks = Tasks::new();
    let (sender, mut reports) = mpsc::channel(1);
    let bounds = Bounds { probes: 3, programs: 1 };
    let prober = Prober::start_within(bounds, plan, sender, &tasks).unwrap();
    let begin = Instant::now();
    for _ in 0..12 {
        let report = reports.recv().await.unwrap();
        assert!(matches!(report.outcome, Outcome::Failure(_)), "{report:?}");
        assert!(prober.counts().in_flight <= 3);
    }
    assert!(begin.elapsed() >= Duration::from_millis(790), "four rounds of three");
    assert!(prober.counts().delayed > 0);
    tasks.cancel();
}

#[tokio::test]
async fn a_check_has_one_probe_at_a_time_and_none_is_left_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let interval = Duration::from_millis(100);
    let plan = several(Probe::Http(get()), &[at], 1, interval);
    assert_eq!(plan.monitors[0].timeout, interval);
    let tasks = Tasks::new();
    let (sender, mut reports) = mpsc::channel(1);
    let prober = Prober::start(plan, sender, &tasks).unwrap();
    reports.recv().await.unwrap();
    let begin = Instant::now();
    for _ in 0..20 {
        reports.recv().await.unwrap();
        assert!(prober.counts().in_flight <= 1);
    }
    // Half of them left out would make it forty intervals.
    let took = begin.elapsed();
    assert!((19 * interval..30 * interval).contains(&took), "{took:?}");
    tasks.cancel();
}

/// Reports for a while, with when they came.
async fn reports_for(
    reports: &mut mpsc::Receiver<Report>,
    lasts: Duration,
) -> Vec<(String, Instant)> {
    let until = Instant::now() + lasts;
    let mut found = Vec::new();
    while let Ok(report) = tokio::time::timeout_at(until, reports.recv()).await {
        let report = report.unwrap();
        assert_eq!(report.outcome, Outcome::Success);
        found.push((report.check.to_string(), Instant::now()));
    }
    found
}

#[tokio::test]
async fn a_reload_ends_what_is_gone_begins_what_is_new_and_keeps_the_rhythm() {
    let (gone, serve_gone) = website("127.0.0.1:0").await.unwrap();
    let (kept, serve_kept) = website("127.0.0.1:0").await.unwrap();
    let (new, serve_new) = website("127.0.0.1:0").await.unwrap();
    let interval = Duration::from_millis(400);
    let plan = |places: &[SocketAddr]| several(Probe::Http(get()), places, 1, interval);
    let tasks = Tasks::new();
    let (sender, mut reports) = mpsc::channel(64);
    let prober = Prober::start(plan(&[gone, kept]), sender, &tasks).unwrap();
    let begin = Instant::now();
    let test = async {
        let before = reports_for(&mut reports, 4 * interval).await;
        prober.replace(plan(&[kept, new]));
        // What was under way may still be told.
        reports_for(&mut reports, interval / 2).await;
        (before, reports_for(&mut reports, 5 * interval).await)
    };
    let (before, after) = tokio::select! {
        found = test => found,
        () = serve_gone => unreachable!(),
        () = serve_kept => unreachable!(),
        () = serve_new => unreachable!(),
    };
    let has = |of: &[(String, Instant)], place: SocketAddr| {
        of.iter().filter(|(key, _)| *key == format!("{place} 0")).count()
    };
    assert!(has(&before, gone) > 1 && has(&before, kept) > 1 && has(&before, new) == 0);
    assert!(has(&after, gone) == 0 && has(&after, kept) > 1 && has(&after, new) > 1);
    // A report may be late, and never early: the least of each says when it is due. The first
    // is not of the rhythm.
    let phase = |of: &[(String, Instant)]| {
        let of_kept = of.iter().filter(|(key, _)| *key == format!("{kept} 0"));
        let phases = of_kept.map(|(_, at)| (*at - begin).as_millis() % interval.as_millis());
        phases.collect::<Vec<_>>()
    };
    let (before, after) = (phase(&before), phase(&after));
    let apart = |a: u128, b: u128| a.abs_diff(b).min(interval.as_millis() - a.abs_diff(b));
    let pairs = before.iter().skip(1).flat_map(|a| after.iter().map(|b| apart(*a, *b)));
    assert!(pairs.min().unwrap() < 50, "{before:?} {after:?}");
    tasks.cancel();
}
