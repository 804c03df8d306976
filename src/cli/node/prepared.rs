//! A configuration, loaded and compiled: what a node starts with, or reloads.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::color;
use crate::cli::explain::Recipe;
use crate::cli::identity::Identity;
use crate::cli::node::keeping::Inputs;
use crate::cli::node::keeping::of_configuration;
use crate::cli::output::complain;
use crate::cli::state;
use crate::cli::watch;
use crate::cli::watch::Look;
use crate::config;
use crate::config::Config;
use crate::config::Format;
use crate::config::Loaded;
use crate::engine::Node;
use crate::engine::Plan;
use crate::model::Diagnostic;
use crate::model::Severity;
use crate::model::Sources;
use crate::model::file_name;
use crate::samples::Published;
use crate::snapshot::World;
use crate::store::Kept;
use crate::store::last_good;

/// The file of the state directory in which orders are kept.
pub(super) const ORDERS: &str = "orders.bin";

/// A configuration, compiled, with what the node needs besides.
pub(in crate::cli) struct Prepared {
    /// What the engine works on, the compiled world in it.
    pub(super) plan: Plan,
    /// How DNS is served.
    pub(super) server: config::Server,
    /// Who may ask what of the API, and where.
    pub(super) control: config::Control,
    /// Who is told of what happens.
    pub(super) hooks: Vec<config::Hook>,
    /// What nodes measure.
    pub(super) measure: config::Measure,
    /// What survives a restart, where the configuration says it.
    pub(super) state: Option<PathBuf>,
    /// With whom all is shared.
    pub(super) cluster: config::Cluster,
    /// What measured round trips do.
    pub(super) latency: config::Latency,
    /// The orders that the maps were compiled by.
    pub(super) published: Arc<Published>,
    /// What explanations ask again.
    pub(super) recipe: Arc<Recipe>,
    /// How the files were that it was read from.
    pub(super) seen: Look,
    /// Where they are.
    pub(super) inputs: Inputs,
    /// What of it decides answers, as a digest.
    pub(super) digest: String,
}

/// Why a configuration was not taken.
pub(in crate::cli) struct Refused {
    /// The files of which one is to change before it can be.
    pub(super) seen: Look,
    /// What is wrong, as JSON.
    pub(super) problems: serde_json::Value,
}

/// A configuration as it was read.
pub(in crate::cli) struct Read {
    /// Unless there are errors.
    pub(in crate::cli) config: Option<Config>,
    pub(in crate::cli) diagnostics: Vec<Diagnostic>,
    pub(in crate::cli) sources: Sources,
    /// How the files were that it was read from.
    pub(in crate::cli) seen: Look,
    /// Where those are whose contents make the configuration, by name.
    inputs: BTreeMap<PathBuf, PathBuf>,
}

/// Takes a configuration as it was loaded; `before` is how the files that are known were before.
pub(in crate::cli) fn read(loaded: Loaded, before: &Look) -> Read {
    let Loaded { config, diagnostics, sources, files, inputs } = loaded;
    let mut seen = watch::look(files);
    for (file, stamp) in &mut seen {
        if let Some(before) = before.get(file) {
            *stamp = *before;
        }
    }
    Read { config, diagnostics, sources, seen, inputs }
}

/// What is known of round trips when a configuration is compiled.
#[derive(Clone)]
pub(in crate::cli) enum Learned {
    /// What was published last is in the state directory: the node starts.
    OnDisk,
    /// This.
    Now(Arc<Published>),
}

/// Loads and compiles. What is wrong goes to standard error, if it is to be told, and is returned
/// if it can't be used.
///
/// `before` is how the files that are known were before: what changes while they are read
/// is a change. Of others the first look is right after they were read.
pub(in crate::cli) fn prepare(
    path: &Path,
    before: &Look,
    identity: &Identity,
    learned: Learned,
    tell: bool,
) -> Result<Prepared, Refused> {
    finish((path, read(config::load(path), before)), identity, learned, tell)
}

/// Compiles what was in force last, copies of which were kept, in place of files that were refused.
///
/// # Errors
///
/// Why not, in a sentence.
pub(in crate::cli) fn prepare_last_good(
    path: &Path,
    refused: Refused,
    identity: &Identity,
) -> Result<Prepared, String> {
    let said = config::state(path);
    let folder = state::folder(said.as_deref(), path);
    let Some(Kept { at, files }) = last_good(&folder, &file_name(path))? else {
        // A file that is empty or gone does not say it any longer.
        let hint = "; if it had a `directory` in [state], say that as STATE_DIRECTORY=FOLDER";
        let hint = if said.is_none() { hint } else { "" };
        let folder = folder.display();
        return Err(format!("no files of an earlier start are kept in `{folder}`{hint}"));
    };
    let (words, seen) = (refused.words(), refused.seen);
    let Loaded { config, diagnostics, sources, inputs, .. } = config::load_kept(path, files);
    let read = Read { config, diagnostics, sources, seen, inputs };
    let mut prepared =
        finish((path, read), identity, Learned::OnDisk, false).map_err(|refused| {
            format!("the files that were kept at {at:.0} are not taken either: {}", refused.words())
        })?;
    let words = format!(
        "the files of the configuration are refused, and those serve that were taken at {at:.0}, \
         copies of which were kept: {words}; once they are mended they are taken"
    );
    tracing::error!("{words}");
    prepared.inputs.last_good = Some(words);
    Ok(prepared)
}

