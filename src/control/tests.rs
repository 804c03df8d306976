//! The API against a stand-in for the node, over real connections.

mod beacon;
mod crowds;
mod description;
mod loads;
mod samples;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::Client;
use reqwest::Method;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::header::HOST;
use ring::digest;
use serde_json::Value;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::config::Role;
use crate::config::Token;
use crate::control::Control;
use crate::control::Intake;
use crate::control::NoSuchCheck;
use crate::control::Ordered;
use crate::control::Request;
use crate::control::Traffic;
use crate::control::TrafficSource;
use crate::control::bind;
use crate::control::fixture;
use crate::control::fixture::at;
use crate::control::route::ROUTES;
use crate::engine::AdminChange;
use crate::engine::AdminDone;
use crate::engine::AdminRefusal;
use crate::engine::Notice;
use crate::engine::Severity;
use crate::engine::What;
use crate::meters::Meters;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::limits;
use crate::samples::Keeper;
use crate::samples::Site;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// An API with a stand-in behind it.
struct Stage {
    address: SocketAddr,
    client: Client,
    notices: broadcast::Sender<Arc<Notice>>,
    changes: Arc<Mutex<Vec<AdminChange>>>,
    control: Control,
    _tasks: Tasks,
}

/// Answers as a node would that knows the fixture; what is named `mute` is never answered.
async fn stand_in(mut requests: mpsc::Receiver<Request>, changes: Arc<Mutex<Vec<AdminChange>>>) {
    let mut kept = Vec::new();
    while let Some(request) = requests.recv().await {
        match request {
            Request::Admin(change, reply) => {
                let known = ["us-east", "eu-west", "www"];
                let text = change.target.to_string();
                let answer = match &change.target {
                    _ if !known.contains(&text.split('/').next().unwrap()) => {
                        let (found, known) = (text, known.join(", "));
                        Err(AdminRefusal::Unknown { what: "region", found, known })
                    }
                    AdminTarget::Region { region } if region == "us-east" && !change.force => {
                        let service = "www".into();
                        Err(AdminRefusal::Safety {
                            service,
                            family: Some(crate::model::Family::V4),
                            clients: "IPv4".into(),
                            left: 0,
                            regions: 2,
                            least: 1,
                        })
                    }
                    AdminTarget::Region { .. }
                    | AdminTarget::Pool { .. }
                    | AdminTarget::Endpoint { .. } => {
                        let (before, settled) = (AdminState::Auto, at("03:04:35"));
                        Ok(AdminDone { before, settled, unsettled: None, others: Vec::new() })
                    }
                };
                let (disk, saved) = oneshot::channel();
                drop(disk.send(Ok(())));
                changes.lock().unwrap().push(change);
                drop(reply.send(answer.map(|done| Ordered { done, saved })));
            }
            Request::Explain(asked, reply) if asked.name.to_string().starts_with("mute") => {
                kept.push(reply);
            }
            Request::Explain(asked, reply) => {
                let client = asked.client.map(|client| client.to_string());
                let json = json!({ "name": asked.name.to_string(), "client": client });
                drop(reply.send(Ok(json)));
            }
            Request::Heartbeat(beat, reply) => {
                let known = beat.monitor == "beat";
                let (monitor, target) = (beat.monitor, beat.target);
                drop(reply.send(known.then_some(()).ok_or(NoSuchCheck { monitor, target })));
            }
            Request::Reload(reply) => {
                drop(reply.send(Err(json!([{ "code": "unknown-key" }]))));
            }
            Request::Status(reply) => drop(reply.send(fixture::status().into())),
        }
    }
}

