//! `[monitor.NAME]`: what to probe, how often, with which thresholds.

mod http;
mod never;
mod others;
mod place;
mod tls;
mod votes;

pub(super) use place::Place;
pub(super) use place::any as place;
pub(super) use votes::Votes;
pub(super) use votes::check as check_votes;

use std::time::Duration;

use socket2::Domain;
use socket2::Protocol;
use socket2::Socket;
use socket2::Type;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::units;
use crate::model::Diagnostic;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::TcpProbe;
use crate::model::limits;

/// Held down for so long unless the file says otherwise.
const DEFAULT_HOLD_DOWN: Duration = Duration::from_secs(5 * 60);

/// While nobody can probe, a verdict up is held for so long unless the file says otherwise, and not
/// shorter than failures would take to turn it down.
const DEFAULT_HOLD_UNABLE: Duration = Duration::from_secs(5 * 60);

/// The kinds of probe, as keys of a monitor.
const KINDS: [&str; 9] = ["http", "https", "tcp", "tls", "icmp", "dns", "grpc", "exec", "push"];

/// Reads `[monitor.NAME]`, and where it says what of votes.
pub(super) fn read(mut section: Section<'_>) -> (At<Monitor>, Votes) {
    let name = section.identifier();
    let nothing = Probe::Tcp(TcpProbe { port: 1, send: None, expect: None });
    let found = probe(&mut section);
    let at = section.value("at", "\"10.0.0.1:8080\"");
    // Of a probe that is wrong it is not known which places it can go to.
    let at = at.zip(found.as_ref());
    let at = at.and_then(|(value, probe)| value.parsed(|text| place::of_probe(text, probe)));
    let mut probe = found.unwrap_or(nothing);
    // The path of a URL, its query included, is the path of the probe.
    if let (Some(place), Probe::Http(http)) = (&at, &mut probe)
        && let Some(path) = &place.value.path
    {
        http.path.clone_from(path);
    }
    let interval = duration(&mut section, "interval", "\"10s\"", limits::PROBE_INTERVAL);
    let timeout = duration(&mut section, "timeout", "\"3s\"", limits::PROBE_TIMEOUT);
    let hold_down = duration(&mut section, "hold-down", "\"5m\"", limits::HOLD_DOWN);
    let hold_unable = duration(&mut section, "hold-unable", "\"5m\"", limits::HOLD_UNABLE);
    let mut count = |key, example: &str, default| {
        let value = section.value(key, example);
        let value = value.and_then(|value| value.integer(1..=limits::OUTCOMES_IN_A_ROW));
        value.map_or(default, |at| at.value)
    };
    let (rise, fall) = (count("rise", "2", 2), count("fall", "3", 3));
    let every = interval.as_ref().map_or(Duration::from_secs(10), |at| at.value);
    let votes = Votes::read(&mut section, &probe);
    check_timeout(&section, interval.as_ref(), timeout.as_ref(), every);
    section.close();
    let monitor = Monitor {
        name: name.value,
        probe,
        at: at.map(|at| at.value),
        interval: every,
        timeout: timeout.map_or_else(|| every.min(Duration::from_secs(3)), |at| at.value),
        rise,
        fall,
        hold_down: hold_down.map_or(DEFAULT_HOLD_DOWN, |at| at.value),
        hold_unable: hold_unable.map_or_else(
            || DEFAULT_HOLD_UNABLE.max(every * u32::from(fall)).min(limits::HOLD_UNABLE[1]),
            |at| at.value,
        ),
        voting: votes.voting(),
    };
    (At { value: monitor, span: name.span }, votes)
}

