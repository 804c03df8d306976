//! Rankings, by small policies.

use super::*;
use crate::geo::Atlas;
use crate::geo::Overlay;
use crate::model::Coordinates;
use crate::model::Match;
use crate::model::Rule;
use crate::model::Tie;

const POINTS: [(&str, f64, f64); 4] =
    [("us", 39.0, -77.5), ("eu", 53.3, -6.3), ("de", 50.1, 8.7), ("sg", 1.35, 103.8)];

fn regions() -> Vec<Region> {
    let at = |lat, lon| Coordinates::new(lat, lon);
    let region = |(name, lat, lon): (&str, f64, f64)| Region {
        name: name.into(),
        location: at(lat, lon),
        bias: 0,
        monitor: None,
        min_pools: 0,
        capacity: None,
        load: None,
    };
    POINTS.into_iter().map(region).collect()
}

fn policy(rank: &[Rank]) -> Policy {
    Policy {
        name: "p".into(),
        rank: rank.to_vec(),
        regions: (0..4).map(RegionId).collect(),
        tie: Tie::default(),
        depth: 0,
        rules: Vec::new(),
        ecs: true,
    }
}

fn plan(policy: &Policy) -> MapPlan<'_> {
    let regions = (0..4).map(RegionId).collect();
    MapPlan { policy, regions, whole_order: false, partition: None, orders: None, weighed: false }
}

/// Ranks Paris; tiers are separated by `|`.
fn ranked(policy: &Policy, regions: &[Region], place: &Place, rule: Option<usize>) -> String {
    let client = Whereabouts { place, overlay: &Overlay::default() };
    let mut ranker = Ranker::new(&plan(policy), regions, &Nets::default(), &[]);
    shown(&mut ranker, &client, rule, regions)
}

fn shown(
    ranker: &mut Ranker<'_>,
    client: &Whereabouts<'_>,
    rule: Option<usize>,
    regions: &[Region],
) -> String {
    let mut steps = ranker.rank(client, rule).to_vec();
    ranker.append_tail(&mut steps);
    let mut text = String::new();
    for step in steps {
        text += if text.is_empty() {
            ""
        } else if step.opens_tier {
            " | "
        } else {
            " "
        };
        text += &regions[step.region.index()].name;
    }
    text
}

/// Orders of one block, 198.51.100.0/24: regions with tenths of milliseconds, the best first.
fn orders(rated: &[(u16, u16)]) -> Orders {
    let rated = rated.iter().map(|(region, rtt)| {
        serde_json::json!({ "region": region, "rtt": rtt, "confidence": 50, "level": "Prefix",
            "last": null, "count": 1 })
    });
    let order = serde_json::json!({ "rated": rated.collect::<Vec<_>>(), "explored": null });
    let block = serde_json::json!({ "first": 0x00c6_3364, "is_wide": false });
    let orders = serde_json::json!({ "areas": {}, "blocks": [[block, order]] });
    serde_json::from_value(orders).unwrap()
}

/// Ranks a client of that block, which is nowhere.
fn ranked_by(orders: &Orders, policy: &Policy) -> String {
    let blocks: Vec<IpNet> = orders.blocks().map(|(net, _)| net).collect();
    let atlas = Atlas::new(Vec::new(), Nets::default(), &[], &blocks);
    let located = atlas.locate([198, 51, 100, 1].into()).unwrap();
    let plan = MapPlan { orders: Some(orders), ..plan(policy) };
    let client = Whereabouts { place: &located.place, overlay: located.overlay };
    shown(&mut Ranker::new(&plan, &regions(), &Nets::default(), &[]), &client, None, &regions())
}

fn paris() -> Place {
    Place {
        coordinates: Coordinates::new(48.86, 2.35),
        country: "FR".parse().ok(),
        ..Place::default()
    }
}