impl Stage {
    fn new() -> Self {
        // A second call, in another test, keeps the first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let tasks = Tasks::new();
        let (sender, requests) = mpsc::channel(16);
        let (notices, _) = broadcast::channel(16);
        let changes = Arc::new(Mutex::new(Vec::new()));
        tasks.spawn("node", stand_in(requests, Arc::clone(&changes))).unwrap();
        let token = |role: Role| {
            let hash = digest::digest(&digest::SHA256, role.as_str().as_bytes());
            let name = if role == Role::Operate { "alice" } else { role.as_str() };
            Token { name: name.into(), role, sha256: hash.as_ref().try_into().unwrap() }
        };
        let traffic = TrafficSource::new(Traffic::default);
        let site = |name: &str| Site { name: name.to_owned(), location: None };
        let sites = ["us-east", "eu-west"].map(site).to_vec();
        let keeper = Keeper::start(sites, None, &tasks).unwrap();
        let intake = Intake { keeper, meters: Meters::start(&loads::regions(), &tasks).unwrap() };
        let control = Control::start(
            bind("127.0.0.1:0".parse().unwrap()).unwrap(),
            Role::ALL.map(token).to_vec(),
            sender,
            notices.clone(),
            traffic,
            intake,
            &tasks,
        )
        .unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self { address: control.address(), client, notices, changes, control, _tasks: tasks }
    }

    fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    async fn read(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    async fn write(&self, method: Method, path: &str, body: Value) -> Response {
        self.ask(method, path).bearer_auth("operate").json(&body).send().await.unwrap()
    }

    /// Sends octets as they are, and reads until the end.
    async fn raw(&self, octets: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(octets).await.unwrap();
        let mut answer = Vec::new();
        // A reset after the answer is an end too.
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    }
}

async fn problem(response: Response, status: u16, name: &str) -> Value {
    assert_eq!(response.status(), status, "{name}");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["type"], format!("urn:meridian:problem:{name}"));
    assert_eq!(problem["status"], status);
    problem
}

#[tokio::test]
async fn reads_show_what_the_node_knows() {
    let stage = Stage::new();
    let status: Value = stage.read("/api/v1/status").await.json().await.unwrap();
    assert_eq!(status, serde_json::to_value(fixture::status()).unwrap());
    let cut: Value = stage.read("/api/v1/status?region=eu-west").await.json().await.unwrap();
    assert_eq!(cut["regions"].as_array().unwrap().len(), 1);
    problem(stage.read("/api/v1/status?region=mars").await, 404, "not-found").await;
    problem(stage.read("/api/v1/status?regoin=mars").await, 400, "query").await;
    let admin: Value = stage.read("/api/v1/admin").await.json().await.unwrap();
    assert_eq!(admin["admin"][0]["who"], "alice");
    assert_eq!(stage.read("/healthz").await.text().await.unwrap(), "ok\n");
    let ready: Value = stage.read("/readyz").await.json().await.unwrap();
    assert_eq!((&ready["generation"], &ready["checks"]), (&json!(3), &json!(3)));
    let metrics = stage.read("/metrics").await;
    let kind = metrics.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(metrics.text().await.unwrap().ends_with("# EOF\n"));
    let page = stage.read("/").await;
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.text().await.unwrap().contains("kernel &lt;upgrade&gt;"));
    let asked = "/api/v1/explain?name=www.example.com&client=192.0.2.77/24";
    let explained: Value = stage.read(asked).await.json().await.unwrap();
    assert_eq!(explained["client"], "192.0.2.0/24");
    problem(stage.read("/api/v1/explain?name=www&client=here").await, 400, "query").await;
    problem(stage.read("/api/v1/explain?name=").await, 400, "query").await;
}

