//! One call of a hook.

use std::process::Stdio;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::config::Hook;
use crate::config::HookAction;
use crate::control::hook::kind;
use crate::engine::Notice;
use crate::tasks::Program;

/// The rests before a second and a third try of a URL.
const RESTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Calls one hook.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    action: HookAction,
    timeout: Duration,
    /// Made at the first call: only hooks with a URL need one.
    client: Option<reqwest::Client>,
}

/// Why a hook did not take an event, and whether to try again.
struct Refused {
    why: String,
    again: bool,
}

impl Caller {
    pub(super) fn new(hook: &Hook) -> Self {
        let client = match hook.action {
            HookAction::Url(ref url) => client(url),
            HookAction::Command(_) => None,
        };
        Self { action: hook.action.clone(), timeout: hook.timeout, client }
    }

    /// Tells it.
    ///
    /// # Errors
    ///
    /// Why it did not take the event, after all tries.
    pub(super) async fn call(&self, notice: &Notice) -> Result<(), String> {
        let json = serde_json::to_string(notice).map_err(|error| error.to_string())?;
        match &self.action {
            HookAction::Command(words) => {
                let run = run(words, kind(&notice.what).as_str(), &json);
                let late = || format!("killed after {:?}", self.timeout);
                timeout(self.timeout, run).await.unwrap_or_else(|_| Err(late()))
            }
            HookAction::Url(url) => {
                let mut rests = RESTS.into_iter();
                loop {
                    let Err(refused) = self.post(url, &json).await else { return Ok(()) };
                    match rests.next() {
                        Some(rest) if refused.again => sleep(rest).await,
                        Some(_) | None => return Err(refused.why),
                    }
                }
            }
        }
    }

    async fn post(&self, url: &str, json: &str) -> Result<(), Refused> {
        let Some(client) = &self.client else {
            return Err(Refused { why: "no TLS to be had".to_owned(), again: false });
        };
        let request = client.post(url).header(CONTENT_TYPE, "application/json");
        let sent = request.timeout(self.timeout).body(json.to_owned()).send().await;
        // The URL may hold a secret, as those of chats do.
        let response =
            sent.map_err(|error| Refused { why: chain(&error.without_url()), again: true })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let for_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        let again = status.is_server_error() || for_now.contains(&status);
        Err(Refused { why: format!("status {status}, expected 200 to 299"), again })
    }
}

fn client(url: &str) -> Option<reqwest::Client> {
    // Without one there is a panic; the first that is installed stays.
    drop(rustls::crypto::ring::default_provider().install_default());
    let agent = concat!("meridian/", env!("CARGO_PKG_VERSION"));
    let client = reqwest::Client::builder().user_agent(agent).redirect(Policy::none()).no_proxy();
    // Where there is no TLS, authorities of the system are not needed, which may have none.
    let is_plain = url.starts_with("http:");
    let client = if is_plain { client.tls_certs_only([]) } else { client };
    client.build().ok()
}

/// Runs a program without a shell. It ends with all that it started, also if it is dropped.
async fn run(words: &[String], event: &str, json: &str) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut command = Command::new(program);
    // Secrets of the node's environment are none of its business.
    command.args(arguments).env_clear().env("MERIDIAN_EVENT", event);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut run = Program::start(&mut command)
        .map_err(|error| format!("failed to run `{program}`: {error}"))?;
    let input = run.child().stdin.take();
    let told = async {
        if let Some(mut input) = input {
            // It may well not read what it is told.
            drop(input.write_all(format!("{json}\n").as_bytes()).await);
        }
    };
    // Nor need it have read all before it ends: what it left may hold the pipe open.
    let status = tokio::select! {
        status = run.wait() => status,
        () = told => run.wait().await,
    };
    let status = status.map_err(|error| format!("lost `{program}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{program}`: {status}")) }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::config::HookEvent;
    use crate::engine::Severity;
    use crate::engine::What;

    /// Answers one connection after the other with these statuses; returns what came.
    async fn site(listener: TcpListener, statuses: &[&str]) -> Vec<String> {
        let mut came = Vec::new();
        for status in statuses {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let mut length = 0;
            while !request[..length].ends_with(b"}") {
                length += stream.read(&mut request[length..]).await.unwrap();
            }
            came.push(String::from_utf8_lossy(&request[..length]).into_owned());
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        came
    }

    async fn call(statuses: &[&str]) -> (Result<(), String>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?secret", listener.local_addr().unwrap());
        let caller = Caller::new(&Hook {
            name: "chat".into(),
            action: HookAction::Url(url),
            events: vec![HookEvent::Reloaded],
            timeout: Duration::from_secs(10),
        });
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let (node, id, severity) = ("ns1".to_owned(), "ns1-2a-1".to_owned(), Severity::Info);
        let notice = Notice { at, node, id, severity, what: What::Reloaded { generation: 1 } };
        tokio::join!(caller.call(&notice), site(listener, statuses))
    }

    #[tokio::test]
    async fn a_site_that_is_busy_is_asked_again() {
        let (result, came) = call(&["503 Busy", "200 OK"]).await;
        assert_eq!((result, came.len()), (Ok(()), 2));
        assert!(came[0].starts_with("POST /hook?secret HTTP/1.1\r\n"), "{}", came[0]);
        assert!(came[0].contains("content-type: application/json\r\n"), "{}", came[0]);
        assert!(came[1].ends_with("\"event\":\"reloaded\",\"generation\":1}"), "{}", came[1]);
    }

    #[tokio::test]
    async fn a_site_that_does_not_want_it_is_not_asked_again() {
        let (result, _) = call(&["404 Not Found"]).await;
        assert_eq!(result, Err("status 404 Not Found, expected 200 to 299".to_owned()));
    }
}
