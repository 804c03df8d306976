//! Monitors that can never succeed: each key is right, and together they are not.
//!
//! With such a file a reload would take every endpoint of a service down at once.

use std::ops::RangeInclusive;

use regex_syntax::ParserBuilder;
use serde_json::Value;

use crate::config::codes;
use crate::config::reader::At;
use crate::model::BodyMatch;
use crate::model::Diagnostic;
use crate::model::HttpProbe;
use crate::model::Span;
use crate::model::limits;

/// Where the keys of an HTTP probe stand that are there.
pub(super) struct Places {
    pub(super) method: Option<Span>,
    pub(super) status: Option<Span>,
    pub(super) body: Option<Span>,
    pub(super) json: Option<Span>,
    pub(super) redirects: Option<Span>,
}

/// What can't be together.
fn never(name: &str, at: Span, why: &str, help: &str) -> Diagnostic {
    let message = format!("no probe of {name} can ever succeed: {why}");
    Diagnostic::error(codes::MONITOR_NEVER_SUCCEEDS, at, message).label(at, why).help(help)
}

/// What can't be together in a request and what is expected of its answer.
pub(super) fn of_http(probe: &HttpProbe, places: &Places, name: &str) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    let all = |is: fn(u16) -> bool| {
        probe.expect_status.iter().cloned().all(|mut range: RangeInclusive<u16>| range.all(is))
    };
    if let Some(at) = places.status {
        if all(|status| status < 200) {
            let why = "an answer of 100 to 199 is never the last one";
            problems.push(never(
                name,
                at,
                why,
                "write the statuses of the last answer: \"200-299\"",
            ));
        }
        if probe.redirects > 0 && all(|status| matches!(status, 301 | 302 | 303 | 307 | 308)) {
            let why = "redirects are followed, and so are never the answer that is judged";
            let problem = never(name, at, why, "remove `redirects`, or expect the last answer");
            let redirects = places.redirects;
            problems.push(redirects.iter().fold(problem, |all, at| all.label(*at, "followed")));
        }
    }
    let by_json = || places.json.map(|at| (at, "expect-json"));
    if let Some((at, key)) = places.body.map(|at| (at, "expect-body")).or_else(by_json) {
        if probe.method == "HEAD" {
            let why =
                format!("an answer to HEAD has no body (RFC 9110, 9.3.2), but `{key}` wants one");
            let problem =
                never(name, at, &why, &format!("write `method = \"GET\"`, or remove `{key}`"));
            problems.push(places.method.iter().fold(problem, |all, at| all.label(*at, "no body")));
        }
        let has_no_body = |status| status < 200 || matches!(status, 204 | 205 | 304);
        if places.status.is_some() && !all(|status| status < 200) && all(has_no_body) {
            let why = format!("no answer of these statuses has a body, but `{key}` wants one");
            let help = format!("expect a status with a body, or remove `{key}`");
            let problem = never(name, at, &why, &help);
            problems.push(places.status.iter().fold(problem, |all, at| all.label(*at, "no body")));
        }
    }
    if let (Some(at), Some(body)) = (places.body, &probe.expect_body) {
        problems.extend(of_body(body, at, name));
    }
    if let Some(at) = places.json {
        problems.extend(of_json(&probe.expect_json, at, name));
    }
    problems
}

fn of_body(body: &BodyMatch, at: Span, name: &str) -> Option<Diagnostic> {
    let least = match body {
        BodyMatch::Contains(text) => Some(text.len()),
        BodyMatch::Matches(pattern) => {
            let parsed = ParserBuilder::new().utf8(false).build().parse(pattern);
            parsed.ok()?.properties().minimum_len()
        }
    };
    match least {
        None => Some(never(name, at, "nothing matches this expression", "correct it")),
        Some(least) => too_long(least, at, name),
    }
}

/// A text that is longer than what is read.
pub(super) fn too_long(least: usize, at: Span, name: &str) -> Option<Diagnostic> {
    (least > limits::PROBE_BODY).then(|| {
        let most = limits::PROBE_BODY;
        let why = format!("it is {least} octets long, and the first {most} are judged");
        never(name, at, &why, "write a part of it")
    })
}

/// Values of which one is within another and differs, or is within what has no parts.
fn of_json(all: &[(String, Value)], at: Span, name: &str) -> Option<Diagnostic> {
    all.iter().find_map(|(outer, whole)| {
        all.iter().find_map(|(inner, part)| {
            let rest = inner.strip_prefix(outer.as_str()).filter(|rest| rest.starts_with('/'))?;
            let is_there = whole.pointer(rest).is_some_and(|found| is_same(found, part));
            (!is_there).then(|| {
                let why = format!("`{inner}` can't be {part} where `{outer}` is {whole}");
                never(name, at, &why, "remove one of the two")
            })
        })
    })
}

fn is_same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

/// Records that are expected beside an error.
pub(super) fn of_dns(rcode: &At<u16>, answer: Span, name: &str) -> Option<Diagnostic> {
    (rcode.value != 0).then(|| {
        let why = "a response with this code has no such records in its answer";
        let help = "remove `expect-answer`, or write `expect-rcode = \"NOERROR\"`";
        never(name, answer, why, help).label(rcode.span, "the code")
    })
}
