//! What is handed over arrives as it was, or not at all.

mod any;

use std::path::PathBuf;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::health::Checks;
use crate::health::handed::tests::any::any_handed;
use crate::model::AllDown;
use crate::model::DnsProbe;
use crate::model::Endpoint;
use crate::model::ExecProbe;
use crate::model::Failback;
use crate::model::GrpcProbe;
use crate::model::Monitors;
use crate::model::Pool;
use crate::model::ProbeAt;
use crate::model::RecordType;
use crate::model::RegionId;
use crate::model::TcpProbe;
use crate::model::TlsOptions;
use crate::model::TlsProbe;
use crate::model::Ttl;
use crate::model::Weight;

fn monitor(name: &str, probe: Probe) -> Monitor {
    Monitor {
        name: name.to_owned(),
        probe,
        at: None,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(3),
        rise: 2,
        fall: 3,
        hold_down: Duration::from_secs(300),
        hold_unable: Duration::from_secs(200),
        voting: Voting::default(),
    }
}

fn get() -> HttpProbe {
    HttpProbe {
        tls: None,
        method: "GET".to_owned(),
        path: "/healthz".to_owned(),
        host: None,
        port: 80,
        headers: Vec::new(),
        expect_status: vec![200..=299],
        expect_body: None,
        expect_json: Vec::new(),
        redirects: 0,
    }
}

fn tls() -> TlsOptions {
    TlsOptions {
        server_name: None,
        verify: true,
        authorities: None,
        identity: None,
        expiry_warning: Duration::ZERO,
    }
}

fn service(n: usize, targets: Vec<Target>, monitors: Vec<MonitorId>) -> Service {
    let endpoint = |target| Endpoint { target, weight: Weight(1), probe: None };
    Service {
        name: format!("s{n}"),
        owners: vec![format!("www{n}.example.com").parse().unwrap()],
        policy: 0,
        ttl: Ttl::from_secs(30).unwrap(),
        ttl_min: Ttl::from_secs(5).unwrap(),
        answers: 1,
        sticky: false,
        all_down: AllDown::FailOpen,
        monitors: Some(Monitors { need: 1, of: monitors }),
        ramp: Duration::ZERO,
        failback: Failback::default(),
        panic: 0,
        pools: vec![Pool {
            region: RegionId(0),
            weight: Weight(100),
            min_healthy: 50,
            endpoints: targets.into_iter().map(endpoint).collect(),
        }],
    }
}

fn address(text: &str) -> Target {
    Target::Address(text.parse().unwrap())
}

