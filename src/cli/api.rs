//! A running node, as its commands see it.

use std::future::Future;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::Client;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use reqwest::header::RETRY_AFTER;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::cli::Exit;
use crate::cli::arguments::Configured;
use crate::cli::arguments::live::Remote;
use crate::cli::bearer;
use crate::cli::chain;
pub(super) use crate::cli::failure::Failure;
use crate::cli::failure::failed;
use crate::cli::output::fail;
use crate::cli::output::plain;
use crate::config;

/// How long a node may take to be connected to.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a request may take: longer than the node gives a reload.
const REQUEST: Duration = Duration::from_secs(150);

/// How often a page or a batch is sent that the node had no room for.
const TRIES: usize = 10;

/// The longest that a node is waited for, whatever it says.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What a command wants of the node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Intent {
    /// To read; on loopback that needs no token.
    Look,
    /// To change something.
    Change,
}

/// The API of a node.
#[derive(Debug)]
pub(super) struct Api {
    base: Url,
    token: Option<String>,
    client: Client,
}

/// Runs a command that talks to a node.
pub(super) fn run(command: impl Future<Output = Result<Exit, Failure>>) -> Exit {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            fail(&format!("failed to start the runtime: {error}"));
            return Exit::Negative;
        }
    };
    runtime.block_on(command).unwrap_or_else(failed)
}

impl Api {
    /// Finds out where the node is, and by which token to ask.
    ///
    /// # Errors
    ///
    /// What is missing, and how to give it.
    pub(super) fn reach(
        configured: &Configured,
        remote: &Remote,
        intent: Intent,
    ) -> Result<Self, Failure> {
        let path = &configured.path();
        let access = match &remote.api {
            // Elsewhere the files here need not be those of the node.
            Some(_) => config::access(path).unwrap_or_default(),
            None => config::access(path).map_err(|problem| {
                Failure::Usage(format!(
                    "{}; name a file with `-c`, or a node with `--api`",
                    problem.message
                ))
            })?,
        };
        let base = base(remote.api.as_deref(), access.listen, path)?;
        let is_here = matches!(base.host_str(), Some("localhost"))
            || base.host_str().is_some_and(|host| {
                host.trim_matches(['[', ']']).parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            });
        let token = match bearer::given(remote.token_file.as_deref())? {
            Some(token) => Some(token),
            // Who may not read the file may look all the same.
            None if intent == Intent::Look && is_here => None,
            None => bearer::found(&access, path, intent)?,
        };
        Self::new(base, token)
    }

    /// The node at a URL.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub(super) fn at(url: &str, token: Option<String>) -> Result<Self, Failure> {
        let base = given(url).ok_or_else(|| {
            let expected = "a URL such as http://127.0.0.1:8053";
            Failure::Usage(format!("--to: expected {expected}, found {url:?}"))
        })?;
        Self::new(base, token)
    }

    fn new(base: Url, token: Option<String>) -> Result<Self, Failure> {
        let client = Client::builder().no_proxy().connect_timeout(CONNECT).timeout(REQUEST);
        // Where there is no TLS, authorities of the system are not needed, which may have none.
        let client = if base.scheme() == "http" { client.tls_certs_only([]) } else { client };
        let client = client.build().map_err(|error| Failure::Negative(chain(&error)))?;
        Ok(Self { base, token, client })
    }

    /// Where it is.
    pub(super) fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Reads something.
    ///
    /// # Errors
    ///
    /// What the node says, or that none answers.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let json = self.send(self.read(path, query)).await?;
        self.understood(json)
    }

    /// Reads one of many pages; whoever asks too often waits as long as the node says.
    ///
    /// # Errors
    ///
    /// As [`Api::get`].
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let json = self.send_patiently(self.read(path, query)).await?;
        self.understood(json)
    }

    /// Reports lines of JSON that may be taken twice, as patiently.
    ///
    /// # Errors
    ///
    /// As [`Api::get`].
    pub(super) async fn report<T: DeserializeOwned>(
        &self,
        path: &str,
        lines: String,
    ) -> Result<T, Failure> {
        let request = self.client.post(url(&self.base, path, None));
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(lines);
        let json = self.send_patiently(request).await?;
        self.understood(json)
    }

    /// Changes something. `tail` is a last part of the path, whatever is in it.
    ///
    /// # Errors
    ///
    /// As [`Api::get`].
    pub(super) async fn change(
        &self,
        method: Method,
        path: &str,
        tail: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let request = self.client.request(method, url(&self.base, path, tail));
        self.send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    fn read(&self, path: &str, query: &[(&str, String)]) -> RequestBuilder {
        let mut url = url(&self.base, path, None);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.get(url)
    }

    /// An answer as it is expected.
    ///
    /// # Errors
    ///
    /// If it is none of this version.
    pub(super) fn understood<T: DeserializeOwned>(&self, json: Value) -> Result<T, Failure> {
        serde_json::from_value(json).map_err(|error| {
            let address = self.address();
            Failure::Negative(format!("{address} is no Meridian of this version: {error}"))
        })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let (status, _, json) = self.answer(request).await?;
        self.judged(status, json)
    }

    /// Sends it again while the node says when to.
    async fn send_patiently(&self, request: RequestBuilder) -> Result<Value, Failure> {
        for _ in 0..TRIES {
            let Some(again) = request.try_clone() else { break };
            match self.answer(again).await? {
                (_, Some(after), _) => sleep(after).await,
                (status, None, json) => return self.judged(status, json),
            }
        }
        self.send(request).await
    }

    /// What came back: the status, when to come again, and the body.
    async fn answer(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Option<Duration>, Value), Failure> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|after| after.to_str().ok());
        let after = after.and_then(|after| after.parse().ok()).map(Duration::from_secs);
        let after = after.map(|after| after.min(LONGEST_PAUSE));
        let octets = response.bytes().await.map_err(|error| self.unreachable(error))?;
        Ok((status, after, serde_json::from_slice(&octets).unwrap_or_default()))
    }

    fn judged(&self, status: StatusCode, json: Value) -> Result<Value, Failure> {
        if status.is_success() {
            Ok(json)
        } else {
            Err(Failure::Negative(self.refusal(status, &json)))
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        let address = self.address();
        let is_connect = error.is_connect();
        // The root says it best: the layers between only repeat that there was an error.
        let error = error.without_url();
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        let advice = "is `meridian serve` running with this configuration?";
        Failure::Unreachable(if is_connect {
            format!("no node answers at {address}: {cause}; {advice}")
        } else {
            format!("the node at {address} gave no answer: {cause}")
        })
    }

    fn refusal(&self, status: StatusCode, problem: &Value) -> String {
        let Some(detail) = problem.get("detail").and_then(Value::as_str) else {
            return format!("{} answers {status}: is that a Meridian?", self.address());
        };
        let mut text = plain(detail);
        for diagnostic in problem.get("diagnostics").and_then(Value::as_array).into_iter().flatten()
        {
            let part = |name: &str| diagnostic.get(name).and_then(Value::as_str);
            let (file, line) = (part("file"), diagnostic.get("line").and_then(Value::as_u64));
            let place = file.zip(line).map(|(file, line)| format!("{file}:{line}: "));
            let (severity, code) = (part("severity"), part("code"));
            text += &plain(&format!(
                "{}{}[{}]: {}",
                place.unwrap_or_default(),
                severity.unwrap_or("error"),
                code.unwrap_or_default(),
                part("message").unwrap_or_default()
            ))
            .lines()
            .map(|line| format!("\n  {line}"))
            .collect::<String>();
        }
        if status == StatusCode::UNAUTHORIZED {
            text += "; give a token with `--token-file` or in MERIDIAN_TOKEN";
        }
        text
    }
}

