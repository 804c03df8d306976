//! Restarts under a service manager that keeps the sockets.
#![forbid(unsafe_code)]

use std::net::TcpListener;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::process::Stdio;

use super::*;
use crate::server::HandedOver;
use crate::server::Notify;
use crate::server::sys;
use crate::tasks::Stopped;

fn clients(n: usize, at: SocketAddr) -> Vec<UdpSocket> {
    let client = |_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(at).unwrap();
        socket
    };
    (0..n).map(client).collect()
}

fn ask(clients: &[UdpSocket]) {
    for (socket, id) in clients.iter().zip(0..) {
        socket.send(&query(id, "x")).unwrap();
    }
}

fn all_are_answered(clients: &[UdpSocket]) {
    for (socket, id) in clients.iter().zip(0..) {
        let mut buffer = [0; 100];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(buffer[..length], answer(id, "x"));
    }
}

#[tokio::test]
async fn no_query_is_lost_by_a_restart_while_the_sockets_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let notify = Notify::to(&path).unwrap();

    let (server, _tasks, at) = serve_at("127.0.0.1:0", Settings::default());
    notify.store(server.listeners());
    let mut kept: Vec<OwnedFd> = Vec::new();
    for _ in ["udp", "tcp"] {
        kept.extend(sys::receive_descriptors(&manager).unwrap().1);
    }
    assert_eq!(kept.len(), 3);
    // Many clients, so that the kernel queues on both sockets of the group.
    let before = clients(40, at);
    ask(&before);
    assert_eq!(server.stop(PATIENCE).await, Stopped::Clean);
    drop(server);

    let meanwhile = clients(40, at);
    ask(&meanwhile);

    // One worker asked for, two sockets kept: both must be read.
    let handed_over = HandedOver::new(kept);
    let listeners = Listeners::take_or_bind(&[at], 1, handed_over).unwrap();
    let (server, _tasks) = serve(listeners, Settings::default());
    let after = clients(40, at);
    ask(&after);
    for clients in [before, meanwhile, after] {
        all_are_answered(&clients);
    }
    assert_eq!(server.stop(PATIENCE).await, Stopped::Clean);
}

/// The environment's protocol with a real process: its sockets are 3 and 4, and a query
/// waits on one of them before the process exists.
#[test]
fn sockets_come_by_listen_fds() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = udp.local_addr().unwrap();
    let tcp = TcpListener::bind(at).unwrap();
    let early = clients(1, at);
    ask(&early);
    let mut child = Command::new("sh")
        .args(["-c", "export LISTEN_PID=$$; exec \"$0\" \"$@\" 3<&0 4<&1 0</dev/null 1>&2"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "server::tests::handover::child", "--ignored", "--nocapture"])
        .env("LISTEN_FDS", "2")
        .env("MERIDIAN_TEST_ADDRESS", at.to_string())
        .stdin(Stdio::from(OwnedFd::from(udp)))
        .stdout(Stdio::from(OwnedFd::from(tcp)))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    all_are_answered(&early);
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reply = vec![0; framed(&answer(1, "x")).len()];
    std::io::Write::write_all(&mut stream, &framed(&query(1, "x"))).unwrap();
    std::io::Read::read_exact(&mut stream, &mut reply).unwrap();
    assert_eq!(reply, framed(&answer(1, "x")));
    drop(stream);
    assert!(child.wait().unwrap().success());
}

/// Serves on what it was handed until its TCP client has gone.
#[tokio::test]
#[ignore = "the process that `sockets_come_by_listen_fds` starts"]
async fn child() {
    let at = address(&std::env::var("MERIDIAN_TEST_ADDRESS").unwrap());
    let handed_over = HandedOver::from_environment();
    assert!(!handed_over.is_empty());
    assert!(HandedOver::from_environment().is_empty());
    let listeners = Listeners::take_or_bind(&[at], 4, handed_over).unwrap();
    let (server, tasks) = serve(listeners, Settings::default());
    let idle = tasks.running();
    while server.counters().tcp_accepted.value() == 0 || tasks.running() > idle {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.stop(PATIENCE).await, Stopped::Clean);
}
