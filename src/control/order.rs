//! Orders of operators: admin states that are set and taken away.

use std::time::Duration;

use hyper::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::json;
use tokio::time::timeout;

use crate::config;
use crate::control::Ordered;
use crate::control::Request;
use crate::control::answer::Asked;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::room::Room;
use crate::engine::AdminChange;
use crate::engine::AdminDone;
use crate::engine::AdminRefusal;
use crate::model::AdminState;
use crate::model::AdminTarget;
use crate::model::limits;

/// How long a change may take to be on disk.
const SAVE: Duration = Duration::from_secs(10);

/// The body of a change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminBody {
    target: AdminTarget,
    state: AdminState,
    #[serde(default)]
    why: String,
    until: Option<Timestamp>,
    #[serde(rename = "for")]
    lasts: Option<String>,
    #[serde(default)]
    force: bool,
}

/// Sets an admin state.
///
/// # Errors
///
/// What is wrong with it, or that it is in force and not saved.
pub(super) async fn put(room: &Room, asked: Asked) -> Result<Response<Payload>, Problem> {
    let patience = asked.route.patience;
    let who = asked.caller.name.clone();
    let body: AdminBody = asked.json().await?.ok_or_else(|| {
        Problem::new(Kind::Body, "expected an object with `target` and `state`, found no body")
    })?;
    let until = end(body.until, body.lasts.as_deref(), Timestamp::now())?;
    let change = AdminChange {
        target: body.target,
        state: body.state,
        who,
        why: plain("why", body.why)?,
        until,
        force: body.force,
    };
    change_admin(room, patience, change).await
}

/// Takes an admin state away.
///
/// # Errors
///
/// As [`put`].
pub(super) async fn delete(room: &Room, asked: &Asked) -> Result<Response<Payload>, Problem> {
    let text = asked.segment(0);
    let target = text.parse().map_err(|()| {
        let expected = "`REGION`, `SERVICE/REGION` or `SERVICE/REGION/ENDPOINT`";
        Problem::new(Kind::NotFound, format!("expected {expected}, found {text:?}"))
    })?;
    let force = match asked.parameter("force") {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            let detail = format!("parameter `force`: expected `true` or `false`, found {other:?}");
            return Err(Problem::new(Kind::Query, detail));
        }
    };
    let change = AdminChange {
        target,
        state: AdminState::Auto,
        who: asked.caller.name.clone(),
        why: String::new(),
        until: None,
        force,
    };
    change_admin(room, asked.route.patience, change).await
}

async fn change_admin(
    room: &Room,
    patience: Duration,
    change: AdminChange,
) -> Result<Response<Payload>, Problem> {
    let (target, state) = (change.target.clone(), change.state);
    let ordered = room.desk.ask(patience, |reply| Request::Admin(change, reply)).await?;
    let ordered = ordered.map_err(|refusal| refused(&refusal))?;
    confirmed(&target, state, ordered).await.map(|done| payload::json(&done))
}

/// What a change came to, once it is on disk.
///
/// # Errors
///
/// 507 if it is not: it holds all the same, which is said.
async fn confirmed(
    target: &AdminTarget,
    state: AdminState,
    Ordered { done, saved }: Ordered,
) -> Result<Value, Problem> {
    let AdminDone { before, settled, unsettled, others } = done;
    let why = match timeout(SAVE, saved).await {
        Ok(Ok(Ok(()))) => {
            return Ok(json!({
                "target": target,
                "before": before,
                "state": state,
                "settled": settled,
                "unsettled": unsettled,
                "others": others,
            }));
        }
        Ok(Ok(Err(why))) => why,
        Ok(Err(_)) => "the node is being stopped".to_owned(),
        Err(_) => format!("the disk has not taken it within {} s", SAVE.as_secs()),
    };
    let detail = format!(
        "{target} is {state} from now on, but that is not saved: {why}; if this node stops before \
         it can be written, it may begin without it; it is tried again until the disk takes it"
    );
    let problem = Problem::new(Kind::NotSaved, detail);
    let problem = problem.more("target", json!(target)).more("before", json!(before));
    let problem = problem.more("state", json!(state)).more("settled", json!(settled));
    Err(problem.more("unsettled", json!(unsettled)).more("others", json!(others)))
}

