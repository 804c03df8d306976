//! A number in a JSON document.

use serde_json::Value;

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::meters::fault::listed;
use crate::meters::fault::quoted;

/// Keys that are told where one was not found.
const TOLD: usize = 8;

/// Reads the number at a JSON pointer.
pub(super) fn read(octets: &[u8], pointer: &str) -> Result<f64, Flaw> {
    let document: Value = serde_json::from_slice(octets).map_err(|error| {
        let found = format!("expected JSON, found {}: {error}", quoted(octets));
        Flaw::new(Reason::Format, found)
    })?;
    let value = document.pointer(pointer).ok_or_else(|| missing(&document, pointer))?;
    let other = || {
        let found = format!("expected a number at `{pointer}`, found {}", kind(value));
        Flaw::new(Reason::Number, found)
    };
    value.as_f64().ok_or_else(other)
}

/// How far the pointer goes, and what is there instead.
fn missing(document: &Value, pointer: &str) -> Flaw {
    let ends = pointer.match_indices('/').map(|(at, _)| at).skip(1);
    let parents = std::iter::once(0).chain(ends).filter_map(|end| pointer.get(..end));
    let there = parents.map_while(|parent| Some((parent, document.pointer(parent)?))).last();
    let (place, value) = there.unwrap_or(("", document));
    let place = if place.is_empty() { "the document".to_owned() } else { format!("`{place}`") };
    let has = match value {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(map) => {
            format!("an object with {}", listed(map.keys().take(TOLD).map(String::as_str)))
        }
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => kind(value),
    };
    Flaw::new(Reason::Missing, format!("there is no `{pointer}`: {place} is {has}"))
}

fn kind(value: &Value) -> String {
    match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Bool(value) => format!("`{value}`"),
        Value::Null => "`null`".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("the string {}", quoted(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"a":{"b":[{"c":812.5},{"c":"7"}],"x/y":3,"n":null},"l":[1,2]}"#;

    #[test]
    fn a_pointer_leads_to_a_number() {
        for (pointer, expected) in [("/a/b/0/c", 812.5), ("/a/x~1y", 3.0), ("/l/1", 2.0)] {
            let found = read(PAGE.as_bytes(), pointer).unwrap();
            assert!((found - expected).abs() < f64::EPSILON, "{pointer}");
        }
        assert_eq!(read(b"-5e1", ""), Ok(-50.0));
    }

    #[test]
    fn what_is_there_instead_is_told() {
        for (page, pointer, reason, found) in [
            (
                PAGE,
                "/a/q",
                Reason::Missing,
                "there is no `/a/q`: `/a` is an object with `b`, `n`, `x/y`",
            ),
            (
                PAGE,
                "/q/r",
                Reason::Missing,
                "there is no `/q/r`: the document is an object with `a`, `l`",
            ),
            (PAGE, "/l/2", Reason::Missing, "there is no `/l/2`: `/l` is an array of 2"),
            (PAGE, "/l/0/x", Reason::Missing, "there is no `/l/0/x`: `/l/0` is the number 1"),
            (
                PAGE,
                "/a/b/1/c",
                Reason::Number,
                "expected a number at `/a/b/1/c`, found the string \"7\"",
            ),
            (PAGE, "/a/n", Reason::Number, "expected a number at `/a/n`, found `null`"),
            (PAGE, "/a", Reason::Number, "expected a number at `/a`, found an object"),
            (
                "<html>",
                "/a",
                Reason::Format,
                "expected JSON, found \"<html>\": expected value at line 1 column 1",
            ),
        ] {
            let flaw = read(page.as_bytes(), pointer).unwrap_err();
            assert_eq!((flaw.reason, &*flaw.found), (reason, found));
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(deep.as_bytes(), "/0").unwrap_err().reason, Reason::Format);
        assert_eq!(read(b"{\"a\":1e999}", "/a").unwrap_err().reason, Reason::Format);
    }
}
