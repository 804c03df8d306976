//! The table: what was measured, per client prefix and region.
//!
//! ```text
//!   index:   prefix ─► entry        one per prefix, found by a seeded hash
//!   entries: prefix, used, head ─► cell ─► cell ─► …     one per region measured
//!   cells:   five slots each, see `cell`
//! ```

use std::collections::HashMap;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::latency::Aggregate;
use crate::latency::ClientPrefix;
use crate::latency::Refusal;
use crate::latency::Refusals;
use crate::latency::Sample;
use crate::latency::Tick;
use crate::latency::aggregate::SharedCell;
use crate::latency::cell::Cell;
use crate::latency::cell::SLOTS;
use crate::latency::cell::Summary;
use crate::latency::light_us;
use crate::latency::seed::Seed;
use crate::model::Coordinates;
use crate::model::RegionId;
use crate::model::limits;

/// No cell.
const NONE: u32 = u32::MAX;

/// Entries that are looked at for one to evict: the oldest of so many is old enough, and
/// finding the oldest of all would need an order that costs as much as the cells.
const LOOKED_AT: usize = 8;

/// Round trips per client prefix and region, bounded by [`limits::LATENCY_PREFIXES`] and
/// [`limits::LATENCY_CELLS`].
#[derive(Clone, Debug)]
pub struct Table {
    regions: Vec<Option<Coordinates>>,
    index: HashMap<ClientPrefix, u32, Seed>,
    entries: Vec<Entry>,
    cells: Vec<Cell>,
    /// The first free cell.
    free: u32,
    /// Where to look for one to evict next.
    hand: usize,
    most_prefixes: usize,
    most_cells: usize,
    refusals: Refusals,
    taken: u64,
    evicted: u64,
}

/// One prefix.
#[derive(Clone, Copy, Debug)]
struct Entry {
    prefix: ClientPrefix,
    /// Its first cell.
    head: u32,
    used: Tick,
}

impl Table {
    /// A table without samples, for regions that are at these places. `seed` keeps those who
    /// choose prefixes from choosing where in the index they fall.
    pub fn new(regions: Vec<Option<Coordinates>>, seed: u64) -> Self {
        Self::bounded(regions, seed, limits::LATENCY_PREFIXES, limits::LATENCY_CELLS)
    }

    /// The same with bounds of its own.
    pub fn bounded(
        regions: Vec<Option<Coordinates>>,
        seed: u64,
        most_prefixes: usize,
        most_cells: usize,
    ) -> Self {
        Self {
            regions,
            index: HashMap::with_hasher(Seed(seed)),
            entries: Vec::new(),
            cells: Vec::new(),
            free: NONE,
            hand: 0,
            most_prefixes: most_prefixes.clamp(1, limits::LATENCY_PREFIXES),
            most_cells: most_cells.clamp(1, limits::LATENCY_CELLS),
            refusals: Refusals::default(),
            taken: 0,
            evicted: 0,
        }
    }

    /// Where the regions are.
    pub fn regions(&self) -> &[Option<Coordinates>] {
        &self.regions
    }

    /// Takes a sample of a client that is at `place`, if that is known. No round trip is
    /// shorter than light in fibre takes: one that claims to be is taken for that.
    ///
    /// # Errors
    ///
    /// If the sample can't be true; it is counted.
    pub fn take(
        &mut self,
        sample: &Sample,
        place: Option<Coordinates>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(region) = self.regions.get(sample.region.index()).copied() else {
            return self.refuse(Refusal::UnknownRegion);
        };
        let us = match sample.plausible_us(now) {
            Ok(us) => f64::from(us),
            Err(reason) => return self.refuse(reason),
        };
        let least = place.zip(region).map_or(0.0, |(a, b)| light_us(a.distance_km(b)));
        let (tick, now) = (Tick::of(sample.at), Tick::of(now));
        let cell = self.cell(ClientPrefix::of(sample.client), sample.region.0, tick, now);
        if let Some(cell) = cell {
            cell.take(sample.source.0, us.max(least).ln(), tick, now);
            self.taken += 1;
        }
        Ok(())
    }

