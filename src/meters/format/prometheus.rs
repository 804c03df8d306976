//! The text of Prometheus, 0.0.4, and OpenMetrics, 1.0: a line per series.
//!
//! ```text
//!   # TYPE haproxy_frontend_http_requests_total counter
//!   haproxy_frontend_http_requests_total{proxy="www"} 2051 1395066363000
//! ```
//!
//! Lines of other metrics are looked at only so far that another format is noticed; exemplars
//! and times of the series are passed over.

use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::meters::fault::listed;
use crate::meters::format::Found;
use crate::meters::format::load;
use crate::meters::format::number;
use crate::meters::format::parsed;
use crate::model::limits;

/// Names that are told where one was not found.
const TOLD: usize = 4;

/// What the names of series that only grow end with.
const COUNTERS: [&str; 4] = ["_total", "_count", "_sum", "_bucket"];

/// The series, of which some are wanted.
pub(super) struct Page<'f> {
    metric: &'f str,
    labels: &'f [(String, String)],
    /// What the file says, then what the page says.
    rate: Option<bool>,
    kind: Option<bool>,
    /// The series that are wanted.
    series: Vec<(u64, f64)>,
    count: usize,
    /// Labels of the metric that are not those that are wanted, and names near the metric's.
    others: Vec<String>,
    near: Vec<(usize, String)>,
    has_ended: bool,
}

impl<'f> Page<'f> {
    pub(super) fn new(metric: &'f str, labels: &'f [(String, String)], rate: Option<bool>) -> Self {
        let (series, others, near) = (Vec::new(), Vec::new(), Vec::new());
        let has_ended = false;
        Self { metric, labels, rate, kind: None, series, count: 0, others, near, has_ended }
    }

    pub(super) fn line(&mut self, at: usize, line: &[u8]) -> Result<(), Flaw> {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_ascii();
        if text.is_empty() || self.has_ended {
            return Ok(());
        }
        if let Some(comment) = text.strip_prefix('#') {
            self.comment(comment.trim_ascii_start());
            return Ok(());
        }
        let flaw = || Flaw::format(&format!("a series in line {at}"), line);
        let end = text.find(|c: char| !is_of_name(c)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let is_series = match name.as_bytes().first() {
            Some(first) => !first.is_ascii_digit() && rest.starts_with([' ', '\t', '{']),
            // Names of other characters than these stand inside of the braces.
            None => rest.starts_with('{') && rest.rsplit('}').next().is_some_and(is_value),
        };
        if !is_series {
            return Err(flaw());
        }
        self.count += 1;
        if name != self.metric {
            self.meet(name);
            return Ok(());
        }
        let (labels, rest) = labels(rest).ok_or_else(flaw)?;
        if !self.labels.iter().all(|(name, wanted)| value_of(&labels, name) == wanted) {
            if self.others.len() < TOLD {
                self.others.push(shown(&labels));
            }
            return Ok(());
        }
        let value = parsed(rest.split_ascii_whitespace().next().ok_or_else(flaw)?)?;
        if self.series.len() >= limits::LOAD_SERIES {
            let most = limits::LOAD_SERIES;
            let found = format!("expected at most {most} series of `{name}`, found more");
            return Err(Flaw::new(Reason::TooLong, found));
        }
        self.series.push((key(&labels), value));
        Ok(())
    }

    pub(super) fn end(self) -> Result<Found, Flaw> {
        if self.series.is_empty() {
            return Err(self.missing());
        }
        let by_name = || COUNTERS.iter().any(|suffix| self.metric.ends_with(suffix));
        if self.rate.or(self.kind).unwrap_or_else(by_name) {
            let all = self.series.into_iter().map(|(key, value)| Ok((key, number(value)?)));
            return all.collect::<Result<_, _>>().map(Found::Counters);
        }
        // One that is not finite makes the sum so, or one that is no number.
        load(self.series.iter().map(|(_, value)| value).sum()).map(Found::Gauge)
    }

    /// `TYPE name counter`, `EOF`.
    fn comment(&mut self, comment: &str) {
        let mut words = comment.split_ascii_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("EOF"), None, None) => self.has_ended = true,
            (Some("TYPE"), Some(name), Some(kind)) => {
                let of_metric = self.metric.strip_prefix(name);
                let grows = match (of_metric, kind) {
                    (Some("" | "_total"), "counter") => Some(true),
                    (Some("_bucket" | "_count" | "_sum"), "histogram" | "summary") => Some(true),
                    (Some(""), "gauge") => Some(false),
                    _ => None,
                };
                self.kind = grows.or(self.kind);
            }
            _ => {}
        }
    }

    /// Remembers the names that have most in common with the metric's.
    fn meet(&mut self, name: &str) {
        let pairs = name.bytes().zip(self.metric.bytes());
        let common = pairs.take_while(|(a, b)| a == b).count();
        let least = self.near.last().map_or(0, |(common, _)| *common);
        let is_full = self.near.len() >= TOLD;
        if common == 0 || is_full && common <= least || self.near.iter().any(|(_, n)| n == name) {
            return;
        }
        let at = self.near.partition_point(|(other, _)| *other >= common);
        self.near.insert(at, (common, name.to_owned()));
        self.near.truncate(TOLD);
    }

    fn missing(&self) -> Flaw {
        let (metric, count) = (self.metric, self.count);
        let wanted = shown(self.labels);
        let found = if self.others.is_empty() {
            let near = listed(self.near.iter().map(|(_, name)| name.as_str()));
            format!("no series of `{metric}` among {count}; names near it are {near}")
        } else {
            let others = listed(self.others.iter().map(String::as_str));
            format!("no series of `{metric}` with `{wanted}`; it has {others}")
        };
        Flaw::new(Reason::Missing, found)
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

/// Whether what comes after the labels begins with a number.
fn is_value(text: &str) -> bool {
    text.split_ascii_whitespace().next().is_some_and(|word| parsed(word).is_ok())
}

/// Reads `{name="value",…}`, if it is there; returns the labels and what comes after.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let Some(mut rest) = text.trim_ascii_start().strip_prefix('{') else {
        return Some((labels, text));
    };
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_ascii();
        if name.is_empty() || !name.chars().all(is_of_name) {
            return None;
        }
        let (value, after) = value(after.trim_ascii_start().strip_prefix('"')?)?;
        labels.push((name.to_owned(), value));
        let after = after.trim_ascii_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after,
            None if after.starts_with('}') => after,
            None => return None,
        };
    }
}

