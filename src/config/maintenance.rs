//! `[[maintenance]]`: planned times without clients.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::units;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::Calendar;
use crate::model::CalendarError;
use crate::model::Diagnostic;
use crate::model::Every;
use crate::model::Maintenance;
use crate::model::Span;

/// How long the work may take.
const DURATION: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(31 * 24 * 3600)];

/// How long before it clients may be kept away.
const PRE_DRAIN: [Duration; 2] = [Duration::ZERO, Duration::from_secs(7 * 24 * 3600)];

/// How many of the TTLs it takes for nearly all caches to let go: some keep longer than told.
const TTLS: u32 = 3;

/// The states that keep clients away.
const STATES: [AdminState; 2] = [AdminState::Drained, AdminState::ForcedDown];

/// A maintenance as written.
pub(super) struct Written {
    /// What it is about; empty if that was wrong.
    pub(super) targets: Vec<At<AdminTarget>>,
    calendar: Option<At<Calendar>>,
    pre_drain: Option<At<Duration>>,
    state: AdminState,
    why: String,
    /// Where it begins.
    pub(super) span: Span,
}

/// Reads `[[maintenance]]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let span = section.name.span;
    let targets = section.required("target", "\"us-east\"");
    let targets = targets.and_then(|value| value.list(|item| item.parsed(target)));
    let state = section.value("state", "\"drained\"").and_then(|value| value.parsed(state));
    let why = section.value("why", "\"new kernel\"").and_then(|value| value.text());
    let pre_drain = section.value("pre-drain", "\"10m\"");
    let pre_drain =
        pre_drain.and_then(|value| value.quantity("s", |text| units::within(text, PRE_DRAIN)));
    let calendar = calendar(&mut section);
    section.close();
    Written {
        targets: targets.map(|at| at.value).unwrap_or_default(),
        calendar,
        pre_drain,
        state: state.map_or(AdminState::Drained, |at| at.value),
        why: why.map(|at| at.value).unwrap_or_default(),
        span,
    }
}

/// One of the two ways to say when, and no part of the other.
fn calendar(section: &mut Section<'_>) -> Option<At<Calendar>> {
    let parts = |section: &Section<'_>, keys: &[&'static str]| -> Vec<&'static str> {
        keys.iter().copied().filter(|key| section.contains(key)).collect()
    };
    let once = parts(section, &["start", "end"]);
    let every = parts(section, &["every", "duration", "time-zone"]);
    let start = section.value("start", "\"2030-12-01T02:00:00Z\"");
    let end = section.value("end", "\"2030-12-01T04:00:00Z\"");
    let start = start.map(|value| value.parsed(timestamp));
    let end = end.map(|value| value.parsed(timestamp));
    let text = section.value("every", "\"0 2 * * SUN\"").map(|value| value.text());
    let duration = section.value("duration", "\"2h\"");
    let duration = duration.map(|v| v.quantity("h", |text| units::within(text, DURATION)));
    let zone = section.value("time-zone", "\"Europe/Berlin\"").map(|value| value.parsed(zone));
    match (&*once, &*every) {
        (["start", "end"], []) => Some(of_once(section, start??, end??)),
        ([], ["every", "duration", ..]) => {
            let zone = zone.map_or(Some(TimeZone::UTC), |zone| zone.map(|at| at.value))?;
            of_every(section, &text??, zone, &duration??)
        }
        (once, every) => {
            let at = section.name.span;
            let found: Vec<&str> = once.iter().chain(every).copied().collect();
            let message = format!(
                "a maintenance is from `start` to `end`, or `every` so often for a `duration`: \
                 found {}",
                suggest::list(found)
            );
            section.reader().report(
                Diagnostic::error(codes::MAINTENANCE_CALENDAR, at, message)
                    .label(at, "when is it?")
                    .help(
                        "write `start = \"2030-12-01T02:00:00Z\"` and `end = …`, or \
                         `every = \"0 2 * * SUN\"` and `duration = \"2h\"`",
                    ),
            );
            None
        }
    }
}

fn of_once(section: &Section<'_>, start: At<Timestamp>, end: At<Timestamp>) -> At<Calendar> {
    if end.value <= start.value {
        let message = format!(
            "a maintenance ends before it starts: `end` is {}, `start` is {}",
            end.value, start.value
        );
        section.reader().report(
            Diagnostic::error(codes::MAINTENANCE_ENDS_FIRST, end.span, message)
                .label(end.span, "the end")
                .label(start.span, "the start")
                .help("write an `end` that is later than `start`"),
        );
    }
    At { value: Calendar::Once { start: start.value, end: end.value }, span: end.span }
}

