//! The compiled lookup against RFC 1034, 4.3.2 spelt out over a plain list of records.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;

use crate::model::RecordType;
use crate::model::Sources;
use crate::zone::Lookup;
use crate::zone::Match;
use crate::zone::Zones;
use crate::zone::read_text;
use crate::zone::tests::name;

/// Labels from the apex down.
type Path = Vec<&'static str>;

type Plain = BTreeSet<(Path, RecordType)>;

/// What is found, with the labels of the name that decided.
#[derive(Debug, Eq, PartialEq)]
enum Found {
    Alias(Path),
    Answer(Path),
    NoData,
    NxDomain,
    Redirect(Path),
    Referral(Path),
}

fn walk(plain: &Plain, path: &[&'static str], qtype: RecordType) -> Found {
    let has = |path: &[_], rtype| plain.contains(&(path.to_vec(), rtype));
    let exists = |path: &[_]| plain.iter().any(|(owner, _)| owner.starts_with(path));
    let settled = |path: &[&'static str]| {
        if has(path, qtype) {
            Found::Answer(path.to_vec())
        } else if has(path, RecordType::CNAME) {
            Found::Alias(path.to_vec())
        } else {
            Found::NoData
        }
    };
    for depth in 1..=path.len() {
        let here = &path[..depth];
        if has(&path[..depth - 1], RecordType::DNAME) {
            return Found::Redirect(path[..depth - 1].to_vec());
        }
        if !exists(here) {
            let wildcard = [&path[..depth - 1], &["*"]].concat();
            return if exists(&wildcard) { settled(&wildcard) } else { Found::NxDomain };
        }
        let cut = has(here, RecordType::NS) && here.last() != Some(&"*");
        if cut && !(depth == path.len() && qtype == RecordType::DS) {
            return Found::Referral(here.to_vec());
        }
    }
    settled(path)
}

fn text(path: &[&str]) -> String {
    let labels = path.iter().rev().map(|label| format!("{label}."));
    labels.collect::<String>() + "example.com."
}

fn describe(found: Lookup<'_>, expected: &Found) -> bool {
    let at = |wire: &[u8], path: &Path| wire == name(&text(path)).as_wire();
    match (found, expected) {
        (Lookup::Answer { rrset, by, .. }, Found::Answer(path)) => {
            // The data of each record are its owner, so that a wrong node shows.
            let right = rrset.rtype() != RecordType::TXT
                || rrset.rdata(0).unwrap().get(1..) == Some(text(path).as_bytes());
            right && (by == Match::Exact || path.last() == Some(&"*"))
        }
        (Lookup::Alias { cname, .. }, Found::Alias(path)) => {
            cname.target() == name(&format!("to.{}", text(path))).as_wire()
        }
        (Lookup::Redirect { owner, .. }, Found::Redirect(path)) => at(owner, path),
        (Lookup::Referral { cut, .. }, Found::Referral(path)) => at(cut, path),
        (Lookup::NoData { .. }, Found::NoData) | (Lookup::NxDomain { .. }, Found::NxDomain) => true,
        (_, _) => false,
    }
}

fn path() -> impl Strategy<Value = Path> {
    let label = prop_oneof![3 => Just("a"), 3 => Just("b"), 1 => Just("c"), 2 => Just("*")];
    proptest::collection::vec(label, 0..5)
}

fn rtype() -> impl Strategy<Value = RecordType> {
    prop_oneof![
        6 => Just(RecordType::TXT),
        2 => Just(RecordType::CNAME),
        2 => Just(RecordType::NS),
        1 => Just(RecordType::DS),
        1 => Just(RecordType::DNAME),
    ]
}

proptest! {
    #[test]
    fn rfc1034_4_3_2_over_any_zone(
        records in proptest::collection::btree_set((path(), rtype()), 0..12),
        queries in proptest::collection::vec((path(), rtype()), 20),
    ) {
        let mut master = String::from("$TTL 1h\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n");
        for (path, rtype) in &records {
            let owner = text(path);
            let data = match *rtype {
                RecordType::TXT => format!("\"{owner}\""),
                RecordType::DS => "1 8 99 AA".into(),
                _ => format!("to.{owner}"),
            };
            writeln!(master, "{owner} {rtype} {data}").unwrap();
        }
        // Some of these break rules; a lookup must hold up all the same.
        let apex = name("example.com.");
        let (read, _) = read_text(&master, &apex, &mut Sources::default());
        let zones = Zones::compile(vec![(apex, read)], &[]);
        let mut plain = records;
        plain.insert((Vec::new(), RecordType::NS));
        for (path, qtype) in queries {
            let expected = walk(&plain, &path, qtype);
            let found = zones.lookup(name(&text(&path)).as_wire(), qtype);
            prop_assert!(
                describe(found, &expected),
                "{} {qtype} in\n{master}: {expected:?}, not {found:?}", text(&path)
            );
        }
    }
}
