//! A request over HTTP/1.1 on a connection of its own, and a look at the answer.
//!
//! An answer is taken as browsers and curl take it: folded headers, blanks before a colon,
//! lines that are no header, more headers than anybody needs. The body is judged only if
//! something of it is expected, and as soon as it is known what it comes to. What the target has
//! left to say is then read and forgotten, so far, and the connection closed in order: a target
//! that is cut off in the middle of its answer would log that with each probe.

mod head;

use std::io;
use std::pin::Pin;
use std::pin::pin;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Empty;
use hyper::Request;
use hyper::body::Body;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use crate::model::HttpProbe;
use crate::model::limits;
use crate::prober::connect::Stage;
use crate::prober::expect::Expected;
use crate::prober::expect::Read;
use crate::prober::failure::Fault;
use crate::prober::http::head::Orderly;
use crate::prober::redirects;
use crate::prober::redirects::Moved;

/// What the probe calls itself.
pub(super) const AGENT: &str = concat!("meridian/", env!("CARGO_PKG_VERSION"));

/// How long a target may say the rest of its answer once it is judged, within the timeout.
const FAREWELL: Duration = Duration::from_secs(1);

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
        .max_headers(limits::PROBE_HEADERS)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true)
        .handshake(TokioIo::new(Orderly::new(stream)))
        .await
        .map_err(|error| fault(&error, stage))?;
    let mut body = None;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| fault(&error, stage))?;
        let status = response.status().as_u16();
        let is_chunked = response.headers().contains_key(header::TRANSFER_ENCODING);
        let location = response.headers().get(header::LOCATION);
        let location = location.filter(|_| ask.follows && redirects::is_redirect(status));
        let moved = location.map(|location| Moved { status, location: location.as_bytes().into() });
        let body = body.insert(response.into_body());
        if moved.is_some() {
            return Ok(moved);
        }
        expected.status(status)?;
        if !expected.wants_body() {
            return Ok(None);
        }
        stage.begin("reading the body");
        let is_sized = is_chunked || body.size_hint().exact().is_some();
        let read = read(body, is_sized, expected).await.map_err(|error| fault(&error, stage))?;
        expected.body(&read).map(|()| None)
    };
    let mut connection = pin!(connection);
    let result = beside(&mut connection, exchange).await;
    if !matches!(result, Ok(Some(_))) {
        stage.decide(result.as_ref().map(drop).map_err(Clone::clone));
    }
    if let Some(body) = body {
        drop(sender);
        timeout(FAREWELL, farewell(body, connection)).await.ok();
    }
    result
}

/// Does something while a connection goes on.
async fn beside<T, C: Future>(connection: &mut Pin<&mut C>, doing: impl Future<Output = T>) -> T {
    let mut doing = pin!(doing);
    tokio::select! {
        biased;
        result = &mut doing => result,
        // Why it ended is told there too.
        _ = connection => doing.await,
    }
}

/// Lets a target say the rest of its answer, so far, and closes the connection in order.
async fn farewell<C: Future>(mut body: Incoming, mut connection: Pin<&mut C>) {
    let rest = async {
        let mut n_octets = 0;
        while let Some(Ok(frame)) = body.frame().await {
            n_octets += frame.data_ref().map_or(0, Bytes::len);
            if n_octets > limits::PROBE_REST {
                return false;
            }
        }
        true
    };
    if beside(&mut connection, rest).await {
        connection.await;
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

/// The first octets of a body, whatever it says of its length: until it is known what they come
/// to. One that says nothing of its length ends with the connection, in order or not: there are
/// servers of TLS that just hang up.
async fn read(
    body: &mut Incoming,
    is_sized: bool,
    expected: &Expected,
) -> Result<Read, hyper::Error> {
    let mut read = Read { octets: Vec::new(), is_cut: false };
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) if !is_sized && is_hung_up(&error) => break,
            Err(error) => return Err(error),
        };
        let Ok(data) = frame.into_data() else { continue };
        let left = limits::PROBE_BODY - read.octets.len();
        read.octets.extend_from_slice(data.get(..left).unwrap_or(&data));
        read.is_cut = data.len() > left;
        if read.is_cut || expected.is_met_by(&read.octets, data.len()) {
            break;
        }
    }
    Ok(read)
}

/// Whether a connection ended without the farewell of TLS.
fn is_hung_up(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

/// What an error of HTTP says of the target.
pub(super) fn fault(error: &hyper::Error, stage: &Stage) -> Fault {
    let doing = stage.doing();
    let cause = std::error::Error::source(error);
    if let Some(error) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
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
