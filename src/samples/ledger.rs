//! The ledger: the table, with regions by name and lines by number. Time is an argument.

use std::collections::HashMap;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::latency::Aggregate;
use crate::latency::ClientPrefix;
use crate::latency::Measured;
use crate::latency::Refusal;
use crate::latency::Sample;
use crate::latency::SourceId;
use crate::latency::Table;
use crate::latency::Tick;
use crate::model::RegionId;
use crate::model::limits;
use crate::samples::Counts;
use crate::samples::Known;
use crate::samples::KnownPrefix;
use crate::samples::Lesson;
use crate::samples::Page;
use crate::samples::Reason;
use crate::samples::Refused;
use crate::samples::Site;
use crate::samples::Taken;
use crate::samples::file;
use crate::samples::file::File;
use crate::samples::file::Kind;
use crate::samples::line::Flaw;
use crate::samples::line::Line;

/// A table whose regions have names.
#[derive(Debug)]
pub(super) struct Ledger {
    sites: Vec<Site>,
    by_name: HashMap<String, RegionId>,
    table: Table,
    counts: Counts,
    /// What tables before this one forgot.
    evicted_before: u64,
    /// Prefixes that this node was told of and has not told the others; none if it is alone.
    unshared: Option<HashSet<ClientPrefix>>,
}

impl Ledger {
    pub(super) fn new(sites: Vec<Site>) -> Self {
        let by_name = (0..).map(RegionId).zip(&sites);
        Self {
            by_name: by_name.map(|(id, site)| (site.name.clone(), id)).collect(),
            table: empty(&sites),
            sites,
            counts: Counts::default(),
            evicted_before: 0,
            unshared: None,
        }
    }

    /// Takes a batch, line by line.
    pub(super) fn take(&mut self, lines: &[u8], source: SourceId, now: Timestamp) -> Taken {
        let mut taken = Taken::default();
        for (line, octets) in (1..).zip(lines.split(|octet| *octet == b'\n')) {
            if octets.trim_ascii().is_empty() {
                continue;
            }
            match self.take_line(octets, source, now) {
                Ok(()) => {
                    taken.taken += 1;
                    self.counts.taken += 1;
                }
                Err(Flaw(reason, found)) => {
                    self.counts.refuse(reason);
                    taken.refused_total += 1;
                    if taken.refused.len() < limits::LATENCY_REFUSALS {
                        taken.refused.push(Refused { line, reason, found });
                    }
                }
            }
        }
        taken
    }

    fn take_line(&mut self, octets: &[u8], source: SourceId, now: Timestamp) -> Result<(), Flaw> {
        let line = Line::read(octets)?;
        let unknown = || Flaw::of(Reason::UnknownRegion, &line.region);
        let region = *self.by_name.get(&line.region).ok_or_else(unknown)?;
        let at = line.at.unwrap_or(now);
        let sample = Sample { client: line.client, region, rtt_us: line.rtt_us, at, source };
        self.table.take(&sample, None, now).map_err(|refusal| {
            let found = match refusal {
                Refusal::AbsurdRtt | Refusal::NoRtt => format!("{} us", line.rtt_us),
                Refusal::FutureTime | Refusal::TooOld => at.to_string(),
                Refusal::UnknownRegion => line.region.clone(),
            };
            Flaw::of(refusal.into(), &found)
        })?;
        if let Some(unshared) = &mut self.unshared
            && unshared.len() < limits::LATENCY_PREFIXES
        {
            unshared.insert(ClientPrefix::of(line.client));
        }
        Ok(())
    }

    /// What is known of the prefix of a client.
    pub(super) fn look(&self, client: IpAddr, now: Timestamp) -> Page {
        Page { prefixes: vec![self.known(ClientPrefix::of(client), now)], next: None }
    }

    /// What is known, from the first prefix after that of a client on.
    pub(super) fn page(&self, after: Option<IpAddr>, now: Timestamp) -> Page {
        let found = self.table.after(after.map(ClientPrefix::of), limits::LATENCY_PAGE + 1);
        let (mut prefixes, mut pairs) = (Vec::new(), 0);
        for prefix in &found {
            if prefixes.len() >= limits::LATENCY_PAGE || pairs >= limits::LATENCY_PAGE_PAIRS {
                break;
            }
            let known = self.known(*prefix, now);
            pairs += known.regions.len();
            prefixes.push(known);
        }
        let is_all = prefixes.len() == found.len();
        let next = prefixes.last().filter(|_| !is_all).map(|last| last.prefix.clone());
        Page { prefixes, next }
    }

