//! The way out: news for the node, in a queue that is bounded and loses nothing for good.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cluster::bucket::Entry;
use crate::cluster::fault::Fault;
use crate::cluster::fault::Kind;
use crate::cluster::link::News;
use crate::cluster::link::outbox::Outbox;
use crate::model::limits;

/// How long there may be no answer, on a connection that is there, until it is no contact: a
/// leader is elected meanwhile, or a consumer made anew.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the node knows, and what it is still to be told.
#[derive(Debug)]
pub(super) struct Outlet {
    sender: mpsc::Sender<News>,
    outbox: Arc<Outbox>,
    /// Octets of the entries that wait in the queue.
    waiting: Arc<AtomicUsize>,
    told: Told,
    /// The end of the contact, and when to say it.
    lost: Option<(Instant, String)>,
}

/// What the node was told of the contact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    /// Nothing yet.
    Nothing,
    /// There is one: all was read.
    Joined,
    /// There is none.
    Lost,
}

impl Outlet {
    pub(super) fn new(
        sender: mpsc::Sender<News>,
        waiting: Arc<AtomicUsize>,
        outbox: Arc<Outbox>,
    ) -> Self {
        Self { sender, outbox, waiting, told: Told::Nothing, lost: None }
    }

    /// There is no contact: to be said now, or after a while if it may pass.
    pub(super) fn trouble(&mut self, fault: &Fault) {
        if self.told == Told::Lost {
            return;
        }
        let now = Instant::now();
        let wait = match fault.kind() {
            Kind::Passing if self.told == Told::Joined => PATIENCE,
            Kind::Broken | Kind::NeedsHands | Kind::Passing => Duration::ZERO,
        };
        let at = now + wait;
        let at = self.lost.as_ref().map_or(at, |(before, _)| at.min(*before));
        self.lost = Some((at, fault.to_string()));
    }

    /// Hands over an entry; false if the queue is full.
    pub(super) fn entry(&self, entry: Entry) -> bool {
        let octets = entry.value.len();
        let waiting = self.waiting.fetch_add(octets, Ordering::Relaxed);
        // One alone has room always.
        let has_room = waiting == 0 || waiting.saturating_add(octets) <= limits::NEWS_OCTETS;
        let is_sent = has_room && self.sender.try_send(News::Entry(entry)).is_ok();
        if !is_sent {
            self.waiting.fetch_sub(octets, Ordering::Relaxed);
        }
        is_sent
    }

    /// Whether the node was told of a contact, and of no end.
    pub(super) fn is_joined(&self) -> bool {
        self.told == Told::Joined
    }

    /// Whether the node has taken all news.
    pub(super) fn is_empty(&self) -> bool {
        self.sender.capacity() == self.sender.max_capacity()
    }

    /// Hands over all that there is; false if the queue is full.
    pub(super) fn read(&mut self, entries: Vec<Entry>) -> bool {
        if self.is_lost_due() && !self.say_lost() {
            return false;
        }
        let joined = self.told != Told::Joined;
        if self.sender.try_send(News::Read { entries, joined }).is_err() {
            return false;
        }
        self.told = Told::Joined;
        self.lost = None;
        true
    }

    /// Ends when the node has taken all news: then all may be read again, so that of that
    /// at most one waits. Cancel-safe.
    pub(super) async fn emptied(sender: &mpsc::Sender<News>) {
        // Whoever closes the queue is noticed elsewhere.
        if sender.reserve_many(sender.max_capacity()).await.is_err() {
            pending::<()>().await;
        }
    }

    /// Hands over one piece of what is due, other than entries; waits until something is.
    /// Cancel-safe.
    pub(super) async fn flush(&mut self) {
        let has_refusals = self.outbox.has_refusals();
        match &self.lost {
            _ if has_refusals => {}
            Some((at, _)) => tokio::time::sleep_until(*at).await,
            None => pending().await,
        }
        if self.sender.reserve().await.is_err() {
            return pending().await;
        }
        if self.is_lost_due() {
            self.say_lost();
        } else if let Some((key, why)) = self.outbox.refusal() {
            // There was room just now, and nobody else sends.
            drop(self.sender.try_send(News::Refused { key, why }));
        }
    }

    fn is_lost_due(&self) -> bool {
        self.lost.as_ref().is_some_and(|(at, _)| *at <= Instant::now())
    }

    fn say_lost(&mut self) -> bool {
        let Some((at, why)) = self.lost.take() else {
            return true;
        };
        if self.sender.try_send(News::Lost { why: why.clone() }).is_err() {
            self.lost = Some((at, why));
            return false;
        }
        tracing::warn!(why, "no contact with the cluster");
        self.told = Told::Lost;
        true
    }
}
