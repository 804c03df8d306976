//! Where a prober has its targets from.

use std::path::PathBuf;

use crate::cli::arguments::Probe;
use crate::cli::node::report;
use crate::cli::watch;
use crate::cli::watch::Look;
use crate::cli::watch::Watched;
use crate::cluster::News;
use crate::config;
use crate::config::Cluster;
use crate::config::Config;
use crate::config::Loaded;
use crate::health::Check;
use crate::model::Monitor;
use crate::model::Vantages;
use crate::prober;

/// Where the targets come from.
pub(super) struct Source {
    path: PathBuf,
    watched: Watched,
    cluster: Cluster,
    vantages: Vantages,
    targets: Targets,
}

/// What is to be probed.
#[derive(Clone, Default)]
pub(super) struct Targets {
    pub(super) checks: Vec<Check>,
    pub(super) monitors: Vec<Monitor>,
}

impl Targets {
    pub(super) fn plan(&self) -> prober::Plan {
        prober::Plan { checks: self.checks.clone(), monitors: self.monitors.clone() }
    }
}

impl Source {
    /// What the command line says; `None` if it can't be used, which is said on standard error.
    pub(super) fn of(options: &Probe) -> Option<Self> {
        let path = options.configured.config.clone();
        let (config, watched) = load(&path, &Look::new())?;
        let cluster = config.cluster.unwrap_or_default();
        if cluster.servers.is_empty() {
            tracing::error!(
                "nobody would hear this prober: `{}` has no `nats` in [cluster]",
                path.display()
            );
            return None;
        }
        let targets = Targets { checks: config.checks.all, monitors: config.monitors };
        Some(Self { path, watched, cluster, vantages: config.vantages, targets })
    }

    pub(super) const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What is to be probed now.
    pub(super) fn targets(&self) -> Targets {
        self.targets.clone()
    }

    /// Whether the files changed.
    pub(super) fn changed(&mut self) -> bool {
        self.watched.changed()
    }

    /// Reads the files again; `None` if they can't be used.
    pub(super) fn reload(&mut self) -> Option<Targets> {
        let before = self.watched.look();
        let (config, watched) = load(&self.path, &before)?;
        self.watched = watched;
        Some(Targets { checks: config.checks.all, monitors: config.monitors })
    }

    /// What others hand over.
    pub(super) fn hear(&mut self, _news: &News) -> Option<Targets> {
        None
    }

    /// A prober that the configuration does not know as a vantage.
    pub(super) fn warn_of_no_vote(&self, name: &str) {
        if self.vantages.find(name).is_none() {
            tracing::warn!(
                node = name,
                "no [vantage.NAME] has the name of this prober: what it probes counts for \
                 nothing; add one, or name the prober with --node"
            );
        }
    }
}

fn load(path: &std::path::Path, before: &Look) -> Option<(Config, Watched)> {
    let Loaded { config, diagnostics, sources, files } = config::load(path);
    report(&diagnostics, &sources);
    let mut seen = watch::look(files);
    for (file, stamp) in &mut seen {
        if let Some(before) = before.get(file) {
            *stamp = *before;
        }
    }
    Some((config?, Watched::new(seen)))
}
