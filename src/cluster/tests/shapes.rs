//! Buckets that somebody else made, filled or forbade.

use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::HeaderMap;
use async_nats::jetstream;
use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Config;
use async_nats::jetstream::stream::StorageType;

use crate::cluster::Key;
use crate::cluster::News;
use crate::cluster::tests::Listener;
use crate::cluster::tests::at;
use crate::cluster::tests::nats_server::NatsServer;
use crate::cluster::tests::node;
use crate::cluster::tests::pair;
use crate::cluster::tests::shown;
use crate::config::Cluster;
use crate::config::Login;
use crate::model::limits;

/// A client beside the link.
async fn beside(server: &NatsServer) -> Context {
    jetstream::new(async_nats::connect(server.url()).await.unwrap())
}

/// The bucket of admin states, as it has to be.
fn kept() -> Config {
    Config {
        name: "KV_meridian-kept".to_owned(),
        subjects: vec!["$KV.meridian-kept.>".to_owned()],
        max_messages_per_subject: 1,
        allow_rollup: true,
        ..Config::default()
    }
}

/// Why a link does not join where this was made before.
async fn fails_with(config: Config) -> String {
    let server = NatsServer::start("");
    beside(&server).await.create_stream(config).await.unwrap();
    Listener::start(&at(&server)).lost().await
}

#[tokio::test]
async fn a_bucket_of_another_shape_is_named_with_what_to_do() {
    assert_eq!(
        fails_with(Config { subjects: vec!["a".to_owned()], ..kept() }).await,
        "the bucket `meridian-kept` has the subjects [\"a\"], expected [\"$KV.meridian-kept.>\"]; \
         it is no key-value bucket: name another `bucket` in `[cluster]`"
    );
    let why = fails_with(Config { storage: StorageType::Memory, ..kept() }).await;
    assert!(why.contains("has the storage Memory, expected File; remove it"), "{why}");
}

/// Limits that a bucket was made with by hand or by an earlier version.
#[tokio::test]
async fn a_bucket_with_other_limits_is_corrected() {
    let server = NatsServer::start("");
    let beside = beside(&server).await;
    let other = Config {
        max_messages_per_subject: 5,
        max_message_size: 100,
        max_age: Duration::from_secs(60),
        ..kept()
    };
    beside.create_stream(other).await.unwrap();
    Listener::start(&at(&server)).joined().await;
    let found = beside.get_stream("KV_meridian-kept").await.unwrap();
    let found = &found.cached_info().config;
    assert_eq!((found.max_messages_per_subject, found.max_age), (1, Duration::ZERO));
    assert_eq!(found.max_bytes, i64::try_from(limits::SHARED_KEPT).unwrap());
    assert_eq!(usize::try_from(found.max_message_size), Ok(limits::SHARED_VALUE));
    let live = beside.get_stream("KV_meridian-live").await.unwrap();
    let live = live.cached_info().config.max_bytes;
    assert_eq!(live, i64::try_from(limits::SHARED_LIVE).unwrap());
}

/// One that may not be corrected: what matters is told, and a node lives with the rest.
#[tokio::test]
async fn a_bucket_that_may_not_be_corrected() {
    let deny = "publish: { deny: [\"$JS.API.STREAM.UPDATE.>\"] }";
    let (server, cluster) = restricted(deny);
    let login = ConnectOptions::with_user_and_password("b".to_owned(), "b".to_owned());
    let beside = jetstream::new(login.connect(server.url()).await.unwrap());
    beside.create_stream(Config { max_messages_per_subject: 5, ..kept() }).await.unwrap();
    assert_eq!(
        Listener::start(&cluster).lost().await,
        "the bucket `meridian-kept` has a history of 5, expected 1; remove it, if it is from \
         nobody else, with `nats kv del meridian-kept`: it is created anew"
    );
    beside.update_stream(kept()).await.unwrap();
    Listener::start(&cluster).joined().await;
}

#[tokio::test]
async fn a_bucket_of_the_right_shape_may_be_made_by_anybody() {
    let server = NatsServer::start("");
    beside(&server).await.create_stream(kept()).await.unwrap();
    Listener::start(&at(&server)).joined().await;
}

#[tokio::test]
async fn more_replicas_than_servers() {
    let server = NatsServer::start("");
    let why = Listener::start(&Cluster { replicas: 3, ..at(&server) }).lost().await;
    assert!(why.starts_with("the bucket `meridian-kept` does not exist and can't be"), "{why}");
    assert!(
        why.ends_with(
            "set `replicas` in `[cluster]` to no more than there are servers with JetStream"
        ),
        "{why}"
    );
}

#[tokio::test]
async fn no_jetstream() {
    let server = NatsServer::start("accounts { A { users: [{ user: a, password: a }] } }");
    let login = Login::User("a".to_owned(), server.write("password", "a"));
    let why = Listener::start(&Cluster { login, ..at(&server) }).lost().await;
    assert!(why.starts_with("JetStream does not take"), "{why}");
}

/// A user that may do this and no more, beside one that may everything.
fn restricted(permissions: &str) -> (NatsServer, Cluster) {
    let server = NatsServer::start(&format!(
        "authorization {{ users: [\n{{ user: a, password: a, permissions: {{ {permissions} }} }}\n\
         {{ user: b, password: b }}\n] }}"
    ));
    let login = Login::User("a".to_owned(), server.write("password", "a"));
    let cluster = Cluster { login, ..at(&server) };
    (server, cluster)
}

