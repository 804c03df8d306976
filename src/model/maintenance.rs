//! Maintenance: when a region, pool or endpoint is to be without clients.
//!
//! ```text
//!        pre-drain           the work itself
//!    ├───────────────────┼────────────────────────┤
//!  from            it starts                    until
//!    └── active: the targets are in `state` ──────┘
//! ```
//!
//! # Invariants
//!
//! - Time is an argument. Equal moments give equal windows, on every node that has the same
//!   time zones.
//! - A duration is measured as with a stopwatch:
//!   24 hours are 24 hours, also when the time zone changes its offset meanwhile.
//! - A start that a time zone skips is at the end of what it skips; one that it has twice is
//!   at the first.
//!
//! # Start with
//!
//! [`Maintenance::active`].

use std::time::Duration;

use croner::Cron;
use croner::parser::CronParser;
use croner::parser::Seconds;
use croner::parser::Year;
use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::model::AdminState;
use crate::model::AdminTarget;

/// Starts that are compared with each other: a year of days, so that each has met every
/// change of offset.
const COMPARED: usize = 370;

/// A planned time without clients.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Maintenance {
    /// Of what; at least one, all of which the configuration has.
    pub target: Vec<AdminTarget>,
    /// What they are in meanwhile: drained or forced down.
    pub state: AdminState,
    /// Why, in the operator's words.
    pub why: String,
    /// How long before the start clients are kept away, so that caches have let go by then.
    pub pre_drain: Duration,
    /// When.
    pub calendar: Calendar,
}

impl Maintenance {
    /// The window that holds this moment; its pre-drain is part of it.
    pub fn active(&self, now: Timestamp) -> Option<Window> {
        let (starts, until) = self.calendar.holding(now).or_else(|| {
            let (starts, until) = self.calendar.after(now)?;
            (less(starts, self.pre_drain) <= now).then_some((starts, until))
        })?;
        Some(Window { from: less(starts, self.pre_drain), until })
    }

    /// The next moment at which [`Maintenance::active`] may say something else; `None` if it
    /// will be as it is for ever.
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        match self.active(now) {
            Some(window) => Some(window.until),
            None => self.calendar.after(now).map(|(starts, _)| less(starts, self.pre_drain)),
        }
    }
}

/// A time without clients, its pre-drain included: `from <= now < until`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// When clients are kept away first.
    pub from: Timestamp,
    /// When they come back.
    pub until: Timestamp,
}

/// When the work itself is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Calendar {
    /// Again and again.
    Every(Box<Every>),
    /// Once.
    Once {
        /// The start.
        start: Timestamp,
        /// The end, after the start.
        end: Timestamp,
    },
}

impl Calendar {
    /// Start and end of the work that goes on at a moment.
    fn holding(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (starts, until) = match self {
            Self::Every(every) => every.last_start(now).map(|s| (s, more(s, every.duration)))?,
            Self::Once { start, end } => (*start, *end),
        };
        (starts <= now && now < until).then_some((starts, until))
    }

    /// Start and end of the first work that starts after a moment.
    fn after(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Every(every) => every.next_start(now).map(|s| (s, more(s, every.duration))),
            Self::Once { start, end } => (*start > now).then_some((*start, *end)),
        }
    }
}

/// A calendar that repeats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Every {
    cron: Cron,
    zone: TimeZone,
    duration: Duration,
    /// The shortest time from one start to the next.
    period: Duration,
}

/// Why a text is no calendar.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CalendarError {
    /// No day is like that: 31 February.
    #[error("there is no such day")]
    Never,
    /// It isn't cron's notation, in these words.
    #[error("{0}")]
    Notation(String),
}

impl Every {
    /// Reads minute, hour, day of the month, month and day of the week, as cron has them.
    ///
    /// # Errors
    ///
    /// [`CalendarError`] if it can't be read, or never comes.
    pub fn new(text: &str, zone: TimeZone, duration: Duration) -> Result<Self, CalendarError> {
        let parser = CronParser::builder();
        let parser = parser.seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let n_fields = text.split_whitespace().count();
        if n_fields != 5 && !text.trim_start().starts_with('@') {
            return Err(CalendarError::Notation(format!("five fields expected, found {n_fields}")));
        }
        let cron = parser.parse(text).map_err(|error| {
            let text = error.to_string();
            let text = text.split_once(": ").map_or(&*text, |(_, rest)| rest);
            let text = text.trim_end_matches('.').to_lowercase().replace("cronpattern", "it");
            CalendarError::Notation(text)
        })?;
        let every = Self { cron, zone, duration, period: Duration::MAX };
        every.next_start(Timestamp::UNIX_EPOCH).ok_or(CalendarError::Never)?;
        Ok(Self { period: every.shortest_of_year(), ..every })
    }

    /// How long the work takes.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// The shortest time from one start to the next, over a year or more.
    pub fn shortest_period(&self) -> Duration {
        self.period
    }

