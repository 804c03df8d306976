//! What a table keeps, and of what it makes its words.

use super::*;
use crate::latency::cell::Summary;

fn days(n: i64) -> jiff::SignedDuration {
    jiff::SignedDuration::from_hours(24 * n)
}

/// A prefix of its own for each number.
fn client(n: u32) -> IpAddr {
    Ipv4Addr::from(n << 8).into()
}

fn summary(table: &Table, at: Timestamp) -> Summary {
    let prefix = ClientPrefix::of([10, 1, 0, 9].into());
    table.measured(prefix, Tick::of(at)).next().unwrap().1
}

#[test]
fn what_is_old_does_not_take_the_place_of_what_is_new() {
    let mut table = Table::bounded(regions(), 1, 100, 200);
    let old = now().checked_sub(days(20)).unwrap();
    for n in 0..100 {
        table.take(&Sample { client: client(n), ..sample(0, 0, 50.0, 1) }, None, now()).unwrap();
    }
    for n in 100..1000 {
        let late = Sample { client: client(n), at: old, ..sample(0, 0, 50.0, 1) };
        table.take(&late, None, now()).unwrap();
    }
    assert_eq!((table.prefixes(), table.evicted()), (100, 0));
    assert!((0..100).all(|n| table.holds(client(n))));
    // Nor where it is cells that are short.
    let mut table = Table::bounded(regions(), 1, 100, 20);
    for n in 0..20 {
        table.take(&Sample { client: client(n), ..sample(0, 0, 50.0, 1) }, None, now()).unwrap();
    }
    for n in 10..50 {
        let late = Sample { client: client(n), at: old, ..sample(0, 1, 50.0, 1) };
        table.take(&late, None, now()).unwrap();
    }
    assert_eq!((table.prefixes(), table.pairs(Tick::of(now())).count()), (20, 20));
}

#[test]
fn sources_that_contradict_do_not_make_each_other_sure() {
    let mut table = table();
    let before = now().checked_sub(days(8)).unwrap();
    for source in 0..4 {
        let honest = Sample { at: before, ..sample(1, 0, 100.0, source) };
        (0..20).for_each(|_| table.take(&honest, None, now()).unwrap());
    }
    table.take(&sample(1, 0, 20.0, 9), None, now()).unwrap();
    let found = summary(&table, now());
    assert!((found.ln_us.exp() - 20_000.0).abs() < 100.0, "it is by far the newest: {found:?}");
    assert!(found.doubt >= 0.1, "and alone: {found:?}");
}

#[test]
fn a_clock_that_was_ahead_does_not_outlast_itself() {
    let (ahead, mut table) = (now().checked_add(days(10)).unwrap(), table());
    for source in 0..5 {
        table.take(&Sample { at: ahead, ..sample(1, 0, 300.0, source) }, None, ahead).unwrap();
    }
    // The clock is right again: those and others go on, here and elsewhere.
    let mut other = self::table();
    for source in 3..8 {
        (0..40).for_each(|_| other.take(&sample(1, 0, 30.0, source), None, now()).unwrap());
    }
    let told = other.aggregate(other.iter());
    assert_eq!(table.merge(&told, now()), 1);
    assert_eq!(table.merge(&told, now()), 0, "it is known");
    assert_eq!((summary(&table, now()).ln_us.exp() / 1e3).round(), 30.0);
    for source in 0..3 {
        (0..40).for_each(|_| table.take(&sample(1, 0, 30.0, source), None, now()).unwrap());
    }
    assert_eq!(summary(&table, now()).last, Tick::of(now()));
    assert_eq!(table.merge(&table.clone().aggregate(table.iter()), now()), 0);
}
