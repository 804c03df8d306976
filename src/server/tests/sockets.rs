//! UDP and TCP over loopback.
#![forbid(unsafe_code)]

use std::net::UdpSocket;

use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::server::Changes;
use crate::server::ServerError;
use crate::tasks::Stopped;

fn client(at: SocketAddr) -> UdpSocket {
    let any = if at.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(at).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2000];
    let length = socket.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

async fn connect(at: SocketAddr) -> TcpStream {
    TcpStream::connect(at).await.unwrap()
}

async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let message = async {
        let length = stream.read_u16().await.unwrap();
        let mut message = vec![0; usize::from(length)];
        stream.read_exact(&mut message).await.unwrap();
        message
    };
    timeout(PATIENCE, message).await.unwrap()
}

/// Whether the server closed the connection, by FIN or RST, without sending more.
async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(timeout(PATIENCE, stream.read(&mut [0; 10])).await, Ok(Ok(0) | Err(_)))
}

async fn is_served(stream: &mut TcpStream) {
    stream.write_all(&framed(&query(7, "still here"))).await.unwrap();
    assert_eq!(read(stream).await, answer(7, "still here"));
}

#[tokio::test]
async fn both_families_are_answered_by_both_transports() {
    let addresses = [address("127.0.0.1:0"), address("[::1]:0")];
    let listeners = Listeners::bind(&addresses, 2).unwrap();
    let bound: Vec<_> = listeners.addresses().collect();
    let (server, _tasks) = serve(listeners, Settings::default());
    for at in bound {
        // Several clients, so that each worker of the group gets some of them.
        for id in 0..20 {
            let socket = client(at);
            socket.send(&query(id, "x")).unwrap();
            assert_eq!(receive(&socket), answer(id, "x"));
        }
        is_served(&mut connect(at).await).await;
    }
    assert_eq!(server.stop(PATIENCE).await, Stopped::Clean);
    assert_eq!(server.counters().udp_send_failures.value(), 0);
}

#[tokio::test]
async fn a_wildcard_answers_from_the_address_that_was_asked() {
    let (server, _tasks, bound) = serve_at("0.0.0.0:0", Settings::default());
    for host in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let at = SocketAddr::new(host.parse().unwrap(), bound.port());
        // A connected socket takes nothing from another address.
        let socket = client(at);
        socket.send(&query(1, host)).unwrap();
        assert_eq!(receive(&socket), answer(1, host));
    }
    assert_eq!(server.stop(PATIENCE).await, Stopped::Clean);
}

#[tokio::test]
async fn what_the_responder_drops_is_not_answered() {
    let (_server, _tasks, at) = serve_at("127.0.0.1:0", Settings::default());
    let socket = client(at);
    socket.send(&answer(1, "a response")).unwrap();
    socket.send(b"").unwrap();
    socket.send(&query(2, "a query")).unwrap();
    assert_eq!(receive(&socket), answer(2, "a query"));
    let mut stream = connect(at).await;
    let both = [framed(&answer(1, "a response")), framed(&query(2, "a query"))].concat();
    stream.write_all(&both).await.unwrap();
    assert_eq!(read(&mut stream).await, answer(2, "a query"));
}

#[tokio::test]
async fn a_panic_costs_one_answer_by_udp_and_one_connection_by_tcp() {
    let (server, tasks, at) = serve_at("127.0.0.1:0", Settings::default());
    let socket = client(at);
    for round in 0..3 {
        socket.send(&query(round, "panic")).unwrap();
        socket.send(&query(round, "fine")).unwrap();
        assert_eq!(receive(&socket), answer(round, "fine"));
    }
    assert_eq!(server.counters().responder_panics.value(), 3);
    let mut bystander = connect(at).await;
    let mut stream = connect(at).await;
    stream.write_all(&framed(&query(1, "panic"))).await.unwrap();
    assert!(is_closed(&mut stream).await);
    is_served(&mut bystander).await;
    assert_eq!(server.counters().responder_panics.value(), 4);
    assert_eq!(tasks.panics(), 0);
}

#[tokio::test]
async fn stopping_ends_workers_and_connections() {
    // An address that no other test has, so that nobody takes the port meanwhile.
    let (server, tasks, at) = serve_at("127.77.0.1:0", Settings::default());
    let mut stream = connect(at).await;
    is_served(&mut stream).await;
    assert!(tasks.running() >= 4);
    assert_eq!(tasks.stop(PATIENCE).await, Stopped::Clean);
    assert!(is_closed(&mut stream).await);
    assert_eq!(tasks.running(), 0);
    drop(server);
    Listeners::bind(&[at], 1).unwrap();
}

