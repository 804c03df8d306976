//! The operator's files, read, checked and explained.
//!
//! ```text
//!   TOML text ──► tree ──► Raw ──────────► Config
//!     syntax      reader,   check: names       or None
//!                 a file    resolved, zones
//!                 per noun  and families
//!                           compared
//!        └── Diagnostic ◄──────┘  all of them, in the order of the files
//! ```
//!
//! # Invariants
//!
//! - Every mistake is reported, not only the first, with a stable code of
//!   [`CODES`], its place, what was found, what was expected, what to type.
//! - There is a [`Config`] if and only if no diagnostic is an error.
//! - In a `Config` every position (of a region, a policy) is in range, and what
//!   the nouns of `model` promise holds.
//! - Relative paths are relative to the folder of the file that says them.
//! - Nothing panics on any text.
//!
//! # Not here
//!
//! Master files are read by `zone`, databases by `geo`; ranking is `steer`'s.
//!
//! # Start with
//!
//! [`load`], then `raw` and `check`; `reader` is how all keys are read.
#![forbid(unsafe_code)]

mod aliases;
mod beacon;
mod check;
mod cluster;
mod codes;
mod control;
mod country;
mod directory;
mod families;
mod files;
mod gather;
mod geography;
mod hook;
mod latency;
mod load;
mod maintenance;
mod measure;
mod monitor;
mod monitors;
mod notation;
mod ordered;
mod owners;
mod pem;
mod policy;
mod pool;
mod raw;
mod reader;
mod region;
mod render;
mod rule;
mod section;
mod server;
mod service;
mod single;
mod state;
mod suggest;
mod syntax;
mod targets;
mod units;
mod value;
mod vantage;

#[cfg(test)]
mod tests;

pub use beacon::Beacon;
pub use cluster::{Cluster, Login};
pub use codes::CODES;
pub use control::{Access, Control, Role, Token};
pub use hook::{Hook, HookAction, HookEvent};
pub use latency::Latency;
pub use measure::Measure;
pub use render::{Format, render};
pub use server::Server;
pub use single::{duration, nats_server, node_name};
pub use state::{INSTALLED, state_directory};

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config::ordered::ordered;
use crate::config::raw::Raw;
use crate::config::reader::At;
use crate::config::reader::Reader;
use crate::config::section::Section;
use crate::geo::Database;
use crate::health::Checks;
use crate::latency::Orders;
use crate::model::Code;
use crate::model::Diagnostic;
use crate::model::InputFiles;
use crate::model::Maintenance;
use crate::model::Monitor;
use crate::model::Name;
use crate::model::Policy;
use crate::model::Region;
use crate::model::Service;
use crate::model::Severity;
use crate::model::SourceId;
use crate::model::Sources;
use crate::model::Span;
use crate::model::Vantages;
use crate::zone::Record;

/// A checked configuration, with everything that it names read.
pub struct Config {
    /// How this node serves DNS.
    pub server: Server,
    /// The control API.
    pub control: Control,
    /// Who is told of what happens, in the order of the files.
    pub hooks: Vec<Hook>,
    /// Zones by apex, in the order of the files; at least one.
    pub zones: Vec<(Name, Vec<Record>)>,
    /// The GeoIP databases, in the order of the file.
    pub databases: Vec<Arc<Database>>,
    /// What was measured of round trips; none as files are read, since a node learns it.
    pub orders: Arc<Orders>,
    /// The operator's networks and their tags.
    pub nets: Vec<(IpNet, String)>,
    /// Regions in the order of the files; `RegionId` is a position in here.
    pub regions: Vec<Region>,
    /// Policies; at least one. `Service::policy` is a position in here.
    pub policies: Vec<Policy>,
    /// Services in the order of the files; at least one.
    pub services: Vec<Service>,
    /// Monitors in the order of the files.
    pub monitors: Vec<Monitor>,
    /// Planned times without clients, in the order of the files.
    pub maintenance: Vec<Maintenance>,
    /// What measured round trips do.
    pub latency: Latency,
    /// What nodes measure.
    pub measure: Measure,
    /// Where state is kept, if `[state]` says so; [`state_directory`] knows where otherwise.
    pub state: Option<PathBuf>,
    /// With whom it shares what it knows; `None`: it is alone.
    pub cluster: Option<Cluster>,
    /// Who may vote; empty if it is alone, or if the files name nobody.
    pub vantages: Vantages,
    /// What is probed: every monitor at everything that it is for.
    pub checks: Checks,
    /// Where things are written, for diagnostics of rooms above.
    pub places: Places,
}

