//! `meridian status`: what a running node knows.

mod loads;
mod regions;

use std::io::IsTerminal;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;

use crate::cli::Exit;
use crate::cli::admin::because;
use crate::cli::api;
use crate::cli::api::Api;
use crate::cli::api::Intent;
use crate::cli::arguments::live;
use crate::cli::columns;
use crate::cli::columns::Cell;
use crate::cli::columns::Colour;
use crate::cli::output::plain;
use crate::cli::output::show;
use crate::cli::output::show_more;
use crate::cli::output::span;
use crate::engine::Contact;
use crate::engine::EndpointStatus;
use crate::engine::PoolStatus;
use crate::engine::ServiceState;
use crate::engine::ServiceStatus;
use crate::engine::Status;
use crate::health::Hearing;
use crate::health::Verdict;
use crate::model::AdminState;
use crate::model::NodeProblem;

/// How often `--watch` looks.
const LOOK: Duration = Duration::from_secs(2);

pub(super) fn run(options: &live::Status) -> Exit {
    let terminal = std::io::stdout().is_terminal();
    let color = terminal && std::env::var_os("NO_COLOR").is_none();
    api::run(async {
        let api = Api::reach(&options.configured, &options.remote, Intent::Look)?;
        let mut query = Vec::new();
        query.extend(options.service.clone().map(|service| ("service", service)));
        query.extend(options.region.clone().map(|region| ("region", region)));
        loop {
            let status: Status = api.get("/api/v1/status", &query).await?;
            if options.json {
                let json = serde_json::to_string_pretty(&status).unwrap_or_default();
                return Ok(show(&format!("{json}\n"), Exit::Done));
            }
            // Over what is there, from the top.
            let start = if options.watch && terminal { "\u{1b}[H\u{1b}[2J" } else { "" };
            let text = format!("{start}{}", draw(&status, color));
            if !options.watch {
                return Ok(show(&text, Exit::Done));
            }
            if !show_more(&text) {
                return Ok(Exit::Done);
            }
            sleep(LOOK).await;
        }
    })
}

