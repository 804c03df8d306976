//! Nodes that share through real NATS servers, of which some end or fall silent.

use std::time::Duration;

use async_nats::jetstream;
use futures_util::future::join_all;
use meridian::cluster::Entry;
use meridian::cluster::Key;
use meridian::cluster::Link;
use meridian::cluster::News;
use meridian::cluster::NewsQueue;
use meridian::config::Cluster;
use meridian::tasks::Tasks;
use tokio::time::Instant;
use tokio::time::timeout;

use crate::nats_server;
use crate::nats_server::NatsServer;

/// Elections of servers take up to twenty seconds, and this machine may do other things too.
const DEADLINE: Duration = Duration::from_secs(90);

/// For what takes five seconds on a machine that does nothing else.
const PATIENCE: Duration = Duration::from_secs(15);

/// One node's link, and what it knows by it.
struct Node {
    link: Link,
    news: NewsQueue,
    tasks: Tasks,
    lost: usize,
}

impl Node {
    fn start(servers: &[NatsServer], replicas: u8) -> Self {
        let servers = servers.iter().map(NatsServer::url).collect();
        let cluster = Cluster { servers, replicas, ..Cluster::default() };
        let tasks = Tasks::new();
        let (link, news) = Link::start(&cluster, &tasks).unwrap();
        Self { link, news, tasks, lost: 0 }
    }

    /// The next news.
    async fn next(&mut self) -> News {
        timeout(DEADLINE, self.news.recv()).await.expect("news in time").expect("a link")
    }

    /// Waits until it has contact.
    async fn joined(&mut self) {
        while !matches!(self.next().await, News::Read { joined: true, .. }) {}
    }

    /// Waits until the contact ends; returns why.
    async fn ended(&mut self) -> String {
        loop {
            if let News::Lost { why } = self.next().await {
                return why;
            }
        }
    }

    fn put(&self, name: &str, value: u64) {
        self.link.put(Key::Opinions(name.to_owned()), value.to_be_bytes().to_vec());
    }

    /// Waits until it knows this value.
    async fn knows(&mut self, name: &str, value: u64) {
        let is_it = |entry: &Entry| {
            entry.key == Key::Opinions(name.to_owned())
                && entry.value.as_ref() == value.to_be_bytes()
        };
        loop {
            match self.next().await {
                News::Entry(entry) if is_it(&entry) => return,
                News::Read { entries, .. } if entries.iter().any(is_it) => return,
                News::Lost { .. } => self.lost += 1,
                News::Entry(_) | News::Read { .. } => {}
                News::Refused { why, .. } => panic!("{why}"),
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.cancel();
    }
}

/// Waits until each node knows this value. At once: a node that takes no news is not kept in
/// step.
async fn all_know(nodes: &mut [Node], value: u64) {
    join_all(nodes.iter_mut().map(|node| node.knows("fra", value))).await;
}

/// Three servers that keep each value together.
fn three() -> Vec<NatsServer> {
    let ports: Vec<u16> = (0..6).map(|_| nats_server::free_port()).collect();
    let (clients, routes) = ports.split_at(3);
    let all: Vec<String> = routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    let mut servers = Vec::new();
    for (n, (port, route)) in clients.iter().zip(routes).enumerate() {
        let mut server = NatsServer::prepare(
            *port,
            &format!(
                "server_name: n{n}\ncluster {{ name: c, listen: \"127.0.0.1:{route}\", \
                 routes: [{}] }}",
                all.join(", ")
            ),
        );
        server.resume();
        servers.push(server);
    }
    servers
}

/// The number of the server that leads this bucket.
async fn leader(servers: &[NatsServer], bucket: &str) -> usize {
    let client = async_nats::connect(servers[0].url()).await.unwrap();
    let mut stream = jetstream::new(client).get_stream(format!("KV_{bucket}")).await.unwrap();
    let leader = stream.info().await.unwrap().cluster.as_ref().unwrap().leader.clone().unwrap();
    leader.trim_start_matches('n').parse().unwrap()
}

#[tokio::test]
async fn one_of_three_servers_ends_and_nothing_is_lost() {
    let mut servers = three();
    let mut nodes = [Node::start(&servers, 3), Node::start(&servers, 3), Node::start(&servers, 3)];
    join_all(nodes.iter_mut().map(Node::joined)).await;
    nodes[0].put("fra", 1);
    all_know(&mut nodes, 1).await;
    nodes.iter_mut().for_each(|node| node.lost = 0);
    let leader = leader(&servers, "meridian-live").await;
    let before = Instant::now();
    servers[leader].kill();
    // Each says something new until all of it has come: also what was put while nobody led.
    for value in 2..6 {
        nodes[usize::try_from(value % 3).unwrap()].put("fra", value);
        all_know(&mut nodes, value).await;
        println!("value {value} is known to all {:?} after the end", before.elapsed());
    }
    println!("contacts that ended: {:?}", nodes.each_ref().map(|node| node.lost));
    // It comes back, and what it missed comes to it.
    servers[leader].resume();
    servers[leader].wait_until_it_listens();
    let mut late = Node::start(&servers[leader..=leader], 3);
    late.joined().await;
    late.put("fra", 6);
    all_know(&mut nodes, 6).await;
    println!("all are one again {:?} after the end", before.elapsed());
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up_and_found_again() {
    let servers = [NatsServer::start("")];
    let mut node = Node::start(&servers, 1);
    node.joined().await;
    let before = Instant::now();
    // Its connections stay, and nothing comes over them: as if the network dropped all.
    servers[0].signal("STOP");
    let why = node.ended().await;
    println!("given up after {:?}: {why}", before.elapsed());
    assert!(before.elapsed() < PATIENCE, "{:?}", before.elapsed());
    node.put("fra", 1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    servers[0].signal("CONT");
    let before = Instant::now();
    node.joined().await;
    println!("found again after {:?}", before.elapsed());
    assert!(before.elapsed() < PATIENCE, "{:?}", before.elapsed());
    node.knows("fra", 1).await;
}
