//! From the response that makes an endpoint down to the answer that has another one.

use std::net::Ipv4Addr;
use std::net::UdpSocket;
use std::time::Duration;
use std::time::Instant;

use crate::Failure;
use crate::node;
use crate::node::Node;
use crate::node::Settings;
use crate::now;
use crate::website::Website;

/// Services that are watched; as many flips are measured.
const WATCHED: usize = 20;

/// One service whose endpoint dies.
struct Watched {
    query: Vec<u8>,
    address: Ipv4Addr,
    moved: Option<Instant>,
}

/// Has some endpoints fail and waits for the answers; returns a sentence.
///
/// # Errors
///
/// If the node does not run, or answers never move.
pub(crate) fn measure(settings: &Settings) -> Result<String, Failure> {
    let website = Website::start(settings.scheme)?;
    let node = Node::start(settings, &website)?;
    let all = u64::try_from(settings.endpoints)?;
    node::until("every endpoint was probed", || Ok(website.visits() >= all))?;
    let services = settings.endpoints / settings.pools;
    let step = (services / WATCHED).max(1);
    let mut watched: Vec<Watched> = (0..services)
        .step_by(step)
        .take(WATCHED)
        .map(|number| Watched { query: query(number), address: node::address(number), moved: None })
        .collect();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect((Ipv4Addr::LOCALHOST, node.port))?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    node::until("every endpoint is answered", || {
        let mut all_are = true;
        for one in &watched {
            all_are &= ask(&socket, &one.query)? == one.address;
        }
        Ok(all_are)
    })?;
    website.take_down(watched.iter().map(|one| one.address));
    // Without a pause: what is measured is less than any.
    let begun = now();
    while watched.iter().any(|one| one.moved.is_none()) {
        for one in watched.iter_mut().filter(|one| one.moved.is_none()) {
            if ask(&socket, &one.query)? == node::SHARED {
                one.moved = Some(now());
            }
        }
        if begun.elapsed() > Duration::from_secs(4 * settings.interval + 30) {
            return Err("answers do not move; does this version run monitors?".into());
        }
    }
    let took =
        |one: &Watched| Some(one.moved?.saturating_duration_since(website.refused(one.address)?));
    let mut took: Vec<Duration> = watched.iter().filter_map(took).collect();
    took.sort_unstable();
    let at = |place: usize| took.get(place).copied().unwrap_or_default();
    Ok(format!(
        "{} flips with {services} services, from the response to the new answer: median {:.1?}, \
         longest {:.1?}",
        took.len(),
        at(took.len() / 2),
        at(took.len().saturating_sub(1)),
    ))
}

/// The address that is answered.
fn ask(socket: &UdpSocket, query: &[u8]) -> Result<Ipv4Addr, Failure> {
    socket.send(query)?;
    let mut reply = [0; 512];
    let length = socket.recv(&mut reply)?;
    // One A record and no EDNS: its data are the last four octets.
    let reply = reply.get(..length).unwrap_or_default();
    let octets: &[u8; 4] = reply.last_chunk().ok_or("too short an answer")?;
    Ok(Ipv4Addr::from(*octets))
}

/// A query for the A records of a service, without EDNS (RFC 1035, 4.1).
fn query(service: usize) -> Vec<u8> {
    let mut query = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let first = format!("s{service}");
    for label in [first.as_str(), "bench", "test"] {
        query.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    query
}
