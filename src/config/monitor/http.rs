//! `http = { … }` and `https = { … }`: a request and what a good answer to it is.

use std::ops::RangeInclusive;

use crate::config::codes;
use crate::config::monitor::never;
use crate::config::monitor::never::Places;
use crate::config::monitor::tls;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::value::Value;
use crate::model::BodyMatch;
use crate::model::HttpProbe;
use crate::model::limits;
use crate::model::sound;

/// Reads the table of either kind.
pub(super) fn read(mut section: Section<'_>, is_secure: bool) -> HttpProbe {
    let method = section.value("method", "\"GET\"").and_then(|value| value.parsed(method));
    let path = section.value("path", "\"/healthz\"").and_then(|value| value.parsed(path));
    let host = section.value("host", "\"www.example.com\"").and_then(|value| value.parsed(host));
    let port = section.value("port", "8080").and_then(|value| value.integer(1..=u16::MAX));
    let headers = section.value("headers", "{ \"X-Probe\" = \"meridian\" }");
    let headers = headers.and_then(|value| headers_in(&value)).unwrap_or_default();
    let expect = section.value("expect-status", "[\"200-299\"]");
    let expect_status = expect.and_then(|value| statuses(&value));
    let body = section.value("expect-body", "\"ok\"").and_then(|value| body(&value));
    let json = section.value("expect-json", "{ \"/status\" = \"ok\" }");
    let json_at = json.as_ref().map(|value| value.span);
    let expect_json = json.and_then(|value| pointers(&value)).unwrap_or_default();
    let redirects = section.value("redirects", "0");
    let redirects = redirects.and_then(|value| value.integer(0..=limits::REDIRECTS));
    let tls = is_secure.then(|| tls::options(&mut section));
    let places = Places {
        method: method.as_ref().map(|at| at.span),
        status: expect_status.as_ref().map(|at| at.span),
        body: body.as_ref().map(|at| at.span),
        json: json_at,
        redirects: redirects.as_ref().map(|at| at.span),
    };
    let name = section.to_string();
    let reader = section.reader();
    section.close();
    let probe = HttpProbe {
        tls,
        method: method.map_or_else(|| "GET".to_owned(), |at| at.value),
        path: path.map_or_else(|| "/".to_owned(), |at| at.value),
        host: host.map(|at| at.value),
        port: port.map_or(if is_secure { 443 } else { 80 }, |at| at.value),
        headers,
        expect_status: expect_status.map_or_else(|| vec![200..=299], |at| at.value),
        expect_body: body.map(|at| at.value),
        expect_json,
        redirects: redirects.map_or(0, |at| at.value),
    };
    for problem in never::of_http(&probe, &places, &name) {
        reader.report(problem);
    }
    probe
}

fn method(text: &str) -> Result<String, Fault> {
    if sound::is_method(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::HTTP_METHOD, "a method such as \"GET\" or \"HEAD\"");
    let upper = text.to_ascii_uppercase();
    Err(match sound::is_method(&upper) {
        true => fault.help(format!("write \"{upper}\"")),
        false => fault.help("write \"GET\""),
    })
}

/// A path and query, as they stand in a request.
pub(super) fn path(text: &str) -> Result<String, Fault> {
    if sound::is_path(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::MONITOR_PATH, "a path that begins with `/`, without spaces");
    let fixed: String = text.split_whitespace().collect::<Vec<_>>().join("%20");
    let fixed = fixed.split_once("://").map_or(&*fixed, |(_, rest)| {
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
    });
    let fixed = fixed.split('#').next().unwrap_or_default();
    if !fixed.is_ascii() {
        return Err(fault.help("percent-encode characters beyond ASCII: `%C3%A9` for `é`"));
    }
    Err(fault.help(format!("write \"/{}\"", fixed.trim_start_matches('/'))))
}

/// What may stand in a Host header: a name or address, and perhaps a port.
pub(super) fn host(text: &str) -> Result<String, Fault> {
    if sound::is_host(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::HTTP_HOST, "a host name such as \"www.example.com\"");
    let number = text.rsplit_once(':').map(|(_, number)| number);
    let is_number = number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()));
    Err(fault.help(match is_number {
        true => "write a port of 1 to 65535, or none; an IPv6 address before it has brackets",
        false => "write the host alone, or the host and a port",
    }))
}

/// `{ "X-A" = "b" }`.
fn headers_in(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let section = value.section()?;
    let read = |entry: Value<'_>| {
        let name = entry.key.value.clone();
        let text = entry.parsed(|text| header(&name, text))?;
        Some((name, text.value))
    };
    let read: Vec<_> = section.entries().map(read).collect();
    read.into_iter().collect()
}

