//! The commands that talk to a running node, against its API with a stand-in behind it.
//!
//! Golden output: `INSTA_UPDATE=always` renews it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use meridian::config;
use meridian::control::Control;
use meridian::control::Intake;
use meridian::control::NoSuchCheck;
use meridian::control::Ordered;
use meridian::control::Request;
use meridian::control::Traffic;
use meridian::control::TrafficSource;
use meridian::control::bind;
use meridian::engine::AdminDone;
use meridian::engine::AdminRefusal;
use meridian::engine::Status;
use meridian::meters::Meters;
use meridian::model::AdminState;
use meridian::samples::Keeper;
use meridian::samples::Site;
use meridian::tasks::Tasks;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::broadcast;
use tokio::sync::mpsc;
use tokio::sync::oneshot;

use crate::program;
use crate::program::Run;

/// A folder with a configuration, and the API that it leads to.
struct Node {
    folder: TempDir,
    address: SocketAddr,
    tasks: Tasks,
}

const TOKEN: &str = "0123456789abcdef";

impl Node {
    /// `tokens` is TOML for `[control.tokens]`.
    fn start(tokens: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ci.token"), TOKEN).unwrap();
        let zone = "@ 60 SOA ns.example.net. h.example.net. 1 2 3 4 5\n@ 60 NS ns.example.net.\n";
        fs::write(folder.path().join("test.zone"), zone).unwrap();
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let text = format!(
            "[state]\ndirectory = \"kept\"\n[control]\nlisten = \"{address}\"\n\
             [control.tokens]\n{tokens}\n[zone.test]\nfile = \"test.zone\"\n[region.us-east]\n\
             [service.www]\nname = \"www.test\"\n[service.www.pool.us-east]\n\
             endpoints = [\"192.0.2.10\"]\n"
        );
        fs::write(folder.path().join("meridian.toml"), text).unwrap();
        let loaded = config::load(&folder.path().join("meridian.toml"));
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let state = config.state.unwrap();
        let tokens = meridian::control::token::with_local(config.control.tokens, &state).unwrap();
        let tasks = Tasks::new();
        let of_thread = tasks.clone();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (requests, asked) = mpsc::channel(16);
                let (notices, _) = broadcast::channel(16);
                let traffic = TrafficSource::new(Traffic::default);
                let site = Site { name: "us-east".into(), location: None };
                let keeper = Keeper::start(vec![site], None, &of_thread).unwrap();
                let intake = Intake { keeper, meters: Meters::start(&[], &of_thread).unwrap() };
                let control = Control::start(
                    listener, tokens, requests, notices, traffic, intake, &of_thread,
                );
                assert_eq!(control.unwrap().address(), address);
                tokio::select! {
                    () = answer(asked) => {}
                    () = of_thread.stopping().cancelled() => {}
                }
            });
        });
        Self { folder, address, tasks }
    }

    fn run(&self, words: &str) -> Run {
        program::run(self.folder.path(), words)
    }

    /// What was printed, the same at every run.
    fn shown(&self, words: &str) -> String {
        let shown = self.run(words).shown();
        shown.replace(&self.address.to_string(), "ADDRESS")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

/// A node with one service, half of it down; `eu-west` is drained as soon as it is asked.
async fn answer(mut asked: mpsc::Receiver<Request>) {
    while let Some(request) = asked.recv().await {
        match request {
            Request::Admin(change, reply) => {
                let answer = match change.target.to_string().as_str() {
                    "us-east" if !change.force => Err(AdminRefusal::Safety {
                        service: "www".into(),
                        family: Some(meridian::model::Family::V4),
                        clients: "IPv4".into(),
                        left: 0,
                        regions: 2,
                        least: 1,
                    }),
                    "mars" => Err(AdminRefusal::Unknown {
                        what: "region",
                        found: "mars".into(),
                        known: "us-east, eu-west".into(),
                    }),
                    _ => {
                        let settled = "2026-01-02T03:00:30Z".parse().unwrap();
                        let (before, unsettled) = (AdminState::Auto, None);
                        Ok(AdminDone { before, settled, unsettled, others: Vec::new() })
                    }
                };
                let (disk, saved) = oneshot::channel();
                drop(disk.send(match change.target.to_string().as_str() {
                    "full" => Err("failed to write `state.json`: no space left".into()),
                    _ => Ok(()),
                }));
                drop(reply.send(answer.map(|done| Ordered { done, saved })));
            }
            Request::Explain(asked, reply) => {
                let json = json!({
                    "name": asked.name.to_string(), "type": asked.qtype.to_string(),
                    "client": asked.client.map(|client| client.to_string()),
                    "resolver": "192.0.2.1", "service": "www", "policy": "global",
                    "admit": [{
                        "region": "us-east", "tier": 1, "walk": "admitted",
                        "finding": "in the draw, weight 100",
                    }],
                    "split": {
                        "region": "us-east", "endpoints": ["192.0.2.10"],
                        "how": "1 of 1 drawn by weight",
                    },
                    "answer": {
                        "rcode": "NOERROR", "authoritative": true, "authority": [],
                        "records": ["www.test. 30 IN A 192.0.2.10"], "scope": 24,
                    },
                });
                drop(reply.send(Ok(json)));
            }
            Request::Heartbeat(beat, reply) => {
                let (monitor, target) = (beat.monitor, beat.target);
                drop(reply.send(Err(NoSuchCheck { monitor, target })));
            }
            Request::Reload(reply) => {
                let problem = json!({
                    "code": "unknown-key", "severity": "error", "file": "meridian.toml",
                    "line": 3, "message": "unknown key `ttll` in `[service.www]`",
                });
                drop(reply.send(Err(json!([problem]))));
            }
            Request::Status(reply) => drop(reply.send(status().into())),
        }
    }
}

fn status() -> Status {
    let endpoint = |address: &str, verdict: &str, reason: &str, share: u8| {
        json!({
            "endpoint": address, "verdict": verdict, "reason": reason, "admin": "auto",
            "since": "2026-01-02T03:00:00Z", "share": share, "checks": [],
        })
    };
    let pool = |region: &str, admitted: bool, reason: &str, admin: &str, endpoints: Value| {
        json!({
            "region": region, "verdict": "up", "admitted": admitted, "reason": reason,
            "admin": admin, "ttl": 30, "endpoints": endpoints,
        })
    };
    let region = |name: &str| {
        json!({
            "region": name, "verdict": "up", "since": null, "reason": "", "admin": "auto",
            "pools_up": 1, "pools_probed": 1, "pools": 1, "check": null,
        })
    };
    let json = json!({
        "at": "2026-01-02T03:04:05Z", "started": "2026-01-01T00:00:00Z", "generation": 3,
        "regions": [region("us-east"), region("eu-west")], "checks": [],
        "services": [{
            "service": "www", "names": ["www.test"], "state": "degraded",
            "pools": [
                pool("us-east", true, "", "auto", json!([
                    endpoint("192.0.2.10", "up", "", 100),
                    endpoint("192.0.2.11", "down", "status 503", 0),
                ])),
                pool("eu-west", false, "", "drained", json!([endpoint("2001:db8::1", "up", "", 100)])),
            ],
        }],
        "admin": [{
            "target": "www/eu-west", "state": "drained", "who": "ci", "why": "upgrade",
            "since": "2026-01-02T03:00:00Z", "until": null, "settled": "2026-01-02T03:00:30Z",
        }],
        "cluster": {
            "node": "ns1", "contact": "joined", "since": null, "why": "", "vantages": [],
            "nodes": [],
        },
    });
    serde_json::from_value(json).unwrap()
}

#[test]
fn commands_talk_to_the_node_of_their_configuration() {
    let node = Node::start("ci = { role = \"operate\", file = \"ci.token\" }");
    for (name, words) in [
        ("status", "status"),
        ("status-of", "status --service www --region mars"),
        ("drain", "drain www/eu-west --why upgrade --for 2h"),
        ("drain-wait", "drain www/eu-west --wait"),
        ("drain-safety", "drain us-east"),
        ("drain-forced", "drain us-east --force"),
        ("drain-unknown", "drain mars"),
        ("drain-wrong", "drain www//x"),
        ("drain-ends", "drain eu-west --for 2hours"),
        ("undrain", "undrain www/eu-west/2001:db8::1"),
        ("force", "force down www/eu-west"),
        ("drain-full", "drain full"),
        ("reload", "reload"),
        ("explain-live", "explain www.test --live --client 192.0.2.1"),
        ("explain-live-if", "explain www.test --live --down us-east"),
    ] {
        insta::assert_snapshot!(format!("api-{name}"), node.shown(words));
    }
    let json = node.run("status --json").stdout;
    assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), status());
}

