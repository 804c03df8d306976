//! The open TCP connections: how many, whose, and what each of them holds.
//!
//! ```text
//!   admit(client) ─► Slot ─┬─ took(now)         answers were taken: the client is alive
//!                          ├─ hold(octets)      of answers that are not taken yet
//!                          └─ told_to_go()      it has to make room
//! ```
//!
//! A client is an IPv4 address or an IPv6 /64, which is what one machine has at the least.
//!
//! Room is made where most of it is used, so that many connections of one client cost that client and
//! nobody else:
//!
//! - For a new connection, first one that takes no answers goes, however many wait for it: of
//!   the client that holds most. Then, of the client with most connections, the one of which was
//!   heard longest ago (RFC 7766, 6.2.3 lets a server close idle ones when short of resources).
//!   Between clients with equally many it is the one that came first.
//! - For octets, also first one that takes no answers. Then the connection that holds most, of the
//!   client that holds most. If that is the one which asks, it is refused.
//!
//! A client that took no answers and had to make room gets no new connection for [`REFUSED_FOR`]: it
//! would come back at once to do the same, and others would wait behind it.
//!
//! # Invariants
//!
//! - What all connections hold is at most twice [`limits::TCP_BUFFERS`]: it counts until it is
//!   given back, and those that were told to go may hold as much again until they have gone.
//! - Every operation costs O(log connections), and at most a look at each connection of one client.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::collections::HashMap;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::limits;
use crate::server::Counters;

/// The table of open connections.
#[derive(Debug)]
pub(in crate::server) struct Connections {
    in_all: usize,
    per_client: usize,
    counters: Arc<Counters>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    open: HashMap<u64, Entry>,
    clients: HashMap<Client, Share>,
    /// Clients by how many connections they have; the first to lose one comes last.
    crowds: BTreeSet<(usize, Reverse<u64>, Client)>,
    /// Clients that hold octets, by how many.
    holders: BTreeSet<(usize, Client)>,
    /// Clients that get no new connection, and until when.
    refused: HashMap<Client, Instant>,
    /// Octets held in all.
    held: usize,
    /// Octets of these that are held by connections which were told to go.
    leaving: usize,
    /// How many those are.
    leavers: usize,
    /// The most connections since it was last said that they have become fewer.
    peak: usize,
    /// Whether they were [`MANY`], and are not yet few.
    were_many: bool,
}

/// Whose connections count together.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Client(IpAddr);

/// What a client has of the table. Connections that were told to go are not in it.
#[derive(Debug, Default)]
struct Share {
    /// The oldest first.
    connections: Vec<u64>,
    held: usize,
}

#[derive(Debug)]
struct Entry {
    client: Client,
    /// When the client last took answers, or came.
    heard: Instant,
    held: usize,
    is_leaving: bool,
    go: Arc<Notify>,
}

/// A connection's place in the table; given back when dropped.
#[derive(Debug)]
pub(in crate::server) struct Slot {
    id: u64,
    peer: IpAddr,
    go: Arc<Notify>,
    connections: Arc<Connections>,
}

/// There is no room for what a connection is to hold: it should end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) struct NoRoom;

impl Connections {
    /// An empty table with these limits.
    pub(in crate::server) fn new(
        in_all: usize,
        per_client: usize,
        counters: Arc<Counters>,
    ) -> Self {
        Self { in_all, per_client, counters, table: Mutex::default() }
    }

    /// Enters a connection, for which another may be told to go; `None` if there is no room, or none
    /// for this client.
    pub(in crate::server) fn admit(self: &Arc<Self>, peer: IpAddr, now: Instant) -> Option<Slot> {
        let client = Client::of(peer);
        let mut table = self.table();
        if table.refused.get(&client).is_some_and(|until| now < *until) {
            return None;
        }
        let of_client = table.clients.get(&client).map_or(0, |share| share.connections.len());
        let has_room = if of_client >= self.per_client {
            table.make_room(Some(client), now, &self.counters)
        } else if table.entered() >= self.in_all {
            table.make_room(None, now, &self.counters)
        } else {
            true
        };
        if !has_room {
            return None;
        }
        let (id, go) = table.enter(client, now);
        Some(Slot { id, peer, go, connections: Arc::clone(self) })
    }

