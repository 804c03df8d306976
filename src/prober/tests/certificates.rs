//! A certificate that signs itself, for servers and for probes that must show one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::CertificateParams;
use rcgen::KeyPair;
use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
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
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("own.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.path().join("own.key"), key.serialize_pem()).unwrap();
        Self { certificate: certificate.der().clone(), key, folder }
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
        let mut config = builder.with_single_cert(vec![self.certificate.clone()], secret).unwrap();
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.to_vec()];
        }
        TlsAcceptor::from(Arc::new(config))
    }
}