fn of_every(
    section: &Section<'_>,
    text: &At<String>,
    zone: TimeZone,
    duration: &At<Duration>,
) -> Option<At<Calendar>> {
    let every = match Every::new(&text.value, zone, duration.value) {
        Ok(every) => every,
        Err(error) => {
            section.reader().report(no_calendar(text, &error));
            return None;
        }
    };
    let period = every.shortest_period();
    if duration.value >= period {
        let message = format!(
            "a maintenance lasts {}, but may come again after {}",
            units::show(duration.value),
            units::show(period)
        );
        section.reader().report(
            Diagnostic::error(codes::MAINTENANCE_OVERLAPS, duration.span, message)
                .label(duration.span, "how long it lasts")
                .label(text.span, "how often it comes")
                .help("write a shorter `duration`, or let it come less often"),
        );
    }
    Some(At { value: Calendar::Every(Box::new(every)), span: text.span })
}

fn no_calendar(text: &At<String>, error: &CalendarError) -> Diagnostic {
    let message = format!("`every`: expected a time as cron writes it, found {:?}", text.value);
    let (label, help) = match error {
        CalendarError::Never => ("there is no such day", "write a day that exists"),
        CalendarError::Notation(why) => (
            &**why,
            "write minute, hour, day, month and day of the week: \"0 2 * * SUN\" is 02:00 on Sundays",
        ),
    };
    Diagnostic::error(codes::CRON, text.span, message).label(text.span, label).help(help)
}

/// What else is to be said once it is known what the targets are.
pub(super) fn check(
    written: &Written,
    targets: Vec<AdminTarget>,
    longest_ttl: Duration,
    now: Timestamp,
    problems: &mut Vec<Diagnostic>,
) -> Option<Maintenance> {
    let calendar = written.calendar.as_ref()?;
    let pre_drain = written.pre_drain.as_ref().map_or(longest_ttl * TTLS, |at| at.value);
    match &calendar.value {
        Calendar::Every(every) => {
            let period = every.shortest_period();
            let lasts = every.duration();
            if lasts < period && lasts.saturating_add(pre_drain) >= period {
                let at = written.pre_drain.as_ref().map_or(calendar.span, |at| at.span);
                problems.push(no_gap(at, calendar.span, pre_drain, period - lasts));
            }
        }
        Calendar::Once { end, .. } if *end <= now => problems.push(
            Diagnostic::warning(
                codes::MAINTENANCE_PAST,
                calendar.span,
                format!("a maintenance is over since {end}"),
            )
            .label(calendar.span, "in the past")
            .help("remove it, or correct the year"),
        ),
        Calendar::Once { .. } => {}
    }
    Some(Maintenance {
        target: targets,
        state: written.state,
        why: written.why.clone(),
        pre_drain,
        calendar: calendar.value.clone(),
    })
}

fn no_gap(at: Span, every: Span, pre_drain: Duration, gap: Duration) -> Diagnostic {
    let message = format!(
        "a maintenance keeps clients away {} before it starts, but is over only {} before: they \
         may never come back",
        units::show(pre_drain),
        units::show(gap)
    );
    let mut problem = Diagnostic::warning(codes::PRE_DRAIN_OVERLAPS, at, message);
    problem = problem.label(at, "the time before it is longer than the time between");
    if at.start != every.start {
        problem = problem.label(every, "how often it comes");
    }
    problem.help("write a shorter `pre-drain`: left out, it is three times the longest TTL")
}

fn target(text: &str) -> Result<AdminTarget, Fault> {
    text.parse().map_err(|()| {
        let expected = "\"REGION\", \"SERVICE/REGION\" or \"SERVICE/REGION/ENDPOINT\"";
        let fixed: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).take(3).collect();
        let fixed = if fixed.is_empty() { "us-east".to_owned() } else { fixed.join("/") };
        Fault::new(codes::MAINTENANCE_TARGET, expected).help(format!("write \"{fixed}\""))
    })
}

fn state(text: &str) -> Result<AdminState, Fault> {
    STATES.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
        let fault = Fault::new(codes::MAINTENANCE_STATE, "\"drained\" or \"forced-down\"");
        fault.help(suggest::value_help(text, STATES.map(AdminState::as_str)))
    })
}

fn timestamp(text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|_| {
        let expected = "a point in time such as \"2030-12-01T02:00:00Z\"";
        let fault = Fault::new(codes::TIMESTAMP, expected);
        // All there but the offset.
        match text.parse::<DateTime>() {
            Ok(civil) => fault.help(format!("write \"{civil}Z\", or an offset such as `+01:00`")),
            Err(_) => fault.help("write date, `T`, time and offset (RFC 3339)"),
        }
    })
}

fn zone(text: &str) -> Result<TimeZone, Fault> {
    TimeZone::get(text).map_err(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|n| n.to_string()).collect();
        let fault = Fault::new(codes::TIME_ZONE, "the name of a time zone");
        match suggest::nearest(text, names.iter().map(String::as_str)) {
            Some(near) => fault.help(format!("write \"{near}\": did you mean that?")),
            None => fault.help("write a name such as \"UTC\" or \"Europe/Berlin\""),
        }
    })
}
