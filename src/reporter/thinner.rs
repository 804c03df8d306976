//! Of many lines one sample per client prefix.
//!
//! Each host's shortest round trip, then the median over the hosts of a prefix. Queues and late
//! acknowledgements only lengthen a round trip, so of one host the shortest is the nearest to
//! what the path takes, and what the other sources measure. A host may also lie: who
//! acknowledges what has not come yet looks nearer than it is. It moves a median by one place,
//! however often it asks.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::latency::ClientPrefix;
use crate::model::Carrier;
use crate::model::limits;
use crate::reporter::Reading;

/// What was read since it was emptied last.
#[derive(Debug, Default)]
pub struct Thinner {
    prefixes: HashMap<ClientPrefix, Vec<Host>>,
}

#[derive(Clone, Copy, Debug)]
struct Host {
    /// An address of IPv4; of IPv6 the first half, of which whoever has one has all.
    id: u64,
    rtt_us: u32,
}

impl Thinner {
    /// Takes what a line says; of a prefix the first [`limits::REPORT_HOSTS`] count.
    pub fn take(&mut self, reading: Reading) {
        let id = match Carrier::client(reading.client) {
            IpAddr::V4(address) => u64::from(address.to_bits()),
            IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or_default(),
        };
        let hosts = self.prefixes.entry(ClientPrefix::of(reading.client)).or_default();
        if let Some(host) = hosts.iter_mut().find(|host| host.id == id) {
            host.rtt_us = host.rtt_us.min(reading.rtt_us);
        } else if hosts.len() < limits::REPORT_HOSTS {
            hosts.push(Host { id, rtt_us: reading.rtt_us });
        }
    }

    /// Whether it must be emptied before it takes more.
    pub fn is_full(&self) -> bool {
        self.prefixes.len() >= limits::REPORT_PREFIXES
    }

    /// Empties it: each prefix with its round trip in microseconds, in the order of prefixes.
    pub fn drain(&mut self) -> Vec<(ClientPrefix, u32)> {
        let median = |(prefix, mut hosts): (ClientPrefix, Vec<Host>)| {
            hosts.sort_by_key(|host| host.rtt_us);
            // Of two the shorter: so far both are one host with a queue, as likely as not.
            Some((prefix, hosts.get((hosts.len() - 1) / 2)?.rtt_us))
        };
        let mut thinned: Vec<_> =
            std::mem::take(&mut self.prefixes).into_iter().filter_map(median).collect();
        thinned.sort();
        thinned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thinned(readings: &[(&str, u32)]) -> Vec<(String, u32)> {
        let mut thinner = Thinner::default();
        for (client, rtt_us) in readings {
            thinner.take(Reading { client: client.parse().unwrap(), rtt_us: *rtt_us });
        }
        thinner.drain().into_iter().map(|(prefix, us)| (prefix.to_string(), us)).collect()
    }

    #[test]
    fn the_shortest_of_a_host_and_the_median_of_hosts() {
        let one = [("192.0.2.1", 30), ("192.0.2.1", 20), ("192.0.2.1", 500)];
        assert_eq!(thinned(&one), [("192.0.2.0/24".to_owned(), 20)]);
        let three = [("192.0.2.1", 30), ("192.0.2.2", 21), ("::ffff:192.0.2.3", 90)];
        assert_eq!(thinned(&three), [("192.0.2.0/24".to_owned(), 30)]);
        let both = [("2001:db8:7::1", 40), ("192.0.2.2", 21), ("192.0.2.3", 90)];
        let expected = [("192.0.2.0/24".to_owned(), 21), ("2001:db8:7::/48".to_owned(), 40)];
        assert_eq!(thinned(&both), expected);
    }

    #[test]
    fn a_liar_moves_the_median_by_one_place_however_often_it_asks() {
        let mut readings = vec![("192.0.2.1", 80), ("192.0.2.2", 81), ("192.0.2.3", 82)];
        readings.extend([("192.0.2.66", 1); 1000]);
        assert_eq!(thinned(&readings)[0].1, 80);
        // All addresses of a /64 are one host.
        let six: Vec<String> = (1..100).map(|n| format!("2001:db8:0:1::{n:x}")).collect();
        let mut readings: Vec<(&str, u32)> = six.iter().map(|text| (text.as_str(), 1)).collect();
        readings.extend([("2001:db8:0:2::1", 70), ("2001:db8:0:3::1", 71)]);
        assert_eq!(thinned(&readings)[0].1, 70);
    }

    #[test]
    fn what_it_holds_is_bounded() {
        let mut thinner = Thinner::default();
        for n in 0..u32::MAX {
            if thinner.is_full() {
                break;
            }
            thinner.take(Reading { client: IpAddr::from((n << 8).to_be_bytes()), rtt_us: 1 });
        }
        assert_eq!(thinner.drain().len(), limits::REPORT_PREFIXES);
        assert!(thinner.drain().is_empty());
        for n in 0..256_u32 {
            thinner.take(Reading { client: IpAddr::from(n.to_be_bytes()), rtt_us: n + 1 });
        }
        let median = u32::try_from(limits::REPORT_HOSTS).unwrap() / 2;
        assert_eq!(thinner.drain()[0].1, median);
    }
}
