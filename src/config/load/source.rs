//! One source of load: `{ haproxy = { … } }` and its like.

use std::time::Duration;

use reqwest::Url;

use crate::config::codes;
use crate::config::load::login;
use crate::config::pem;
use crate::config::reader;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::HaProxyField;
use crate::model::LoadFormat;
use crate::model::LoadSource;
use crate::model::LoadTls;
use crate::model::NginxField;
use crate::model::limits;
use crate::model::sound;

/// The kinds of source, as keys.
const KINDS: [&str; 4] = ["haproxy", "nginx-status", "prometheus", "json"];

/// How long an answer may take unless the file says otherwise.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Reads the table of a source, which has one key.
pub(super) fn read(mut section: Section<'_>, interval: Duration) -> Option<LoadSource> {
    let found: Vec<(&str, Section<'_>)> =
        KINDS.iter().filter_map(|kind| Some((*kind, section.section(kind)?))).collect();
    let has_none = found.is_empty() && !KINDS.iter().any(|kind| section.contains(kind));
    if has_none || found.len() > 1 {
        let at = section.name.span;
        let kinds = suggest::choice(KINDS);
        let message =
            format!("a source of load has one kind, {kinds}: found {} of them", found.len());
        let mut problem = Diagnostic::error(codes::LOAD_KIND, at, message);
        for (_, kind) in &found {
            problem = problem.label(kind.name.span, "one kind");
        }
        if found.is_empty() {
            problem = problem.label(at, "what is it?");
        }
        let help = "write one table per source: `[{ haproxy = { … } }, { json = { … } }]`";
        section.reader().report(problem.help(help));
    }
    section.close();
    // All are read, so that every mistake in them is reported.
    let read = |(kind, table)| of_kind(kind, table, interval);
    found.into_iter().map(read).reduce(|first, _| first).flatten()
}

fn of_kind(kind: &str, mut section: Section<'_>, interval: Duration) -> Option<LoadSource> {
    let url = section.required("url", "\"http://10.0.0.5:8404/metrics\"");
    let url = url.and_then(|value| value.parsed(self::url));
    let format = match kind {
        "haproxy" => haproxy(&mut section),
        "json" => json(&mut section),
        "nginx-status" => Some(nginx(&mut section)),
        _ => prometheus(&mut section),
    };
    let timeout = timeout(&mut section, interval);
    let login = login::read(&mut section);
    let verify = section.value("verify", "true").and_then(|value| value.boolean());
    let authorities = pem::authorities(&mut section, "tls/authorities.pem");
    let identity = pem::identity(&mut section, "tls/meridian.pem", "tls/meridian.key");
    section.close();
    let tls = LoadTls { verify: verify.is_none_or(|at| at.value), authorities, identity };
    Some(LoadSource { url: url?.value, format: format?, timeout, login, tls })
}

fn haproxy(section: &mut Section<'_>) -> Option<LoadFormat> {
    let proxy = section.required("proxy", "\"www\"").and_then(|value| value.text());
    let server = section.value("server", "\"FRONTEND\"").and_then(|value| value.text());
    let field = section.value("field", "\"scur\"");
    let field =
        field.and_then(|v| v.parsed(|text| one_of(text, HaProxyField::ALL, HaProxyField::as_str)));
    Some(LoadFormat::HaProxy {
        proxy: proxy?.value,
        server: server.map_or_else(|| "FRONTEND".to_owned(), |at| at.value),
        field: field.map_or(HaProxyField::Sessions, |at| at.value),
    })
}

fn nginx(section: &mut Section<'_>) -> LoadFormat {
    let field = section.value("field", "\"active\"");
    let field =
        field.and_then(|v| v.parsed(|text| one_of(text, NginxField::ALL, NginxField::as_str)));
    LoadFormat::NginxStatus(field.map_or(NginxField::Active, |at| at.value))
}

fn json(section: &mut Section<'_>) -> Option<LoadFormat> {
    let field = section.required("field", "\"/connections/active\"");
    let field = field.and_then(|value| value.parsed(pointer));
    let rate = section.value("rate", "false").and_then(|value| value.boolean());
    Some(LoadFormat::Json { pointer: field?.value, rate: rate.is_some_and(|at| at.value) })
}

fn prometheus(section: &mut Section<'_>) -> Option<LoadFormat> {
    let metric = section.required("metric", "\"haproxy_frontend_current_sessions\"");
    let metric = metric.and_then(|v| v.parsed(|text| name(text, "a metric", ":")));
    let labels = section.value("labels", "{ proxy = \"www\" }");
    let labels = labels.map_or_else(|| Some(Vec::new()), |value| labels_in(&value));
    let rate = section.value("rate", "true").and_then(|value| value.boolean());
    Some(LoadFormat::Prometheus {
        metric: metric?.value,
        labels: labels?,
        rate: rate.map(|at| at.value),
    })
}

fn labels_in(value: &Value<'_>) -> Option<Vec<(String, String)>> {
    let section = value.section()?;
    let read = |entry: Value<'_>| {
        let key = entry.key.value.clone();
        if let Err(fault) = name(&key, "a label", "") {
            return entry.fault(fault.found(format!("{key:?}")));
        }
        Some((key, entry.text()?.value))
    };
    let read: Vec<_> = section.entries().map(read).collect();
    if read.len() > limits::LOAD_LABELS {
        let (found, most) = (read.len(), limits::LOAD_LABELS);
        value.report(reader::too_many(value.span, "labels", found, most));
    }
    read.into_iter().collect()
}

