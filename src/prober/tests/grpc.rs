//! gRPC targets: a small server over HTTP/2 that answers as it is told to.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Full;
use hyper::HeaderMap;
use hyper::Request;
use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::net::TcpListener;

use crate::health::Outcome;
use crate::health::Report;
use crate::model::GrpcProbe;
use crate::model::Probe;
use crate::prober::tests::certificates::Own;
use crate::prober::tests::failure;
use crate::prober::tests::report;

/// What the server says.
#[derive(Clone, Copy)]
enum Says {
    /// This body, then these trailers.
    Body(&'static [u8], &'static str),
    /// This status of gRPC in the head, and no body.
    Head(&'static str),
    /// This status of HTTP.
    Http(u16),
    /// Nothing, ever.
    Nothing,
}

async fn answer(
    says: Says,
    request: Request<Incoming>,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>> {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    let asked = request.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&*asked, b"\0\0\0\0\x06\x0a\x04shop");
    let response = Response::builder().header("content-type", "application/grpc");
    let (response, body, trailer) = match says {
        Says::Body(body, trailer) => (response, body, trailer),
        Says::Head(status) => (response.header("grpc-status", status), &b""[..], ""),
        Says::Http(status) => (response.status(status), &b""[..], ""),
        Says::Nothing => std::future::pending().await,
    };
    let mut trailers = HeaderMap::new();
    if !trailer.is_empty() {
        trailers.insert("grpc-status", trailer.parse().unwrap());
    }
    let trailers = (!trailers.is_empty()).then_some(Ok(trailers));
    let body = Full::new(Bytes::from_static(body)).with_trailers(async { trailers });
    response.body(body).unwrap()
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, says: Says) {
    let service =
        service_fn(move |request| async move { Ok::<_, Infallible>(answer(says, request).await) });
    let server = http2::Builder::new(TokioExecutor::new());
    server.serve_connection(TokioIo::new(stream), service).await.ok();
}

/// What a probe comes to, by TLS if there is a certificate.
async fn asked(says: Says, own: Option<&Own>) -> Report {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let acceptor = own.map(|own| own.acceptor(b"h2", None));
    let serve = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            match &acceptor {
                None => converse(stream, says).await,
                Some(acceptor) => {
                    let Ok(stream) = acceptor.accept(stream).await else { continue };
                    assert_eq!(stream.get_ref().1.server_name(), Some("localhost"));
                    converse(stream, says).await;
                }
            }
        }
    };
    let tls = own.map(Own::options);
    let probe = GrpcProbe { port: 1, service: "shop".to_owned(), host: None, tls };
    let timeout = Duration::from_millis(if matches!(says, Says::Nothing) { 300 } else { 30_000 });
    tokio::select! {
        report = report(Probe::Grpc(probe), at, timeout) => report,
        () = serve => unreachable!(),
    }
}

const SERVING: Says = Says::Body(b"\0\0\0\0\x02\x08\x01", "0");

#[tokio::test]
async fn a_service_must_be_serving() {
    assert_eq!(asked(SERVING, None).await.outcome, Outcome::Success);
    // The message in two fields, the first of which is of a later version.
    let later = Says::Body(b"\0\0\0\0\x05\x12\x01x\x08\x01", "0");
    assert_eq!(asked(later, None).await.outcome, Outcome::Success);
    for (says, expected) in [
        (Says::Body(b"\0\0\0\0\x02\x08\x02", "0"), "NOT_SERVING, expected SERVING"),
        (Says::Body(b"\0\0\0\0\0", "0"), "UNKNOWN, expected SERVING"),
        (Says::Body(b"", "5"), "the service is unknown (gRPC status 5)"),
        (Says::Body(b"\0\0\0\0\x02\x08\x01", "13"), "gRPC status 13, expected 0: "),
        (Says::Head("5"), "the service is unknown (gRPC status 5)"),
        (Says::Head("12"), "gRPC status 12, expected 0: "),
        (Says::Http(503), "status 503, expected 200"),
        (Says::Body(b"<html>", ""), "the answer is no message of grpc.health.v1"),
        (Says::Body(b"\0\0\0\0\x09\x08\x01", "0"), "the answer is no message of grpc.health.v1"),
        (Says::Nothing, "no answer within 300 ms while waiting for the answer"),
    ] {
        let found = asked(says, None).await.outcome;
        assert_eq!(failure(&found), expected.trim_end());
    }
}

#[tokio::test]
async fn a_service_is_asked_by_tls_too() {
    let own = Own::new("localhost", 2090);
    let report = asked(SERVING, Some(&own)).await;
    assert_eq!(report.outcome, Outcome::Success);
    assert_eq!(report.certificate_ends.unwrap().to_string(), "2090-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_target_that_does_not_speak_http2_costs_one_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let text = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            tokio::io::AsyncWriteExt::write_all(&mut stream, text).await.ok();
        }
    };
    let probe = GrpcProbe { port: 1, service: String::new(), host: None, tls: None };
    let report = tokio::select! {
        report = report(Probe::Grpc(probe), at, Duration::from_secs(30)) => report,
        () = serve => unreachable!(),
    };
    failure(&report.outcome);
}
