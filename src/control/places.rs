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

    /// The request was answered.
    pub(super) fn rests(&self, now: Instant) {
        let rest = |seat: &mut Seat| {
            (seat.doing, seat.since) = (Doing::Waiting, now);
            (seat.body, seat.is_batch) = (0, false);
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
        let Some(number) = oldest.map(|(number, _)| *number) else { return false };
        if let Some(seat) = self.seats.remove(&number) {
            seat.leave.cancel();
            self.counts.evicted += 1;
        }
        true
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

fn crowded() -> Problem {
    let detail = "too many requests of the same token or address, or in all, are under way";
    Problem::new(Kind::Crowded, detail).retry_after(limits::API_COME_AGAIN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn peer(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    fn holder(name: &str, role: Role) -> Option<Holder> {
        Some(Holder { name: name.into(), role })
    }

    /// So many connections of a peer, all later than those before.
    fn enter(places: &Places, of: u32, count: usize) -> Vec<Place> {
        let begin = Instant::now() + Duration::from_secs(places.table().next);
        (0..count).map(|_| places.enter(peer(of), begin)).collect()
    }

    fn left(places: &[Place]) -> usize {
        places.iter().filter(|place| place.leave.is_cancelled()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_goes_for_others_and_the_oldest_of_ones_own_first() {
        let places = Places::default();
        let first = enter(&places, 1, limits::API_CONNECTIONS_PER_PEER);
        let more = enter(&places, 1, 3);
        assert_eq!((left(&first), left(&more)), (3, 0));
        assert!(first[..3].iter().all(|place| place.leave.is_cancelled()));
        let peers = 2..100;
        let others: Vec<Vec<Place>> = peers.map(|of| enter(&places, of, 8)).collect();
        let counts = places.counts();
        assert_eq!((counts.of_anybody, counts.of_tokens), (limits::API_CONNECTIONS, 0));
        let newest = others.last().unwrap();
        assert_eq!(left(newest), 0, "whoever comes gets in");
        drop((first, more, others));
        assert_eq!(places.counts().of_anybody, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_works_stays_and_some_places_are_never_taken_by_work() {
        let places = Places::default();
        let now = Instant::now();
        let mut working = Vec::new();
        for of in 0..1000 {
            let place = places.enter(peer(of), now);
            if place.works(None, now).is_ok() {
                working.push(place);
            }
        }
        assert_eq!(working.len(), limits::API_BUSY);
        assert_eq!(left(&working), 0);
        let waiting = enter(&places, 5000, limits::API_CONNECTIONS);
        assert_eq!(left(&working), 0, "who waits goes first");
        let operator = places.enter(peer(1), now + Duration::from_secs(10_000));
        assert!(operator.works(None, now).is_err(), "503");
        assert!(operator.works(holder("ops", Role::Operate), now).is_ok());
        assert!(!operator.leave.is_cancelled() && left(&waiting) > 0);
        let one = Places::default();
        let of_one = enter(&one, 1, limits::API_CONNECTIONS_PER_PEER);
        let works = of_one.iter().filter(|place| place.works(None, now).is_ok()).count();
        assert_eq!(works, limits::API_BUSY_PER_PEER);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_has_places_of_its_own_and_an_operator_those_of_lesser_roles() {
        let places = Places::default();
        let now = Instant::now();
        let work = |name: &str, role, count: usize| {
            let all = (0..count).map(|_| {
                let place = places.enter(peer(1), now);
                let is_taken = place.works(holder(name, role), now).is_ok();
                is_taken.then_some(place)
            });
            all.flatten().collect::<Vec<Place>>()
        };
        let most = limits::API_CONNECTIONS_PER_TOKEN;
        let of_one = work("a", Role::Report, most + 5);
        assert_eq!((of_one.len(), left(&of_one)), (most, 0));
        of_one[0].rests(now);
        assert_eq!(work("a", Role::Report, 1).len(), 1);
        assert!(of_one[0].leave.is_cancelled(), "its own that waits goes");
        let names: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        let all: Vec<_> = names.iter().map(|name| work(name, Role::Report, most)).collect();
        assert!(all.iter().map(Vec::len).sum::<usize>() <= limits::API_CONNECTIONS);
        assert_eq!(work("ops", Role::Operate, 3).len(), 3);
        assert!(places.counts().of_tokens <= limits::API_CONNECTIONS);
    }

    #[tokio::test(start_paused = true)]
    async fn streams_are_bounded_and_go_for_those_of_a_token() {
        let places = Places::default();
        let now = Instant::now();
        let stream = |of: u32, holder: Option<Holder>| {
            let place = places.enter(peer(of), now);
            let is_taken = place.works(holder, now).and_then(|()| place.streams()).is_ok();
            is_taken.then_some(place)
        };
        let of_one: Vec<Place> = (0..100).filter_map(|_| stream(1, None)).collect();
        assert_eq!(of_one.len(), limits::API_STREAMS_PER_PEER);
        let rest: Vec<Place> = (2..100).filter_map(|of| stream(of, None)).collect();
        assert_eq!(of_one.len() + rest.len(), limits::API_STREAMS);
        assert!(stream(200, None).is_none());
        assert!(stream(1, holder("page", Role::Read)).is_some());
        assert_eq!(left(&of_one) + left(&rest), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_are_bounded_for_each_and_in_sum_and_operators_have_room() {
        let places = Places::default();
        let now = Instant::now();
        let send = |name: &str, role, octets, is_batch| {
            let place = places.enter(peer(1), now);
            place.works(holder(name, role), now).unwrap();
            place.carries(octets, is_batch).is_ok().then_some(place)
        };
        let mib = 1024 * 1024;
        let batch = limits::LATENCY_BATCH;
        let of_one: Vec<Place> =
            (0..20).filter_map(|_| send("a", Role::Report, batch, false)).collect();
        assert_eq!(of_one.len() * batch, limits::API_BODIES / 2);
        let other: Vec<Place> =
            (0..20).filter_map(|_| send("b", Role::Report, batch, true)).collect();
        assert_eq!(other.len(), limits::LATENCY_QUEUE / 4, "batches have a share of their queue");
        assert!(send("c", Role::Report, mib, false).is_none(), "in sum");
        assert!(send("ops", Role::Operate, limits::API_BODY, false).is_some());
        of_one[0].rests(now);
        assert!(send("c", Role::Report, mib, false).is_some());
    }
}
