//! Round trips to landmarks: hosts that stand for the clients around them.
//!
//! Each is measured once an interval, evenly spread, by the shortest of three connections or
//! echoes in a row: whatever holds up one of them only lengthens it.

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::model::Landmark;
use crate::model::limits;
use crate::prober::connect::Found;
use crate::prober::connect::Stage;
use crate::prober::failure::Fault;
use crate::prober::icmp;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How long all that is measured of a landmark may take at a time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How often a landmark is asked in a row.
const TIMES: usize = 3;

/// What is to be measured; nothing by default.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Landmarks {
    /// The hosts.
    pub all: Vec<Landmark>,
    /// How often each.
    pub interval: Duration,
}

/// What was measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sighting {
    /// Whom the landmark stands for.
    pub client: IpAddr,
    /// The round trip in microseconds, at least one.
    pub rtt_us: u32,
}

/// What measures; it ends with the last of its clones.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<watch::Sender<Arc<Landmarks>>>);

impl Gauge {
    /// Starts measuring, on a thread of its own, whose timers nobody holds up. What
    /// `sightings` has no room for is lost.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] if there is no thread to be had.
    pub fn start(
        landmarks: Landmarks,
        sightings: mpsc::Sender<Sighting>,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        let (sender, receiver) = watch::channel(Arc::new(landmarks));
        tasks.thread("gauge", move |stop| {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(run(receiver, &sightings, stop)),
                Err(error) => tracing::error!(%error, "nothing is measured: there is no runtime"),
            }
        })?;
        Ok(Self(Arc::new(sender)))
    }

    /// Changes what is measured; what stays the same keeps its rhythm.
    pub fn replace(&self, landmarks: Landmarks) {
        self.0.send_if_modified(|before| {
            let is_new = **before != landmarks;
            if is_new {
                *before = Arc::new(landmarks);
            }
            is_new
        });
    }
}

async fn run(
    mut plans: watch::Receiver<Arc<Landmarks>>,
    sightings: &mpsc::Sender<Sighting>,
    stop: &CancellationToken,
) {
    let mut under_way = FuturesUnordered::new();
    loop {
        let landmarks = Arc::clone(&plans.borrow_and_update());
        let n = u32::try_from(landmarks.all.len().max(1)).unwrap_or(u32::MAX);
        let mut pace = interval((landmarks.interval / n).max(Duration::from_millis(1)));
        // Late ones do not come all at once.
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next = landmarks.all.iter().cycle();
        let is_changed = loop {
            let has_room = under_way.len() < limits::LANDMARKS_IN_FLIGHT;
            tokio::select! {
                () = stop.cancelled() => break false,
                changed = plans.changed() => break changed.is_ok(),
                _ = pace.tick(), if has_room && !landmarks.all.is_empty() => {
                    under_way.extend(next.next().map(|landmark| measured(*landmark)));
                }
                Some(sighting) = under_way.next() => {
                    // Who is behind gets the next one in an interval.
                    sighting.into_iter().for_each(|one| sightings.try_send(one).unwrap_or(()));
                }
            }
        };
        if !is_changed {
            return;
        }
    }
}

/// Measures once; nothing if it does not answer.
async fn measured(landmark: Landmark) -> Option<Sighting> {
    let mut shortest: Option<Duration> = None;
    // What was measured before the time was over counts.
    drop(
        timeout(TIMEOUT, async {
            for _ in 0..TIMES {
                let begun = Instant::now();
                if ask(&landmark).await.is_err() {
                    break;
                }
                let took = begun.elapsed();
                shortest = Some(shortest.map_or(took, |shortest| shortest.min(took)));
            }
        })
        .await,
    );
    let rtt_us = u32::try_from(shortest?.as_micros()).ok()?.max(1);
    Some(Sighting { client: landmark.client, rtt_us })
}

async fn ask(landmark: &Landmark) -> Result<(), Fault> {
    let Landmark { address, port, .. } = *landmark;
    let Some(port) = port else {
        return icmp::probe(&Found::of(address), &Stage::default()).await;
    };
    let connected = TcpStream::connect(SocketAddr::new(address, port)).await;
    connected.map(drop).map_err(|error| Fault::of_socket("connecting", &error))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpListener;

    use super::*;

    fn landmark(port: u16, client: u8) -> Landmark {
        let address = Ipv4Addr::LOCALHOST.into();
        Landmark { address, port: Some(port), client: [192, 0, client, 1].into() }
    }

    #[tokio::test]
    async fn who_answers_is_measured_again_and_again_and_nobody_else() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let nobody = closed.local_addr().unwrap().port();
        drop(closed);
        let tasks = Tasks::new();
        let (sender, mut sightings) = mpsc::channel(8);
        let all = vec![landmark(nobody, 7), landmark(port, 2)];
        let landmarks = Landmarks { all, interval: Duration::from_millis(20) };
        let gauge = Gauge::start(landmarks, sender, &tasks).unwrap();
        for _ in 0..3 {
            let sighting = sightings.recv().await.unwrap();
            assert_eq!(sighting.client, IpAddr::from([192, 0, 2, 1]));
            assert!((1..5_000_000).contains(&sighting.rtt_us), "{sighting:?}");
        }
        let all = vec![landmark(port, 3)];
        gauge.replace(Landmarks { all, interval: Duration::from_millis(20) });
        let is_new = |sighting: Sighting| sighting.client == IpAddr::from([192, 0, 3, 1]);
        while !is_new(sightings.recv().await.unwrap()) {}
        gauge.replace(Landmarks::default());
        tasks.cancel();
        while sightings.recv().await.is_some() {}
    }
}