    /// Tells the first that should make room to go; whether there was one.
    pub(in crate::server) fn make_room(&self, now: Instant) -> bool {
        self.table().make_room(None, now, &self.counters)
    }

    /// Whether many connections have left since this was last said: memory can be given back.
    pub(in crate::server) fn have_left(&self) -> bool {
        let mut table = self.table();
        let open = table.open.len();
        table.were_many |= table.peak >= MANY;
        let have_left = table.were_many && open <= table.peak / 2;
        if have_left {
            table.peak = open;
            // The last few that go keep others' memory until then.
            table.were_many = open > MANY / 8;
        }
        have_left
    }

    /// Octets that all hold.
    #[cfg(test)]
    pub(in crate::server) fn held(&self) -> usize {
        self.table().held
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn of(peer: IpAddr) -> Self {
        Self(match peer {
            IpAddr::V4(_) => peer,
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }
}

impl Table {
    fn enter(&mut self, client: Client, now: Instant) -> (u64, Arc<Notify>) {
        let (id, go) = (self.next_id, Arc::new(Notify::new()));
        self.next_id += 1;
        let of_entry = Arc::clone(&go);
        let entry = Entry { client, heard: now, held: 0, is_leaving: false, go: of_entry };
        self.open.insert(id, entry);
        self.peak = self.peak.max(self.open.len());
        self.change(client, |share| share.connections.push(id));
        (id, go)
    }

    /// Connections that were not told to go.
    fn entered(&self) -> usize {
        self.open.len() - self.leavers
    }

    /// Changes what a client has, and its places in the orders.
    fn change(&mut self, client: Client, change: impl FnOnce(&mut Share)) {
        let share = self.clients.entry(client).or_default();
        let places = |share: &Share| {
            let first = share.connections.first().copied();
            let crowd = first.map(|first| (share.connections.len(), Reverse(first), client));
            (crowd, (share.held > 0).then_some((share.held, client)))
        };
        let (crowd, holder) = places(share);
        change(share);
        let (new_crowd, new_holder) = places(share);
        if new_crowd.is_none() {
            self.clients.remove(&client);
        }
        if crowd != new_crowd {
            if let Some(old) = crowd {
                self.crowds.remove(&old);
            }
            self.crowds.extend(new_crowd);
        }
        if holder != new_holder {
            if let Some(old) = holder {
                self.holders.remove(&old);
            }
            self.holders.extend(new_holder);
        }
    }

    /// Tells one connection to go, of this client or of any.
    fn make_room(&mut self, of: Option<Client>, now: Instant, counters: &Counters) -> bool {
        let stuck = match of {
            Some(client) => self.most_holding(client, now, GRACE),
            None => self.stuck(now),
        };
        if let Some(stuck) = stuck {
            self.let_go_unread(stuck, now, counters);
            return true;
        }
        let crowd = of.or_else(|| self.crowds.last().map(|(.., client)| *client));
        let longest = crowd.and_then(|client| {
            let entries = self.entries_of(client);
            entries.min_by_key(|(id, entry)| (entry.heard, *id)).map(|(id, _)| id)
        });
        let Some(longest) = longest else { return false };
        self.tell_to_go(longest);
        counters.tcp_evicted.add(1);
        true
    }

    /// One that holds octets and was not heard of for some time, of those who hold most.
    fn stuck(&self, now: Instant) -> Option<u64> {
        let holders = self.holders.iter().rev().take(LOOKED_AT);
        holders.filter_map(|(_, client)| self.most_holding(*client, now, GRACE)).next()
    }

    /// The connection of a client that holds most, of those not heard of for some time.
    fn most_holding(&self, client: Client, now: Instant, silent: Duration) -> Option<u64> {
        self.entries_of(client)
            .filter(|(_, entry)| entry.held > 0 && now.duration_since(entry.heard) >= silent)
            .max_by_key(|(id, entry)| (entry.held, Reverse(*id)))
            .map(|(id, _)| id)
    }

    fn entries_of(&self, client: Client) -> impl Iterator<Item = (u64, &Entry)> {
        let ids = self.clients.get(&client).into_iter().flat_map(|share| &share.connections);
        ids.filter_map(|id| Some((*id, self.open.get(id)?)))
    }

    /// Tells a connection that takes no answers to go, and its client that there is none for it.
    fn let_go_unread(&mut self, id: u64, now: Instant, counters: &Counters) {
        if self.refused.len() >= limits::TCP_CONNECTIONS {
            self.refused.retain(|_, until| now < *until);
        }
        let client = self.open.get(&id).map(|entry| entry.client);
        if let Some(client) = client.filter(|_| self.refused.len() < limits::TCP_CONNECTIONS) {
            self.refused.insert(client, now + REFUSED_FOR);
        }
        self.tell_to_go(id);
        counters.tcp_unread.add(1);
    }

    fn tell_to_go(&mut self, id: u64) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let (client, held) = (entry.client, entry.held);
        entry.is_leaving = true;
        entry.go.notify_one();
        self.leavers += 1;
        self.leaving += held;
        self.leave(client, id, held);
    }

    /// Sets what a connection holds, and makes room for it.
    fn hold(
        &mut self,
        id: u64,
        octets: usize,
        now: Instant,
        counters: &Counters,
    ) -> Result<(), NoRoom> {
        let Some(entry) = self.open.get_mut(&id) else { return Ok(()) };
        let (client, before) = (entry.client, std::mem::replace(&mut entry.held, octets));
        self.held = self.held - before + octets;
        if entry.is_leaving {
            self.leaving = self.leaving - before + octets;
            return Err(NoRoom);
        }
        self.change(client, |share| share.held = share.held - before + octets);
        if octets <= before {
            return Ok(());
        }
        while self.held - self.leaving > limits::TCP_BUFFERS {
            if let Some(stuck) = self.stuck(now).filter(|stuck| *stuck != id) {
                self.let_go_unread(stuck, now, counters);
                continue;
            }
            let holder = self.holders.last().map(|(_, holder)| *holder);
            let most = holder.and_then(|holder| self.most_holding(holder, now, Duration::ZERO));
            let Some(most) = most.filter(|most| *most != id) else { return Err(NoRoom) };
            self.tell_to_go(most);
            counters.tcp_unread.add(1);
        }
        if self.held > 2 * limits::TCP_BUFFERS { Err(NoRoom) } else { Ok(()) }
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.open.remove(&id) else { return };
        self.held -= entry.held;
        if entry.is_leaving {
            self.leavers -= 1;
            self.leaving -= entry.held;
        } else {
            self.leave(entry.client, id, entry.held);
        }
    }

    fn leave(&mut self, client: Client, id: u64, held: usize) {
        self.change(client, |share| {
            share.connections.retain(|other| *other != id);
            share.held -= held;
        });
    }
}

impl Slot {
    /// The client took answers, or there was nothing to take.
    pub(in crate::server) fn heard(&self, now: Instant) {
        if let Some(entry) = self.connections.table().open.get_mut(&self.id) {
            entry.heard = now;
        }
    }

    /// Says how many octets are held for the client, which it could take. Others may be told to
    /// go for it.
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if this connection is the one that should go.
    pub(in crate::server) fn hold(&self, octets: usize, now: Instant) -> Result<(), NoRoom> {
        self.connections.table().hold(self.id, octets, now, &self.connections.counters)
    }

    /// Who is at the other end.
    pub(in crate::server) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Ends when the connection has to make room. Cancel-safe.
    pub(in crate::server) async fn told_to_go(&self) {
        self.go.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.table().remove(self.id);
    }
}

/// How long who holds answers may be silent before a new connection is worth more: most round
/// trips on Earth are shorter, and a lost segment is sent again within it.
const GRACE: Duration = Duration::from_millis(500);

/// How long a client is refused new connections after one of its own took no answers and had to make
/// room. Resolvers ask again by UDP meanwhile, or elsewhere.
const REFUSED_FOR: Duration = Duration::from_secs(5);

/// Of how many clients that hold most connections are looked at for one that takes nothing.
const LOOKED_AT: usize = 16;

/// Connections that are worth giving memory back for, once they have left.
const MANY: usize = 256;
