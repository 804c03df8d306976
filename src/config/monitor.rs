//! `[monitor.NAME]`: what to probe, how often, with which thresholds.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Diagnostic;

/// How often a target may be probed.
const INTERVAL: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(24 * 3600)];

/// How long a probe may take.
const TIMEOUT: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(3600)];

/// The kinds of probe, as keys of a monitor.
const KINDS: [&str; 3] = ["http", "https", "tcp"];

/// What to probe, how often, and how many outcomes make a verdict (DESIGN 7).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Monitor {
    /// The operator's name for it.
    pub name: String,
    /// What one attempt does.
    pub probe: Probe,
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// How long a probe may take; at most `interval`.
    pub timeout: Duration,
    /// Successes in a row that make a target up.
    pub rise: u8,
    /// Failures that make a target down.
    pub fall: u8,
}

/// What one attempt does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Probe {
    /// A request in clear.
    Http(HttpProbe),
    /// A request over TLS.
    Https(HttpProbe),
    /// A connection that is opened and closed.
    Tcp {
        /// Where to.
        port: u16,
    },
}

/// A request and what a good answer to it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpProbe {
    /// Path and query; begins with `/`.
    pub path: String,
    /// The Host header (and SNI); the service's name if absent.
    pub host: Option<String>,
    /// Where to; 80 or 443 unless the file says otherwise.
    pub port: u16,
    /// Statuses that are a success; at least one range.
    pub expect_status: Vec<RangeInclusive<u16>>,
}

/// Reads `[monitor.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> At<Monitor> {
    let name = section.identifier();
    let probe = probe(&mut section).unwrap_or(Probe::Tcp { port: 1 });
    let interval = duration(&mut section, "interval", "\"10s\"", INTERVAL);
    let timeout = duration(&mut section, "timeout", "\"3s\"", TIMEOUT);
    let mut count = |key, example: &str, default| {
        let value = section.value(key, example).and_then(|value| value.integer(1..=100));
        value.map_or(default, |at| at.value)
    };
    let (rise, fall) = (count("rise", "2", 2), count("fall", "3", 3));
    let default_interval = Duration::from_secs(10);
    let every = interval.as_ref().map_or(default_interval, |at| at.value);
    if let Some(timeout) = timeout.as_ref().filter(|at| at.value > every) {
        let shown = units::show(every);
        let message = format!(
            "`timeout` of monitor `{}` is longer than its interval: expected at most \"{shown}\", \
             found \"{}\"",
            name.value,
            units::show(timeout.value)
        );
        let mut problem = Diagnostic::error(codes::TIMEOUT_OVER_INTERVAL, timeout.span, message)
            .label(timeout.span, "the next probe would start before this one ends")
            .help(format!("write `timeout = \"{shown}\"` or less, or a longer `interval`"));
        if let Some(interval) = &interval {
            problem = problem.label(interval.span, "the interval");
        }
        section.reader().report(problem);
    }
    section.close();
    let timeout = timeout.map_or_else(|| every.min(Duration::from_secs(3)), |at| at.value);
    let monitor = Monitor { name: name.value, probe, interval: every, timeout, rise, fall };
    At { value: monitor, span: name.span }
}

/// The one table that says what is probed.
fn probe(section: &mut Section<'_>) -> Option<Probe> {
    let found: Vec<(&str, Section<'_>)> =
        KINDS.iter().filter_map(|kind| Some((*kind, section.section(kind)?))).collect();
    let (name, at) = (section.name.value.clone(), section.name.span);
    let problem = match found.len() {
        1 => None,
        0 if KINDS.iter().any(|kind| section.contains(kind)) => None,
        0 => Some(
            Diagnostic::error(
                codes::MONITOR_KIND,
                at,
                format!("monitor `{name}` probes nothing: expected one of {}, found none", kinds()),
            )
            .label(at, "one kind of probe is missing")
            .help("add `http = { path = \"/healthz\" }`"),
        ),
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
        "http" => Probe::Http(http(table, 80)),
        "https" => Probe::Https(http(table, 443)),
        _ => Probe::Tcp { port: tcp(table) },
    };
    found.into_iter().map(read).reduce(|first, _| first)
}

fn kinds() -> String {
    suggest::choice(KINDS)
}

fn tcp(mut section: Section<'_>) -> u16 {
    let port = section.required("port", "443").and_then(|value| value.integer(1..=u16::MAX));
    section.close();
    port.map_or(1, |at| at.value)
}

fn http(mut section: Section<'_>, default_port: u16) -> HttpProbe {
    let path = section.value("path", "\"/healthz\"").and_then(|value| value.parsed(path));
    let host = section.value("host", "\"www.example.com\"").and_then(|value| value.text());
    let port = section.value("port", "8080").and_then(|value| value.integer(1..=u16::MAX));
    let expect = section.value("expect-status", "[\"200-299\"]");
    let expect_status = expect.and_then(|value| statuses(&value));
    section.close();
    HttpProbe {
        path: path.map_or_else(|| "/".to_owned(), |at| at.value),
        host: host.map(|at| at.value),
        port: port.map_or(default_port, |at| at.value),
        expect_status: expect_status.unwrap_or_else(|| vec![200..=299]),
    }
}

fn path(text: &str) -> Result<String, Fault> {
    if text.starts_with('/') && !text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::MONITOR_PATH, "a path that begins with `/`, without spaces");
    let fixed: String = text.split_whitespace().collect::<Vec<_>>().join("%20");
    let fixed = fixed.split_once("://").map_or(&*fixed, |(_, rest)| {
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
    });
    Err(fault.help(format!("write \"/{}\"", fixed.trim_start_matches('/'))))
}

/// `["200-299", 304]`: ranges as text, single statuses as text or number.
fn statuses(value: &Value<'_>) -> Option<Vec<RangeInclusive<u16>>> {
    let found = value.list(|item| match item.is_integer() {
        true => item.integer(100..=599).map(|at| at.map(|status| status..=status)),
        false => item.parsed(status_range),
    })?;
    Some(found.value.into_iter().map(|at| at.value).collect())
}

fn status_range(text: &str) -> Result<RangeInclusive<u16>, Fault> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if (100..=last).contains(&first) && last <= 599 => Ok(first..=last),
        _ => {
            let expected = "a status or a range of statuses within 100-599, such as \"200-299\"";
            Err(Fault::new(codes::STATUS_RANGE, expected).help("write \"200-299\""))
        }
    }
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

/// Says once that monitors are not run by this version.
pub(super) fn not_run(monitors: &[At<Monitor>]) -> Option<Diagnostic> {
    let first = monitors.first()?;
    let message = "monitors are checked but not run by this version: every service is taken for up";
    Some(
        Diagnostic::warning(codes::MONITOR_NOT_RUN, first.span, message)
            .label(first.span, "checked only")
            .help("watch the endpoints by other means until a version that probes"),
    )
}
