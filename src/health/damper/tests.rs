//! Rises, falls and holds.
#![forbid(unsafe_code)]

use proptest::prelude::*;

use super::*;

const DAMPING: Damping = Damping {
    interval: Duration::from_secs(10),
    rise: 2,
    fall: 3,
    hold_down: Duration::from_secs(300),
};

fn at(seconds: u32) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + i64::from(seconds)).unwrap()
}

/// Feeds outcomes ten seconds apart; `.` is a success, `x` a failure. Returns the opinion
/// after each: `U`, `D`.
fn feed(damper: &mut Damper, outcomes: &str, start: u32) -> String {
    (0..)
        .zip(outcomes.chars())
        .map(|(nth, outcome)| {
            damper.take(outcome == '.', &DAMPING, at(start + 10 * nth));
            match damper.verdict() {
                Verdict::Up => 'U',
                Verdict::Down => 'D',
                Verdict::Unknown => '?',
            }
        })
        .collect()
}

#[test]
fn outcomes_become_opinions() {
    for (outcomes, expected) in [
        // The first decides at once.
        (".", "U"),
        ("x", "D"),
        // Three failures, in a row or not; one success between them clears nothing.
        (".xxx", "UUUD"),
        (".x.x.x", "UUUUUD"),
        // Two in a row do.
        (".x..x.x", "UUUUUUU"),
        // Two successes in a row bring it back, one does not.
        (".xxx.x..", "UUUDDDDU"),
        ("x..", "DDU"),
    ] {
        assert_eq!(feed(&mut Damper::new(), outcomes, 0), expected, "{outcomes}");
    }
}

#[test]
fn each_flip_soon_after_the_last_doubles_the_time_to_come_back() {
    let mut damper = Damper::new();
    let mut start = 0;
    let mut held = Vec::new();
    feed(&mut damper, ".", start);
    for _ in 0..7 {
        start += 10;
        feed(&mut damper, "xxx", start);
        start += 20;
        let down_at = start;
        while damper.verdict() == Verdict::Down {
            start += 10;
            feed(&mut damper, ".", start);
        }
        held.push(start - down_at);
    }
    assert_eq!(held, [20, 200, 300, 300, 300, 300, 300]);
    // Calm for long enough, it is forgiven one by one.
    feed(&mut damper, &".".repeat(310), start + 10);
    start += 3_110;
    feed(&mut damper, "xxx", start);
    let held = damper.held_until().map(|until| until.duration_since(at(start + 20)).as_secs());
    assert_eq!(held, Some(200), "six of seven are");
}

#[test]
fn who_is_held_down_says_since_when_it_would_be_up() {
    let mut damper = Damper::new();
    feed(&mut damper, ".xxx", 0);
    assert_eq!(damper.hold(), None, "the first time it is not held");
    feed(&mut damper, "..xxx", 40);
    let until = at(80 + 200);
    feed(&mut damper, "...", 100);
    assert_eq!(damper.hold(), Some(Held { until, up_since: Some(at(100)) }));
    feed(&mut damper, "x.", 130);
    assert_eq!(damper.hold(), Some(Held { until, up_since: Some(at(140)) }));
    damper.set_back(&DAMPING, at(50));
    assert_eq!(damper.hold().unwrap().up_since, Some(at(50)));
    // A clock that was set back releases nothing at once.
    feed(&mut damper, ".", 60);
    assert_eq!(damper.verdict(), Verdict::Down);
    assert_eq!(damper.hold().unwrap().until, until);
}

#[test]
fn what_was_down_before_a_restart_needs_one_success() {
    let mut damper = Damper::restored(Verdict::Down, Some(at(0)), &DAMPING);
    assert_eq!(feed(&mut damper, ".", 100), "U");
    let mut damper = Damper::restored(Verdict::Down, Some(at(0)), &DAMPING);
    assert_eq!(feed(&mut damper, "x..", 100), "DDU");
    let mut damper = Damper::restored(Verdict::Up, Some(at(0)), &DAMPING);
    assert_eq!(feed(&mut damper, "xxx", 100), "UUD");
}

/// Neither that nobody looked for long nor a restart makes a clean record.
#[test]
fn what_flapped_is_remembered_by_whoever_looks_again() {
    let mut damper = Damper::new();
    feed(&mut damper, ".xxx..", 0);
    damper.forget_up();
    feed(&mut damper, ".xxx", 70);
    assert_eq!(damper.held_until(), Some(at(300)), "down a second time, at 100");
    let restored = Damper::restored(Verdict::Down, damper.since(), &DAMPING);
    let mut restored = restored.held(damper.downs(), damper.held_until());
    assert_eq!(feed(&mut restored, "..", 110), "DD", "it is held as before");
    assert_eq!(feed(&mut restored, ".", 300), "U");
}

#[test]
fn the_time_until_it_can_turn_down_follows_the_failures() {
    let mut damper = Damper::new();
    let mut bound = |outcomes: &str| {
        feed(&mut damper, outcomes, 0);
        damper.down_in(&DAMPING).map(|bound| bound.as_secs())
    };
    assert_eq!(
        [bound("."), bound("x"), bound("x"), bound("x")],
        [Some(30), Some(20), Some(10), None]
    );
}

#[test]
fn a_clock_that_is_set_back_neither_lets_go_at_once_nor_holds_for_longer() {
    let mut damper = Damper::new();
    feed(&mut damper, ".xxx..xxx", 10_000);
    let held = |damper: &Damper, from| {
        damper.held_until().map(|until| until.duration_since(at(from)).as_secs())
    };
    assert_eq!(held(&damper, 10_080), Some(200), "down a second time");
    // By an hour: the time that was left is no reason to let go, and is bounded from now on.
    damper.set_back(&DAMPING, at(6_480));
    assert_eq!(held(&damper, 6_480), Some(300));
    assert_eq!(feed(&mut damper, "..", 6_490), "DD", "it is held still");
    // By a second: what was left stays.
    let mut damper = Damper::new();
    feed(&mut damper, ".xxx..xxx", 10_000);
    damper.set_back(&DAMPING, at(10_079));
    assert_eq!(held(&damper, 10_080), Some(200));
    assert_eq!(damper.since(), Some(at(10_079)));
}

proptest! {
    /// Turning takes what it says, whatever the sequence.
    #[test]
    fn no_turn_without_its_evidence(outcomes in prop::collection::vec(any::<bool>(), 1..400)) {
        let mut damper = Damper::new();
        let (mut in_a_row, mut failed) = (0, 0);
        for (nth, success) in (0..).zip(&outcomes) {
            let before = damper.verdict();
            let turned = damper.take(*success, &DAMPING, at(10 * nth));
            in_a_row = if *success { in_a_row + 1 } else { 0 };
            failed += u32::from(!success);
            match (before, damper.verdict()) {
                (Verdict::Up, Verdict::Down) => prop_assert!(failed >= 3),
                (Verdict::Down, Verdict::Up) => prop_assert!(in_a_row >= 2),
                (before, after) => prop_assert_eq!(turned, before != after),
            }
            if turned {
                failed = 0;
            }
        }
    }
}
