//! One source: asked by HTTP, read as its answer comes.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use reqwest::Certificate;
use reqwest::Client;
use reqwest::Identity;
use reqwest::Response;
use reqwest::Url;
use reqwest::redirect::Policy;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::meters::format::Found;
use crate::meters::format::Scan;
use crate::meters::rate::Rate;
use crate::model::LoadLogin;
use crate::model::LoadSource;
use crate::model::LoadTls;
use crate::model::limits;

/// A source, and what it said before.
pub(super) struct Source {
    noun: LoadSource,
    interval: Duration,
    /// Made at the first reading, and anew after one that failed: files may have been renewed.
    client: Option<Client>,
    rate: Rate,
    begun: Instant,
}

impl Source {
    pub(super) fn new(noun: &LoadSource, interval: Duration) -> Self {
        let (client, rate, begun) = (None, Rate::default(), Instant::now());
        Self { noun: noun.clone(), interval, client, rate, begun }
    }

    /// The URL without what may be a secret: of a query it is not known.
    pub(super) fn shown(&self) -> String {
        let url = Url::parse(&self.noun.url).map(|mut url| {
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        });
        url.unwrap_or_default()
    }

    /// The load, and over how long it is an average; `None` if it grows and there is nothing yet
    /// to grow from. It takes no longer than the timeout.
    pub(super) async fn read(&mut self) -> Result<Option<(f64, Duration)>, Flaw> {
        let within = self.noun.timeout;
        let asked = self.begun.elapsed();
        let late = || Flaw::new(Reason::Late, format!("no whole answer within {within:?}"));
        let found = timeout(within, self.ask()).await.unwrap_or_else(|_| Err(late()));
        if found.is_err() {
            self.client = None;
        }
        // When exactly it was so is not said.
        let now = (asked + self.begun.elapsed()) / 2;
        self.rate.read(found?, now, self.interval)
    }

    async fn ask(&mut self) -> Result<Found, Flaw> {
        let client = match &self.client {
            Some(client) => client,
            None => self.client.insert(client(&self.noun)?),
        };
        let request = client.get(&self.noun.url);
        let request = match &self.noun.login {
            LoadLogin::Anyone => request,
            LoadLogin::Token(path) => request.bearer_auth(secret(path)?),
            LoadLogin::User(user, path) => request.basic_auth(user, Some(secret(path)?)),
        };
        let mut answer = request.send().await.map_err(broken)?;
        check_status(&answer)?;
        let mut scan = Scan::new(&self.noun.format);
        while let Some(octets) = answer.chunk().await.map_err(broken)? {
            scan.take(&octets)?;
        }
        scan.end()
    }
}

fn check_status(answer: &Response) -> Result<(), Flaw> {
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    Err(Flaw::new(Reason::Status, format!("status {status}, expected 200 to 299")))
}

/// A client that keeps no connection: what was closed meanwhile would be a reading lost.
fn client(source: &LoadSource) -> Result<Client, Flaw> {
    // Without one there is a panic; the first that is installed stays.
    drop(rustls::crypto::ring::default_provider().install_default());
    let agent = concat!("meridian/", env!("CARGO_PKG_VERSION"));
    let builder = Client::builder().user_agent(agent).redirect(Policy::none()).no_proxy();
    let builder = builder.pool_max_idle_per_host(0);
    let LoadTls { verify, authorities, identity } = &source.tls;
    // Where there is no TLS, those of the system need not be read.
    let trusted = match authorities {
        Some(path) => Some(authorities_in(path)?),
        None if source.url.starts_with("http:") => Some(Vec::new()),
        None => None,
    };
    let builder = match trusted {
        Some(trusted) => builder.tls_certs_only(trusted),
        None => builder,
    };
    let builder = match identity {
        Some((certificate, key)) => builder.identity(identity_in(certificate, key)?),
        None => builder,
    };
    let client = builder.tls_danger_accept_invalid_certs(!verify).build();
    client.map_err(|error| Flaw::new(Reason::Own, chain(&error)))
}

fn authorities_in(path: &Path) -> Result<Vec<Certificate>, Flaw> {
    let read = Certificate::from_pem_bundle(&octets(path)?);
    read.map_err(|error| of_file(path, &chain(&error)))
}

fn identity_in(certificate: &Path, key: &Path) -> Result<Identity, Flaw> {
    let both = [octets(key)?, b"\n".to_vec(), octets(certificate)?].concat();
    Identity::from_pem(&both).map_err(|error| of_file(certificate, &chain(&error)))
}

/// A file's octets. Blocks, on a file that is small.
fn octets(path: &Path) -> Result<Vec<u8>, Flaw> {
    let mut octets = Vec::new();
    let most = limits::LOAD_SECRET as u64;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut octets));
    read.map_err(|error: io::Error| of_file(path, &error.to_string()))?;
    Ok(octets)
}

/// The first line of a file. Never told, whatever is wrong.
fn secret(path: &Path) -> Result<String, Flaw> {
    let octets = octets(path)?;
    let text = String::from_utf8(octets).map_err(|_| of_file(path, "it is not UTF-8"))?;
    match text.lines().next().map(str::trim) {
        None | Some("") => Err(of_file(path, "its first line is empty")),
        Some(secret) => Ok(secret.to_owned()),
    }
}

fn of_file(path: &Path, why: &str) -> Flaw {
    Flaw::new(Reason::Own, format!("failed to read `{}`: {why}", path.display()))
}

/// Why there is no answer, or no more of it.
fn broken(error: reqwest::Error) -> Flaw {
    // A secret that fits no header is found when the request is made.
    let reason = if error.is_builder() { Reason::Own } else { Reason::Unreachable };
    // The URL may hold a secret.
    Flaw::new(reason, chain(&error.without_url()))
}

/// An error with its causes; some show theirs already.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).fold(error.to_string(), |text, cause| {
        if text.contains(&cause) { text } else { format!("{text}: {cause}") }
    })
}
