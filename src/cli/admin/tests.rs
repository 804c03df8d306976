//! How a drain is waited for, and what is said of it.

use serde_json::Value;

use super::*;

fn status(settled: &str, state: &str, unsettled: &Value) -> Status {
    let json = json!({
        "at": "2026-01-02T03:00:00Z", "started": "2026-01-02T00:00:00Z", "generation": 1,
        "regions": [], "checks": [], "services": [],
        "admin": [{
            "target": "www/eu", "state": state, "who": "alice", "why": "", "until": null,
            "since": "2026-01-02T02:59:50Z", "settled": settled, "unsettled": unsettled,
        }],
        "cluster": {
            "node": "ns1", "contact": "joined", "since": null, "why": "", "vantages": [],
            "nodes": [],
        },
    });
    serde_json::from_value(json).unwrap()
}

fn fenced() -> Value {
    json!({
        "clients": [{
            "service": "www", "records": "A", "regions": ["eu"],
            "rules": "rule 1 of policy `global`", "group": null,
        }],
        "clients_total": 3, "nodes": [], "nodes_total": 0,
    })
}

const FENCED: &str = "  still answered, since nothing else is in service for these clients:
    www A: clients of rule 1 of policy `global` (only eu)
    and 2 more
";

#[test]
fn a_drain_is_over_when_nobody_is_answered_with_it() {
    let target = "www/eu".parse().unwrap();
    let of = |settled: &str, unsettled: Value| {
        progress(&status(&format!("2026-01-02T{settled}Z"), "drained", &unsettled), &target)
            .unwrap()
    };
    let behind = json!({ "clients": [], "clients_total": 0, "nodes": ["ns2"], "nodes_total": 1 });
    assert_eq!(
        of("03:01:05", Value::Null),
        Progress::Left("www/eu: 1m 5s until caches have let go".into())
    );
    assert_eq!(
        of("03:00:00", Value::Null),
        Progress::Settled("www/eu is drained: caches have let go".into())
    );
    let still = "www/eu: 20s until caches have let go; still answered for some clients of www";
    assert_eq!(of("03:00:20", fenced()), Progress::Left(still.into()));
    assert_eq!(
        of("03:00:00", fenced()),
        Progress::Never(format!("www/eu is drained, but not without clients\n{FENCED}"))
    );
    assert_eq!(
        of("02:59:00", behind),
        Progress::Late(
            "www/eu: drained here; waiting for ns2".into(),
            "www/eu is drained here, but perhaps not everywhere\n  these name servers have not \
             said that they have the same admin states:\n    ns2\n"
                .into()
        )
    );
    let undone = progress(&status("2026-01-02T03:01:05Z", "forced-up", &Value::Null), &target);
    assert!(matches!(undone, Err(Failure::Negative(why)) if why.contains("no longer drained")));
}

#[test]
fn what_was_done_is_said_with_what_stands_against_it() {
    let target = "www/eu".parse().unwrap();
    let said = |before: &str, state: &str, unsettled: Value, others: Value| {
        let done = json!({
            "before": before, "state": state, "settled": "2026-01-02T03:00:30Z",
            "unsettled": unsettled, "others": others,
        });
        said(&target, &serde_json::from_value(done).unwrap())
    };
    let window = json!([{
        "target": "eu", "state": "drained", "who": "maintenance", "why": "new switch",
        "since": "2026-01-02T02:00:00Z", "until": null, "settled": "2026-01-02T02:00:30Z",
    }]);
    assert_eq!(
        said("auto", "drained", fenced(), window.clone()),
        format!("www/eu: drained, was auto; caches have let go at 03:00:30 UTC\n{FENCED}")
    );
    assert_eq!(
        said("drained", "drained", Value::Null, json!([])),
        "www/eu: drained, as before; caches have let go at 03:00:30 UTC\n"
    );
    assert_eq!(
        said("drained", "auto", Value::Null, window),
        "www/eu: auto, was drained\n  eu stays drained (maintenance)\n"
    );
}
