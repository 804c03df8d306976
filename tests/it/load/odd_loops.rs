//! The closed loop where something is odd: slow readings, short TTLs, wrong readings, a gauge that
//! fails, a demand that drifts, more demand than there is room.

use crate::load::closed_loop::Loop;
use crate::load::closed_loop::N;
use crate::load::closed_loop::Setup;

/// A crowd on ap-southeast; the peak later on, and what moved in the last five TTLs.
fn crowd(setup: Setup, used: f64) -> (Loop, f64, f64) {
    let mut all = Loop::new(setup, [used; N]);
    let beat = setup.ttl.max(setup.interval);
    all.run(4 * beat);
    let began = all.now();
    all.demand[6] = 3.0 / used;
    all.run(20 * beat);
    let peak = all.peak(began + 6 * beat).0;
    let moved = all.moved(began + 15 * beat, began + 20 * beat);
    (all, peak, moved)
}

#[test]
fn ttls_and_readings_may_be_of_any_length_to_each_other() {
    for (ttl, interval, lag) in [(5, 30, 2), (60, 5, 1), (30, 10, 15), (10, 10, 0)] {
        let (all, peak, moved) =
            crowd(Setup { ttl, interval, span: interval, lag, ..Setup::USUAL }, 0.5);
        let shown = format!("{ttl} {interval} {lag}\n{}", all.show(ttl.max(interval) / 3));
        assert!(peak <= 0.95 * 1.05, "{peak} {shown}");
        assert!(moved <= 0.1, "{moved} {shown}");
    }
}

#[test]
fn readings_may_be_wrong_by_a_fifth() {
    for seed in 1..=2 {
        let (all, peak, moved) = crowd(Setup { seed, noise: 0.2, ..Setup::USUAL }, 0.5);
        assert!(peak <= 0.95 * 1.12, "{peak}\n{}", all.show(10));
        // A tenth of the clients a TTL, where readings say something else each time.
        assert!(moved <= 0.5, "{moved}\n{}", all.show(10));
    }
}

#[test]
fn some_countries_may_ask_for_four_times_as_much_as_others() {
    for seed in 1..=2 {
        let (all, peak, moved) = crowd(Setup { seed, uneven: 2.0, ..Setup::USUAL }, 0.5);
        assert!(peak <= 0.95 * 1.05, "{peak}\n{}", all.show(10));
        assert!(moved <= 0.2, "{moved}\n{}", all.show(10));
    }
}

/// With no reading at all of the crowded region from its worst moment on, what it sends away is
/// kept, and the readings of the others say enough.
#[test]
fn a_gauge_may_fail_in_the_middle() {
    let mut all = Loop::new(Setup::USUAL, [0.5; N]);
    all.run(120);
    all.demand[6] = 6.0;
    all.run(30);
    all.broken = Some(6);
    all.run(600);
    let (peak, at) = all.peak(270);
    assert!(peak <= 0.95 * 1.12, "{peak} in {at}\n{}", all.show(10));
    all.broken = None;
    all.demand[6] = 1.0;
    all.run(300);
    assert_eq!(all.at_home(), 1.0, "{}", all.show(10));
}

/// Between soft and hard limit there is a place for every demand, and little moves on the way.
#[test]
fn a_demand_that_drifts_is_followed_without_swinging() {
    let mut all = Loop::new(Setup::USUAL, [0.7; N]);
    all.run(120);
    for minute in 0..30 {
        // From 0.7 to 1.05 of the capacity and back, over half an hour.
        all.demand[5] = 1.0 + 0.5 * f64::from(15 - i32::abs(15 - minute)) / 15.0;
        all.run(60);
    }
    let (peak, at) = all.peak(120);
    assert!(peak <= 0.95, "{peak} in {at}\n{}", all.show(30));
    // It takes 0.15 of a capacity away and gives it back: 0.04 of all clients each.
    let moved = all.moved(120, all.now());
    assert!(moved <= 0.3, "{moved}\n{}", all.show(30));
    all.demand[5] = 1.0;
    all.run(300);
    assert_eq!(all.at_home(), 1.0, "{}", all.show(30));
}

#[test]
fn if_there_is_no_room_anywhere_all_are_equally_over() {
    let mut all = Loop::new(Setup::USUAL, [0.5; N]);
    all.run(120);
    // Eu-central is nearly a quarter: all together come to 1.04 of all capacity.
    all.demand[4] = 6.0;
    all.run(900);
    let last = &all.past.last().unwrap().loads;
    let used: Vec<f64> = last
        .iter()
        .zip(&all.capacities)
        .map(|(load, c)| load / c.as_ref().unwrap().amount)
        .collect();
    let mean = used.iter().sum::<f64>() / used.len() as f64;
    assert!(used.iter().all(|used| (used - mean).abs() < 0.12), "{used:?}\n{}", all.show(20));
    let overloaded = all.plan.iter().flat_map(|plan| &plan.regions);
    let overloaded =
        overloaded.filter(|region| region.reason == meridian::load::Reason::Overloaded).count();
    assert!(overloaded >= 6, "{:?}", all.plan);
}
