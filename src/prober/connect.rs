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

/// The address of a host; a name is asked for anew each time.
pub(super) async fn address(host: &ProbeHost, stage: &Stage) -> Result<IpAddr, Fault> {
    let name = match host {
        ProbeHost::Address(address) => return Ok(*address),
        ProbeHost::Name(name) => name,
    };
    stage.begin("looking up its name");
    let found = tokio::net::lookup_host((name.as_str(), 0)).await;
    let mut found =
        found.map_err(|error| Fault::target(format!("no address of {name}: {error}")))?;
    let first = found.next().map(|socket| socket.ip());
    first.ok_or_else(|| Fault::target(format!("no address of {name}")))
}

/// A new connection.
pub(super) async fn connect(
    host: &ProbeHost,
    port: u16,
    stage: &Stage,
) -> Result<TcpStream, Fault> {
    let address = SocketAddr::new(address(host, stage).await?, port);
    stage.begin("connecting");
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| Fault::of_socket("connecting", &error))?;
    // Small messages, each at once; a failure to say so only makes it slower.
    stream.set_nodelay(true).ok();
    Ok(stream)
}
