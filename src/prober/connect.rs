//! Finding the addresses of a target, and connecting to them if that is allowed.

use std::cell::Cell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::model::ProbeHost;
use crate::prober::allowed::Allowed;
use crate::prober::failure::Fault;

/// What a probe is doing, for the words of a timeout, and what it came to if that is known before
/// it ends.
#[derive(Debug, Default)]
pub(super) struct Stage {
    doing: Cell<&'static str>,
    decided: RefCell<Option<(Result<(), Fault>, Instant)>>,
}

impl Stage {
    /// Begins something.
    pub(super) fn begin(&self, doing: &'static str) {
        self.doing.set(doing);
    }

    /// What was begun last.
    pub(super) fn doing(&self) -> &'static str {
        self.doing.get()
    }

    /// The result is this, now: what the probe does from here on only ends it in order.
    pub(super) fn decide(&self, result: Result<(), Fault>) {
        self.decided.replace(Some((result, Instant::now())));
    }

    /// The result and its time, if it was known before the end.
    pub(super) fn decided(&self) -> Option<(Result<(), Fault>, Instant)> {
        self.decided.take()
    }
}

/// The addresses that a host has now, all of which may be probed. Every probe gets its sockets'
/// addresses from here and asks only once, so that no second look-up can say another.
#[derive(Clone, Debug)]
pub(super) struct Found {
    first: IpAddr,
    others: Vec<IpAddr>,
}

/// The addresses of a host; a name is asked for anew for each probe. One that may not be probed
/// spoils them all: which of them would be used is up to the system, or the target.
pub(super) async fn find(
    host: &ProbeHost,
    allowed: &Allowed,
    stage: &Stage,
) -> Result<Found, Fault> {
    allowed.target(host).map_err(Fault::Ours)?;
    let addresses = addresses(host, stage).await?;
    for address in &addresses {
        allowed.address(host, *address).map_err(Fault::Ours)?;
    }
    let mut addresses = addresses.into_iter();
    let first = addresses.next();
    let first = first.ok_or_else(|| Fault::target(format!("no address of {host}")))?;
    Ok(Found { first, others: addresses.collect() })
}

async fn addresses(host: &ProbeHost, stage: &Stage) -> Result<Vec<IpAddr>, Fault> {
    let name = match host {
        ProbeHost::Address(address) => return Ok(vec![*address]),
        ProbeHost::Name(name) => name,
    };
    stage.begin("looking up its name");
    let found = tokio::net::lookup_host((name.as_str(), 0)).await;
    let found = found.map_err(|error| Fault::target(format!("no address of {name}: {error}")))?;
    Ok(found.map(|socket| socket.ip()).collect())
}

impl Found {
    /// An address that nobody looked up.
    pub(super) const fn of(address: IpAddr) -> Self {
        Self { first: address, others: Vec::new() }
    }

    /// The first of them.
    pub(super) const fn first(&self) -> IpAddr {
        self.first
    }

    /// The first of them alone.
    pub(super) fn alone(self) -> Self {
        Self { first: self.first, others: Vec::new() }
    }

    /// A new connection: to the first address that takes one, in the order of the system.
    pub(super) async fn connect(&self, port: u16, stage: &Stage) -> Result<TcpStream, Fault> {
        stage.begin("connecting");
        let mut last = None;
        for address in std::iter::once(&self.first).chain(&self.others) {
            match TcpStream::connect(SocketAddr::new(*address, port)).await {
                Ok(stream) => {
                    // Small messages, each at once; a failure to say so only makes it slower.
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Err(error) => last = Some(Fault::of_socket("connecting", &error)),
            }
        }
        Err(last.unwrap_or_else(|| Fault::target("no address")))
    }
}
