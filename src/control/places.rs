//! Places: who has a connection, what it does, and who goes when there are too many.
//!
//! ```text
//!   accept ─► enter ─► Waiting ◄──────────────┐
//!                        │ a request came     │ answered
//!                        ├─► Working ─────────┤
//!                        └─► Streaming ───────┘
//! ```
//!
//! Whoever shows a token has places of its own, by the token; everybody else shares places, by
//! address. A newcomer always gets one: of those that wait the one that waited longest goes, first
//! of the newcomer's own. So that some always wait, fewer may work than there are places.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Role;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::rate::who;
use crate::model::limits;

/// Who asks, if it has shown a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Holder {
    /// What the token is called.
    pub(super) name: Arc<str>,
    /// What it may.
    pub(super) role: Role,
}

/// All connections of the API; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<Table>>);

/// A text that is kept for whoever takes it; many may take the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Kept {
    /// Where it is in memory: no other is there meanwhile.
    pub(super) at: usize,
    pub(super) octets: usize,
}

/// One connection's place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    number: u64,
    /// Cancelled when it has to go.
    pub(super) leave: CancellationToken,
}

#[derive(Debug, Default)]
struct Table {
    seats: HashMap<u64, Seat>,
    next: u64,
    counts: Counts,
}

/// What became of connections and requests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counts {
    /// Connections that went for others.
    pub(super) evicted: u64,
    /// Requests that were refused because too much was under way.
    pub(super) refused: u64,
    /// Connections of who has shown no token.
    pub(super) of_anybody: usize,
    /// Connections of who has.
    pub(super) of_tokens: usize,
}

#[derive(Debug)]
struct Seat {
    peer: IpAddr,
    holder: Option<Holder>,
    doing: Doing,
    since: Instant,
    /// Octets of a body that may be kept for it.
    body: usize,
    /// The long answer that it takes.
    answer: Option<Kept>,
    /// Whether it has a batch for the table of round trips.
    is_batch: bool,
    leave: CancellationToken,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Doing {
    /// No request came yet, or the last was answered.
    Waiting,
    Working,
    Streaming,
}

impl Seat {
    fn is_busy(&self) -> bool {
        self.doing != Doing::Waiting
    }

