//! Coming into contact: a server, a login, TLS.

use std::error::Error;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use async_nats::Client;
use async_nats::ConnectError;
use async_nats::ConnectErrorKind;
use async_nats::ConnectOptions;
use async_nats::Event;
use async_nats::ServerAddr;
use async_nats::ServerError;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::cluster::fault::Fault;
use crate::config::Cluster;
use crate::config::Login;

/// How often it is looked whether the server is still there. It is given up once two of these
/// are unanswered when the third is due: after three to four and a half seconds.
const PING: Duration = Duration::from_millis(1_500);

/// To reach one address of a server, TLS included: five times the way around the world and
/// back, and twice.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// To answer a request. Servers of a cluster ask each other first.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Octets of a file with a secret; more are no secret.
const SECRET: u64 = 64 * 1024;

/// Denials that may wait for those whom they concern; each is told while its request waits.
const DENIALS: usize = 64;

/// A connection, from its beginning to its end: it is never another one.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// Cancelled once it has ended.
    pub(super) gone: CancellationToken,
    /// What the server said that the login may not do.
    pub(super) denials: broadcast::Sender<String>,
}

/// Reaches one of the servers. What the settings name is read anew each time, so that files may
/// be renewed.
pub(super) async fn dial(cluster: &Cluster) -> Result<Connection, Fault> {
    let (gone, (denials, _)) = (CancellationToken::new(), broadcast::channel(DENIALS));
    let addresses = addresses(&cluster.servers)?;
    let shown = shown(&addresses);
    let (ended, denied) = (gone.clone(), denials.clone());
    let mut options = login(&cluster.login)?
        .name(
            cluster
                .node
                .as_deref()
                .map_or_else(|| "meridian".into(), |of| format!("meridian {of}")),
        )
        .ping_interval(PING)
        .connection_timeout(CONNECT_WITHIN)
        .request_timeout(Some(ANSWER_WITHIN))
        // A list that somebody else can make longer is no list of whom a login may be shown.
        .ignore_discovered_servers()
        // The client would connect again by itself, and never say that a bucket has gone
        // meanwhile: every connection here is new. It has to reach each server once, though.
        .max_reconnects(addresses.len())
        .reconnect_delay_callback(|_| Duration::ZERO)
        .event_callback(move |event| {
            heard(event, &ended, &denied);
            std::future::ready(())
        });
    if let Some(path) = &cluster.authorities {
        options = options.add_root_certificates(path.clone());
    }
    if let Some((certificate, key)) = &cluster.identity {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    if cluster.authorities.is_some() || cluster.identity.is_some() {
        // Otherwise whoever sits in between could say that the server has no TLS.
        options = options.require_tls(true);
    }
    match options.connect(addresses).await {
        Ok(client) => Ok(Connection { client, gone, denials }),
        Err(error) => Err(refused(&error, shown)),
    }
}

fn heard(event: Event, gone: &CancellationToken, denials: &broadcast::Sender<String>) {
    match event {
        Event::Closed | Event::Disconnected | Event::Draining => gone.cancel(),
        Event::ServerError(ServerError::Other(found)) => {
            // Nobody may be waiting.
            drop(denials.send(found));
        }
        Event::ClientError(_)
        | Event::Connected
        | Event::LameDuckMode
        | Event::ServerError(_)
        | Event::SlowConsumer(_) => {}
    }
}

fn addresses(servers: &[String]) -> Result<Vec<ServerAddr>, Fault> {
    let address = |server: &String| {
        let unfit = |error: io::Error| Fault::Unreachable {
            servers: "an address of `[cluster]`".to_owned(),
            found: error.to_string(),
        };
        server.parse::<ServerAddr>().map_err(unfit)
    };
    servers.iter().map(address).collect()
}

/// The servers without what may be secret in a URL.
fn shown(addresses: &[ServerAddr]) -> String {
    let of = |address: &ServerAddr| format!("{}:{}", address.host(), address.port());
    addresses.iter().map(of).collect::<Vec<_>>().join(", ")
}

fn login(login: &Login) -> Result<ConnectOptions, Fault> {
    let options = ConnectOptions::new();
    match login {
        Login::Anyone => Ok(options),
        Login::Credentials(path) => {
            let what = "the credentials file";
            let unfit = |error: io::Error| file(what, path, &error);
            // The client wants the end of the last line.
            options.credentials(&(secret(what, path)? + "\n")).map_err(unfit)
        }
        Login::Nkey(path) => Ok(options.nkey(secret("the nkey seed file", path)?)),
        Login::Token(path) => Ok(options.token(secret("the token file", path)?)),
        Login::User(user, path) => {
            Ok(options.user_and_password(user.clone(), secret("the password file", path)?))
        }
    }
}

/// A file's text without the end of its last line. Blocks, on a file that is small.
fn secret(what: &'static str, path: &Path) -> Result<String, Fault> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(SECRET).read_to_string(&mut text));
    read.map_err(|error| file(what, path, &error))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(file(what, path, &io::Error::other("it is empty")));
    }
    Ok(text.to_owned())
}

fn file(what: &'static str, path: &Path, error: &io::Error) -> Fault {
    Fault::File { what, path: path.display().to_string(), found: error.to_string() }
}

/// Why no server was reached.
fn refused(error: &ConnectError, servers: String) -> Fault {
    let found = chain(error);
    match error.kind() {
        ConnectErrorKind::Authentication => {
            let found = "the nkey seed or the credentials are no key".to_owned();
            Fault::Login { servers, found }
        }
        ConnectErrorKind::AuthorizationViolation => {
            Fault::Login { servers, found: "authorization violation".to_owned() }
        }
        ConnectErrorKind::Tls => Fault::Tls { servers, found },
        ConnectErrorKind::Dns
        | ConnectErrorKind::Io
        | ConnectErrorKind::MaxReconnects
        | ConnectErrorKind::ServerParse
        | ConnectErrorKind::TimedOut => {
            let lower = found.to_lowercase();
            if is_tls(error) {
                Fault::Tls { servers, found }
            } else if lower.contains("authentication") || lower.contains("authorization") {
                Fault::Login { servers, found }
            } else {
                Fault::Unreachable { servers, found }
            }
        }
    }
}

/// Whether TLS is what failed; the client calls it input and output.
fn is_tls(error: &ConnectError) -> bool {
    causes(error).any(|cause| {
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>())
    })
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// An error with its causes; some of the client's show theirs already.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