fn header(name: &str, text: &str) -> Result<String, Fault> {
    let fault = |expected: &str| Fault::new(codes::HTTP_HEADER, expected.to_owned());
    if !sound::is_header_name(name) {
        let fault = fault("a name of letters, digits and `-`").found(format!("{name:?}"));
        return Err(fault.help("write the name of a header, such as \"X-Probe\""));
    }
    if sound::is_own_header(name) {
        let fault = fault("a header that the probe does not send itself").found(name.to_owned());
        return Err(fault.help(if name.eq_ignore_ascii_case("host") {
            "write the key `host` beside `headers` instead"
        } else {
            "remove it"
        }));
    }
    if !sound::is_header_value(text) {
        return Err(fault("a value of printable characters").help("remove control characters"));
    }
    Ok(text.to_owned())
}

/// `["200-299", 304]`: ranges as text, single statuses as text or number.
fn statuses(value: &Value<'_>) -> Option<At<Vec<RangeInclusive<u16>>>> {
    let found = value.list(|item| match item.is_integer() {
        true => item.integer(sound::STATUSES).map(|at| at.map(|status| status..=status)),
        false => item.parsed(status_range),
    })?;
    Some(found.map(|all| all.into_iter().map(|at| at.value).collect()))
}

fn status_range(text: &str) -> Result<RangeInclusive<u16>, Fault> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last))
            if first <= last && [first, last].iter().all(|at| sound::STATUSES.contains(at)) =>
        {
            Ok(first..=last)
        }
        _ => {
            let expected = "a status or a range of statuses within 100-599, such as \"200-299\"";
            Err(Fault::new(codes::STATUS_RANGE, expected).help("write \"200-299\""))
        }
    }
}

/// Text that must be in the body, or `{ regex = "…" }`.
fn body(value: &Value<'_>) -> Option<At<BodyMatch>> {
    let Some(mut section) = value.as_section() else {
        return value.text().map(|at| at.map(BodyMatch::Contains));
    };
    let pattern = section.required("regex", "\"ok|ready\"").and_then(|value| value.parsed(regex));
    section.close();
    pattern.map(|at| at.map(BodyMatch::Matches))
}

fn regex(text: &str) -> Result<String, Fault> {
    let Err(error) = sound::pattern(text) else { return Ok(text.to_owned()) };
    // The library draws the pattern over several lines; the last one says why.
    let shown = error.to_string();
    let why = shown.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let fault = Fault::new(codes::BODY_REGEX, "a regular expression");
    let fault = fault.found(format!("{text:?}: {why}"));
    Err(fault.help("correct it, or write the text itself: `expect-body = \"…\"`"))
}

/// `{ "/db/up" = true }`: JSON pointers (RFC 6901) and the values there.
fn pointers(value: &Value<'_>) -> Option<Vec<(String, serde_json::Value)>> {
    let section = value.section()?;
    let read = |entry: Value<'_>| {
        let pointer = entry.key.value.clone();
        if !sound::is_pointer(&pointer) {
            let fault = Fault::new(codes::JSON_POINTER, "a JSON pointer such as \"/status\"");
            let found = fault.found(format!("{pointer:?}"));
            let dotted = format!("/{}", pointer.replace('.', "/"));
            let help = match sound::is_pointer(&dotted) {
                true => format!("write \"{dotted}\""),
                false => "write `~0` for `~` and `~1` for `/` inside a name".to_owned(),
            };
            return entry.fault(found.help(help));
        }
        Some((pointer, entry.json()?))
    };
    let read: Vec<Option<(String, serde_json::Value)>> = section.entries().map(read).collect();
    read.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_ranges_within_http() {
        assert_eq!(status_range("200-299").unwrap(), 200..=299);
        assert_eq!(status_range("204").unwrap(), 204..=204);
        for text in ["2xx", "299-200", "99", "200-600", "", "-"] {
            assert_eq!(status_range(text).unwrap_err().code, codes::STATUS_RANGE, "{text}");
        }
    }

    #[test]
    fn what_the_probe_sends_itself_is_no_further_header() {
        assert_eq!(header("X-A", "b").unwrap(), "b");
        for (name, text) in [("Host", "a"), ("content-length", "3"), ("a b", "c"), ("a", "b\n")] {
            assert_eq!(header(name, text).unwrap_err().code, codes::HTTP_HEADER, "{name}");
        }
    }

    #[test]
    fn methods_and_paths_are_those_of_requests() {
        assert!(method("HEAD").is_ok() && path("/a?b=c").is_ok() && host("a.example:80").is_ok());
        assert!(method("get").is_err() && method("CONNECT").is_err() && method("A B").is_err());
        assert!(path("/a#b").is_err() && path("/é").is_err() && host("a/b").is_err());
    }
}