fn refused(refusal: &AdminRefusal) -> Problem {
    let kind = match refusal {
        AdminRefusal::Safety { .. } => Kind::Safety,
        AdminRefusal::Unknown { .. } => Kind::NotFound,
        AdminRefusal::Ended { .. } => Kind::Body,
        AdminRefusal::TooMany { .. } => Kind::TooMany,
    };
    let problem = Problem::new(kind, refusal.to_string());
    match refusal {
        AdminRefusal::Safety { service, family, clients, left, regions, least } => problem.more(
            "safety",
            json!({
                "service": service,
                "family": family.map(|family| family.to_string()),
                "clients": clients,
                "left": left,
                "regions": regions,
                "least": least,
            }),
        ),
        AdminRefusal::Unknown { .. }
        | AdminRefusal::Ended { .. }
        | AdminRefusal::TooMany { .. } => problem,
    }
}

/// The end of an admin state.
fn end(
    until: Option<Timestamp>,
    lasts: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Problem> {
    let problem = |detail: String| Problem::new(Kind::Body, detail);
    let Some(lasts) = lasts else { return Ok(until) };
    if until.is_some() {
        return Err(problem("expected `until` or `for`, found both".to_owned()));
    }
    let duration = config::duration(lasts).map_err(|why| problem(format!("`for`: {why}")))?;
    let end = now.checked_add(duration);
    end.map(Some).map_err(|_| problem(format!("`for`: {lasts:?} is too far away")))
}

/// What somebody wrote that others will read: short, and without control characters.
pub(super) fn plain(field: &str, text: String) -> Result<String, Problem> {
    let length = text.chars().count();
    if length > limits::WHY {
        let most = limits::WHY;
        let detail = format!("`{field}`: expected at most {most} characters, found {length}");
        return Err(Problem::new(Kind::Body, detail));
    }
    if text.contains(char::is_control) {
        let detail = format!("`{field}`: expected one line of text, found control characters");
        return Err(Problem::new(Kind::Body, detail));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn an_end_is_a_time_or_a_duration() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let later: Timestamp = "2026-01-02T05:04:05Z".parse().unwrap();
        assert_eq!(end(None, None, now).unwrap(), None);
        assert_eq!(end(None, Some("2h"), now).unwrap(), Some(later));
        assert_eq!(end(Some(later), None, now).unwrap(), Some(later));
        for (until, lasts) in
            [(Some(later), Some("2h")), (None, Some("2 hours")), (None, Some("99999999999d"))]
        {
            let problem = end(until, lasts, now).unwrap_err();
            assert_eq!(problem.kind, Kind::Body, "{}", problem.detail);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_confirmed_when_it_is_on_disk_and_else_told_as_what_it_is() {
        let target = "www/eu".parse().unwrap();
        let order = || {
            let settled = "2026-01-02T03:04:05Z".parse().unwrap();
            let (disk, saved) = oneshot::channel();
            let before = AdminState::Auto;
            let done = AdminDone { before, settled, unsettled: None, others: Vec::new() };
            (disk, Ordered { done, saved })
        };
        let confirm = |order| confirmed(&target, AdminState::Drained, order);
        let (disk, saved) = order();
        disk.send(Ok(())).unwrap();
        assert_eq!(confirm(saved).await.unwrap()["before"], "auto");
        let refused = async |order, why: &str| {
            let problem = confirm(order).await.unwrap_err();
            assert_eq!(problem.status(), 507);
            let json = problem.json();
            assert_eq!((&json["target"], &json["state"]), (&json!("www/eu"), &json!("drained")));
            let detail = json["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("not saved") && detail.contains(why), "{detail}");
        };
        let (disk, full) = order();
        disk.send(Err("no space left on device".into())).unwrap();
        refused(full, "no space left on device").await;
        let (_disk, slow) = order();
        refused(slow, "within 10 s").await;
        let (disk, ended) = order();
        drop(disk);
        refused(ended, "being stopped").await;
    }

    #[test]
    fn what_others_will_read_is_one_line() {
        assert!(plain("why", "kernel upgrade, straße".into()).is_ok());
        assert!(plain("why", "a\nb".into()).is_err());
        assert!(plain("why", "\u{1b}[31m".into()).is_err());
        assert!(plain("why", "x".repeat(limits::WHY + 1)).is_err());
    }
}
