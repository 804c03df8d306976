//! Plans over small crowds, in cases that a closed loop does not come by.

use std::time::Duration;

use jiff::Timestamp;

use crate::load::Availability;
use crate::load::Cost;
use crate::load::CrowdStep;
use crate::load::Crowds;
use crate::load::CrowdsBuilder;
use crate::load::Cutoffs;
use crate::load::Flow;
use crate::load::Loss;
use crate::load::Planner;
use crate::load::Reading;
use crate::model::Capacity;
use crate::model::RegionId;

const TTL: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn reading(load: f64, second: i64) -> Option<Reading> {
    Some(Reading { load, at: at(second), span: Duration::ZERO })
}

fn capacity(amount: f64) -> Option<Capacity> {
    Some(Capacity { amount, soft: Capacity::SOFT, hard: Capacity::HARD })
}

/// So many clients each, with an order: regions with weights, one a tier, 20 ms apart.
fn crowds(n_regions: usize, all: &[(f64, &[(u16, f64)])]) -> Crowds {
    let mut builder = CrowdsBuilder::new(n_regions);
    for (clients, order) in all {
        let step = |(nth, (region, weight)): (usize, &(u16, f64))| {
            let ms = |nth: usize| Cost::from_ms(20.0 * nth as f64);
            let is_last = nth + 1 == order.len();
            let loss = if is_last { Loss::NOWHERE } else { Loss::between(ms(nth), ms(nth + 1)) };
            let region = RegionId(*region);
            CrowdStep { region, opens_tier: true, cost: ms(nth), loss, weight: *weight }
        };
        builder.push(0, *clients, order.iter().enumerate().map(step));
    }
    builder.finish()
}

/// Two regions, whose clients go to the other next.
fn pair(clients: [f64; 2]) -> Crowds {
    crowds(2, &[(clients[0], &[(0, 1.0), (1, 1.0)]), (clients[1], &[(1, 1.0), (0, 1.0)])])
}

#[test]
fn clients_who_ask_for_nothing_are_not_taken_to_ask_as_much_as_others() {
    let there = Availability::whole(2);
    let capacities = [capacity(1000.0), capacity(100.0)];
    let mut planner = Planner::new(pair([1.0, 9.0]), TTL, Cutoffs::none(2), at(0));
    planner.plan(at(1), &capacities, &there, &[reading(0.0, 1), reading(0.0, 1)]);
    // Readings come one by one: what the other said a moment before still counts.
    let plan = planner.plan(at(5), &capacities, &there, &[reading(50.0, 5), reading(0.0, 1)]);
    assert!(plan.cutoffs.is_empty(), "{plan:?}");
    assert!(plan.regions[1].arrivals < 1.0, "{plan:?}");
}

/// As a service that is new has next to no load, whatever it may have one day.
#[test]
fn a_region_that_began_with_next_to_nothing_fills_up_within_two_readings() {
    let there = Availability::whole(2);
    let capacities = [capacity(10_000.0), capacity(10_000.0)];
    for idle in [0.3, 1e-9] {
        let mut planner = Planner::new(pair([1.0, 1.0]), TTL, Cutoffs::none(2), at(0));
        planner.plan(at(1), &capacities, &there, &[reading(idle, 1), reading(idle, 1)]);
        let full = |second| [reading(20_000.0, second), reading(idle, second)];
        planner.plan(at(11), &capacities, &there, &full(11));
        let plan = planner.plan(at(21), &capacities, &there, &full(21));
        assert!(plan.cutoffs.of(RegionId(0)).refuses(), "{plan:?}");
        assert!(plan.regions[0].arrivals > 10_000.0, "{plan:?}");
    }
}

#[test]
fn a_reload_while_a_region_refuses_changes_nothing() {
    let there = Availability::whole(2);
    let capacities = [capacity(100.0), capacity(1000.0)];
    let mut planner = Planner::new(pair([1.0, 1.0]), TTL, Cutoffs::none(2), at(0));
    planner.plan(at(1), &capacities, &there, &[reading(60.0, 1), reading(60.0, 1)]);
    // A crowd comes: half of it is refused, once caches end.
    let readings = [reading(180.0, 11), reading(60.0, 11)];
    let before = planner.plan(at(11), &capacities, &there, &readings);
    assert!(before.is_new && before.cutoffs.of(RegionId(0)).refuses(), "{before:?}");
    let mut reloaded = planner.rebuilt(pair([1.0, 1.0]), TTL, Some, at(12));
    for (now, readings) in [(12, readings), (21, [reading(165.0, 21), reading(78.0, 21)])] {
        let plans = [&mut planner, &mut reloaded]
            .map(|planner| planner.plan(at(now), &capacities, &there, &readings));
        let [was, is] = plans.map(|plan| plan.regions[0].arrivals);
        assert!((is / was - 1.0).abs() < 0.01, "{now}: {was} {is}");
    }
}