#[test]
fn criteria_follow_one_another() {
    let nearest = policy(&[Rank::Nearest]);
    assert_eq!(ranked(&nearest, &regions(), &paris(), None), "de | eu | us | sg");
    assert_eq!(ranked(&nearest, &regions(), &Place::default(), None), "us | eu | de | sg");
    let mut priority = policy(&[Rank::Latency, Rank::Priority]);
    priority.regions.reverse();
    assert_eq!(ranked(&priority, &regions(), &paris(), None), "sg | de | eu | us");
    assert_eq!(ranked(&policy(&[Rank::Equal]), &regions(), &paris(), None), "us eu de sg");
}

/// The order of the tail depends on the head alone, and follows distance from there.
#[test]
fn past_the_depth_regions_follow_by_distance_from_the_first() {
    let mut shallow = policy(&[Rank::Nearest]);
    shallow.depth = 1;
    assert_eq!(ranked(&shallow, &regions(), &paris(), None), "de | eu | us | sg");
    // Without a location a region is behind all that have one.
    let mut some = regions();
    some[1].location = None;
    assert_eq!(ranked(&shallow, &some, &paris(), None), "de | us | sg | eu");
    shallow.regions.reverse();
    assert_eq!(ranked(&shallow, &regions(), &paris(), None), "de | eu | us | sg");
}

#[test]
fn a_tie_is_measured_from_the_first_of_the_tier() {
    let mut tied = policy(&[Rank::Nearest]);
    // Frankfurt is 479 km from Paris, Dublin 780 km.
    tied.tie.distance_km = 310.0;
    assert_eq!(ranked(&tied, &regions(), &paris(), None), "eu de | us | sg");
    tied.tie.distance_km = 290.0;
    assert_eq!(ranked(&tied, &regions(), &paris(), None), "de | eu | us | sg");
}

/// What is behind in an order is not surely better, whatever its estimate: it shares the tier of
/// the first only within `tie`.
#[test]
fn an_order_holds_though_one_behind_looks_faster() {
    let mut measured = policy(&[Rank::Latency]);
    let unsure = orders(&[(2, 140), (1, 120), (0, 850)]);
    assert_eq!(ranked_by(&unsure, &measured), "de | eu | us | sg");
    let explored = orders(&[(0, 850), (2, 140), (1, 160)]);
    assert_eq!(ranked_by(&explored, &measured), "us | de | eu | sg");
    measured.tie.rtt = std::time::Duration::from_millis(3);
    assert_eq!(ranked_by(&unsure, &measured), "eu de | us | sg");
    assert_eq!(ranked_by(&explored, &measured), "us | eu de | sg");
}

#[test]
fn who_is_in_front_to_be_measured_is_told_apart() {
    let orders = orders(&[(0, 850), (2, 140), (1, 160)]);
    let mut text = serde_json::to_value(&orders).unwrap();
    text["blocks"][0][1]["explored"] = 2.into();
    let orders: Orders = serde_json::from_value(text).unwrap();
    let blocks: Vec<IpNet> = orders.blocks().map(|(net, _)| net).collect();
    let atlas = Atlas::new(Vec::new(), Nets::default(), &[], &blocks);
    let located = atlas.locate([198, 51, 100, 1].into()).unwrap();
    let measured = policy(&[Rank::Latency]);
    let plan = MapPlan { orders: Some(&orders), ..plan(&measured) };
    let mut ranker = Ranker::new(&plan, &regions(), &Nets::default(), &[]);
    ranker.rank(&Whereabouts { place: &located.place, overlay: located.overlay }, None);
    let explored = |reason: &RankReason| matches!(reason, RankReason::Explored(_));
    let told: Vec<bool> = ranker.reasons().iter().take(3).map(explored).collect();
    assert_eq!(told, [true, false, false]);
}

