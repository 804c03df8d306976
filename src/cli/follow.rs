//! `meridian probe --follow` and `--syslog`: round trips that a load balancer logs, to nodes.
//!
//! ```text
//!   files, every look ─┐                                  ┌─► Mail ─► task ─► a node
//!                      ├─► Format ─► Thinner ══ window ══─┤
//!   datagrams ─────────┘                                  └─► Mail ─► task ─► another
//! ```

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;

use crate::cli::Exit;
use crate::cli::api::Api;
use crate::cli::api::Failure;
use crate::cli::arguments::Probe;
use crate::cli::arguments::follow::Follow;
use crate::cli::bearer;
use crate::cli::chain;
use crate::cli::failure::failed;
use crate::cli::log;
use crate::cli::mail::Mail;
use crate::cli::serve;
use crate::cli::signals::Signals;
use crate::model::limits;
use crate::reporter::Batch;
use crate::reporter::Fields;
use crate::reporter::Format;
use crate::reporter::Misread;
use crate::reporter::Tail;
use crate::reporter::Thinner;
use crate::reporter::message;
use crate::server::Notify;
use crate::tasks::Stopped;
use crate::tasks::Tasks;

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(200);

/// How often what was read is sent.
const WINDOW: Duration = Duration::from_secs(5);

/// How often it is said what could not be read.
const SAID: Duration = Duration::from_secs(60);

/// How long what was read last may take to arrive when it is told to stop.
const FAREWELL: Duration = Duration::from_secs(3);

/// Octets that the kernel keeps of datagrams that were not read yet: some 10,000 lines, which
/// come between two looks of a busy machine.
const RECEIVED: usize = 4 * 1024 * 1024;

/// Datagrams that are read in a row.
const ROW: usize = 1024;

pub(super) fn run(options: &Probe) -> Exit {
    let follow = &options.follow;
    let ready = format(follow).and_then(|format| Ok((format, apis(options)?)));
    let (format, apis) = match ready {
        Ok(ready) => ready,
        Err(failure) => return failed(failure),
    };
    log::start();
    let Some(runtime) = serve::runtime() else { return Exit::Negative };
    let exit = runtime.block_on(async {
        match start(follow, format, apis).await {
            Ok((follower, signals)) => follower.run(signals).await,
            Err(problem) => {
                tracing::error!("{problem}");
                return Exit::Negative;
            }
        }
        Exit::Done
    });
    // Dropping it would wait for a name that is looked up, or a disk that does not answer.
    runtime.shutdown_background();
    exit
}

fn format(follow: &Follow) -> Result<Format, Failure> {
    let fields = follow.client_field.clone().zip(follow.rtt_field.clone());
    let fields = fields.map(|(client, rtt)| Fields { client, rtt, unit: follow.unit });
    let text = follow.format.as_deref().unwrap_or_default();
    Format::parse(text, fields).map_err(|why| Failure::Usage(format!("--format: {why}")))
}

/// The nodes that are reported to.
///
/// # Errors
///
/// What is missing, and how to give it.
pub(super) fn apis(options: &Probe) -> Result<Vec<Api>, Failure> {
    let token = bearer::given(options.reach.token_file.as_deref())?;
    let token = token.ok_or_else(|| {
        let why = "no token to report with: give one with `--token-file` or in MERIDIAN_TOKEN";
        Failure::Usage(why.to_owned())
    })?;
    let follow = &options.follow;
    for (what, found, most) in [
        ("logs", follow.follow.len(), limits::REPORT_LOGS),
        ("nodes", follow.to.len(), limits::REPORT_NODES),
    ] {
        if found > most {
            return Err(Failure::Usage(format!("expected at most {most} {what}, found {found}")));
        }
    }
    follow.to.iter().map(|url| Api::at(url, Some(token.clone()))).collect()
}

async fn start(
    follow: &Follow,
    format: Format,
    apis: Vec<Api>,
) -> Result<(Follower, Signals), String> {
    let signals = Signals::take().map_err(|e| format!("failed to listen to signals: {e}"))?;
    let tasks = Tasks::new();
    let syslog = match follow.syslog {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    let mut tails: Vec<Tail> = follow.follow.iter().map(|path| Tail::new(path)).collect();
    let mut unread = Unread::default();
    for tail in &mut tails {
        // What is there already is passed over from here on, not from the first look.
        let looked = tail.look(|_| {});
        unread.file(tail.path(), looked);
    }
    let send = |api| Mail::start(api, &tasks).map_err(|error| chain(&error));
    let mails = apis.into_iter().map(send).collect::<Result<_, _>>()?;
    let region = follow.region.clone().unwrap_or_default();
    let thinner = Thinner::default();
    Ok((Follower { format, region, tails, syslog, thinner, unread, mails, tasks }, signals))
}

async fn listen(address: SocketAddr) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind(address).await;
    let socket = socket.map_err(|error| format!("failed to listen to udp://{address}: {error}"))?;
    // Less room only means that more is lost when it is busy.
    drop(socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVED));
    let address = socket.local_addr().unwrap_or(address);
    if !address.ip().is_loopback() {
        tracing::warn!("whoever reaches udp://{address} can say what they like");
    }
    tracing::info!("listening to syslog at udp://{address}");
    Ok(socket)
}