    fn shortest_of_year(&self) -> Duration {
        // A day that only leap years have comes in the first of these.
        let leap = self.zoned(Timestamp::from_second(1_704_067_200).unwrap_or_default());
        let starts: Vec<Zoned> = self.cron.iter_after(leap).take(COMPARED).collect();
        let gaps = starts.iter().zip(starts.iter().skip(1)).map(|(a, b)| {
            Duration::try_from(b.timestamp().duration_since(a.timestamp())).unwrap_or_default()
        });
        gaps.min().unwrap_or(Duration::MAX)
    }

    /// The last start that is not after a moment.
    fn last_start(&self, now: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&self.zoned(now), true);
        found.ok().map(|zoned| zoned.timestamp())
    }

    /// The first start after a moment.
    fn next_start(&self, now: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&self.zoned(now), false);
        found.ok().map(|zoned| zoned.timestamp())
    }

    /// A moment in the calendar's zone, without the part of a second, which cron has not.
    fn zoned(&self, at: Timestamp) -> Zoned {
        let second = at.as_nanosecond().div_euclid(1_000_000_000);
        let whole = i64::try_from(second).ok().and_then(|s| Timestamp::from_second(s).ok());
        whole.unwrap_or(at).to_zoned(self.zone.clone())
    }
}

fn more(at: Timestamp, duration: Duration) -> Timestamp {
    let signed = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    at.saturating_add(signed).unwrap_or(Timestamp::MAX)
}