/// Where things of a [`Config`] are written, in step with its lists.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The name of each region.
    pub regions: Vec<Span>,
    /// The name of each policy; `None` for the implicit one.
    pub policies: Vec<Option<Span>>,
    /// The `match` of each rule of each policy; `None` where it was reported that nobody is meant.
    pub rules: Vec<Vec<Option<Span>>>,
    /// The name of each service.
    pub services: Vec<Span>,
    /// The path of each database.
    pub databases: Vec<Span>,
}

/// What loading came to.
pub struct Loaded {
    /// The configuration, unless there is an error among the diagnostics.
    pub config: Option<Config>,
    /// All problems, by file and position.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that the diagnostics point into.
    pub sources: Sources,
    /// Every file that was read or could not be, and folders in which new ones may appear:
    /// what to watch, also when there is no configuration.
    pub files: Vec<PathBuf>,
    /// Where the files are whose contents make the configuration, by name.
    pub inputs: BTreeMap<PathBuf, PathBuf>,
}

/// Loads a configuration from its main file. Blocks on reading files; not for the query path.
pub fn load(path: &Path) -> Loaded {
    load_from(path, InputFiles::default())
}

/// Loads copies that were kept of the files of a configuration, by their names; `path` is that of
/// its main file. What is not among them is read where it is, and may be gone.
pub fn load_kept(path: &Path, copies: BTreeMap<PathBuf, PathBuf>) -> Loaded {
    load_from(path, InputFiles::kept(copies))
}

/// Loads a configuration for a prober, which needs no tokens of the API: their files may be
/// missing, or readable by name servers alone.
pub fn load_for_prober(path: &Path) -> Loaded {
    load_as(path, InputFiles::default(), For::Prober)
}

/// Who loads it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum For {
    Node,
    Prober,
}

fn load_from(path: &Path, inputs: InputFiles) -> Loaded {
    load_as(path, inputs, For::Node)
}

fn load_as(path: &Path, inputs: InputFiles, who: For) -> Loaded {
    match files::text(path, &inputs) {
        Ok(text) => load_text(path, text, inputs, who),
        Err(problem) => {
            let help = match problem.help {
                // One that is there is not to be created.
                Some(help)
                    if problem.code != codes::FILE_MISSING || help.starts_with("there is") =>
                {
                    help
                }
                _ => format!("create `{}`, or name another file with `-c`", path.display()),
            };
            let diagnostics = vec![Diagnostic { help: Some(help), ..problem }];
            let files = vec![path.to_owned()];
            let sources = Sources::default();
            Loaded { config: None, diagnostics, sources, files, inputs: inputs.read() }
        }
    }
}

/// Loads a configuration from text, as if it were the file `meridian.toml` in `folder`.
pub fn load_str(text: &str, folder: &Path) -> Loaded {
    let path = folder.join("meridian.toml");
    load_text(&path, Arc::from(text), InputFiles::default(), For::Node)
}

/// Finds out how to reach the node that runs with a configuration. Only `[control]` and
/// `[server]` matter: what else is wrong keeps nobody from draining.
///
/// # Errors
///
/// Why the file can't be read, or is not TOML.
pub fn access(path: &Path) -> Result<Access, Diagnostic> {
    let inputs = InputFiles::default();
    let text = files::text(path, &inputs)?;
    let Written { raw, diagnostics, reliable, .. } = read_all(path, text, inputs);
    let first = diagnostics.into_iter().find(|problem| problem.severity == Severity::Error);
    match first {
        // While a file is broken, the node goes on with the one before: where that says how to
        // reach it, operators can do so.
        Some(problem) if !reliable && raw.control.is_none() => Err(problem),
        _ => Ok(control::access(raw)),
    }
}

/// Finds out where `[state]` says that state is kept, as far as files with mistakes say it.
pub fn state(path: &Path) -> Option<PathBuf> {
    let inputs = InputFiles::default();
    let text = files::text(path, &inputs).ok()?;
    read_all(path, text, inputs).raw.state.and_then(|at| at.value)
}

/// What all files say, and what came up on the way.
struct Written {
    raw: Raw,
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
    main: SourceId,
    files: Vec<PathBuf>,
    /// Whether no name that a file would have defined is missing.
    reliable: bool,
}

