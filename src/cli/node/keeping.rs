//! The last good files: kept aside when a configuration is taken, served when a start finds its
//! files broken. And the digests of what a node answers by, which tell nodes that differ.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use ring::digest::Context;
use ring::digest::SHA256;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::cli::chain;
use crate::cli::node::exposure::exposed;
use crate::cli::watch;
use crate::cli::watch::Look;
use crate::config::Config;
use crate::model::NodeProblems;
use crate::model::ProblemCode;
use crate::model::file_name;
use crate::server;
use crate::store;
use crate::store::LastGood;
use crate::tasks::Tasks;

/// Hexadecimal digits of a digest that nodes show each other.
const DIGITS: usize = 16;

/// The files that a configuration was read from.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Inputs {
    /// Where they are, by name.
    pub(super) files: BTreeMap<PathBuf, PathBuf>,
    /// Where the databases are, in the order of the configuration.
    pub(super) databases: Vec<PathBuf>,
    /// How they were before they were read.
    pub(super) seen: Look,
    /// Why copies serve, where they do: then they are not kept again.
    pub(super) last_good: Option<String>,
}

/// What keeps them.
pub(super) struct Keeping {
    last_good: LastGood,
    problems: NodeProblems,
    /// Counts configurations: one that is being copied when the next is taken is not kept.
    newest: Arc<AtomicU64>,
    under_way: Option<oneshot::Receiver<Outcome>>,
    /// What could not be kept, and when that is tried again.
    again: Option<(Instant, Inputs)>,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    /// The digest of the databases, if they could be read.
    databases: Option<String>,
    /// What could not be kept.
    unkept: Option<Inputs>,
}

/// From a try that failed to the next.
const AGAIN: Duration = Duration::from_secs(30);

impl Keeping {
    pub(super) fn new(last_good: LastGood, problems: NodeProblems) -> Self {
        Self { last_good, problems, newest: Arc::default(), under_way: None, again: None }
    }

    /// A configuration was taken: its files are copied on a thread of their own, unless they are
    /// copies, which is returned.
    pub(super) fn begin(&mut self, path: &Path, inputs: Inputs, tasks: &Tasks) -> bool {
        let are_copies = inputs.last_good.is_some();
        let (shown, now) = (path.display().to_string(), Timestamp::now());
        match &inputs.last_good {
            Some(words) => {
                self.problems.set(ProblemCode::ServingLastGood, &shown, words, now);
            }
            None => drop(self.problems.clear(ProblemCode::ServingLastGood, &shown)),
        }
        self.again = None;
        let mine = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        let (newest, last_good) = (Arc::clone(&self.newest), self.last_good.clone());
        let (problems, main) = (self.problems.clone(), file_name(path));
        let work = move || {
            warn_of_exposed(&problems, &inputs);
            let is_newest = || newest.load(Ordering::Relaxed) == mine;
            let is_current =
                || is_newest() && watch::look(inputs.seen.keys().cloned()) == inputs.seen;
            let digests = store::digests(&inputs.files);
            // Not of files that were put there since, and may be refused.
            let is_read = inputs.last_good.is_some() || is_current();
            let found = digests.as_ref().ok().filter(|_| is_read);
            let databases = found.map(|found| of_databases(&inputs, found));
            if inputs.last_good.is_some() {
                return Outcome { databases, unkept: None };
            }
            let kept = digests
                .and_then(|digests| last_good.keep(&main, &inputs.files, &digests, is_current));
            let unkept = match (is_newest(), &kept) {
                (false, _) => return Outcome { databases, unkept: None },
                (true, Ok(true)) => None,
                (true, Ok(false) | Err(_)) => Some(inputs),
            };
            tell(&problems, &shown, kept);
            Outcome { databases, unkept }
        };
        match server::in_background(tasks, "last good", work) {
            Ok(under_way) => self.under_way = Some(under_way),
            Err(error) => tell(&self.problems, &path.display().to_string(), Err(other(&error))),
        }
        are_copies
    }

    /// The digest of the databases, once it is known; never, if nothing is being read.
    pub(super) async fn ended(&mut self) -> Option<String> {
        let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
        let found = under_way.await;
        self.under_way = None;
        // What ended without a word panicked, which was logged.
        let Outcome { databases, unkept } = found.unwrap_or_default();
        self.again = unkept.map(|inputs| (Instant::now() + AGAIN, inputs));
        databases
    }

    /// Tries again to keep what could not be kept, if that is due.
    pub(super) fn look(&mut self, path: &Path, tasks: &Tasks) {
        if self.again.as_ref().is_some_and(|(due, _)| *due <= Instant::now())
            && let Some((_, inputs)) = self.again.take()
        {
            self.begin(path, inputs, tasks);
        }
    }
}

