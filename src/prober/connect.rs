//! Finding the address of a target and connecting to it.

use std::cell::Cell;
use std::net::IpAddr;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::model::ProbeHost;
use crate::prober::failure::Fault;

/// What a probe is doing, for the words of a timeout.
#[derive(Debug, Default)]
pub(super) struct Stage(Cell<&'static str>);

impl Stage {
    /// Begins something.
    pub(super) fn begin(&self, doing: &'static str) {
        self.0.set(doing);
    }

    /// What was begun last.
    pub(super) fn doing(&self) -> &'static str {
        self.0.get()
    }
}

/// The addresses of a host; a name is asked for anew each time.
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

/// The first address of a host.
pub(super) async fn address(host: &ProbeHost, stage: &Stage) -> Result<IpAddr, Fault> {
    let first = addresses(host, stage).await?.into_iter().next();
    first.ok_or_else(|| Fault::target(format!("no address of {host}")))
}

/// A new connection: to the first address that takes one, in the order of the system.
pub(super) async fn connect(
    host: &ProbeHost,
    port: u16,
    stage: &Stage,
) -> Result<TcpStream, Fault> {
    let addresses = addresses(host, stage).await?;
    stage.begin("connecting");
    let mut fault = Fault::target(format!("no address of {host}"));
    for address in addresses {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => {
                // Small messages, each at once; a failure to say so only makes it slower.
                stream.set_nodelay(true).ok();
                return Ok(stream);
            }
            Err(error) => fault = Fault::of_socket("connecting", &error),
        }
    }
    Err(fault)
}