/// All that runs.
struct Follower {
    format: Format,
    region: String,
    tails: Vec<Tail>,
    syslog: Option<UdpSocket>,
    thinner: Thinner,
    unread: Unread,
    mails: Vec<Arc<Mail>>,
    tasks: Tasks,
}

/// Lines that could not be taken, since it was said last.
#[derive(Default)]
struct Unread {
    lines: u64,
    why: Option<Misread>,
    said: Option<Instant>,
    /// When it was said of a file that it can't be read.
    said_of_file: Option<Instant>,
}

impl Follower {
    /// Runs until SIGTERM or SIGINT.
    async fn run(mut self, mut signals: Signals) {
        let notify = Notify::from_environment();
        notify.ready("following");
        tracing::info!(region = self.region, nodes = self.mails.len(), "following");
        let [mut look, mut window] = [interval(LOOK), interval(WINDOW)];
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        window.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut datagram = vec![0; limits::REPORT_LINE];
        loop {
            tokio::select! {
                () = signals.told_to_stop() => break,
                _ = look.tick() => self.look(),
                _ = window.tick() => self.send(),
                () = readable(self.syslog.as_ref()) => self.receive(&mut datagram),
            }
        }
        tracing::info!("stopping");
        notify.stopping();
        self.look();
        self.receive(&mut datagram);
        self.send();
        if let Stopped::Late(_) = self.tasks.stop(FAREWELL).await {
            tracing::warn!("what was read last may not have arrived");
        }
    }

    fn look(&mut self) {
        let mut tails = std::mem::take(&mut self.tails);
        for tail in &mut tails {
            let looked = tail.look(|line| self.read(line));
            self.unread.file(tail.path(), looked);
        }
        self.tails = tails;
    }

    fn receive(&mut self, datagram: &mut [u8]) {
        for _ in 0..ROW {
            let received = self.syslog.as_ref().map(|socket| socket.try_recv(datagram));
            let Some(Ok(length)) = received else { return };
            let octets = datagram.get(..length).unwrap_or_default();
            self.read((length < datagram.len()).then(|| message(octets)));
        }
    }

    /// Takes a line; one that is too long is `None`.
    fn read(&mut self, line: Option<&[u8]>) {
        let read = line.ok_or(Misread::Shape).and_then(|line| self.format.read(line));
        match read {
            Ok(reading) => {
                reading.into_iter().for_each(|reading| self.thinner.take(reading));
                if self.thinner.is_full() {
                    self.send();
                }
            }
            Err(why) => {
                self.unread.lines += 1;
                self.unread.why = Some(why);
            }
        }
    }

    /// Sends what was read since it was sent last.
    fn send(&mut self) {
        self.unread.say();
        let batch = Batch::of(&self.region, Timestamp::now(), self.thinner.drain());
        let Some(batch) = batch else { return };
        self.mails.iter().for_each(|mail| mail.post(batch.clone()));
    }
}

impl Unread {
    fn say(&mut self) {
        let Some(why) = self.why else { return };
        if is_due(&mut self.said) {
            tracing::warn!(lines = self.lines, "passed over lines that can't be read: {why}");
            (self.lines, self.why) = (0, None);
        }
    }

    /// Says what is wrong with a file, now and then.
    fn file(&mut self, path: &Path, looked: io::Result<()>) {
        if let Err(error) = looked
            && is_due(&mut self.said_of_file)
        {
            tracing::error!("failed to read `{}`, trying on: {error}", path.display());
        }
    }
}

/// Whether it may be said again; it is taken for said then.
fn is_due(said: &mut Option<Instant>) -> bool {
    let is_due = said.is_none_or(|said| said.elapsed() >= SAID);
    if is_due {
        *said = Some(Instant::now());
    }
    is_due
}

/// Waits for a datagram; for ever, if none can come.
async fn readable(socket: Option<&UdpSocket>) {
    match socket {
        // What is wrong with it is found when it is read.
        Some(socket) => drop(socket.readable().await),
        None => std::future::pending().await,
    }
}