#[test]
fn the_token_that_a_node_made_is_found() {
    let node = Node::start("");
    let run = node.run("drain www/eu-west");
    assert_eq!((run.code, &*run.stderr), (0, ""));
    fs::remove_file(node.folder.path().join("kept/operator.token")).unwrap();
    let run = node.run("drain www/eu-west");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("or give a token with `--token-file`"), "{}", run.stderr);
    assert_eq!(node.run("status").code, 0, "looking needs none");
    // Whoever has a wrong one is told so, by the node.
    let run = node.run("reload --token-file ci.token");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("MERIDIAN_TOKEN"), "{}", run.stderr);
}

#[test]
fn where_no_node_is_it_is_said_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody listens at port 1 of this address.
    fs::write(folder.path().join("meridian.toml"), "[control]\nlisten = \"127.0.0.1:1\"\n")
        .unwrap();
    fs::write(folder.path().join("off.toml"), "[control]\nlisten = \"off\"\n").unwrap();
    let run = |words: &str| program::run(Path::new(folder.path()), words).shown();
    insta::assert_snapshot!("api-nobody", run("status"));
    insta::assert_snapshot!("api-off", run("status -c off.toml"));
    insta::assert_snapshot!("api-no-file", run("status -c other.toml"));
    insta::assert_snapshot!("api-no-url", run("status --api ftp://x"));
}