#[tokio::test]
async fn who_may_create_nothing_says_so_and_joins_once_another_did() {
    let (server, cluster) = restricted("publish: { deny: [\"$JS.API.STREAM.CREATE.>\"] }");
    let mut listener = Listener::start(&cluster);
    let why = listener.lost().await;
    assert!(why.starts_with("the bucket `meridian-kept` does not exist and can't be"), "{why}");
    assert!(why.contains("Permissions Violation") && why.contains("create both buckets"), "{why}");
    let login = Login::User("b".to_owned(), server.write("of-b", "b"));
    Listener::start(&Cluster { login, ..at(&server) }).joined().await;
    listener.joined().await;
}

#[tokio::test]
async fn who_may_not_put_is_refused_that_and_goes_on() {
    let (_server, cluster) = restricted("publish: { deny: [\"$KV.meridian-live.servers.a\"] }");
    let mut listener = Listener::start(&cluster);
    listener.joined().await;
    listener.link.put(node("a"), vec![1]);
    let (key, why) = listener.refused().await;
    assert_eq!(key, node("a"));
    assert!(why.starts_with("the login may not use `$KV.meridian-live.servers.a`"), "{why}");
    listener.link.put(node("b"), vec![1]);
    assert_eq!(listener.entry().await, pair("servers.b", [1]));
}

#[tokio::test]
async fn who_may_not_hear_answers_says_so() {
    let (_server, cluster) = restricted("subscribe: { deny: [\"_INBOX.>\"] }");
    let why = Listener::start(&cluster).lost().await;
    assert!(why.starts_with("the login may not use"), "{why}");
}

#[tokio::test]
async fn a_server_that_takes_less_than_it_should() {
    let server = NatsServer::start("max_payload: 1000");
    let mut listener = Listener::start(&at(&server));
    listener.joined().await;
    listener.link.put(node("a"), vec![1; 1001]);
    let (_, why) = listener.refused().await;
    assert_eq!(why, "the value of `servers.a` has 1001 octets, expected 1000 at most");
    listener.link.put(node("b"), vec![1]);
    assert_eq!(listener.entry().await, pair("servers.b", [1]));
}

#[tokio::test]
async fn what_is_from_nobody_of_us_is_skipped() {
    let server = NatsServer::start("max_payload: 8000000");
    let live = Config {
        name: "KV_meridian-live".to_owned(),
        subjects: vec!["$KV.meridian-live.>".to_owned()],
        max_messages_per_subject: 1,
        max_age: Duration::from_hours(24),
        storage: StorageType::Memory,
        allow_rollup: true,
        ..Config::default()
    };
    let beside = beside(&server).await;
    beside.create_stream(live).await.unwrap();
    let put = async |key: &str, value: Vec<u8>| {
        let subject = format!("$KV.meridian-live.{key}");
        beside.publish(subject, value.into()).await.unwrap().await.unwrap();
    };
    let remove = async |key: &str, operation: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("KV-Operation", operation);
        let subject = format!("$KV.meridian-live.{key}");
        let removed = beside.publish_with_headers(subject, headers, "".into()).await.unwrap();
        removed.await.unwrap();
    };
    let large = vec![1; limits::SHARED_VALUE + 1];
    put("strange.key", vec![1]).await;
    put("opinions.large", large).await;
    put("servers.large", vec![1; limits::SHARED_CARDS.1 + 1]).await;
    put("servers.a", vec![1]).await;
    put("servers.removed", vec![1]).await;
    remove("servers.removed", "DEL").await;
    let mut listener = Listener::start(&at(&server));
    assert_eq!(listener.read().await, (vec![pair("servers.a", [1])], true));
    put("another.key", vec![1]).await;
    remove("servers.a", "PURGE").await;
    put("servers.b", vec![2]).await;
    assert_eq!(listener.entry().await, pair("servers.b", [2]));
    // What was removed may come again.
    put("servers.a", vec![3]).await;
    assert_eq!(listener.entry().await, pair("servers.a", [3]));
    let counts = listener.link.refusals().counts();
    // A watch begins with some of before: they count each time they are met.
    let skipped = counts.iter().filter(|of| of.count > 0);
    let skipped: Vec<_> = skipped.map(|of| (of.kind, of.why)).collect();
    let too_large = [("servers", "too-large"), ("opinions", "too-large")];
    assert_eq!(skipped, [&[("other", "foreign")][..], &too_large].concat());
}

/// More than fits into one part of a reading.
#[tokio::test]
async fn large_and_many_values_are_read_whole() {
    let server = NatsServer::start("");
    let mut writer = Listener::start(&at(&server));
    writer.joined().await;
    let value = vec![5; 700_000];
    for n in 0..40 {
        writer.link.put(Key::Opinions(format!("large-{n}")), value.clone());
    }
    for n in 0..2_520 {
        writer.link.put(Key::Admin(format!("small-{n}")), vec![1]);
    }
    let mut came = 0;
    while came < 2_560 {
        match writer.next().await {
            News::Entry(_) => came += 1,
            // The queue may have been full.
            News::Read { entries, .. } if entries.len() == 2_560 => break,
            // A slow machine may miss a beat of the server: contact ends, and all is read again.
            News::Read { .. } | News::Lost { .. } => {}
            refused @ News::Refused { .. } => panic!("{refused:?}"),
        }
    }
    let mut reader = Listener::start(&at(&server));
    let entries = loop {
        match reader.next().await {
            News::Read { entries, joined: true } => break entries,
            News::Entry(_) | News::Lost { .. } | News::Read { .. } => {}
            refused @ News::Refused { .. } => panic!("{refused:?}"),
        }
    };
    let entries: Vec<_> = entries.iter().map(shown).collect();
    assert_eq!(entries.len(), 2_560);
    let large = entries.iter().filter(|(_, found)| *found == value);
    assert_eq!(large.count(), 40);
}