/// A name as Prometheus has them; those of metrics may have colons.
fn name(text: &str, what: &str, further: &str) -> Result<String, Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || further.contains(c);
    if text.chars().all(fits) && !text.starts_with(|c: char| c.is_ascii_digit()) && !text.is_empty()
    {
        return Ok(text.to_owned());
    }
    let expected = format!("the name of {what}: letters, digits and `_`");
    let bare = text.split('{').next().unwrap_or_default();
    let fault = Fault::new(codes::LOAD_METRIC, expected);
    Err(match bare != text && !bare.is_empty() && bare.chars().all(fits) {
        true => fault.help(format!("write \"{bare}\", and the labels as `labels = {{ … }}`")),
        false => fault.help("write the name as the page of metrics has it"),
    })
}

fn pointer(text: &str) -> Result<String, Fault> {
    if sound::is_pointer(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::JSON_POINTER, "a JSON pointer such as \"/connections/active\"");
    let dotted = format!("/{}", text.replace('.', "/"));
    Err(match sound::is_pointer(&dotted) {
        true => fault.help(format!("write \"{dotted}\"")),
        false => fault.help("write `~0` for `~` and `~1` for `/` inside a name"),
    })
}

fn one_of<T: Copy, const N: usize>(
    text: &str,
    all: [T; N],
    word: fn(T) -> &'static str,
) -> Result<T, Fault> {
    let words = all.map(word);
    all.into_iter().find(|field| word(*field) == text).ok_or_else(|| {
        let expected = format!("a field that can be a load: {}", suggest::choice(words));
        Fault::new(codes::LOAD_FIELD, expected).help(suggest::value_help(text, words))
    })
}

fn url(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new(codes::LOAD_URL, "a URL such as \"http://10.0.0.5:8404/metrics\"");
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    let Some(mut url) = url else {
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        return Err(fault().help(format!("write \"http://{}\"", rest.trim_start_matches('/'))));
    };
    if url.username().is_empty() && url.password().is_none() {
        return Ok(text.to_owned());
    }
    // What was found is no one's business: there is a secret in it.
    let bare = url.set_username("").and_then(|()| url.set_password(None));
    let help = match bare {
        Ok(()) => format!("write \"{url}\", and the user with `user` and `password-file`"),
        Err(()) => "write the user with `user` and `password-file`".to_owned(),
    };
    Err(fault().found("one with a user").help(help))
}

fn timeout(section: &mut Section<'_>, interval: Duration) -> Duration {
    let value = section.value("timeout", "\"3s\"");
    let read =
        value.and_then(|v| v.quantity("s", |text| units::within(text, limits::LOAD_TIMEOUT)));
    if let Some(long) = read.as_ref().filter(|at| at.value > interval) {
        let (most, found) = (units::show(interval), units::show(long.value));
        let message = format!("`timeout`: expected at most \"{most}\", found \"{found}\"");
        section.reader().report(
            Diagnostic::error(codes::TIMEOUT_OVER_INTERVAL, long.span, message)
                .label(long.span, "the next reading would start before this one ends")
                .help(format!("write \"{most}\" or less, or a longer `load-interval`")),
        );
    }
    read.map_or_else(|| interval.min(TIMEOUT), |at| at.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_of_http_and_tell_no_secret() {
        for text in ["http://10.0.0.5:8404/stats;csv", "https://[::1]/m?a=b", "http://lb"] {
            assert_eq!(url(text).unwrap(), text);
        }
        for (text, instead) in [
            ("10.0.0.5:8404/stats", "write \"http://10.0.0.5:8404/stats\""),
            ("ftp://lb/x", "write \"http://lb/x\""),
            ("/stats", "write \"http://stats\""),
            ("http://me:secret@lb/x", "write \"http://lb/x\", and"),
        ] {
            let fault = url(text).unwrap_err();
            let help = fault.help.unwrap();
            assert!(help.starts_with(instead), "{text}: {help}");
            assert!(!fault.found.contains("secret") && !help.contains("secret"));
        }
    }

    #[test]
    fn names_are_those_of_metrics() {
        assert!(name("a:b_1", "a metric", ":").is_ok() && name("a:b", "a label", "").is_err());
        for text in ["", "1a", "a-b", "a b"] {
            assert!(name(text, "a metric", ":").is_err(), "{text}");
        }
        let help = name("up{job=\"x\"}", "a metric", ":").unwrap_err().help.unwrap();
        assert!(help.contains("\"up\""), "{help}");
    }
}
