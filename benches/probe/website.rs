//! The web server that is every endpoint: all of 127.0.0.0/8 at one port.

use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use meridian::tasks::Tasks;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWrite;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Failure;
use crate::now;

/// The name in its certificate.
pub(crate) const NAME: &str = "www.bench.test";

const UP: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n";
const DOWN: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";

/// How it is probed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    /// In clear.
    Http,
    /// By TLS, with the certificate verified.
    Https,
    /// By TLS, with any certificate.
    HttpsUnverified,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS, verified",
            Self::HttpsUnverified => "HTTPS, `verify = false`",
        })
    }
}

/// The server, in a thread of its own until the process ends.
pub(crate) struct Website {
    pub(crate) port: u16,
    /// Its certificate, PEM; empty without TLS.
    pub(crate) certificate: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    visits: AtomicU64,
    /// Addresses that answer 503.
    down: Mutex<HashSet<Ipv4Addr>>,
    /// When each of them first did.
    refused: Mutex<HashMap<Ipv4Addr, Instant>>,
}

impl Website {
    /// Starts answering.
    ///
    /// # Errors
    ///
    /// If there is no socket, thread or certificate to be had.
    pub(crate) fn start(scheme: Scheme) -> Result<Self, Failure> {
        let (tls, certificate) = match scheme {
            Scheme::Http => (None, String::new()),
            Scheme::Https | Scheme::HttpsUnverified => tls().map(|(a, c)| (Some(a), c))?,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("website".to_owned())
            .spawn(move || runtime.block_on(serve(listener, tls, of_thread)))?;
        Ok(Self { port, certificate, shared })
    }

    /// Requests that were answered.
    pub(crate) fn visits(&self) -> u64 {
        self.shared.visits.load(Ordering::Relaxed)
    }

    /// From now on these addresses answer 503.
    pub(crate) fn take_down(&self, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        lock(&self.shared.down).extend(addresses);
    }

    /// When an address first answered 503.
    pub(crate) fn refused(&self, address: Ipv4Addr) -> Option<Instant> {
        lock(&self.shared.refused).get(&address).copied()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A certificate that signs itself; small and fast, so that the node is what is measured.
fn tls() -> Result<(TlsAcceptor, String), Failure> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())?;
    Ok((TlsAcceptor::from(Arc::new(config)), made.cert.pem()))
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let tasks = Tasks::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let Ok(local) = stream.local_addr() else { continue };
        let IpAddr::V4(address) = local.ip() else { continue };
        // It listens everywhere, to be all of loopback; nobody else is served.
        if !peer.ip().is_loopback() || !address.is_loopback() {
            continue;
        }
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        // A visitor who leaves in the middle is the end of the visit, and fine.
        let visit = async move {
            match tls {
                None => drop(converse(stream, address, &shared).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(converse(stream, address, &shared).await);
                    }
                }
            }
        };
        // Past the limit a visitor is turned away, and the rate shows it.
        drop(tasks.spawn("visit", visit));
    }
}

/// Answers requests until the other side has enough.
async fn converse<S>(mut stream: S, address: Ipv4Addr, shared: &Shared) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::new();
    loop {
        let mut part = [0; 2048];
        let length = stream.read(&mut part).await?;
        if length == 0 {
            return stream.shutdown().await;
        }
        request.extend_from_slice(part.get(..length).unwrap_or_default());
        if !request.ends_with(b"\r\n\r\n") {
            continue;
        }
        request.clear();
        shared.visits.fetch_add(1, Ordering::Relaxed);
        let is_down = lock(&shared.down).contains(&address);
        stream.write_all(if is_down { DOWN } else { UP }).await?;
        if is_down {
            lock(&shared.refused).entry(address).or_insert_with(now);
        }
    }
}