#[test]
fn bias_pulls_and_pushes() {
    let mut biased = regions();
    biased[1].bias = 50;
    assert_eq!(ranked(&policy(&[Rank::Nearest]), &biased, &paris(), None), "eu | de | us | sg");
    biased[1].bias = -90;
    assert_eq!(ranked(&policy(&[Rank::Nearest]), &biased, &paris(), None), "de | us | eu | sg");
}

#[test]
fn a_region_without_location_comes_last() {
    let mut regions = regions();
    regions[2].location = None;
    let nearest = policy(&[Rank::Nearest]);
    assert_eq!(ranked(&nearest, &regions, &paris(), None), "eu | us | sg | de");
}

#[test]
fn rules_come_first_and_a_fence_ends_the_ranking() {
    let regions = regions();
    let mut ruled = policy(&[Rank::Rules, Rank::Nearest]);
    ruled.rules = vec![Rule {
        matches: Match { countries: vec!["FR".parse().unwrap()], ..Match::default() },
        regions: vec![RegionId(3), RegionId(0)],
        only: false,
    }];
    let place = paris();
    let client = Whereabouts { place: &place, overlay: &Overlay::default() };
    let ranker = Ranker::new(&plan(&ruled), &regions, &Nets::default(), &[]);
    let rule = ranker.matching_rule(&client);
    assert_eq!(rule, Some(0));
    assert_eq!(ranked(&ruled, &regions, &place, rule), "sg | us | de | eu");
    ruled.rules[0].only = true;
    assert_eq!(ranked(&ruled, &regions, &place, rule), "sg | us");
}

/// DESIGN 1: the head is the first `depth` regions of the computed order, whoever computes them.
#[test]
fn what_was_measured_counts_to_the_depth() {
    let mut shallow = policy(&[Rank::Latency, Rank::Nearest]);
    shallow.depth = 2;
    let head = |place: &Place| {
        let (orders, regions) = (orders(&[(3, 140)]), regions());
        let blocks: Vec<IpNet> = orders.blocks().map(|(net, _)| net).collect();
        let atlas = Atlas::new(Vec::new(), Nets::default(), &[], &blocks);
        let overlay = atlas.locate([198, 51, 100, 1].into()).unwrap().overlay.clone();
        let plan = MapPlan { orders: Some(&orders), ..plan(&shallow) };
        let mut ranker = Ranker::new(&plan, &regions, &Nets::default(), &[]);
        let head = ranker.rank(&Whereabouts { place, overlay: &overlay }, None);
        head.iter().map(|step| step.region.0).collect::<Vec<_>>()
    };
    assert_eq!(head(&paris()), [3, 2]);
}

/// DESIGN 1: beyond `depth` the order depends on the head alone.
#[test]
fn the_tail_follows_from_the_head() {
    let mut shallow = policy(&[Rank::Nearest]);
    shallow.depth = 1;
    let near_us = |lat, lon| Place { coordinates: Coordinates::new(lat, lon), ..Place::default() };
    let boston = ranked(&shallow, &regions(), &near_us(42.4, -71.1), None);
    let la = ranked(&shallow, &regions(), &near_us(34.0, -118.2), None);
    assert_eq!(boston, "us | eu | de | sg");
    assert_eq!(la, boston);
}

/// Whoever is in a net of the operator's is somewhere, whatever databases say of it.
#[test]
fn who_is_in_a_net_is_known() {
    let mut nets = Nets::default();
    nets.insert("10.9.0.0/16".parse().unwrap(), "office");
    let atlas = Atlas::new(Vec::new(), nets, &[], &[]);
    let nearest = policy(&[Rank::Nearest]);
    let ranker = Ranker::new(&plan(&nearest), &regions(), atlas.nets(), &[]);
    let known = [[10, 9, 1, 1], [10, 8, 1, 1]].map(|address| {
        let located = atlas.locate(std::net::IpAddr::from(address)).unwrap();
        ranker.claims(&Whereabouts { place: &located.place, overlay: located.overlay })
    });
    assert_eq!(known, [true, false]);
}
