//! Plans, without a loop: what holds of them whatever the crowds.

use std::time::Duration;

use jiff::Timestamp;
use meridian::load::Availability;
use meridian::load::Cost;
use meridian::load::CrowdStep;
use meridian::load::Crowds;
use meridian::load::CrowdsBuilder;
use meridian::load::Cutoff;
use meridian::load::Cutoffs;
use meridian::load::Flow;
use meridian::load::Loss;
use meridian::load::Plan;
use meridian::load::Planner;
use meridian::load::Reading;
use meridian::load::Reason;
use meridian::model::Capacity;
use meridian::model::RegionId;
use proptest::prelude::*;

const N: usize = 5;

const TTL: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Each crowd: how many, and for each region what it costs; all go to all regions, the cheapest
/// first, in tiers of what costs the same.
fn crowds(all: &[(f64, [u16; N])], n_steps: usize) -> Crowds {
    let mut builder = CrowdsBuilder::new(N);
    for (clients, costs) in all {
        let mut order: Vec<(u16, u16)> = costs.iter().copied().zip(0..).collect();
        order.sort_unstable();
        order.truncate(n_steps);
        let steps = order.iter().enumerate().map(|(nth, (cost, region))| {
            let opens = |at: usize| at == 0 || at == order.len() || order[at - 1].0 != order[at].0;
            let ms = |cost: u16| Cost::from_ms(f64::from(cost));
            let loss = match order.get(nth + 1) {
                _ if !opens(nth) || !opens(nth + 1) => Loss::ZERO,
                Some((next, _)) => Loss::between(ms(*cost), ms(*next)),
                None => Loss::NOWHERE,
            };
            let opens_tier = opens(nth);
            CrowdStep { region: RegionId(*region), opens_tier, cost: ms(*cost), loss, weight: 1.0 }
        });
        builder.push(0, *clients, steps.collect::<Vec<_>>());
    }
    builder.finish()
}

fn capacity(amount: f64) -> Option<Capacity> {
    Some(Capacity { amount, soft: Capacity::SOFT, hard: Capacity::HARD })
}

/// A plan from readings that are what each region's own clients ask for.
fn plan(crowds: &Crowds, capacities: &[Option<Capacity>], availability: &Availability) -> Plan {
    let mut planner = Planner::new(crowds.clone(), TTL, Cutoffs::none(N), at(0));
    let open = Cutoffs::none(N);
    let flow = Flow::of(crowds, &Availability::whole(N), &open, &[1.0; N]);
    let readings = flow
        .served_by_region(crowds)
        .into_iter()
        .map(|load| Some(Reading { load, at: at(100), span: Duration::from_secs(10) }));
    let readings: Vec<_> = readings.collect();
    planner.plan(at(100), capacities, &Availability::whole(N), &readings);
    planner.plan(at(101), capacities, availability, &readings)
}

fn without(region: u16) -> Availability {
    let mut availability = Availability::whole(N);
    availability.set(0, RegionId(region), 0.0);
    availability
}