fn less(at: Timestamp, duration: Duration) -> Timestamp {
    let signed = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    at.saturating_sub(signed).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn once(pre_drain: Duration) -> Maintenance {
        let calendar =
            Calendar::Once { start: at("2026-12-01T02:00:00Z"), end: at("2026-12-01T04:00:00Z") };
        maintenance(calendar, pre_drain)
    }

    fn every(text: &str, zone: &str, hours: u32, pre_drain: Duration) -> Maintenance {
        let zone = TimeZone::get(zone).unwrap();
        maintenance(
            Calendar::Every(Box::new(Every::new(text, zone, HOUR * hours).unwrap())),
            pre_drain,
        )
    }

    fn maintenance(calendar: Calendar, pre_drain: Duration) -> Maintenance {
        let target = vec![AdminTarget::Region { region: "us".to_owned() }];
        Maintenance { target, state: AdminState::Drained, why: String::new(), pre_drain, calendar }
    }

    /// What holds at a moment, as text: from, until; then when it changes next.
    fn said(maintenance: &Maintenance, now: &str) -> (Option<String>, Option<String>) {
        let window = maintenance.active(at(now)).map(|w| format!("{} {}", w.from, w.until));
        (window, maintenance.next_change(at(now)).map(|t| t.to_string()))
    }

    fn check(maintenance: &Maintenance, cases: &[(&str, Option<&str>, Option<&str>)]) {
        for (now, window, next) in cases {
            let expected = (window.map(str::to_owned), next.map(str::to_owned));
            assert_eq!(said(maintenance, now), expected, "{now}");
        }
    }

    #[test]
    fn once_is_once() {
        let window = Some("2026-12-01T01:00:00Z 2026-12-01T04:00:00Z");
        let (from, until) = (Some("2026-12-01T01:00:00Z"), Some("2026-12-01T04:00:00Z"));
        check(
            &once(HOUR),
            &[
                ("2026-11-01T00:00:00Z", None, from),
                ("2026-12-01T00:59:59.9Z", None, from),
                ("2026-12-01T01:00:00Z", window, until),
                ("2026-12-01T02:00:00Z", window, until),
                ("2026-12-01T03:59:59.999Z", window, until),
                ("2026-12-01T04:00:00Z", None, None),
                ("2027-12-01T02:00:00Z", None, None),
            ],
        );
        check(
            &once(Duration::ZERO),
            &[("2026-12-01T01:59:59Z", None, Some("2026-12-01T02:00:00Z"))],
        );
    }

    #[test]
    fn each_sunday_over_midnight() {
        let nightly = every("0 23 * * SUN", "UTC", 2, HOUR / 2);
        let window = Some("2026-11-29T22:30:00Z 2026-11-30T01:00:00Z");
        check(
            &nightly,
            &[
                ("2026-11-25T00:00:00Z", None, Some("2026-11-29T22:30:00Z")),
                ("2026-11-29T22:30:00Z", window, Some("2026-11-30T01:00:00Z")),
                ("2026-11-29T23:00:00Z", window, Some("2026-11-30T01:00:00Z")),
                ("2026-11-30T00:30:00.5Z", window, Some("2026-11-30T01:00:00Z")),
                ("2026-11-30T01:00:00Z", None, Some("2026-12-06T22:30:00Z")),
            ],
        );
    }

    #[test]
    fn months_end_when_they_end() {
        let last = every("0 2 L * *", "UTC", 1, Duration::ZERO);
        for (now, next) in [
            ("2026-12-05T00:00:00Z", "2026-12-31T02:00:00Z"),
            ("2027-02-05T00:00:00Z", "2027-02-28T02:00:00Z"),
            ("2028-02-05T00:00:00Z", "2028-02-29T02:00:00Z"),
            ("2028-04-05T00:00:00Z", "2028-04-30T02:00:00Z"),
        ] {
            assert_eq!(said(&last, now).1.unwrap(), next);
        }
        let thirty_first = every("0 2 31 * *", "UTC", 1, Duration::ZERO);
        assert_eq!(said(&thirty_first, "2027-01-31T04:00:00Z").1.unwrap(), "2027-03-31T02:00:00Z");
    }

    /// Europe/Berlin goes from 02:00 to 03:00 on 2027-03-28, and back on 2026-10-25.
    #[test]
    fn summer_time_comes_and_goes() {
        let early = every("30 2 * * *", "Europe/Berlin", 2, HOUR);
        check(
            &early,
            &[
                // 02:30 is skipped: it starts at 03:00 summer time, which is 01:00 UTC.
                ("2027-03-27T12:00:00Z", None, Some("2027-03-28T00:00:00Z")),
                (
                    "2027-03-28T02:59:00Z",
                    Some("2027-03-28T00:00:00Z 2027-03-28T03:00:00Z"),
                    Some("2027-03-28T03:00:00Z"),
                ),
                ("2027-03-28T03:00:00Z", None, Some("2027-03-28T23:30:00Z")),
                // 02:30 comes twice: it starts at the first, and once.
                (
                    "2026-10-25T01:45:00Z",
                    Some("2026-10-24T23:30:00Z 2026-10-25T02:30:00Z"),
                    Some("2026-10-25T02:30:00Z"),
                ),
                ("2026-10-25T02:30:00Z", None, Some("2026-10-26T00:30:00Z")),
            ],
        );
        // Two hours are two hours, whatever the clocks on the walls do meanwhile.
        let over = every("30 1 * * *", "Europe/Berlin", 2, Duration::ZERO);
        let (window, _) = said(&over, "2026-10-25T00:00:00Z");
        assert_eq!(window.unwrap(), "2026-10-24T23:30:00Z 2026-10-25T01:30:00Z");
    }

    #[test]
    fn the_shortest_period_knows_the_short_day() {
        let period = |text: &str, zone: &str| {
            Every::new(text, TimeZone::get(zone).unwrap(), HOUR).unwrap().shortest_period()
        };
        assert_eq!(period("0 5 * * *", "UTC"), HOUR * 24);
        assert_eq!(period("0 5 * * *", "Europe/Berlin"), HOUR * 23);
        assert_eq!(period("0 5 * * *", "Australia/Sydney"), HOUR * 23);
        assert_eq!(period("*/15 * * * *", "UTC"), HOUR / 4);
        assert_eq!(period("0 2 * * SUN", "UTC"), HOUR * 24 * 7);
        assert_eq!(period("0 0 1 * *", "UTC"), HOUR * 24 * 28);
        assert!(period("0 0 29 2 *", "UTC") > HOUR * 24 * 1460);
    }

    #[test]
    fn what_is_no_calendar_is_refused() {
        for text in [
            "",
            "0 2 * *",
            "0 2 * * * *",
            "60 2 * * *",
            "0 24 * * *",
            "0 2 32 * *",
            "0 2 * 13 *",
            "x 2 * * *",
            "0 2 * * SNU",
            "*/0 * * * *",
            "5-1 * * * *",
            "@nightly",
        ] {
            let found = Every::new(text, TimeZone::UTC, HOUR);
            assert!(matches!(found, Err(CalendarError::Notation(_))), "{text}: {found:?}");
        }
        let never = Every::new("0 2 31 2 *", TimeZone::UTC, HOUR);
        assert_eq!(never, Err(CalendarError::Never));
        for text in ["0 2 * * sun", "0 2 * * 7", "@weekly", "0 2 1-7 * MON,TUE", "0 2 * * 5#3"] {
            assert!(Every::new(text, TimeZone::UTC, HOUR).is_ok(), "{text}");
        }
    }

    /// A pre-drain that reaches into the window before it leaves no gap, and the end of each
    /// is said.
    #[test]
    fn windows_that_touch_are_one_after_the_other() {
        let hourly = every("0 * * * *", "UTC", 0, HOUR * 2);
        assert!(hourly.active(at("2026-12-01T02:30:00Z")).is_some());
        let daily = every("0 2 * * *", "UTC", 20, HOUR * 10);
        let mut now = at("2026-12-01T00:00:00Z");
        for _ in 0..20 {
            let window = daily.active(now).expect("never without");
            assert!(window.from <= now && now < window.until);
            now = daily.next_change(now).unwrap();
        }
    }
}
