//! What responses carry.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

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
use crate::control::places::Kept;
use crate::control::places::Place;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::model::limits;

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
    /// What is left of it: handed over in slices, so that a connection keeps no more than one
    /// beside it, and it is gone when it was taken.
    Whole(Bytes),
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
        Self { content: Content::Whole(octets.into()), _held: None }
    }

    /// What it keeps; `None` if that is in the buffers of its connection at once.
    pub(super) fn kept(&self) -> Option<Kept> {
        match &self.content {
            Content::Whole(all) if all.len() > limits::API_SLICE => {
                Some(Kept { at: all.as_ptr().addr(), octets: all.len() })
            }
            Content::Events(_) | Content::Whole(_) => None,
        }
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
            Content::Whole(left) if left.is_empty() => Poll::Ready(None),
            Content::Whole(left) => {
                let slice = left.split_to(left.len().min(limits::API_SLICE));
                Poll::Ready(Some(Ok(Frame::data(slice))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Events(events) => events.is_end_stream(),
            Content::Whole(left) => left.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Events(events) => events.size_hint(),
            Content::Whole(left) => SizeHint::with_exact(left.len() as u64),
        }
    }
}

/// A long text as octets that may be kept for a while: it grew by doubling.
pub(super) fn octets(mut text: String) -> Bytes {
    text.shrink_to_fit();
    text.into()
}

/// What responses of JSON say that they are.
pub(super) const JSON: &str = "application/json";

/// A response of a text.
pub(super) fn text(content_type: &'static str, text: impl Into<Bytes>) -> Response<Payload> {
    response(StatusCode::OK, content_type, Payload::whole(text))
}

/// A response of JSON.
pub(super) fn json(value: &Value) -> Response<Payload> {
    text(JSON, octets(pretty(value)))
}

/// JSON as people read it.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::control::places::Places;

    #[tokio::test]
    async fn a_text_goes_in_slices_and_its_place_is_at_work_until_it_is_gone() {
        let places = Places::default();
        let place = Arc::new(places.enter([127, 0, 0, 1].into(), Instant::now()));
        let long = "x".repeat(2 * limits::API_SLICE + 1);
        let mut body = Payload::whole(long.clone()).held_by(place);
        assert_eq!(body.kept().map(|kept| kept.octets), Some(long.len()));
        assert_eq!(body.size_hint().exact(), Some(32_769));
        let mut taken = Vec::new();
        for length in [limits::API_SLICE, limits::API_SLICE, 1] {
            assert!(!body.is_end_stream());
            let slice = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(slice.len(), length);
            taken.extend_from_slice(&slice);
        }
        assert!(body.is_end_stream() && body.frame().await.is_none());
        assert_eq!(taken, long.as_bytes());
        let short = Payload::whole("x".repeat(limits::API_SLICE));
        assert_eq!(short.kept(), None);
    }
}
