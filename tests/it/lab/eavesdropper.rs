//! Somebody who hears all that vantages publish.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use meridian::health::Opinions;
use meridian::health::Vote;
use tokio::time::timeout;

use crate::lab::Fleet;
use crate::lab::until;

/// A subscriber of a NATS server's, in a thread. Dropped, it ends.
pub(crate) struct Eavesdropper {
    heard: Arc<Mutex<Vec<Opinions>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Eavesdropper {
    /// Hears what comes to a NATS server from now on.
    pub(crate) fn start(fleet: &Fleet, server: &str) -> Self {
        let (heard, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let shared = (Arc::clone(&heard), Arc::clone(&stop));
        let (door, url) = (fleet.door(), Fleet::nats_url(server));
        let thread = thread::spawn(move || {
            door.enter();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(listen(&url, &shared.0, &shared.1));
        });
        let eavesdropper = Self { heard, stop, thread: Some(thread) };
        until("something is heard", || !eavesdropper.heard.lock().unwrap().is_empty());
        eavesdropper
    }

    /// When the vantage that decided had seen it, and when it said so: the second of all by whom
    /// more is down (or, with `down` false, nothing) than at some moment before.
    pub(crate) fn decided(&self, down: bool, after: Timestamp) -> Option<Decided> {
        let mut found: Vec<Decided> = Vec::new();
        for said in self.heard.lock().unwrap().iter().filter(|said| said.at > after) {
            let votes = said.exceptions.iter().filter(|exception| exception.vote == Vote::Down);
            let seen = votes.filter_map(|exception| exception.since).max();
            let is_first = found.iter().all(|known| known.vantage != said.vantage);
            if seen.is_some() == down && is_first {
                let (vantage, said_at) = (said.vantage.clone(), said.at);
                found.push(Decided { vantage, seen: seen.unwrap_or(said_at), said: said_at });
            }
        }
        found.sort_by_key(|decided| decided.said);
        found.into_iter().nth(1)
    }
}

/// What the vantage that decided did, by the clock of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Decided {
    pub(crate) vantage: String,
    /// When the outcome came that turned its opinion.
    pub(crate) seen: Timestamp,
    /// When it published that.
    pub(crate) said: Timestamp,
}

impl Drop for Eavesdropper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // What it panicked of was printed; a second panic would hide the first.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn listen(url: &str, heard: &Mutex<Vec<Opinions>>, stop: &AtomicBool) {
    let client = async_nats::connect(url).await.unwrap();
    // A bucket's keys are subjects, which anybody may listen to.
    let mut opinions = client.subscribe("$KV.meridian-live.opinions.>").await.unwrap();
    while !stop.load(Ordering::Relaxed) {
        let message = timeout(Duration::from_millis(100), opinions.next()).await;
        if let Ok(Some(message)) = message {
            heard.lock().unwrap().push(Opinions::decode(&message.payload).unwrap());
        }
    }
}
