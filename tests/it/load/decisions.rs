//! What queries make of cutoffs.

use std::net::Ipv4Addr;

use fastrand::Rng;
use meridian::load::Cutoff;
use meridian::load::Cutoffs;
use meridian::model::Family;
use meridian::model::RegionId;
use meridian::snapshot::Snapshot;
use meridian::steer::Admission;
use meridian::steer::Answered;
use meridian::steer::Client;
use meridian::steer::Finding;
use meridian::steer::Gate;
use meridian::steer::ServiceStanding;
use meridian::steer::Trace;
use meridian::steer::decide;
use meridian::wire::ScopePrefix;

use crate::load::closed_loop::NEAREST;
use crate::load::world;
use crate::load::world::REGIONS;

/// Writes down what was found in each region.
#[derive(Default)]
struct Findings(Vec<(RegionId, Finding)>);

impl Trace for Findings {
    fn considered(&mut self, _tier: usize, region: RegionId, finding: Finding) {
        self.0.push((region, finding));
    }
}

struct Scene {
    snapshot: Snapshot,
    clients: Vec<Client>,
}

impl Scene {
    fn new() -> Self {
        Self::under(NEAREST)
    }

    fn under(policy: &str) -> Self {
        let (snapshot, clients) = world::populated(policy, 2_000, &mut Rng::with_seed(3));
        Self { snapshot, clients }
    }

    fn refuse(&mut self, cutoffs: Cutoffs) {
        self.snapshot.standing = self.snapshot.standing.with_cutoffs(cutoffs).into();
    }

    fn admit(&mut self, admission: impl Fn(RegionId) -> Admission) {
        let standing = ServiceStanding::new(&self.snapshot.world.services()[0], admission);
        self.snapshot.standing = self.snapshot.standing.with([(0, standing)]).into();
    }

    fn ask(&self, client: &Client) -> (RegionId, ScopePrefix, Findings) {
        let (world, standing) = (&self.snapshot.world, &self.snapshot.standing);
        let service = &world.services()[0];
        let gate = Gate { standing: standing.service(0).unwrap(), cutoffs: standing.cutoffs() };
        let map = &world.maps()[service.map];
        let (mut rng, mut findings) = (Rng::with_seed(1), Findings::default());
        let decision = decide(service, Family::V4, map, gate, client, &mut rng, &mut findings);
        let Answered::Endpoints { pool, .. } = decision.answered else { panic!("nobody") };
        (service.pools[pool].region, decision.scope, findings)
    }

    fn region(&self, client: &Client) -> RegionId {
        self.ask(client).0
    }
}

fn only(region: RegionId, cutoff: Cutoff) -> Cutoffs {
    let mut cutoffs = Cutoffs::none(REGIONS.len());
    cutoffs.set(region, cutoff);
    cutoffs
}

#[test]
fn who_is_refused_gets_the_next_region_with_the_same_scope_and_a_reason() {
    let mut scene = Scene::new();
    let client = world::client(Ipv4Addr::new(193, 99, 144, 80));
    let (first, scope, _) = scene.ask(&client);
    scene.refuse(only(first, Cutoff::ALL));
    let (second, same, findings) = scene.ask(&client);
    assert_ne!(second, first);
    assert_eq!(same, scope);
    assert!(matches!(findings.0[0], (at, Finding::Spilled(..)) if at == first));
    assert!(matches!(findings.0[1], (region, Finding::Candidate(_)) if region == second));
    // What is down is down, full or not.
    scene.admit(|region| if region == first { Admission::Down } else { Admission::Admitted });
    let (_, _, findings) = scene.ask(&client);
    assert_eq!(findings.0[0], (first, Finding::NotAdmitted(Admission::Down)));
    // Where all are full, the last takes who has nowhere else to go; if that one is down, the
    // first does.
    scene.admit(|_| Admission::Admitted);
    scene.refuse(Cutoffs::new([Cutoff::ALL; REGIONS.len()]));
    let last = scene.region(&client);
    assert!(last != first && last != second);
    scene.admit(|region| if region == last { Admission::Down } else { Admission::Admitted });
    assert_eq!(scene.region(&client), first);
    scene.refuse(Cutoffs::none(REGIONS.len()));
    assert!(scene.snapshot.standing.cutoffs().is_none());
}

