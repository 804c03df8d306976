//! The responder: one message in, one message or none out.
//!
//! ```text
//!   octets ─► Query ─┬─ malformed, not a query ───────► FORMERR, NOTIMP or silence
//!                    ├─ EDNS version ≠ 0 ─────────────► BADVERS
//!                    ├─ class CH ─────────────────────► identity
//!                    └─ zones ─┬─ static data ────────► answer, chains followed
//!                              ├─ balanced name ──────► steer::decide
//!                              └─ nothing ────────────► negative, referral, REFUSED
//! ```
//!
//! [`respond`] serves every transport, `explain`, tests, fuzzers and benches. What it needs
//! comes with the [`View`]: a snapshot, and the worker's own generator and counters.
//!
//! # Invariants
//!
//! - No lock, no allocation, no waiting, no logging, no clock.
//! - The reply is never longer than the query allows, nor than the buffer; by UDP it is not longer
//!   than [`limits::UDP_AMPLIFICATION`] times the query.
//! - A response is never answered.
//! - A query with a client subnet gets one back, with scope 0 unless a balanced name was
//!   answered by the client's place (RFC 7871, 7.2.1).
//!
//! # Not here
//!
//! Sockets and framing (`server`).
//!
//! # Start with
//!
//! [`respond`], then `answer`.
#![forbid(unsafe_code)]

mod answer;
mod balanced;
mod identity;
mod tally;

use std::net::IpAddr;

use fastrand::Rng;

pub use tally::Class;
pub use tally::Tally;
pub use tally::TallyCell;

use crate::model;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::model::limits;
use crate::responder::answer::Answer;
use crate::snapshot::Snapshot;
use crate::steer::Hint;
use crate::steer::NoTrace;
use crate::steer::Trace;
use crate::wire::Asked;
use crate::wire::ExtendedError;
use crate::wire::Extras;
use crate::wire::Names;
use crate::wire::Query;
use crate::wire::Reject;
use crate::wire::Rejected;
use crate::wire::Reply;
use crate::wire::ScopePrefix;
use crate::wire::glimpse_client_subnet;

/// How a message came, and its answer goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// A stream with two-octet lengths (RFC 7766).
    Tcp,
}

/// What belongs to one worker alone.
#[derive(Debug)]
pub struct Worker {
    rng: Rng,
    /// Of the response in the making.
    names: Names,
    /// What it answered.
    pub tally: Tally,
}

impl Worker {
    /// A worker whose draws follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { rng: Rng::with_seed(seed), names: Names::default(), tally: Tally::default() }
    }
}

/// What a response is made from.
#[derive(Debug)]
pub struct View<'a> {
    /// What was published.
    pub snapshot: &'a Snapshot,
    /// The worker's own state.
    pub worker: &'a mut Worker,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Outcome {
    /// Send nothing.
    Drop,
    /// Send so many octets of the reply buffer.
    Send(usize),
}

/// Answers one message. O(message + answer), no allocation.
///
/// `reply` should have [`limits::UDP_PAYLOAD`] octets for UDP, and [`limits::MESSAGE`] for
/// streams; of a shorter one less is used.
pub fn respond(
    request: &[u8],
    peer: IpAddr,
    transport: Transport,
    view: &mut View<'_>,
    reply: &mut [u8],
) -> Outcome {
    respond_traced(request, peer, transport, view, reply, &mut NoTrace)
}

/// [`respond`], observed.
pub fn respond_traced<T: Trace>(
    request: &[u8],
    peer: IpAddr,
    transport: Transport,
    view: &mut View<'_>,
    reply: &mut [u8],
    trace: &mut T,
) -> Outcome {
    let parsed = Query::parse(request);
    // Borrowed: a query is too large to be moved for nothing.
    let query = match &parsed {
        Ok(query) => query,
        Err(Reject::Answer(rejected)) => return reject(rejected, request, transport, view, reply),
        Err(Reject::Ignore) => {
            view.worker.tally.count(Class::Dropped);
            return Outcome::Drop;
        }
    };
    let asked = query.asked();
    let extras = extras(view, transport);
    let limit = limit(&asked, request, transport, view);
    let Worker { rng, tally, names } = &mut *view.worker;
    let Some(mut out) = Reply::new(&asked, request, reply, names, limit, &extras) else {
        // Not even the question fits the buffer.
        tally.count(Class::Dropped);
        return Outcome::Drop;
    };
    let out_at = &mut out;
    let answer = Answer { query, peer, snapshot: view.snapshot, rng, tally, out: out_at, trace };
    let verdict = judge(answer);
    tally.count(Class::of(verdict.rcode));
    let length = out.finish(&asked, verdict.rcode, verdict.scope, verdict.error, &extras);
    Outcome::Send(length)
}

