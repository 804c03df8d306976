//! Decisions: for whom they hold, and who has nowhere else to go.

use super::*;
use crate::load::Cutoff;
use crate::model::Rank;
use crate::model::Weight;
use crate::steer::EndpointStanding;
use crate::steer::NoTrace;
use crate::steer::Share;
use crate::steer::fixture::client;
use crate::steer::fixture::map;
use crate::steer::fixture::policy;
use crate::steer::fixture::service;

/// The pool that is answered, and the scope.
fn decided(
    service: &Balanced,
    map: &SteeringMap,
    gate: Gate<'_>,
    client: &Client,
) -> (Option<usize>, u8) {
    let mut rng = Rng::with_seed(1);
    let decision = decide(service, Family::V4, map, gate, client, &mut rng, &mut NoTrace);
    let pool = match decision.answered {
        Answered::Endpoints { pool, .. } => Some(pool),
        Answered::Fallback | Answered::ServFail => None,
    };
    (pool, decision.scope.0)
}

/// Of what is up.
fn up(service: &Balanced, map: &SteeringMap, client: &Client) -> (Option<usize>, u8) {
    let standing = ServiceStanding::new(service, |_| Admission::Admitted);
    decided(service, map, Gate { standing: &standing, cutoffs: None }, client)
}

/// A cache gives an answer to all whom its scope names.
#[test]
fn a_sticky_answer_is_for_a_block_and_never_for_more() {
    let sticky = service(2, |service, _| service.sticky = true);
    let plain = service(2, |_, _| {});
    let same_for_all = map(&policy(Rank::Priority, &[]));
    let known = client("8.8.8.0/24", "9.9.9.9");
    assert_eq!(up(&plain, &same_for_all, &known).1, 0);
    assert_eq!(up(&sticky, &same_for_all, &known).1, 24);
    // Nobody knows where that is: its resolver's block decides, for those alone.
    let private = client("10.1.2.0/24", "9.9.9.9");
    assert_eq!(up(&plain, &same_for_all, &private).1, 0);
    assert_eq!(up(&sticky, &same_for_all, &private).1, 8);
    // A part of a block that is elsewhere.
    let parted = map(&policy(Rank::Priority, &[("8.8.8.128/25", 1)]));
    assert_eq!(up(&sticky, &parted, &client("8.8.8.200/32", "9.9.9.9")), (Some(1), 25));
}

#[test]
fn without_client_subnets_the_resolver_is_located() {
    let map = map(&policy(Rank::Priority, &[("8.8.8.0/24", 1)]));
    let client = client("8.8.8.0/24", "9.9.9.9");
    assert_eq!(up(&service(1, |_, _| {}), &map, &client).0, Some(1));
    assert_eq!(up(&service(1, |_, map| map.ecs = false), &map, &client), (Some(0), 0));
}

/// Neither full regions nor shares that grow leave anybody without an answer: what is up is no
/// failing open.
#[test]
fn whoever_is_refused_everywhere_is_taken_all_the_same() {
    let map = map(&policy(Rank::Equal, &[]));
    let service = service(2, |service, _| service.all_down = AllDown::ServFail);
    let client = client("8.8.8.0/24", "9.9.9.9");
    let standing = ServiceStanding::new(&service, |_| Admission::Admitted);
    let full = Cutoffs::new([Cutoff::ALL; 3]);
    let gate = Gate { standing: &standing, cutoffs: Some(&full) };
    assert!(decided(&service, &map, gate, &client).0.is_some());
    let nobody = EndpointStanding { admission: Admission::Admitted, share: Share::of(0, 1) };
    let standing = ServiceStanding::build(&service, |_, _, _| nobody, |_, _| service.ttl);
    let gate = Gate { standing: &standing, cutoffs: None };
    assert!(decided(&service, &map, gate, &client).0.is_some());
    let standing = ServiceStanding::new(&service, |_| Admission::Down);
    let gate = Gate { standing: &standing, cutoffs: None };
    assert_eq!(decided(&service, &map, gate, &client).0, None);
}

#[test]
fn of_pools_without_weight_the_best_stands_by() {
    let map = map(&policy(Rank::Priority, &[]));
    let service = service(1, |service, _| {
        service.pools.iter_mut().for_each(|pool| pool.weight = Weight(0));
    });
    let client = client("8.8.8.0/24", "9.9.9.9");
    assert_eq!(up(&service, &map, &client).0, Some(0));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let map = map(&policy(Rank::Priority, &[("8.0.0.0/8", 1), ("8.8.0.0/16", 2)]));
    let service = service(1, |_, _| {});
    assert_eq!(up(&service, &map, &client("8.8.8.0/24", "9.9.9.9")).0, Some(1));
}
