//! `meridian explain`: the five steps for one client, each with its reason.
//!
//! The query is made as a message and answered by the responder itself, with a recorder
//! looking on, so the explanation can't disagree with the answer. What the map no longer
//! knows (the place, the distances) is asked of the databases again, by the code that
//! made the map.
//!
//! ```text
//!   options ─► message ─► respond_traced ─► Recorder ─┐
//!                                    └────► reply ────┼─► Explanation ─► table or JSON
//!   databases ─► Atlas::locate ─► Ranker ─► reasons ──┘
//! ```

mod asked;
mod explanation;
mod ground;
mod live;
mod reason;
mod table;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::net::Ipv4Addr;

use crate::cli::Exit;
use crate::cli::arguments::Explain;
use crate::cli::chain;
use crate::cli::explain::asked::message;
use crate::cli::explain::explanation::Explanation;
use crate::cli::explain::ground::Ground;
pub(super) use crate::cli::explain::ground::Recipe;
use crate::cli::node::any_error;
use crate::cli::node::report;
use crate::cli::output::fail;
use crate::cli::output::show;
use crate::cli::recorder::Recorder;
use crate::config;
use crate::config::Config;
use crate::config::Loaded;
use crate::control;
use crate::load::LoadStatus;
use crate::model::Monitor;
use crate::model::Region;
use crate::model::RegionId;
use crate::model::Service;
use crate::model::limits;
use crate::responder::Outcome;
use crate::responder::Transport;
use crate::responder::View;
use crate::responder::Worker;
use crate::responder::respond_traced;
use crate::snapshot::Snapshot;
use crate::snapshot::Standing;
use crate::snapshot::World;
use crate::steer::Admission;
use crate::steer::ServiceStanding;

pub(super) fn run(options: &Explain) -> Exit {
    if options.live {
        return live::run(options);
    }
    let Loaded { config, diagnostics, sources, .. } = config::load(&options.configured.path());
    if any_error(&diagnostics) {
        report(&diagnostics, &sources);
    }
    let Some(config) = config else { return Exit::Usage };
    match explain(options, config) {
        Ok(explanation) => print(&explanation, options.json),
        Err(problem) => {
            fail(&problem);
            Exit::Usage
        }
    }
}

fn print(explanation: &Explanation, as_json: bool) -> Exit {
    let text = if as_json { explanation.json() } else { table::draw(explanation) };
    let exit = if explanation.answered() { Exit::Done } else { Exit::Negative };
    show(&format!("{text}\n"), exit)
}

fn explain(options: &Explain, config: Config) -> Result<Explanation, String> {
    let find = |name: &String| region_named(&config.regions, name);
    let down = options.down.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let drained = options.drain.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    let ground = Ground::of(&config);
    let monitors = config.monitors.clone();
    let (world, _) = World::build(config).map_err(|error| chain(&error))?;
    let admission = |region: RegionId| {
        if drained.contains(&region) {
            Admission::Drained
        } else if down.contains(&region) {
            Admission::Down
        } else {
            Admission::Admitted
        }
    };
    let standing = world.services().iter().map(|service| ServiceStanding::new(service, admission));
    let snapshot = Snapshot { standing: Standing::new(standing).into(), world: world.into() };
    let Explain { name, qtype, client, resolver, .. } = options;
    let (name, qtype) = (name.clone(), *qtype);
    let question = control::Explain { name, qtype, client: *client, resolver: *resolver };
    let mut explanation = answer(&question, options.seed, &ground, (&snapshot, &BTreeMap::new()))?;
    let named = |service: &&Service| Some(&service.name) == explanation.service.as_ref();
    let service = ground.services.iter().find(named);
    explanation.answer.ttl_bound = service.and_then(|service| ttl_bound(service, &monitors));
    Ok(explanation)
}

/// What keeps the TTL below the configured one on a node that probes.
fn ttl_bound(service: &Service, monitors: &[Monitor]) -> Option<String> {
    let of = service.monitors.as_ref()?;
    let (time, monitor) = of.down_in(|id| monitors.get(id.index()))?;
    let most = time.as_secs().max(service.ttl_min.secs().into());
    (most < service.ttl.secs().into()).then(|| {
        format!(
            "at most {most} s on a running node, where monitor `{}` can turn an endpoint down in \
             {} s (interval {} s, fall {})",
            monitor.name,
            time.as_secs_f64(),
            monitor.interval.as_secs_f64(),
            monitor.fall
        )
    })
}

/// Explains on what a node runs with, and knows of regions' loads. Blocks: databases are read again.
///
/// # Errors
///
/// One line, if a database can't be read any more.
pub(super) fn explain_live(
    question: &control::Explain,
    recipe: &Recipe,
    snapshot: &Snapshot,
    loads: &BTreeMap<String, LoadStatus>,
) -> Result<serde_json::Value, String> {
    // Any client of those that share the answer's scope is as good as another.
    const SEED: u64 = 1;
    let explanation = answer(question, SEED, &recipe.follow()?, (snapshot, loads))?;
    serde_json::to_value(explanation).map_err(|error| error.to_string())
}