/// Says which files others may write, where the node runs as root.
fn warn_of_exposed(problems: &NodeProblems, inputs: &Inputs) {
    for (path, words) in
        problems.replace(ProblemCode::ExposedFile, exposed(inputs), Timestamp::now())
    {
        tracing::warn!("`{path}`: {words}");
    }
}

fn other(error: &dyn std::error::Error) -> std::io::Error {
    std::io::Error::other(chain(error))
}

/// Says whether the files are kept.
fn tell(problems: &NodeProblems, shown: &str, kept: std::io::Result<bool>) {
    let code = ProblemCode::LastGoodNotKept;
    match kept {
        Ok(true) => {
            if problems.clear(code, shown) {
                tracing::info!("the files in force are kept again");
            }
        }
        // Unless they are taken next, those in force are nowhere any longer.
        Ok(false) => tell(problems, shown, Err(std::io::Error::other("they changed meanwhile"))),
        Err(error) => {
            let words = format!(
                "no copies of the files in force are kept: {error}; a start that finds them broken \
                 has those of before, or none"
            );
            if problems.set(code, shown, &*words, Timestamp::now()) {
                tracing::error!("{words}");
            }
        }
    }
}

/// What the databases come to, in the order of the configuration.
fn of_databases(inputs: &Inputs, digests: &store::Digests) -> String {
    let mut all = DigestOf::new();
    for database in &inputs.databases {
        let name = inputs.files.iter().find(|(_, path)| *path == database).map(|(name, _)| name);
        let digest = name.and_then(|name| digests.get(name));
        all.add(digest.map_or(&[], |digest| digest.as_bytes()));
    }
    all.short()
}

/// What of a configuration decides answers, as a digest: nodes of one cluster have the same.
/// Where they listen, what they are called and who may ask them is each one's own.
pub(super) fn of_configuration(config: &Config) -> String {
    let mut all = DigestOf::new();
    for (apex, records) in &config.zones {
        all.write(format_args!("{apex} {}\n", records.len()));
        for record in records {
            let (owner, rtype, ttl) = (&record.owner, record.rtype, record.ttl);
            all.write(format_args!("{owner} {rtype} {ttl:?} "));
            all.add(&record.rdata);
        }
    }
    let Config { nets, regions, policies, services, monitors, .. } = config;
    let Config { maintenance, latency, vantages, control, .. } = config;
    all.write(format_args!("{nets:?} {regions:?} {policies:?} {services:?} {monitors:?}"));
    all.write(format_args!("{maintenance:?} {latency:?} {vantages:?} {:?}", control.min_regions));
    all.short()
}

/// A digest of what is written to it.
struct DigestOf(Context);

impl DigestOf {
    fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds octets, with their number: two lists of parts are never one.
    fn add(&mut self, octets: &[u8]) {
        self.0.update(&octets.len().to_be_bytes());
        self.0.update(octets);
    }

    fn write(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a digest can't fail.
        let _ok = fmt::Write::write_fmt(self, text);
    }

    fn short(self) -> String {
        let digest = self.0.finish();
        let digits = digest.as_ref().iter().map(|octet| format!("{octet:02x}"));
        digits.take(DIGITS / 2).collect()
    }
}

impl fmt::Write for DigestOf {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn digest(text: &str, folder: &str) -> String {
        let text = format!("{text}\n[region.a]\n[region.b]\n[service.w]\nname = \"w.test\"\n");
        let pools = "pool.a.endpoints = [\"192.0.2.1\"]\npool.b.endpoints = [\"192.0.2.2\"]\n";
        let loaded = config::load_str(&(text + pools), Path::new(folder));
        let words: Vec<&str> = loaded.diagnostics.iter().map(|d| d.message.as_str()).collect();
        of_configuration(&loaded.config.unwrap_or_else(|| panic!("{words:?}")))
    }

    #[test]
    fn nodes_that_answer_alike_have_one_digest() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let zone = |ttl| format!("$TTL {ttl}\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.7\n");
        std::fs::write(format!("{folder}/zone"), zone(60)).unwrap();
        let common = "[zone.test]\nfile = \"zone\"\n";
        let digest_of = |more: &str| digest(&format!("{common}{more}"), folder);
        let one = digest_of("");
        assert_eq!(one.len(), DIGITS);
        for own in [
            "[server]\nlisten = [\"127.0.0.1:5353\"]\nnsid = \"x\"",
            "[control]\nlisten = \"off\"",
            "[state]\ndirectory = \"/x\"",
            "# a comment",
        ] {
            assert_eq!(digest_of(own), one, "{own}");
        }
        for other in ["[policy.p]\nrank = [\"equal\"]", "[control]\nmin-regions = 2"] {
            assert_ne!(digest_of(other), one, "{other}");
        }
        std::fs::write(format!("{folder}/zone"), zone(61)).unwrap();
        assert_ne!(digest_of(""), one, "a record is another");
    }
}