#[tokio::test]
async fn half_a_connection_still_gets_its_answers() {
    let (_server, _tasks, at) = serve_at("127.0.0.1:0", Settings::default());
    let mut stream = connect(at).await;
    let queries: Vec<u8> = (0..50).flat_map(|id| framed(&query(id, "x"))).collect();
    stream.write_all(&queries).await.unwrap();
    stream.shutdown().await.unwrap();
    for id in 0..50 {
        assert_eq!(read(&mut stream).await, answer(id, "x"));
    }
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn the_longest_idle_connection_makes_room() {
    let settings = Settings { tcp_connections: 2, ..Settings::default() };
    let (server, _tasks, at) = serve_at("127.0.0.1:0", settings);
    let mut first = connect(at).await;
    is_served(&mut first).await;
    let mut second = connect(at).await;
    is_served(&mut second).await;
    let mut third = connect(at).await;
    is_served(&mut third).await;
    assert!(is_closed(&mut first).await);
    is_served(&mut second).await;
    assert_eq!(server.counters().tcp_evicted.value(), 1);
    assert_eq!(server.counters().tcp_accepted.value(), 3);
}

#[tokio::test]
async fn one_client_takes_the_room_of_no_other() {
    let settings = Settings { tcp_connections_per_client: 1, ..Settings::default() };
    let (_server, _tasks, at) = serve_at("0.0.0.0:0", settings);
    let at = SocketAddr::new("127.0.0.1".parse().unwrap(), at.port());
    let from = async |host: &str| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(host.parse().unwrap(), 0)).unwrap();
        socket.connect(at).await.unwrap()
    };
    let mut other = from("127.0.0.2").await;
    is_served(&mut other).await;
    let mut first = from("127.0.0.3").await;
    is_served(&mut first).await;
    let mut second = from("127.0.0.3").await;
    is_served(&mut second).await;
    assert!(is_closed(&mut first).await);
    is_served(&mut other).await;
}

#[tokio::test]
async fn addresses_come_and_go_and_the_others_stay() {
    let (mut server, _tasks, kept) = serve_at("127.0.0.1:0", Settings::default());
    let asked = address("127.0.0.1:0");
    let mut stream = connect(kept).await;
    let port = kept.port();
    let extra = SocketAddr::new("127.0.0.2".parse().unwrap(), port);

    let changes = server.relisten(&[asked, extra]).await.unwrap();
    assert_eq!(changes, Changes { added: vec![extra], ..Changes::default() });
    for at in [kept, extra] {
        let socket = client(at);
        socket.send(&query(1, "x")).unwrap();
        assert_eq!(receive(&socket), answer(1, "x"));
    }
    assert_eq!(server.relisten(&[asked, extra]).await.unwrap(), Changes::default());

    let changes = server.relisten(&[asked]).await.unwrap();
    assert_eq!(changes, Changes { removed: vec![extra], ..Changes::default() });
    assert!(TcpStream::connect(extra).await.is_err());
    is_served(&mut stream).await;
    // Closed for good: it can be bound again.
    drop(Listeners::bind(&[extra], 1).unwrap());

    let other = UdpSocket::bind(extra).unwrap();
    let error = server.relisten(&[extra]).await.unwrap_err();
    assert!(matches!(error, ServerError::Listen(_)), "{error}");
    drop(other);
    is_served(&mut stream).await;
    assert_eq!(server.listeners().addresses().collect::<Vec<_>>(), [kept]);
}

#[tokio::test]
async fn an_address_that_is_not_there_is_waited_for_and_forgotten_again() {
    let (mut server, _tasks, kept) = serve_at("127.0.0.1:0", Settings::default());
    let (asked, absent) = (address("127.0.0.1:0"), address("192.0.2.77:5300"));
    let changes = server.relisten(&[asked, absent]).await.unwrap();
    assert_eq!(changes, Changes { waiting: vec![absent], ..Changes::default() });
    assert!(server.retry().is_empty());
    assert_eq!(server.listeners().waiting()[0].address, absent);
    // It is not waited for twice.
    assert_eq!(server.relisten(&[asked, absent]).await.unwrap(), Changes::default());
    assert_eq!(server.relisten(&[asked]).await.unwrap(), Changes::default());
    assert!(server.listeners().waiting().is_empty());
    is_served(&mut connect(kept).await).await;
}

/// Queries in a row for long answers, none of which is read, from so many connections of a few
/// addresses; until the server has let some go.
async fn hold(at: SocketAddr, connections: u16) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for n in 0..connections {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        let [a, b] = (n / 100).to_be_bytes();
        socket.bind(SocketAddr::from(([127, 1, a, b], 0))).unwrap();
        let mut stream = socket.connect(at).await.unwrap();
        let queries: Vec<u8> = (0..20).flat_map(|id| framed(&query(id, "long"))).collect();
        stream.write_all(&queries).await.unwrap();
        held.push(stream);
    }
    held
}

#[tokio::test]
async fn who_reads_nothing_is_let_go_and_who_reads_is_served() {
    let (server, _tasks, at) = serve_at("0.0.0.0:0", Settings::default());
    let at = SocketAddr::new("127.0.0.1".parse().unwrap(), at.port());
    let mut honest = connect(at).await;
    is_served(&mut honest).await;
    let held = hold(at, 300).await;
    is_served(&mut honest).await;
    let mut stream = connect(at).await;
    for id in 0..20 {
        stream.write_all(&framed(&query(id, "long"))).await.unwrap();
        assert_eq!(read(&mut stream).await.len(), 60_000);
        is_served(&mut connect(at).await).await;
    }
    is_served(&mut honest).await;
    let counters = server.counters();
    // Each holds more than one answer, and no more than fit together may be left.
    let fit = 2 * crate::model::limits::TCP_BUFFERS / 60_000;
    assert!(counters.tcp_unread.value() >= 300 - fit as u64, "{}", counters.tcp_unread.value());
    assert_eq!(counters.tcp_evicted.value(), 0);
    assert_eq!(counters.tcp_refused.value(), 0);
    drop(held);
}