/// That nothing is in it that must not be, however it came about.
fn assert_sound(handed: &Handed) {
    for monitor in &handed.monitors {
        assert!(!matches!(monitor.probe, Probe::Exec(_) | Probe::Push), "{monitor:?}");
        let tls = monitor.probe.tls();
        assert!(tls.is_none_or(|tls| tls.authorities.is_none() && tls.identity.is_none()));
        assert_eq!(monitor.sound(), Ok(()), "{monitor:?}");
    }
    let mut keys = HashSet::new();
    for check in &handed.checks {
        let monitor = &handed.monitors[check.monitor.index()];
        assert_eq!(sound_check(check, monitor), Ok(()), "{check:?}");
        assert!(keys.insert(&check.key), "{check:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_handed_over_arrives((all, services) in any_handed()) {
        let (handed, left_out) = Handed::of(&all.monitors, &all.checks, &services);
        prop_assert_eq!(left_out, Vec::<String>::new());
        let keys = |checks: &[Check]| checks.iter().map(|c| c.key.clone()).collect::<Vec<_>>();
        prop_assert_eq!(keys(&handed.checks), keys(&all.checks));
        for (check, before) in handed.checks.iter().zip(&all.checks) {
            let name = |of: &[Monitor], check: &Check| of[check.monitor.index()].name.clone();
            prop_assert_eq!(name(&handed.monitors, check), name(&all.monitors, before));
        }
        assert_sound(&handed);
        prop_assert_eq!(Handed::decode(&handed.encode()), Ok(handed));
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused_or_sound(
        (all, services) in any_handed(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in option::of(any::<prop::sample::Index>()),
    ) {
        let mut octets = Handed::of(&all.monitors, &all.checks, &services).0.encode();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Some(cut) = cut {
            octets.truncate(cut.index(octets.len()));
        }
        if let Ok(read) = Handed::decode(&octets) {
            assert_sound(&read);
        }
    }

    #[test]
    fn rubbish_is_refused_or_sound(mut octets in vec(any::<u8>(), 0..200)) {
        octets.insert(0, crate::health::opinions::FORMAT);
        if let Ok(read) = Handed::decode(&octets) {
            assert_sound(&read);
        }
    }
}

#[test]
fn what_not_every_prober_can_run_stays_where_it_is() {
    let program = ExecProbe { program: PathBuf::from("/bin/true"), arguments: Vec::new() };
    let authorities = Some(PathBuf::from("/etc/own.pem"));
    let own = TlsOptions { authorities, ..tls() };
    let monitors = [
        monitor("disk", Probe::Exec(program)),
        monitor("web", Probe::Http(get())),
        monitor("beat", Probe::Push),
        monitor("own", Probe::Tls(TlsProbe { port: 443, tls: own })),
        monitor("unused", Probe::Icmp),
    ];
    let both = vec![address("192.0.2.1"), address("2001:db8::1")];
    let alias = vec![Target::Host("a.example.net".parse().unwrap())];
    let services = [
        service(0, both, [0, 1, 2, 3].map(MonitorId).to_vec()),
        service(1, alias, vec![MonitorId(1)]),
    ];
    let checks = Checks::new(&[], &services, &monitors);
    let (handed, left_out) = Handed::of(&monitors, &checks.all, &services);
    assert_eq!(
        left_out,
        ["`disk`: it runs a program", "`beat`: nobody probes it", "`own`: it needs files of TLS"]
    );
    let names: Vec<&str> = handed.monitors.iter().map(|monitor| &*monitor.name).collect();
    assert_eq!(names, ["web"]);
    let keys: Vec<&str> = handed.checks.iter().map(|check| check.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "web@192.0.2.1:80 www0.example.com",
            "web@[2001:db8::1]:80 www0.example.com",
            "web@a.example.net:80 www1.example.com"
        ]
    );
    let addresses: Vec<String> = handed.endpoints.addresses.iter().map(IpAddr::to_string).collect();
    assert_eq!(addresses, ["192.0.2.1", "2001:db8::1"]);
    assert_eq!(handed.endpoints.hosts.iter().collect::<Vec<_>>(), ["a.example.net"]);
    assert_eq!(Handed::decode(&handed.encode()), Ok(handed));
}

/// What decoding says of a monitor that somebody wrote who has no manners.
fn refusal(change: impl Fn(&mut Monitor, &mut HttpProbe)) -> String {
    let (mut web, mut http) = (monitor("web", Probe::Icmp), get());
    change(&mut web, &mut http);
    if web.probe == Probe::Icmp {
        web.probe = Probe::Http(http);
    }
    let handed = Handed { monitors: vec![web], ..Handed::default() };
    Handed::decode(&handed.encode()).unwrap_err().to_string()
}

#[test]
fn a_mistake_spoils_the_whole_and_is_said_with_the_monitors_name() {
    let program = || ExecProbe { program: PathBuf::from("/bin/sh"), arguments: Vec::new() };
    let identity = Some((PathBuf::from("/a"), PathBuf::from("/b")));
    let own = TlsOptions { identity, ..tls() };
    let header = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    let none = "it is of no kind that may be handed over";
    for (found, expected) in [
        (refusal(|web, _| web.probe = Probe::Exec(program())), none),
        (refusal(|web, _| web.probe = Probe::Push), none),
        (refusal(|_, http| http.tls = Some(own.clone())), none),
        (refusal(|web, _| web.interval = Duration::ZERO), "its interval can't be 0ns"),
        (refusal(|web, _| web.timeout = Duration::from_secs(11)), "longer than its interval"),
        (refusal(|web, _| web.rise = 0), "its rise can't be 0"),
        (refusal(|web, _| web.fall = 0), "its fall can't be 0"),
        (refusal(|_, http| http.port = 0), "its port can't be 0"),
        (refusal(|_, http| http.redirects = 11), "its redirects can't be 11"),
        (refusal(|_, http| http.method = "GET / HTTP/1.1\r\n".into()), "its method can't be"),
        (refusal(|_, http| http.path = "/ HTTP/1.1\r\nX: y".into()), "its path can't be"),
        (refusal(|_, http| http.host = Some("a\r\nX: y".into())), "its host can't be"),
        (refusal(|_, http| http.headers = header("X-A", "b\r\nX: y")), "its header can't be"),
        (refusal(|_, http| http.headers = header("X: y\r\nA", "b")), "its header can't be"),
        (refusal(|_, http| http.headers = header("Host", "b")), "its header can't be"),
        (refusal(|_, http| http.expect_status = Vec::new()), "its expect-status can't be []"),
        (refusal(|_, http| http.expect_status = vec![1..=600]), "its expect-status can't be"),
        (
            refusal(|_, http| http.expect_body = Some(BodyMatch::Matches("(\u{1b}".into()))),
            "its pattern is no regular expression",
        ),
        (
            refusal(|_, http| http.expect_body = Some(BodyMatch::Matches("(\\w{99}){99}".into()))),
            "its pattern is no regular expression",
        ),
    ] {
        assert!(found.starts_with("it is damaged: monitor `web`: "), "{found}");
        assert!(found.contains(expected) && !found.contains('\u{1b}'), "{found}");
    }
    let unnamed = refusal(|web, _| web.name = "a b\n".to_owned());
    assert_eq!(unnamed, "it is damaged: a monitor's name is none, or is there twice");
}

#[test]
fn there_are_only_so_many_patterns_and_octets() {
    let body = Some(BodyMatch::Matches("ok".to_owned()));
    let probe = Probe::Http(HttpProbe { expect_body: body, ..get() });
    let with = |n: usize| Handed {
        monitors: (0..n).map(|n| monitor(&format!("m{n}"), probe.clone())).collect(),
        ..Handed::default()
    };
    Handed::decode(&with(limits::HANDED_PATTERNS).encode()).unwrap();
    let over = Handed::decode(&with(limits::HANDED_PATTERNS + 1).encode()).unwrap_err();
    assert_eq!(over.to_string(), "it is damaged: monitor `m256`: there are over 256 patterns");
    Handed::decode(&vec![1; limits::SHARED_VALUE + 1]).unwrap_err();
}

#[test]
fn a_check_of_an_endpoint_takes_about_ten_octets() {
    let monitors = [monitor("web", Probe::Http(get())), monitor("ping", Probe::Icmp)];
    let targets = |n: usize| {
        let octet = |at: usize| u8::try_from(n >> at & 0xff).unwrap();
        let v4 = |last| Target::Address(IpAddr::from([203, octet(8), octet(0), last]));
        (1..=10).map(v4).collect()
    };
    let of = [0, 1].map(MonitorId).to_vec();
    let services: Vec<Service> = (0..1000).map(|n| service(n, targets(n), of.clone())).collect();
    let checks = Checks::new(&[], &services, &monitors);
    assert_eq!(checks.all.len(), 20_000);
    let (handed, _) = Handed::of(&monitors, &checks.all, &services);
    let octets = handed.encode();
    let each = octets.len() as f64 / 20_000.0;
    println!("{each} octets a check, endpoints and names included");
    assert!((4.0..12.0).contains(&each), "{each}");
    assert_eq!(Handed::decode(&octets), Ok(handed));
}
