//! Where a prober has its targets from: a file of its own, or name servers by the cluster.

use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use ipnet::IpNet;
use tokio::sync::oneshot;

use crate::cli::arguments::Probe;
use crate::cli::arguments::Reach;
use crate::cli::chain;
use crate::cli::node::Read;
use crate::cli::node::read;
use crate::cli::node::report;
use crate::cli::watch::Look;
use crate::cli::watch::Watched;
use crate::cluster::Key;
use crate::cluster::News;
use crate::config;
use crate::config::Cluster;
use crate::config::Config;
use crate::config::Login;
use crate::config::Measure;
use crate::health::Check;
use crate::health::Handed;
use crate::health::Unreadable;
use crate::model::Monitor;
use crate::model::Vantages;
use crate::prober;
use crate::prober::Allowed;
use crate::server;
use crate::tasks::Tasks;

/// What is to be probed, and what of it may be.
#[derive(Clone)]
pub(super) struct Targets {
    pub(super) checks: Vec<Check>,
    pub(super) monitors: Vec<Monitor>,
    pub(super) measure: Measure,
    allowed: Allowed,
}

impl Targets {
    fn of(config: Config) -> Self {
        let (checks, monitors, measure) = (config.checks.all, config.monitors, config.measure);
        Self { checks, monitors, measure, allowed: Allowed::everything() }
    }

    pub(super) fn plan(&self) -> prober::Plan {
        let (checks, monitors) = (self.checks.clone(), self.monitors.clone());
        prober::Plan { checks, monitors, allowed: self.allowed.clone() }
    }
}

/// Where the targets come from.
pub(super) enum Source {
    /// A file.
    File(Box<File>),
    /// Name servers.
    Others(Others),
}

/// A configuration of its own.
pub(super) struct File {
    path: PathBuf,
    watched: Watched,
    vantages: Vantages,
    cluster: Cluster,
}

/// What name servers hand over.
pub(super) struct Others {
    /// Networks that may be probed; none: the endpoints.
    allow: Vec<IpNet>,
    /// What was read last.
    read: Arc<[u8]>,
    /// What is being read: patterns take a while to compile.
    reading: Option<oneshot::Receiver<Result<Handed, Unreadable>>>,
    /// What came meanwhile.
    next: Option<Arc<[u8]>>,
}

impl Source {
    /// What the command line says, with whom all is shared and what is to be probed at first.
    ///
    /// # Errors
    ///
    /// If it can't be used; why is said on standard error unless there is a line.
    pub(super) fn of(options: &Probe) -> Result<(Self, Cluster, Targets), Option<String>> {
        if !options.reach.nats.is_empty() {
            let allow = options.reach.allow.clone();
            let targets = Targets {
                checks: Vec::new(),
                monitors: Vec::new(),
                measure: Measure::default(),
                allowed: Allowed::nets(Vec::new()),
            };
            let others = Others { allow, read: Arc::from([]), reading: None, next: None };
            return Ok((Self::Others(others), reached(&options.reach)?, targets));
        }
        let path = options.configured.path();
        let (config, watched) = load(&path, &Look::new()).ok_or(None)?;
        let cluster = config.cluster.clone().unwrap_or_default();
        if cluster.servers.is_empty() {
            let path = path.display();
            return Err(Some(format!(
                "nobody would hear this prober: `{path}` has no `nats` in [cluster]; add it, or \
                 name a server with --nats"
            )));
        }
        let vantages = config.vantages.clone();
        let file = File { path, watched, vantages, cluster: cluster.clone() };
        Ok((Self::File(Box::new(file)), cluster, Targets::of(config)))
    }

    /// Whether the files changed.
    pub(super) fn changed(&mut self) -> bool {
        match self {
            Self::File(file) => file.watched.changed(),
            Self::Others(_) => false,
        }
    }

    /// Reads the files again; `None` if they can't be used, or there are none.
    pub(super) fn reload(&mut self) -> Option<Targets> {
        let Self::File(file) = self else { return None };
        let before = file.watched.look();
        let (config, watched) = load(&file.path, &before)?;
        file.watched = watched;
        if config.cluster.as_ref() != Some(&file.cluster) {
            tracing::warn!("what changed in [cluster] is taken when the prober starts again");
        }
        Some(Targets::of(config))
    }