/// Crowds with costs that are all different, so that orders have one region a tier.
fn any_crowds() -> impl Strategy<Value = Vec<(f64, [u16; N])>> {
    let costs = Just([0_u16, 1, 2, 3, 4]).prop_shuffle();
    let costs = (costs, 5_u16..40).prop_map(|(order, apart)| order.map(|nth| 3 + nth * apart));
    prop::collection::vec((1.0..100.0_f64, costs), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Who is served, is served once; and who is not, is told.
    #[test]
    fn flows_conserve_clients(
        all in prop::collection::vec((1.0..100.0_f64, prop::array::uniform5(0_u16..60)), 1..30),
        cutoffs in prop::array::uniform5(-10.0..100.0_f64),
        there in prop::array::uniform5(0.0..1.0_f64),
        n_steps in 1_usize..=N,
    ) {
        let crowds = crowds(&all, n_steps);
        let mut availability = Availability::whole(N);
        for (region, part) in (0..).map(RegionId).zip(there) {
            availability.set(0, region, part);
        }
        let cutoffs = Cutoffs::new(cutoffs.map(Cutoff::from_ms));
        let flow = Flow::of(&crowds, &availability, &cutoffs, &[2.0; N]);
        let served: f64 = flow.served_by_region(&crowds).iter().sum();
        let parts: f64 = flow.parts(&crowds).map(|part| part.clients).sum();
        let clients: f64 = all.iter().map(|(clients, _)| clients * 2.0).sum();
        prop_assert!((served + flow.unserved() - clients).abs() < clients * 1e-6);
        prop_assert!((parts - served).abs() < clients * 1e-6);
        let came: f64 = flow.arrivals_by_region(&crowds).iter().sum();
        prop_assert!(came >= served - 1e-6);
    }

    /// Where all together have room, nobody is over, whichever region is lost; and where they
    /// have not, all are over by the same factor.
    #[test]
    fn no_region_is_over_while_another_has_room(
        all in any_crowds(),
        amounts in prop::array::uniform5(50.0..400.0_f64),
        lost in 0_u16..8,
    ) {
        let crowds = crowds(&all, N);
        let capacities = amounts.map(capacity);
        let availability = if lost < 5 { without(lost) } else { Availability::whole(N) };
        let plan = plan(&crowds, &capacities, &availability);
        let demand: f64 = all.iter().map(|(clients, _)| clients).sum();
        let there = |region: &usize| *region != usize::from(lost);
        let hard: f64 = (0..N).filter(there).map(|at| amounts[at] * 0.95).sum();
        let over = (demand / hard).max(1.0);
        for region in &plan.regions {
            let most = region.capacity.unwrap().amount * 0.95 * over;
            prop_assert!(region.served <= most * 1.03 + 1e-6, "{over} {plan:#?}");
        }
        let served: f64 = plan.regions.iter().map(|region| region.served).sum();
        prop_assert!((served - demand).abs() < demand * 1e-6);
        prop_assert_eq!(&plan, &self::plan(&crowds, &capacities, &availability));
    }

    /// What a demand settles to is what a planner publishes that knows it, unless the planner
    /// finds that it is not worth moving anybody.
    #[test]
    fn a_planner_ends_where_its_demand_settles(
        all in any_crowds(),
        amounts in prop::array::uniform5(50.0..400.0_f64),
        lost in 0_u16..8,
    ) {
        let crowds = crowds(&all, N);
        let capacities = amounts.map(capacity);
        let availability = if lost < 5 { without(lost) } else { Availability::whole(N) };
        let settled = Plan::settled(&crowds, &availability, &capacities, &[1.0; N]);
        let served: f64 = settled.regions.iter().map(|region| region.served).sum();
        let demand: f64 = all.iter().map(|(clients, _)| clients).sum();
        prop_assert!((served + settled.unserved - demand).abs() < demand * 1e-6);
        prop_assert_eq!(settled.is_new, !settled.cutoffs.is_empty());
        let planned = plan(&crowds, &capacities, &availability);
        // What comes back little by little is on its way there.
        let is_there = planned.regions.iter().all(|region| region.reason != Reason::Returning);
        if planned.is_new && is_there {
            for (planned, settled) in planned.regions.iter().zip(&settled.regions) {
                // A pressure is looked for down to 0.4 %.
                prop_assert!((planned.served - settled.served).abs() < demand * 6e-3);
                prop_assert_eq!(planned.reason, settled.reason);
            }
        }
    }

    /// Whoever goes further than to their first region has been refused by one that is full.
    #[test]
    fn nobody_is_refused_by_a_region_with_room(
        all in any_crowds(),
        amounts in prop::array::uniform5(50.0..400.0_f64),
    ) {
        let crowds = crowds(&all, N);
        let plan = plan(&crowds, &amounts.map(capacity), &Availability::whole(N));
        for region in &plan.regions {
            let soft = region.capacity.unwrap().amount * 0.8;
            prop_assert!(region.cutoff == Cutoff::NONE || region.served > soft * 0.97, "{plan:#?}");
            prop_assert!(region.cutoff != Cutoff::NONE || region.share() > 0.9999, "{plan:#?}");
        }
    }
}

#[test]
fn who_has_no_capacity_takes_all_and_who_can_go_nowhere_stays() {
    // A fence: these have one region only.
    let fenced = crowds(&[(300.0, [1, 2, 3, 4, 5])], 1);
    let made = plan(&fenced, &[capacity(100.0); N], &Availability::whole(N));
    assert_eq!(made.regions[0].reason, Reason::Captive);
    assert_eq!((made.regions[0].served, made.cutoffs.is_empty()), (300.0, true));
    // The second takes whatever the first refuses.
    let two = crowds(&[(300.0, [1, 20, 30, 40, 50])], N);
    let mut capacities = [capacity(100.0); N];
    capacities[1] = None;
    let made = plan(&two, &capacities, &Availability::whole(N));
    assert!((made.regions[0].served - 87.0).abs() < 1.0, "{made:#?}");
    assert_eq!(made.regions[0].reason, Reason::Sparing);
    assert_eq!(made.regions[1].reason, Reason::Unlimited);
    // Nobody is there.
    let mut nowhere = Availability::whole(N);
    (0..5).for_each(|region| nowhere.set(0, RegionId(region), 0.0));
    let made = plan(&two, &capacities, &nowhere);
    assert!((made.unserved - 300.0).abs() < 1e-6);
}

/// One label, as `equal` and `priority` have it: a share of its clients can be refused too.
#[test]
fn a_single_label_is_cut_in_shares() {
    let tier = crowds(&[(300.0, [1, 1, 1, 1, 1])], N);
    let mut capacities = [capacity(100.0); N];
    capacities[0] = capacity(40.0);
    let made = plan(&tier, &capacities, &Availability::whole(N));
    assert!((30.0..38.0).contains(&made.regions[0].served), "{made:#?}");
    assert!(made.regions[1..].iter().all(|region| region.served < 80.0), "{made:#?}");
}

#[test]
fn before_any_reading_all_stays_as_it_was_published() {
    let crowds = crowds(&[(300.0, [1, 20, 30, 40, 50])], N);
    let published = Cutoffs::new([Cutoff::from_ms(12.0)]);
    let mut planner = Planner::new(crowds.clone(), TTL, published, at(0));
    let made = planner.plan(at(1), &[capacity(10.0); N], &Availability::whole(N), &[None; N]);
    assert_eq!((made.is_new, made.cutoffs.of(RegionId(0))), (false, Cutoff::from_ms(12.0)));
    assert_eq!(made.regions[0].reason, Reason::Unknown);
    // A rebuilt planner keeps what is published, wherever the region is now.
    let swapped = |region: RegionId| (region.0 < 2).then(|| RegionId(1 - region.0));
    let mut rebuilt = planner.rebuilt(crowds, TTL, swapped, at(2));
    let made = rebuilt.plan(at(3), &[capacity(10.0); N], &Availability::whole(N), &[None; N]);
    assert_eq!(made.cutoffs.of(RegionId(1)), Cutoff::from_ms(12.0));
    assert_eq!(made.cutoffs.of(RegionId(0)), Cutoff::NONE);
}

/// Two that are full, each with clients of its own, and a third that takes whoever comes.
#[test]
fn a_capacity_that_is_taken_away_refuses_nobody_any_more() {
    let two = crowds(&[(300.0, [1, 20, 3, 90, 99]), (300.0, [20, 1, 3, 90, 99])], 3);
    let mut capacities = [capacity(100.0); N];
    capacities[2] = None;
    let whole = Availability::whole(N);
    let mut planner = Planner::new(two.clone(), TTL, Cutoffs::none(N), at(0));
    let read = |cutoffs: &Cutoffs, second: i64| -> Vec<Option<Reading>> {
        let served = Flow::of(&two, &whole, cutoffs, &[1.0; N]).served_by_region(&two);
        let span = Duration::from_secs(10);
        served.into_iter().map(|load| Some(Reading { load, at: at(second), span })).collect()
    };
    let mut cutoffs = Cutoffs::none(N);
    for second in (10..1000).step_by(10) {
        cutoffs =
            planner.plan(at(second), &capacities, &whole, &read(&cutoffs, second - 1)).cutoffs;
    }
    assert!(cutoffs.of(RegionId(0)).refuses() && cutoffs.of(RegionId(1)).refuses());
    capacities[0] = None;
    let mut planner = planner.rebuilt(two.clone(), TTL, Some, at(1000));
    let made = planner.plan(at(1000), &capacities, &whole, &read(&cutoffs, 999));
    assert_eq!(made.regions[0].reason, Reason::Unlimited);
    assert!(!made.cutoffs.of(RegionId(0)).refuses(), "{made:#?}");
    assert!(made.cutoffs.of(RegionId(1)).refuses(), "it is full as before");
}

/// A planner of two regions with clients of these numbers, that reads these loads every ten
/// seconds.
fn reader(clients: [f64; 2], capacities: [f64; 2]) -> impl FnMut([f64; 2]) -> Plan {
    let [first, second] = clients;
    let two = crowds(&[(first, [1, 20, 30, 40, 50]), (second, [20, 1, 30, 40, 50])], 2);
    let mut planner = Planner::new(two, TTL, Cutoffs::none(N), at(0));
    let mut second = 0;
    move |loads| {
        second += 10;
        let read = |load| Some(Reading { load, at: at(second), span: Duration::from_secs(10) });
        let (readings, capacities) = (loads.map(read), capacities.map(capacity));
        planner.plan(at(second), &capacities, &Availability::whole(N), &readings)
    }
}

/// However long nobody asked: what is known of a demand must not sink so low that it takes as
/// many readings to come up again.
#[test]
fn a_region_that_was_empty_for_a_night_refuses_as_soon_as_it_is_over() {
    for (n_empty, other) in [(1, 30.0), (3000, 30.0), (3000, 0.0)] {
        let mut read = reader([10.0, 10.0], [100.0, 100.0]);
        (0..n_empty).for_each(|_| assert!(read([0.0, other]).cutoffs.is_empty()));
        read([200.0, other]);
        let made = read([200.0, other]);
        assert!(made.cutoffs.of(RegionId(0)).refuses(), "{n_empty} {other}: {made:#?}");
        assert!(made.regions[0].arrivals > 150.0, "{n_empty} {other}: {made:#?}");
    }
}

/// Whoever is there without being sent says nothing of how much those ask who will be.
#[test]
fn a_region_to_which_nobody_is_sent_learns_nothing_of_clients() {
    let mut read = reader([10.0, 0.0], [100.0, 1000.0]);
    (0..100).for_each(|_| assert!(read([50.0, 5.0]).cutoffs.is_empty()));
    let made = read([180.0, 5.0]);
    let [full, next] = [made.regions[0], made.regions[1]];
    assert!((170.0..190.0).contains(&full.arrivals), "{made:#?}");
    assert!((next.arrivals - (full.arrivals - full.served)).abs() < 1.0, "{made:#?}");
}

#[test]
fn a_region_to_which_nobody_goes_is_not_away() {
    let all = crowds(&[(50.0, [1, 20, 30, 40, 50])], N);
    let made = plan(&all, &[capacity(100.0); N], &without(2));
    let reasons: Vec<Reason> = made.regions.iter().map(|region| region.reason).collect();
    assert_eq!(reasons, [Reason::Room, Reason::Room, Reason::Away, Reason::Room, Reason::Room]);
    // Nobody may be answered with a region that is no step of anybody.
    let made = plan(&crowds(&[(50.0, [1, 20, 30, 40, 50])], 1), &[capacity(100.0); N], &without(2));
    assert_eq!(made.regions[1].reason, Reason::Away);
}

/// Connections that last do not follow shares, and some that are there were never sent. What the
/// two make of the demand must be forgotten as soon as the first are gone, and stay so; also where
/// one region is told far more often than the other is read.
#[test]
fn a_load_that_follows_no_share_is_no_endless_demand() {
    let ms = |n: i64| Timestamp::from_millisecond(1_800_000_000_000 + n).unwrap();
    for told_every in [50, 500, 1000, 2500] {
        let mut planner = Planner::new(
            crowds(&[(10.0, [1, 20, 30, 40, 50])], 2),
            Duration::from_secs(2),
            Cutoffs::none(N),
            ms(0),
        );
        let mut refuses = Vec::new();
        for now in (0..120_000).step_by(50) {
            let read_at = now / 1000 * 1000;
            let full = if (3000..30_000).contains(&read_at) { 30.0 } else { 0.0 };
            let reading = |load, at| Some(Reading { load, at: ms(at), span: Duration::ZERO });
            let readings = [reading(full, read_at), reading(5.0, now / told_every * told_every)];
            let capacities = [capacity(10.0), capacity(1000.0)];
            let made = planner.plan(ms(now), &capacities, &Availability::whole(N), &readings);
            refuses.push((now, !made.cutoffs.is_empty()));
        }
        let when = |from: i64, to: i64| {
            let part = refuses.iter().filter(|(at, _)| (from..to).contains(at));
            let (n, all) = part.fold((0, 0), |(n, all), (_, is)| (n + usize::from(*is), all + 1));
            n as f64 / f64::from(all)
        };
        assert_eq!(when(0, 3000), 0.0, "{told_every}");
        assert!(when(5000, 30_000) > 0.95, "{told_every}: {}", when(5000, 30_000));
        assert_eq!(when(40_000, 120_000), 0.0, "{told_every}");
    }
}
