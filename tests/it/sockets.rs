//! A stage behind real sockets: UDP and TCP, IPv4 and IPv6, on ports of their own.

use std::io::Read;
use std::io::Write;
use std::net::IpAddr;
use std::net::SocketAddr;
use std::net::TcpStream;
use std::net::UdpSocket;
use std::time::Duration;

use meridian::model::RecordType;
use meridian::responder::Class;
use meridian::responder::Tally;
use meridian::responder::Transport;
use meridian::server::Listeners;
use meridian::server::Server;
use meridian::server::Settings;
use meridian::snapshot::Publisher;
use meridian::snapshot::Snapshot;
use meridian::tasks::Stopped;
use meridian::tasks::Tasks;
use tokio::runtime::Runtime;

use crate::asking::Ask;
use crate::world::example;

/// Long enough never to be the reason for success.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server. Dropping it stops it.
pub(crate) struct Running {
    /// IPv4, then IPv6.
    pub(crate) addresses: Vec<SocketAddr>,
    publisher: Publisher,
    server: Server,
    runtime: Runtime,
}

impl Running {
    /// Starts one.
    pub(crate) fn start(snapshot: Snapshot) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let asked = ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().unwrap());
        let listeners = Listeners::bind(&asked, 1).unwrap();
        let addresses = listeners.addresses().collect();
        let publisher = Publisher::new(snapshot);
        let server = {
            let _inside = runtime.enter();
            let subscriber = publisher.subscribe();
            Server::start(listeners, subscriber, Settings::default(), &Tasks::new()).unwrap()
        };
        Self { addresses, publisher, server, runtime }
    }

    /// What all its workers answered.
    fn answered(&self) -> Tally {
        self.server.tallies().sum()
    }

    /// Makes all sockets answer from another snapshot.
    pub(crate) fn publish(&mut self, snapshot: Snapshot) {
        self.publisher.publish(snapshot);
    }

    /// Asks one of the addresses, from an address of ours if that matters.
    pub(crate) fn ask(
        &self,
        transport: Transport,
        at: SocketAddr,
        from: Option<IpAddr>,
        query: &[u8],
    ) -> Vec<u8> {
        match transport {
            Transport::Udp => ask_udp(at, from, query),
            Transport::Tcp => ask_tcp(at, from, query),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let stopped = self.runtime.block_on(self.server.stop(PATIENCE));
        if !std::thread::panicking() {
            assert_eq!(stopped, Stopped::Clean);
        }
    }
}

fn ours(at: SocketAddr, from: Option<IpAddr>) -> SocketAddr {
    SocketAddr::new(from.unwrap_or_else(|| at.ip()), 0)
}

fn ask_udp(at: SocketAddr, from: Option<IpAddr>, query: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind(ours(at, from)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(at).unwrap();
    socket.send(query).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

fn ask_tcp(at: SocketAddr, from: Option<IpAddr>, query: &[u8]) -> Vec<u8> {
    let mut stream = connect(at, from);
    stream.write_all(&framed(query)).unwrap();
    receive(&mut stream)
}

/// Opens a connection, from an address of ours if that matters.
pub(crate) fn connect(at: SocketAddr, from: Option<IpAddr>) -> TcpStream {
    let domain = socket2::Domain::for_address(at);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
    socket.bind(&ours(at, from).into()).unwrap();
    socket.connect(&at.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// RFC 1035, 4.2.2: two octets of length, then the message.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes()[..], message].concat()
}

/// Reads one framed message.
pub(crate) fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

#[test]
fn every_answer_is_counted_where_others_see_it() {
    let running = Running::start(example().snapshot);
    let query = Ask::new("nobody.example.org", RecordType::A).octets();
    let mut asked = 0;
    for at in running.addresses.clone() {
        for transport in [Transport::Udp, Transport::Tcp, Transport::Udp] {
            running.ask(transport, at, None, &query);
            asked += 1;
            // It is counted before it is sent.
            let answered = running.answered();
            assert_eq!((answered.sum(), answered.of(Class::Refused)), (asked, asked));
        }
    }
}