/// What a step costs is that step's, also behind a tier of several.
#[test]
fn behind_a_tie_each_region_refuses_by_its_own_loss() {
    let mut scene = Scene::under(&format!("{NEAREST}\ntie = {{ distance = \"2000km\" }}"));
    let client = world::client(Ipv4Addr::new(193, 99, 144, 80));
    let map = scene.snapshot.world.maps()[0].clone();
    let (labels, label) = (map.labels(), map.locate(&client).label);
    let steps = labels.steps(label);
    assert_eq!([0, 1, 2].map(|at| steps[at].opens_tier), [true, false, true], "the first two tie");
    scene.refuse(Cutoffs::new([Cutoff::ALL; REGIONS.len()]));
    let (region, _, findings) = scene.ask(&client);
    assert_eq!(region, steps.last().unwrap().region, "who has nowhere else to go");
    for (at, (region, finding)) in findings.0.iter().enumerate().take(steps.len() - 1) {
        let spilled = Finding::Spilled(Cutoff::ALL, labels.loss(label, at));
        assert_eq!((*region, *finding), (steps[at].region, spilled), "step {at}");
    }
}

/// Refusing ever more moves each client once, away, and nobody comes.
#[test]
fn clients_leave_once_as_a_cutoff_rises_and_those_who_lose_least_first() {
    let mut scene = Scene::new();
    let region = scene.region(&scene.clients[0]);
    let labels = scene.snapshot.world.maps()[0].labels().clone();
    let map = scene.snapshot.world.maps()[0].clone();
    let home: Vec<bool> =
        scene.clients.iter().map(|client| scene.region(client) == region).collect();
    let mut before = home.clone();
    let mut left = Vec::new();
    for cutoff in (-8..400).step_by(4).map(f64::from) {
        scene.refuse(only(region, Cutoff::from_ms(cutoff)));
        let now: Vec<bool> =
            scene.clients.iter().map(|client| scene.region(client) == region).collect();
        for ((client, was), is) in scene.clients.iter().zip(&before).zip(&now) {
            assert!(*was || !*is, "nobody comes");
            if *was && !*is {
                let loss = labels.loss(map.locate(client).label, 0).ms().unwrap();
                // Refused from the loss on, and at the latest a band later.
                assert!((cutoff - 4.0..=cutoff + 8.0).contains(&loss), "{cutoff} {loss}");
                left.push(loss);
            }
        }
        before = now;
    }
    let all = home.iter().filter(|is| **is).count();
    assert!(all > 50 && left.len() == all, "{all} {}", left.len());
    // A share of them is a share: half of the band takes about half of one loss.
    assert!(left.first().unwrap() + 8.0 < *left.last().unwrap());
}

/// DESIGN 1: no state of spill ever changes a scope, and within it all get the same.
#[test]
fn scopes_are_sound_whatever_the_cutoffs() {
    let mut scene = Scene::new();
    let mut rng = Rng::with_seed(5);
    let clients = scene.clients.clone();
    let scopes: Vec<ScopePrefix> = clients.iter().map(|client| scene.ask(client).1).collect();
    for _ in 0..20 {
        let cutoffs = REGIONS.iter().map(|_| Cutoff::from_ms(rng.f64() * 100.0 - 20.0));
        scene.refuse(Cutoffs::new(cutoffs.collect::<Vec<_>>()));
        for (client, scope) in clients.iter().zip(&scopes).step_by(7) {
            let (region, found, _) = scene.ask(client);
            assert_eq!(found, *scope);
            let start = u32::try_from(client.subnet.unwrap().address).unwrap();
            let inside = rng.u32(..) & u32::MAX.checked_shr(scope.0.into()).unwrap_or(0);
            let mask = u32::MAX.checked_shl(32 - u32::from(scope.0)).unwrap_or(0);
            let other = world::client(Ipv4Addr::from(start & mask | inside));
            assert_eq!((scene.region(&other), scene.ask(&other).1), (region, *scope));
        }
    }
}

/// The weights of labels are those of the countries, and what a step costs is about its distance.
#[test]
fn labels_are_weighed() {
    let scene = Scene::new();
    let map = &scene.snapshot.world.maps()[0];
    let labels = map.labels();
    let all: f64 = labels.ids().map(|label| labels.clients(label)).sum();
    assert!((3.8e9..4.0e9).contains(&all), "who uses the Internet, by the World Bank: {all}");
    let mut seen = vec![0.0; labels.len()];
    scene.clients.iter().for_each(|client| seen[map.locate(client).label.0 as usize] += 1.0);
    for label in labels.ids() {
        let weighed = labels.clients(label) / all;
        let part = seen[label.0 as usize] / scene.clients.len() as f64;
        assert!((weighed - part).abs() < 0.03, "{weighed} {part}");
        let costs = labels.costs(label);
        assert_eq!(costs.len(), labels.steps(label).len());
        assert!(costs[..3].is_sorted(), "the nearest first: {costs:?}");
    }
    let frankfurt = map.locate(&world::client(Ipv4Addr::new(193, 99, 144, 80))).label;
    let near = labels.costs(frankfurt)[0].ms().unwrap();
    // Whoever has this order is up to the Urals and the Gulf.
    assert!((3.0..30.0).contains(&near), "{near}");
}
