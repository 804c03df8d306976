//! A request over HTTP/1.1 on a connection of its own, and a look at the answer.
//!
//! The body is read only if something of it is expected: a status needs none.

use std::pin::pin;

use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;

use crate::model::HttpProbe;
use crate::model::limits;
use crate::prober::connect::Stage;
use crate::prober::expect::Expected;
use crate::prober::failure::Fault;
use crate::prober::redirects;
use crate::prober::redirects::Moved;

/// What the probe calls itself.
pub(super) const AGENT: &str = concat!("meridian/", env!("CARGO_PKG_VERSION"));

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// The method.
    pub(super) method: &'a str,
    /// The Host header.
    pub(super) host: &'a str,
    /// Path and query.
    pub(super) path: &'a str,
    /// Whether an answer that sends on is to be followed, and so is not judged.
    pub(super) follows: bool,
}

/// Sends the request and judges the answer, unless that sends on to somewhere.
pub(super) async fn exchange<S>(
    stream: S,
    probe: &HttpProbe,
    expected: &Expected,
    ask: Ask<'_>,
    stage: &Stage,
) -> Result<Option<Moved>, Fault>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request(probe, ask)?;
    stage.begin("waiting for the answer");
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(limits::PROBE_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| fault(&error, stage))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| fault(&error, stage))?;
        let status = response.status().as_u16();
        let location = response.headers().get(header::LOCATION);
        if let Some(location) = location.filter(|_| ask.follows && redirects::is_redirect(status)) {
            return Ok(Some(Moved { status, location: location.as_bytes().to_vec() }));
        }
        expected.status(status)?;
        if !expected.wants_body() {
            return Ok(None);
        }
        stage.begin("reading the body");
        let body = body(response.into_body()).await.map_err(|error| fault(&error, stage))?;
        expected.body(&body).map(|()| None)
    };
    let (mut exchange, mut connection) = (pin!(exchange), pin!(connection));
    tokio::select! {
        biased;
        result = &mut exchange => result,
        // Why it ended is told to the exchange too.
        _ = &mut connection => exchange.await,
    }
}

fn request(probe: &HttpProbe, ask: Ask<'_>) -> Result<Request<Empty<Bytes>>, Fault> {
    let mut request = Request::builder()
        .method(ask.method)
        .uri(ask.path)
        .header(header::HOST, ask.host)
        .header(header::CONNECTION, "close");
    let has = |name: &str| probe.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
    if !has("user-agent") {
        request = request.header(header::USER_AGENT, AGENT);
    }
    for (name, value) in &probe.headers {
        request = request.header(name, value);
    }
    request.body(Empty::new()).map_err(|error| Fault::Ours(format!("no such request: {error}")))
}

/// The first octets of a body, whatever it says of its length.
async fn body(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut found = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let left = limits::PROBE_BODY - found.len();
        found.extend_from_slice(data.get(..left).unwrap_or(&data));
        if found.len() >= limits::PROBE_BODY {
            break;
        }
    }
    Ok(found)
}

/// What an error of HTTP says of the target.
pub(super) fn fault(error: &hyper::Error, stage: &Stage) -> Fault {
    let doing = stage.doing();
    let cause = std::error::Error::source(error);
    if let Some(error) = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>()) {
        return Fault::of_socket(doing, error);
    }
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return Fault::target(format!("connection closed while {doing}"));
    }
    if error.is_parse_too_large() {
        return Fault::target("the head of the answer is too long");
    }
    match error.is_parse() {
        true => Fault::target(format!("no HTTP: {error}")),
        false => Fault::target(format!("{error} while {doing}")),
    }
}
