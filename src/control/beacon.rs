//! The beacon: a script for the pages of a site, and what browsers say they measured.
//!
//! Whoever sends it is nobody in particular and may lie, so it counts for little: what it says is
//! of its own prefix and no other, all who are in that are one source, and none is heard often.

use std::collections::HashMap;
use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::Response;
use hyper::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use hyper::header::CACHE_CONTROL;
use hyper::header::HeaderName;
use hyper::header::HeaderValue;
use serde_json::Value;
use serde_json::json;
use tokio::time::Instant;

use crate::control::answer::Asked;
use crate::control::payload;
use crate::control::payload::Payload;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::rate::Rates;
use crate::control::room::Room;
use crate::control::samples;
use crate::model::limits;
use crate::samples::ClientPrefix;
use crate::samples::SourceId;

/// The script, where `URLS` stands for regions and what is fetched from each.
const SCRIPT: &str = include_str!("beacon.js");

/// What proxies write who they speak for into.
const FORWARDED: &str = "x-forwarded-for";

/// How long a browser may keep the script, which changes when the configuration does.
const KEPT: &str = "max-age=600";

/// Whom a request is of, as far as a proxy may say; `None` if it should have, and did not.
pub(super) fn client(room: &Room, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let beacon = room.beacon.load();
    let Some(beacon) = beacon.as_ref().as_ref() else { return Some(peer) };
    // What is no text is no address.
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let forwarded: Vec<String> = headers.get_all(FORWARDED).iter().map(text).collect();
    beacon.client(peer, forwarded.iter().map(String::as_str))
}

/// The script.
///
/// # Errors
///
/// 404 unless it is configured.
pub(super) fn script(room: &Room) -> Result<Response<Payload>, Problem> {
    let beacon = room.beacon.load();
    let beacon = beacon.as_ref().as_ref().ok_or_else(off)?;
    let urls: HashMap<&String, &String> = beacon.urls.iter().map(|(r, url)| (r, url)).collect();
    let script = SCRIPT.replacen("URLS", &json!(urls).to_string(), 1);
    let mut response = payload::text("text/javascript; charset=utf-8", script);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(KEPT));
    Ok(for_all(response))
}

/// Takes what a browser measured: an object of milliseconds by region.
///
/// # Errors
///
/// 404 unless it is configured, 408, 413, 422, 429 and 503.
pub(super) async fn take(room: &Room, asked: Asked) -> Result<Response<Payload>, Problem> {
    if room.beacon.load().is_none() {
        return Err(off());
    }
    let patience = asked.route.patience;
    let client = asked.client.ok_or_else(|| {
        Problem::new(Kind::Query, format!("a trusted proxy gave no address in `{FORWARDED}`"))
    })?;
    let prefix = ClientPrefix::of(client);
    room.beacon_rates().take(prefix.address(), Instant::now()).map_err(|after| {
        let detail = format!("enough was heard of {prefix}");
        Problem::new(Kind::Rate, detail).retry_after(after)
    })?;
    let octets = asked.octets(limits::BEACON_BODY).await?;
    let lines = lines(&octets, prefix)?;
    let source = SourceId::of(format!("beacon {prefix}").as_bytes());
    samples::answered(patience, room.intake.keeper.take(lines.into_bytes(), source)).await?;
    Ok(for_all(payload::done()))
}

/// How often a prefix is heard.
pub(super) fn rates() -> Rates {
    Rates::new(limits::BEACON_BURST, limits::BEACON_PAUSE, limits::BEACON_PREFIXES)
}

/// The samples in a body, as the keeper takes them.
fn lines(octets: &[u8], prefix: ClientPrefix) -> Result<String, Problem> {
    let found: HashMap<String, f64> = serde_json::from_slice(octets)
        .map_err(|error| Problem::new(Kind::Body, error.to_string()))?;
    if found.len() > limits::BEACON_REGIONS {
        let (most, found) = (limits::BEACON_REGIONS, found.len());
        return Err(Problem::new(Kind::Body, format!("expected at most {most}, found {found}")));
    }
    let client = prefix.to_string();
    let line = |(region, rtt_ms): (&String, &f64)| -> Value {
        json!({ "client": client, "region": region, "rtt_ms": rtt_ms })
    };
    Ok(found.iter().map(|found| format!("{}\n", line(found))).collect())
}

fn off() -> Problem {
    Problem::new(Kind::NotFound, "there is no `[control.beacon]`")
}

/// Any site may use it.
fn for_all(mut response: Response<Payload>) -> Response<Payload> {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let policy = HeaderName::from_static("cross-origin-resource-policy");
    headers.insert(policy, HeaderValue::from_static("cross-origin"));
    response
}
