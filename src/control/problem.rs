//! Why a request was not done, as a machine and a person read it (RFC 9457).

use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;
use serde_json::json;

/// One problem. Its name is stable; all of them are in the manual.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// What the API's description and scripts know it by.
    pub(super) kind: Kind,
    /// What was found and what was expected, for a person.
    pub(super) detail: String,
    /// For 405: the methods there are.
    pub(super) allow: Option<String>,
    /// For 429 and 503: when to come again.
    pub(super) retry_after: Option<Duration>,
    /// Further members and their values.
    pub(super) more: Vec<(&'static str, Value)>,
}

/// A kind of problem.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Too many batches of samples wait, or too much of other bodies.
    Backlog,
    /// The body is not what the route takes.
    Body,
    /// The configuration that was to be taken has errors.
    Configuration,
    /// Too many requests are under way.
    Crowded,
    /// A read on loopback for a host name: perhaps by a web site in an operator's browser.
    Host,
    /// No such method here.
    Method,
    /// The node does not answer.
    Node,
    /// A change holds, but is not on disk.
    NotSaved,
    /// No such path, or nothing of that name.
    NotFound,
    /// A parameter of the query is unknown or not what it should be.
    Query,
    /// The peer asks too often.
    Rate,
    /// The token may not do that.
    Role,
    /// The change would leave too little.
    Safety,
    /// The client took too long.
    Slow,
    /// There are as many event streams as there may be.
    Streams,
    /// There is no token, or an unknown one.
    Token,
    /// The body is too long.
    TooLong,
    /// There are as many admin states as there may be.
    TooMany,
}

impl Kind {
    /// All kinds.
    #[cfg(test)]
    pub(super) const ALL: [Self; 18] = [
        Self::Backlog,
        Self::Body,
        Self::Configuration,
        Self::Crowded,
        Self::Host,
        Self::Method,
        Self::Node,
        Self::NotFound,
        Self::NotSaved,
        Self::Query,
        Self::Rate,
        Self::Role,
        Self::Safety,
        Self::Slow,
        Self::Streams,
        Self::Token,
        Self::TooLong,
        Self::TooMany,
    ];

    /// The last part of its `type`, its title and its status.
    pub(super) const fn facts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::Backlog => ("backlog", "Too much waits", StatusCode::SERVICE_UNAVAILABLE),
            Self::Body => ("body", "Unusable body", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Configuration => {
                ("configuration", "Configuration not taken", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::Crowded => ("crowded", "Too much under way", StatusCode::SERVICE_UNAVAILABLE),
            Self::Host => ("host", "Not for this host name", StatusCode::FORBIDDEN),
            Self::Method => ("method", "No such method here", StatusCode::METHOD_NOT_ALLOWED),
            Self::Node => ("node", "Node does not answer", StatusCode::SERVICE_UNAVAILABLE),
            Self::NotFound => ("not-found", "Not found", StatusCode::NOT_FOUND),
            Self::NotSaved => {
                ("not-saved", "In force, but not saved", StatusCode::INSUFFICIENT_STORAGE)
            }
            Self::Query => ("query", "Unusable query", StatusCode::BAD_REQUEST),
            Self::Rate => ("rate", "Too many requests", StatusCode::TOO_MANY_REQUESTS),
            Self::Role => ("role", "Role does not suffice", StatusCode::FORBIDDEN),
            Self::Safety => ("safety", "Below the safety minimum", StatusCode::CONFLICT),
            Self::Slow => ("slow", "Took too long", StatusCode::REQUEST_TIMEOUT),
            Self::Streams => ("streams", "Too many event streams", StatusCode::SERVICE_UNAVAILABLE),
            Self::Token => ("token", "Token needed", StatusCode::UNAUTHORIZED),
            Self::TooLong => ("too-long", "Body too long", StatusCode::PAYLOAD_TOO_LARGE),
            Self::TooMany => ("too-many", "Too many admin states", StatusCode::CONFLICT),
        }
    }
}

impl Problem {
    /// A problem with nothing special.
    pub(super) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), allow: None, retry_after: None, more: Vec::new() }
    }

    /// Says when to come again.
    pub(super) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Adds a member.
    pub(super) fn more(mut self, name: &'static str, value: Value) -> Self {
        self.more.push((name, value));
        self
    }

    /// The status of the response.
    pub(super) const fn status(&self) -> StatusCode {
        self.kind.facts().2
    }

    /// The body of the response.
    pub(super) fn json(&self) -> Value {
        let (name, title, status) = self.kind.facts();
        let mut problem = json!({
            "type": format!("urn:meridian:problem:{name}"),
            "title": title,
            "status": status.as_u16(),
            "detail": self.detail,
        });
        if let Some(members) = problem.as_object_mut() {
            let more = self.more.iter();
            members.extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn problems_have_names_of_their_own_and_stand_in_the_manual() {
        let manual = include_str!("../manual/api.md");
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.facts().0).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let (name, _, status) = kind.facts();
            let row = format!("| `{name}` | {} |", status.as_u16());
            assert!(manual.lines().any(|line| line.starts_with(&row)), "not in the manual: {row}");
        }
    }

    #[test]
    fn a_problem_is_one_of_rfc_9457() {
        let problem = Problem::new(Kind::Safety, "one region left").more("least", json!(2));
        assert_eq!(
            problem.json(),
            json!({
                "type": "urn:meridian:problem:safety",
                "title": "Below the safety minimum",
                "status": 409,
                "detail": "one region left",
                "least": 2,
            })
        );
    }
}