    /// Whether it is of the same token, or without one of the same address.
    fn is_of(&self, peer: IpAddr, holder: Option<&Holder>) -> bool {
        match (&self.holder, holder) {
            (Some(of), Some(holder)) => of.name == holder.name,
            (None, None) => self.peer == peer,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    fn role(&self) -> Option<Role> {
        self.holder.as_ref().map(|holder| holder.role)
    }
}

impl Places {
    /// A place for a connection that has said nothing yet.
    pub(super) fn enter(&self, peer: IpAddr, now: Instant) -> Place {
        let (peer, leave) = (who(peer), CancellationToken::new());
        let mut table = self.table();
        let of_peer = |seat: &Seat| seat.is_of(peer, None);
        if table.count(of_peer) >= limits::API_CONNECTIONS_PER_PEER {
            table.evict(Doing::Waiting, of_peer);
        }
        if table.count(|seat| seat.holder.is_none()) >= limits::API_CONNECTIONS {
            table.evict(Doing::Waiting, |seat| seat.holder.is_none());
        }
        let number = table.next;
        table.next += 1;
        let seat = Seat {
            peer,
            holder: None,
            doing: Doing::Waiting,
            since: now,
            body: 0,
            answer: None,
            is_batch: false,
            leave: leave.clone(),
        };
        table.seats.insert(number, seat);
        Place { places: self.clone(), number, leave }
    }

    /// What became of connections.
    pub(super) fn counts(&self) -> Counts {
        let table = self.table();
        let of_tokens = table.count(|seat| seat.holder.is_some());
        Counts { of_tokens, of_anybody: table.seats.len() - of_tokens, ..table.counts }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request came, of whoever has shown this token or none.
    ///
    /// # Errors
    ///
    /// 503 if too many are under way.
    pub(super) fn works(&self, holder: Option<Holder>, now: Instant) -> Result<(), Problem> {
        let mut table = self.places.table();
        // The own seat is counted anew.
        let Some(mut seat) = table.seats.remove(&self.number) else { return Ok(()) };
        let done = table.make_room(seat.peer, holder.as_ref());
        seat.holder = holder;
        if done.is_ok() {
            (seat.doing, seat.since) = (Doing::Working, now);
        } else {
            table.counts.refused += 1;
        }
        table.seats.insert(self.number, seat);
        done
    }

    /// The request is one for an event stream.
    ///
    /// # Errors
    ///
    /// 503 if there are too many.
    pub(super) fn streams(&self) -> Result<(), Problem> {
        let mut table = self.places.table();
        let Some(seat) = table.seats.get(&self.number) else { return Ok(()) };
        let (peer, holder) = (seat.peer, seat.holder.clone());
        let is_stream = |seat: &Seat| seat.doing == Doing::Streaming;
        let of_one = match holder {
            Some(_) => limits::API_STREAMS_PER_TOKEN,
            None => limits::API_STREAMS_PER_PEER,
        };
        let own = table.count(|seat| is_stream(seat) && seat.is_of(peer, holder.as_ref()));
        let role = holder.as_ref().map(|holder| holder.role);
        let has_room = own < of_one
            && (table.count(is_stream) < limits::API_STREAMS
                || table.evict(Doing::Streaming, |seat| seat.role() < role));
        if !has_room {
            table.counts.refused += 1;
            let most = limits::API_STREAMS;
            let detail = format!(
                "expected at most {of_one} event streams of one token or address, and {most} in all"
            );
            return Err(Problem::new(Kind::Streams, detail).retry_after(limits::API_COME_AGAIN));
        }
        table.seats.entry(self.number).and_modify(|seat| seat.doing = Doing::Streaming);
        Ok(())
    }

    /// The request has a body of at most so many octets, which are kept until it is answered.
    ///
    /// # Errors
    ///
    /// 503 if too much is kept already: of the same token or address, or of all.
    pub(super) fn carries(&self, octets: usize, is_batch: bool) -> Result<(), Problem> {
        let mut table = self.places.table();
        let Some(seat) = table.seats.get(&self.number) else { return Ok(()) };
        let (peer, holder) = (seat.peer, seat.holder.clone());
        let is_operator = |seat: &Seat| seat.role() == Some(Role::Operate);
        let own = |seat: &&Seat| seat.is_of(peer, holder.as_ref());
        let sum = |all: &mut dyn Iterator<Item = &Seat>| all.map(|seat| seat.body).sum::<usize>();
        let of_one = sum(&mut table.seats.values().filter(own)) + octets;
        let of_all = sum(&mut table.seats.values().filter(|seat| !is_operator(seat))) + octets;
        let batches = table.seats.values().filter(own).filter(|seat| seat.is_batch).count();
        // What operators send is small, and has room beside that of all others.
        let is_full = of_one > limits::API_BODIES / 2
            || !is_operator(seat) && of_all > limits::API_BODIES
            || is_batch && batches >= limits::LATENCY_QUEUE / 4;
        if is_full {
            table.counts.refused += 1;
            let detail = "too much of what was sent is being read already; nothing was taken";
            return Err(Problem::new(Kind::Backlog, detail).retry_after(limits::API_COME_AGAIN));
        }
        let carry = |seat: &mut Seat| (seat.body, seat.is_batch) = (octets, is_batch);
        table.seats.entry(self.number).and_modify(carry);
        Ok(())
    }

    /// The answer is a long one, which is kept until it was taken. Where there are too many, some
    /// that are being taken are cut off: first of who has the least role, then of who takes most,
    /// the one that was asked for longest ago.
    ///
    /// # Errors
    ///
    /// 503 if all of them are of higher roles.
    pub(super) fn answers(&self, kept: Kept) -> Result<(), Problem> {
        let mut table = self.places.table();
        let Some(mut seat) = table.seats.remove(&self.number) else { return Ok(()) };
        let done = loop {
            let others = octets(table.seats.values().filter(|seat| seat.answer != Some(kept)));
            // One is taken whatever its size: a node has as many services as it has.
            if others == 0 || others + kept.octets <= limits::API_ANSWERS {
                seat.answer = Some(kept);
                break Ok(());
            }
            if !table.cut_off(seat.role(), kept) {
                table.counts.refused += 1;
                break Err(crowded());
            }
        };
        table.seats.insert(self.number, seat);
        done
    }

    /// The request was answered.
    pub(super) fn rests(&self, now: Instant) {
        let rest = |seat: &mut Seat| {
            (seat.doing, seat.since) = (Doing::Waiting, now);
            (seat.body, seat.answer, seat.is_batch) = (0, None, false);
        };
        self.places.table().seats.entry(self.number).and_modify(rest);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.table().seats.remove(&self.number);
    }
}

impl Table {
    fn count(&self, of: impl Fn(&Seat) -> bool) -> usize {
        self.seats.values().filter(|seat| of(seat)).count()
    }

    /// Has the one that does so for longest leave; false if nobody does. Its seat is free at once.
    fn evict(&mut self, doing: Doing, of: impl Fn(&Seat) -> bool) -> bool {
        let leaving = self.seats.iter().filter(|(_, seat)| seat.doing == doing && of(seat));
        let oldest = leaving.min_by_key(|(number, seat)| (seat.since, **number));
        self.leave(oldest.map(|(number, _)| *number))
    }

    /// Has another answer end that is being taken, if there is one of that role or a lesser.
    fn cut_off(&mut self, role: Option<Role>, but: Kept) -> bool {
        let of_one = |one: &Seat| {
            octets(self.seats.values().filter(|s| s.is_of(one.peer, one.holder.as_ref())))
        };
        let is_other = |seat: &Seat| seat.answer.is_some_and(|kept| kept != but);
        let taking = self.seats.iter().filter(|(_, s)| is_other(s) && s.role() <= role);
        let first = taking.min_by_key(|(number, seat)| {
            (seat.role(), Reverse(of_one(seat)), seat.since, **number)
        });
        self.leave(first.map(|(number, _)| *number))
    }

    /// Has one leave; false if it is none.
    fn leave(&mut self, number: Option<u64>) -> bool {
        let seat = number.and_then(|number| self.seats.remove(&number));
        if let Some(seat) = &seat {
            seat.leave.cancel();
            self.counts.evicted += 1;
        }
        seat.is_some()
    }

    /// Makes room for one more request.
    fn make_room(&mut self, peer: IpAddr, holder: Option<&Holder>) -> Result<(), Problem> {
        let Some(holder) = holder else {
            let busy = |seat: &Seat| seat.is_busy() && seat.holder.is_none();
            let is_full = self.count(busy) >= limits::API_BUSY
                || self.count(|seat| busy(seat) && seat.peer == peer) >= limits::API_BUSY_PER_PEER;
            return if is_full { Err(crowded()) } else { Ok(()) };
        };
        let of_token = |seat: &Seat| seat.is_of(peer, Some(holder));
        if self.count(of_token) >= limits::API_CONNECTIONS_PER_TOKEN
            && !self.evict(Doing::Waiting, of_token)
        {
            return Err(crowded());
        }
        let is_full = self.count(|seat| seat.holder.is_some()) >= limits::API_CONNECTIONS;
        let has_token = |seat: &Seat| seat.holder.is_some();
        let is_less = |seat: &Seat| has_token(seat) && seat.role() < Some(holder.role);
        if is_full
            && !self.evict(Doing::Waiting, has_token)
            && !self.evict(Doing::Streaming, is_less)
            && !self.evict(Doing::Working, is_less)
        {
            return Err(crowded());
        }
        Ok(())
    }
}

/// What answers of some keep together.
fn octets<'a>(of: impl Iterator<Item = &'a Seat>) -> usize {
    let kept: BTreeSet<Kept> = of.filter_map(|seat| seat.answer).collect();
    kept.iter().map(|kept| kept.octets).sum()
}

fn crowded() -> Problem {
    let detail = "too many requests of the same token or address, or in all, are under way";
    Problem::new(Kind::Crowded, detail).retry_after(limits::API_COME_AGAIN)
}

#[cfg(test)]
mod tests;