#[tokio::test]
async fn changes_go_to_the_node_with_the_name_of_the_token() {
    let stage = Stage::new();
    let body = json!({ "target": "eu-west", "state": "drained", "why": "upgrade", "for": "2h" });
    let done = stage.write(Method::PUT, "/api/v1/admin", body).await;
    assert_eq!(done.status(), 200);
    let done: Value = done.json().await.unwrap();
    assert_eq!(done["settled"], "2026-01-02T03:04:35Z");
    let path = "/api/v1/admin/www/us-east/2001:db8::1?force=true";
    assert_eq!(stage.write(Method::DELETE, path, json!({})).await.status(), 200);
    let changes = stage.changes.lock().unwrap().clone();
    let shown: Vec<_> = changes
        .iter()
        .map(|c| (c.target.to_string(), c.state, &*c.who, &*c.why, c.force))
        .collect();
    assert_eq!(
        shown,
        [
            ("eu-west".to_owned(), AdminState::Drained, "alice", "upgrade", false),
            ("www/us-east/2001:db8::1".to_owned(), AdminState::Auto, "alice", "", true),
        ]
    );
    assert!(changes[0].until.is_some());
    let body = json!({ "target": "us-east", "state": "drained" });
    let refused = stage.write(Method::PUT, "/api/v1/admin", body).await;
    assert_eq!(problem(refused, 409, "safety").await["safety"]["least"], 1);
    let body = json!({ "target": "mars", "state": "drained" });
    problem(stage.write(Method::PUT, "/api/v1/admin", body).await, 404, "not-found").await;
    let reload = stage.write(Method::POST, "/api/v1/reload", json!({})).await;
    let reload = problem(reload, 422, "configuration").await;
    assert_eq!(reload["diagnostics"][0]["code"], "unknown-key");
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let stage = Stage::new();
    for (body, expected) in [
        (json!({ "target": "us-east" }), "missing field `state`"),
        (json!({ "target": "a//b", "state": "auto" }), "found \"a//b\""),
        (json!({ "target": "us-east", "state": "down" }), "expected one of `auto`"),
        (json!({ "target": "us-east", "state": "auto", "reason": "" }), "unknown field `reason`"),
        (json!({ "target": "us-east", "state": "auto", "for": "soon" }), "a duration such as"),
        (json!({ "target": "us-east", "state": "auto", "why": "a\nb" }), "control characters"),
        (json!([]), "invalid"),
    ] {
        let response = stage.write(Method::PUT, "/api/v1/admin", body).await;
        let problem = problem(response, 422, "body").await;
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
    let none = stage.ask(Method::PUT, "/api/v1/admin").bearer_auth("operate").send().await;
    problem(none.unwrap(), 422, "body").await;
    let long = "x".repeat(limits::API_BODY + 1);
    let put = stage.ask(Method::PUT, "/api/v1/admin").bearer_auth("operate").body(long);
    problem(put.send().await.unwrap(), 413, "too-long").await;
    assert!(stage.changes.lock().unwrap().is_empty(), "nothing of that was asked");
}

#[tokio::test]
async fn heartbeats_need_no_body() {
    let stage = Stage::new();
    let push = |path: &str| stage.ask(Method::POST, path).bearer_auth("report");
    assert_eq!(push("/api/v1/push/beat/192.0.2.1").send().await.unwrap().status(), 204);
    let failure = json!({ "failure": "disk full" });
    let sent = push("/api/v1/push/beat/192.0.2.1").json(&failure).send().await.unwrap();
    assert_eq!(sent.status(), 204);
    problem(push("/api/v1/push/other/x").send().await.unwrap(), 404, "not-found").await;
    let wrong = push("/api/v1/push/beat/x").json(&json!({ "fail": true })).send().await.unwrap();
    problem(wrong, 422, "body").await;
}

#[tokio::test]
async fn nothing_changes_without_a_token_whose_role_suffices() {
    let stage = Stage::new();
    let of_tokens = ROUTES.iter().filter(|route| route.role.is_some());
    for route in of_tokens.filter(|route| !route.only_reads()) {
        let path = route.path.replace("{target…}", "us-east").replace(['{', '}'], "");
        let ask = || stage.ask(route.method.clone(), &path);
        let refused = ask().send().await.unwrap();
        assert_eq!(refused.headers()["www-authenticate"], "Bearer realm=\"meridian\"");
        problem(refused, 401, "token").await;
        problem(ask().bearer_auth("read").send().await.unwrap(), 403, "role").await;
    }
    assert!(stage.changes.lock().unwrap().is_empty());
    stage.control.set_tokens(Vec::new());
    let refused = stage.write(Method::POST, "/api/v1/reload", json!({})).await;
    problem(refused, 401, "token").await;
}

#[tokio::test]
async fn other_sites_read_nothing() {
    let stage = Stage::new();
    let read = stage.ask(Method::GET, "/api/v1/status").header(HOST, "evil.example");
    problem(read.send().await.unwrap(), 403, "host").await;
}

#[tokio::test]
async fn http_is_what_it_should_be() {
    let stage = Stage::new();
    problem(stage.read("/nothing").await, 404, "not-found").await;
    let wrong = stage.ask(Method::DELETE, "/api/v1/status").send().await.unwrap();
    assert_eq!(wrong.headers()["allow"], "GET, HEAD");
    problem(wrong, 405, "method").await;
    let head = stage.ask(Method::HEAD, "/healthz").send().await.unwrap();
    assert_eq!(
        (head.status().as_u16(), &head.headers()["content-length"]),
        (200, &"3".parse().unwrap())
    );
    let long = format!("GET / HTTP/1.1\r\nHost: [::1]\r\nX: {}\r\n\r\n", "x".repeat(64 * 1024));
    assert!(stage.raw(long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(stage.raw(b"\x00\xff\r\n\r\n").await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_node_that_does_not_answer_costs_the_request_only() {
    let stage = Stage::new();
    tokio::time::pause();
    // Virtual time: the ten seconds pass at once, when nothing else is to be done.
    let muted = stage.raw(b"GET /api/v1/explain?name=mute.example HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n");
    let answer = muted.await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1"), "{answer}");
    assert!(answer.contains("no answer within 10 s"), "{answer}");
}

/// Who opens a connection and says nothing, or leaves it idle, loses it.
#[tokio::test]
async fn silence_ends_a_connection() {
    let stage = Stage::new();
    tokio::time::pause();
    assert_eq!(stage.raw(b"").await, "");
    assert_eq!(stage.raw(b"GET / HTTP/1.1\r\n").await, "");
    let idle = stage.raw(b"GET /healthz HTTP/1.1\r\nHost: [::1]\r\n\r\n").await;
    assert!(idle.ends_with("ok\n"), "{idle}");
}

#[tokio::test]
async fn who_asks_too_often_is_told_to_wait() {
    let stage = Stage::new();
    // More than what is refilled meanwhile, however slow the machine.
    for _ in 0..20 * limits::API_BURST {
        let answer = stage.read("/healthz").await;
        if answer.status() != 200 {
            assert_eq!(answer.headers()["retry-after"], "1");
            problem(answer, 429, "rate").await;
            return;
        }
    }
    panic!("nothing was refused");
}

#[tokio::test]
async fn events_come_as_they_happen() {
    let stage = Stage::new();
    let mut stream = stage.read("/api/v1/events").await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.chunk().await.unwrap().unwrap(), ": alive\n\n");
    let (node, id, severity) = ("ns1".to_owned(), "ns1-2a-4".to_owned(), Severity::Info);
    let what = What::Reloaded { generation: 4 };
    let notice = Notice { at: at("03:04:05"), node, id, severity, what };
    stage.notices.send(Arc::new(notice)).unwrap();
    let chunk = stream.chunk().await.unwrap().unwrap();
    assert!(chunk.starts_with(b"id: ns1-2a-4\nevent: reloaded\n"), "{chunk:?}");
    let room = stage.control.room.tasks.stop(Duration::from_secs(10)).await;
    assert_eq!(room, Stopped::Clean, "streams and connections end with the node");
    assert!(stream.chunk().await.is_ok_and(|end| end.is_none()));
}
