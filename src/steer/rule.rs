//! Which clients a rule is for.

use ipnet::IpNet;

use crate::geo::Nets;
use crate::geo::Overlay;
use crate::geo::TagId;
use crate::model::HolderName;
use crate::model::Place;
use crate::model::Rule;

/// What is known of a client when it is ranked.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts<'a> {
    /// Where it is.
    pub place: &'a Place,
    /// The operator's nets and the rules' prefixes that cover it.
    pub overlay: &'a Overlay,
}

/// The nets, tags and names of a rule, as overlays and places tell them.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleNets {
    prefixes: Vec<u32>,
    tags: Vec<TagId>,
    isps: Vec<HolderName>,
    organizations: Vec<HolderName>,
    domains: Vec<HolderName>,
}

impl RuleNets {
    /// `prefixes` are those of the atlas, sorted.
    pub(super) fn new(rule: &Rule, nets: &Nets, prefixes: &[IpNet]) -> Self {
        let position = |net: &IpNet| u32::try_from(prefixes.binary_search(net).ok()?).ok();
        let names = |texts: &[String]| texts.iter().map(|text| HolderName::of(text)).collect();
        Self {
            isps: names(&rule.matches.isps),
            organizations: names(&rule.matches.organizations),
            domains: names(&rule.matches.domains),
            prefixes: rule.matches.nets.iter().filter_map(position).collect(),
            tags: rule.matches.tags.iter().filter_map(|tag| nets.tag(tag)).collect(),
        }
    }

    /// Whether the rule names a net that covers what is under this overlay.
    pub(super) fn covers(&self, overlay: &Overlay) -> bool {
        self.prefixes.iter().any(|prefix| overlay.covers(*prefix))
    }

    /// Whether the rule, whose nets and tags these are, is for this client.
    pub(super) fn matches(&self, rule: &Rule, client: &Whereabouts<'_>) -> bool {
        fn any<T: PartialEq>(wanted: &[T], found: Option<T>) -> bool {
            wanted.is_empty() || found.is_some_and(|f| wanted.contains(&f))
        }
        let (wanted, place, overlay) = (&rule.matches, client.place, client.overlay);
        any(&wanted.continents, place.continent)
            && any(&wanted.countries, place.country)
            && any(&wanted.subdivisions, place.subdivision)
            && any(&wanted.asns, place.asn)
            && any(&self.isps, place.holder.isp)
            && any(&self.organizations, place.holder.organization)
            && any(&self.domains, place.holder.domain)
            && (wanted.nets.is_empty() || self.covers(overlay))
            && (wanted.tags.is_empty() || self.tags.iter().any(|t| overlay.has_tag(*t)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::geo::Atlas;
    use crate::model::Asn;
    use crate::model::Match;

    /// Every key that has values asks for one of them, and of whom nothing is known is no match.
    #[test]
    fn a_rule_is_for_those_who_match_every_key() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let mut nets = Nets::default();
        for (of, tag) in [("10.0.0.0/8", "corp"), ("10.0.0.0/8", "lab"), ("11.0.0.0/8", "lab")] {
            nets.insert(net(of), tag);
        }
        let prefixes = [net("10.1.0.0/16")];
        let atlas = Atlas::new(Vec::new(), nets, &prefixes, &[]);
        let is_for = |matches: &Match, address: [u8; 4], place: &Place| {
            let rule = Rule { matches: matches.clone(), regions: Vec::new(), only: false };
            let located = atlas.locate(IpAddr::from(Ipv4Addr::from(address))).unwrap();
            let client = Whereabouts { place, overlay: located.overlay };
            RuleNets::new(&rule, atlas.nets(), &prefixes).matches(&rule, &client)
        };
        let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        let both = Match { tags: tags(&["corp", "lab"]), ..Match::default() };
        let corp = Match { tags: tags(&["corp"]), ..Match::default() };
        let system = Match { asns: vec![Asn(1), Asn(2)], ..Match::default() };
        let inside = Match { nets: vec![prefixes[0]], ..Match::default() };
        let german = Match { countries: vec!["DE".parse().unwrap()], ..corp.clone() };
        let nowhere = Place::default();
        let of = |number| Place { asn: Some(Asn(number)), ..nowhere };
        let country = |code: &str| Place { country: code.parse().ok(), ..nowhere };
        for (matches, address, place, expected) in [
            (&Match::default(), [12, 0, 0, 1], nowhere, true),
            (&both, [11, 0, 0, 1], nowhere, true),
            (&both, [12, 0, 0, 1], nowhere, false),
            (&corp, [11, 0, 0, 1], nowhere, false),
            (&system, [12, 0, 0, 1], of(2), true),
            (&system, [12, 0, 0, 1], of(3), false),
            (&system, [12, 0, 0, 1], nowhere, false),
            (&inside, [10, 1, 2, 3], nowhere, true),
            (&inside, [10, 2, 2, 3], nowhere, false),
            (&german, [10, 1, 2, 3], country("DE"), true),
            (&german, [10, 1, 2, 3], country("FR"), false),
            (&german, [12, 0, 0, 1], country("DE"), false),
        ] {
            assert_eq!(is_for(matches, address, &place), expected, "{matches:?} {address:?}");
        }
    }
}