#[test]
fn a_demand_is_learnt_anew_after_a_world_without_clients() {
    let there = Availability::whole(2);
    let capacities = [capacity(100.0), capacity(1000.0)];
    let mut planner = Planner::new(pair([1.0, 1.0]), TTL, Cutoffs::none(2), at(0));
    planner.plan(at(1), &capacities, &there, &[reading(60.0, 1), reading(60.0, 1)]);
    let mut planner = planner.rebuilt(crowds(2, &[]), TTL, Some, at(2));
    planner.plan(at(3), &capacities, &there, &[reading(60.0, 3), reading(60.0, 3)]);
    let mut planner = planner.rebuilt(pair([1.0, 1.0]), TTL, Some, at(4));
    let plan = planner.plan(at(5), &capacities, &there, &[reading(180.0, 5), reading(60.0, 5)]);
    assert!(plan.cutoffs.of(RegionId(0)).refuses(), "{plan:?}");
}

/// As a query has it: the first on the way, unless another has a weight.
#[test]
fn of_several_on_standby_the_first_gets_them() {
    let crowds = crowds(3, &[(1.0, &[(0, 1.0), (1, 0.0), (2, 0.0)])]);
    let served = |there: [f64; 3], cutoffs: &Cutoffs| {
        let mut availability = Availability::whole(3);
        (0..).map(RegionId).zip(there).for_each(|(id, part)| availability.set(0, id, part));
        Flow::of(&crowds, &availability, cutoffs, &[1.0; 3]).served_by_region(&crowds)
    };
    let none = Cutoffs::none(3);
    assert_eq!(served([1.0, 1.0, 1.0], &none), [1.0, 0.0, 0.0]);
    assert_eq!(served([0.0, 1.0, 1.0], &none), [0.0, 1.0, 0.0]);
    assert_eq!(served([0.0, 0.0, 1.0], &none), [0.0, 0.0, 1.0]);
}

#[test]
fn whom_all_refuse_the_first_with_a_weight_takes() {
    let crowds = crowds(3, &[(1.0, &[(0, 0.0), (1, 1.0), (2, 1.0)])]);
    let mut availability = Availability::whole(3);
    availability.set(0, RegionId(2), 0.0);
    let all = Cutoffs::new([crate::load::Cutoff::ALL; 3]);
    let served = |availability: &Availability| {
        Flow::of(&crowds, availability, &all, &[1.0; 3]).served_by_region(&crowds)
    };
    assert_eq!(served(&availability), [0.0, 1.0, 0.0]);
    availability.set(0, RegionId(1), 0.0);
    assert_eq!(served(&availability), [1.0, 0.0, 0.0]);
}

/// Where all are over, nobody is spared by moving clients after what readings are wrong by.
#[test]
fn where_all_are_over_what_readings_are_wrong_by_moves_nobody() {
    let there = Availability::whole(2);
    let (crowds, demand) = (pair([1.0, 1.5]), [130.0, 150.0]);
    let capacities = [capacity(100.0), capacity(150.0)];
    let mut planner = Planner::new(crowds.clone(), TTL, Cutoffs::none(2), at(0));
    let (mut cutoffs, mut changes) = (Cutoffs::none(2), 0);
    for round in 0..80_i32 {
        let served = Flow::of(&crowds, &there, &cutoffs, &demand).served_by_region(&crowds);
        let wrong = 0.01 * f64::from(round % 3 - 1);
        let second = i64::from(round) * 60;
        let readings = [
            reading(served[0] * (1.0 + wrong), second),
            reading(served[1] * (1.0 - wrong), second),
        ];
        let plan = planner.plan(at(second), &capacities, &there, &readings);
        assert_eq!(plan.regions[0].reason, crate::load::Reason::Overloaded);
        changes += usize::from(plan.is_new && round >= 20);
        cutoffs = plan.cutoffs;
    }
    assert!(changes <= 2, "{changes}");
}
