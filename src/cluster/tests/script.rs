//! A store that does as it is told.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio::time::sleep;

use crate::cluster::Bucket;
use crate::cluster::Entry;
use crate::cluster::Fault;
use crate::cluster::Gathered;
use crate::cluster::Key;
use crate::cluster::Link;
use crate::cluster::tests::Listener;
use crate::cluster::tests::pair;
use crate::tasks::Tasks;

/// A store with faults at hand; clones are the same one.
#[derive(Clone)]
pub(super) struct Script(Arc<Mutex<State>>);

pub(super) struct State {
    begin: Instant,
    pub(super) entries: BTreeMap<Key, Entry>,
    revision: u64,
    watch: Option<mpsc::Sender<Result<Entry, Fault>>>,
    /// While there is one, nothing can be watched.
    down: Option<Fault>,
    /// When a watch was asked for, in milliseconds.
    watched: Vec<u64>,
    pub(super) read_takes: Duration,
    pub(super) reads: usize,
    /// What comes of the next puts; `None`: no answer ever. Past them all are taken.
    pub(super) puts: VecDeque<Option<Fault>>,
    pub(super) put_takes: Duration,
    /// What was put, in order, taken or not.
    put: Vec<(String, Vec<u8>)>,
    under_way: usize,
    pub(super) most_under_way: usize,
}

impl Script {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            begin: Instant::now(),
            entries: BTreeMap::new(),
            revision: 0,
            watch: None,
            down: None,
            watched: Vec::new(),
            read_takes: Duration::ZERO,
            reads: 0,
            puts: VecDeque::new(),
            put_takes: Duration::ZERO,
            put: Vec::new(),
            under_way: 0,
            most_under_way: 0,
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn listen(&self) -> Listener {
        let tasks = Tasks::new();
        let (link, news) = Link::start_on(self.clone(), &tasks).unwrap();
        Listener { link, news, tasks }
    }

    /// Takes a value, as from somebody else.
    pub(super) fn store(&self, key: Key, value: &[u8]) -> u64 {
        let mut state = self.state();
        state.revision += 1;
        let revision = state.revision;
        let stored = Timestamp::from_second(i64::try_from(revision).unwrap()).unwrap();
        let entry = Entry { key: key.clone(), value: value.into(), stored, revision };
        state.entries.insert(key, entry.clone());
        if let Some(watch) = &state.watch {
            drop(watch.try_send(Ok(entry)));
        }
        revision
    }

    /// Ends the watch, and all further ones until it is mended.
    pub(super) fn fail(&self, fault: Fault) {
        let mut state = self.state();
        if let Some(watch) = state.watch.take() {
            watch.try_send(Err(fault.clone())).unwrap();
        }
        state.down = Some(fault);
    }

    pub(super) fn mend(&self) {
        self.state().down = None;
    }

    pub(super) fn watched(&self) -> Vec<u64> {
        std::mem::take(&mut self.state().watched)
    }

    pub(super) fn put(&self) -> Vec<(String, Vec<u8>)> {
        std::mem::take(&mut self.state().put)
    }

    pub(super) fn since_begin(&self) -> u64 {
        u64::try_from(self.state().begin.elapsed().as_millis()).unwrap()
    }
}

impl Bucket for Script {
    async fn watch(&self) -> Result<BoxStream<'static, Result<Entry, Fault>>, Fault> {
        let at = self.since_begin();
        let mut state = self.state();
        state.watched.push(at);
        if let Some(fault) = &state.down {
            return Err(fault.clone());
        }
        let (sender, watch) = mpsc::channel(100_000);
        state.watch = Some(sender);
        let next = |mut watch: mpsc::Receiver<_>| async { Some((watch.recv().await?, watch)) };
        Ok(stream::unfold(watch, next).boxed())
    }

    async fn read(&self) -> Result<Gathered, Fault> {
        let (entries, takes) = {
            let mut state = self.state();
            state.reads += 1;
            (state.entries.values().cloned().collect(), state.read_takes)
        };
        sleep(takes).await;
        Ok(entries)
    }

    async fn put(&self, key: Key, value: Arc<[u8]>) -> Result<u64, Fault> {
        let (answer, takes) = {
            let mut state = self.state();
            state.put.push(pair(&key.to_string(), &value));
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            (state.puts.pop_front(), state.put_takes)
        };
        sleep(takes).await;
        match answer {
            Some(None) => return pending().await,
            Some(Some(_)) | None => self.state().under_way -= 1,
        }
        match answer.flatten() {
            Some(fault) => Err(fault),
            None => Ok(self.store(key, &value)),
        }
    }
}
