//! Who is admitted, and by what weight.
#![forbid(unsafe_code)]

use super::*;
use crate::steer::balanced::mix;
use crate::steer::fixture::service;

/// DESIGN 1, "fractions follow the scope": who is in a share stays in as it grows, and a
/// share takes about as many as it says.
#[test]
fn shares_grow_by_moving_each_client_once() {
    let steps: Vec<Share> = (0..=20).map(|step| Share::of(step, 20)).collect();
    for key in 0..2_000_u64 {
        let taken: Vec<bool> = steps.iter().map(|share| share.takes(mix(key))).collect();
        assert!(taken.is_sorted(), "in once, in for good");
        assert!(!taken[0] && taken[20]);
    }
    let quarter = (0..40_000_u64).filter(|key| Share::of(1, 4).takes(mix(*key))).count();
    assert!((9_500..10_500).contains(&quarter), "{quarter}");
}

/// What has a weight never becomes a standby, however small a part of its pool is left.
#[test]
fn a_weight_is_nothing_only_if_its_parts_are() {
    let endpoint = |weight| BalancedEndpoint { weight, identity: 0, rdata: Box::default() };
    let all = [endpoint(1), endpoint(1_000_000), endpoint(0)];
    let pool = |weight| {
        let (region, lanes) = (RegionId(0), Default::default());
        BalancedPool { region, weight, identity: 0, lanes }
    };
    for (of, set, expected) in [
        (1, 0b001, 1),
        (100, 0b001, 1),
        (1_000_000, 0b001, 1),
        (100, 0b010, 99),
        (100, 0b111, 100),
        (100, 0b100, 0),
        (0, 0b111, 0),
    ] {
        assert_eq!(weight(&pool(of), &all, set), expected, "{of} {set:b}");
    }
}

#[test]
fn each_group_has_its_own_in_whatever_order_they_were_given() {
    let service = service(1, |_, _| {});
    let of = |admission| ServiceStanding::new(&service, |_| admission);
    let [up, down, drained] = [Admission::Admitted, Admission::Down, Admission::Drained].map(of);
    let groups = [(5, &down), (2, &drained), (9, &up)];
    let groups = groups.map(|(id, standing)| (VantageGroupId(id), standing.clone()));
    let whole = up.clone().with_groups(groups);
    for (group, expected) in [(2, &drained), (5, &down)] {
        assert_eq!(whole.of_group(Some(VantageGroupId(group))), expected, "{group}");
    }
    for group in [None, Some(VantageGroupId(3)), Some(VantageGroupId(9))] {
        assert_eq!(whole.of_group(group), &whole, "{group:?}");
    }
}

#[test]
fn shares_are_shown_so_that_only_nothing_is_zero() {
    let shown = [0, 1, 500, 999, 1000].map(|part| Share::of(part, 1000).percent());
    assert_eq!(shown, [0, 1, 50, 100, 100]);
    assert_eq!(Share::of(3, 0), Share::FULL);
}