/// Reads a value up to its closing quote.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, text.get(at + 1..)?)),
            (_, '\\') => match characters.next()?.1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                c => value.extend(['\\', c]),
            },
            (_, c) => value.push(c),
        }
    }
}

/// The value of a label; one that is not there is empty.
fn value_of<'l>(labels: &'l [(String, String)], name: &str) -> &'l str {
    labels.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
}

fn shown(labels: &[(String, String)]) -> String {
    let all: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", all.join(","))
}

/// The number of a series, whatever the order of its labels.
fn key(labels: &[(String, String)]) -> u64 {
    let hash = |label: &(String, String)| {
        let mut hasher = DefaultHasher::new();
        label.hash(&mut hasher);
        hasher.finish()
    };
    labels.iter().map(hash).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::format::Scan;
    use crate::model::LoadFormat;

    const PAGE: &str = "\
# HELP req_total Requests.
# TYPE req_total counter
req_total{proxy=\"www\",code=\"2xx\"} 100 1395066363000
req_total{proxy=\"www\",code=\"5xx\",} 7
req_total{code=\"2xx\",proxy=\"api\"} 50
# TYPE sessions gauge
sessions{proxy=\"www\"} 12
sessions { proxy = \"a\\\"\\\\b\\n\" } 3.5e0 # {id=\"1\"} 1
# TYPE took histogram
took_bucket{le=\"0.1\"} 3
took_count 5
# TYPE created counter
created_total 9
unknown 4
load_sum 6
bad NaN
worse -1
{\"quoted.name\",a=\"b\"} 1
";

    fn read(page: &str, metric: &str, labels: &[(&str, &str)]) -> Result<Found, Flaw> {
        rated(page, metric, labels, None)
    }

    fn rated(
        page: &str,
        metric: &str,
        labels: &[(&str, &str)],
        rate: Option<bool>,
    ) -> Result<Found, Flaw> {
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let format = LoadFormat::Prometheus { metric: metric.into(), labels, rate };
        let mut scan = Scan::new(&format);
        scan.take(page.as_bytes())?;
        scan.end()
    }

    fn values(found: Result<Found, Flaw>) -> Vec<f64> {
        match found.unwrap() {
            Found::Counters(all) => all.into_iter().map(|(_, value)| value).collect(),
            Found::Gauge(value) => panic!("{value}"),
        }
    }

    #[test]
    fn series_that_fit_are_added_up() {
        for (metric, labels, expected) in [
            ("sessions", &[("proxy", "www")][..], 12.0),
            ("sessions", &[("proxy", "a\"\\b\n")], 3.5),
            ("sessions", &[], 15.5),
            ("sessions", &[("proxy", "www"), ("zone", "")], 12.0),
            ("unknown", &[], 4.0),
        ] {
            assert_eq!(read(PAGE, metric, labels), Ok(Found::Gauge(expected)), "{metric}");
        }
        assert_eq!(values(read(PAGE, "req_total", &[])), [100.0, 7.0, 50.0]);
        assert_eq!(values(read(PAGE, "req_total", &[("proxy", "www")])), [100.0, 7.0]);
        assert_eq!(values(read(PAGE, "req_total", &[("code", "2xx")])), [100.0, 50.0]);
    }

    #[test]
    fn what_grows_is_known_by_its_type_else_by_its_name() {
        for metric in ["took_count", "took_bucket", "created_total", "load_sum"] {
            assert_eq!(values(read(PAGE, metric, &[])).len(), 1, "{metric}");
        }
        let is_gauge = |found: Result<Found, Flaw>| matches!(found, Ok(Found::Gauge(_)));
        let gauge = PAGE.replace("# TYPE req_total counter", "# TYPE req_total gauge");
        assert!(is_gauge(read(&gauge, "req_total", &[])));
        assert!(is_gauge(rated(PAGE, "req_total", &[], Some(false))));
        assert_eq!(values(rated(PAGE, "sessions", &[], Some(true))), [12.0, 3.5]);
    }

    #[test]
    fn a_series_is_the_same_whatever_the_order_of_its_labels() {
        let keys = |page: &str| match read(page, "req_total", &[]).unwrap() {
            Found::Counters(all) => all.into_iter().map(|(key, _)| key).collect::<Vec<_>>(),
            Found::Gauge(value) => panic!("{value}"),
        };
        let turned = PAGE.replace("code=\"2xx\",proxy=\"api\"", "proxy=\"api\",code=\"2xx\"");
        assert_eq!(keys(PAGE), keys(&turned));
        let all: std::collections::BTreeSet<u64> = keys(PAGE).into_iter().collect();
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        for (page, metric, labels, reason, found) in [
            (
                PAGE,
                "sessions",
                &[("proxy", "api")][..],
                Reason::Missing,
                "no series of `sessions` with `{proxy=\"api\"}`; it has `{proxy=\"www\"}`, \
                 `{proxy=\"a\\\"\\\\b\\n\"}`",
            ),
            (
                PAGE,
                "session",
                &[],
                Reason::Missing,
                "no series of `session` among 13; names near it are `sessions`",
            ),
            (PAGE, "bad", &[], Reason::Number, "expected 0 to 1e12, found NaN"),
            (PAGE, "worse", &[], Reason::Number, "expected 0 to 1e12, found -1"),
            (
                "<html>\n",
                "up",
                &[],
                Reason::Format,
                "expected a series in line 1, found \"<html>\"",
            ),
            ("a,b\n", "up", &[], Reason::Format, "expected a series in line 1, found \"a,b\""),
            (
                "# TYPE up gauge\nup{a=\"b} 1\n",
                "up",
                &[],
                Reason::Format,
                "expected a series in line 2, found \"up{a=\\\"b} 1\"",
            ),
            ("up\n", "up", &[], Reason::Format, "expected a series in line 1, found \"up\""),
            ("up x\n", "up", &[], Reason::Number, "expected a number, found \"x\""),
            ("", "up", &[], Reason::Missing, "no series of `up` among 0; names near it are none"),
        ] {
            let flaw = read(page, metric, labels).unwrap_err();
            assert_eq!((flaw.reason, &*flaw.found), (reason, found));
        }
        // What comes after the end is of nobody.
        assert!(read("a 1\n# EOF\nup 1\n", "up", &[]).is_err());
    }

    #[test]
    fn series_have_a_bound() {
        let page = |n: usize| (0..n).map(|n| format!("x{{a=\"{n}\"}} 1\n")).collect::<String>();
        let most = limits::LOAD_SERIES;
        assert_eq!(values(rated(&page(most), "x", &[], Some(true))).len(), most);
        let flaw = rated(&page(most + 1), "x", &[], Some(true)).unwrap_err();
        assert_eq!(flaw.reason, Reason::TooLong);
    }
}