    /// Takes what another node knows; returns of how many pairs it was news. What can't be true is
    /// left out.
    ///
    /// Commutative, associative, and idempotent: of each source the later word holds, and of
    /// each pair the five latest sources. So nodes may send everything or what changed, in any
    /// order, as often as they like. Eviction alone depends on the order.
    pub fn merge(&mut self, aggregate: &Aggregate, now: Timestamp) -> usize {
        let now = Tick::of(now);
        let mut merged = 0;
        for SharedCell { prefix, region, words } in &aggregate.cells {
            let known = usize::from(*region) < self.regions.len() && prefix.is_sound();
            let sound = || {
                let words = words.iter().take(SLOTS);
                words.filter(|word| word.is_sound(now) && word.tick().age(now) <= Tick::OLDEST)
            };
            let Some(last) = sound().map(|word| word.tick()).max().filter(|_| known) else {
                continue;
            };
            if let Some(cell) = self.cell(*prefix, *region, last, now) {
                // All of them are taken, whatever the first is.
                let news = sound().filter(|word| cell.merge(**word, now)).count();
                merged += usize::from(news > 0);
            }
        }
        merged
    }

    /// What this node knows of some prefixes.
    pub fn aggregate(&self, prefixes: impl IntoIterator<Item = ClientPrefix>) -> Aggregate {
        let entries = prefixes.into_iter().filter_map(|prefix| {
            let at = *self.index.get(&prefix)?;
            self.entries.get(at as usize)
        });
        Aggregate { cells: entries.flat_map(|entry| self.shared_of(entry)).collect() }
    }

