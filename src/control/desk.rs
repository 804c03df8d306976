//! Where requests become questions to the node, and its answers responses.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use http_body_util::Limited;
use hyper::body::Body as _;
use hyper::body::Bytes;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::control::Request;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::engine::Status;
use crate::model::limits;

/// How long a body may take to come.
const BODY: Duration = Duration::from_secs(10);

/// The way to the node.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    requests: Sender<Request>,
}

impl Desk {
    pub(super) fn new(requests: Sender<Request>) -> Self {
        Self { requests }
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

    /// What is known.
    ///
    /// # Errors
    ///
    /// As [`Desk::ask`].
    pub(super) async fn status(&self, patience: Duration) -> Result<Arc<Status>, Problem> {
        self.ask(patience, Request::Status).await
    }
}

/// Reads a body as JSON; `None` if there is none.
///
/// # Errors
///
/// 408, 413 and 422.
pub(super) async fn body<T: DeserializeOwned>(body: Incoming) -> Result<Option<T>, Problem> {
    let octets = octets(body, limits::API_BODY).await?;
    if octets.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&octets)
        .map(Some)
        .map_err(|error| Problem::new(Kind::Body, error.to_string()))
}

/// Reads a body of at most so many octets.
///
/// # Errors
///
/// 408 and 413.
pub(super) async fn octets(body: Incoming, most: usize) -> Result<Bytes, Problem> {
    let too_long = || Problem::new(Kind::TooLong, format!("expected at most {most} octets"));
    if body.size_hint().lower() > most as u64 {
        return Err(too_long());
    }
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
