//! The open TCP connections: how many, whose, and which has been idle longest.
//!
//! When there is no room, the connection that has been idle longest gives way (RFC 7766,
//! 6.2.3 lets a server close idle connections when short of resources); if none is idle the
//! new one does.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The table of open connections.
#[derive(Debug)]
pub(in crate::server) struct Connections {
    in_all: usize,
    per_client: usize,
    base: Instant,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    open: BTreeMap<u64, Arc<Entry>>,
    per_client: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    client: IpAddr,
    /// Milliseconds since the table was made, or [`BUSY`].
    idle_since: AtomicU64,
    close: CancellationToken,
}

/// A connection's place in the table; given back when dropped.
#[derive(Debug)]
pub(in crate::server) struct Slot {
    id: u64,
    entry: Arc<Entry>,
    connections: Arc<Connections>,
}

/// Whether a connection may be served.
#[derive(Debug)]
#[must_use]
pub(in crate::server) enum Admission {
    /// It may.
    Admitted(Slot),
    /// It may, and an idle one was told to close.
    InPlaceOfIdle(Slot),
    /// There is no room.
    Refused,
}

impl Connections {
    /// An empty table with these limits.
    pub(in crate::server) fn new(in_all: usize, per_client: usize) -> Self {
        Self { in_all, per_client, base: Instant::now(), table: Mutex::default() }
    }

    /// Enters a connection, which counts as idle from now on. O(connections) when there is no
    /// room, else O(log connections).
    pub(in crate::server) fn admit(self: &Arc<Self>, client: IpAddr, now: Instant) -> Admission {
        let mut table = self.table();
        let of_client = table.per_client.get(&client).copied().unwrap_or(0);
        let mut evicted = false;
        if of_client >= self.per_client {
            evicted = table.close_oldest_idle(Some(client));
            if !evicted {
                return Admission::Refused;
            }
        } else if table.open.len() >= self.in_all {
            evicted = table.close_oldest_idle(None);
            if !evicted {
                return Admission::Refused;
            }
        }
        let entry = Arc::new(Entry {
            client,
            idle_since: AtomicU64::new(self.milliseconds(now)),
            close: CancellationToken::new(),
        });
        let id = table.next_id;
        table.next_id += 1;
        table.open.insert(id, Arc::clone(&entry));
        *table.per_client.entry(client).or_insert(0) += 1;
        let slot = Slot { id, entry, connections: Arc::clone(self) };
        if evicted { Admission::InPlaceOfIdle(slot) } else { Admission::Admitted(slot) }
    }

    /// Tells the connection that has been idle longest to close; whether there was one.
    pub(in crate::server) fn close_oldest_idle(&self) -> bool {
        self.table().close_oldest_idle(None)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.base).as_millis()).unwrap_or(BUSY - 1)
    }
}

impl Table {
    fn close_oldest_idle(&mut self, of: Option<IpAddr>) -> bool {
        let oldest = self
            .open
            .iter()
            .filter(|(_, entry)| of.is_none_or(|client| client == entry.client))
            .map(|(id, entry)| (entry.idle_since.load(Ordering::Relaxed), *id))
            .filter(|(since, _)| *since != BUSY)
            .min();
        let Some((_, id)) = oldest else {
            return false;
        };
        if let Some(entry) = self.open.get(&id) {
            entry.close.cancel();
        }
        self.remove(id);
        true
    }

    fn remove(&mut self, id: u64) {
        let Some(entry) = self.open.remove(&id) else {
            return;
        };
        if let Some(n) = self.per_client.get_mut(&entry.client) {
            *n -= 1;
            if *n == 0 {
                self.per_client.remove(&entry.client);
            }
        }
    }
}

impl Slot {
    /// The connection has answers under way and is not to be closed.
    pub(in crate::server) fn busy(&self) {
        self.entry.idle_since.store(BUSY, Ordering::Relaxed);
    }

    /// The connection has answered everything.
    pub(in crate::server) fn idle(&self, now: Instant) {
        let now = self.connections.milliseconds(now);
        self.entry.idle_since.store(now, Ordering::Relaxed);
    }

    /// Whose connection it is.
    pub(in crate::server) fn client(&self) -> IpAddr {
        self.entry.client
    }

    /// Cancelled when the connection has to make room.
    pub(in crate::server) fn evicted(&self) -> &CancellationToken {
        &self.entry.close
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.connections.table().remove(self.id);
    }
}

/// Not idle.
const BUSY: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn client(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn slot(admission: Admission) -> Slot {
        match admission {
            Admission::Admitted(slot) | Admission::InPlaceOfIdle(slot) => slot,
            Admission::Refused => panic!("refused"),
        }
    }

    #[test]
    fn the_oldest_idle_makes_room() {
        let connections = Arc::new(Connections::new(3, 3));
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let a = slot(connections.admit(client(1), at(1)));
        let b = slot(connections.admit(client(2), at(2)));
        let c = slot(connections.admit(client(3), at(3)));
        a.idle(at(10));
        b.busy();
        let d = connections.admit(client(4), at(11));
        assert!(matches!(d, Admission::InPlaceOfIdle(_)));
        let evicted: Vec<bool> = [&a, &b, &c].map(|s| s.evicted().is_cancelled()).into();
        assert_eq!(evicted, [false, false, true]);
        a.busy();
        let d = slot(d);
        d.busy();
        assert!(matches!(connections.admit(client(5), at(12)), Admission::Refused));
        drop(d);
        assert!(matches!(connections.admit(client(5), at(12)), Admission::Admitted(_)));
    }

    #[test]
    fn one_client_does_not_take_the_room_of_others() {
        let connections = Arc::new(Connections::new(100, 2));
        let now = Instant::now();
        let other = slot(connections.admit(client(9), now));
        let a = slot(connections.admit(client(1), now));
        let b = slot(connections.admit(client(1), now + Duration::from_secs(1)));
        let c = slot(connections.admit(client(1), now + Duration::from_secs(2)));
        assert!(a.evicted().is_cancelled());
        assert!(!other.evicted().is_cancelled());
        b.busy();
        c.busy();
        assert!(matches!(connections.admit(client(1), now), Admission::Refused));
        assert!(matches!(connections.admit(client(2), now), Admission::Admitted(_)));
    }

    #[test]
    fn the_table_forgets_whom_it_does_not_serve() {
        let connections = Arc::new(Connections::new(10, 2));
        for n in 0..100 {
            drop(connections.admit(client(n), Instant::now()));
        }
        let table = connections.table();
        assert!(table.open.is_empty() && table.per_client.is_empty());
    }
}
