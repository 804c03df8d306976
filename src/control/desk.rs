//! Where requests become questions to the node, and its answers responses.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Limited;
use hyper::body::Body as _;
use hyper::body::Bytes;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::control::Request;
use crate::control::places::Place;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::engine::Status;
use crate::model::limits;

/// How long a body may take to come.
const BODY: Duration = Duration::from_secs(10);

/// How long it holds that the node was there: whoever asks from elsewhere, however often, costs
/// it four answers a second.
const THERE: Duration = Duration::from_millis(250);

/// The way to the node.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    requests: Sender<Request>,
    /// When the node answered last to whoever asked whether it is there.
    there: Arc<Mutex<Option<Instant>>>,
}

impl Desk {
    pub(super) fn new(requests: Sender<Request>) -> Self {
        Self { requests, there: Arc::default() }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// 503 if the queue is full, or no answer comes in time.
    pub(super) async fn ask<T>(
        &self,
        patience: Duration,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let problem =
            |detail: String| Problem::new(Kind::Node, detail).retry_after(Duration::from_secs(1));
        match self.requests.try_send(request(reply)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(problem("too many requests wait for the node".to_owned()));
            }
            Err(TrySendError::Closed(_)) => {
                return Err(problem("the node is being stopped".to_owned()));
            }
        }
        match timeout(patience, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(problem("the node gave no answer".to_owned())),
            Err(_) => {
                let detail = format!("the node gave no answer within {} s", patience.as_secs());
                Err(problem(detail))
            }
        }
    }

    /// Whether the node answers, of a moment ago at the most. Those who ask wait for one answer.
    ///
    /// # Errors
    ///
    /// As [`Desk::ask`].
    pub(super) async fn is_there(&self, patience: Duration) -> Result<(), Problem> {
        let mut there = self.there.lock().await;
        if there.is_none_or(|at| at.elapsed() >= THERE) {
            self.status(patience).await?;
            *there = Some(Instant::now());
        }
        Ok(())
    }

    /// Refuses who is no operator once only the places of operators are left.
    ///
    /// # Errors
    ///
    /// 503.
    pub(super) fn leaves_room(&self) -> Result<(), Problem> {
        // A short queue, as in tests, has none that are reserved.
        let most = limits::REQUESTS_OF_OPERATORS.min(self.requests.max_capacity() / 4);
        if self.requests.capacity() > most {
            return Ok(());
        }
        let detail = "too many requests wait for the node".to_owned();
        Err(Problem::new(Kind::Node, detail).retry_after(Duration::from_secs(1)))
    }

    /// What is known.
    ///
    /// # Errors
    ///
    /// As [`Desk::ask`].
    pub(super) async fn status(&self, patience: Duration) -> Result<Arc<Status>, Problem> {
        self.ask(patience, Request::Status).await
    }
}

/// A body as JSON; `None` if there is none.
///
/// # Errors
///
/// 422.
pub(super) fn json<T: DeserializeOwned>(octets: &[u8]) -> Result<Option<T>, Problem> {
    if octets.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(octets)
        .map(Some)
        .map_err(|error| Problem::new(Kind::Body, error.to_string()))
}

/// Reads a body of at most so many octets, if there is room for as many as it may have.
///
/// # Errors
///
/// 408, 413 and 503.
pub(super) async fn octets(
    body: Incoming,
    place: &Place,
    most: usize,
    is_batch: bool,
) -> Result<Bytes, Problem> {
    let too_long = || Problem::new(Kind::TooLong, format!("expected at most {most} octets"));
    let (least, said) = (body.size_hint().lower(), body.size_hint().upper());
    if least > most as u64 {
        return Err(too_long());
    }
    let said = said.and_then(|said| usize::try_from(said).ok()).unwrap_or(most);
    place.carries(said.min(most), is_batch)?;
    let read = timeout(BODY, Limited::new(body, most).collect()).await.map_err(|_| {
        Problem::new(Kind::Slow, format!("the body did not come within {} s", BODY.as_secs()))
    })?;
    Ok(read.map_err(|_| too_long())?.to_bytes())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_busy_or_gone_is_said_so_at_once() {
        let (sender, node) = mpsc::channel(1);
        let desk = Desk::new(sender);
        let detail = async || desk.status(Duration::from_secs(10)).await.unwrap_err().detail;
        assert_eq!(detail().await, "the node gave no answer within 10 s");
        assert_eq!(detail().await, "too many requests wait for the node");
        drop(node);
        assert_eq!(detail().await, "the node is being stopped");
    }
}
