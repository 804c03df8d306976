//! Maps that are partitioned by vantage groups: as coarse as can be, and nobody else's concern.

use std::net::IpAddr;

use fastrand::Rng;
use meridian::model::RecordType;
use meridian::model::VantageGroupId;
use meridian::model::limits;
use meridian::snapshot::Snapshot;
use meridian::steer::Client;
use meridian::steer::SteeringMap;
use meridian::steer::Step;
use meridian::wire::Query;
use meridian::wire::ScopePrefix;

use crate::asking::Ask;
use crate::block::Block;
use crate::ground;
use crate::ground::Ground;
use crate::scopes;
use crate::vantages::JUDGED_BY_GROUPS;
use crate::vantages::PLACES;
use crate::vantages::Stage;
use crate::vantages::VANTAGES;
use crate::vantages::answer;
use crate::vantages::judged_by_groups;
use crate::vantages::random_client;
use crate::vantages::random_resolver;
use crate::vantages::vantages;

/// What a leaf may say, with all that its mark refers to.
type Said = [(Option<VantageGroupId>, Vec<Step>); 2];

fn said(map: &SteeringMap, client: IpAddr) -> (Said, u8) {
    let octets = Ask::new("www.test", RecordType::A).client(client).octets();
    let subnet = Query::parse(&octets).unwrap().edns.unwrap().client_subnet;
    let mut scope = ScopePrefix::GLOBAL;
    let said = [[21, 1, 1, 1], [23, 200, 1, 1]].map(|resolver| {
        let client = Client { subnet, resolver: IpAddr::from(resolver) };
        let located = map.locate(&client);
        scope = located.scope;
        (map.labels().group(located.label), map.labels().steps(located.label).to_vec())
    });
    (said, scope.0)
}

/// Whether something else is said to somebody in a block.
fn differs_in(map: &SteeringMap, block: Block, expected: &Said) -> bool {
    let mut bits = block.start;
    loop {
        let address = block.address(bits);
        let (found, scope) = said(map, address);
        if found != *expected {
            return true;
        }
        match Block::around(address, scope).last().checked_add(1) {
            Some(next) if next <= block.last() => bits = next,
            _ => return false,
        }
    }
}

#[test]
fn scopes_are_as_wide_as_the_groups_allow() {
    let mut rng = Rng::with_seed(0x7648);
    let stage = Stage::new(&scopes::random_database(PLACES, &mut rng), vantages(VANTAGES));
    let (_, [www, plain]) = stage.service("www");
    let mut narrower = 0;
    for _ in 0..500 {
        let client = random_client(&mut rng);
        let ((expected, scope), (order, wide)) = (said(www, client), said(plain, client));
        assert_eq!(expected.clone().map(|(_, steps)| steps), order.map(|(_, steps)| steps));
        assert!(scope >= wide, "{client}: /{scope} and /{wide}");
        narrower += u32::from(scope > wide);
        if scope > 0 {
            let sibling = Block::around(client, scope).sibling();
            assert!(differs_in(www, sibling, &expected), "{client}: /{} would do", scope - 1);
        }
    }
    assert!(narrower > 20, "some borders between groups are none between orders: {narrower}");
}

/// Who does not ask for it pays nothing: not a leaf, not an octet, not a bit of a scope.
#[test]
fn services_that_do_not_ask_keep_their_maps() {
    let mut rng = Rng::with_seed(0x7649);
    let database = scopes::random_database(PLACES, &mut rng);
    let stage = Stage::new(&database, vantages(VANTAGES));
    let map = |snapshot: &Snapshot, at: usize| snapshot.world.services()[at].map;
    let (plain, [with, without]) = stage.service("plain");
    assert_eq!(with.labels().groups(), []);
    assert_eq!((with.n_leaves(), with.memory()), (without.n_leaves(), without.memory()));
    for _ in 0..1_000 {
        let (client, resolver) = (Some(random_client(&mut rng)), random_resolver(&mut rng));
        let [with, without] =
            [&stage.parted, &stage.plain].map(|s| answer(s, "plain", client, resolver));
        assert_eq!(with, without);
    }
    let ([www, sticky, single], groups) = (
        JUDGED_BY_GROUPS.map(|name| stage.service(name).0),
        JUDGED_BY_GROUPS.map(|name| stage.service(name).1[0].labels().groups()),
    );
    assert_eq!(map(&stage.plain, www), map(&stage.plain, plain), "equal sets share a map");
    assert_ne!(map(&stage.parted, www), map(&stage.parted, plain), "but not with who asks");
    assert_eq!(map(&stage.parted, www), map(&stage.parted, sticky), "who asks share theirs");
    assert_ne!(map(&stage.parted, www), map(&stage.parted, single), "if the policy is one");
    // `double` is never nearer than `east`, and `nowhere` is near nobody.
    assert_eq!(groups, [0, 1, 2].map(|_| [0, 1, 2, 3].map(VantageGroupId).to_vec()));
    let scopes: Vec<(usize, bool)> =
        stage.parted.world.scopes().iter().map(|s| (s.policy, s.is_partitioned)).collect();
    assert_eq!(scopes, [(0, true), (1, true), (0, false)]);
    // One group with a location is nobody to tell apart.
    let one = Stage::new(&database, vantages(&[("asia", Some((1.3, 103.8))), ("nowhere", None)]));
    assert_eq!(one.parted.world.maps().len(), one.plain.world.maps().len());
    assert!(one.parted.world.maps().iter().all(|map| map.labels().groups().is_empty()));
}

/// The bound on maps holds for those who ask and for the others by themselves.
#[test]
fn partitioned_maps_are_counted_by_themselves() {
    let mut text = "[geoip]\ndatabases = [\"geo.mmdb\"]\n[zone.test]\nfile = \"test.zone\"\n\
                    [monitor.groups]\nicmp = {}\n[policy.near]\nrank = [\"nearest\"]\n"
        .to_owned();
    for region in 0..7 {
        let (lat, lon) = (region * 7, region * 30);
        text += &format!("[region.r{region}]\nlocation = {{ lat = {lat}.0, lon = {lon}.0 }}\n");
    }
    let sets = limits::MAPS_PER_POLICY + 3;
    for set in 1..=sets {
        for (kind, monitor) in [("p", ""), ("g", "monitor = \"groups\"\n")] {
            let service = format!("{kind}{set}");
            text += &format!(
                "[service.{service}]\nname = \"{service}.test\"\npolicy = \"near\"\n{monitor}"
            );
            for region in (0..7).filter(|region| set >> region & 1 == 1) {
                text +=
                    &format!("[service.{service}.pool.r{region}]\nendpoints = [\"192.0.2.1\"]\n");
            }
        }
    }
    let ground = Ground::new(&[("meridian.toml", &text), ("test.zone", ground::ZONE)]);
    let parted = ground::all_admitted(judged_by_groups(ground.config(), vantages(VANTAGES)));
    let shapes = |is_partitioned: bool| {
        let scopes = parted.world.scopes().iter();
        let scopes = scopes.filter(move |scope| scope.is_partitioned == is_partitioned);
        scopes.map(|scope| (scope.regions, scope.whole_order)).collect::<Vec<_>>()
    };
    let plain = ground.snapshot();
    let without: Vec<_> =
        plain.world.scopes().iter().map(|scope| (scope.regions, scope.whole_order)).collect();
    assert_eq!(without.len(), limits::MAPS_PER_POLICY + 1);
    assert!(without.iter().rev().map(|(_, whole)| *whole).eq((0..65).map(|at| at == 0)));
    assert_eq!((shapes(false), shapes(true)), (without.clone(), without));
}
