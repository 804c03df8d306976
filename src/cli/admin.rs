//! `meridian drain`, `undrain` and `force`: what an operator wants, whatever the probes say.

use std::io::IsTerminal;
use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use tokio::time::sleep;

use crate::cli::Exit;
use crate::cli::api;
use crate::cli::api::Api;
use crate::cli::api::Failure;
use crate::cli::api::Intent;
use crate::cli::arguments::live::Change;
use crate::cli::arguments::live::Drain;
use crate::cli::arguments::live::Force;
use crate::cli::arguments::live::Undrain;
use crate::cli::output::plain;
use crate::cli::output::show;
use crate::cli::output::show_more;
use crate::cli::output::span;
use crate::engine::ServiceState;
use crate::engine::Status;
use crate::model::AdminState;
use crate::model::AdminTarget;

/// How often progress is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Looks in a row that may go unanswered.
const PATIENCE: u32 = 15;

/// Looks between two lines of progress, where there is no terminal to write one over.
const LOOKS_PER_LINE: u32 = 10;

/// What a change came to.
#[derive(Debug, Deserialize)]
struct Done {
    before: AdminState,
    state: AdminState,
    settled: Timestamp,
}

pub(super) fn drain(options: &Drain) -> Exit {
    api::run(async {
        let change = &options.change;
        let api = Api::reach(&change.configured, &change.remote, Intent::Change)?;
        let done = put(&api, change, AdminState::Drained).await?;
        let exit = show(&said(&change.target, &done), Exit::Done);
        if !options.wait {
            return Ok(exit);
        }
        wait(&api, &change.target).await
    })
}

pub(super) fn undrain(options: &Undrain) -> Exit {
    api::run(async {
        let api = Api::reach(&options.configured, &options.remote, Intent::Change)?;
        let target = options.target.to_string();
        let done = api.change(Method::DELETE, "/api/v1/admin", Some(&target), None).await?;
        Ok(show(&said(&options.target, &read(&api, done)?), Exit::Done))
    })
}

pub(super) fn force(options: &Force) -> Exit {
    api::run(async {
        let change = &options.change;
        let api = Api::reach(&change.configured, &change.remote, Intent::Change)?;
        let done = put(&api, change, options.to.state()).await?;
        Ok(show(&said(&change.target, &done), Exit::Done))
    })
}

