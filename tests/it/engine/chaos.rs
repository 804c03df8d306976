//! Whatever happens: what always holds.

use std::net::IpAddr;

use fastrand::Rng;
use meridian::engine::Event;
use meridian::engine::Saved;
use meridian::health::Outcome;
use meridian::health::Report;
use meridian::model::AdminState;
use meridian::model::RecordType;

use crate::engine::EU;
use crate::engine::Rig;
use crate::engine::US;

const TARGETS: [&str; 8] =
    ["us", "eu", "ap", "www/us", "www/eu", "www/us/203.0.113.1", "www/us/203.0.113.4", "www/ap"];

const STATES: [AdminState; 4] =
    [AdminState::Auto, AdminState::ForcedUp, AdminState::Drained, AdminState::ForcedDown];

/// The gravest of the admin states that cover an address.
fn admin_of(rig: &Rig, address: IpAddr) -> AdminState {
    let status = rig.engine.status(rig.now);
    let endpoints = status.services[0].pools.iter().flat_map(|pool| &pool.endpoints);
    let found = endpoints.clone().find(|endpoint| endpoint.endpoint == address.to_string());
    found.expect("only endpoints are answered").admin
}

/// No service is without an answer; what was forced down is never in one, and what was drained
/// only when all else was taken out; no scope ever changes.
#[test]
fn whatever_happens_clients_are_answered_and_operators_obeyed() {
    // Another one by `SEED=…`; a failure says which.
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in given.map_or(0..24, |seed: u64| seed..seed + 1) {
        let mut rng = Rng::with_seed(seed);
        let panic = [0, 40][rng.usize(0..2)];
        let mut rig = Rig::new(|plan| {
            plan.services[0].ramp = std::time::Duration::from_secs(40);
            plan.services[0].panic = panic;
        });
        let scopes = [US, EU].map(|client| rig.ask(client, RecordType::A).scope());
        let checks: Vec<_> = rig.plan.checks.all.iter().map(|check| check.key.clone()).collect();
        for _ in 0..300 {
            match rng.u8(0..10) {
                0 => {
                    let target = TARGETS[rng.usize(0..TARGETS.len())];
                    let state = STATES[rng.usize(0..STATES.len())];
                    // A refusal changes nothing, which what follows shows.
                    drop(rig.change(target, state, rng.bool()));
                }
                1 => rig.advance(rng.u64(0..60)),
                2 => {
                    let saved = Saved::read(&rig.engine.saved().text()).unwrap();
                    let now = rig.now;
                    rig = Rig::restored(rig.plan.clone(), Some(saved));
                    rig.now = now;
                }
                _ => {
                    let check = checks[rng.usize(0..checks.len())].clone();
                    let outcome = match rng.u8(0..5) {
                        0 | 1 => Outcome::Success,
                        2 | 3 => Outcome::Failure("no".into()),
                        _ => Outcome::Unable("not permitted".into()),
                    };
                    let took = std::time::Duration::ZERO;
                    let report = Report { check, outcome, took, certificate_ends: None };
                    rig.engine.step(Event::Report(report), rig.now);
                    rig.publish();
                }
            }
            for (client, scope) in [US, EU].into_iter().zip(scopes) {
                let answer = rig.ask(client, RecordType::A);
                assert_eq!(answer.scope(), scope, "seed {seed}");
                obeyed(&rig, &answer.addresses(), seed);
            }
        }
    }
}

fn obeyed(rig: &Rig, addresses: &[IpAddr], seed: u64) {
    let status = rig.engine.status(rig.now);
    let four = status.services[0].pools.iter().flat_map(|pool| &pool.endpoints);
    let four: Vec<_> = four.filter(|e| !e.endpoint.contains(':')).collect();
    let is_all = |wanted: &dyn Fn(AdminState) -> bool| four.iter().all(|e| wanted(e.admin));
    if addresses.is_empty() {
        assert!(is_all(&|admin| admin == AdminState::ForcedDown), "seed {seed}: no answer");
        return;
    }
    match admin_of(rig, addresses[0]) {
        AdminState::ForcedDown => panic!("seed {seed}: {} was forced down", addresses[0]),
        AdminState::Drained => assert!(
            is_all(&|admin| matches!(admin, AdminState::Drained | AdminState::ForcedDown)),
            "seed {seed}: {} was drained, and others were not",
            addresses[0]
        ),
        AdminState::Auto | AdminState::ForcedUp => {}
    }
}