/// Has the responder answer with a recorder looking on.
fn answer(
    question: &control::Explain,
    seed: u64,
    ground: &Ground,
    (snapshot, loads): (&Snapshot, &BTreeMap<String, LoadStatus>),
) -> Result<Explanation, String> {
    let resolver = question
        .resolver
        .or_else(|| question.client.map(|client| client.addr()))
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let request = message(&question.name, question.qtype, question.client);
    let mut recorder = Recorder::default();
    let mut worker = Worker::new(seed);
    let mut view = View { snapshot, worker: &mut worker };
    let mut reply = vec![0; limits::MESSAGE];
    let outcome =
        respond_traced(&request, resolver, Transport::Tcp, &mut view, &mut reply, &mut recorder);
    let Outcome::Send(length) = outcome else {
        return Err("the query was not answered, which is a bug".to_owned());
    };
    reply.truncate(length);
    explanation::explain(question, resolver, ground, snapshot, &recorder, &reply, loads)
}

/// Finds a region by its name.
///
/// # Errors
///
/// One line with the regions that there are.
pub(super) fn region_named(regions: &[Region], name: &str) -> Result<RegionId, String> {
    let at = regions.iter().position(|region| region.name == name);
    let id = at.and_then(|at| u16::try_from(at).ok()).map(RegionId);
    id.ok_or_else(|| {
        let known: Vec<&str> = regions.iter().map(|region| region.name.as_str()).collect();
        format!("no region is called `{name}`; there are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::Coordinates;
    use crate::model::RecordType;
    use crate::model::Vantage;
    use crate::model::VantageGroupId;
    use crate::model::Vantages;
    use crate::model::VotingScope;

    const TEXT: &str = r#"
[zone.test]
file = "zone"
[monitor.web]
icmp = {}
[region.us]
location = { lat = 39.04, lon = -77.49 }
[region.eu]
location = { lat = 53.34, lon = -6.27 }
[service.www]
name = "www.test"
monitor = "web"
[service.www.pool.us]
endpoints = ["192.0.2.1"]
[service.www.pool.eu]
endpoints = ["192.0.2.2"]
"#;

    #[test]
    fn what_bounds_a_ttl_is_told_without_a_running_node() {
        let mut config = config(VotingScope::Everyone);
        config.services[0].ttl = crate::model::Ttl::from_secs(300).unwrap();
        let bound = ttl_bound(&config.services[0], &config.monitors).unwrap();
        let expected = "at most 30 s on a running node, where monitor `web` can turn an endpoint \
                        down in 30 s (interval 10 s, fall 3)";
        assert_eq!(bound, expected);
        config.services[0].ttl = crate::model::Ttl::from_secs(30).unwrap();
        assert_eq!(ttl_bound(&config.services[0], &config.monitors), None);
    }

    fn config(scope: VotingScope) -> Config {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("zone"), "@ 60 SOA ns h 1 2 3 4 5\n@ 60 NS ns\n")
            .unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("geoip/dbip-country-lite.mmdb");
        let text = format!("[geoip]\ndatabases = [\"{}\"]\n{TEXT}", shipped.display());
        let mut config = config::load_str(&text, folder.path()).config.unwrap();
        config.monitors[0].voting.scope = scope;
        let vantage = |(group, lat, lon): (u8, f64, f64)| Vantage {
            name: format!("v{group}"),
            group: VantageGroupId(group),
            location: Coordinates::new(lat, lon),
        };
        let all = [(0, 39.0, -77.5), (1, 50.1, 8.7)].map(vantage).into();
        let groups = ["america", "europe"].map(str::to_owned).into();
        config.vantages = Vantages { all, groups };
        config
    }

    /// The group in the data, and how often the text speaks of one.
    fn told(config: Config, client: Option<&str>) -> (Option<String>, usize) {
        let ground = Ground::of(&config);
        let (world, _) = World::build(config).unwrap();
        let standing = Standing::all_admitted(&world).into();
        let snapshot = Snapshot { world: world.into(), standing };
        let question = control::Explain {
            name: "www.test".parse().unwrap(),
            qtype: RecordType::A,
            client: client.map(|client| client.parse().unwrap()),
            resolver: None,
        };
        let explanation = answer(&question, 1, &ground, (&snapshot, &BTreeMap::new())).unwrap();
        let json: serde_json::Value = serde_json::from_str(&explanation.json()).unwrap();
        let group = json["locate"].get("vantage_group").map(|name| name.as_str().unwrap());
        let text = table::draw(&explanation);
        if let Some(group) = group {
            let line = format!("\n         nearest vantage group: {group}\nrank ");
            assert!(text.contains(&line), "{text}");
        }
        (group.map(str::to_owned), text.matches("vantage").count())
    }

    #[test]
    fn the_vantage_group_is_told_where_it_matters() {
        for (client, group) in [
            (Some("194.25.0.0/24"), Some("europe")),
            (Some("8.8.8.0/24"), Some("america")),
            // Nobody knows where that is.
            (None, None),
        ] {
            let found = told(config(VotingScope::Vantage), client);
            assert_eq!(found, (group.map(str::to_owned), usize::from(group.is_some())));
            assert_eq!(told(config(VotingScope::Everyone), client), (None, 0));
        }
    }
}
