//! A request that follows redirects: the first hop at the target, the others where they lead.

use std::net::IpAddr;
use std::net::SocketAddr;

use crate::model::HttpProbe;
use crate::model::limits;
use crate::prober::connect::Stage;
use crate::prober::expect::Expected;
use crate::prober::failure::Fault;
use crate::prober::http;
use crate::prober::tls;
use crate::prober::tls::ClientTls;

/// Sends the request, follows, and judges the last answer.
pub(super) async fn probe(
    probe: &HttpProbe,
    expected: &Expected,
    client: Option<&ClientTls>,
    (address, port): (IpAddr, u16),
    (host, path): (&str, &str),
    stage: &Stage,
) -> Result<(), Fault> {
    let ours = |error: &dyn std::fmt::Display| Fault::Ours(format!("no such request: {error}"));
    let name = tls::host_of(host);
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .user_agent(http::AGENT)
        .redirect(reqwest::redirect::Policy::limited(usize::from(probe.redirects)))
        .resolve(name, SocketAddr::new(address, port));
    builder = match client {
        Some(tls) => builder.use_preconfigured_tls((*tls.config).clone()),
        None => builder.use_preconfigured_tls(plain()?),
    };
    let client_of = builder.build().map_err(|error| ours(&error))?;
    let scheme = if client.is_some() { "https" } else { "http" };
    let authority = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
    let method = reqwest::Method::from_bytes(probe.method.as_bytes()).map_err(|e| ours(&e))?;
    let mut request = client_of.request(method, format!("{scheme}://{authority}:{port}{path}"));
    for (name, value) in &probe.headers {
        request = request.header(name, value);
    }
    stage.begin("waiting for the answer");
    let mut response = request.send().await.map_err(|error| fault(&error, probe.redirects))?;
    expected.status(response.status().as_u16())?;
    if !expected.wants_body() {
        return Ok(());
    }
    stage.begin("reading the body");
    let mut body = Vec::new();
    while let Some(data) = response.chunk().await.map_err(|e| fault(&e, probe.redirects))? {
        let left = limits::PROBE_BODY - body.len();
        body.extend_from_slice(data.get(..left).unwrap_or(&data));
        if body.len() >= limits::PROBE_BODY {
            break;
        }
    }
    expected.body(&body)
}

/// TLS for a redirect that leads from clear text to TLS: as browsers verify it.
fn plain() -> Result<rustls::ClientConfig, Fault> {
    let options = crate::model::TlsOptions {
        server_name: None,
        verify: true,
        authorities: None,
        identity: None,
        expiry_warning: std::time::Duration::ZERO,
    };
    let tls = ClientTls::new(&options, b"").map_err(Fault::Ours)?;
    Ok((*tls.config).clone())
}

fn fault(error: &reqwest::Error, most: u8) -> Fault {
    if error.is_redirect() {
        return Fault::target(format!("more than {most} redirects"));
    }
    // The innermost cause is what happened; the others say where.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        if let Some(io) = source.downcast_ref::<std::io::Error>() {
            return Fault::of_socket("sending the request", io);
        }
        cause = source;
    }
    Fault::target(cause.to_string())
}
