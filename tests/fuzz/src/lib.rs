//! What must hold for any octets, one function for each way in.
//!
//! Fuzz targets call these with what the fuzzer makes, `tests/it/corpus.rs` with what is
//! committed in `corpus`. Each returns, or panics because something is wrong.

use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;

use meridian::config;
use meridian::geo::Atlas;
use meridian::geo::Database;
use meridian::geo::Loci;
use meridian::geo::LocusId;
use meridian::geo::Nets;
use meridian::geo::Network;
use meridian::model::Family;
use meridian::model::Name;
use meridian::model::RecordType;
use meridian::model::Severity;
use meridian::model::Sources;
use meridian::responder;
use meridian::responder::Outcome;
use meridian::responder::Transport;
use meridian::responder::View;
use meridian::responder::Worker;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;
use meridian::wire::Query;
use meridian::zone;
use meridian::zone::Zones;

/// A message to the responder, over both transports.
pub fn respond(octets: &[u8]) {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut worker = Worker::new(1);
        let mut view = View { snapshot: snapshot(), worker: &mut worker };
        let mut reply = vec![0; 65_535];
        let peer = IpAddr::from([192, 0, 2, 1]);
        let allowed = match (transport, Query::parse(octets)) {
            (Transport::Tcp, _) => reply.len(),
            (Transport::Udp, Ok(query)) => {
                let most =
                    query.edns.map_or(512, |edns| usize::from(edns.payload).clamp(512, 1232));
                most.min(20 * octets.len())
            }
            // The question and an OPT record of its own, with a name of the server's.
            (Transport::Udp, Err(_)) => octets.len() + 64,
        };
        match responder::respond(octets, peer, transport, &mut view, &mut reply) {
            Outcome::Drop => assert!(octets.len() < 12 || octets[2] & 0x80 != 0),
            Outcome::Send(length) => {
                assert!((12..=allowed).contains(&length), "{length} of {allowed} octets");
                assert_eq!(reply[..2], octets[..2], "the ID");
                assert_ne!(reply[2] & 0x80, 0, "a response");
            }
        }
        assert_eq!(worker.tally.sum(), 1);
    }
}

/// A message to the parser.
pub fn query(octets: &[u8]) {
    let Ok(query) = Query::parse(octets) else { return };
    let name = query.question.name();
    assert!(name.len() <= 255 && name.last() == Some(&0));
    assert!(!name.iter().any(u8::is_ascii_uppercase), "names are in lower case");
    if let Some(subnet) = query.edns.and_then(|edns| edns.client_subnet) {
        // RFC 7871, 6: nothing past the source prefix.
        let bits = subnet.family.map_or(0, Family::bits);
        let free = u32::from(bits - subnet.source.0);
        assert_eq!(subnet.address & 1_u128.checked_shl(free).map_or(u128::MAX, |n| n - 1), 0);
    }
}

/// A master file.
pub fn zone(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let apex: Name = "test".parse().expect("a name");
    let mut sources = Sources::default();
    let (records, problems) = zone::read_text(&text, &apex, &mut sources);
    for problem in &problems {
        for label in &problem.labels {
            let whole = sources.text(label.span.source);
            assert!(whole.get(label.span.start..label.span.end).is_some(), "{problem:?}");
        }
    }
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return;
    }
    let owners: Vec<(Name, RecordType)> =
        records.iter().map(|record| (record.owner.clone(), record.rtype)).collect();
    let zones = Zones::compile(vec![(apex, records)], &[]);
    for (owner, rtype) in owners {
        for qtype in [rtype, RecordType::A, RecordType::ANY] {
            let name = owner.as_wire().to_ascii_lowercase();
            let found = zones.lookup(&name, qtype);
            assert!(!matches!(found, zone::Lookup::Outside | zone::Lookup::NxDomain { .. }));
        }
    }
}

/// A GeoIP database.
pub fn mmdb(octets: &[u8]) {
    let Ok(database) = Database::from_bytes(octets.to_vec(), "fuzz") else { return };
    let atlas = Atlas::new(vec![Arc::new(database)], Nets::default(), &[], &[]);
    for address in [IpAddr::from([20, 0, 0, 1]), IpAddr::from([0x2a00, 0, 0, 0, 0, 0, 0, 1])] {
        // A damaged record is an error, not a panic.
        drop(atlas.locate(address));
    }
    let mut next = [(Family::V4, 0), (Family::V6, 0)];
    let mut partition = |_: &Loci, network: Network, _: LocusId| {
        let (_, expected) = &mut next[network.family().index()];
        assert_eq!(network.start(), *expected, "no gap, no overlap");
        *expected = network.end().wrapping_add(1);
    };
    drop(atlas.walk(&mut partition));
}

/// A configuration file.
pub fn config(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    let loaded = config::load_str(&text, &folder());
    let errors = loaded.diagnostics.iter().any(|p| p.severity == Severity::Error);
    assert_eq!(loaded.config.is_none(), errors, "a configuration, or errors");
    for format in [config::Format::Full, config::Format::Line, config::Format::Json] {
        let drawn = config::render(&loaded.diagnostics, &loaded.sources, format, false);
        assert!(loaded.diagnostics.is_empty() || !drawn.is_empty());
    }
    if let Some(config) = loaded.config {
        // What was checked compiles.
        drop(World::build(config));
    }
}

/// A world with services of every kind.
fn snapshot() -> &'static Snapshot {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    SNAPSHOT.get_or_init(|| {
        let config = config::load(&folder().join("meridian.toml")).config.expect("no mistakes");
        let (world, _) = World::build(config).expect("a sound database");
        let standing = Arc::new(Standing::all_admitted(&world));
        Snapshot { world: Arc::new(world), standing }
    })
}

/// Its files, wherever this is built.
fn folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("world"), here.join("tests/fuzz/world")]
        .into_iter()
        .find(|folder| folder.exists())
        .expect("`world` is beside the corpus")
}