async fn put(api: &Api, change: &Change, state: AdminState) -> Result<Done, Failure> {
    let mut body = json!({
        "target": change.target,
        "state": state,
        "why": change.why,
        "force": change.force,
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(change.until.map(|until| ("until".to_owned(), json!(until))));
        body.extend(change.lasts.iter().map(|lasts| ("for".to_owned(), json!(lasts))));
    }
    read(api, api.change(Method::PUT, "/api/v1/admin", None, Some(&body)).await?)
}

fn read(api: &Api, done: Value) -> Result<Done, Failure> {
    serde_json::from_value(done).map_err(|error| {
        Failure::Negative(format!("{} is no Meridian of this version: {error}", api.address()))
    })
}

/// What was done, for a person.
fn said(target: &AdminTarget, done: &Done) -> String {
    let (target, state) = (plain(&target.to_string()), done.state);
    if done.before == state {
        return format!("{target}: {state}, as before\n");
    }
    let settled = match state {
        AdminState::Drained | AdminState::ForcedDown => {
            format!("; caches have let go at {}", done.settled.strftime("%H:%M:%S UTC"))
        }
        AdminState::Auto | AdminState::ForcedUp => String::new(),
    };
    format!("{target}: {state}, was {}{settled}\n", done.before)
}

/// Shows progress until the last answer given before has run out of caches.
async fn wait(api: &Api, target: &AdminTarget) -> Result<Exit, Failure> {
    let over = std::io::stdout().is_terminal();
    let query = scope(target);
    let mut looks = 0;
    let mut unanswered = 0;
    loop {
        let status: Status = match api.get("/api/v1/status", &query).await {
            Ok(status) => status,
            // A node that is being restarted keeps the admin state, and comes back.
            Err(Failure::Unreachable(_)) if unanswered < PATIENCE => {
                unanswered += 1;
                sleep(LOOK).await;
                continue;
            }
            Err(failure) => return Err(failure),
        };
        unanswered = 0;
        // Over the line before.
        let start = if over { "\r\u{1b}[K" } else { "" };
        let line = match progress(&status, target) {
            Ok(Progress::Left(line)) => line,
            Ok(Progress::Settled(line)) => {
                return Ok(show(&format!("{start}{line}\n"), Exit::Done));
            }
            Err(failure) => {
                show(start, Exit::Done);
                return Err(failure);
            }
        };
        let text = match over {
            true => format!("{start}{line}"),
            false if looks % LOOKS_PER_LINE == 0 => format!("{line}\n"),
            false => String::new(),
        };
        if !show_more(&text) {
            return Ok(Exit::Done);
        }
        looks += 1;
        sleep(LOOK).await;
    }
}

/// What of the status is about a target.
fn scope(target: &AdminTarget) -> Vec<(&'static str, String)> {
    match target {
        AdminTarget::Region { region } => vec![("region", region.clone())],
        AdminTarget::Pool { service, region } | AdminTarget::Endpoint { service, region, .. } => {
            vec![("service", service.clone()), ("region", region.clone())]
        }
    }
}

/// How far a drain is.
#[derive(Debug, Eq, PartialEq)]
enum Progress {
    Left(String),
    Settled(String),
}

fn progress(status: &Status, target: &AdminTarget) -> Result<Progress, Failure> {
    let shown = plain(&target.to_string());
    let admin = status.admin.iter().find(|admin| admin.target == *target);
    let Some(admin) = admin.filter(|admin| admin.state == AdminState::Drained) else {
        return Err(Failure::Negative(format!(
            "{shown} is no longer drained: its time is over, or somebody undid it"
        )));
    };
    let left = admin.settled.duration_since(status.at);
    // Nothing else is left of them: what is drained is answered all the same.
    let open = status.services.iter().filter(|service| service.state == ServiceState::AllDown);
    let open: Vec<String> = open.map(|service| plain(&service.service)).collect();
    let busy = match open.as_slice() {
        [] => String::new(),
        some => format!("; nothing else is left, so it still gets clients: {}", some.join(" ")),
    };
    if left <= SignedDuration::ZERO {
        return Ok(Progress::Settled(format!("{shown} is drained: caches have let go{busy}")));
    }
    Ok(Progress::Left(format!("{shown}: {} until caches have let go{busy}", span(left))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(settled: &str, state: &str, service: &str) -> Status {
        let json = json!({
            "at": "2026-01-02T03:00:00Z", "started": "2026-01-02T00:00:00Z", "generation": 1,
            "regions": [], "checks": [],
            "services": [{
                "service": "www", "names": ["www.test"], "state": service,
                "pools": [{
                    "region": "eu", "verdict": "up", "admitted": false, "reason": "",
                    "admin": "drained", "ttl": 30,
                    "endpoints": [{
                        "endpoint": "192.0.2.1", "verdict": "up", "since": null, "reason": "",
                        "admin": "drained", "share": 0, "checks": [],
                    }],
                }],
            }],
            "admin": [{
                "target": "www/eu", "state": state, "who": "alice", "why": "", "until": null,
                "since": "2026-01-02T02:59:50Z", "settled": settled,
            }],
            "cluster": {
                "node": "ns1", "contact": "joined", "since": null, "why": "", "vantages": [],
                "nodes": [],
            },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_drain_is_over_when_caches_have_let_go() {
        let target = "www/eu".parse().unwrap();
        let of = |status: &Status| match progress(status, &target) {
            Ok(Progress::Left(line)) => format!("left: {line}"),
            Ok(Progress::Settled(line)) => format!("settled: {line}"),
            Err(failure) => format!("failed: {failure:?}"),
        };
        for (status, expected) in [
            (
                status("2026-01-02T03:01:05Z", "drained", "degraded"),
                "left: www/eu: 1m 5s until caches have let go",
            ),
            (
                status("2026-01-02T03:00:20Z", "drained", "all-down"),
                "left: www/eu: 20s until caches have let go; nothing else is left, so it still \
                 gets clients: www",
            ),
            (
                status("2026-01-02T03:00:00Z", "drained", "degraded"),
                "settled: www/eu is drained: caches have let go",
            ),
            (
                status("2026-01-02T03:01:05Z", "forced-up", "up"),
                "failed: Negative(\"www/eu is no longer drained: its time is over, or somebody \
                 undid it\")",
            ),
        ] {
            assert_eq!(of(&status), expected);
        }
    }
}
