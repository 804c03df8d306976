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
