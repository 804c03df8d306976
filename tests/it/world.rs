//! A configuration, zones and a GeoIP database, compiled and asked in process.
//!
//! [`Stage::ask`] asks over UDP and over TCP with equal random state, and asserts what must
//! not differ between the two.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use meridian::config;
use meridian::model::Severity;
use meridian::model::limits;
use meridian::responder::Outcome;
use meridian::responder::Transport;
use meridian::responder::View;
use meridian::responder::Worker;
use meridian::responder::respond;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;
use meridian::steer::Admission;
use meridian::steer::ServiceStanding;

use crate::mmdb_writer::MmdbWriter;
use crate::mmdb_writer::Value;
use crate::wire::Ask;
use crate::wire::KEEPALIVE;
use crate::wire::Reply;
use crate::wire::lines;

/// What a stage is made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// `meridian.toml` without `[geoip]` and `[zone]`.
    pub(crate) toml: String,
    /// Apex and master file.
    pub(crate) zones: Vec<(String, String)>,
    /// Lines `CIDR country` or `CIDR latitude longitude`; `;` begins a comment.
    pub(crate) geography: String,
}

/// A world with its standing, to be asked.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) snapshot: Snapshot,
    regions: Vec<String>,
    states: Vec<Vec<(String, Admission)>>,
    seed: AtomicU64,
}

impl Script {
    /// One zone.
    pub(crate) fn new(toml: &str, apex: &str, zone: &str, geography: &str) -> Self {
        Self {
            toml: toml.to_owned(),
            zones: vec![(apex.to_owned(), zone.to_owned())],
            geography: geography.to_owned(),
        }
    }

    /// Loads and compiles it. Panics with the diagnostics if it can't be used.
    pub(crate) fn build(&self) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let mut text = String::from("[geoip]\ndatabases = [\"geo.mmdb\"]\n");
        for (at, (apex, zone)) in self.zones.iter().enumerate() {
            std::fs::write(folder.path().join(format!("{at}.zone")), zone).unwrap();
            text += &format!("[zone.\"{apex}\"]\nfile = \"{at}.zone\"\n");
        }
        text += &self.toml;
        std::fs::write(folder.path().join("geo.mmdb"), database(&self.geography)).unwrap();
        let loaded = config::load_str(&text, folder.path());
        let problems =
            config::render(&loaded.diagnostics, &loaded.sources, config::Format::Full, false);
        let errors = loaded.diagnostics.iter().any(|d| d.severity == Severity::Error);
        assert!(!errors, "{problems}");
        let config = loaded.config.unwrap();
        let regions: Vec<_> = config.regions.iter().map(|region| region.name.clone()).collect();
        let (world, _) = World::build(config).unwrap();
        let states = world.services().iter().map(|_| Vec::new()).collect();
        let standing = Standing::all_admitted(&world).into();
        let snapshot = Snapshot { world: world.into(), standing };
        Stage { snapshot, regions, states, seed: AtomicU64::new(1) }
    }
}

/// An MMDB file with these networks.
pub(crate) fn database(geography: &str) -> Vec<u8> {
    let lines = geography.lines().map(|line| line.split(';').next().unwrap_or_default().trim());
    let mut writer = MmdbWriter::new(24, 6);
    for line in lines.filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        let record = match words[1..] {
            [country] => {
                Value::map([("country", Value::map([("iso_code", Value::text(country))]))])
            }
            [latitude, longitude] => Value::map([(
                "location",
                Value::map([
                    ("latitude", Value::Double(latitude.parse().unwrap())),
                    ("longitude", Value::Double(longitude.parse().unwrap())),
                ]),
            )]),
            _ => panic!("expected `CIDR country` or `CIDR latitude longitude`: {line}"),
        };
        writer = writer.insert(words[0], record);
    }
    writer.write()
}

/// Where queries come from unless a test says otherwise: nowhere.
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

impl Stage {
    /// Asks over both transports and returns what both say; the one by UDP, and that may not
    /// be truncated.
    pub(crate) fn ask(&self, ask: &Ask) -> Reply {
        self.ask_from(LOOPBACK, ask)
    }

    /// Asks as another resolver.
    pub(crate) fn ask_from(&self, peer: IpAddr, ask: &Ask) -> Reply {
        let query = ask.octets();
        let [udp, tcp] = self.both(peer, &query);
        let [udp, tcp] = [udp, tcp].map(|reply| Reply::read(&reply.expect("answered"), &query));
        assert!(!udp.is_truncated(), "ask by transport where UDP may be truncated");
        assert_same(&udp, &tcp);
        udp
    }

    /// Asks over one transport.
    pub(crate) fn ask_over(&self, transport: Transport, ask: &Ask) -> Reply {
        let query = ask.octets();
        Reply::read(&self.send(transport, LOOPBACK, &query).expect("answered"), &query)
    }

    /// Sends any octets; asserts that both transports agree on whether there is an answer.
    pub(crate) fn raw(&self, query: &[u8]) -> Option<Reply> {
        let [udp, tcp] = self.both(LOOPBACK, query);
        assert_eq!(udp.is_some(), tcp.is_some(), "silence by one transport only");
        let [udp, tcp] = [Reply::read(&udp?, query), Reply::read(&tcp?, query)];
        if !udp.is_truncated() {
            assert_same(&udp, &tcp);
        }
        Some(udp)
    }

    fn both(&self, peer: IpAddr, query: &[u8]) -> [Option<Vec<u8>>; 2] {
        let seed = self.seed.fetch_add(1, Ordering::Relaxed);
        [Transport::Udp, Transport::Tcp].map(|by| self.send_seeded(by, peer, query, seed))
    }

