//! How long and how large a load is; for people, by hand:
//! `cargo test --release -- --ignored --nocapture zone::tests::load`.

use std::fmt::Write;

use crate::model::RecordType;
use crate::zone::Lookup;
use crate::zone::Zones;
use crate::zone::tests::name;
use crate::zone::tests::records;

/// Resident memory of this process in MiB, where the system says it.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) / 1024
}

#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]
fn three_hundred_thousand_records() {
    let mut text = String::from("$TTL 1h\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n");
    for n in 0..60_000_u32 {
        let [_, a, b, c] = n.to_be_bytes();
        writeln!(text, "host{n} 300 IN A 10.{a}.{b}.{c}\n IN AAAA 2001:db8::{n:x}").unwrap();
        writeln!(text, "alias{n} CNAME host{n}\nmail{n}.sub MX 10 host{n}").unwrap();
        writeln!(text, "txt{n} TXT \"v=spf1 ip4:10.{a}.{b}.{c} -all\" \"{n}\"").unwrap();
    }
    let before = resident();
    let start = std::time::Instant::now();
    let zone = records("example.com.", &text);
    let (read, n_records, between) = (start.elapsed(), zone.1.len(), resident());
    let start = std::time::Instant::now();
    let zones = Zones::compile(vec![zone], &[]);
    let compiled = start.elapsed();
    println!("{n_records} records, {} KiB of text", text.len() / 1024);
    println!("read {read:?}, compiled {compiled:?}");
    println!("resident: {before} MiB before, {between} read, {} compiled", resident());
    println!("compiled arrays: {} KiB", zones.size() / 1024);
    let owners: Vec<_> =
        (0..60_000).step_by(7).map(|n| name(&format!("host{n}.example.com."))).collect();
    let missing = name("a.b.c.d.e.f.g.h.nothere.example.com.");
    for (what, owners) in [("found", owners.as_slice()), ("missing", &[missing])] {
        let start = std::time::Instant::now();
        let mut n_lookups = 0_u32;
        while n_lookups < 1_000_000 {
            for owner in owners {
                let found = zones.lookup(owner.as_wire(), RecordType::A);
                assert!(!matches!(std::hint::black_box(found), Lookup::Outside));
                n_lookups += 1;
            }
        }
        println!("{what}: {:?} a lookup", start.elapsed() / n_lookups);
    }
}
