//! Anything that may be handed over, at random.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

fn host_name() -> impl Strategy<Value = String> {
    "[a-z]{1,8}\\.[a-z][a-z0-9]{0,7}\\.example"
}

fn any_host() -> impl Strategy<Value = ProbeHost> {
    prop_oneof![
        (1..224_u8, any::<[u8; 3]>())
            .prop_map(|(a, [b, c, d])| [a, b, c, d])
            .prop_map(|octets| { ProbeHost::Address(IpAddr::from(octets)) }),
        any::<[u8; 14]>().prop_map(|rest| {
            let mut octets = [0x20; 16];
            octets[2..].copy_from_slice(&rest);
            ProbeHost::Address(IpAddr::from(octets))
        }),
        host_name().prop_map(ProbeHost::Name),
    ]
}

fn any_tls() -> impl Strategy<Value = TlsOptions> {
    (option::of(host_name()), any::<bool>(), 0..1000_u64).prop_map(|(server_name, verify, days)| {
        let expiry_warning = Duration::from_secs(days * 24 * 3600);
        TlsOptions { server_name, verify, expiry_warning, ..tls() }
    })
}

fn any_http() -> impl Strategy<Value = HttpProbe> {
    let body = prop_oneof![
        "\\PC{0,20}".prop_map(BodyMatch::Contains),
        Just(BodyMatch::Matches("^(ok|ready)$".to_owned())),
    ];
    let json = prop_oneof![
        any::<i64>().prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        "\\PC{0,9}".prop_map(serde_json::Value::from),
        vec("[a-z]{1,3}", 0..4).prop_map(serde_json::Value::from),
    ];
    let asked = ("GET|HEAD|POST", "/[a-z/?=%0-9]{0,12}", option::of(host_name()), 1..=u16::MAX);
    let expected = (option::of(body), vec(("(/[a-z]{1,4}){0,2}", json), 0..3), 100..=599_u16);
    let headers = vec(("X-[A-Z][a-z]{0,8}", "[ -~]{0,20}"), 0..3);
    (option::of(any_tls()), asked, headers, expected, 0..=limits::REDIRECTS).prop_map(
        |(
            tls,
            (method, path, host, port),
            headers,
            (expect_body, expect_json, last),
            redirects,
        )| {
            let expect_status = vec![100..=last, last..=599];
            let asked = HttpProbe { tls, method, path, host, port, headers, ..get() };
            HttpProbe { expect_status, expect_body, expect_json, redirects, ..asked }
        },
    )
}

fn any_probe() -> impl Strategy<Value = Probe> {
    let port = || 1..=u16::MAX;
    let text = || option::of("\\PC{0,20}");
    prop_oneof![
        any_http().prop_map(Probe::Http),
        Just(Probe::Icmp),
        (port(), text(), text()).prop_map(|(port, send, expect)| Probe::Tcp(TcpProbe {
            port,
            send,
            expect
        })),
        (port(), any_tls()).prop_map(|(port, tls)| Probe::Tls(TlsProbe { port, tls })),
        (port(), "[a-z.]{0,9}", option::of(host_name()), option::of(any_tls())).prop_map(
            |(port, service, host, tls)| Probe::Grpc(GrpcProbe { port, service, host, tls })
        ),
        (port(), host_name(), 1..=20_u16, 0..=limits::RCODE, vec("[0-9.]{1,9}", 0..3)).prop_map(
            |(port, name, rtype, expect_rcode, expect_answer)| {
                let (name, rtype) = (name.parse().unwrap(), RecordType(rtype));
                Probe::Dns(DnsProbe { port, name, rtype, expect_rcode, expect_answer })
            }
        ),
    ]
}

fn any_monitor() -> impl Strategy<Value = Monitor> {
    let times = (100..86_400_000_u64, 0.0..=1.0_f64, 0..86_400_000_u64);
    (any_probe(), times, 1..=100_u8, 1..=100_u8).prop_map(|(probe, times, rise, fall)| {
        let (interval, share, hold_down) = times;
        let interval = Duration::from_millis(interval);
        let timeout = interval.mul_f64(share);
        let [least, most] = limits::PROBE_TIMEOUT;
        let timeout = timeout.clamp(least, most);
        let hold_down = Duration::from_millis(hold_down);
        let hold_unable = hold_down / 2;
        Monitor { interval, timeout, rise, fall, hold_down, hold_unable, ..monitor("", probe) }
    })
}

/// Monitors, and checks of them such as [`Checks`] makes, a part of them at endpoints.
pub(super) fn any_handed() -> impl Strategy<Value = (Handed, Vec<Service>)> {
    let place = (any_host(), option::of(1..=u16::MAX), option::of("/[a-z]{0,4}"));
    let check = (any::<prop::sample::Index>(), place, option::of(host_name()), any::<bool>());
    (vec(any_monitor(), 1..6), vec(check, 0..20)).prop_map(|(mut monitors, places)| {
        for (n, monitor) in monitors.iter_mut().enumerate() {
            monitor.name = format!("m@{n}%");
        }
        let (mut checks, mut targets, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
        for (monitor, (host, port, path), name, is_endpoint) in places {
            let id = monitor.index(monitors.len());
            let (of, id) = (&monitors[id], MonitorId(u16::try_from(id).unwrap()));
            let at = plain(&ProbeAt { host, port, path }, &of.probe);
            let name = name.filter(|_| of.probe.names_service());
            let key = CheckKey::of(&of.name, &at, name.as_deref());
            if is_endpoint {
                targets.push(match &at.host {
                    ProbeHost::Address(address) => Target::Address(*address),
                    ProbeHost::Name(name) => Target::Host(name.parse().unwrap()),
                });
            }
            if keys.insert(key.clone()) {
                checks.push(Check { key, monitor: id, at, name });
            }
        }
        let services = vec![service(0, targets, Vec::new())];
        (Handed { monitors, checks, endpoints: Endpoints::default() }, services)
    })
}
