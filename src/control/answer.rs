//! What each route does.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use hyper::body::Bytes;
use hyper::body::Incoming;
use ipnet::IpNet;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::config::Role;
use crate::control::Explain;
use crate::control::Heartbeat;
use crate::control::Request;
use crate::control::beacon;
use crate::control::desk;
use crate::control::events::Events;
use crate::control::guard::Caller;
use crate::control::loads;
use crate::control::metrics;
use crate::control::order;
use crate::control::page;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::places::Place;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::room::Room;
use crate::control::route::Route;
use crate::control::route::To;
use crate::control::samples;
use crate::control::view;
use crate::engine::Status;
use crate::model::RecordType;
use crate::model::limits;

/// A request that may pass, taken apart.
pub(super) struct Asked {
    pub(super) route: &'static Route,
    /// What the path has in place of `{…}`.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    /// Who asks.
    pub(super) caller: Caller,
    /// Whose request it is, as far as a proxy may say; for what is open to anybody.
    pub(super) client: Option<IpAddr>,
    pub(super) place: Arc<Place>,
    pub(super) body: Incoming,
}

impl Asked {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body, which has a place while it is read and until the request is answered.
    ///
    /// # Errors
    ///
    /// 408, 413 and 503.
    pub(super) async fn octets(self, most: usize) -> Result<Bytes, Problem> {
        let is_batch = matches!(self.route.to, To::BeaconPost | To::LatencyPost);
        desk::octets(self.body, &self.place, most, is_batch).await
    }

    /// The same as JSON; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As [`Asked::octets`], and 422.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<Option<T>, Problem> {
        desk::json(&self.octets(limits::API_BODY).await?)
    }

    pub(super) fn segment(&self, at: usize) -> String {
        self.path.get(at).cloned().unwrap_or_default()
    }
}

/// Answers it.
///
/// # Errors
///
/// What is wrong with it, or with the node.
pub(super) async fn answer(room: &Room, asked: Asked) -> Result<Response<Payload>, Problem> {
    let patience = asked.route.patience;
    if asked.route.to.asks_node() && asked.caller.role != Some(Role::Operate) {
        room.desk.leaves_room()?;
    }
    match asked.route.to {
        To::Admin => {
            let status = room.desk.status(patience).await?;
            Ok(payload::json(&json!({ "admin": status.admin })))
        }
        To::AdminDelete => order::delete(room, &asked).await,
        To::AdminPut => order::put(room, asked).await,
        To::Beacon => beacon::script(room),
        To::BeaconPost => beacon::take(room, asked).await,
        To::Events => events(room, &asked.place),
        To::Explain => explain(room, &asked).await,
        To::Healthz => Ok(payload::text("text/plain; charset=utf-8", "ok\n")),
        To::Latency => {
            let (prefix, after) = (asked.parameter("prefix"), asked.parameter("after"));
            samples::show(&room.intake.keeper, patience, prefix, after).await
        }
        To::LatencyPost => samples::take(&room.intake.keeper, asked).await,
        To::LoadPost => loads::take(&room.intake.meters, asked).await,
        To::Metrics => {
            let (intake, traffic) = (room.intake.clone(), room.traffic.clone());
            let places = room.places.clone();
            let draw = move |status: &Status| {
                let (samples, loads) = (intake.keeper.counts(), intake.meters.figures());
                let (traffic, api) = (traffic.read(), places.counts());
                Ok(metrics::render(status, &traffic, &api, &samples, &loads))
            };
            drawn(room, &asked, draw).await.map(|text| payload::text(metrics::CONTENT_TYPE, text))
        }
        To::OpenApi => Ok(payload::text("application/json", OPENAPI)),
        To::Page => {
            let page = drawn(room, &asked, |status| Ok(page::draw(status))).await?;
            Ok(payload::text("text/html; charset=utf-8", page))
        }
        To::Push => push(room, asked).await,
        To::Readyz if asked.caller.may_read => {
            let status = room.desk.status(patience).await?;
            Ok(payload::json(&view::readiness(&status)))
        }
        // From elsewhere only that the node takes part: not what it has, nor with whom.
        To::Readyz => {
            room.desk.is_there(patience).await?;
            Ok(payload::text("text/plain; charset=utf-8", "ready\n"))
        }
        To::Reload => reload(room, patience).await,
        To::Status => {
            let of = |name| asked.parameter(name).map(str::to_owned);
            let (service, region) = (of("service"), of("region"));
            let draw = move |status: &Status| {
                let status = view::cut(status.clone(), service.as_deref(), region.as_deref())?;
                Ok(payload::pretty(&serde_json::to_value(status).unwrap_or_default()))
            };
            drawn(room, &asked, draw).await.map(|text| payload::text(payload::JSON, text))
        }
    }
}

