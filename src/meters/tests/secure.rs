//! Logins and TLS.

use std::fs;
use std::sync::Arc;

use rcgen::CertifiedKey;
use rcgen::generate_simple_self_signed;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::meters::Reason;

#[tokio::test]
async fn a_secret_is_sent_and_read_anew_each_time() {
    let tasks = Tasks::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "first\nsecond line\n").unwrap();
    let site = Site::open(&tasks, "1").await;
    let (mut of_token, mut of_user) = (plain(site.address), plain(site.address));
    of_token.login = LoadLogin::Token(path.clone());
    of_user.login = LoadLogin::User("me".into(), path.clone());
    let sources = vec![of_token, of_user];
    let meters = Meters::start(&[pulled("us", sources)], &tasks).unwrap();
    let mut readings = meters.readings();
    assert_eq!(until(&mut readings, "us", |_| true).await, Ok(2.0));
    let asked = site.asked();
    let has = |asked: &[String], header: &str| asked.iter().any(|head| head.contains(header));
    assert!(has(&asked, "authorization: Bearer first\r\n"), "{asked:?}");
    assert!(has(&asked, "authorization: Basic bWU6Zmlyc3Q=\r\n"), "{asked:?}");
    fs::write(&path, "renewed").unwrap();
    let wait = async {
        while !has(&site.asked(), "authorization: Bearer renewed\r\n") {
            tokio::time::sleep(INTERVAL / 10).await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap();
    fs::remove_file(&path).unwrap();
    let fault = until(&mut readings, "us", Result::is_err).await.unwrap_err();
    assert_eq!((fault.reason, fault.others), (Reason::Own, 1));
    fs::write(&path, "not\u{1}fit").unwrap();
    let unfit =
        |value: &Result<f64, Fault>| value.as_ref().is_err_and(|f| !f.found.contains("read"));
    let fault = until(&mut readings, "us", unfit).await.unwrap_err();
    assert!(fault.reason == Reason::Own && !fault.found.contains("fit"), "{fault}");
}

#[tokio::test]
async fn a_certificate_must_be_of_an_authority() {
    let tasks = Tasks::new();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let (acceptor, listener) =
        (TlsAcceptor::from(Arc::new(config)), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = listener.local_addr().unwrap();
    let stop = tasks.stopping().clone();
    let serve = async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Those who do not trust it go at once.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            drop(stream.read(&mut request).await);
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n7";
            drop(stream.write_all(answer).await);
            drop(stream.shutdown().await);
        }
    };
    let serve = async move {
        tokio::select! {
            () = serve => {}
            () = stop.cancelled() => {}
        }
    };
    tasks.spawn("tls site", serve).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authorities.pem");
    fs::write(&path, cert.pem()).unwrap();
    let of = |tls: LoadTls| {
        let url = format!("https://{address}/");
        LoadSource { url, tls, ..plain(address) }
    };
    let named = |authorities| LoadTls { authorities: Some(authorities), ..LoadTls::default() };
    let regions = [
        pulled("trusted", vec![of(named(path))]),
        pulled("anyone", vec![of(LoadTls { verify: false, ..LoadTls::default() })]),
        pulled("stranger", vec![of(LoadTls::default())]),
        pulled("no-file", vec![of(named(folder.path().join("none.pem")))]),
    ];
    let meters = Meters::start(&regions, &tasks).unwrap();
    let mut readings = meters.readings();
    assert_eq!(until(&mut readings, "trusted", |_| true).await, Ok(7.0));
    assert_eq!(until(&mut readings, "anyone", |_| true).await, Ok(7.0));
    let fault = until(&mut readings, "stranger", |_| true).await.unwrap_err();
    assert_eq!(fault.reason, Reason::Unreachable, "{fault}");
    let fault = until(&mut readings, "no-file", |_| true).await.unwrap_err();
    assert_eq!(fault.reason, Reason::Own, "{fault}");
}
