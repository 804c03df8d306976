//! A monitor ready to probe: what can be made beforehand is.

use std::net::IpAddr;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpStream;

use crate::health::Check;
use crate::model::HttpProbe;
use crate::model::Monitor;
use crate::model::Probe;
use crate::model::ProbeHost;
use crate::model::TlsOptions;
use crate::prober::allowed::Allowed;
use crate::prober::connect;
use crate::prober::connect::Found;
use crate::prober::connect::Lookup;
use crate::prober::connect::Stage;
use crate::prober::dns;
use crate::prober::exec;
use crate::prober::expect::Expected;
use crate::prober::failure::Fault;
use crate::prober::grpc;
use crate::prober::http;
use crate::prober::http::Ask;
use crate::prober::icmp;
use crate::prober::names::Names;
use crate::prober::records::Wanted;
use crate::prober::redirects::Endpoint;
use crate::prober::redirects::Hop;
use crate::prober::redirects::Moved;
use crate::prober::tcp;
use crate::prober::tls;
use crate::prober::tls::ClientTls;

/// A monitor, its TLS and its patterns.
#[derive(Debug)]
pub(super) struct Compiled {
    /// As configured.
    pub(super) monitor: Monitor,
    tls: Option<ClientTls>,
    expected: Option<Expected>,
    wanted: Option<Wanted>,
    /// Why it can't probe at all, which is ours to mend.
    broken: Option<String>,
    /// Where it may go.
    allowed: Arc<Allowed>,
}

impl Compiled {
    /// Makes ready; reads the files of TLS.
    pub(super) fn new(monitor: &Monitor, allowed: &Arc<Allowed>) -> Self {
        let defaults = defaults();
        let (options, protocol): (_, &[u8]) = match &monitor.probe {
            Probe::Http(probe) => {
                let of_redirects = (probe.redirects > 0).then_some(&defaults);
                (probe.tls.as_ref().or(of_redirects), b"http/1.1")
            }
            Probe::Grpc(probe) => (probe.tls.as_ref(), b"h2"),
            Probe::Tls(probe) => (Some(&probe.tls), b""),
            Probe::Dns(_) | Probe::Exec(_) | Probe::Icmp | Probe::Push | Probe::Tcp(_) => {
                (None, b"")
            }
        };
        let tls = options.map(|options| ClientTls::new(options, protocol)).transpose();
        let (tls, mut broken) = match tls {
            Ok(tls) => (tls, None),
            Err(why) => (None, Some(why)),
        };
        let mut expected = None;
        if let Probe::Http(probe) = &monitor.probe {
            expected = Expected::new(probe);
            if expected.is_none() {
                broken = Some("the regular expression is none".to_owned());
            }
        }
        let mut wanted = None;
        if let Probe::Dns(probe) = &monitor.probe {
            match Wanted::new(probe) {
                Ok(found) => wanted = Some(found),
                Err(why) => broken = Some(why),
            }
        }
        let allowed = Arc::clone(allowed);
        Self { monitor: monitor.clone(), tls, expected, wanted, broken, allowed }
    }

    /// Whether it runs a program.
    pub(super) fn is_exec(&self) -> bool {
        matches!(self.monitor.probe, Probe::Exec(_))
    }

    /// Whether it waits to be told.
    pub(super) fn is_push(&self) -> bool {
        matches!(self.monitor.probe, Probe::Push)
    }

    /// From start to start.
    pub(super) fn interval(&self) -> Duration {
        self.monitor.interval
    }

    /// One probe, whatever its timeout; says when a certificate ends that it saw.
    pub(super) async fn probe(
        self: Arc<Self>,
        check: Arc<Check>,
        names: &Names,
        stage: &Stage,
        ends: &mut Option<Timestamp>,
    ) -> Result<(), Fault> {
        if let Some(why) = &self.broken {
            return Err(Fault::Ours(why.clone()));
        }
        match &self.monitor.probe {
            Probe::Push => return Ok(()),
            Probe::Exec(probe) => {
                let address = check.at.host.to_string();
                let environment = [
                    ("MERIDIAN_ADDRESS", &*address),
                    ("MERIDIAN_SERVICE", check.name.as_deref().unwrap_or_default()),
                    ("MERIDIAN_MONITOR", &*self.monitor.name),
                ];
                return exec::probe(probe, environment, stage).await;
            }
            Probe::Dns(_)
            | Probe::Grpc(_)
            | Probe::Http(_)
            | Probe::Icmp
            | Probe::Tcp(_)
            | Probe::Tls(_) => {}
        }
        let Monitor { timeout, hold_unable: keep, .. } = self.monitor;
        let lookup = Lookup { allowed: &self.allowed, names, timeout, keep };
        let found = connect::find(&check.at.host, lookup, stage).await?;
        self.at(found, &check, stage, ends).await
    }