fn load_text(path: &Path, text: Arc<str>, inputs: InputFiles, who: For) -> Loaded {
    let Written { mut raw, mut diagnostics, mut sources, main, mut files, reliable } =
        read_all(path, text, inputs.clone());
    if let (For::Prober, Some(control)) = (who, &mut raw.control) {
        control.value.forget_tokens();
    }
    files.extend(raw.files().cloned());
    // Names that a broken file would have defined are not unknown: say nothing of them.
    let mut config = reliable.then(|| {
        let gathered = gather::gather(&raw, &mut sources, &mut diagnostics);
        let start = Span { source: main, start: 0, end: 0 };
        check::check(raw, gathered, start, &mut diagnostics)
    });
    files.extend(sources.paths().map(Path::to_owned));
    if diagnostics.iter().any(|problem| problem.severity == Severity::Error) {
        config = None;
    }
    let diagnostics = ordered(diagnostics);
    Loaded { config, diagnostics, sources, files, inputs: inputs.read() }
}

/// Reads the main file and those that it includes.
fn read_all(path: &Path, text: Arc<str>, inputs: InputFiles) -> Written {
    let mut sources = Sources::of(inputs.clone());
    let main = sources.add(path, Arc::clone(&text));
    let mut raw = Raw::default();
    let (mut diagnostics, mut reliable) = read((main, &text, path), true, &inputs, &mut raw);
    let mut files = Vec::new();
    let identity = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut seen = HashSet::from([identity(path)]);
    for pattern in std::mem::take(&mut raw.include) {
        let included = match files::expand(&pattern, &inputs) {
            Ok(included) => included,
            Err(problem) => {
                diagnostics.push(problem);
                reliable = false;
                files.push(pattern.value);
                continue;
            }
        };
        if included.paths.is_empty() {
            diagnostics.push(no_match(&pattern));
        }
        files.extend(included.folder);
        for path in included.paths {
            // A pattern may match the main file, or what an earlier one did.
            if !seen.insert(identity(&path)) {
                continue;
            }
            let at = At { value: path, span: pattern.span };
            match files::read(&at, &mut sources) {
                Ok((source, text)) => {
                    let file = (source, &*text, &*at.value);
                    let (problems, fine) = read(file, false, &inputs, &mut raw);
                    diagnostics.extend(problems);
                    reliable &= fine;
                }
                Err(problem) => {
                    diagnostics.push(problem);
                    reliable = false;
                    files.push(at.value);
                }
            }
        }
    }
    Written { raw, diagnostics, sources, main, files, reliable }
}

/// Reads one file into `raw`; false if keys of it may be missing.
fn read(
    (source, text, path): (SourceId, &str, &Path),
    is_main: bool,
    inputs: &InputFiles,
    raw: &mut Raw,
) -> (Vec<Diagnostic>, bool) {
    /// What is said of things that are not there, and so is worth nothing in a broken file.
    const ABSENCES: [Code; 3] =
        [codes::MISSING_KEY, codes::MONITOR_KIND, codes::SERVICE_WITHOUT_POOL];
    let parsed = syntax::parse(source, text);
    let reader = Reader::new(source, files::folder(path), inputs);
    raw.add(Section::root(&reader, parsed.tree.get_ref()), is_main);
    let has_all_names = reader.has_all_names();
    let (mut problems, files) = reader.into_parts();
    raw.named.extend(files);
    let spans: Vec<Span> = parsed.problems.iter().filter_map(locus).collect();
    problems.retain(|problem| {
        let Some(at) = locus(problem) else { return true };
        let echo = spans.iter().any(|other| at.start < other.end && other.start < at.end);
        let reliable = parsed
            .unreliable_from
            .is_none_or(|from| at.start < from && !ABSENCES.contains(&problem.code));
        reliable && !echo
    });
    problems.extend(parsed.problems);
    (problems, parsed.unreliable_from.is_none() && has_all_names)
}

fn no_match(pattern: &At<PathBuf>) -> Diagnostic {
    let message = format!("no file matches `{}`", pattern.value.display());
    Diagnostic::warning(codes::INCLUDE_NO_MATCH, pattern.span, message)
        .label(pattern.span, "nothing is included")
        .help("correct the pattern, or remove it; it is relative to this file")
}

fn locus(problem: &Diagnostic) -> Option<Span> {
    problem.labels.first().map(|label| label.span)
}
