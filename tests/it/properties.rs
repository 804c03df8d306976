//! What holds for every message: the responder against random and broken octets, and what the
//! draws come to over many queries.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::LazyLock;

use hickory_server::proto::op::MessageType;
use hickory_server::proto::op::ResponseCode;
use meridian::model::Class;
use meridian::model::RecordType;
use meridian::responder;
use meridian::responder::Transport;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;
use meridian::wire::Query;
use proptest::prelude::*;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::asking::NOWHERE;
use crate::asking::Responder;
use crate::ground;
use crate::ground::Ground;

static USUAL: LazyLock<Snapshot> = LazyLock::new(|| Ground::usual().snapshot());

const NAMES: &[&str] = &[
    "www.test",
    "WwW.tEsT",
    "many.test",
    "sticky.test",
    "split.test",
    "alias.test",
    "closed.test",
    "spare.test",
    "static.test",
    "test",
    "one.test",
    "towww.test",
    "out.test",
    "a.old.test",
    "old.test",
    "x.y.sub.test",
    "a.wild.test",
    "long.test",
    "nobody.test",
    "example.org",
    "version.bind",
    ".",
];

const TYPES: &[RecordType] = &[
    RecordType::A,
    RecordType::AAAA,
    RecordType::ANY,
    RecordType::AXFR,
    RecordType::CNAME,
    RecordType::DNAME,
    RecordType::DS,
    RecordType::HTTPS,
    RecordType::NS,
    RecordType::OPT,
    RecordType::SOA,
    RecordType::TXT,
    RecordType(0),
    RecordType(65_280),
];

/// Queries of every kind, most of them well formed.
fn queries() -> impl Strategy<Value = Ask> {
    let subnet = prop_oneof![
        (0_u8..=32, any::<[u8; 4]>()).prop_map(|(bits, octets)| (1, bits, octets.to_vec())),
        (0_u8..=128, any::<[u8; 16]>()).prop_map(|(bits, octets)| (2, bits, octets.to_vec())),
    ]
    .prop_map(|(family, bits, mut octets): (u8, u8, Vec<u8>)| {
        octets.truncate(usize::from(bits).div_ceil(8));
        if let (Some(last), surplus @ 1..) = (octets.last_mut(), bits.next_multiple_of(8) - bits) {
            *last = *last >> surplus << surplus;
        }
        (8_u16, [&[0, family, bits, 0], &octets[..]].concat())
    });
    let option = prop_oneof![
        4 => subnet,
        1 => Just((3, Vec::new())),
        1 => (9_u16..14, prop::collection::vec(any::<u8>(), 0..20)),
    ];
    let edns = (
        prop_oneof![any::<u16>(), Just(512), Just(1232), Just(4096)],
        prop_oneof![9 => Just(0_u8), 1 => any::<u8>()],
        prop::collection::vec(option, 0..3),
    );
    (
        any::<u16>(),
        prop::sample::select(NAMES),
        prop::sample::select(TYPES),
        prop_oneof![8 => Just(Class::IN), 1 => Just(Class::CH), 1 => any::<u16>().prop_map(Class)],
        prop::option::weighted(0.8, edns),
    )
        .prop_map(|(id, name, qtype, class, edns)| {
            let (payload, version, options) = match edns {
                Some((payload, version, options)) => (Some(payload), version, options),
                None => (None, 0, Vec::new()),
            };
            let mut ask = Ask { id, class, payload, version, ..Ask::new(name, qtype) };
            ask.options = options;
            ask
        })
}

/// A query with a few octets changed, taken away or added.
fn broken_queries() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0_u8..4);
    (queries(), prop::collection::vec(change, 1..6)).prop_map(|(ask, changes)| {
        let mut octets = ask.octets();
        for (at, octet, how) in changes {
            let at = at.index(octets.len());
            match how {
                0 => octets.truncate(at.max(1)),
                1 => octets.insert(at, octet),
                // The flags and counts are what most depends on; they get their share.
                2 => octets[at % 12] = octet,
                _ => octets[at] = octet,
            }
        }
        octets
    })
}

/// What a query over UDP allows, as far as it can be read at all.
fn allowed(octets: &[u8]) -> usize {
    let edns = Query::parse(octets).ok().and_then(|query| query.edns);
    let most = edns.map_or(512, |edns| usize::from(edns.payload).clamp(512, 1232));
    most.min(20 * octets.len())
}

