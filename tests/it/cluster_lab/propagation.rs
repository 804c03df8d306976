//! How soon a verdict is answered everywhere: a measurement, not a proof.
//!
//! `cargo test --release --test it -- --ignored --nocapture propagation` prints it.

use std::time::Duration;

use jiff::Timestamp;

use crate::lab::Eavesdropper;
use crate::lab::Fleet;
use crate::lab::Load;

/// How often the endpoint goes down and comes back.
const ROUNDS: usize = 50;

/// One outcome decides, and nothing is held down for flapping.
const MONITOR: &str =
    "interval = \"1s\"\ntimeout = \"500ms\"\nrise = 1\nfall = 1\nhold-down = \"0s\"";

#[test]
#[ignore = "it measures for minutes, and asserts nothing"]
fn propagation() {
    let Some(fleet) = Fleet::build(1, MONITOR) else { return };
    let heard = Eavesdropper::start(&fleet, "n0");
    let load = Load::start(&fleet, &Fleet::NAME_SERVERS, Duration::from_millis(1));
    let (mut from_outcome, mut from_publication, mut apart) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        for (is_down, wanted) in [(true, Fleet::EU), (false, Fleet::US)] {
            let begun = Timestamp::now();
            for vantage in Fleet::VANTAGES {
                fleet.cut(vantage, &[Fleet::US], is_down);
            }
            fleet.until("answers follow", || load.first(wanted, begun).is_some());
            let moved = load.first(wanted, begun).unwrap();
            let decided = heard.decided(is_down, begun).unwrap();
            for at in &moved {
                from_publication.push(at.duration_since(decided.said).unsigned_abs());
                // What is up is said without since when.
                if is_down {
                    from_outcome.push(at.duration_since(decided.seen).unsigned_abs());
                }
            }
            apart.push(moved[0].duration_since(moved[1]).unsigned_abs());
            // Each vantage has seen it before it changes again.
            std::thread::sleep(Duration::from_millis(1200));
        }
    }
    show("from the outcome at the deciding vantage to the answer", from_outcome);
    show("from its publication to the answer", from_publication);
    show("between the two name servers", apart);
    let tallies = load.tallies();
    println!("queries lost: {:?}", tallies.iter().map(|tally| tally.lost).collect::<Vec<_>>());
}

fn show(what: &str, mut all: Vec<Duration>) {
    all.sort_unstable();
    let at = |percent: usize| all[(all.len() * percent / 100).min(all.len() - 1)];
    println!(
        "{what}: median {:.1?}, p99 {:.1?}, longest {:.1?}, of {}",
        at(50),
        at(99),
        at(100),
        all.len()
    );
}
