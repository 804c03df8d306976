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
        if let Some(unshared) = &mut self.unshared
            && unshared.len() < limits::LATENCY_PREFIXES
        {
            unshared.insert(ClientPrefix::of(line.client));
        }
        self.table.take(&sample, None, now).map_err(|refusal| {
            let found = match refusal {
                Refusal::AbsurdRtt | Refusal::NoRtt => format!("{} us", line.rtt_us),
                Refusal::FutureTime | Refusal::TooOld => at.to_string(),
                Refusal::UnknownRegion => line.region.clone(),
            };
            Flaw::of(refusal.into(), &found)
        })
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
        let some: Vec<ClientPrefix> =
            unshared.iter().take(limits::LATENCY_SHARED).copied().collect();
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
mod tests {
    use super::*;

    fn sites(names: &[&str]) -> Vec<Site> {
        names.iter().map(|name| Site { name: (*name).to_owned(), location: None }).collect()
    }

    fn now() -> Timestamp {
        "2026-01-02T03:04:05Z".parse().unwrap()
    }

    fn line(client: &str, region: &str, rtt_ms: f64) -> String {
        serde_json::json!({ "client": client, "region": region, "rtt_ms": rtt_ms }).to_string()
    }

    fn filled() -> Ledger {
        let mut ledger = Ledger::new(sites(&["us", "eu", "ap"]));
        let lines = [
            line("192.0.2.1", "us", 90.0),
            line("192.0.2.9", "eu", 20.0),
            line("2001:db8::1", "ap", 180.0),
        ];
        let taken = ledger.take(lines.join("\n").as_bytes(), SourceId(1), now());
        assert_eq!((taken.taken, taken.refused_total), (3, 0));
        ledger
    }

    /// (prefix, region, whole milliseconds) of all that is known.
    fn shown(ledger: &Ledger) -> Vec<(String, String, String)> {
        let pairs = ledger.page(None, now()).prefixes.into_iter().flat_map(|known| {
            let of = known.prefix;
            known
                .regions
                .into_iter()
                .map(move |r| (of.clone(), r.region, format!("{:.0}", r.rtt_ms)))
        });
        pairs.collect()
    }

    #[test]
    fn bad_lines_are_refused_by_number_and_the_rest_is_kept() {
        let mut ledger = Ledger::new(sites(&["us", "eu"]));
        let at =
            |at: &str| format!(r#"{{"client":"192.0.2.1","region":"us","rtt_ms":1,"at":"{at}"}}"#);
        let lines = [
            line("192.0.2.1", "us", 90.0),
            String::new(),
            line("192.0.2.1", "mars", 90.0),
            line("192.0.2.1", "us", -1.0),
            line("192.0.2.1", "us", 10_001.0),
            at("2026-01-02T03:09:06Z"),
            at("2026-01-02T03:09:04Z"),
            at("2025-12-01T00:00:00Z"),
            "{}\r".to_owned(),
            line("192.0.3.1", "eu", 9.0),
            String::new(),
        ];
        let taken = ledger.take(lines.join("\n").as_bytes(), SourceId(1), now());
        let refused: Vec<(usize, &str, &str)> =
            taken.refused.iter().map(|r| (r.line, r.reason.as_str(), r.found.as_str())).collect();
        assert_eq!(
            refused,
            [
                (3, "unknown-region", "mars"),
                (4, "no-rtt", "-1000 us"),
                (5, "absurd-rtt", "10001000 us"),
                (6, "future-time", "2026-01-02T03:09:06Z"),
                (8, "too-old", "2025-12-01T00:00:00Z"),
                (9, "missing-field", "client"),
            ]
        );
        assert_eq!((taken.taken, taken.refused_total), (3, 6));
        let counts = ledger.counts();
        assert_eq!((counts.taken, counts.prefixes), (3, 2));
        assert_eq!(counts.by_reason().map(|(_, count)| count).sum::<u64>(), 6);
    }

    #[test]
    fn refusals_that_are_told_are_bounded() {
        let mut ledger = Ledger::new(sites(&["us"]));
        let lines = "x\n".repeat(limits::LATENCY_REFUSALS + 7);
        let taken = ledger.take(lines.as_bytes(), SourceId(1), now());
        assert_eq!(taken.refused.len(), limits::LATENCY_REFUSALS);
        assert_eq!(taken.refused_total, limits::LATENCY_REFUSALS + 7);
    }

    #[test]
    fn a_source_counts_once_however_often_it_speaks() {
        let mut ledger = Ledger::new(sites(&["us"]));
        for (source, rtt_ms) in [(1, 50.0), (2, 51.0), (3, 52.0)] {
            let line = line("192.0.2.1", "us", rtt_ms);
            ledger.take(line.as_bytes(), SourceId(source), now());
        }
        let lie = vec![line("192.0.2.1", "us", 1.0); 100].join("\n");
        ledger.take(lie.as_bytes(), SourceId(4), now());
        let found = ledger.look("192.0.2.7".parse().unwrap(), now());
        let known = &found.prefixes[0].regions[0];
        assert_eq!((known.sources, known.samples), (4, 103));
        assert!((49.0..53.0).contains(&known.rtt_ms), "{known:?}");
    }

    #[test]
    fn regions_keep_what_is_known_by_their_names() {
        let mut ledger = filled();
        let before = shown(&ledger);
        assert!(!ledger.renumber(sites(&["us", "eu", "ap"]), now()));
        assert!(ledger.renumber(sites(&["ap", "sa", "us"]), now()));
        let mut left = before;
        left.retain(|(_, region, _)| region != "eu");
        assert_eq!(shown(&ledger), left);
        assert_eq!(ledger.counts().taken, 3, "counters go on");
        let taken = ledger.take(line("192.0.2.1", "eu", 1.0).as_bytes(), SourceId(1), now());
        assert_eq!(taken.refused_total, 1);
    }

    #[test]
    fn a_file_brings_back_what_was_known() {
        let ledger = filled();
        let octets = ledger.encode();
        let mut other = Ledger::new(sites(&["eu", "us", "ap"]));
        other.restore(&octets, now()).unwrap();
        let (mut found, mut expected) = (shown(&other), shown(&ledger));
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        let later = now() + jiff::SignedDuration::from_hours(31 * 24);
        let mut much_later = Ledger::new(sites(&["us"]));
        much_later.restore(&octets, later).unwrap();
        assert_eq!(much_later.counts().prefixes, 0, "what is too old is left out");
        other.expire(later);
        assert_eq!(other.counts().prefixes, 0);
        assert!(other.restore(&octets[..40], now()).is_err());
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let mut ledger = Ledger::new(sites(&["us"]));
        let n = limits::LATENCY_PAGE * 2 + 5;
        let lines: Vec<String> =
            (0..n).map(|n| line(&format!("10.{}.{}.1", n / 256, n % 256), "us", 5.0)).collect();
        ledger.take(lines.join("\n").as_bytes(), SourceId(1), now());
        let (mut after, mut sizes) = (None, Vec::new());
        loop {
            let page = ledger.page(after, now());
            sizes.push(page.prefixes.len());
            let Some(next) = page.next else { break };
            after = Some(crate::samples::client(&next).unwrap());
        }
        assert_eq!(sizes, [limits::LATENCY_PAGE, limits::LATENCY_PAGE, 5]);
    }
}
