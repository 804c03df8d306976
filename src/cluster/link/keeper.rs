//! The task: watches, reads and puts, and begins anew whenever something is in the way.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::future::OptionFuture;
use futures_util::stream::BoxStream;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::sleep_until;
use tokio::time::timeout;

use crate::cluster::bucket::Bucket;
use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::fault::Kind;
use crate::cluster::gathered::Gathered;
use crate::cluster::key::Key;
use crate::cluster::link::News;
use crate::cluster::link::outbox::Outbox;
use crate::cluster::link::outlet::Outlet;
use crate::cluster::link::pace::Pace;
use crate::cluster::link::seen::Seen;
use crate::cluster::refusals::Refusals;
use crate::cluster::refusals::Why;
use crate::model::limits;

/// How often all is read, though nothing seems to be missing.
const REREAD: Duration = Duration::from_secs(60);

/// A watch begins within this time, every server tried.
const WATCH_WITHIN: Duration = Duration::from_secs(30);

/// All is read within this time.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// A value is put within this time.
const PUT_WITHIN: Duration = Duration::from_secs(5);

/// A contact that lasts so long is a good one: what goes wrong after that is a new trouble.
const STEADY: Duration = Duration::from_secs(5);

/// How often it is said that values are not taken.
const COMPLAINTS: Duration = Duration::from_secs(60);

/// Keeps one bucket in step.
pub(super) struct Keeper<B> {
    bucket: Arc<B>,
    outbox: Arc<Outbox>,
    sender: mpsc::Sender<News>,
    outlet: Outlet,
    seen: Seen,
    refusals: Refusals,
    /// Before the next watch.
    pace: Pace,
    had_contact: bool,
    /// When it was said last that values are not taken.
    complained: Option<Instant>,
}

/// The work with one watch.
struct Session {
    watch: BoxStream<'static, Result<Entry, Fault>>,
    puts: FuturesUnordered<BoxFuture<'static, (Key, Result<u64, Fault>)>>,
    /// Before the next put, after one that was not taken.
    pace: Pace,
    hold: Option<Instant>,
    reading: Option<BoxFuture<'static, Result<Gathered, Fault>>>,
    /// What the watch brought while all was read.
    meanwhile: Gathered,
    read_at: Instant,
    /// When all was read first.
    since: Option<Instant>,
}

impl<B: Bucket> Keeper<B> {
    pub(super) fn new(
        bucket: B,
        outbox: Arc<Outbox>,
        sender: mpsc::Sender<News>,
        outlet: Outlet,
        refusals: Refusals,
    ) -> Self {
        Self {
            bucket: Arc::new(bucket),
            outlet,
            outbox,
            sender,
            seen: Seen::default(),
            refusals,
            pace: Pace::new(fastrand::Rng::new()),
            had_contact: false,
            complained: None,
        }
    }

    /// Works until nobody takes the news.
    pub(super) async fn run(mut self) {
        let sender = self.sender.clone();
        tokio::select! {
            () = self.keep() => {}
            () = sender.closed() => {}
        }
    }

    async fn keep(&mut self) {
        loop {
            let bucket = Arc::clone(&self.bucket);
            let watch = within(WATCH_WITHIN, "a watch", bucket.watch());
            let fault = match self.meanwhile_flush(watch).await {
                Ok(watch) => self.work(watch).await,
                Err(fault) => fault,
            };
            tracing::debug!(%fault, "the cluster's store is watched anew");
            self.outbox.all_again();
            self.outlet.trouble(&fault);
            let pause = self.pace.pause(fault.kind(), self.had_contact);
            self.meanwhile_flush(tokio::time::sleep(pause)).await;
        }
    }

