//! `[control.beacon]`: what browsers measure, and whom a proxy speaks for.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::hook;
use crate::config::notation;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::section::Section;
use crate::model::Diagnostic;
use crate::model::limits;

/// What browsers are asked to measure.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Beacon {
    /// Regions, and what is fetched from each.
    pub urls: Vec<(String, String)>,
    /// Whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
}

/// The section as written.
pub(super) struct Written {
    urls: Vec<(At<String>, String)>,
    proxies: Vec<IpNet>,
}

/// Reads `[control.beacon]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let example = "{ us-east = \"https://us-east.example.com/rtt\" }";
    let table = section.required("urls", example).and_then(|value| value.section());
    let url = |text: &str| hook::url(text, codes::BEACON_URL, "https://us-east.example.com/rtt");
    let entries = table.iter().flat_map(Section::entries);
    let urls =
        entries.filter_map(|value| Some((value.key.clone(), value.parsed(url)?.value))).collect();
    let proxies = section.value("proxies", "[\"10.0.0.0/8\"]");
    let proxies = proxies.and_then(|value| value.list(|value| value.parsed(notation::prefix)));
    let proxies = proxies.map(|at| at.value).unwrap_or_default();
    section.close();
    Written { urls, proxies: proxies.into_iter().map(|at| at.value).collect() }
}

/// What is meant.
pub(super) fn check(
    written: Written,
    regions: &Directory,
    problems: &mut Vec<Diagnostic>,
) -> Beacon {
    if let Some((over, _)) = written.urls.get(limits::BEACON_REGIONS) {
        let (found, most) = (written.urls.len(), limits::BEACON_REGIONS);
        problems.push(reader::too_many(over.span, "regions of a beacon", found, most));
    }
    for (region, _) in &written.urls {
        regions.find(region, problems);
    }
    let urls = written.urls.into_iter().map(|(region, url)| (region.value, url));
    Beacon { urls: urls.collect(), proxies: written.proxies }
}

impl Beacon {
    /// The client of a request that `peer` sent with these values of `X-Forwarded-For`, in their
    /// order: the last address that no trusted proxy has. `None` if a trusted proxy says nothing
    /// that can be read.
    pub fn client<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> Option<IpAddr> {
        let is_trusted = |address: IpAddr| self.proxies.iter().any(|net| net.contains(&address));
        let peer = peer.to_canonical();
        if !is_trusted(peer) {
            return Some(peer);
        }
        let all = forwarded.rev().flat_map(|value| value.rsplit(','));
        for text in all {
            let address = text.trim().parse::<IpAddr>().ok()?.to_canonical();
            if !is_trusted(address) {
                return Some(address);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let proxies = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap()).to_vec();
        let beacon = Beacon { urls: Vec::new(), proxies };
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["198.51.100.1"][..], Some("192.0.2.1")),
            ("::ffff:192.0.2.1", &[], Some("192.0.2.1")),
            ("10.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            ("::ffff:10.0.0.1", &["198.51.100.1"], Some("198.51.100.1")),
            // What the client itself wrote stands before what a proxy adds.
            ("10.0.0.1", &["203.0.113.9, 198.51.100.1"], Some("198.51.100.1")),
            ("10.0.0.1", &["203.0.113.9", "198.51.100.1, fd00::1,10.0.0.2"], Some("198.51.100.1")),
            ("10.0.0.1", &["198.51.100.1, unknown"], None),
            ("10.0.0.1", &["10.0.0.2"], None),
            ("10.0.0.1", &[], None),
            ("fd00::1", &["2001:db8::7"], Some("2001:db8::7")),
        ] {
            let client = beacon.client(peer.parse().unwrap(), forwarded.iter().copied());
            let expected = expected.map(|text| text.parse().unwrap());
            assert_eq!(client, expected, "{peer} {forwarded:?}");
        }
    }
}
