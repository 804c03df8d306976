//! Phases and rhythm, in virtual time.

use std::collections::HashMap;
use std::time::Duration;

use crate::health::CheckKey;
use crate::prober::schedule::Schedule;

const INTERVAL: Duration = Duration::from_secs(10);

fn keys(n: usize) -> impl Iterator<Item = (CheckKey, Duration)> {
    (0..n).map(|n| (CheckKey::new(format!("web@192.0.2.{n}:80")), INTERVAL))
}

/// Every time at which a check was due until `end`, asked each millisecond.
fn times(schedule: &mut Schedule, from: u64, end: u64) -> HashMap<CheckKey, Vec<Duration>> {
    let mut times: HashMap<CheckKey, Vec<Duration>> = HashMap::new();
    for now in (from..end).map(Duration::from_millis) {
        while let Some(key) = schedule.due(now) {
            times.entry(key).or_default().push(now);
        }
    }
    times
}

#[test]
fn the_first_round_is_soon_and_the_rhythm_never_drifts() {
    let mut schedule = Schedule::default();
    schedule.replace(keys(1000), Duration::ZERO);
    let times = times(&mut schedule, 0, 45_000);
    assert_eq!(times.len(), 1000);
    let mut per_second = [0; 10];
    for of_one in times.values() {
        assert!(of_one[0] <= Duration::from_millis(1001));
        assert!(of_one[1] - of_one[0] <= INTERVAL + Duration::from_millis(1));
        assert!(of_one[1..].windows(2).all(|pair| pair[1] - pair[0] == INTERVAL), "{of_one:?}");
        per_second[usize::try_from(of_one[1].as_secs() % 10).unwrap()] += 1;
    }
    assert!(per_second.iter().all(|n| (50..200).contains(n)), "{per_second:?}");
}

#[test]
fn a_late_round_shifts_nothing_and_is_not_made_up_for() {
    let mut schedule = Schedule::default();
    schedule.replace(keys(1), Duration::ZERO);
    let before = times(&mut schedule, 0, 25_000).into_values().next().unwrap();
    let after = times(&mut schedule, 57_000, 90_000).into_values().next().unwrap();
    let (last, first) = (*before.last().unwrap(), after[1]);
    assert_eq!((first - last).as_millis() % INTERVAL.as_millis(), 0);
    assert!(after.len() <= 5, "{after:?}");
}

#[test]
fn a_reload_keeps_what_stays_ends_what_is_gone_and_begins_what_is_new() {
    let mut schedule = Schedule::default();
    schedule.replace(keys(10), Duration::ZERO);
    let before = times(&mut schedule, 0, 12_000);
    let new = (CheckKey::new("new@192.0.2.99"), INTERVAL);
    schedule.replace(keys(5).chain([new.clone()]), Duration::from_secs(12));
    let after = times(&mut schedule, 12_000, 40_000);
    assert_eq!(after.len(), 6);
    assert!(after[&new.0][0] <= Duration::from_millis(13_001));
    for (key, _) in keys(5) {
        let gap = after[&key][0] - *before[&key].last().unwrap();
        assert_eq!(gap, INTERVAL);
    }
}

#[test]
fn a_check_that_is_postponed_is_due_then_and_not_before() {
    let mut schedule = Schedule::default();
    schedule.replace(keys(1), Duration::ZERO);
    let key = schedule.due(Duration::from_secs(1)).unwrap();
    schedule.postpone(&key, Duration::from_secs(15));
    assert_eq!(schedule.due(Duration::from_millis(14_999)), None);
    assert_eq!(schedule.due(Duration::from_secs(15)), Some(key));
}