    /// Waits for something, and tells what is due meanwhile.
    async fn meanwhile_flush<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = self.outlet.flush() => {}
            }
        }
    }

    /// Works with one watch for as long as it is good.
    async fn work(&mut self, watch: BoxStream<'static, Result<Entry, Fault>>) -> Fault {
        let mut session = Session::new(watch);
        let sender = self.sender.clone();
        let outbox = Arc::clone(&self.outbox);
        let fault = loop {
            self.send(&mut session);
            let is_due = session.reading.is_none() && session.read_at <= Instant::now();
            let may_send = session.hold.is_none() && session.puts.len() < limits::PUTS_IN_FLIGHT;
            let wake_at = session.read_at;
            let step = tokio::select! {
                entry = session.watch.next() => self.came(&mut session, entry),
                Some(read) = OptionFuture::from(session.reading.as_mut()) => {
                    self.read(&mut session, read)
                }
                Some(put) = session.puts.next() => self.put(&mut session, put),
                () = outbox.changed(), if may_send => Ok(()),
                Some(()) = OptionFuture::from(session.hold.map(sleep_until)) => {
                    session.hold = None;
                    Ok(())
                }
                () = sleep_until(wake_at), if session.reading.is_none() && !is_due => Ok(()),
                () = Outlet::emptied(&sender), if is_due => {
                    session.reading = Some(self.reading());
                    Ok(())
                }
                () = self.outlet.flush() => Ok(()),
            };
            if let Err(fault) = step {
                break fault;
            }
        };
        if session.since.is_some_and(|since| since.elapsed() >= STEADY) {
            self.pace.reset();
        }
        fault
    }

    /// Sends what waits, as far as the bound allows.
    fn send(&self, session: &mut Session) {
        // All is read first, so that it is what the contact begins with; unless the node is slow
        // to take its news, for which the others should not wait.
        let is_read_next = session.reading.is_some() || self.outlet.is_empty();
        if session.hold.is_some() || (session.since.is_none() && is_read_next) {
            return;
        }
        while session.puts.len() < limits::PUTS_IN_FLIGHT {
            let Some((key, value)) = self.outbox.take() else { return };
            let bucket = Arc::clone(&self.bucket);
            let put = async move {
                let put = bucket.put(key.clone(), value);
                let done = within(PUT_WITHIN, &format!("the put of `{key}`"), put).await;
                (key, done)
            };
            session.puts.push(put.boxed());
        }
    }

    fn reading(&self) -> BoxFuture<'static, Result<Gathered, Fault>> {
        let bucket = Arc::clone(&self.bucket);
        async move { within(READ_WITHIN, "a reading of all", bucket.read()).await }.boxed()
    }

    /// The watch brought something.
    fn came(
        &mut self,
        session: &mut Session,
        entry: Option<Result<Entry, Fault>>,
    ) -> Result<(), Fault> {
        let entry = entry.ok_or_else(|| Fault::lost("the watch ended"))??;
        if session.since.is_none() || session.reading.is_some() {
            session.meanwhile.add(entry.clone());
        }
        // Before all was read the first time it is no news by itself: it is a part of all.
        if session.since.is_some() && self.seen.is_news(&entry) && !self.outlet.entry(entry) {
            session.read_at = Instant::now();
        }
        Ok(())
    }

    /// All was read.
    fn read(&mut self, session: &mut Session, read: Result<Gathered, Fault>) -> Result<(), Fault> {
        session.reading = None;
        let was_joined = self.outlet.is_joined();
        if !was_joined {
            self.seen.forget();
        }
        let all = self.seen.all(read?, std::mem::take(&mut session.meanwhile))?;
        self.complain_of_room(&all);
        let now = Instant::now();
        if !self.outlet.read(all.into_entries()) {
            session.read_at = now;
            return Ok(());
        }
        if !was_joined && B::IS_SHARED {
            tracing::info!("in contact with the cluster");
        }
        session.read_at = now + REREAD;
        session.since.get_or_insert(now);
        self.had_contact = true;
        Ok(())
    }

    /// A put has come to an end.
    fn put(
        &mut self,
        session: &mut Session,
        (key, done): (Key, Result<u64, Fault>),
    ) -> Result<(), Fault> {
        let Err(fault) = done else {
            self.outbox.arrived(&key);
            session.pace.reset();
            return Ok(());
        };
        if fault.refuses_value() {
            self.outbox.refuse(key, fault.to_string());
            return Ok(());
        }
        self.outbox.again(&key);
        self.complain(&fault);
        match fault.kind() {
            // Perhaps the bucket is gone: to watch it again makes it again.
            Kind::Passing if !matches!(fault, Fault::Unavailable { .. }) => {
                session.hold = Some(Instant::now() + session.pace.pause(Kind::Passing, true));
                Ok(())
            }
            Kind::Broken | Kind::NeedsHands | Kind::Passing => Err(fault),
        }
    }

    /// Counts, and tells now and then, what there was no room for.
    fn complain_of_room(&self, all: &Gathered) {
        let latest = all.entries().map(|entry| entry.stored).max();
        let latest = latest.unwrap_or(Timestamp::UNIX_EPOCH);
        for (kind, count) in all.left_out() {
            let most = kind.room();
            if self.refusals.note_all(kind, Why::TooMany, count, latest) {
                tracing::warn!(
                    count,
                    keys = most.keys,
                    octets = most.octets,
                    "the cluster's buckets hold more of `{}` than there is room for: what was put \
                     longest ago is left out; remove what is not from nodes of this cluster",
                    kind.as_str()
                );
            }
        }
    }

    fn complain(&mut self, fault: &Fault) {
        let now = Instant::now();
        if self.complained.is_none_or(|before| now - before >= COMPLAINTS) {
            self.complained = Some(now);
            tracing::warn!(%fault, "a value could not be shared; it is tried again");
        }
    }
}

impl Session {
    fn new(watch: BoxStream<'static, Result<Entry, Fault>>) -> Self {
        Self {
            watch,
            puts: FuturesUnordered::new(),
            pace: Pace::new(fastrand::Rng::new()),
            hold: None,
            reading: None,
            meanwhile: Gathered::default(),
            read_at: Instant::now(),
            since: None,
        }
    }
}

async fn within<T>(
    most: Duration,
    asked: &str,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    timeout(most, work).await.unwrap_or_else(|_| Err(Fault::timeout(asked)))
}
