//! `grpc.health.v1.Health/Check` over HTTP/2, with the two messages by hand.

use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::HeaderMap;
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use crate::model::limits;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;
use crate::prober::http;

/// How long the end of the connection may take once the target is judged, within the timeout.
const FAREWELL: Duration = Duration::from_millis(250);

/// `ServingStatus.SERVING`.
const SERVING: u64 = 1;

/// Asks, and judges the answer.
pub(super) async fn exchange<S>(
    stream: S,
    service: &str,
    (scheme, authority): (&str, &str),
    stage: &Stage,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let request = Request::post(format!("{scheme}://{authority}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", http::AGENT)
        .body(Full::new(Bytes::from(message(service))))
        .map_err(|error| Fault::Ours(format!("no such request: {error}")))?;
    stage.begin("waiting for the answer");
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(16 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| http::fault(&error, stage))?;
    let exchange = async {
        let response = sender.send_request(request).await;
        let response = response.map_err(|error| http::fault(&error, stage))?;
        if response.status() != 200 {
            let status = response.status().as_u16();
            return Err(Fault::target(format!("status {status}, expected 200")));
        }
        status(response.headers())?;
        stage.begin("reading the body");
        let mut body = response.into_body();
        let mut found = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| http::fault(&error, stage))?;
            if let Some(trailers) = frame.trailers_ref() {
                status(trailers)?;
            } else if let Some(data) = frame.data_ref() {
                if found.len() + data.len() > limits::PROBE_BODY {
                    return Err(Fault::target("the answer is too long"));
                }
                found.extend_from_slice(data);
            }
        }
        judge(&found)
    };
    let mut connection = std::pin::pin!(connection);
    let result = {
        let mut exchange = std::pin::pin!(exchange);
        tokio::select! {
            biased;
            result = &mut exchange => result,
            // Why it ended is told to the exchange too.
            _ = &mut connection => return exchange.await,
        }
    };
    stage.decide(result.clone());
    // Without senders it says that it goes (RFC 9113, 6.8), and closes.
    drop(sender);
    timeout(FAREWELL, connection).await.ok();
    result
}

/// The request with its one field, the service, after the five octets that go before a message.
fn message(service: &str) -> Vec<u8> {
    let mut field = Vec::new();
    if !service.is_empty() {
        field.push(0x0a);
        let mut length = service.len();
        while length >= 0x80 {
            field.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        field.push(u8::try_from(length).unwrap_or_default());
        field.extend(service.as_bytes());
    }
    let mut octets = vec![0];
    octets.extend(u32::try_from(field.len()).unwrap_or_default().to_be_bytes());
    octets.extend(field);
    octets
}

/// `grpc-status`, which may stand in the head or in the trailers.
fn status(headers: &HeaderMap) -> Result<(), Fault> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        None | Some("0") => Ok(()),
        Some("5") => Err(Fault::target("the service is unknown (gRPC status 5)")),
        Some(code) => {
            let why = text("grpc-message").unwrap_or_default();
            Err(Fault::target(format!("gRPC status {code}, expected 0: {why}")))
        }
    }
}

fn judge(octets: &[u8]) -> Result<(), Fault> {
    let found = match octets {
        [0, a, b, c, d, rest @ ..] => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
            rest.get(..length).and_then(serving_status)
        }
        _ => None,
    };
    match found {
        Some(SERVING) => Ok(()),
        Some(0) => Err(Fault::target("UNKNOWN, expected SERVING")),
        Some(2) => Err(Fault::target("NOT_SERVING, expected SERVING")),
        Some(3) => Err(Fault::target("SERVICE_UNKNOWN, expected SERVING")),
        Some(other) => Err(Fault::target(format!("status {other}, expected SERVING"))),
        None => Err(Fault::target("the answer is no message of grpc.health.v1")),
    }
}

/// Field 1 of a message; 0 if it is left out. Other fields are skipped.
fn serving_status(mut octets: &[u8]) -> Option<u64> {
    let mut status = 0;
    while !octets.is_empty() {
        let tag = varint(&mut octets)?;
        let skip = match tag & 7 {
            0 => {
                let value = varint(&mut octets)?;
                if tag >> 3 == 1 {
                    status = value;
                }
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut octets)?).ok()?,
            5 => 4,
            _ => return None,
        };
        octets = octets.get(skip..)?;
    }
    Some(status)
}

fn varint(octets: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = octets.split_first()?;
        *octets = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
