//! Three NATS servers, of which the one that leads is killed.

use std::time::Duration;

use async_nats::jetstream;
use jiff::Timestamp;

use crate::cluster_lab::MONITOR;
use crate::lab::Eavesdropper;
use crate::lab::Fleet;
use crate::lab::Load;

#[test]
fn the_leader_of_three_nats_servers_dies_and_verdicts_still_arrive() {
    let Some(mut fleet) = Fleet::build(3, MONITOR) else { return };
    let load = Load::start(&fleet, &Fleet::NAME_SERVERS, Duration::from_millis(4));
    let leader = leader(&fleet);
    fleet.kill(leader);
    println!("{leader} led, and was killed");
    let killed = Timestamp::now();
    let other = Fleet::NATS.into_iter().find(|server| *server != leader).unwrap();
    let heard = Eavesdropper::start(&fleet, other);
    for vantage in ["ams", "nyc"] {
        fleet.cut(vantage, &[Fleet::US], true);
    }
    fleet.until("both answer another region", || load.first(Fleet::EU, killed).is_some());
    let decided = heard.decided(true, killed).unwrap();
    for at in load.first(Fleet::EU, killed).unwrap() {
        let took = at.duration_since(killed).unsigned_abs();
        let later = at.duration_since(decided.seen).unsigned_abs();
        println!("answers moved {took:.1?} after the kill, {later:.1?} after it was decided");
    }
    for vantage in ["ams", "nyc"] {
        fleet.cut(vantage, &[Fleet::US], false);
    }
    let cut = Timestamp::now();
    fleet.until("both answer it again", || load.first(Fleet::US, cut).is_some());
    load.must_have_been("one NATS server killed", &[Fleet::US, Fleet::EU, Fleet::US]);
}

/// The NATS server that leads the bucket of opinions.
fn leader(fleet: &Fleet) -> &'static str {
    let leader = fleet.inside("n0", || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let client = async_nats::connect(Fleet::nats_url("n0")).await.unwrap();
            let context = jetstream::new(client);
            let mut stream = context.get_stream("KV_meridian-live").await.unwrap();
            stream.info().await.unwrap().cluster.as_ref().unwrap().leader.clone().unwrap()
        })
    });
    Fleet::NATS.into_iter().find(|server| *server == leader).unwrap()
}
