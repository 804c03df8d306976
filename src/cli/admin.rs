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
use crate::engine::AdminStatus;
use crate::engine::Status;
use crate::engine::Unsettled;
use crate::model::AdminState;
use crate::model::AdminTarget;

/// How often progress is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Looks in a row that may go unanswered.
const PATIENCE: u32 = 15;

/// Looks between two lines of progress, where there is no terminal to write one over.
const LOOKS_PER_LINE: u32 = 10;

/// Looks after caches have let go at which another name server may still be behind: what it
/// says of itself comes every 10 s.
const NODES_PATIENCE: u32 = 30;

/// What a change came to.
#[derive(Debug, Deserialize)]
struct Done {
    before: AdminState,
    state: AdminState,
    settled: Timestamp,
    unsettled: Option<Unsettled>,
    others: Vec<AdminStatus>,
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
    let was = match done.before == state {
        true => "as before".to_owned(),
        false => format!("was {}", done.before),
    };
    let is_out = state >= AdminState::Drained;
    let settled = match is_out {
        true => format!("; caches have let go at {}", done.settled.strftime("%H:%M:%S UTC")),
        false => String::new(),
    };
    let mut out = format!("{target}: {state}, {was}{settled}\n");
    out += &done.unsettled.as_ref().map(because).unwrap_or_default();
    if !is_out {
        // What is undrained may be out for another reason.
        for AdminStatus { target, state, who, .. } in &done.others {
            out += &format!("  {} stays {state} ({})\n", plain(&target.to_string()), plain(who));
        }
    }
    out
}

/// Why somebody is still answered with it, a line each.
pub(super) fn because(unsettled: &Unsettled) -> String {
    let Unsettled { clients, clients_total, nodes, nodes_total } = unsettled;
    let mut out = String::new();
    if *clients_total > 0 {
        out += "  still answered, since nothing else is in service for these clients:\n";
    }
    clients.iter().for_each(|clients| out += &format!("    {}\n", plain(&clients.to_string())));
    out += &more(*clients_total, clients.len());
    if *nodes_total > 0 {
        out += "  these name servers have not said that they have the same admin states:\n";
    }
    nodes.iter().for_each(|node| out += &format!("    {}\n", plain(node)));
    out + &more(*nodes_total, nodes.len())
}

fn more(total: usize, shown: usize) -> String {
    match total.saturating_sub(shown) {
        0 => String::new(),
        more => format!("    and {more} more\n"),
    }
}

/// Shows progress until the last answer given before has run out of caches.
async fn wait(api: &Api, target: &AdminTarget) -> Result<Exit, Failure> {
    let over = std::io::stdout().is_terminal();
    let query = scope(target);
    let (mut looks, mut unanswered, mut late) = (0, 0, 0);
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
            Ok(Progress::Late(line, _)) if late < NODES_PATIENCE => {
                late += 1;
                line
            }
            Ok(Progress::Late(_, end) | Progress::Never(end)) => {
                return Ok(show(&format!("{start}{end}"), Exit::Negative));
            }
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
    /// Caches may hold it.
    Left(String),
    /// Caches have let go of what this node answered, but another node may not have heard; and
    /// what is said if that stays so.
    Late(String, String),
    /// Clients are answered with it as long as things are as they are.
    Never(String),
    /// Nobody is answered with it.
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
    let nothing = Unsettled::default();
    let unsettled = admin.unsettled.as_ref().unwrap_or(&nothing);
    let (clients, nodes) = (unsettled.clients_total, unsettled.nodes_total);
    let left = admin.settled.duration_since(status.at);
    let is_over = left <= SignedDuration::ZERO;
    let because = because(unsettled);
    Ok(match (clients, nodes) {
        (1.., _) if is_over => {
            Progress::Never(format!("{shown} is drained, but not without clients\n{because}"))
        }
        (0, 1..) if is_over => {
            let end = format!("{shown} is drained here, but perhaps not everywhere\n{because}");
            let names = plain(&unsettled.nodes.join(" "));
            Progress::Late(format!("{shown}: drained here; waiting for {names}"), end)
        }
        (0, 0) if is_over => Progress::Settled(format!("{shown} is drained: caches have let go")),
        (0, _) => Progress::Left(format!("{shown}: {} until caches have let go", span(left))),
        (1.., _) => {
            let mut names: Vec<&str> =
                unsettled.clients.iter().map(|clients| clients.service.as_str()).collect();
            names.dedup();
            let names = plain(&names.join(" "));
            let left = span(left);
            Progress::Left(format!(
                "{shown}: {left} until caches have let go; still answered for some clients of {names}"
            ))
        }
    })
}

#[cfg(test)]
mod tests;
