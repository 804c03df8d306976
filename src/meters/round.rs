//! The readings of one region, at its interval, all its sources at once.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio::time::sleep_until;

use crate::meters::board::Post;
use crate::meters::fault::Fault;
use crate::meters::fault::Flaw;
use crate::meters::format;
use crate::meters::phase;
use crate::meters::source::Source;
use crate::model::LoadSource;
use crate::model::RegionLoad;

/// One region at work.
pub(super) struct Round {
    interval: Duration,
    sources: Vec<Source>,
    post: Post,
}

impl Round {
    pub(super) fn new(load: &RegionLoad, sources: &[LoadSource], post: Post) -> Self {
        let interval = load.interval;
        let sources = sources.iter().map(|source| Source::new(source, interval)).collect();
        Self { interval, sources, post }
    }

    /// Reads until it is dropped, which may be at any time. A reading that took longer than the
    /// interval makes the next one wait for its own time.
    pub(super) async fn run(mut self) {
        let [first, second] = phase::of(self.post.region(), self.interval);
        let mut due = Instant::now() + first;
        sleep_until(due).await;
        self.read().await;
        due += second;
        loop {
            sleep_until(due).await;
            self.read().await;
            while due <= Instant::now() {
                due += self.interval;
            }
        }
    }

    async fn read(&mut self) {
        let read = join_all(self.sources.iter_mut().map(Source::read)).await;
        let failed =
            |(at, read): (usize, &Result<_, Flaw>)| Some((at, read.as_ref().err()?.clone()));
        let mut failed = read.iter().enumerate().filter_map(failed);
        if let Some((at, Flaw { reason, found })) = failed.next() {
            let source = self.sources.get(at).map(Source::shown).unwrap_or_default();
            let fault = Fault { source, reason, found, others: failed.count() };
            self.post.put(Err(fault), Duration::ZERO, Timestamp::now());
            return;
        }
        // Of what grows there may be one reading yet.
        let Some(all) = read.into_iter().flatten().collect::<Option<Vec<_>>>() else { return };
        let sum = all.iter().map(|(load, _)| load).sum();
        let span = all.iter().map(|(_, span)| *span).max().unwrap_or_default();
        let value = format::load(sum).map_err(|Flaw { reason, found }| {
            let source = "the sum of all sources".to_owned();
            Fault { source, reason, found, others: 0 }
        });
        self.post.put(value, span, Timestamp::now());
    }
}
