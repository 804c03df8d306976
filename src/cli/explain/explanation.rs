//! The explanation as data.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::cli::chain;
use crate::cli::explain::asked;
use crate::cli::explain::ground::Ground;
use crate::cli::explain::reason;
use crate::cli::geo::credit;
use crate::cli::recorder::Recorder;
use crate::control::Explain;
use crate::geo::Atlas;
use crate::geo::HolderTexts;
use crate::geo::Located;
use crate::load::LoadStatus;
use crate::model::RegionId;
use crate::model::Service;
use crate::snapshot::Snapshot;
use crate::steer::Admission;
use crate::steer::Answered;
use crate::steer::Finding;
use crate::steer::LocatedBy;
use crate::steer::MapPlan;
use crate::steer::RankReason;
use crate::steer::Ranker;
use crate::steer::Whereabouts;
use crate::steer::rule_prefixes;

/// Why a client gets what it gets.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Explanation {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) qtype: String,
    pub(super) client: Option<String>,
    pub(super) resolver: IpAddr,
    /// The service that answers; `None` if the answer is static or there is none, and the
    /// steps before `answer` are left out.
    pub(super) service: Option<String>,
    pub(super) policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locate: Option<Locate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rank: Option<Vec<Ranked>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admit: Option<Vec<Admitted>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) split: Option<Split>,
    pub(super) answer: Answer,
    /// What is owed to whoever made the databases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) credit: Option<String>,
    /// Whether `resolver` is the client itself, for want of another.
    #[serde(skip)]
    pub(super) client_asks: bool,
}

/// Step 1: where the client is.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Locate {
    /// `client-subnet` or `resolver`.
    pub(super) by: String,
    pub(super) address: IpAddr,
    /// The network of which the databases say this.
    pub(super) network: String,
    pub(super) continent: Option<String>,
    pub(super) country: Option<String>,
    pub(super) subdivision: Option<String>,
    /// Latitude and longitude.
    pub(super) coordinates: Option<(f64, f64)>,
    pub(super) asn: Option<u32>,
    /// Whose network it is, as far as a database says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) isp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) organization: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
    pub(super) tags: Vec<String>,
    /// The address is of a special-purpose block (RFC 6890), of which nobody knows anything.
    pub(super) special_purpose: bool,
    /// The vantage group whose verdicts hold for the client, where the service is judged by groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vantage_group: Option<String>,
}

/// Step 2: one region's position.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Ranked {
    pub(super) region: String,
    /// From 1.
    pub(super) tier: usize,
    pub(super) reason: String,
    pub(super) distance_km: Option<f64>,
}

/// Step 3: one region that was considered.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Admitted {
    pub(super) region: String,
    pub(super) tier: usize,
    /// `admitted`, or the worst that was taken: the service failed open.
    pub(super) walk: String,
    pub(super) finding: String,
}

/// Step 4: who was drawn.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Split {
    pub(super) region: Option<String>,
    pub(super) endpoints: Vec<String>,
    pub(super) how: String,
}

/// Step 5: the message.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Answer {
    pub(super) rcode: String,
    pub(super) authoritative: bool,
    pub(super) records: Vec<String>,
    pub(super) authority: Vec<String>,
    /// The scope prefix length (RFC 7871); `None` without client subnet.
    pub(super) scope: Option<u8>,
    /// What keeps the TTL of a running node below that of the records here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ttl_bound: Option<String>,
}

impl Explanation {
    pub(super) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Whether there is a positive answer.
    pub(super) fn answered(&self) -> bool {
        !self.answer.records.is_empty()
    }
}