/// The status as somebody draws it. What has parameters is nobody else's.
///
/// # Errors
///
/// As [`desk::Desk::ask`], and what drawing says.
async fn drawn<D>(room: &Room, asked: &Asked, draw: D) -> Result<Bytes, Problem>
where
    D: FnOnce(&Status) -> Result<String, Problem> + Send + 'static,
{
    let (to, patience) = (asked.route.to, asked.route.patience);
    let turn = room.drawn.turn(asked.query.is_empty().then_some(to), Instant::now());
    let turn = timeout(patience, turn).await.map_err(|_| {
        let detail = "too many wait for the status to be drawn";
        Problem::new(Kind::Crowded, detail).retry_after(limits::API_COME_AGAIN)
    })?;
    match turn {
        Ok(turn) => {
            let status = room.desk.status(patience).await?;
            turn.draw(move || draw(&status)).await
        }
        Err(shared) => Ok(shared),
    }
}

/// The description of the API.
pub(super) const OPENAPI: &str = include_str!("openapi.json");

fn events(room: &Room, place: &Place) -> Result<Response<Payload>, Problem> {
    place.streams()?;
    let events = Events::start(room.notices.subscribe(), &room.tasks);
    events.map(payload::stream).map_err(|error| Problem::new(Kind::Node, error.to_string()))
}

async fn explain(room: &Room, asked: &Asked) -> Result<Response<Payload>, Problem> {
    let problem = |name: &str, expected: &str, found: &str| {
        let detail = format!("parameter `{name}`: expected {expected}, found {found:?}");
        Problem::new(Kind::Query, detail)
    };
    let name = asked.parameter("name").unwrap_or_default();
    let qtype = asked.parameter("type").unwrap_or("A");
    let subnet = |text: &str| {
        let address = || text.parse::<IpAddr>().map(IpNet::from).ok();
        let net = text.parse().ok().or_else(address).map(|net: IpNet| net.trunc());
        net.ok_or_else(|| problem("client", "an address or a prefix", text))
    };
    let resolver = |text: &str| text.parse().map_err(|_| problem("resolver", "an address", text));
    let question = Explain {
        name: name.parse().map_err(|_| problem("name", "a domain name", name))?,
        qtype: qtype
            .parse::<RecordType>()
            .map_err(|()| problem("type", "a record type such as A", qtype))?,
        client: asked.parameter("client").map(subnet).transpose()?,
        resolver: asked.parameter("resolver").map(resolver).transpose()?,
    };
    let answer = |reply| Request::Explain(question, reply);
    let explanation = room.desk.ask(asked.route.patience, answer).await?;
    explanation.map(|json| payload::json(&json)).map_err(|why| Problem::new(Kind::Query, why))
}

/// The body of a heartbeat.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PushBody {
    failure: Option<String>,
}

async fn push(room: &Room, asked: Asked) -> Result<Response<Payload>, Problem> {
    let patience = asked.route.patience;
    let (monitor, target) = (asked.segment(0), asked.segment(1));
    let body: PushBody = asked.json().await?.unwrap_or_default();
    let failure = body.failure.map(|text| order::plain("failure", text)).transpose()?;
    let beat = Heartbeat { monitor, target, failure };
    let taken = room.desk.ask(patience, |reply| Request::Heartbeat(beat, reply)).await?;
    taken.map(|()| payload::done()).map_err(|why| Problem::new(Kind::NotFound, why.to_string()))
}

async fn reload(room: &Room, patience: Duration) -> Result<Response<Payload>, Problem> {
    match room.desk.ask(patience, Request::Reload).await? {
        Ok(taken) => Ok(payload::json(&json!(taken))),
        Err(diagnostics) => Err(not_taken(diagnostics)),
    }
}

fn not_taken(diagnostics: Value) -> Problem {
    let detail = "the configuration has errors; the one before stays";
    Problem::new(Kind::Configuration, detail).more("diagnostics", diagnostics)
}
