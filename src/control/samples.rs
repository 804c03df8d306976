//! Round trips: what is reported, and what is known.

use std::net::IpAddr;
use std::time::Duration;

use hyper::Response;
use serde::Serialize;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::control::answer::Asked;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::model::limits;
use crate::samples;
use crate::samples::Keeper;
use crate::samples::Reason;
use crate::samples::SourceId;
use crate::samples::Unheard;

/// Takes a batch of lines. All that one token reports is of one source, whoever holds it: so
/// that a liar counts once per prefix, wherever it speaks from.
///
/// # Errors
///
/// 408, 413, and 503; nothing of it was taken, but perhaps if the keeper gave no answer.
pub(super) async fn take(keeper: &Keeper, asked: Asked) -> Result<Response<Payload>, Problem> {
    let (patience, source) = (asked.route.patience, SourceId::of(asked.caller.name.as_bytes()));
    let octets = asked.octets(limits::LATENCY_BATCH).await?;
    let (lines, most) = (octets.split(|octet| *octet == b'\n').count(), limits::LATENCY_LINES);
    // A last line that ends is no line more.
    if lines > most + usize::from(octets.ends_with(b"\n")) {
        let detail = format!("expected at most {most} lines, found {lines}");
        return Err(Problem::new(Kind::TooLong, detail));
    }
    answered(patience, keeper.take(octets.to_vec(), source)).await
}

/// Shows what is known of one prefix, or of all, page by page.
///
/// # Errors
///
/// 400 for what is no prefix, and 503.
pub(super) async fn show(
    keeper: &Keeper,
    patience: Duration,
    prefix: Option<&str>,
    after: Option<&str>,
) -> Result<Response<Payload>, Problem> {
    let asked = match (prefix, after) {
        (Some(_), Some(_)) => {
            let detail = "expected `prefix` or `after`, found both";
            return Err(Problem::new(Kind::Query, detail));
        }
        (Some(prefix), None) => keeper.look(client("prefix", prefix)?),
        (None, after) => keeper.page(after.map(|text| client("after", text)).transpose()?),
    };
    answered(patience, asked).await
}

fn client(name: &str, text: &str) -> Result<IpAddr, Problem> {
    samples::client(text).map_err(|reason| {
        let expected = if reason == Reason::WideClient {
            "a prefix no wider than /24 (IPv4) or /48 (IPv6)"
        } else {
            "an address or a prefix"
        };
        Problem::new(
            Kind::Query,
            format!("parameter `{name}`: expected {expected}, found {text:?}"),
        )
    })
}

/// The answer of the keeper, once it comes.
pub(super) async fn answered<T: Serialize>(
    patience: Duration,
    asked: Result<oneshot::Receiver<T>, Unheard>,
) -> Result<Response<Payload>, Problem> {
    let soon = |problem: Problem| problem.retry_after(Duration::from_secs(1));
    let answer = asked.map_err(|why| match why {
        Unheard::Overflow => {
            let most = limits::LATENCY_QUEUE;
            let detail = format!("{most} batches of samples wait already; nothing was taken");
            soon(Problem::new(Kind::Backlog, detail))
        }
        Unheard::Gone => soon(Problem::new(Kind::Node, "the latency table is being closed")),
    })?;
    match timeout(patience, answer).await {
        Ok(Ok(answer)) => Ok(payload::json(&serde_json::to_value(answer).unwrap_or_default())),
        Ok(Err(_)) => Err(soon(Problem::new(Kind::Node, "the latency table gave no answer"))),
        Err(_) => {
            let waited = patience.as_secs();
            let detail = format!(
                "the latency table gave no answer within {waited} s; what was sent may be taken \
                 still, and may be sent again"
            );
            Err(soon(Problem::new(Kind::Node, detail)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Taken;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_without_a_word() {
        let patience = Duration::from_secs(10);
        let refused = async |asked: Result<oneshot::Receiver<Taken>, Unheard>| {
            let problem = answered(patience, asked).await.unwrap_err();
            assert_eq!(problem.status().as_u16(), 503);
            assert!(problem.retry_after.is_some());
            (problem.kind, problem.detail)
        };
        let (kind, detail) = refused(Err(Unheard::Overflow)).await;
        assert_eq!(kind, Kind::Backlog);
        assert_eq!(detail, "16 batches of samples wait already; nothing was taken");
        assert_eq!(refused(Err(Unheard::Gone)).await.0, Kind::Node);
        let (ended, answer) = oneshot::channel();
        drop(ended);
        assert_eq!(refused(Ok(answer)).await.0, Kind::Node);
        let (_slow, answer) = oneshot::channel();
        assert!(refused(Ok(answer)).await.1.contains("within 10 s"));
    }
}