    /// One probe of these addresses.
    async fn at(
        &self,
        found: Found,
        check: &Check,
        stage: &Stage,
        ends: &mut Option<Timestamp>,
    ) -> Result<(), Fault> {
        let port = check.at.port.or_else(|| self.monitor.probe.port()).unwrap_or_default();
        match &self.monitor.probe {
            Probe::Http(_) => self.http(found, (check, port), stage, ends).await,
            Probe::Tcp(probe) => tcp::probe(probe, &found, port, stage).await,
            Probe::Tls(_) => {
                let stream = found.connect(port, stage).await?;
                let Some(client) = &self.tls else { return Ok(()) };
                let name = check.name.clone().unwrap_or_else(|| check.at.host.to_string());
                let (mut stream, until) = client.handshake(stream, &name, stage).await?;
                *ends = until;
                stage.decide(Ok(()));
                tls::farewell(&mut stream).await;
                Ok(())
            }
            Probe::Icmp => icmp::probe(&found, stage).await,
            Probe::Dns(probe) => {
                let Some(wanted) = &self.wanted else { return Ok(()) };
                dns::probe((probe, wanted), &found, port, stage).await
            }
            Probe::Grpc(probe) => {
                let authority = presented(probe.host.as_deref(), check, port);
                let stream = found.connect(port, stage).await?;
                let Some(tls) = &self.tls else {
                    let to = ("http", &*authority);
                    return grpc::exchange(stream, &probe.service, to, stage).await;
                };
                let (stream, until) = tls.handshake(stream, &authority, stage).await?;
                *ends = until;
                grpc::exchange(stream, &probe.service, ("https", &authority), stage).await
            }
            // They know no addresses.
            Probe::Exec(_) | Probe::Push => Ok(()),
        }
    }

    async fn http(
        &self,
        found: Found,
        (check, port): (&Check, u16),
        stage: &Stage,
        ends: &mut Option<Timestamp>,
    ) -> Result<(), Fault> {
        let (Probe::Http(probe), Some(expected)) = (&self.monitor.probe, &self.expected) else {
            return Ok(());
        };
        let authority = presented(probe.host.as_deref(), check, port);
        let path = check.at.path.as_deref().unwrap_or(&probe.path);
        if probe.redirects > 0 {
            let host = check.at.host.to_string();
            let is_secure = probe.tls.is_some();
            let endpoint = Endpoint { host: &host, authority: &authority, port, is_secure };
            let hop = endpoint.first(&probe.method, path)?;
            return self.follow(probe, expected, (endpoint, found, hop), stage, ends).await;
        }
        let stream = found.connect(port, stage).await?;
        let ask = Ask { method: &probe.method, host: &authority, path, follows: false };
        let tls = probe.tls.as_ref().and(self.tls.as_ref());
        exchange(stream, tls, (probe, expected, ask), stage, ends).await.map(drop)
    }

    /// A request and those that it leads to, all at the address that took the first.
    async fn follow(
        &self,
        probe: &HttpProbe,
        expected: &Expected,
        (endpoint, mut found, mut hop): (Endpoint<'_>, Found, Hop),
        stage: &Stage,
        ends: &mut Option<Timestamp>,
    ) -> Result<(), Fault> {
        for _ in 0..=probe.redirects {
            let (host, path) = (hop.authority(), hop.path());
            let ask = Ask { method: hop.method.as_str(), host: &host, path: &path, follows: true };
            let tls = self.tls.as_ref().filter(|_| hop.is_secure());
            let (stream, address) = found.connect_to(hop.port, stage).await?;
            found = Found::of(address);
            let answer = exchange(stream, tls, (probe, expected, ask), stage, ends).await?;
            let Some(moved) = answer else { return Ok(()) };
            hop = endpoint.next(&hop, &moved)?;
        }
        Err(Fault::target(format!("more than {} redirects", probe.redirects)))
    }
}

/// One request and its answer; notes when a certificate ends, the first to end if there are
/// several.
async fn exchange(
    stream: TcpStream,
    tls: Option<&ClientTls>,
    (probe, expected, ask): (&HttpProbe, &Expected, Ask<'_>),
    stage: &Stage,
    ends: &mut Option<Timestamp>,
) -> Result<Option<Moved>, Fault> {
    let Some(tls) = tls else {
        return http::exchange(stream, probe, expected, ask, stage).await;
    };
    let (stream, until) = tls.handshake(stream, ask.host, stage).await?;
    *ends = ends.iter().copied().chain(until).min();
    http::exchange(stream, probe, expected, ask, stage).await
}

/// TLS for redirects that lead to it from clear text: with what holds if nothing is said.
fn defaults() -> TlsOptions {
    TlsOptions {
        server_name: None,
        verify: true,
        authorities: None,
        identity: None,
        expiry_warning: Duration::ZERO,
    }
}

/// The name that is presented: the monitor's, the service's, or that of the place itself.
fn presented(of_monitor: Option<&str>, check: &Check, port: u16) -> String {
    if let Some(name) = of_monitor.or(check.name.as_deref()) {
        // RFC 3986, 3.2.2: an IPv6 address stands in brackets.
        let address = name.parse::<Ipv6Addr>();
        return address.map_or_else(|_| name.to_owned(), |address| format!("[{address}]"));
    }
    match &check.at.host {
        ProbeHost::Address(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        host @ (ProbeHost::Address(_) | ProbeHost::Name(_)) => format!("{host}:{port}"),
    }
}
