//! Servers that end, come back, and have forgotten.

use std::time::Duration;

use async_nats::jetstream;
use tokio::time::Instant;

use crate::cluster::Key;
use crate::cluster::tests::Listener;
use crate::cluster::tests::at;
use crate::cluster::tests::nats_server::NatsServer;
use crate::cluster::tests::nats_server::free_port;
use crate::cluster::tests::node;
use crate::cluster::tests::pair;
use crate::config::Cluster;

/// From the moment at which a server ends, or is back, to the moment at which the link says so.
/// It is a tenth of that on a machine that does nothing else; `keeping` has the pauses.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

/// An admin state and a node's word, heard by both.
async fn share(here: &mut Listener, there: &mut Listener) {
    here.link.put(Key::Admin("x".to_owned()), b"drained".to_vec());
    assert_eq!(here.entry().await, pair("admin.x", "drained"));
    assert_eq!(there.entry().await, pair("admin.x", "drained"));
    there.link.put(node("there"), b"1".to_vec());
    assert_eq!(here.entry().await, pair("servers.there", "1"));
    assert_eq!(there.entry().await, pair("servers.there", "1"));
}

#[tokio::test]
async fn a_server_that_is_restarted_kept_what_it_has_on_disk() {
    let mut server = NatsServer::start("");
    let (mut here, mut there) = (Listener::start(&at(&server)), Listener::start(&at(&server)));
    here.joined().await;
    there.joined().await;
    share(&mut here, &mut there).await;

    let before = Instant::now();
    server.kill();
    let why = here.lost().await;
    assert!(why.starts_with("the connection to NATS ended"), "{why}");
    assert!(before.elapsed() < NOTICED_WITHIN, "{:?}", before.elapsed());
    there.lost().await;
    here.link.put(node("here"), b"old".to_vec());
    here.link.put(node("here"), b"new".to_vec());
    tokio::time::sleep(Duration::from_secs(1)).await;

    server.resume();
    server.wait_until_it_listens();
    let before = Instant::now();
    let (read, joined) = here.read().await;
    println!("back after {:?}", before.elapsed());
    assert!(before.elapsed() < NOTICED_WITHIN, "{:?}", before.elapsed());
    // What was in memory is gone; the other link may have been faster.
    assert!(joined && read == [pair("admin.x", "drained")], "{read:?}");
    assert_eq!(here.entry().await, pair("servers.here", "new"));
}

#[tokio::test]
async fn a_server_that_comes_back_empty_gets_its_buckets_again() {
    let mut server = NatsServer::start("");
    let (mut here, mut there) = (Listener::start(&at(&server)), Listener::start(&at(&server)));
    here.joined().await;
    there.joined().await;
    share(&mut here, &mut there).await;
    server.kill();
    here.lost().await;
    there.lost().await;
    server.forget();
    server.resume();
    server.wait_until_it_listens();
    let before = Instant::now();
    here.joined().await;
    there.joined().await;
    println!("back after {:?}", before.elapsed());
    assert!(before.elapsed() < NOTICED_WITHIN, "{:?}", before.elapsed());
    share(&mut here, &mut there).await;
}

#[tokio::test]
async fn a_bucket_that_is_removed_is_made_again() {
    let server = NatsServer::start("");
    let (mut here, mut there) = (Listener::start(&at(&server)), Listener::start(&at(&server)));
    here.joined().await;
    there.joined().await;
    share(&mut here, &mut there).await;
    let beside = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    beside.delete_stream("KV_meridian-live").await.unwrap();
    // Whoever puts next notices; the other hears that its watch is gone.
    here.link.put(node("here"), b"2".to_vec());
    assert_eq!(here.read().await, (vec![pair("admin.x", "drained")], false));
    assert_eq!(here.entry().await, pair("servers.here", "2"));
    // The other is told that its watch has ended, perhaps before that was put.
    let (mut read, joined) = there.read().await;
    if read.len() == 1 {
        read.push(there.entry().await);
    }
    assert_eq!(
        (read, joined),
        (vec![pair("admin.x", "drained"), pair("servers.here", "2")], false)
    );
}

#[tokio::test]
async fn of_several_servers_any_one_will_do() {
    let server = NatsServer::start("");
    let nobody = format!("nats://127.0.0.1:{}", free_port());
    let servers = vec![nobody.clone(), server.url(), nobody];
    let mut listener = Listener::start(&Cluster { servers, ..Cluster::default() });
    listener.joined().await;
}

#[tokio::test]
async fn a_server_that_starts_late_is_found() {
    let mut server = NatsServer::prepare(free_port(), "");
    let mut listener = Listener::start(&at(&server));
    let why = listener.lost().await;
    assert!(why.starts_with("no NATS server can be reached at 127.0.0.1:"), "{why}");
    assert!(why.contains("refused"), "{why}");
    listener.link.put(node("a"), vec![1]);
    server.resume();
    listener.joined().await;
    assert_eq!(listener.entry().await, pair("servers.a", [1]));
}