    /// Begins to read what others hand over, where they are asked and it is news.
    pub(super) fn hear(&mut self, news: &News, tasks: &Tasks) {
        let Self::Others(others) = self else { return };
        let entries = match news {
            News::Entry(entry) => std::slice::from_ref(entry),
            News::Read { entries, .. } => entries,
            News::Lost { .. } | News::Refused { .. } => return,
        };
        let handed = entries.iter().find(|entry| entry.key == Key::Monitors);
        if let Some(value) = handed.map(|entry| Arc::clone(&entry.value)) {
            others.begin(value, tasks);
        }
    }

    /// What others handed over, once it is read; never, if nothing is.
    pub(super) async fn handed(&mut self, tasks: &Tasks) -> Targets {
        let Self::Others(others) = self else { return std::future::pending().await };
        loop {
            let Some(reading) = &mut others.reading else { return std::future::pending().await };
            let read = reading.await;
            others.reading = None;
            if let Some(next) = others.next.take() {
                others.begin(next, tasks);
            }
            match read {
                Ok(Ok(handed)) => return others.targets(handed),
                Ok(Err(problem)) => {
                    tracing::warn!("what name servers hand over is not taken: {problem}");
                }
                // It panicked, which was logged, or all is being stopped.
                Err(_) => {}
            }
        }
    }

    /// A prober that the configuration does not know as a vantage.
    pub(super) fn warn_of_no_vote(&self, name: &str) {
        let Self::File(file) = self else { return };
        if file.vantages.find(name).is_none() {
            tracing::warn!(
                node = name,
                "no [vantage.NAME] has the name of this prober: what it probes counts for \
                 nothing; add one, or name the prober with --node"
            );
        }
    }
}

impl Others {
    fn begin(&mut self, value: Arc<[u8]>, tasks: &Tasks) {
        if self.reading.is_some() {
            self.next = Some(value);
            return;
        }
        if value == self.read {
            return;
        }
        let read = Arc::clone(&value);
        match server::in_background(tasks, "monitors", move || Handed::decode(&value)) {
            Ok(reading) => (self.reading, self.read) = (Some(reading), read),
            // It comes again with the next reading.
            Err(error) => tracing::warn!("{}", chain(&error)),
        }
    }

    fn targets(&self, handed: Handed) -> Targets {
        let allowed = match self.allow.is_empty() {
            true => Allowed::endpoints(&handed),
            false => Allowed::nets(self.allow.clone()),
        };
        let (checks, monitors) = (handed.checks, handed.monitors);
        Targets { checks, monitors, measure: Measure::default(), allowed }
    }
}

/// The cluster as the command line has it.
fn reached(reach: &Reach) -> Result<Cluster, Option<String>> {
    let login = match reach {
        Reach { credentials: Some(file), .. } => Login::Credentials(file.clone()),
        Reach { nkey: Some(file), .. } => Login::Nkey(file.clone()),
        Reach { token_file: Some(file), .. } => Login::Token(file.clone()),
        Reach { user: Some(user), password_file: Some(file), .. } => {
            Login::User(user.clone(), file.clone())
        }
        Reach { .. } => Login::Anyone,
    };
    let identity = reach.certificate.clone().zip(reach.key.clone());
    for file in named(&login).into_iter().chain(&reach.authorities) {
        if let Err(error) = std::fs::File::open(file) {
            return Err(Some(format!("failed to read `{}`: {error}", file.display())));
        }
    }
    Ok(Cluster {
        servers: reach.nats.clone(),
        bucket: reach.bucket.clone(),
        login,
        authorities: reach.authorities.clone(),
        identity,
        ..Cluster::default()
    })
}

fn named(login: &Login) -> Option<&PathBuf> {
    match login {
        Login::Anyone => None,
        Login::Credentials(file)
        | Login::Nkey(file)
        | Login::Token(file)
        | Login::User(_, file) => Some(file),
    }
}

fn load(path: &Path, before: &Look) -> Option<(Config, Watched)> {
    let Read { config, diagnostics, sources, seen, .. } =
        read(config::load_for_prober(path), before);
    report(&diagnostics, &sources);
    Some((config?, Watched::new(seen)))
}
