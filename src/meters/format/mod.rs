//! Formats: from the octets of an answer to the numbers in it. Pure.
//!
//! ```text
//!   octets, as they come ─► Scan ─┬─ line by line: haproxy, prometheus ─┬─► Found
//!                                 └─ as a whole:   json, nginx ─────────┘   or a Flaw
//! ```
//!
//! Nothing is kept of what is not asked for, so that a page of many megaoctets costs one line.

mod haproxy;
mod json;
mod lines;
mod nginx;
mod prometheus;

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::meters::format::haproxy::Table;
use crate::meters::format::lines::Lines;
use crate::meters::format::prometheus::Page;
use crate::model::LoadFormat;
use crate::model::NginxField;
use crate::model::limits;

/// The numbers of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Found {
    /// Series that only grow, each by a number of its own that is the same next time.
    Counters(Vec<(u64, f64)>),
    /// A load as it is.
    Gauge(f64),
}

/// An answer that is being read.
pub(super) struct Scan<'f> {
    octets: usize,
    form: Form<'f>,
}

enum Form<'f> {
    HaProxy(Lines, Table<'f>),
    Json(Vec<u8>, &'f str, bool),
    Nginx(Vec<u8>, NginxField),
    Prometheus(Lines, Page<'f>),
}

impl<'f> Scan<'f> {
    /// Begins.
    pub(super) fn new(format: &'f LoadFormat) -> Self {
        let form = match format {
            LoadFormat::HaProxy { proxy, server, field } => {
                Form::HaProxy(Lines::default(), Table::new(proxy, server, *field))
            }
            LoadFormat::Json { pointer, rate } => Form::Json(Vec::new(), pointer, *rate),
            LoadFormat::NginxStatus(field) => Form::Nginx(Vec::new(), *field),
            LoadFormat::Prometheus { metric, labels, rate } => {
                Form::Prometheus(Lines::default(), Page::new(metric, labels, *rate))
            }
        };
        Self { octets: 0, form }
    }

    /// Takes the next octets, wherever they are cut.
    pub(super) fn take(&mut self, octets: &[u8]) -> Result<(), Flaw> {
        self.octets = self.octets.saturating_add(octets.len());
        let most = limits::LOAD_BODY;
        if self.octets > most {
            return Err(too_long("an answer", most));
        }
        match &mut self.form {
            Form::HaProxy(lines, table) => lines.take(octets, |at, line| table.line(at, line)),
            Form::Prometheus(lines, page) => lines.take(octets, |at, line| page.line(at, line)),
            Form::Json(kept, ..) | Form::Nginx(kept, _) => {
                kept.extend_from_slice(octets);
                let most = limits::LOAD_DOCUMENT;
                if kept.len() > most { Err(too_long("a document", most)) } else { Ok(()) }
            }
        }
    }

    /// The numbers, once all is there.
    pub(super) fn end(self) -> Result<Found, Flaw> {
        match self.form {
            Form::HaProxy(lines, mut table) => {
                lines.end(|at, line| table.line(at, line))?;
                table.end()
            }
            Form::Json(kept, pointer, rate) => found(json::read(&kept, pointer)?, rate),
            Form::Nginx(kept, field) => found(nginx::read(&kept, field)?, field.is_counter()),
            Form::Prometheus(lines, mut page) => {
                lines.end(|at, line| page.line(at, line))?;
                page.end()
            }
        }
    }
}

fn too_long(what: &str, most: usize) -> Flaw {
    Flaw::new(Reason::TooLong, format!("expected {what} of at most {most} octets, found more"))
}

/// One number.
fn found(value: f64, is_counter: bool) -> Result<Found, Flaw> {
    if is_counter {
        return number(value).map(|value| Found::Counters(vec![(0, value)]));
    }
    load(value).map(Found::Gauge)
}

/// A number as counters have it.
fn number(value: f64) -> Result<f64, Flaw> {
    let fits = value.is_finite() && value >= 0.0;
    let flaw = || Flaw::new(Reason::Number, format!("expected 0 or more, found {value}"));
    fits.then_some(value).ok_or_else(flaw)
}

/// A number that can be a load.
pub(super) fn load(value: f64) -> Result<f64, Flaw> {
    let most = limits::LOAD;
    let flaw = || Flaw::new(Reason::Number, format!("expected 0 to {most:e}, found {value}"));
    (0.0..=most).contains(&value).then_some(value).ok_or_else(flaw)
}

/// Reads a number that stands for itself.
fn parsed(text: &str) -> Result<f64, Flaw> {
    let flaw = || Flaw::format("a number", text.as_bytes());
    text.trim().parse().map_err(|_| Flaw { reason: Reason::Number, ..flaw() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::HaProxyField;

    fn formats() -> Vec<LoadFormat> {
        vec![
            LoadFormat::HaProxy {
                proxy: "www".into(),
                server: "FRONTEND".into(),
                field: HaProxyField::Requests,
            },
            LoadFormat::Json { pointer: "/a/0".into(), rate: false },
            LoadFormat::NginxStatus(NginxField::Writing),
            LoadFormat::Prometheus {
                metric: "m".into(),
                labels: vec![("a".into(), "b".into())],
                rate: None,
            },
        ]
    }

    fn read(format: &LoadFormat, parts: &[&[u8]]) -> Result<Found, Flaw> {
        let mut scan = Scan::new(format);
        for part in parts {
            scan.take(part)?;
        }
        scan.end()
    }

    /// Something near enough to each format that its deeper parts are reached.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            Just("# pxname,svname,req_tot,\nwww,FRONTEND,".to_owned()),
            Just("\nwww,FRONTEND,".to_owned()),
            Just("{\"a\":[".to_owned()),
            Just("]}".to_owned()),
            Just("\nm{a=\"b\"} ".to_owned()),
            Just("# TYPE m counter\n".to_owned()),
            Just("Active connections: 1\nserver accepts handled requests\n 1 2 3\n".to_owned()),
            Just("Reading: 1 Writing: ".to_owned()),
            Just("\n".to_owned()),
            "[0-9.e+-]{0,6}",
            "[ -~\\n\\r\u{e9}]{0,6}",
        ];
        let octets = prop::collection::vec(any::<u8>(), 0..40);
        prop_oneof![
            prop::collection::vec(word, 0..20).prop_map(|words| words.concat().into_bytes()),
            octets,
        ]
    }

    proptest! {
        #[test]
        fn any_octets_are_a_load_or_a_flaw_wherever_they_are_cut(
            octets in text(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
            cuts.extend([0, octets.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|ends| &octets[ends[0]..ends[1]]).collect();
            for format in formats() {
                let whole = read(&format, &[&octets]);
                prop_assert_eq!(&whole, &read(&format, &parts));
                match whole {
                    Ok(Found::Gauge(value)) => prop_assert!(load(value).is_ok()),
                    Ok(Found::Counters(all)) => {
                        prop_assert!(all.iter().all(|(_, value)| number(*value).is_ok()));
                    }
                    Err(flaw) => prop_assert!(!flaw.found.contains(char::is_control)),
                }
            }
        }
    }

    #[test]
    fn what_does_not_end_is_cut_off() {
        let zeros = vec![b'0'; limits::LOAD_LINE];
        for format in formats() {
            let mut scan = Scan::new(&format);
            let mut taken = 0;
            let flaw = loop {
                if let Err(flaw) = scan.take(&zeros) {
                    break flaw;
                }
                taken += zeros.len();
                assert!(taken <= limits::LOAD_DOCUMENT, "{format:?}");
            };
            assert_eq!(flaw.reason, Reason::TooLong, "{format:?}");
        }
        // Lines without end too.
        let page = LoadFormat::Prometheus { metric: "m".into(), labels: vec![], rate: None };
        let mut scan = Scan::new(&page);
        let line = "x 1\n".repeat(64 * 1024);
        let taken = (0..1000).take_while(|_| scan.take(line.as_bytes()).is_ok()).count();
        assert_eq!(taken, limits::LOAD_BODY / line.len());
    }
}
