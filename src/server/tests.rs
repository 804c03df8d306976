//! The transports over real sockets on loopback, and streams in virtual time.
//!
//! The responder is a stand-in that echoes the query with QR set, so that these tests say
//! something about the transports alone.
#![forbid(unsafe_code)]

mod handover;
mod sockets;
mod streams;

use std::net::IpAddr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::LazyLock;
use std::time::Duration;

use crate::config;
use crate::responder::Outcome;
use crate::responder::Transport;
use crate::responder::View;
use crate::server::Listeners;
use crate::server::Respond;
use crate::server::Server;
use crate::server::Settings;
use crate::snapshot::Publisher;
use crate::snapshot::Snapshot;
use crate::snapshot::Standing;
use crate::snapshot::Subscriber;
use crate::snapshot::World;
use crate::tasks::Tasks;

/// Long enough never to be the reason for success.
const PATIENCE: Duration = Duration::from_secs(20);

const ECHO: Respond = Respond(echo);

/// Echoes with QR set. Panics at `panic`, answers `long` with 60,000 octets.
fn echo(
    request: &[u8],
    _peer: IpAddr,
    _transport: Transport,
    _view: &mut View<'_>,
    reply: &mut [u8],
) -> Outcome {
    if request.len() < 12 || request[2] & 0x80 != 0 {
        return Outcome::Drop;
    }
    assert!(!request.ends_with(b"panic"), "asked to panic");
    reply[..request.len()].copy_from_slice(request);
    reply[2] |= 0x80;
    Outcome::Send(if request.ends_with(b"long") { 60_000 } else { request.len() })
}

/// A header with this id, then the text.
fn query(id: u16, text: &str) -> Vec<u8> {
    [&id.to_be_bytes()[..], &[0; 10], text.as_bytes()].concat()
}

/// What [`echo`] makes of it.
fn answer(id: u16, text: &str) -> Vec<u8> {
    let mut answer = query(id, text);
    answer[2] |= 0x80;
    answer
}

/// With its length in front.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes()[..], message].concat()
}

/// Of a world that the stand-in never looks at.
fn subscriber() -> Subscriber {
    static WORLD: LazyLock<Arc<World>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let zone = "@ 60 SOA ns.example. host.example. 1 2 3 4 5\n@ 60 NS ns.example.\n";
        std::fs::write(folder.path().join("z"), zone).unwrap();
        let text = "[zone.\"example.com\"]\nfile = \"z\"\n[region.r]\n[service.s]\n\
                    name = \"www.example.com\"\n[service.s.pool.r]\nendpoints = [\"192.0.2.1\"]\n\
                    [policy.p]\nrank = [\"priority\"]\n";
        let loaded = config::load_str(text, folder.path());
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        Arc::new(World::build(config).unwrap().0)
    });
    let standing = Arc::new(Standing::all_admitted(&WORLD));
    Publisher::new(Snapshot { world: Arc::clone(&WORLD), standing }).subscribe()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn serve(listeners: Listeners, settings: Settings) -> (Server, Tasks) {
    let tasks = Tasks::new();
    let server = Server::start_with(ECHO, listeners, subscriber(), settings, &tasks).unwrap();
    (server, tasks)
}

/// Listens on one address with any port; returns it as bound.
fn serve_at(text: &str, settings: Settings) -> (Server, Tasks, SocketAddr) {
    let listeners = Listeners::bind(&[address(text)], 2).unwrap();
    let at = listeners.addresses().next().unwrap();
    let (server, tasks) = serve(listeners, settings);
    (server, tasks, at)
}
