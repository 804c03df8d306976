//! Loads that somebody tells: `{"region": "us-east", "load": 812.5}`, one or many.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::meters::fault::quoted;
use crate::model::limits;

/// What became of the loads of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Pushed {
    /// How many were taken.
    pub taken: usize,
    /// The first that were not, at most [`limits::LOAD_REFUSALS`].
    pub refused: Vec<Refused>,
    /// How many were not.
    pub refused_total: usize,
    #[serde(skip)]
    counts: [u64; Refusal::ALL.len()],
}

/// A load that was not taken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Refused {
    /// Which of the request; the first is 1.
    pub item: usize,
    /// Why.
    pub reason: Refusal,
    /// What was found there, perhaps cut off.
    pub found: String,
}

/// Why a load that was told is not taken.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It is greater than any load.
    Absurd,
    /// A field is not there.
    MissingField,
    /// It is less than nothing.
    Negative,
    /// It is no object of JSON.
    NotJson,
    /// The load of the region is found out otherwise, or not at all.
    NotPushed,
    /// There is no such region.
    UnknownRegion,
    /// A field is unknown, or not of its type.
    WrongField,
}

impl Refusal {
    /// All of them, in the order of their counts.
    pub const ALL: [Self; 7] = [
        Self::Absurd,
        Self::MissingField,
        Self::Negative,
        Self::NotJson,
        Self::NotPushed,
        Self::UnknownRegion,
        Self::WrongField,
    ];

    /// The reason in metrics and answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absurd => "absurd",
            Self::MissingField => "missing-field",
            Self::Negative => "negative",
            Self::NotJson => "not-json",
            Self::NotPushed => "not-pushed",
            Self::UnknownRegion => "unknown-region",
            Self::WrongField => "wrong-field",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// There are more loads in a request than there may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected at most {} loads, found {found}", limits::LOAD_ITEMS)]
pub struct TooMany {
    /// How many.
    pub found: usize,
}

/// A load of a region that may not be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) region: String,
    /// A number that can be a load.
    pub(super) load: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    region: Option<String>,
    load: Option<f64>,
}

/// Why one is not taken, and what was found.
pub(super) type Unfit = (Refusal, String);

/// Takes a request apart: one document, or else a document a line.
pub(super) fn items(octets: &[u8]) -> Result<Vec<Result<Item, Unfit>>, TooMany> {
    let bounded = |found: usize| {
        if found > limits::LOAD_ITEMS { Err(TooMany { found }) } else { Ok(()) }
    };
    match serde_json::from_slice::<Value>(octets) {
        Ok(Value::Array(all)) => {
            bounded(all.len())?;
            Ok(all.into_iter().map(item).collect())
        }
        Ok(one) => Ok(vec![item(one)]),
        Err(_) => {
            let lines = octets.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii);
            let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
            bounded(lines.len())?;
            let read = |line: &[u8]| {
                let read = serde_json::from_slice(line);
                read.map_err(|_| (Refusal::NotJson, quoted(line))).and_then(item)
            };
            Ok(lines.into_iter().map(read).collect())
        }
    }
}

fn item(value: Value) -> Result<Item, Unfit> {
    let shown = |text: String| quoted(text.as_bytes());
    if !value.is_object() {
        return Err((Refusal::NotJson, shown(value.to_string())));
    }
    let raw: Raw = serde_json::from_value(value)
        .map_err(|error| (Refusal::WrongField, cut(&error.to_string())))?;
    let missing = |name: &str| (Refusal::MissingField, name.to_owned());
    let region = raw.region.ok_or_else(|| missing("region"))?;
    let load = raw.load.ok_or_else(|| missing("load"))?;
    match load {
        _ if load < 0.0 => Err((Refusal::Negative, load.to_string())),
        _ if load <= limits::LOAD => Ok(Item { region, load }),
        _ => Err((Refusal::Absurd, format!("{load:e}"))),
    }
}