pub(super) fn explain(
    options: &Explain,
    resolver: IpAddr,
    ground: &Ground,
    snapshot: &Snapshot,
    recorder: &Recorder,
    reply: &[u8],
    loads: &BTreeMap<String, LoadStatus>,
) -> Result<Explanation, String> {
    let mut explanation = Explanation {
        name: options.name.to_string(),
        qtype: options.qtype.to_string(),
        client: options.client.map(|client| client.to_string()),
        resolver,
        service: None,
        policy: None,
        locate: None,
        rank: None,
        admit: None,
        split: None,
        answer: asked::read(reply)?,
        credit: None,
        client_asks: options.resolver.is_none(),
    };
    let asked = snapshot.world.zones().lookup(options.name.as_wire(), options.qtype);
    let (crate::zone::Lookup::Balanced { service, .. }, Some(by)) =
        (asked, recorder.located.map(|located| located.by))
    else {
        return Ok(explanation);
    };
    let position = service as usize;
    let (Some(service), Some(compiled)) =
        (ground.services.get(position), snapshot.world.services().get(position))
    else {
        return Ok(explanation);
    };
    let address = match (by, options.client) {
        (LocatedBy::Subnet, Some(client)) => client.network(),
        _ => resolver,
    };
    let located = ground.atlas.locate(address).map_err(|error| chain(&error))?;
    explanation.service = Some(service.name.clone());
    explanation.policy = ground.policies.get(service.policy).map(|policy| policy.name.clone());
    explanation.credit = credit(&located).map(str::to_owned);
    let vantage_group = vantage_group(ground, snapshot, compiled.map, recorder);
    explanation.locate = Some(locate(by, address, &located, &ground.atlas, vantage_group));
    explanation.rank = Some(rank(ground, snapshot, compiled.map, recorder, &located));
    explanation.admit = Some(admit(ground, recorder, loads));
    explanation.split = Some(split(ground, service, snapshot, position, recorder, options));
    Ok(explanation)
}

fn locate(
    by: LocatedBy,
    address: IpAddr,
    located: &Located<'_>,
    atlas: &Atlas,
    vantage_group: Option<String>,
) -> Locate {
    let place = located.place;
    let HolderTexts { isp, organization, domain } = located.holder();
    let tag = |tag: &crate::geo::TagId| atlas.nets().name(*tag).to_owned();
    Locate {
        by: match by {
            LocatedBy::Subnet => "client-subnet".to_owned(),
            LocatedBy::Resolver => "resolver".to_owned(),
        },
        address,
        network: located.network.to_string(),
        continent: place.continent.map(|continent| continent.to_string()),
        country: place.country.map(|country| country.to_string()),
        subdivision: place.subdivision.map(|subdivision| subdivision.to_string()),
        coordinates: place.coordinates.map(|at| (at.lat(), at.lon())),
        asn: place.asn.map(|asn| asn.0),
        isp,
        organization,
        domain,
        tags: located.overlay.tags().iter().map(tag).collect(),
        special_purpose: located.ask_resolver,
        vantage_group,
    }
}

/// The name of the label's group.
fn vantage_group(
    ground: &Ground,
    snapshot: &Snapshot,
    map: usize,
    recorder: &Recorder,
) -> Option<String> {
    let labels = snapshot.world.maps().get(map)?.labels();
    let group = labels.group(recorder.located?.label)?;
    ground.vantage_groups.get(group.index()).cloned()
}

/// The label's order, with the reasons that the ranker gives for it.
fn rank(
    ground: &Ground,
    snapshot: &Snapshot,
    map: usize,
    recorder: &Recorder,
    located: &Located<'_>,
) -> Vec<Ranked> {
    let (Some(compiled), Some(scope), Some(found)) =
        (snapshot.world.maps().get(map), snapshot.world.scopes().get(map), recorder.located)
    else {
        return Vec::new();
    };
    let steps = compiled.labels().steps(found.label);
    let now = Timestamp::now();
    let reasons = ground.policies.get(scope.policy).map(|policy| {
        let (regions, whole_order) = (scope.regions, scope.whole_order);
        let (orders, weighed) = (Some(&*ground.orders), false);
        let plan = MapPlan { policy, regions, whole_order, partition: None, orders, weighed };
        let prefixes = rule_prefixes(&ground.policies);
        let mut ranker = Ranker::new(&plan, &ground.regions, ground.atlas.nets(), &prefixes);
        let place = if located.ask_resolver { Default::default() } else { located.place };
        let client = Whereabouts { place: &place, overlay: located.overlay };
        let rule = ranker.matching_rule(&client);
        let agrees = steps.starts_with(ranker.rank(&client, rule));
        let reasons = if agrees { ranker.reasons().to_vec() } else { Vec::new() };
        (reasons, agrees)
    });
    let (reasons, agrees) = reasons.unwrap_or_default();
    let mut tier = 0;
    let ranked = |(at, step): (usize, &crate::steer::Step)| {
        tier += usize::from(step.opens_tier);
        let reason = match reasons.get(at) {
            Some(reason) => reason::text_of(*reason, now),
            None if agrees => "beyond the depth: by distance from the first".to_owned(),
            None => "by what covers most of the client's prefix".to_owned(),
        };
        let distance_km = match reasons.get(at) {
            Some(RankReason::Nearest(km)) => Some(km.round()),
            _ => None,
        };
        Ranked { region: name(ground, step.region), tier, reason, distance_km }
    };
    steps.iter().enumerate().map(ranked).collect()
}