    /// What it knows of all, pair by pair.
    pub(super) fn shared(&self) -> impl Iterator<Item = SharedCell> + '_ {
        self.entries.iter().flat_map(|entry| self.shared_of(entry))
    }

    fn shared_of(&self, entry: &Entry) -> impl Iterator<Item = SharedCell> + '_ {
        let prefix = entry.prefix;
        self.cells_of(entry).filter_map(move |cell| {
            let words: Vec<_> = cell.words().copied().collect();
            let region = cell.region;
            (!words.is_empty()).then_some(SharedCell { prefix, region, words })
        })
    }

    /// Forgets what is older than thirty days.
    pub fn expire(&mut self, now: Timestamp) {
        let now = Tick::of(now);
        for cell in &mut self.cells {
            cell.expire(now);
        }
        let old: Vec<ClientPrefix> = self
            .entries
            .iter()
            .filter(|entry| self.cells_of(entry).all(|cell| cell.last().is_none()))
            .map(|entry| entry.prefix)
            .collect();
        for prefix in old {
            self.remove(prefix);
        }
    }

    /// How many prefixes it holds.
    pub const fn prefixes(&self) -> usize {
        self.entries.len()
    }

    /// How many samples it took.
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// How many prefixes it forgot to make room.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many samples it refused, by reason.
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Octets of memory that it has taken; the index by what its design needs.
    pub fn octets(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
            + self.entries.capacity() * size_of::<Entry>()
            // Of eight buckets seven may be full; each has one octet of control.
            + self.index.capacity() * 8 / 7 * (size_of::<(ClientPrefix, u32)>() + 1)
    }

    /// Every pair that says something: all of a prefix in a row.
    pub(super) fn pairs(
        &self,
        now: Tick,
    ) -> impl Iterator<Item = (ClientPrefix, RegionId, Summary)> + '_ {
        self.entries.iter().flat_map(move |entry| {
            self.cells_of(entry).filter_map(move |cell| {
                Some((entry.prefix, RegionId(cell.region), cell.summary(now)?))
            })
        })
    }

    /// What was measured of one prefix.
    pub(super) fn measured(
        &self,
        prefix: ClientPrefix,
        now: Tick,
    ) -> impl Iterator<Item = (RegionId, Summary)> + '_ {
        let entry = self.index.get(&prefix).and_then(|at| self.entries.get(*at as usize));
        entry.into_iter().flat_map(move |entry| {
            self.cells_of(entry)
                .filter_map(move |cell| Some((RegionId(cell.region), cell.summary(now)?)))
        })
    }

    /// Whether anything was measured of the prefix of an address.
    pub fn holds(&self, client: IpAddr) -> bool {
        self.index.contains_key(&ClientPrefix::of(client))
    }

    /// The prefixes that it holds.
    pub fn iter(&self) -> impl Iterator<Item = ClientPrefix> + '_ {
        self.entries.iter().map(|entry| entry.prefix)
    }

    fn refuse(&mut self, reason: Refusal) -> Result<(), Refusal> {
        self.refusals.add(reason);
        Err(reason)
    }

    fn cells_of(&self, entry: &Entry) -> impl Iterator<Item = &Cell> + use<'_> {
        let at = |at: u32| self.cells.get(at as usize);
        std::iter::successors(at(entry.head), move |cell| at(cell.next))
    }

    /// The cell of a pair, made if there is none; `None` if all that could make room is newer.
    fn cell(
        &mut self,
        prefix: ClientPrefix,
        region: u16,
        tick: Tick,
        now: Tick,
    ) -> Option<&mut Cell> {
        let at = match self.index.get(&prefix) {
            Some(at) => *at as usize,
            None => self.insert(prefix, tick, now)?,
        };
        let entry = self.entries.get_mut(at)?;
        // It may be of a clock that was ahead.
        entry.used = entry.used.min(now).max(tick);
        let mut next = entry.head;
        while let Some(cell) = self.cells.get(next as usize) {
            if cell.region == region {
                return self.cells.get_mut(next as usize);
            }
            next = cell.next;
        }
        let is_empty = entry.head == NONE;
        let Some(fresh) = self.free_cell(prefix, tick, now) else {
            if is_empty {
                self.remove(prefix);
            }
            return None;
        };
        // Making room moves entries, never this one.
        let at = *self.index.get(&prefix)? as usize;
        let entry = self.entries.get_mut(at)?;
        let cell = self.cells.get_mut(fresh as usize)?;
        *cell = Cell { next: entry.head, region, ..Cell::default() };
        entry.head = fresh;
        Some(cell)
    }

    /// Adds a prefix, in place of an old one if there is no room; returns where it is.
    fn insert(&mut self, prefix: ClientPrefix, tick: Tick, now: Tick) -> Option<usize> {
        if self.entries.len() >= self.most_prefixes && !self.evict(prefix, tick, now) {
            return None;
        }
        let at = self.entries.len();
        self.entries.push(Entry { prefix, head: NONE, used: tick });
        self.index.insert(prefix, number(at));
        Some(at)
    }

    /// A cell that nobody has.
    fn free_cell(&mut self, keep: ClientPrefix, tick: Tick, now: Tick) -> Option<u32> {
        while self.free == NONE && self.cells.len() >= self.most_cells && self.entries.len() > 1 {
            if !self.evict(keep, tick, now) {
                return None;
            }
        }
        if let Some(cell) = self.cells.get(self.free as usize) {
            let at = self.free;
            self.free = cell.next;
            return Some(at);
        }
        self.cells.push(Cell::default());
        Some(number(self.cells.len() - 1))
    }

    /// Forgets the prefix of the next few that was silent longest, if it was silent since `tick`;
    /// returns whether it did.
    fn evict(&mut self, keep: ClientPrefix, tick: Tick, now: Tick) -> bool {
        let len = self.entries.len().max(1);
        let seen = (0..LOOKED_AT).map(|step| (self.hand + step) % len);
        let entries = seen.filter_map(|at| self.entries.get(at));
        let oldest = entries.filter(|e| e.prefix != keep).min_by_key(|e| e.used);
        let oldest = oldest.filter(|e| e.used.min(now) <= tick).map(|entry| entry.prefix);
        self.hand = (self.hand + LOOKED_AT) % len;
        if let Some(oldest) = oldest {
            self.remove(oldest);
            self.evicted += 1;
        }
        oldest.is_some()
    }

    fn remove(&mut self, prefix: ClientPrefix) {
        let Some(at) = self.index.remove(&prefix) else { return };
        let entry = self.entries.swap_remove(at as usize);
        if let Some(moved) = self.entries.get(at as usize) {
            self.index.insert(moved.prefix, at);
        }
        let mut next = entry.head;
        while let Some(cell) = self.cells.get_mut(next as usize) {
            let freed = next;
            next = cell.next;
            *cell = Cell { next: self.free, ..Cell::default() };
            self.free = freed;
        }
    }
}

/// A position; the bounds keep it in 32 bits.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}
