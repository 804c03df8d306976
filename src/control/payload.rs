//! What responses carry.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use http_body_util::Full;
use hyper::Response;
use hyper::StatusCode;
use hyper::body::Body;
use hyper::body::Bytes;
use hyper::body::Frame;
use hyper::body::SizeHint;
use hyper::header::ALLOW;
use hyper::header::CACHE_CONTROL;
use hyper::header::CONTENT_TYPE;
use hyper::header::HeaderName;
use hyper::header::HeaderValue;
use hyper::header::RETRY_AFTER;
use hyper::header::WWW_AUTHENTICATE;
use serde_json::Value;
use tokio::time::Instant;

use crate::control::events::Events;
use crate::control::places::Place;
use crate::control::problem::Kind;
use crate::control::problem::Problem;

/// A body.
#[derive(Debug)]
pub(super) struct Payload {
    content: Content,
    /// Whose place is at work until this was taken.
    _held: Option<Held>,
}

#[derive(Debug)]
enum Content {
    Events(Events),
    Whole(Full<Bytes>),
}

/// A place that rests once this is dropped.
#[derive(Debug)]
struct Held(Arc<Place>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.rests(Instant::now());
    }
}

impl Payload {
    fn whole(octets: impl Into<Bytes>) -> Self {
        Self { content: Content::Whole(Full::new(octets.into())), _held: None }
    }

    /// The same, which keeps a place at work until it was taken.
    pub(super) fn held_by(self, place: Arc<Place>) -> Self {
        Self { _held: Some(Held(place)), ..self }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().content {
            Content::Events(events) => Pin::new(events).poll_frame(context),
            Content::Whole(whole) => Pin::new(whole).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Events(events) => events.is_end_stream(),
            Content::Whole(whole) => whole.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Events(events) => events.size_hint(),
            Content::Whole(whole) => whole.size_hint(),
        }
    }
}

/// A response of a text.
pub(super) fn text(content_type: &'static str, text: impl Into<Bytes>) -> Response<Payload> {
    response(StatusCode::OK, content_type, Payload::whole(text))
}

/// A response of JSON.
pub(super) fn json(value: &Value) -> Response<Payload> {
    text("application/json", format!("{value:#}\n"))
}

/// A response of nothing: it is done.
pub(super) fn done() -> Response<Payload> {
    let mut response = Response::new(Payload::whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A response that goes on.
pub(super) fn stream(events: Events) -> Response<Payload> {
    response(
        StatusCode::OK,
        "text/event-stream",
        Payload { content: Content::Events(events), _held: None },
    )
}

/// A response that says why not.
pub(super) fn refusal(problem: &Problem) -> Response<Payload> {
    let body = Payload::whole(format!("{:#}\n", problem.json()));
    let mut response = response(problem.status(), "application/problem+json", body);
    let headers = response.headers_mut();
    if problem.kind == Kind::Token {
        let value = HeaderValue::from_static("Bearer realm=\"meridian\"");
        headers.insert(WWW_AUTHENTICATE, value);
    }
    if let Some(allow) = problem.allow.as_ref().and_then(|text| text.parse().ok()) {
        headers.insert(ALLOW, allow);
    }
    if let Some(after) = problem.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
    }
    response
}

fn response(status: StatusCode, content_type: &'static str, body: Payload) -> Response<Payload> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What every response with a body says: it is of this moment, is what it says it is, runs
/// nothing and is shown in no frame.
const HEADERS: [(HeaderName, &str); 4] = [
    (CACHE_CONTROL, "no-store"),
    (hyper::header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        hyper::header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    ),
    (hyper::header::REFERRER_POLICY, "no-referrer"),
];
