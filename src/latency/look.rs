//! What the table holds, for whoever looks at it or writes it down.

use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;

use crate::latency::Aggregate;
use crate::latency::ClientPrefix;
use crate::latency::Table;
use crate::latency::Tick;
use crate::model::RegionId;

/// What was measured of one prefix and region, without anything that is inferred.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// To which region.
    pub region: RegionId,
    /// The median of its sources, weighted by age.
    pub rtt: Duration,
    /// The standard deviation among sources, of the logarithm: 0.1 is about 10 %.
    pub spread: f64,
    /// How many samples it comes from, of which a source counts at most 255.
    pub samples: u32,
    /// How many sources are heard, at most five.
    pub sources: u8,
    /// When it was measured last.
    pub last: Tick,
}

impl Table {
    /// What was measured of one prefix, by region.
    pub fn look(&self, prefix: ClientPrefix, now: Timestamp) -> Vec<Measured> {
        let measured = self.measured(prefix, Tick::of(now)).map(|(region, summary)| Measured {
            region,
            rtt: Duration::try_from_secs_f64(summary.ln_us.exp() / 1e6).unwrap_or_default(),
            spread: summary.spread,
            samples: summary.samples,
            sources: summary.sources,
            last: summary.last,
        });
        let mut measured: Vec<Measured> = measured.collect();
        measured.sort_by_key(|one| one.region);
        measured
    }

    /// The first `most` prefixes after one, in the order of addresses. Looks at all there are,
    /// a few ms for a million.
    pub fn after(&self, after: Option<ClientPrefix>, most: usize) -> Vec<ClientPrefix> {
        let mut kept = BinaryHeap::with_capacity(most);
        for prefix in self.iter().filter(|prefix| after.is_none_or(|after| *prefix > after)) {
            if kept.len() < most {
                kept.push(prefix);
            } else if let Some(mut last) = kept.peek_mut()
                && prefix < *last
            {
                *last = prefix;
            }
        }
        kept.into_sorted_vec()
    }

    /// All that is known, in parts of at most `cells` pairs, each made when it is asked for.
    pub fn parts(&self, cells: usize) -> impl Iterator<Item = Aggregate> + '_ {
        let mut shared = self.shared();
        std::iter::from_fn(move || {
            let cells: Vec<_> = shared.by_ref().take(cells.max(1)).collect();
            (!cells.is_empty()).then_some(Aggregate { cells })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Sample;
    use crate::latency::SourceId;

    #[test]
    fn pages_are_in_order_and_parts_are_all_there_is() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut table = Table::new(vec![None, None], 7);
        for n in 0..50_u8 {
            let client = [203, 0, n.wrapping_mul(37), 1].into();
            for region in [RegionId(1), RegionId(0)] {
                let rtt_us = 20_000;
                let sample = Sample { client, region, rtt_us, at: now, source: SourceId(9) };
                table.take(&sample, None, now).unwrap();
            }
        }
        let mut all = Vec::new();
        while let page = table.after(all.last().copied(), 7)
            && !page.is_empty()
        {
            assert!(page.len() <= 7);
            all.extend(page);
        }
        let mut sorted: Vec<ClientPrefix> = table.iter().collect();
        sorted.sort();
        assert_eq!(all, sorted);
        let found = table.look(all[0], now);
        assert_eq!(found.iter().map(|one| one.region.0).collect::<Vec<_>>(), [0, 1]);
        assert!((found[0].rtt.as_secs_f64() - 0.02).abs() < 1e-4, "{found:?}");
        assert_eq!((found[0].samples, found[0].sources, found[0].last), (1, 1, Tick::of(now)));
        let mut copy = Table::new(vec![None, None], 8);
        let parts: Vec<Aggregate> = table.parts(9).collect();
        assert!(parts.iter().all(|part| part.len() <= 9));
        assert_eq!(parts.iter().map(|part| copy.merge(part, now)).sum::<usize>(), 100);
        assert_eq!(copy.look(all[3], now), table.look(all[3], now));
    }
}
