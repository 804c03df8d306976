//! A NATS server with the permissions that the manual shows: what each role may, and may not.

use async_nats::ConnectOptions;
use async_nats::jetstream;
use async_nats::jetstream::consumer::push;

use crate::cluster::Key;
use crate::cluster::Link;
use crate::cluster::tests::Listener;
use crate::cluster::tests::at;
use crate::cluster::tests::nats_server::NatsServer;
use crate::cluster::tests::pair;
use crate::config::Cluster;
use crate::config::Login;
use crate::tasks::Tasks;

/// The settings that the manual shows.
fn documented() -> &'static str {
    let manual = include_str!("../../manual/cluster.md");
    let (_, rest) = manual.split_once("```text\nauthorization {").expect("it is in the manual");
    let (inner, _) = rest.split_once("```").expect("it ends");
    inner
}

fn start() -> NatsServer {
    NatsServer::start(&format!("authorization {{{}", documented()))
}

fn of(server: &NatsServer, user: &str) -> Cluster {
    let password = server.write(user, &format!("secret of {user}"));
    Cluster { login: Login::User(user.to_owned(), password), ..at(server) }
}

fn prober(cluster: &Cluster, name: &str) -> Listener {
    let tasks = Tasks::new();
    let (link, news) = Link::start_prober(cluster, name, &tasks).unwrap();
    Listener { link, news, tasks }
}

#[tokio::test]
async fn each_role_can_do_its_work() {
    let server = start();
    let mut ns1 = Listener::start(&of(&server, "ns1"));
    ns1.joined().await;
    let mut ams = prober(&of(&server, "ams"), "ams");
    ams.joined().await;
    let name = || "ams".to_owned();
    for key in [Key::Checks(name()), Key::Opinions(name()), Key::Prober(name())] {
        ams.link.put(key.clone(), vec![1]);
        assert_eq!(ns1.entry().await, pair(&key.to_string(), [1]));
        assert_eq!(ams.entry().await, pair(&key.to_string(), [1]), "it hears its own name");
    }
    let name = || "ns1".to_owned();
    for key in [
        Key::Server(name()),
        Key::Opinions(name()),
        Key::Checks(name()),
        Key::Samples(name(), 3),
        Key::Load("us-east".to_owned()),
        Key::Shares,
        Key::Admin("us-east".to_owned()),
        Key::Orders(0),
        Key::Monitors,
    ] {
        ns1.link.put(key.clone(), vec![2]);
        assert_eq!(ns1.entry().await, pair(&key.to_string(), [2]));
    }
    assert_eq!(ams.entry().await, pair("monitors", [2]), "what it is to probe");
}

#[tokio::test]
async fn a_prober_can_say_nothing_that_is_not_its_own() {
    let server = start();
    let mut ns1 = Listener::start(&of(&server, "ns1"));
    ns1.joined().await;
    let mut ams = prober(&of(&server, "ams"), "ams");
    ams.joined().await;
    let name = |name: &str| name.to_owned();
    for key in [
        Key::Server(name("aaa")),
        Key::Server(name("ams")),
        Key::Opinions(name("nyc")),
        Key::Checks(name("nyc")),
        Key::Prober(name("nyc")),
        Key::Samples(name("ams"), 0),
        Key::Load(name("us-east")),
        Key::Shares,
        Key::Admin(name("us-east")),
        Key::Orders(0),
        Key::Monitors,
    ] {
        ams.link.put(key.clone(), vec![1]);
        let (refused, why) = ams.refused().await;
        assert_eq!(refused, key);
        assert!(why.starts_with("the login may not use"), "{why}");
    }
    // Nor can it ask the server to deliver what it wrote to another key: that takes a consumer.
    let login =
        ConnectOptions::with_user_and_password("ams".to_owned(), "secret of ams".to_owned());
    let beside = jetstream::new(login.connect(server.url()).await.unwrap());
    let stream = beside.get_stream("KV_meridian-live").await.unwrap();
    let deliver_subject = "$KV.meridian-kept.admin.us-east".to_owned();
    let consumer = push::Config { deliver_subject, ..push::Config::default() };
    assert!(stream.create_consumer(consumer).await.is_err());
    ns1.link.put(Key::Shares, vec![2]);
    assert_eq!(ns1.entry().await, pair("shares", [2]), "nothing else came");
}
