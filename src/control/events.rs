//! `GET /api/v1/events`: every notice as it comes (server-sent events).
//!
//! ```text
//!   broadcast ─► one task per client ─► 16 events ─► connection
//!                  a comment every 15 s              slow: falls behind, then is told
//!                                                    how many events it missed
//! ```
//!
//! What happened before is not sent again: who comes back reads the status first.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use hyper::body::Body;
use hyper::body::Bytes;
use hyper::body::Frame;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::timeout;

use crate::engine::Notice;
use crate::tasks::SpawnError;
use crate::tasks::Tasks;

/// How often something is sent, so that proxies and clients know that the stream lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client may take nothing of what is sent.
const STALLED: Duration = Duration::from_secs(30);

/// Events between the task and the connection.
const AHEAD: usize = 16;

/// The body of a response that goes on.
#[derive(Debug)]
pub(super) struct Events(mpsc::Receiver<Bytes>);

impl Events {
    /// Starts a stream. It has a place already.
    ///
    /// # Errors
    ///
    /// If there are too many tasks, or the node is being stopped.
    pub(super) fn start(
        notices: broadcast::Receiver<Arc<Notice>>,
        tasks: &Tasks,
    ) -> Result<Self, SpawnError> {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let stop = tasks.stopping().clone();
        tasks.spawn("api events", async move {
            tokio::select! {
                () = forward(notices, &sender) => {}
                () = sender.closed() => {}
                () = stop.cancelled() => {}
            }
        })?;
        Ok(Self(receiver))
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

async fn forward(mut notices: broadcast::Receiver<Arc<Notice>>, to: &mpsc::Sender<Bytes>) {
    // The first tick is at once: the client learns that it is heard.
    let mut alive = interval(KEEP_ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let event = tokio::select! {
            notice = notices.recv() => match notice {
                Ok(notice) => event(&notice),
                Err(RecvError::Lagged(missed)) => {
                    format!("event: missed\ndata: {{\"missed\":{missed}}}\n\n")
                }
                Err(RecvError::Closed) => return,
            },
            _ = alive.tick() => ": alive\n\n".to_owned(),
        };
        match timeout(STALLED, to.send(event.into())).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// One notice as an event, with the notice's id.
fn event(notice: &Notice) -> String {
    let json = serde_json::to_value(notice).unwrap_or_default();
    let name = json.get("event").and_then(|name| name.as_str()).unwrap_or("message");
    // JSON has no line ends, and neither has the name of a variant.
    format!("id: {}\nevent: {name}\ndata: {json}\n\n", notice.id)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::engine::What;

    fn notice(generation: u64) -> Arc<Notice> {
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let what = What::Reloaded { generation };
        let (node, id) = ("ns1".to_owned(), format!("ns1-2a-{generation}"));
        Arc::new(Notice { at, node, id, severity: what.severity(), what })
    }

    async fn next(events: &mut Events) -> String {
        let frame = events.frame().await.unwrap().unwrap();
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn notices_are_events_and_silence_is_a_comment() {
        let (sender, _keep) = broadcast::channel(4);
        let tasks = Tasks::new();
        let mut events = Events::start(sender.subscribe(), &tasks).unwrap();
        assert_eq!(next(&mut events).await, ": alive\n\n");
        sender.send(notice(7)).unwrap();
        assert_eq!(
            next(&mut events).await,
            "id: ns1-2a-7\nevent: reloaded\n\
             data: {\"at\":\"2026-01-02T03:04:05Z\",\"event\":\"reloaded\",\"generation\":7,\
             \"id\":\"ns1-2a-7\",\"node\":\"ns1\",\"severity\":\"info\"}\n\n"
        );
        assert_eq!(next(&mut events).await, ": alive\n\n");
        drop(events);
        while tasks.running() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_falls_behind_is_told_how_far() {
        let (sender, _keep) = broadcast::channel(4);
        let mut events = Events::start(sender.subscribe(), &Tasks::new()).unwrap();
        assert_eq!(next(&mut events).await, ": alive\n\n");
        for generation in 0..10 {
            sender.send(notice(generation)).unwrap();
        }
        assert_eq!(next(&mut events).await, "event: missed\ndata: {\"missed\":6}\n\n");
        assert!(next(&mut events).await.contains("\"generation\":6"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_let_go() {
        let (sender, _keep) = broadcast::channel(64);
        let tasks = Tasks::new();
        let _events = Events::start(sender.subscribe(), &tasks).unwrap();
        for generation in 0..40 {
            sender.send(notice(generation)).unwrap();
        }
        tokio::time::sleep(STALLED * 2).await;
        assert_eq!(tasks.running(), 0);
    }
}
