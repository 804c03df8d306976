//! What is written, read by another implementation; and how short it is.

use std::collections::BTreeSet;

use hickory_server::proto::op::Message;
use proptest::prelude::*;

use super::*;
use crate::model::Name;

fn wire(name: &str) -> Vec<u8> {
    name.parse::<Name>().unwrap().as_wire().to_vec()
}

/// A query for A records, with an OPT record or without.
fn query(name: &[u8], edns: bool) -> Vec<u8> {
    let head = [0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    let opt: &[u8] = if edns { &[0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0] } else { &[] };
    [&head[..], name, &[0, 1, 0, 1], opt].concat()
}

/// What a reply becomes that `write` fills; names before it are another message's.
fn reply(request: &[u8], limit: usize, write: impl FnOnce(&mut Reply<'_>)) -> Vec<u8> {
    let mut names = Names::default();
    // A buffer that was used before: what is behind the reply must not be read.
    let mut buffer = vec![b'a'; 65_535];
    names.write(&mut buffer, 14, 14, b"\x01a\x01a\x01a\0").unwrap();
    let query = crate::wire::Query::parse(request).unwrap();
    let (asked, extras) = (query.asked(), Extras::default());
    let mut out = Reply::new(&asked, request, &mut buffer, &mut names, limit, &extras).unwrap();
    write(&mut out);
    let length = out.finish(&asked, Rcode::NOERROR, ScopePrefix::GLOBAL, None, &extras);
    buffer.truncate(length);
    buffer
}

fn record<'a>(owner: Owner<'a>, rtype: RecordType, rdata: &'a [u8]) -> Record<'a> {
    Record { owner, rtype, class: Class::IN, ttl: Ttl::from_secs(60).unwrap(), rdata }
}

/// Octets of the record that `write` adds to a reply to `www.example.com`, without the ten that
/// every record has.
fn cost(
    before: &[(&str, RecordType, Vec<u8>)],
    owner: &str,
    rtype: RecordType,
    rdata: &[u8],
) -> usize {
    let request = query(&wire("wWw.Example.com."), false);
    let write = |out: &mut Reply<'_>| {
        for (owner, rtype, rdata) in before {
            out.record(Section::Answer, &record(Owner::Name(&wire(owner)), *rtype, rdata)).unwrap();
        }
    };
    let without = reply(&request, 65_535, write).len();
    let with = reply(&request, 65_535, |out| {
        write(out);
        out.record(Section::Answer, &record(Owner::Name(&wire(owner)), rtype, rdata)).unwrap();
    });
    with.len() - without - 10
}

#[test]
fn names_point_to_all_names_before_owners_and_data() {
    let root = [0_u8];
    for (owner, cost_of_it) in [
        ("www.example.com.", 2),
        ("EXAMPLE.com.", 2),
        ("com.", 2),
        (".", 1),
        ("a.example.com.", 4),
        ("ww.example.com.", 5),
        ("www.example.org.", 4 + 8 + 4 + 1),
        ("com.www.example.com.", 4 + 2),
    ] {
        assert_eq!(cost(&[], owner, RecordType::NULL, &[]), cost_of_it, "{owner}");
    }
    let before = [
        ("a.b.other.net.", RecordType::NS, wire("ns.Third.org.")),
        (".", RecordType::MX, [&[0, 10][..], &wire("mx.fourth.info.")].concat()),
        (".", RecordType::SOA, [wire("x.fifth.se."), wire("y.sixth.no."), vec![0; 20]].concat()),
    ];
    for (owner, cost_of_it) in [
        ("a.b.other.net.", 2),
        ("b.OTHER.net.", 2),
        ("c.other.net.", 4),
        ("third.org.", 2),
        ("ns2.third.org.", 6),
        ("mx.fourth.info.", 2),
        ("z.fifth.se.", 4),
        ("sixth.no.", 2),
    ] {
        assert_eq!(cost(&before, owner, RecordType::NULL, &[]), cost_of_it, "{owner}");
        let in_data = cost(&before, ".", RecordType::CNAME, &wire(owner));
        assert_eq!(in_data, root.len() + cost_of_it, "{owner}");
    }
}

/// RFC 3597, 4: neither are such names shortened nor does anything point to them.
#[test]
fn names_in_later_types_are_written_in_full() {
    for (rtype, head) in [
        (RecordType::SRV, &[0, 1, 0, 2, 0, 3][..]),
        (RecordType::DNAME, &[]),
        (RecordType::SVCB, &[0, 1]),
        (RecordType::HTTPS, &[0, 1]),
        (RecordType::AFSDB, &[0, 1]),
        (RecordType::KX, &[0, 1]),
        (RecordType::RP, &[]),
        (RecordType(65_280), &[]),
    ] {
        let rdata = [head, &wire("www.example.com.")].concat();
        assert_eq!(cost(&[], ".", rtype, &rdata), 1 + rdata.len(), "{rtype}");
        let other = [head, &wire("host.other.net.")].concat();
        let before = [(".", rtype, other)];
        let full = wire("host.other.net.").len();
        assert_eq!(cost(&before, "host.other.net.", RecordType::NULL, &[]), full, "{rtype}");
    }
}

#[test]
fn what_is_taken_back_is_not_pointed_to() {
    let request = query(&wire("www.example.com."), false);
    let octets = reply(&request, 65_535, |out| {
        let name = wire("host.other.net.");
        let mark = out.mark();
        out.record(Section::Answer, &record(Owner::Name(&name), RecordType::A, &[1; 4])).unwrap();
        out.rewind(mark);
        out.record(Section::Answer, &record(Owner::Name(&name), RecordType::A, &[2; 4])).unwrap();
        out.clear();
        out.record(Section::Answer, &record(Owner::Name(&name), RecordType::A, &[3; 4])).unwrap();
    });
    let message = Message::from_vec(&octets).unwrap();
    assert_eq!(message.answers[0].name.to_string(), "host.other.net.");
    assert_eq!(octets.len(), 12 + 17 + 4 + 16 + 14);
}

#[test]
fn what_does_not_fit_leaves_no_trace() {
    let request = query(&wire("www.example.com."), true);
    let whole = |limit: usize| {
        let mut fits = 0;
        let octets = reply(&request, limit, |out| {
            for at in 0..4 {
                let (owner, target) = (format!("o{at}.other.net."), format!("t{at}.third.org."));
                let (owner, target) = (wire(&owner), wire(&target));
                let record = record(Owner::Name(&owner), RecordType::CNAME, &target);
                fits += usize::from(out.record(Section::Answer, &record).is_ok());
            }
        });
        let message = Message::from_vec(&octets).unwrap();
        assert!(octets.len() <= limit && message.edns.is_some());
        assert_eq!(message.answers.len(), fits);
        fits
    };
    let all: BTreeSet<usize> = (44..200).map(whole).collect();
    assert_eq!(all, (0..=4).collect());
}

/// RFC 8914, 3: an extended error goes where there is room, and never past the limit.
#[test]
fn an_extended_error_stays_within_the_limit() {
    let request = query(&wire("www.example.com."), true);
    let query = crate::wire::Query::parse(&request).unwrap();
    let text = "why";
    let plain = 12 + 21 + 11;
    for (limit, length) in
        [(plain, plain), (plain + 8, plain), (plain + 9, plain + 9), (512, plain + 9)]
    {
        let (mut names, mut buffer) = (Names::default(), [0; 512]);
        let (asked, extras) = (query.asked(), Extras::default());
        let out = Reply::new(&asked, &request, &mut buffer, &mut names, limit, &extras).unwrap();
        let error = Some(ExtendedError { code: 0, text });
        let found = out.finish(&asked, Rcode::SERVFAIL, ScopePrefix::GLOBAL, error, &extras);
        assert_eq!(found, length, "{limit}");
    }
}

/// Pointers have 14 bits: what stands further back is written in full, and is right.
#[test]
fn past_16_kib_nothing_is_pointed_to() {
    let request = query(&wire("www.example.com."), false);
    let far = wire("far.away.net.");
    let octets = reply(&request, 65_535, |out| {
        for _ in 0..5 {
            out.record(Section::Answer, &record(Owner::Question, RecordType::NULL, &[0; 4000]))
                .unwrap();
        }
        for _ in 0..2 {
            out.record(Section::Answer, &record(Owner::Name(&far), RecordType::A, &[9; 4]))
                .unwrap();
        }
    });
    let message = Message::from_vec(&octets).unwrap();
    assert!(
        message.answers.iter().skip(5).all(|record| record.name.to_string() == "far.away.net.")
    );
}

/// Few labels, so that names have much in common.
fn some_name() -> impl Strategy<Value = String> {
    let label = prop_oneof![Just("a"), Just("b"), Just("A"), Just("ab"), Just("\\.x"), Just("c")];
    proptest::collection::vec(label, 0..6).prop_map(|labels| {
        let all: String = labels.iter().map(|label| format!("{label}.")).collect();
        if all.is_empty() { ".".to_owned() } else { all }
    })
}

/// What names come to in the order in which they are written, each pointing to the longest of
/// its suffixes that was written before.
fn shortest<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    let mut known = BTreeSet::new();
    let mut sum = 0;
    for name in names {
        let octets = wire(name).to_ascii_lowercase();
        let mut at = 0;
        sum += loop {
            if octets[at] == 0 {
                break at + 1;
            }
            if !known.insert(octets[at..].to_vec()) {
                break at + 2;
            }
            at += usize::from(octets[at]) + 1;
        };
    }
    sum
}

