//! TLS towards targets: one configuration per monitor, a whole handshake per probe.

mod anyone;
mod trust;
mod words;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::model::TlsOptions;
use crate::model::limits;
use crate::prober::certificate;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;
use crate::prober::tls::trust::Authorities;
use crate::prober::tls::trust::Trusting;

/// How long a target may take for its farewell, within the timeout of the probe.
const FAREWELL: Duration = Duration::from_millis(250);

/// How a monitor speaks TLS.
#[derive(Clone, Debug)]
pub(super) struct ClientTls {
    /// The whole configuration.
    pub(super) config: Arc<ClientConfig>,
    server_name: Option<String>,
    /// Whether certificates are looked at.
    verifies: bool,
}

impl ClientTls {
    /// Builds the configuration; reads files. The error says what is wrong on our side.
    pub(super) fn new(options: &TlsOptions, protocol: &[u8]) -> Result<Self, String> {
        let provider = Arc::new(match options.verify {
            true => crypto::ring::default_provider(),
            false => anyone::provider(),
        });
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let verifier: Arc<dyn ServerCertVerifier> = if options.verify {
            let authorities = match &options.authorities {
                Some(path) => Authorities::new(certificates(path)?),
                None => native(),
            };
            Arc::new(Trusting::new(authorities, &provider))
        } else {
            anyone::verifier()
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &options.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|e| e.to_string())?;
                let chain = certificates(certificate)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())?
            }
        };
        // A resumed session would hide that a certificate changed or ended.
        config.resumption = Resumption::disabled();
        if !protocol.is_empty() {
            config.alpn_protocols = vec![protocol.to_vec()];
        }
        let (server_name, verifies) = (options.server_name.clone(), options.verify);
        Ok(Self { config: Arc::new(config), server_name, verifies })
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
        let stream = connected.map_err(|error| match said(&error, self.verifies) {
            Some(words) => Fault::Target(words),
            None => Fault::of_socket("shaking hands over TLS", &error),
        })?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let ends = leaf.and_then(certificate::ends);
        Ok((stream, ends))
    }
}

/// Says farewell, and waits for that of the target, so that it has no reset to log: what it sends
/// after a handshake, such as tickets, would otherwise find nobody.
pub(super) async fn farewell(stream: &mut TlsStream<TcpStream>) {
    let farewell = async {
        stream.shutdown().await.ok();
        let mut octets = [0; 1024];
        let mut n_left = limits::PROBE_REST;
        while let Ok(n @ 1..) = stream.read(&mut octets).await {
            n_left = n_left.saturating_sub(n);
            if n_left == 0 {
                break;
            }
        }
    };
    timeout(FAREWELL, farewell).await.ok();
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

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    found.map_err(|error| format!("{} is not PEM: {error}", path.display()))
}

/// The authorities of the system, read once.
fn native() -> Authorities {
    static FOUND: OnceLock<Authorities> = OnceLock::new();
    let load = || {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "an authority of the system can't be read");
        }
        Authorities::new(found.certs)
    };
    FOUND.get_or_init(load).clone()
}

/// What an error of a stream says of its target, if it is one of TLS.
pub(super) fn said(error: &io::Error, verifies: bool) -> Option<String> {
    let of_tls = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(words::of(of_tls, verifies))
}