fn admit(
    ground: &Ground,
    recorder: &Recorder,
    loads: &BTreeMap<String, LoadStatus>,
) -> Vec<Admitted> {
    let considered = recorder.walks.iter().flat_map(|walk| {
        let least = match walk.least {
            Admission::Admitted => "admitted",
            Admission::Down => "fail-open",
            Admission::Drained | Admission::Barred => "last-resort",
        };
        walk.considered.iter().map(move |considered| (least, considered))
    });
    considered
        .map(|(walk, (tier, region, finding))| Admitted {
            region: name(ground, *region),
            tier: tier + 1,
            walk: walk.to_owned(),
            finding: match finding {
                Finding::Candidate(weight) => format!("in the draw, weight {weight}"),
                Finding::NoPool => "no pool of the service there".to_owned(),
                Finding::NoFamily => "no endpoint of this family".to_owned(),
                Finding::NotAdmitted(Admission::Barred) => "forced down".to_owned(),
                Finding::NotAdmitted(Admission::Drained) => "drained".to_owned(),
                Finding::OutsideShare => "has a share of the clients, not this one".to_owned(),
                Finding::Spilled(cutoff, loss) => {
                    let name = name(ground, *region);
                    reason::of_refusal(*cutoff, *loss, loads.get(&name))
                }
                Finding::NotAdmitted(_) => "down".to_owned(),
                Finding::Standby => "weight 0: only if nobody else is admitted".to_owned(),
            },
        })
        .collect()
}

fn split(
    ground: &Ground,
    service: &Service,
    snapshot: &Snapshot,
    position: usize,
    recorder: &Recorder,
    options: &Explain,
) -> Split {
    let compiled = snapshot.world.services().get(position);
    let mut endpoints = Vec::new();
    let mut how = match recorder.answered {
        Some(Answered::Fallback) => "all-down: the fallback".to_owned(),
        Some(Answered::ServFail) => "all-down: SERVFAIL".to_owned(),
        Some(Answered::Endpoints { .. }) | None => String::new(),
    };
    if let (Some(Answered::Endpoints { pool, picks, .. }), Some(compiled)) =
        (recorder.answered, compiled)
    {
        let lane = usize::from(!compiled.alias && options.qtype == crate::model::RecordType::AAAA);
        let lane = compiled.pools.get(pool).and_then(|pool| pool.lanes.get(lane).copied());
        let lane = lane.unwrap_or_default();
        for at in picks.positions() {
            let endpoint = compiled.endpoints(lane).get(usize::from(*at));
            endpoints.extend(endpoint.map(|endpoint| endpoint.text(compiled.alias)));
        }
        let drawn = if compiled.sticky { "by the hash of the client's block" } else { "by weight" };
        how = format!("{} of {} drawn {drawn}", picks.positions().len(), lane.len);
        if service.sticky && !compiled.sticky {
            how += "; sticky, but there is no choice";
        }
    }
    Split { region: recorder.region.map(|region| name(ground, region)), endpoints, how }
}

fn name(ground: &Ground, region: RegionId) -> String {
    ground.regions.get(region.index()).map(|region| region.name.clone()).unwrap_or_default()
}