/// Answers a message that is no query we can answer.
#[cold]
fn reject(
    rejected: &Rejected,
    request: &[u8],
    transport: Transport,
    view: &mut View<'_>,
    reply: &mut [u8],
) -> Outcome {
    let (asked, extras) = (rejected.asked(), extras(view, transport));
    let limit = limit(&asked, request, transport, view);
    let Worker { tally, names, .. } = &mut *view.worker;
    let Some(out) = Reply::new(&asked, request, reply, names, limit, &extras) else {
        tally.count(Class::Dropped);
        return Outcome::Drop;
    };
    tally.count(Class::of(rejected.rcode));
    Outcome::Send(out.finish(&asked, rejected.rcode, ScopePrefix::GLOBAL, None, &extras))
}

fn extras<'a>(view: &View<'a>, transport: Transport) -> Extras<'a> {
    let world = &view.snapshot.world;
    Extras {
        nsid: world.nsid(),
        keepalive: (transport == Transport::Tcp).then(|| world.keepalive()),
    }
}

/// Reads ahead what answering these messages will need of the maps. Changes nothing but how
/// soon: the look-ups of a batch then wait for memory together instead of one after the other
/// (a fifth of the user time per query over a City database, see `benches/wire`).
pub fn anticipate<'r>(messages: impl Iterator<Item = (&'r [u8], IpAddr)>, snapshot: &Snapshot) {
    let mut hints = [None; limits::BATCH];
    for (hint, (message, peer)) in hints.iter_mut().zip(messages) {
        *hint = Some(Hint::new(glimpse_client_subnet(message), peer));
    }
    // Whose map it will be is known once the name is; most nodes have one or two.
    for step in 0..3 {
        for map in snapshot.world.maps().iter().take(2) {
            hints.iter().flatten().for_each(|hint| map.anticipate(*hint, step));
        }
    }
}

/// How a response ends.
#[derive(Clone, Copy, Debug)]
struct Verdict {
    rcode: Rcode,
    scope: ScopePrefix,
    error: Option<ExtendedError>,
}

impl Verdict {
    const fn of(rcode: Rcode) -> Self {
        Self { rcode, scope: ScopePrefix::GLOBAL, error: None }
    }

    const fn refused(text: &'static str) -> Self {
        // RFC 8914, 4.21: Not Authoritative.
        Self::error(Rcode::REFUSED, 20, text)
    }

    const fn error(rcode: Rcode, code: u16, text: &'static str) -> Self {
        let error = Some(ExtendedError { code, text });
        Self { rcode, scope: ScopePrefix::GLOBAL, error }
    }
}

fn judge<T: Trace>(answer: Answer<'_, '_, T>) -> Verdict {
    let Answer { query, snapshot, .. } = answer;
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Verdict::of(Rcode::BADVERS);
    }
    match (query.question.class, query.question.qtype) {
        (model::Class::IN, RecordType::AXFR | RecordType::IXFR) => transfer(query, snapshot),
        (model::Class::IN, _) => answer.complete(),
        (model::Class::CH, _) => identity::answer(query, snapshot.world.nsid(), answer.out),
        _ => Verdict::refused("only class IN is served"),
    }
}

/// Transfers are not offered (RFC 5936, 2.2.1).
#[cold]
fn transfer(query: &Query, snapshot: &Snapshot) -> Verdict {
    let name = query.question.name();
    let zone = snapshot.world.zones().zone_of(name);
    match zone.filter(|zone| zone.apex() == name) {
        // RFC 8914, 4.19: Prohibited.
        Some(_) => Verdict::error(Rcode::REFUSED, 18, "zone transfers are not offered"),
        None => Verdict::error(Rcode::NOTAUTH, 20, "not a zone served here"),
    }
}

/// Octets that a response may have: over UDP what the requestor takes, within what we send
/// (RFC 6891, 6.2.3 and 6.2.5) and what the query is worth.
#[inline]
fn limit(asked: &Asked<'_>, request: &[u8], transport: Transport, view: &View<'_>) -> usize {
    match transport {
        Transport::Udp => {
            let payload = asked.edns.map_or(512, |edns| edns.payload.max(512));
            let payload = payload.min(view.snapshot.world.udp_payload());
            usize::from(payload).min(request.len() * limits::UDP_AMPLIFICATION)
        }
        Transport::Tcp => limits::MESSAGE,
    }
}