/// Draws the status: counts, then services, then what operators set.
fn draw(status: &Status, color: bool) -> String {
    let mut out = head(status);
    out += &problems(status, color);
    out += &draw_cluster(status, color);
    out += &round_trips(status);
    out += &regions::draw(status, color);
    out += &loads::draw(status, color);
    for service in &status.services {
        out.push('\n');
        out += &draw_service(status, service, color);
    }
    let unable = status.checks.iter().filter_map(|check| Some((check, check.unable.as_ref()?)));
    let left = |until: Timestamp| format!("{} more", span(until.duration_since(status.at)));
    let rows: Vec<[Cell; 4]> = unable
        .map(|(check, why)| {
            [
                Cell::new(&check.check),
                Cell::new(age(status.at, check.unable_since)),
                Cell::new(check.unable_until.map_or_else(|| "–".to_owned(), left)),
                Cell::new(why).colour(Colour::Bad),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["CHECK", "SINCE", "HELD UP", "WHY"];
        let head = head.map(|text| Cell::new(text).colour(Colour::Faint));
        out += "\nchecks that can't be probed\n";
        out += &columns::draw(&[vec![head], rows].concat(), 2, color);
    }
    if !status.admin.is_empty() {
        let head = ["TARGET", "STATE", "WHO", "SINCE", "LEFT", "WHY"];
        let mut rows = vec![head.map(|text| Cell::new(text).colour(Colour::Faint))];
        for admin in &status.admin {
            let until = admin.until.map(|until| span(until.duration_since(status.at)));
            rows.push([
                Cell::new(admin.target.to_string()),
                Cell::new(admin.state.as_str()).colour(Colour::Odd),
                Cell::new(&admin.who),
                Cell::new(age(status.at, Some(admin.since))),
                Cell::new(until.unwrap_or_else(|| "–".to_owned())),
                Cell::new(&admin.why),
            ]);
        }
        out += "\nadmin states\n";
        out += &columns::draw(&rows, 2, color);
        for admin in &status.admin {
            let unsettled = admin.unsettled.as_ref().map(because).unwrap_or_default();
            if !unsettled.is_empty() {
                out += &format!("{}\n{unsettled}", plain(&admin.target.to_string()));
            }
        }
    }
    out
}

fn head(status: &Status) -> String {
    let checks = |verdict| status.checks.iter().filter(|check| check.verdict == verdict).count();
    let services = |state| status.services.iter().filter(|s| s.state == state).count();
    let mut parts = vec![
        format!("generation {}", status.generation),
        format!("running for {}", age(status.at, Some(status.started))),
        counted(status.services.len(), "service"),
    ];
    for state in [ServiceState::Degraded, ServiceState::Panic, ServiceState::AllDown] {
        let count = services(state);
        parts.extend((count > 0).then(|| format!("{count} {state}")));
    }
    parts.push(counted(status.checks.len(), "check"));
    for verdict in [Verdict::Down, Verdict::Unknown] {
        let count = checks(verdict);
        parts.extend((count > 0).then(|| format!("{count} {verdict}")));
    }
    parts.join(", ") + "\n"
}

/// What is wrong with the node itself.
fn problems(status: &Status, color: bool) -> String {
    if status.problems.is_empty() {
        return String::new();
    }
    let row = |problem: &NodeProblem| {
        let said = format!("{}: {}", problem.subject, problem.message);
        [
            Cell::new(problem.code.as_str()).colour(Colour::Bad),
            Cell::new(age(status.at, Some(problem.since))),
            Cell::new(said),
        ]
    };
    let rows: Vec<[Cell; 3]> = status.problems.iter().map(row).collect();
    format!("\nproblems of this node\n{}", columns::draw(&rows, 2, color))
}

/// What is known of round trips, where anything is.
fn round_trips(status: &Status) -> String {
    let Some(known) = &status.round_trips else { return String::new() };
    let measured = counted(known.prefixes, "prefix").replace("prefixs", "prefixes");
    let mut out = format!("\nround trips  {measured} measured");
    if known.learnt.is_some() {
        let (areas, blocks) = (counted(known.areas, "area"), counted(known.blocks, "block"));
        let learnt = age(status.at, known.learnt);
        out += &format!("; {areas} and {blocks} ordered by them, learnt {learnt} ago");
    }
    out + "\n"
}

/// With whom the node shares what it knows, where there is anybody.
fn draw_cluster(status: &Status, color: bool) -> String {
    let cluster = &status.cluster;
    if cluster.vantages.len() < 2 && cluster.contact == Contact::Joined {
        return String::new();
    }
    let (word, colour) = match cluster.contact {
        Contact::Joined => ("joined", Colour::Good),
        Contact::Starting => ("starting", Colour::Odd),
        Contact::Rejoining => ("rejoining: verdicts stay", Colour::Odd),
        Contact::Lost => ("lost: verdicts stay", Colour::Bad),
        Contact::Alone => ("alone: what it probes itself decides", Colour::Bad),
    };
    let word = colour.paint(word, color);
    let mut out = format!("\ncluster  {word}  {}", plain(&cluster.node));
    out +=
        &cluster.since.map_or_else(String::new, |at| format!(", for {}", age(status.at, Some(at))));
    if !cluster.why.is_empty() {
        out += &format!(", {}", plain(&cluster.why));
    }
    out.push('\n');
    let head = ["VANTAGE", "GROUP", "HEARD", "UP", "DOWN", "UNABLE", "DIFFERS", "AGE"];
    let mut rows = vec![head.map(|text| Cell::new(text).colour(Colour::Faint))];
    for vantage in &cluster.vantages {
        let colour = match vantage.hearing {
            Hearing::Heard => Colour::Good,
            Hearing::Silent => Colour::Odd,
            Hearing::CutOff => Colour::Bad,
        };
        rows.push([
            Cell::new(&vantage.vantage),
            Cell::new(&vantage.group),
            Cell::new(vantage.hearing.as_str()).colour(colour),
            Cell::new(vantage.up.to_string()),
            Cell::new(vantage.down.to_string()),
            Cell::new(vantage.unable.to_string()),
            Cell::new(vantage.differs.to_string()),
            Cell::new(age(status.at, vantage.heard)),
        ]);
    }
    out += &columns::draw(&rows, 2, color);
    let differing = cluster.nodes.iter().flat_map(|node| {
        let other = [("verdicts", node.agrees), ("admin states", node.orders_agree)];
        other.into_iter().filter(|(_, agrees)| !agrees).map(move |(what, _)| (node, what))
    });
    for (node, what) in differing {
        let seen = age(status.at, Some(node.heard));
        out += &format!("  node {} had other {what} {seen} ago\n", plain(&node.node));
    }
    out
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn draw_service(status: &Status, service: &ServiceStatus, color: bool) -> String {
    let colour = match service.state {
        ServiceState::Up => Colour::Good,
        ServiceState::Degraded => Colour::Odd,
        ServiceState::Panic | ServiceState::AllDown => Colour::Bad,
    };
    let names = plain(&service.names.join(", "));
    let word = colour.paint(service.state.as_str(), color);
    let mut out = format!("{}  {word}  {names}\n", plain(&service.service));
    let head = ["REGION", "ENDPOINT", "VERDICT", "ADMIN", "SHARE", "AGE", "REASON"];
    let mut rows = vec![head.map(|text| Cell::new(text).colour(Colour::Faint))];
    for pool in &service.pools {
        for (at, endpoint) in pool.endpoints.iter().enumerate() {
            rows.push(row(status, pool, endpoint, at == 0));
        }
    }
    out += &columns::draw(&rows, 2, color);
    out
}

fn row(status: &Status, pool: &PoolStatus, endpoint: &EndpointStatus, is_first: bool) -> [Cell; 7] {
    // What is set of the nearest thing decides.
    let of_region = status.regions.iter().find(|region| region.region == pool.region);
    let of_region = of_region.map_or(AdminState::Auto, |region| region.admin);
    let set = [endpoint.admin, pool.admin, of_region];
    let admin = set.into_iter().find(|state| *state != AdminState::Auto);
    let share = if pool.admitted { endpoint.share } else { 0 };
    let share = Cell::new(format!("{share}%"));
    let reason = if endpoint.reason.is_empty() { &pool.reason } else { &endpoint.reason };
    [
        Cell::new(if is_first { &*pool.region } else { "" }),
        Cell::new(&endpoint.endpoint),
        verdict(endpoint.verdict),
        Cell::new(admin.map_or("", AdminState::as_str)).colour(Colour::Odd),
        if pool.admitted { share } else { share.colour(Colour::Faint) },
        Cell::new(age(status.at, endpoint.since)),
        Cell::new(reason),
    ]
}

fn verdict(verdict: Verdict) -> Cell {
    Cell::new(verdict.as_str()).colour(match verdict {
        Verdict::Up => Colour::Good,
        Verdict::Down => Colour::Bad,
        Verdict::Unknown => Colour::Odd,
    })
}

fn age(now: Timestamp, since: Option<Timestamp>) -> String {
    since.map(|since| span(now.duration_since(since))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_table_is_compact_and_lines_up() {
        let endpoint = |address: &str, verdict: &str, reason: &str, share: u8| {
            json!({
                "endpoint": address, "verdict": verdict, "reason": reason, "admin": "auto",
                "since": "2026-01-02T03:00:00Z", "share": share, "checks": [],
            })
        };
        let pool = |region: &str, admitted: bool, reason: &str, endpoints| {
            json!({
                "region": region, "verdict": "up", "admitted": admitted, "reason": reason,
                "admin": "auto", "ttl": 30, "endpoints": endpoints,
            })
        };
        let region = |name: &str, admin: &str, verdict: &str, reason: &str| {
            json!({
                "region": name, "verdict": verdict, "since": "2026-01-02T03:02:00Z",
                "reason": reason, "admin": admin,
                "pools_up": 1, "pools_probed": 1, "pools": 2, "check": null,
            })
        };
        let vantage = |name: &str, hearing: &str, differs: u8| {
            json!({
                "vantage": name, "group": "europe", "hearing": hearing, "up": 2, "down": 1,
                "heard": "2026-01-02T03:04:00Z", "unable": 0, "differs": differs,
            })
        };
        let status = json!({
            "at": "2026-01-02T03:04:05Z", "started": "2026-01-01T00:00:00Z", "generation": 3,
            "problems": [{
                "code": "address-unavailable", "subject": "192.0.2.53:53",
                "message": "it is in use", "since": "2026-01-02T03:00:00Z",
            }],
            "regions": [
                region("us-east", "auto", "up", ""),
                region("eu-west", "drained", "down", "1 of 2 pools up, expected 2"),
            ],
            "checks": [],
            "services": [{
                "service": "www", "names": ["www.gslb.example.com"], "state": "all-down",
                "pools": [
                    pool("us-east", true, "", json!([
                        endpoint("192.0.2.10", "up", "", 100),
                        endpoint("192.0.2.11", "down", "status 503, expected 200 to 299", 0),
                    ])),
                    pool("eu-west", false, "region drained", json!([
                        endpoint("198.51.100.10", "up", "", 100),
                    ])),
                ],
            }],
            "admin": [{
                "target": "eu-west", "state": "drained", "who": "alice", "why": "upgrade",
                "since": "2026-01-02T03:00:00Z", "until": "2026-01-02T05:00:00Z",
                "settled": "2026-01-02T03:00:30Z",
            }],
            "cluster": {
                "node": "ns1", "contact": "lost", "since": "2026-01-02T03:04:00Z",
                "why": "the server is gone", "nodes": [],
                "vantages": [vantage("ams", "heard", 0), vantage("nyc", "cut-off", 1)],
            },
        });
        let status: Status = serde_json::from_value(status).unwrap();
        insta::assert_snapshot!("status", draw(&status, false));
        assert!(draw(&status, true).contains("\u{1b}[31mdown\u{1b}[0m"));
    }
}