fn check_timeout(
    section: &Section<'_>,
    interval: Option<&At<Duration>>,
    timeout: Option<&At<Duration>>,
    every: Duration,
) {
    let Some(timeout) = timeout.filter(|at| at.value > every) else { return };
    let shown = units::show(every);
    let message = format!(
        "`timeout` of monitor `{}` is longer than its interval: expected at most \"{shown}\", \
         found \"{}\"",
        section.name.value,
        units::show(timeout.value)
    );
    let mut problem = Diagnostic::error(codes::TIMEOUT_OVER_INTERVAL, timeout.span, message)
        .label(timeout.span, "the next probe would start before this one ends")
        .help(format!("write `timeout = \"{shown}\"` or less, or a longer `interval`"));
    if let Some(interval) = interval {
        problem = problem.label(interval.span, "the interval");
    }
    section.reader().report(problem);
}

/// The one table that says what is probed.
fn probe(section: &mut Section<'_>) -> Option<Probe> {
    let found: Vec<(&str, Section<'_>)> =
        KINDS.iter().filter_map(|kind| Some((*kind, section.section(kind)?))).collect();
    let (name, at) = (section.name.value.clone(), section.name.span);
    let problem = match found.len() {
        1 => None,
        0 if KINDS.iter().any(|kind| section.contains(kind)) => None,
        0 => {
            let kinds = suggest::choice(KINDS);
            let message =
                format!("monitor `{name}` probes nothing: expected one of {kinds}, found none");
            Some(
                Diagnostic::error(codes::MONITOR_KIND, at, message)
                    .label(at, "one kind of probe is missing")
                    .help("add `http = { path = \"/healthz\" }`"),
            )
        }
        _ => {
            let message =
                format!("monitor `{name}` has {} kinds of probe, expected one", found.len());
            let mut problem = Diagnostic::error(codes::MONITOR_KIND, at, message);
            for (_, kind) in &found {
                problem = problem.label(kind.name.span, "one kind");
            }
            Some(problem.help("make it two monitors, or remove one kind"))
        }
    };
    if let Some(problem) = problem {
        section.reader().report(problem);
    }
    let read = |(kind, table): (&str, Section<'_>)| match kind {
        "http" => Some(Probe::Http(http::read(table, false))),
        "https" => Some(Probe::Http(http::read(table, true))),
        "tcp" => Some(Probe::Tcp(others::tcp(table))),
        "tls" => Some(Probe::Tls(others::tls(table))),
        "dns" => others::dns(table).map(Probe::Dns),
        "grpc" => Some(Probe::Grpc(others::grpc(table))),
        "exec" => others::exec(table).map(Probe::Exec),
        "icmp" => Some(others::empty(table, Probe::Icmp)),
        _ => Some(others::empty(table, Probe::Push)),
    };
    // All are read, so that every mistake in them is reported.
    found.into_iter().map(read).reduce(|first, _| first).flatten()
}

fn duration(
    section: &mut Section<'_>,
    key: &'static str,
    example: &str,
    bounds: [Duration; 2],
) -> Option<At<Duration>> {
    let value = section.value(key, example)?;
    value.quantity("s", |text| units::within(text, bounds))
}

/// Warns if echo requests are to be sent and this user may not send any.
pub(super) fn not_permitted(monitors: &[At<Monitor>]) -> Option<Diagnostic> {
    let first = monitors.iter().find(|at| matches!(at.value.probe, Probe::Icmp))?;
    let may = |kind| Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4)).is_ok();
    (!may(Type::DGRAM) && !may(Type::RAW)).then(|| icmp_warning(first))
}

/// What is said of a monitor that can't send echo requests.
pub(super) fn icmp_warning(monitor: &At<Monitor>) -> Diagnostic {
    let message = format!(
        "monitor `{}` sends echo requests, which this user may not do here",
        monitor.value.name
    );
    Diagnostic::warning(codes::ICMP_NOT_PERMITTED, monitor.span, message)
        .label(monitor.span, "its probes would say nothing of their targets")
        .help(
            "where it runs, give the process the capability CAP_NET_RAW, or add its group to the \
             range of the sysctl `net.ipv4.ping_group_range`",
        )
}
