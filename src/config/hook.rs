//! `[hook.NAME]`: who is told of what happens.

use std::time::Duration;

use crate::config::codes;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::limits;

/// How long one call may take.
const TIMEOUT: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(60)];

/// Somebody who is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hook {
    /// The operator's name for it.
    pub name: String,
    /// How.
    pub action: HookAction,
    /// Of what; at least one.
    pub events: Vec<HookEvent>,
    /// How long one call may take.
    pub timeout: Duration,
}

/// How a hook is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HookAction {
    /// A program and its arguments, without a shell; the program is an absolute path.
    Command(Vec<String>),
    /// A POST to this URL, of HTTP or HTTPS.
    Url(String),
}

/// What hooks are called for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HookEvent {
    /// The verdict of a check changed.
    Check,
    /// A pool got or lost its clients.
    Pool,
    /// A service answers with something else.
    Service,
    /// The verdict of a region changed.
    Region,
    /// An admin state changed.
    Admin,
    /// The other nodes can or can't be heard.
    Cluster,
    /// A vantage is or is not heard, or is cut off.
    Vantage,
    /// Something in the cluster needs an operator.
    Trouble,
    /// A certificate ends soon.
    Certificate,
    /// A configuration was taken.
    Reloaded,
}

impl HookEvent {
    /// All events; those without which a hook is seldom wanted first.
    pub const ALL: [Self; 10] = [
        Self::Check,
        Self::Pool,
        Self::Service,
        Self::Region,
        Self::Admin,
        Self::Cluster,
        Self::Vantage,
        Self::Trouble,
        Self::Certificate,
        Self::Reloaded,
    ];

    /// What a hook is called for unless the file says otherwise.
    const DEFAULT: [Self; 8] = [
        Self::Check,
        Self::Pool,
        Self::Service,
        Self::Region,
        Self::Admin,
        Self::Cluster,
        Self::Vantage,
        Self::Trouble,
    ];

    /// The word in files and in the event itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Pool => "pool",
            Self::Service => "service",
            Self::Region => "region",
            Self::Admin => "admin",
            Self::Cluster => "cluster",
            Self::Vantage => "vantage",
            Self::Trouble => "trouble",
            Self::Certificate => "certificate",
            Self::Reloaded => "reloaded",
        }
    }
}

/// Reads `[hook.NAME]`.
pub(super) fn read(mut section: Section<'_>) -> At<Hook> {
    let name = section.identifier();
    let action = action(&mut section).unwrap_or_else(|| HookAction::Command(Vec::new()));
    let events = section.value("events", "[\"pool\", \"service\"]");
    let events = events.and_then(|value| value.list(|item| item.parsed(event)));
    let timeout = section.value("timeout", "\"5s\"");
    let timeout = timeout.and_then(|v| v.quantity("s", |text| units::within(text, TIMEOUT)));
    section.close();
    let events = events.map_or_else(
        || HookEvent::DEFAULT.to_vec(),
        |events| events.value.into_iter().map(|event| event.value).collect(),
    );
    let timeout = timeout.map_or(Duration::from_secs(5), |at| at.value);
    At { value: Hook { name: name.value, action, events, timeout }, span: name.span }
}

/// All of them, and a problem if they are too many.
pub(super) fn check(hooks: Vec<At<Hook>>, problems: &mut Vec<Diagnostic>) -> Vec<Hook> {
    if let Some(over) = hooks.get(limits::HOOKS) {
        problems.push(reader::too_many(over.span, "hooks", hooks.len(), limits::HOOKS));
    }
    hooks.into_iter().map(|at| at.value).collect()
}

fn action(section: &mut Section<'_>) -> Option<HookAction> {
    let url = section.value("url", "\"https://chat.example.com/hook\"");
    let command = section.value("command", "[\"/usr/local/bin/notify\"]");
    match (url, command) {
        (Some(value), None) => value.parsed(url_of).map(|at| HookAction::Url(at.value)),
        (None, Some(value)) => command_of(&value).map(HookAction::Command),
        (url, _) => {
            let At { value: name, span } = section.name.clone();
            let found = if url.is_some() { "both" } else { "neither" };
            let message = format!("hook `{name}`: expected `url` or `command`, found {found}");
            section.reader().report(
                Diagnostic::error(codes::HOOK_TARGET, span, message)
                    .label(span, "who is to be told?")
                    .help("write `url = \"https://chat.example.com/hook\"`"),
            );
            None
        }
    }
}

fn command_of(value: &Value<'_>) -> Option<Vec<String>> {
    let words = value.list(Value::text)?.value;
    let program = words.first()?;
    if !program.value.starts_with('/') {
        let expected = "the absolute path of a program first";
        let fault = Fault::new(codes::HOOK_COMMAND, expected).found(format!("{:?}", program.value));
        let name = program.value.rsplit('/').next().unwrap_or_default();
        return value.fault(fault.help(format!("write \"/usr/local/bin/{name}\" for the program")));
    }
    Some(words.into_iter().map(|word| word.value).collect())
}

fn url_of(text: &str) -> Result<String, Fault> {
    url(text, codes::HOOK_URL, "https://chat.example.com/hook")
}

/// A URL of HTTP or HTTPS, such as `example`; else a fault of this code.
pub(super) fn url(text: &str, code: Code, example: &str) -> Result<String, Fault> {
    let uri = text.parse::<hyper::Uri>().ok();
    let fits = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
    });
    if fits {
        return Ok(text.to_owned());
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    Err(Fault::new(code, format!("a URL such as \"{example}\""))
        .help(format!("write \"https://{rest}\"")))
}

fn event(text: &str) -> Result<HookEvent, Fault> {
    let known = HookEvent::ALL.into_iter().find(|event| event.as_str() == text);
    known.ok_or_else(|| {
        let words = HookEvent::ALL.map(HookEvent::as_str);
        Fault::new(codes::UNKNOWN_EVENT, format!("an event: {}", suggest::choice(words)))
            .help(suggest::help(text, words, "the events are"))
    })
}