/// Compiles what was read.
fn finish(
    (path, read): (&Path, Read),
    identity: &Identity,
    learned: Learned,
    tell: bool,
) -> Result<Prepared, Refused> {
    let Read { config, diagnostics, sources, seen, inputs } = read;
    if tell {
        report(&diagnostics, &sources);
    }
    let Some(mut config) = config else {
        return Err(Refused { seen, problems: json(&diagnostics, &sources) });
    };
    let published = match learned {
        Learned::OnDisk => Arc::new(on_disk(&state::folder(config.state.as_deref(), path))),
        Learned::Now(published) => published,
    };
    let names: Vec<&str> = config.regions.iter().map(|region| region.name.as_str()).collect();
    config.orders = Arc::new(published.orders_for(&names));
    match compile(config, seen.clone(), identity) {
        Ok((mut prepared, warnings)) => {
            if tell {
                report(&warnings, &sources);
            }
            prepared.inputs.files = inputs;
            Ok(Prepared { published, ..prepared })
        }
        Err(problem) => {
            if tell {
                report(std::slice::from_ref(&problem), &sources);
            }
            Err(Refused { seen, problems: json(&[problem], &sources) })
        }
    }
}

/// The orders that were published when the node stopped.
fn on_disk(folder: &Path) -> Published {
    orders_in(folder).unwrap_or_else(|problem| {
        tracing::warn!("{problem}");
        Published::default()
    })
}

/// The orders that a node published last, by its state directory; none if it never did.
///
/// # Errors
///
/// One line, if there is a file that can't be used.
pub(in crate::cli) fn orders_in(folder: &Path) -> Result<Published, String> {
    let octets = match std::fs::read(folder.join(ORDERS)) {
        Ok(octets) => octets,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Published::default()),
        Err(error) => {
            return Err(format!("can't read `{ORDERS}` in the state directory: {error}"));
        }
    };
    let unused = |problem| format!("`{ORDERS}` in the state directory is not used: {problem}");
    Published::decode(&octets).map_err(unused)
}

fn compile(
    config: Config,
    seen: Look,
    identity: &Identity,
) -> Result<(Prepared, Vec<Diagnostic>), Diagnostic> {
    let (recipe, digest) = (Arc::new(Recipe::of(&config)), of_configuration(&config));
    let databases = config.databases.iter().map(|database| database.label().into()).collect();
    let inputs = Inputs { databases, seen: seen.clone(), ..Inputs::default() };
    let (regions, services) = (config.regions.clone(), config.services.clone());
    let (monitors, checks) = (config.monitors.clone(), config.checks.clone());
    let (maintenance, control) = (config.maintenance.clone(), config.control.clone());
    let (server, hooks, state) =
        (config.server.clone(), config.hooks.clone(), config.state.clone());
    let (min_regions, latency) = (control.min_regions, config.latency);
    let measure = config.measure.clone();
    let (vantages, cluster) = (config.vantages.clone(), config.cluster.clone());
    let cluster = cluster.unwrap_or_default();
    let node =
        Node { name: identity.name(&cluster), instance: identity.instance, probes: cluster.probe };
    let (world, warnings) = World::build(config).map_err(|error| error.diagnostic())?;
    let world = Arc::new(world);
    let plan = Plan {
        world,
        regions,
        services,
        monitors,
        checks,
        maintenance,
        min_regions,
        vantages,
        node,
    };
    let published = Arc::default();
    let prepared = Prepared {
        plan,
        server,
        control,
        hooks,
        measure,
        state,
        cluster,
        latency,
        published,
        recipe,
        seen,
        inputs,
        digest,
    };
    Ok((prepared, warnings))
}

impl Refused {
    /// Of a loader that ended without a word.
    pub(super) fn unsaid() -> Self {
        Self { seen: Look::new(), problems: serde_json::json!([]) }
    }

    /// How many errors there are and the first of them, in a sentence.
    pub(super) fn words(&self) -> String {
        let all = self.problems.as_array().map(Vec::as_slice).unwrap_or_default();
        let text = |of: &serde_json::Value, name: &str| {
            of.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
        };
        let errors: Vec<_> = all.iter().filter(|of| text(of, "severity") == "error").collect();
        let Some(first) = errors.first() else {
            return "it could not be read; the log says why".to_owned();
        };
        let line = first.get("line").and_then(serde_json::Value::as_u64);
        let place = line.map(|line| format!("{}:{line}: ", text(first, "file")));
        let (place, message) = (place.unwrap_or_default(), text(first, "message"));
        let more = match errors.len() {
            1 => String::new(),
            n => format!("; and {} more, see `meridian check`", n - 1),
        };
        format!("{place}{message} [{}]{more}", text(first, "code"))
    }
}

fn json(problems: &[Diagnostic], sources: &Sources) -> serde_json::Value {
    let text = config::render(problems, sources, Format::Json, false);
    serde_json::from_str(&text).unwrap_or_default()
}

/// Errors and warnings, drawn, on standard error.
pub(in crate::cli) fn report(problems: &[Diagnostic], sources: &Sources) {
    if !problems.is_empty() {
        complain(&config::render(problems, sources, Format::Full, color()));
    }
}

/// Whether any of these is an error.
pub(in crate::cli) fn any_error(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}
