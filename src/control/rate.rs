//! How often one peer or token may ask: a bucket of requests for each, refilled steadily.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::limits;

/// The buckets of those that asked last.
#[derive(Debug)]
pub(super) struct Rates<K = IpAddr> {
    buckets: HashMap<K, Bucket>,
    /// Nanoseconds that a full bucket took to fill.
    full: u64,
    /// Nanoseconds that one request takes of it.
    cost: u64,
    /// As many are remembered.
    most: usize,
}

/// What one peer has left.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Nanoseconds of filling.
    left: u64,
    at: Instant,
}

impl Default for Rates {
    /// Those of the API.
    fn default() -> Self {
        let pause = Duration::from_secs(1) / limits::API_RATE;
        Self::new(limits::API_BURST, pause, limits::API_PEERS)
    }
}

impl Rates<Arc<str>> {
    /// Those of tokens, by name: all that show one token share its bucket.
    pub(super) fn of_tokens() -> Self {
        let pause = Duration::from_secs(1) / limits::API_TOKEN_RATE;
        Self::new(limits::API_TOKEN_BURST, pause, limits::TOKENS)
    }
}

impl Rates<IpAddr> {
    /// Takes one request from the bucket of a peer: one per IPv4 address, and per IPv6 /64.
    ///
    /// # Errors
    ///
    /// When to come again, if it is empty.
    pub(super) fn take(&mut self, peer: IpAddr, now: Instant) -> Result<(), Duration> {
        self.take_of(&who(peer), now)
    }
}

impl<K: Clone + Eq + Hash> Rates<K> {
    /// So many requests at once, then one per `pause`, of each of so many.
    pub(super) fn new(burst: u32, pause: Duration, most: usize) -> Self {
        let cost = nanoseconds(pause);
        Self { buckets: HashMap::new(), full: cost.saturating_mul(burst.into()), cost, most }
    }

    /// Takes one request from a bucket.
    ///
    /// # Errors
    ///
    /// When to come again, if it is empty.
    pub(super) fn take_of(&mut self, of: &K, now: Instant) -> Result<(), Duration> {
        if !self.buckets.contains_key(of) && self.buckets.len() >= self.most {
            self.forget_one();
        }
        let full = Bucket { left: self.full, at: now };
        let bucket = self.buckets.entry(of.clone()).or_insert(full);
        let refill = nanoseconds(now.saturating_duration_since(bucket.at));
        if refill > 0 {
            *bucket = Bucket { left: bucket.left.saturating_add(refill).min(self.full), at: now };
        }
        match bucket.left.checked_sub(self.cost) {
            Some(left) => {
                bucket.left = left;
                Ok(())
            }
            None => Err(Duration::from_nanos(self.cost).max(Duration::from_secs(1))),
        }
    }

    /// Forgets who was quiet longest: the bucket of whoever asks too often is a young one.
    fn forget_one(&mut self) {
        let oldest = self.buckets.iter().min_by_key(|(_, bucket)| bucket.at);
        if let Some(oldest) = oldest.map(|(of, _)| of.clone()) {
            self.buckets.remove(&oldest);
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One bucket per IPv4 address and per IPv6 /64: whoever has one address of it has all.
pub(super) fn who(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_the_rate() {
        let mut rates = Rates::default();
        let start = Instant::now();
        let taken = |rates: &mut Rates, peer, at| {
            (0..10_000).take_while(|_| rates.take(peer, at).is_ok()).count()
        };
        assert_eq!(taken(&mut rates, peer(1), start), limits::API_BURST as usize);
        assert!(rates.take(peer(1), start).is_err());
        assert_eq!(rates.take(peer(2), start), Ok(()), "another peer has its own");
        let later = start + Duration::from_secs(1);
        assert_eq!(taken(&mut rates, peer(1), later), limits::API_RATE as usize);
        let later = start + Duration::from_secs(1000);
        assert_eq!(taken(&mut rates, peer(1), later), limits::API_BURST as usize, "no more");
        assert_eq!(taken(&mut rates, peer(1), start), 0, "time that goes back gives nothing");
    }

    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded_and_keeps_the_busy() {
        let mut rates = Rates::default();
        let start = Instant::now();
        for n in 0..5000 {
            let at = start + Duration::from_millis(u64::from(n));
            rates.take(peer(n), at).unwrap();
            // It asks 1,000 times a second, and so is refused sooner or later.
            let busy = rates.take(peer(u32::MAX), at);
            assert!(n < 2 * limits::API_BURST || busy.is_err() || n % 20 == 0, "{n}");
        }
        assert!(rates.buckets.len() <= limits::API_PEERS);
        let six = |text: &str| who(text.parse().unwrap());
        assert_eq!(six("2001:db8::1"), six("2001:db8::ffff"));
        assert_eq!(six("::ffff:192.0.2.1"), who(peer(0xc000_0201)));
    }
}
