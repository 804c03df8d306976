//! Walks over small atlases: partition, agreement with lookups, damage.

use std::sync::Arc;

use ipnet::IpNet;
use proptest::prelude::*;

use crate::geo::Database;
use crate::geo::Nets;
use crate::geo::mmdb_writer::MmdbWriter;
use crate::geo::mmdb_writer::Value;
use crate::geo::mmdb_writer::node;
use crate::model::Carrier;

use super::*;

fn country(code: &str) -> Value {
    Value::map([("country_code", Value::text(code))])
}

fn asn(number: u32) -> Value {
    Value::map([("asn", Value::Uint32(number))])
}

fn open(writer: MmdbWriter) -> Arc<Database> {
    Arc::new(Database::from_bytes(writer.write(), "test").unwrap())
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// All that a walk shows, and its loci.
fn collect(atlas: &Atlas) -> Result<(Vec<(Network, Locus)>, Loci), DatabaseError> {
    let mut shown = Vec::new();
    let loci = atlas.walk(&mut |loci: &Loci, network, id| {
        shown.push((network, loci.locus(id)));
    })?;
    Ok((shown, loci))
}

/// Asserts that networks are all of IPv4, then all of IPv6, in order.
fn assert_partition(shown: &[(Network, Locus)]) {
    for family in Family::ALL {
        let mut next = Some(0);
        for (network, _) in shown.iter().filter(|(network, _)| network.family() == family) {
            assert_eq!(Some(network.start()), next, "{network}");
            next = network.end().checked_add(1);
        }
        let past = Network::all(family).end().checked_add(1);
        assert_eq!(next, past, "{family:?}");
    }
    assert!(shown.is_sorted_by_key(|(network, _)| *network));
}

/// Asserts that looking up an address finds what the walk showed for it.
fn assert_located(atlas: &Atlas, loci: &Loci, network: Network, locus: Locus) {
    let located = atlas.locate(network.address()).unwrap();
    match locus {
        Locus::AskResolver => assert!(located.ask_resolver, "{network}"),
        Locus::Carried(carrier) => assert_eq!(located.carrier, Some(carrier), "{network}"),
        Locus::Claimed { place, overlay } | Locus::Known { place, overlay } => {
            assert_eq!(located.network, network);
            assert_eq!(&located.place, loci.place(place), "{network}");
            assert_eq!(located.overlay, loci.overlay(overlay), "{network}");
            assert!(!located.ask_resolver && located.carrier.is_none(), "{network}");
        }
    }
}

#[test]
fn an_atlas_without_sources_shows_the_special_blocks_alone() {
    let atlas = Atlas::new(Vec::new(), Nets::default(), &[], &[]);
    let (shown, loci) = collect(&atlas).unwrap();
    assert_partition(&shown);
    assert_eq!(loci.n_places(), 1);
    let of = |text: &str| {
        let inner = Network::from(net(text));
        shown.iter().find(|(network, _)| network.contains(inner)).map(|(_, locus)| *locus)
    };
    let known = of("8.8.8.8/32");
    assert!(matches!(known, Some(Locus::Known { .. })));
    assert_eq!(of("10.0.0.0/8"), Some(Locus::AskResolver));
    assert_eq!(of("fe80::/10"), Some(Locus::AskResolver));
    assert_eq!(of("2600::/16"), known);
    for carrier in Carrier::ALL {
        assert!(shown.contains(&(carrier.block(), Locus::Carried(carrier))), "{carrier:?}");
    }
}

#[test]
fn a_special_block_is_located_where_somebody_knows_better() {
    let database = open(
        MmdbWriter::new(24, 6).insert("100.64.0.0/11", country("NL")).insert("10.0.0.0/9", asn(1)),
    );
    let mut nets = Nets::default();
    nets.insert(net("192.168.1.0/24"), "office");
    let atlas = Atlas::new(vec![database], nets, &[net("fd00::/8")], &[]);
    let cases = [
        ("100.64.0.1", false),
        ("100.96.0.1", true),
        // Whose it is may be asked for by a rule; else the resolver decides all the same.
        ("10.0.0.1", false),
        ("10.128.0.1", true),
        ("192.168.1.1", false),
        ("192.168.2.1", true),
        ("fd00::1", false),
        ("fc00::1", true),
        ("::1", true),
        ("::ffff:192.168.1.1", false),
        ("2002:c0a8:201::1", true),
    ];
    for (address, ask_resolver) in cases {
        let located = atlas.locate(address.parse().unwrap()).unwrap();
        assert_eq!(located.ask_resolver, ask_resolver, "{address}");
    }
    let (shown, loci) = collect(&atlas).unwrap();
    shown.iter().for_each(|(network, locus)| assert_located(&atlas, &loci, *network, *locus));
}

#[test]
fn the_first_database_that_has_a_part_gives_it_and_one_that_disagrees_gives_no_finer() {
    let place = |code: &str, state: &str| {
        Value::map([
            ("country_code", Value::text(code)),
            ("latitude", Value::Double(1.5)),
            ("longitude", Value::Double(2.5)),
            ("state1", Value::text(state)),
            ("asn", Value::Uint32(64_496)),
        ])
    };
    let countries =
        open(MmdbWriter::new(24, 4).insert("1.0.0.0/8", country("DE")).insert("2.0.0.0/8", asn(7)));
    let cities = open(
        MmdbWriter::new(28, 6)
            .insert("1.0.0.0/9", place("DE", "BE"))
            .insert("1.128.0.0/9", place("FR", "IDF"))
            .insert("2.0.0.0/9", place("FR", "IDF"))
            .insert("2600::/16", place("US", "CA")),
    );
    let atlas = Atlas::new(vec![countries, cities], Nets::default(), &[], &[]);
    let cases = [
        ("1.1.1.1", "DE", Some("DE-BE"), 64_496, true),
        ("1.128.1.1", "DE", None, 64_496, false),
        ("2.1.1.1", "FR", Some("FR-IDF"), 7, true),
        ("2600::1", "US", Some("US-CA"), 64_496, true),
        ("::ffff:2.1.1.1", "FR", Some("FR-IDF"), 7, true),
    ];
    for (address, country, subdivision, asn, exact) in cases {
        let located = atlas.locate(address.parse().unwrap()).unwrap();
        let place = located.place;
        assert_eq!(place.country, country.parse().ok(), "{address}");
        assert_eq!(place.subdivision, subdivision.and_then(|s| s.parse().ok()), "{address}");
        assert_eq!(place.asn.map(|asn| asn.0), Some(asn), "{address}");
        assert_eq!(place.coordinates.map(|at| at.lat() == 1.5), Some(exact), "{address}");
        assert!(place.continent.is_some(), "{address}");
        assert_eq!(located.sources.len(), 2);
    }
}

#[test]
fn equal_places_of_different_records_share_a_locus() {
    let with_note = |note: u32| {
        Value::map([("country_code", Value::text("SE")), ("note", Value::Uint32(note))])
    };
    let database = open(
        MmdbWriter::new(32, 4)
            .insert("1.0.0.0/8", with_note(1))
            .insert("3.0.0.0/8", with_note(2))
            .insert("5.0.0.0/8", country("SE")),
    );
    let atlas = Atlas::new(vec![database], Nets::default(), &[], &[]);
    let (shown, _) = collect(&atlas).unwrap();
    let of = |text: &str| {
        shown.iter().find(|(network, _)| *network == Network::from(net(text))).unwrap().1
    };
    assert_eq!(of("1.0.0.0/8"), of("3.0.0.0/8"));
    assert_eq!(of("1.0.0.0/8"), of("5.0.0.0/8"));
}

#[test]
fn a_damaged_tree_ends_the_walk_with_an_error() {
    let sound = || MmdbWriter::new(32, 4).insert("0.0.0.0/1", country("NL")).write();
    let with_root = |zero: u32, one: u32| {
        let mut file = sound();
        file.splice(0..8, node(32, zero, one));
        file
    };
    // One chain of nodes, each with both sides leading to the next: 2^32 leaves.
    let mut chain = MmdbWriter::new(32, 4).insert("0.0.0.0/32", country("NL")).write();
    for n in 0..31_u32 {
        let at = n as usize * 8;
        chain.splice(at..at + 8, node(32, n + 1, n + 1));
    }
    let cases = [
        ("a cycle", with_root(1, 0), "longer than an address"),
        ("meeting branches", chain, "meet again"),
        ("past the end", with_root(1, 1_000_000), "past the end"),
        ("in the separator", with_root(1, 9), "past the end"),
    ];
    for (name, file, expected) in cases {
        let database = Arc::new(Database::from_bytes(file, "geo.mmdb").unwrap());
        let atlas = Atlas::new(vec![database], Nets::default(), &[], &[]);
        let diagnostic = collect(&atlas).unwrap_err().diagnostic();
        assert_eq!(diagnostic.code.to_string(), "geoip-damaged", "{name}");
        assert!(diagnostic.message.contains(expected), "{name}: {}", diagnostic.message);
    }
}

#[test]
fn a_damaged_record_ends_the_walk_with_an_error() {
    let mut file = MmdbWriter::new(24, 4).insert("0.0.0.0/1", country("NL")).write();
    // After a node of six octets and the separator: a map of one pair.
    let cases: [(&[u8], &str); 4] = [
        (b"\xe1\x20\x00", "leads to another pointer"),
        (b"\xe1\x20\xff", "past its end"),
        (b"\xe1\x00\xff", "unknown type"),
        (b"\xff\xff\xff\xff", "past its end"),
    ];
    for (octets, expected) in cases {
        file.splice(22..22 + octets.len(), octets.iter().copied());
        // A pointer that leads to itself.
        if octets == b"\xe1\x20\x00" {
            file.splice(22..24, *b"\x20\x00");
        }
        let database = Arc::new(Database::from_bytes(file.clone(), "geo.mmdb").unwrap());
        let atlas = Atlas::new(vec![database], Nets::default(), &[], &[]);
        let error = collect(&atlas).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// A prefix of either family, often near others.
fn prefix() -> impl Strategy<Value = IpNet> {
    let v4 = (0_u32..4, any::<u32>(), 1_u8..=32).prop_map(|(high, low, depth)| {
        let address = high << 30 | low & 0x3000_00ff;
        IpNet::new(std::net::Ipv4Addr::from(address).into(), depth).unwrap().trunc()
    });
    let tops = prop::sample::select(vec![0x2001_u128, 0x2002, 0x2600, 0xfd00, 0x0064]);
    let v6 = (tops, any::<u128>(), 1_u8..=128).prop_map(|(top, low, depth)| {
        let address = top << 112 | low & 0x0fff_0000_0000_0000_0000_00ff;
        IpNet::new(std::net::Ipv6Addr::from(address).into(), depth).unwrap().trunc()
    });
    prop_oneof![v4, v6]
}

fn database() -> impl Strategy<Value = MmdbWriter> {
    let record = prop_oneof![
        prop::sample::select(vec!["NL", "DE", "US", "JP"]).prop_map(country),
        (0_u32..5).prop_map(asn),
    ];
    let widths = prop::sample::select(vec![24_u16, 28, 32]);
    let nets = prop::collection::vec((prefix(), record), 0..20);
    (widths, prop::sample::select(vec![4_u16, 6]), any::<bool>(), nets).prop_map(
        |(width, version, aliases, nets)| {
            let fits = |net: &IpNet| version == 6 || matches!(net, IpNet::V4(_));
            let writer = MmdbWriter::new(width, version);
            let writer = nets
                .into_iter()
                .filter(|(net, _)| fits(net))
                .fold(writer, |writer, (net, record)| writer.insert(&net.to_string(), record));
            if aliases && version == 6 { writer.aliases() } else { writer }
        },
    )
}

fn atlas() -> impl Strategy<Value = Atlas> {
    let nets = prop::collection::vec((prefix(), "[a-c]"), 0..6);
    let databases = prop::collection::vec(database(), 0..4);
    let prefixes = prop::collection::vec(prefix(), 0..6);
    (databases, nets, prefixes).prop_map(|(databases, tagged, prefixes)| {
        let mut nets = Nets::default();
        tagged.iter().for_each(|(net, tag)| nets.insert(*net, tag));
        Atlas::new(databases.into_iter().map(open).collect(), nets, &prefixes, &[])
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_walk_partitions_the_space_and_agrees_with_lookups(
        atlas in atlas(), addresses in prop::collection::vec(prefix(), 16)
    ) {
        let (shown, loci) = collect(&atlas).unwrap();
        assert_partition(&shown);
        for (network, locus) in &shown {
            assert_located(&atlas, &loci, *network, *locus);
        }
        for address in addresses {
            let address = Network::from(address.addr());
            let at = shown.iter().find(|(network, _)| network.contains(address));
            let (network, locus) = at.unwrap();
            let located = atlas.locate(address.address()).unwrap();
            match locus {
                Locus::AskResolver => prop_assert!(located.ask_resolver),
                Locus::Carried(carrier) => prop_assert_eq!(located.carrier, Some(*carrier)),
                Locus::Claimed { place, .. } | Locus::Known { place, .. } => {
                    prop_assert_eq!(located.network, *network);
                    prop_assert_eq!(&located.place, loci.place(*place));
                }
            }
        }
    }

    #[test]
    fn no_octets_make_a_walk_panic(
        writer in database(), changes in prop::collection::vec((any::<usize>(), any::<u8>()), 1..8)
    ) {
        let mut file = writer.write();
        for (at, octet) in changes {
            let at = at % file.len();
            file[at] = octet;
        }
        if let Ok(database) = Database::from_bytes(file, "test") {
            let atlas = Atlas::new(vec![Arc::new(database)], Nets::default(), &[], &[]);
            if let Ok((shown, _)) = collect(&atlas) {
                assert_partition(&shown);
            }
        }
    }
}
