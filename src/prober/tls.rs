//! TLS towards targets: one configuration per monitor, a whole handshake per probe.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;

use jiff::Timestamp;
use rustls::CertificateError;
use rustls::ClientConfig;
use rustls::DigitallySignedStruct;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::Resumption;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;
use rustls::pki_types::pem::PemObject;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::model::TlsOptions;
use crate::prober::certificate;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;

/// How a monitor speaks TLS.
#[derive(Clone, Debug)]
pub(super) struct ClientTls {
    /// The whole configuration.
    pub(super) config: Arc<ClientConfig>,
    server_name: Option<String>,
}

impl ClientTls {
    /// Builds the configuration; reads files. The error says what is wrong on our side.
    pub(super) fn new(options: &TlsOptions, protocol: &[u8]) -> Result<Self, String> {
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let roots = match &options.authorities {
            Some(path) => Arc::new(authorities(path)?),
            None => native(),
        };
        let builder = builder.with_root_certificates(roots);
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|e| e.to_string())?;
                let chain = certificates(certificate)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
            }
        };
        if !options.verify {
            config.dangerous().set_certificate_verifier(Arc::new(Anyone(provider)));
        }
        // A resumed session would hide that a certificate changed or ended.
        config.resumption = Resumption::disabled();
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.to_vec()];
        }
        Ok(Self { config: Arc::new(config), server_name: options.server_name.clone() })
    }

    /// A handshake, and when the certificate ends that the target presented.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        name: &str,
        stage: &Stage,
    ) -> Result<(TlsStream<TcpStream>, Option<Timestamp>), Fault> {
        let name = self.server_name.as_deref().unwrap_or(name);
        let name = ServerName::try_from(host_of(name).to_owned())
            .map_err(|_| Fault::Ours(format!("{name:?} is no name for TLS")))?;
        stage.begin("shaking hands over TLS");
        let connected = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await;
        let stream = connected.map_err(|error| {
            let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match of_tls {
                Some(error) => Fault::target(words(error)),
                None => Fault::of_socket("shaking hands over TLS", &error),
            }
        })?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let ends = leaf.and_then(certificate::ends);
        Ok((stream, ends))
    }
}

/// A host without its port and brackets.
pub(super) fn host_of(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        Some(_) | None => authority,
    }
}

/// What an error of TLS says of the target.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some need other words")]
fn words(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(wrong) = error else {
        return format!("TLS: {error}");
    };
    match wrong {
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            let seconds = i64::try_from(not_after.as_secs()).unwrap_or(i64::MAX);
            Timestamp::from_second(seconds).map_or_else(
                |_| "certificate expired".into(),
                |at| format!("certificate expired {at}"),
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate is for another name".to_owned()
        }
        CertificateError::UnknownIssuer => "certificate is of an unknown authority".to_owned(),
        other => format!("certificate: {other}"),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    found.map_err(|error| format!("{} is not PEM: {error}", path.display()))
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(path)?);
    Ok(roots)
}

/// The authorities of the system, read once.
fn native() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let load = || {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "an authority of the system can't be read");
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        Arc::new(roots)
    };
    Arc::clone(ROOTS.get_or_init(load))
}

/// Takes any certificate: `verify = false`.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