/// As much as is told, in one line.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(limits::LOAD_FOUND).collect::<String>().replace(char::is_control, "\u{fffd}")
}

impl Pushed {
    pub(super) fn refuse(&mut self, item: usize, reason: Refusal, found: String) {
        self.refused_total += 1;
        for (of, count) in Refusal::ALL.iter().zip(&mut self.counts) {
            *count += u64::from(*of == reason);
        }
        if self.refused.len() < limits::LOAD_REFUSALS {
            self.refused.push(Refused { item, reason, found });
        }
    }

    /// How many were refused for each reason, in the order of [`Refusal::ALL`].
    pub(super) fn by_reason(&self) -> [u64; Refusal::ALL.len()] {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Result<(String, f64), Refusal>> {
        let all = items(text.as_bytes()).unwrap().into_iter();
        all.map(|one| one.map(|item| (item.region, item.load)).map_err(|(why, _)| why)).collect()
    }

    fn ok(region: &str, load: f64) -> Result<(String, f64), Refusal> {
        Ok((region.to_owned(), load))
    }

    #[test]
    fn a_request_is_one_or_many() {
        let one = r#"{"region":"us","load":812.5}"#;
        let other = r#"{"load":0,"region":"eu"}"#;
        let both = [ok("us", 812.5), ok("eu", 0.0)];
        assert_eq!(read(one), both[..1]);
        assert_eq!(read("{\n  \"region\": \"us\",\n  \"load\": 812.5\n}\n"), both[..1]);
        assert_eq!(read(&format!("[{one}, {other}]")), both);
        assert_eq!(read(&format!("{one}\n\r\n{other}\r\n")), both);
        assert_eq!(read(""), []);
        assert_eq!(read("[]"), []);
    }

    #[test]
    fn what_is_no_load_is_refused_and_the_rest_taken() {
        for (text, reason) in [
            ("x", Refusal::NotJson),
            ("5", Refusal::NotJson),
            ("[5]", Refusal::NotJson),
            (r#"{"region":"us","load":NaN}"#, Refusal::NotJson),
            (r#"{"region":"us","load":1e999}"#, Refusal::NotJson),
            (r#"{"region":"us","load":1e13}"#, Refusal::Absurd),
            (r#"{"region":"us","load":-0.1}"#, Refusal::Negative),
            (r#"{"region":"us"}"#, Refusal::MissingField),
            (r#"{"load":1}"#, Refusal::MissingField),
            (r#"{"region":"us","load":"1"}"#, Refusal::WrongField),
            (r#"{"region":"us","load":1,"unit":"x"}"#, Refusal::WrongField),
        ] {
            assert_eq!(read(text), [Err(reason)], "{text}");
            let good = r#"{"region":"eu","load":1}"#;
            if !text.starts_with('[') {
                assert_eq!(read(&format!("{text}\n{good}\n")), [Err(reason), ok("eu", 1.0)]);
            }
        }
    }

    #[test]
    fn a_request_has_a_bound() {
        let most = limits::LOAD_ITEMS;
        for (before, one, after) in [("", "{}\n", ""), ("[", "{},", "{}]")] {
            let text = |n: usize| format!("{before}{}{after}", one.repeat(n));
            let fits = most - usize::from(!after.is_empty());
            assert_eq!(items(text(fits).as_bytes()).unwrap().len(), most);
            assert_eq!(items(text(fits + 1).as_bytes()), Err(TooMany { found: most + 1 }));
        }
    }

    #[test]
    fn reasons_have_one_name_each_that_stands_in_the_manual() {
        let manual = include_str!("../manual/load-sources.md");
        assert!(Refusal::ALL.is_sorted());
        for reason in Refusal::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert!(manual.contains(&format!("`{reason}`")), "not in the manual: {reason}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_taken_apart(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            for (_, found) in items(&octets).unwrap().into_iter().filter_map(Result::err) {
                prop_assert!(!found.contains(char::is_control));
            }
        }
    }
}