    /// Sends any octets over one transport.
    pub(crate) fn send(&self, by: Transport, peer: IpAddr, query: &[u8]) -> Option<Vec<u8>> {
        self.send_seeded(by, peer, query, self.seed.fetch_add(1, Ordering::Relaxed))
    }

    fn send_seeded(
        &self,
        transport: Transport,
        peer: IpAddr,
        query: &[u8],
        seed: u64,
    ) -> Option<Vec<u8>> {
        let mut worker = Worker::new(seed);
        let mut view = View { snapshot: &self.snapshot, worker: &mut worker };
        let size = match transport {
            Transport::Udp => usize::from(limits::UDP_PAYLOAD),
            Transport::Tcp => limits::MESSAGE,
        };
        let mut reply = vec![0xa5; size];
        match respond(query, peer, transport, &mut view, &mut reply) {
            Outcome::Drop => None,
            Outcome::Send(length) => {
                reply.truncate(length);
                Some(reply)
            }
        }
    }

    /// Sets what one service's pool in a region may take.
    pub(crate) fn set(&mut self, service: &str, region: &str, admission: Admission) {
        let services = self.snapshot.world.services();
        let at = services.iter().position(|known| &*known.name == service).expect("a service");
        assert!(self.regions.iter().any(|known| known == region), "a region: {region}");
        let states = &mut self.states[at];
        states.retain(|(known, _)| known != region);
        states.push((region.to_owned(), admission));
        let standing = services.iter().zip(&self.states).map(|(service, states)| {
            ServiceStanding::new(service, |region| {
                let name = &self.regions[region.index()];
                let state = states.iter().find(|(known, _)| known == name);
                state.map_or(Admission::Admitted, |(_, admission)| *admission)
            })
        });
        self.snapshot.standing = Standing::new(standing).into();
    }
}

/// UDP and TCP say the same, keepalive aside; by UDP optional records may be missing.
fn assert_same(udp: &Reply, tcp: &Reply) {
    assert!(!tcp.is_truncated(), "a stream has room");
    assert_eq!((udp.flags, udp.rcode), (tcp.flags, tcp.rcode));
    assert_eq!(udp.question, tcp.question);
    assert_eq!(udp.answers, tcp.answers);
    assert_eq!(udp.authorities, tcp.authorities);
    let by_stream = lines(&tcp.additionals);
    assert!(lines(&udp.additionals).iter().all(|line| by_stream.contains(line)));
    assert_eq!(udp.option(KEEPALIVE), None, "RFC 7828, 3.3.2: not by UDP");
    let (udp, tcp) = (&udp.opt, &tcp.opt);
    assert_eq!(udp.is_some(), tcp.is_some());
    if let (Some(udp), Some(tcp)) = (udp, tcp) {
        let without: Vec<_> =
            tcp.options.iter().filter(|(code, _)| *code != KEEPALIVE).cloned().collect();
        assert_eq!(udp.options, without);
        assert_eq!((udp.payload, udp.version, udp.flags), (tcp.payload, tcp.version, tcp.flags));
    }
}

// ---- The stage that most tests play on ---------------------------------------------------

/// Static records of every kind that the RFCs speak of.
pub(crate) const ZONE: &str = include_str!("rfc/example.com.zone");

/// Services of every kind over three regions.
pub(crate) const TOML: &str = include_str!("rfc/meridian.toml");

/// 62/8 is British but for a hole; Americans and Japanese have a block of each family.
pub(crate) const GEOGRAPHY: &str = "\
8.0.0.0/8 US
62.0.0.0/8 GB
62.64.0.0/16 US
126.0.0.0/8 JP
2600::/12 US
2a00::/12 GB
2a00:8000::/24 JP
2400::/12 JP
";

/// The stage; compiled once, and everybody has a standing of their own.
pub(crate) fn example() -> Stage {
    static STAGE: LazyLock<Stage> =
        LazyLock::new(|| Script::new(TOML, "example.com", ZONE, GEOGRAPHY).build());
    Stage {
        snapshot: STAGE.snapshot.clone(),
        regions: STAGE.regions.clone(),
        states: STAGE.states.clone(),
        seed: AtomicU64::new(1),
    }
}

/// The zone `test` with these lines, and one region for the services that `toml` may have; it is
/// where clients of 8/8 are, and not those of 62/8.
pub(crate) fn small(toml: &str, lines: &str) -> Stage {
    let zone = format!("$TTL 60\n@ SOA ns h 1 1 1 1 30\n@ NS ns\nns A 192.0.2.1\n{lines}");
    let toml = format!(
        "{toml}[region.us]\nlocation = {{ lat = 39.04, lon = -77.49 }}\n\
         [region.eu]\nlocation = {{ lat = 53.34, lon = -6.27 }}\n\
         [service.s]\nname = \"s.test\"\n[service.s.pool.us]\nendpoints = [\"192.0.2.2\"]\n"
    );
    Script::new(&toml, "test", &zone, GEOGRAPHY).build()
}

/// A child zone served here too, beside [`example`].
pub(crate) fn parent_and_child() -> Stage {
    let child = "$TTL 60\n@ SOA ns.sub.example.com. h.example.com. 7 1 1 1 30\n@ NS ns\nns A 192.0.2.53\nhere A 192.0.2.54\n";
    let mut script = Script::new(TOML, "example.com", ZONE, GEOGRAPHY);
    script.zones.push(("sub.example.com".to_owned(), child.to_owned()));
    script.build()
}
