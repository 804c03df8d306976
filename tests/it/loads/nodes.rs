//! The real binary, which reads the loads of real balancers and is told others.

use std::fs;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::net::UdpSocket;

use meridian::model::RecordType;

use crate::asking::Answer;
use crate::asking::Ask;
use crate::ground;
use crate::ground::Ground;
use crate::lab::patiently;
use crate::lab::until;
use crate::loads::Balancers;
use crate::loads::get;
use crate::loads::idlers;
use crate::loads::push;
use crate::program;
use crate::running::DEADLINE;
use crate::running::Node;
use crate::running::free_port;

const REGIONS: &str = r#"
[region.us]
capacity = 10
load-interval = "1s"
load = [
  { prometheus = { url = "http://127.0.0.1:{stats}/metrics", metric = "haproxy_frontend_current_sessions", labels = { proxy = "www" } } },
]
[region.eu]
capacity = 1000
limits = { soft = "70%" }
load = "push"
[service.www]
name = "www.test"
[service.www.pool.us]
endpoints = ["192.0.2.10"]
[service.www.pool.eu]
endpoints = ["192.0.2.11"]
"#;

/// The configuration of a node but for its regions.
fn head(port: u16, api: SocketAddr) -> String {
    format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n[control]\n\
         listen = \"{api}\"\n[state]\ndirectory = \"kept\"\n[zone.test]\nfile = \"test.zone\"\n"
    )
}

fn line(api: SocketAddr, series: &str) -> Option<f64> {
    let metrics = get(api, "/metrics");
    let rest = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    rest.map(|value| value.parse().unwrap())
}

fn load(api: SocketAddr, region: &str) -> Option<f64> {
    line(api, &format!("meridian_region_load{{region=\"{region}\"}}"))
}

fn is(found: Option<f64>, wanted: f64) -> bool {
    found.is_some_and(|found| (found - wanted).abs() < 1e-9)
}

#[test]
fn a_node_reads_loads_is_told_others_and_follows_its_file() {
    let Some(mut balancers) = Balancers::start() else { return };
    let port = free_port();
    let api = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let head = head(port, api);
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    let text = head.clone() + &balancers.sources(REGIONS);
    ground.write("meridian.toml", &text);
    let mut node = Node::start_in(ground, port);
    let clients = idlers(balancers.www(), 6);
    until("the load arrives", || is(load(api, "us"), 6.0));
    assert!(is(line(api, "meridian_region_capacity{region=\"us\"}"), 10.0));
    assert_eq!(load(api, "eu"), None, "nobody told it yet");
    let token = fs::read_to_string(node.ground.folder().join("kept/operator.token")).unwrap();
    let push = |body: &str| push(api, token.trim(), body);
    let told = push("{\"region\":\"eu\",\"load\":812.5}\n{\"region\":\"us\",\"load\":1}\n");
    assert!(told.contains("\"taken\": 1\n") && told.contains("\"not-pushed\""), "{told}");
    assert!(is(load(api, "eu"), 812.5));

    // The balancer dies, which is said, and comes back.
    balancers.haproxy = None;
    drop(clients);
    let said = node.wait_for("the load is not known");
    assert!(said.contains("region=us") && said.contains("/metrics: "), "{said}");
    let failed = "meridian_load_readings_total{region=\"us\",outcome=\"unreachable\"}";
    assert!(line(api, failed).is_some_and(|count| count >= 1.0));
    assert!(is(load(api, "us"), 6.0), "the last good one counts for a while");
    balancers.start_haproxy();
    node.wait_for("the load is known again");
    until("nobody is there", || is(load(api, "us"), 0.0));

    // Another file: one is read otherwise, the other no more.
    let text = text.replace("load = \"push\"\n", "").replace("limits", "#");
    let text = text.replace("capacity = 1000\n", "");
    let text = text.replace("proxy = \"www\"", "proxy = \"stats\"");
    node.ground.write("meridian.toml", &text);
    assert_eq!(program::run(node.ground.folder(), "reload").code, 0);
    // HAProxy counts whoever reads its statistics: the node itself.
    until("what is read is another", || is(load(api, "us"), 1.0));
    assert_eq!(line(api, "meridian_region_capacity{region=\"eu\"}"), None);
    assert!(push("{\"region\":\"eu\",\"load\":1}").contains("\"not-pushed\""));
    node.signal("TERM");
    assert_eq!(node.ended(), Some(0));
}

/// The part of so many resolvers that get the first region.
fn share_of_us(server: SocketAddr) -> f64 {
    let resolvers = 0..200_u8;
    let count = resolvers.len();
    let is_us = |n: u8| {
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 9, 9, n), 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.send(&Ask::new("www.test", RecordType::A).octets()).unwrap();
        let mut reply = [0; 512];
        let length = socket.recv(&mut reply).unwrap();
        let found = Answer::read(&reply[..length]).addresses();
        found.first().is_some_and(|address| address.to_string() == "192.0.2.10")
    };
    let us = resolvers.filter(|n| is_us(*n)).count();
    us as f64 / count as f64
}

#[test]
fn a_balancer_that_fills_up_sends_clients_elsewhere_and_takes_them_back() {
    let Some(balancers) = Balancers::start() else { return };
    let port = free_port();
    let api = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let head = head(port, api);
    let ground = Ground::new(&[("test.zone", ground::ZONE)]);
    let regions = REGIONS.replace("name = \"www.test\"", "name = \"www.test\"\nttl = \"2s\"");
    ground.write("meridian.toml", head + &balancers.sources(&regions));
    let node = Node::start_in(ground, port);
    let token = fs::read_to_string(node.ground.folder().join("kept/operator.token")).unwrap();
    assert_eq!(share_of_us(node.v4()), 1.0);
    // It can take ten, and has three times as many: they stay, so that all who come anew go on.
    let clients = idlers(balancers.www(), 30);
    let push = || push(api, token.trim(), "{\"region\":\"eu\",\"load\":5}");
    let status = || program::run(node.ground.folder(), "status").stdout;
    patiently("most go elsewhere", status, || {
        push();
        share_of_us(node.v4()) < 0.5
    });
    drop(clients);
    patiently("they come back", status, || {
        push();
        share_of_us(node.v4()) == 1.0
    });
}
