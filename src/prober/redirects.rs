//! Redirects: followed by hand, so that no target can send a probe anywhere else.
//!
//! A probe asks one endpoint. Whatever a `Location` says, the next request goes to the address
//! of that endpoint, and only if the authority there is the endpoint's own or the Host that was
//! presented: anything else might be a service that trusts this machine (loopback, a cloud's
//! metadata), and would say nothing of the endpoint anyway. Nor does it leave TLS, for a header
//! of the probe may be a secret.

use reqwest::Method;
use reqwest::Url;

use crate::prober::failure::Fault;
use crate::prober::tls;

/// Where a redirect may lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint<'a> {
    /// The endpoint as it is configured, without a port.
    pub(super) host: &'a str,
    /// What is presented as Host, perhaps with a port.
    pub(super) authority: &'a str,
    /// The port of the first request.
    pub(super) port: u16,
    /// Whether the first request goes over TLS.
    pub(super) is_secure: bool,
}

/// One request of several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Hop {
    /// Where it goes and what it asks for.
    pub(super) url: Url,
    /// The port of the endpoint that is connected to.
    pub(super) port: u16,
    /// How.
    pub(super) method: Method,
}

/// Where an answer sends the client on to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Moved {
    /// The status.
    pub(super) status: u16,
    /// The `Location`.
    pub(super) location: Vec<u8>,
}

/// Whether a status is of those that send on (RFC 9110, 15.4).
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

impl Endpoint<'_> {
    /// The first request.
    pub(super) fn first(&self, method: &str, path: &str) -> Result<Hop, Fault> {
        let ours = |error: &dyn std::fmt::Display| Fault::Ours(format!("no such request: {error}"));
        let scheme = if self.is_secure { "https" } else { "http" };
        let url = Url::parse(&format!("{scheme}://{}{path}", self.authority));
        let url = url.map_err(|error| ours(&error))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|error| ours(&error))?;
        Ok(Hop { url, port: self.port, method })
    }

    /// The request that an answer leads to.
    pub(super) fn next(&self, hop: &Hop, moved: &Moved) -> Result<Hop, Fault> {
        let text = String::from_utf8_lossy(&moved.location);
        let url = hop.url.join(&text);
        let url =
            url.map_err(|_| Fault::target(format!("a redirect to {text:?}, which is no URL")))?;
        let elsewhere = |why: &str| Err(Fault::target(format!("a redirect to {url}, {why}")));
        match (url.scheme(), hop.url.scheme()) {
            ("http", "https") => return elsewhere("which would leave TLS"),
            ("http" | "https", _) => {}
            _ => return elsewhere("which is not HTTP"),
        }
        let host = tls::host_of(url.host_str().unwrap_or_default());
        let is_own = |own: &str| own.trim_end_matches('.').eq_ignore_ascii_case(host);
        if !is_own(tls::host_of(self.authority)) && !is_own(self.host) {
            return elsewhere("which is not the endpoint");
        }
        // The authority of the request before is where that went, whatever its port is: the
        // Host that is presented need not have it.
        let is_same = url.host() == hop.url.host()
            && url.scheme() == hop.url.scheme()
            && url.port() == hop.url.port();
        let port = match url.port() {
            _ if is_same => hop.port,
            Some(port) if port != self.port => return elsewhere("which is another port"),
            Some(port) => port,
            None => url.port_or_known_default().unwrap_or(self.port),
        };
        Ok(Hop { method: method(&hop.method, moved.status), url, port })
    }
}

/// The method after a redirect (RFC 9110, 15.4).
fn method(before: &Method, status: u16) -> Method {
    match (status, before) {
        (303, &Method::HEAD) => Method::HEAD,
        (303, _) | (301 | 302, &Method::POST) => Method::GET,
        _ => before.clone(),
    }
}

impl Hop {
    /// The Host header of it.
    pub(super) fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Path and query.
    pub(super) fn path(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", self.url.path())
    }

    /// Whether it goes over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: Endpoint<'static> =
        Endpoint { host: "192.0.2.1", authority: "www.example.com", port: 8080, is_secure: false };

    fn led(location: &str) -> Result<String, String> {
        let hop = WEB.first("GET", "/a/b?c").unwrap();
        let moved = Moved { status: 302, location: location.into() };
        match WEB.next(&hop, &moved) {
            Ok(next) => Ok(format!("{} at {}", next.url, next.port)),
            Err(fault) => Err(fault.text().to_owned()),
        }
    }

    #[test]
    fn a_redirect_stays_at_the_endpoint() {
        for (location, expected) in [
            ("/x", "http://www.example.com/x at 8080"),
            ("x?y", "http://www.example.com/a/x?y at 8080"),
            ("http://WWW.example.com/x", "http://www.example.com/x at 8080"),
            ("//www.example.com/x", "http://www.example.com/x at 8080"),
            ("https://www.example.com/x", "https://www.example.com/x at 443"),
            ("http://192.0.2.1:8080/x", "http://192.0.2.1:8080/x at 8080"),
            ("http://192.0.2.1/x", "http://192.0.2.1/x at 80"),
        ] {
            assert_eq!(led(location).as_deref(), Ok(expected), "{location}");
        }
        for (location, why) in [
            ("http://169.254.169.254/latest/", "which is not the endpoint"),
            ("http://127.0.0.1:8080/", "which is not the endpoint"),
            ("http://[::1]/", "which is not the endpoint"),
            ("http://www.example.com.evil.example/", "which is not the endpoint"),
            ("http://www.example.com@evil.example/", "which is not the endpoint"),
            ("http://192.0.2.1:22/", "which is another port"),
            ("file:///etc/passwd", "which is not HTTP"),
            ("http://[", "which is no URL"),
        ] {
            let found = led(location).unwrap_err();
            assert!(found.ends_with(why), "{location}: {found}");
        }
    }

    #[test]
    fn tls_is_not_left_and_the_method_is_kept_where_it_must_be() {
        let endpoint = Endpoint { port: 443, is_secure: true, ..WEB };
        let hop = endpoint.first("POST", "/").unwrap();
        let moved = |status, location: &str| {
            endpoint.next(&hop, &Moved { status, location: location.into() })
        };
        assert!(moved(302, "http://www.example.com/").is_err());
        for (status, expected) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST")] {
            assert_eq!(moved(status, "/x").unwrap().method.as_str(), expected);
        }
    }
}
