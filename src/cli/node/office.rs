//! The office: what is kept, who may ask, and who is told.

use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::cli::chain;
use crate::cli::measured::Measured;
use crate::cli::node::helm::Helm;
use crate::cli::traffic;
use crate::config;
use crate::control;
use crate::control::Control;
use crate::control::Hooks;
use crate::control::Intake;
use crate::control::Request;
use crate::control::token;
use crate::engine::Saved;
use crate::meters::Meters;
use crate::meters::Readings;
use crate::model::NodeProblems;
use crate::model::Region;
use crate::model::limits;
use crate::reporter::Batch;
use crate::samples::Keeper;
use crate::samples::Site;
use crate::samples::SourceId;
use crate::server::Server;
use crate::store::Store;
use crate::tasks::Tasks;

/// The API, the hooks and the meters of a node.
pub(super) struct Office {
    control: Option<Control>,
    hooks: Hooks,
    intake: Intake,
    /// Kept, so that the queue does not end where there is no API.
    _requests: mpsc::Sender<Request>,
    /// On a thread of their own: what they render or wait for keeps no answer from following.
    tasks: Tasks,
    folder: PathBuf,
}

/// Opens the state directory and reads what was saved. What can't be read is set aside; nothing
/// of it keeps a node from answering.
pub(super) fn open_store(
    folder: &Path,
    problems: &NodeProblems,
    tasks: &Tasks,
) -> (Store, Option<Saved>) {
    let (store, text, warnings) = Store::open(folder, problems, tasks);
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let saved = text.and_then(|text| match Saved::read(&text) {
        Ok(saved) => Some(saved),
        Err(reason) => {
            // Not within the macro, which does nothing where nobody listens.
            let warning = store.set_aside(&reason);
            tracing::warn!("{warning}");
            None
        }
    });
    (store, saved)
}

/// Starts what keeps round trips, beside the state.
///
/// # Errors
///
/// One line, if there is no thread to be had.
pub(super) fn keep_samples(
    regions: &[Region],
    store: &Store,
    tasks: &Tasks,
) -> Result<Keeper, String> {
    let shelf = store.shelf("latency.bin", limits::LATENCY_FILE);
    Keeper::start(Site::all(regions), Some(shelf), tasks).map_err(|error| chain(&error))
}

/// Starts to measure what this node is to, for its own keeper. It is one source.
///
/// # Errors
///
/// One line, if there is no thread to be had.
pub(super) fn measure_for(
    keeper: &Keeper,
    measure: &config::Measure,
    node: &str,
    tasks: &Tasks,
) -> Result<Measured, String> {
    let (keeper, source) = (keeper.clone(), SourceId::of(format!("node {node}").as_bytes()));
    // If the keeper has no room, which it counts, the next interval brings another.
    let tell = move |batch: Batch| drop(keeper.take(batch.lines.as_bytes().to_vec(), source));
    Measured::start(measure, node, tell, tasks).map_err(|error| chain(&error))
}

impl Office {
    /// Opens it; returns where requests come out.
    ///
    /// # Errors
    ///
    /// One line, if a task can't be started, or the operator named an address that can't be
    /// had. One that is only the default is done without.
    pub(super) fn open(
        control: &config::Control,
        hooks: &[config::Hook],
        folder: PathBuf,
        helm: &Helm,
        server: &Server,
        (keeper, regions): (Keeper, &[Region]),
        tasks: &Tasks,
    ) -> Result<(Self, mpsc::Receiver<Request>), String> {
        let (requests, receiver) = mpsc::channel(limits::REQUESTS);
        let tasks = &tasks.part_on_thread("api").map_err(|error| chain(&error))?;
        let entered = tasks.enter();
        let hooks = Hooks::start(hooks, helm.notices().clone(), tasks).map_err(|e| chain(&e))?;
        let meters = Meters::start(regions, tasks).map_err(|error| chain(&error))?;
        let traffic = traffic::source(server, hooks.counts(), helm.refusals(), tasks);
        drop(entered);
        let intake = Intake { keeper, meters };
        let mut office = Self {
            control: None,
            hooks,
            intake: intake.clone(),
            _requests: requests.clone(),
            tasks: tasks.clone(),
            folder,
        };
        let listener = match control.listen.map(control::bind) {
            None => return Ok((office, receiver)),
            Some(Ok(listener)) => listener,
            Some(Err(error)) if control.listen == Some(config::Control::LISTEN) => {
                tracing::warn!("no control API: {}", chain(&error));
                return Ok((office, receiver));
            }
            Some(Err(error)) => return Err(chain(&error)),
        };
        let notices = helm.notices().clone();
        let tokens = office.tokens(control);
        let entered = tasks.enter();
        let started = Control::start(listener, tokens, requests, notices, traffic, intake, tasks);
        let started = started.map_err(|error| chain(&error))?;
        started.set_beacon(control.beacon.clone());
        tracing::info!(address = %started.address(), "control API");
        drop(entered);
        office.control = Some(started);
        Ok((office, receiver))
    }

    /// Where loads come out that were read or told.
    pub(super) fn readings(&self) -> Readings {
        self.intake.meters.readings()
    }

    /// Where the API listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.control.as_ref().map(Control::address)
    }

    /// Takes what a reload says of regions. Before it is said that it was taken: samples and
    /// loads that come after that may name them.
    pub(super) fn set_regions(&self, regions: &[Region]) {
        self.intake.keeper.set_sites(Site::all(regions));
        let _entered = self.tasks.enter();
        if let Err(error) = self.intake.meters.renew(regions) {
            tracing::error!("{}", chain(&error));
        }
    }

    /// Takes what a reload says of tokens and hooks.
    pub(super) fn renew(&mut self, control: &config::Control, hooks: &[config::Hook]) {
        let tokens = self.tokens(control);
        if let Some(running) = &self.control {
            running.set_tokens(tokens);
            running.set_beacon(control.beacon.clone());
        }
        let _entered = self.tasks.enter();
        if let Err(error) = self.hooks.renew(hooks) {
            tracing::error!("{}", chain(&error));
        }
    }

    fn tokens(&self, control: &config::Control) -> Vec<config::Token> {
        token::with_local(control.tokens.clone(), &self.folder).unwrap_or_else(|error| {
            tracing::warn!("nobody may operate: {}", chain(&error));
            control.tokens.clone()
        })
    }
}
