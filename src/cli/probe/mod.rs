//! `meridian probe`: a prober alone.
//!
//! ```text
//!   prober ─► reports ─┐
//!   others ─► news ────┼─► Outpost ─► effects ─► link to the others
//!   time ──────────────┘      ▲
//!   file changed, handed over ┘
//! ```

mod source;

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::sleep_until;

use crate::cli::Exit;
use crate::cli::arguments::Probe;
use crate::cli::chain;
use crate::cli::clock::Clock;
use crate::cli::follow;
use crate::cli::identity::Identity;
use crate::cli::log;
use crate::cli::mail::Mail;
use crate::cli::measured::Measured;
use crate::cli::notices;
use crate::cli::probe::source::Source;
use crate::cli::probe::source::Targets;
use crate::cli::serve;
use crate::cli::signals::Signals;
use crate::cli::signals::received;
use crate::cluster::Link;
use crate::cluster::News;
use crate::cluster::NewsQueue;
use crate::cluster::Session;
use crate::config::Cluster;
use crate::config::Measure;
use crate::engine::Event;
use crate::engine::Node;
use crate::engine::Outpost;
use crate::health::Report;
use crate::model::limits;
use crate::prober::Prober;
use crate::reporter::Batch;
use crate::server::Notify;
use crate::server::OpenFiles;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// Outcomes that may wait to be taken; past that the prober waits.
const REPORTS: usize = 4096;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How long what is under way may take to end when the prober stops.
const STOP_DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn run(options: &Probe) -> Exit {
    log::start();
    let from = match Source::of(options) {
        Ok(from) => from,
        Err(problem) => {
            problem.iter().for_each(|problem| tracing::error!("{problem}"));
            return Exit::Usage;
        }
    };
    let Some(runtime) = serve::runtime() else { return Exit::Negative };
    let exit = runtime.block_on(async {
        let signals = match Signals::take() {
            Ok(signals) => signals,
            Err(error) => {
                tracing::error!("failed to listen to signals: {error}");
                return Exit::Negative;
            }
        };
        match Station::start(options, from) {
            Ok(station) => station.run(signals).await,
            Err(problem) => {
                tracing::error!("{problem}");
                return Exit::Negative;
            }
        }
        Exit::Done
    });
    // Dropping it would wait for a name that is looked up, or a disk that does not answer.
    runtime.shutdown_background();
    serve::end_programs();
    exit
}

/// Starts to measure what this prober is to, for the nodes that the command line names.
fn measure(
    options: &Probe,
    measure: &Measure,
    name: &str,
    tasks: &Tasks,
) -> Result<Measured, String> {
    let apis = if options.follow.to.is_empty() { Ok(Vec::new()) } else { follow::apis(options) };
    let apis = apis.map_err(|failure| failure.why().to_owned())?;
    if apis.is_empty() && measure.region_of(name).is_some() {
        tracing::warn!("nobody is told what [measure] finds: name nodes with --to");
    }
    let mails = apis.into_iter().map(|api| Mail::start(api, tasks)).collect::<Result<Vec<_>, _>>();
    let mails = mails.map_err(|error| chain(&error))?;
    let tell = move |batch: Batch| mails.iter().for_each(|mail| mail.post(batch.clone()));
    Measured::start(measure, name, tell, tasks).map_err(|error| chain(&error))
}

/// A prober that runs.
struct Station {
    source: Source,
    outpost: Outpost,
    clock: Clock,
    /// The last time that was told.
    last: Timestamp,
    prober: Prober,
    measured: Measured,
    reports: mpsc::Receiver<Report>,
    session: Session,
    link: Link,
    news: NewsQueue,
    tasks: Tasks,
}

impl Station {
    /// Starts it. Must run inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// One line that says what can't be had and what to do.
    fn start(
        options: &Probe,
        (source, cluster, targets): (Source, Cluster, Targets),
    ) -> Result<Self, String> {
        // Each probe that is under way has a socket.
        OpenFiles::raise();
        let tasks = Tasks::new();
        let identity = Identity::new(options.node.clone());
        let name = identity.name(&cluster);
        source.warn_of_no_vote(&name);
        let mut clock = Clock::new();
        let now = clock.now();
        let node = Node { name, instance: identity.instance, probes: true };
        let (report, reports) = mpsc::channel(REPORTS);
        let link = Link::start_prober(&cluster, &node.name, &tasks);
        let (link, news) = link.map_err(|error| chain(&error))?;
        let prober = Prober::start(targets.plan(), report, &tasks).map_err(|e| chain(&e))?;
        let measured = measure(options, &targets.measure, &node.name, &tasks)?;
        let outpost = Outpost::new(node, now);
        let session = Session::new(link.refusals().clone());
        let mut station = Self {
            source,
            outpost,
            clock,
            last: now,
            prober,
            measured,
            reports,
            session,
            link,
            news,
            tasks,
        };
        station.take(targets);
        Ok(station)
    }

    /// Runs until SIGTERM or SIGINT.
    async fn run(mut self, signals: Signals) {
        let Signals { mut hangup, mut stop } = signals;
        let notify = Notify::from_environment();
        notify.ready("probing");
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut reports = Vec::with_capacity(REPORTS);
        let mut news = Vec::with_capacity(limits::NEWS);
        loop {
            let due = self.clock.instant(self.outpost.next_deadline());
            tokio::select! {
                () = crate::cli::signals::told_to(&mut stop) => break,
                () = received(&mut hangup) => self.reload(),
                _ = look.tick() => if self.source.changed() { self.reload() },
                1.. = self.reports.recv_many(&mut reports, REPORTS) => {
                    self.step(reports.drain(..).map(Event::Report));
                }
                1.. = self.news.recv_many(&mut news, limits::NEWS) => self.hear(&mut news),
                targets = self.source.handed(&self.tasks) => self.take(targets),
                () = sleep_until(Instant::from_std(due)) => self.step([]),
            }
        }
        tracing::info!("stopping");
        notify.stopping();
        if let Stopped::Late(left) = self.tasks.stop(STOP_DEADLINE).await {
            tracing::warn!(?left, "did not end in time");
        }
    }

    fn hear(&mut self, news: &mut Vec<News>) {
        for news in news.drain(..) {
            self.source.hear(&news, &self.tasks);
            let events = self.session.take(news);
            self.step(events);
        }
    }

    fn reload(&mut self) {
        match self.source.reload() {
            Some(targets) => {
                self.take(targets);
                tracing::info!("reloaded");
            }
            None => tracing::error!("nothing was taken; what was probed before still is"),
        }
    }

    fn take(&mut self, targets: Targets) {
        let now = self.now();
        self.prober.replace(targets.plan());
        self.measured.replace(&targets.measure);
        tracing::info!(checks = targets.checks.len(), "probing");
        self.outpost.reconfigure(targets.checks, &targets.monitors, now);
        self.step([]);
    }

    fn step(&mut self, events: impl IntoIterator<Item = Event>) {
        let now = self.now();
        events.into_iter().for_each(|event| self.outpost.step(event, now));
        let mut effects = self.outpost.effects(now);
        Session::puts(&mut effects).into_iter().for_each(|(key, value)| self.link.put(key, value));
        self.outpost.notices().iter().for_each(notices::log);
    }

    fn now(&mut self) -> Timestamp {
        let now = self.clock.now();
        if now < self.last {
            self.outpost.set_back(now);
        }
        self.last = now;
        now
    }
}
