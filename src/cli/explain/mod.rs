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
mod table;

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
use crate::model::RegionId;
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
    let Loaded { config, diagnostics, sources, .. } = config::load(&options.configured.config);
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
    let down = regions(&config, &options.down)?;
    let drained = regions(&config, &options.drain)?;
    let ground = Ground::of(&config);
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
    answer(&question, options.seed, &ground, &snapshot)
}

/// Explains on what a node runs with. Blocks: databases are read again.
///
/// # Errors
///
/// One line, if a database can't be read any more.
pub(super) fn explain_live(
    question: &control::Explain,
    recipe: &Recipe,
    snapshot: &Snapshot,
) -> Result<serde_json::Value, String> {
    // Any client of those that share the answer's scope is as good as another.
    const SEED: u64 = 1;
    let explanation = answer(question, SEED, &recipe.follow()?, snapshot)?;
    serde_json::to_value(explanation).map_err(|error| error.to_string())
}

/// Has the responder answer with a recorder looking on.
fn answer(
    question: &control::Explain,
    seed: u64,
    ground: &Ground,
    snapshot: &Snapshot,
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
    explanation::explain(question, resolver, ground, snapshot, &recorder, &reply)
}

/// Finds regions by name.
fn regions(config: &Config, names: &[String]) -> Result<Vec<RegionId>, String> {
    let find = |name: &String| {
        let at = config.regions.iter().position(|region| region.name == *name);
        let id = at.and_then(|at| u16::try_from(at).ok()).map(RegionId);
        id.ok_or_else(|| {
            let known: Vec<&str> = config.regions.iter().map(|r| r.name.as_str()).collect();
            format!("no region is called `{name}`; there are {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}