/// A path below the base, and perhaps one more segment, which is encoded.
fn url(base: &Url, path: &str, tail: Option<&str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/').filter(|segment| !segment.is_empty()));
        segments.extend(tail);
    }
    url
}

/// A URL as the command line gives it, perhaps without a scheme.
fn given(text: &str) -> Option<Url> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// The address of the API.
fn base(api: Option<&str>, listen: Option<SocketAddr>, config: &Path) -> Result<Url, Failure> {
    let usage = |problem: String| Failure::Usage(problem);
    if let Some(text) = api {
        return given(text).ok_or_else(|| {
            usage(format!("--api: expected a URL such as http://127.0.0.1:8053, found {text:?}"))
        });
    }
    let listen = listen.ok_or_else(|| {
        let shown = config.display();
        usage(format!("`{shown}` has `listen = \"off\"` in `[control]`: give `--api URL`"))
    })?;
    // Who listens everywhere listens here.
    let address = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    let url = format!("http://{}", SocketAddr::new(address, listen.port()));
    Url::parse(&url).map_err(|error| usage(format!("{url}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_of(api: Option<&str>, listen: Option<&str>) -> Result<String, ()> {
        let listen = listen.map(|text| text.parse().unwrap());
        base(api, listen, Path::new("meridian.toml")).map(|url| url.to_string()).map_err(|_| ())
    }

    #[test]
    fn who_listens_everywhere_is_asked_here() {
        for (api, listen, expected) in [
            (None, Some("127.0.0.1:8053"), Ok("http://127.0.0.1:8053/")),
            (None, Some("0.0.0.0:8053"), Ok("http://127.0.0.1:8053/")),
            (None, Some("[::]:8053"), Ok("http://[::1]:8053/")),
            (None, None, Err(())),
            (Some("https://lb.example.com/meridian"), None, Ok("https://lb.example.com/meridian")),
            (Some("192.0.2.1:8053"), None, Ok("http://192.0.2.1:8053/")),
            (Some("ftp://x"), None, Err(())),
            (Some(""), None, Err(())),
        ] {
            assert_eq!(base_of(api, listen), expected.map(str::to_owned), "{api:?} {listen:?}");
        }
    }

    #[test]
    fn what_is_in_a_target_stays_in_its_segment() {
        let base = Url::parse("https://lb.example.com/meridian/").unwrap();
        let url = url(&base, "/api/v1/admin", Some("www/us-east/2001:db8::1?x"));
        assert_eq!(
            url.as_str(),
            "https://lb.example.com/meridian/api/v1/admin/www%2Fus-east%2F2001:db8::1%3Fx"
        );
    }
}