/// Asks over both transports with equal random state, and holds what holds for all.
fn hold(octets: &[u8], peer: IpAddr, seed: u64) -> Result<(), TestCaseError> {
    let mut responder = Responder::new(&USUAL, seed);
    let udp = responder.raw(octets, peer, Transport::Udp).map(<[u8]>::to_vec);
    let mut responder = Responder::new(&USUAL, seed);
    let tcp = responder.raw(octets, peer, Transport::Tcp).map(<[u8]>::to_vec);
    let is_silent = octets.len() < 12 || octets[2] & 0x80 != 0;
    prop_assert_eq!(udp.is_none(), is_silent);
    prop_assert_eq!(tcp.is_none(), is_silent);
    let (Some(udp), Some(tcp)) = (udp, tcp) else { return Ok(()) };
    prop_assert!(udp.len() <= allowed(octets), "{} octets", udp.len());
    for reply in [&udp, &tcp] {
        prop_assert_eq!(&reply[..2], &octets[..2], "the same ID");
        let answer = Answer::read(reply);
        prop_assert_eq!(answer.0.metadata.message_type, MessageType::Response);
    }
    if tcp.len() <= allowed(octets) {
        prop_assert_eq!(&udp, &tcp);
        return Ok(());
    }
    // It did not fit: cut off with TC, or without what was optional.
    let (udp, tcp) = (Answer::read(&udp).0, Answer::read(&tcp).0);
    prop_assert_eq!(udp.metadata.response_code, tcp.metadata.response_code);
    if !udp.metadata.truncation {
        prop_assert_eq!(&udp.answers, &tcp.answers);
        prop_assert_eq!(&udp.authorities, &tcp.authorities);
        prop_assert!(udp.additionals.iter().all(|record| tcp.additionals.contains(record)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn every_query_is_answered_alike_by_udp_and_tcp(ask in queries(), peer: u32, seed: u64) {
        // RFC 7828, 3.2.2: keepalive is for TCP only.
        let mut ask = ask;
        ask.options.retain(|(code, _)| *code != 11);
        hold(&ask.octets(), Ipv4Addr::from(peer).into(), seed)?;
    }

    #[test]
    fn broken_queries_get_a_response_or_silence(octets in broken_queries(), seed: u64) {
        let mentions_keepalive = Query::parse(&octets)
            .is_ok_and(|query| query.edns.is_some_and(|edns| edns.keepalive));
        prop_assume!(!mentions_keepalive);
        hold(&octets, NOWHERE, seed)?;
    }

    #[test]
    fn any_octets_get_a_response_or_silence(
        octets in prop::collection::vec(any::<u8>(), 0..200), seed: u64,
    ) {
        hold(&octets, NOWHERE, seed)?;
    }

    /// RFC 7871, 7.2.1: the option comes back as it went, or the query was malformed.
    #[test]
    fn the_client_subnet_comes_back(ask in queries()) {
        let octets = ask.octets();
        let sent = Query::parse(&octets).ok().and_then(|query| query.edns?.client_subnet);
        let answer = Responder::new(&USUAL, 1).answer(&ask);
        // hickory has no name for version 1 and above.
        prop_assume!(ask.version == 0);
        prop_assert_eq!(sent.is_some(), answer.scope().is_some());
        let positive = answer.rcode() == ResponseCode::NoError && !answer.addresses().is_empty();
        if !positive && answer.0.answers.is_empty() {
            prop_assert!(answer.scope().is_none_or(|scope| scope == 0), "negatives are global");
        }
    }
}

/// Every message is counted once, by how it was answered.
#[test]
fn the_tally_is_a_partition() {
    let mut responder = Responder::new(&USUAL, 1);
    let asks = [
        Ask::new("www.test", RecordType::A).octets(),
        Ask::new("nobody.test", RecordType::A).octets(),
        Ask::new("www.example.org", RecordType::A).octets(),
        b"short".to_vec(),
        vec![0; 12],
        vec![0, 1, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        Ask { version: 3, ..Ask::new("www.test", RecordType::A) }.octets(),
    ];
    for octets in &asks {
        responder.raw(octets, NOWHERE, Transport::Udp);
    }
    use responder::Class as Kind;
    let tally = responder.worker.tally;
    for kind in Kind::ALL {
        let expected = if kind == Kind::ServFail { 0 } else { 1 };
        assert_eq!(tally.of(kind), expected, "{kind:?}");
    }
    assert_eq!(tally.sum(), asks.len() as u64);
}

// ---- Draws -----------------------------------------------------------------

/// How often each address comes first in so many answers.
fn shares(snapshot: &Snapshot, ask: &Ask, n: u32) -> BTreeMap<String, f64> {
    let mut responder = Responder::new(snapshot, 0x5eed);
    let mut counts = BTreeMap::new();
    for _ in 0..n {
        let first = responder.answer(ask).addresses()[0].to_string();
        *counts.entry(first).or_insert(0) += 1;
    }
    counts.into_iter().map(|(address, count)| (address, f64::from(count) / f64::from(n))).collect()
}

fn assert_shares(found: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let wanted: Vec<&str> = expected.iter().map(|(address, _)| *address).collect();
    assert_eq!(names, wanted);
    for (address, share) in expected {
        // Four standard deviations of 4,000 draws are 0.032 at most.
        assert!((found[*address] - share).abs() < 0.032, "{address}: {found:?}");
    }
}

#[test]
fn weights_are_shares_of_the_first_record() {
    let of_pools = Ask::new("split.test", RecordType::A);
    let pools = [("203.0.113.31", 0.75), ("203.0.113.32", 0.25)];
    assert_shares(&shares(&USUAL, &of_pools, 4000), &pools);
    let of_endpoints = Ask::new("many.test", RecordType::A).client(IpAddr::from([20, 1, 1, 1]));
    let endpoints = [("203.0.113.11", 0.125), ("203.0.113.12", 0.25), ("203.0.113.13", 0.625)];
    assert_shares(&shares(&USUAL, &of_endpoints, 4000), &endpoints);
}

/// DESIGN 4: weight 0 is never drawn while another is admitted.
#[test]
fn weight_0_waits_until_nobody_else_is_admitted() {
    let ask = Ask::new("split.test", RecordType::A);
    // Regions us and eu have weights 3 and 1, ap has 0.
    for (down, expected) in [
        (&[0][..], &[("203.0.113.32", 1.0)][..]),
        (&[1], &[("203.0.113.31", 1.0)]),
        (&[2], &[("203.0.113.31", 0.75), ("203.0.113.32", 0.25)]),
        (&[0, 1], &[("203.0.113.33", 1.0)]),
        (&[0, 1, 2], &[("203.0.113.31", 0.75), ("203.0.113.32", 0.25)]),
    ] {
        let snapshot = ground::with_standing(&USUAL, |_, region| match down.contains(&region) {
            true => Admission::Down,
            false => Admission::Admitted,
        });
        assert_shares(&shares(&snapshot, &ask, 4000), expected);
    }
}

/// The same block, the same endpoint, in whatever order the file has them, and on every node.
#[test]
fn sticky_choices_do_not_depend_on_the_order_of_the_file() {
    let pools = [
        ("us", r#"["203.0.113.21", "203.0.113.22", { address = "203.0.113.24", weight = 3 }]"#),
        ("eu", r#"["203.0.113.23", "203.0.113.25"]"#),
        ("ap", r#"[{ address = "203.0.113.26", weight = 2 }]"#),
    ];
    let turned = [
        ("ap", r#"[{ address = "203.0.113.26", weight = 2 }]"#),
        ("us", r#"[{ address = "203.0.113.24", weight = 3 }, "203.0.113.22", "203.0.113.21"]"#),
        ("eu", r#"["203.0.113.25", "203.0.113.23"]"#),
    ];
    let world = |pools: &[(&str, &str)]| {
        let mut text = "[geoip]\ndatabases = [\"geo.mmdb\"]\n[zone.test]\nfile = \"test.zone\"\n\
                        [policy.even]\nrank = [\"equal\"]\n[service.s]\nname = \"s.test\"\n\
                        sticky = true\n"
            .to_owned();
        for (region, endpoints) in pools {
            text += &format!(
                "[region.{region}]\nlocation = {{ lat = 1.0, lon = 1.0 }}\n\
                 [service.s.pool.{region}]\nendpoints = {endpoints}\n"
            );
        }
        Ground::new(&[("meridian.toml", &text), ("test.zone", ground::ZONE)]).snapshot()
    };
    let (one, other) = (world(&pools), world(&turned));
    let mut found = BTreeMap::new();
    for block in 0..400_u32 {
        let net = IpAddr::from(Ipv4Addr::from(20 << 24 | block << 8));
        let ask = Ask::new("s.test", RecordType::A).client(net);
        let choice = Responder::new(&one, 1).answer(&ask).addresses();
        assert_eq!(choice, Responder::new(&other, 2).answer(&ask).addresses(), "{net}");
        // Another client of the block, and the scope says so.
        let beside = IpAddr::from(Ipv4Addr::from(20 << 24 | block << 8 | 77));
        let answer =
            Responder::new(&one, 3).answer(&Ask::new("s.test", RecordType::A).client(beside));
        assert_eq!((answer.addresses(), answer.scope()), (choice.clone(), Some(24)), "{net}");
        *found.entry(choice[0]).or_insert(0) += 1;
    }
    assert_eq!(found.len(), 6, "all endpoints are chosen by somebody: {found:?}");
}