proptest! {
    #[test]
    fn replies_say_what_was_written_as_short_as_can_be(
        asked in some_name(),
        records in proptest::collection::vec((some_name(), some_name(), some_name()), 0..8),
    ) {
        let request = query(&wire(&asked), false);
        let octets = reply(&request, 65_535, |out| {
            for (owner, first, second) in &records {
                let data = [wire(first), wire(second), vec![0; 20]].concat();
                let owner = wire(owner);
                out.record(Section::Answer, &record(Owner::Name(&owner), RecordType::SOA, &data)).unwrap();
            }
        });
        let message = Message::from_vec(&octets).unwrap();
        for (read, (owner, first, second)) in message.answers.iter().zip(&records) {
            let data = read.data.to_string();
            let names: Vec<&str> = data.split(' ').take(2).collect();
            let same = |read: &str, name: &str| {
                let read = if read == "." { read.to_owned() } else { format!("{}.", read.trim_end_matches('.')) };
                wire(&read).eq_ignore_ascii_case(&wire(name))
            };
            prop_assert!(same(&read.name.to_string(), owner));
            prop_assert!(same(names[0], first) && same(names[1], second), "{data}");
        }
        let all = records.iter().flat_map(|(a, b, c)| [a.as_str(), b, c]);
        let names = shortest(std::iter::once(asked.as_str()).chain(all));
        prop_assert_eq!(octets.len(), 12 + names + 4 + records.len() * 30);
    }
}
