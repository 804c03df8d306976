//! A certificate that signs itself, for servers and for probes that must show one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::BasicConstraints;
use rcgen::CertificateParams;
use rcgen::CustomExtension;
use rcgen::IsCa;
use rcgen::KeyPair;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::CertifiedKey;
use rustls::sign::SingleCertAndKey;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use crate::model::TlsOptions;

/// A certificate, its key, and the files they are in.
pub(super) struct Own {
    certificate: CertificateDer<'static>,
    key: KeyPair,
    folder: TempDir,
}

impl Own {
    /// One for `name` that ends in a year.
    pub(super) fn new(name: &str, ends: i32) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        Self::made(params)
    }

    /// One that calls itself an authority's, as `openssl req -x509` makes it.
    pub(super) fn of_authority(name: &str, ends: i32) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::made(params)
    }

    /// One with an extension that nobody knows and must not ignore.
    pub(super) fn critical(name: &str, ends: i32) -> Self {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(ends, 1, 1);
        let mut odd = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
        odd.set_criticality(true);
        params.custom_extensions = vec![odd];
        Self::made(params)
    }

    /// One of X.509 version 1, for `localhost` by its common name, until 2126.
    pub(super) fn version_1() -> Self {
        let certificate = CertificateDer::from_pem_slice(VERSION_1.as_bytes()).unwrap();
        Self::with(certificate, VERSION_1.to_owned(), KeyPair::from_pem(KEY_1).unwrap())
    }

    fn made(params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self::with(certificate.der().clone(), certificate.pem(), key)
    }

    fn with(certificate: CertificateDer<'static>, pem: String, key: KeyPair) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.pem"), pem).unwrap();
        std::fs::write(folder.path().join("own.key"), key.serialize_pem()).unwrap();
        Self { certificate, key, folder }
    }

    /// The certificate and the key, as files.
    pub(super) fn identity(&self) -> (PathBuf, PathBuf) {
        (self.folder.path().join("own.pem"), self.folder.path().join("own.key"))
    }

    /// Options of a probe that trusts it and nothing else.
    pub(super) fn options(&self) -> TlsOptions {
        TlsOptions {
            server_name: None,
            verify: true,
            authorities: Some(self.identity().0),
            identity: None,
            expiry_warning: Duration::ZERO,
        }
    }

    /// A server that has it, and perhaps wants another from its clients.
    pub(super) fn acceptor(&self, protocol: &[u8], of_client: Option<&Self>) -> TlsAcceptor {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match of_client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let mut roots = RootCertStore::empty();
                roots.add(client.certificate.clone()).unwrap();
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let secret = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let key = ring::sign::any_supported_type(&secret).unwrap();
        // Not `with_single_cert`, which reads the certificate.
        let shown = CertifiedKey::new(vec![self.certificate.clone()], key);
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.to_vec()];
        }
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Made by `openssl x509 -req -signkey`, which gives version 1 if there are no extensions.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBJDCBywIUffOdgqTWFNoyR7Tb3Iri1n62jGgwCgYIKoZIzj0EAwIwFDESMBAG\n\
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyOTExMzkwMloYDzIxMjYxMTA1MTEzOTAy\n\
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n\
AAQl5aTw9lXUDCcI8xM07fazfz+zKJBCUey2KRsii6SiqVP+28iaFQAPXe3m48m4\n\
umw9U4AYnrlvtUBVek26aNqvMAoGCCqGSM49BAMCA0gAMEUCIFRoQo+epd8mw8nL\n\
WnB3QgLAmN7fgp/6Qyn6DMlbWaAzAiEAsFmnvJxIcMx6BEBp/ZE0nR/TBg7QFTvg\n\
E4lD7Esukso=\n\
-----END CERTIFICATE-----\n";

/// Its key.
const KEY_1: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyEIuatDMTWj/aIXt\n\
nh0stf/8kEUMqyimTpcKf9wvC2qhRANCAAQl5aTw9lXUDCcI8xM07fazfz+zKJBC\n\
Uey2KRsii6SiqVP+28iaFQAPXe3m48m4umw9U4AYnrlvtUBVek26aNqv\n\
-----END PRIVATE KEY-----\n";