    fn known(&self, prefix: ClientPrefix, now: Timestamp) -> KnownPrefix {
        let known = |measured: Measured| {
            let site = self.sites.get(measured.region.index())?;
            Some(Known {
                region: site.name.clone(),
                rtt_ms: (measured.rtt.as_secs_f64() * 1e6).round() / 1e3,
                spread: (measured.spread * 1e3).round() / 1e3,
                samples: measured.samples,
                sources: measured.sources,
                last: measured.last.begin(),
                age_s: measured.last.duration_until(Tick::of(now)).as_secs(),
            })
        };
        let regions = self.table.look(prefix, now).into_iter().filter_map(known).collect();
        KnownPrefix { prefix: prefix.to_string(), regions }
    }

    /// Takes the regions of another configuration; what is known of those that stay stays.
    /// Returns whether anything changed.
    pub(super) fn renumber(&mut self, sites: Vec<Site>, now: Timestamp) -> bool {
        if sites == self.sites {
            return false;
        }
        let mut next = Self::new(sites);
        let names: Vec<&str> = self.names();
        for part in self.table.parts(limits::LATENCY_PART) {
            next.merge(&names, part, now);
        }
        next.counts = self.counts;
        next.unshared = self.unshared.take();
        next.evicted_before = self.evicted_before + self.table.evicted();
        *self = next;
        true
    }

    /// Forgets what is too old to count.
    pub(super) fn expire(&mut self, now: Timestamp) {
        self.table.expire(now);
    }

    /// What became of samples; overflows are the keeper's to count.
    pub(super) fn counts(&self) -> Counts {
        let evicted = self.evicted_before + self.table.evicted();
        Counts { prefixes: self.table.prefixes(), evicted, ..self.counts }
    }

    /// All of it as a file.
    pub(super) fn encode(&self) -> Vec<u8> {
        file::encode(Kind::Table, &self.names(), self.table.parts(limits::LATENCY_PART))
    }

    /// Takes what a file holds; regions that are gone, and what is too old, are left out.
    ///
    /// # Errors
    ///
    /// What is wrong with the file; nothing of it is taken.
    pub(super) fn restore(&mut self, octets: &[u8], now: Timestamp) -> Result<(), String> {
        let counts = self.counts;
        let restored = self.learn_of(octets, now).inspect_err(|_| self.table = empty(&self.sites));
        self.counts = counts;
        restored
    }

    /// Has it remembered from now on what the others were not told: at first all that is known.
    pub(super) fn share(&mut self) {
        self.unshared = Some(self.table.iter().collect());
    }

    /// Some of what the others were not told, as a file; `None` if that is all.
    pub(super) fn unshared(&mut self) -> Option<Vec<u8>> {
        let unshared = self.unshared.as_mut().filter(|unshared| !unshared.is_empty())?;
        // However many regions each was measured to, it fits a value.
        let most = limits::LATENCY_SHARED_PAIRS / self.sites.len().max(1);
        let most = most.clamp(1, limits::LATENCY_SHARED);
        let some: Vec<ClientPrefix> = unshared.iter().take(most).copied().collect();
        for prefix in &some {
            unshared.remove(prefix);
        }
        let part = self.table.aggregate(some);
        Some(file::encode(Kind::Table, &self.names(), std::iter::once(part)))
    }

    /// Takes what another node was told, as a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it; what came before that in it is taken.
    pub(super) fn learn_of(&mut self, octets: &[u8], now: Timestamp) -> Result<(), String> {
        let mut file = File::read(Kind::Table, octets)?;
        let names = file.names.clone();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        while let Some(part) = file.part()? {
            self.counts.merged += self.merge(&names, part, now) as u64;
        }
        Ok(())
    }

    /// Another node told something that can't be read.
    pub(super) fn count_unreadable(&mut self) {
        self.counts.unreadable += 1;
    }

    /// A copy, to learn from while this one goes on.
    pub(super) fn copy(&self) -> Lesson {
        let regions = self.sites.iter().map(|site| site.name.clone()).collect();
        Lesson::new(self.table.clone(), regions, self.counts.heard())
    }

    fn names(&self) -> Vec<&str> {
        self.sites.iter().map(|site| site.name.as_str()).collect()
    }

    /// Takes pairs whose regions are positions among these names; returns how many.
    fn merge(&mut self, names: &[&str], part: Aggregate, now: Timestamp) -> usize {
        let position = |of: RegionId| self.by_name.get(*names.get(of.index())?).copied();
        let part = part.renumbered(position);
        self.table.merge(&part, now)
    }
}

/// A table without samples. Its seed is drawn, so that nobody can choose prefixes that meet.
fn empty(sites: &[Site]) -> Table {
    let places = sites.iter().map(|site| site.location).collect();
    Table::new(places, RandomState::new().hash_one(0))
}

#[cfg(test)]
mod tests;
