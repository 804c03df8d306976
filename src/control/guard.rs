//! Who may ask for what.
//!
//! A browser on an operator's machine is on loopback too, and runs the scripts of any web
//! site. Changes need a header that no other site can send; reads without a token need a Host
//! that is an address or `localhost`, so that a name which was pointed at 127.0.0.1 reads
//! nothing. What is for anybody's browser passes; it is there only if it is configured.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::header::HOST;

use crate::config::Role;
use crate::config::Token;
use crate::control::places::Holder;
use crate::control::problem::Kind;
use crate::control::problem::Problem;
use crate::control::route::Route;
use crate::control::token;
use crate::model::limits;

/// What whoever shows no token is called.
const NOBODY: &str = "loopback";

/// What whoever asks for what is for anybody is called.
const ANYBODY: &str = "anybody";

/// Who asks, and whether it may be told everything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Caller {
    /// The name of its token, or what whoever shows none is called.
    pub(super) name: String,
    /// What its token may; `None` without one.
    pub(super) role: Option<Role>,
    /// Whether it may read what the node knows.
    pub(super) may_read: bool,
}

/// Whose token is shown; `None` if none is.
///
/// # Errors
///
/// 401 with an unknown one.
pub(super) fn holder(headers: &HeaderMap, tokens: &[Token]) -> Result<Option<Holder>, Problem> {
    let Some(header) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let text = header.to_str().ok().and_then(|text| text.split_once(' '));
    let token = text.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let token = token.map(|(_, text)| text.trim()).filter(|text| text.len() <= limits::API_TOKEN);
    let token = token.and_then(|text| token::find(tokens, text)).ok_or_else(|| {
        let detail = "expected `Authorization: Bearer TOKEN` with a token of `[control]`, found \
                      another";
        Problem::new(Kind::Token, detail)
    })?;
    Ok(Some(Holder { name: token.name.as_str().into(), role: token.role }))
}

/// Lets a request pass, and says who asks.
///
/// # Errors
///
/// 401 without a token where one is needed; 403 if its role does not suffice, or for a read that
/// came by a host name.
pub(super) fn admit(
    route: &Route,
    peer: IpAddr,
    headers: &HeaderMap,
    holder: Option<Holder>,
    has_tokens: bool,
) -> Result<Caller, Problem> {
    let Some(holder) = holder else {
        let reads = reads_here(peer, headers);
        let (name, may_read) = match (route.role, reads) {
            (None, reads) => (ANYBODY, reads.is_ok()),
            (Some(_), _) if !route.only_reads() => {
                return Err(Problem::new(Kind::Token, no_token(has_tokens)));
            }
            (Some(_), reads) => reads.map(|()| (NOBODY, true))?,
        };
        return Ok(Caller { name: name.to_owned(), role: None, may_read });
    };
    if let Some(role) = route.role.filter(|role| holder.role < *role) {
        let (found, needed) = (holder.role.as_str(), role.as_str());
        let detail =
            format!("token `{}` has the role `{found}`, expected `{needed}` for this", holder.name);
        return Err(Problem::new(Kind::Role, detail));
    }
    Ok(Caller { name: holder.name.to_string(), role: Some(holder.role), may_read: true })
}

/// Whether somebody without a token may read: from this machine, and by an address.
fn reads_here(peer: IpAddr, headers: &HeaderMap) -> Result<(), Problem> {
    if !peer.to_canonical().is_loopback() {
        let detail = "reads from elsewhere than loopback need `Authorization: Bearer TOKEN`, \
                      found no such header";
        return Err(Problem::new(Kind::Token, detail));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_here(host) {
        let detail = format!(
            "without a token the host must be an IP address or `localhost`, found {host:?}"
        );
        return Err(Problem::new(Kind::Host, detail));
    }
    Ok(())
}

const fn no_token(has_tokens: bool) -> &'static str {
    if !has_tokens {
        "changes need `Authorization: Bearer TOKEN`, and no token is configured: add \
         `ci = { role = \"operate\", file = \"tokens/ci\" }` under `[control.tokens]`"
    } else {
        "changes need `Authorization: Bearer TOKEN`, found no such header; the node's own token \
         is in `operator.token` in its state folder, unless one of `[control]` may operate"
    }
}

/// Whether a Host header names this machine in a way that DNS has no part in.
fn is_here(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or_default(),
        None => host.find(':').map_or((host, ""), |at| host.split_at(at)),
    };
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) {
        return false;
    }
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hyper::Method;
    use hyper::header::HeaderValue;
    use ring::digest;

    use super::*;
    use crate::control::route;

    fn tokens() -> Vec<Token> {
        let token = |role: Role| {
            let hash = digest::digest(&digest::SHA256, role.as_str().as_bytes());
            let sha256 = hash.as_ref().try_into().unwrap();
            Token { name: format!("the-{}", role.as_str()), role, sha256 }
        };
        Role::ALL.map(token).to_vec()
    }

    /// The caller's name, or the status.
    fn check(
        request: (Method, &str),
        peer: &str,
        host: &str,
        header: Option<&str>,
    ) -> Result<String, u16> {
        let (route, _) = route::find(&request.0, request.1).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        }
        let holder = holder(&headers, &tokens());
        let caller =
            holder.and_then(|holder| admit(route, peer.parse().unwrap(), &headers, holder, true));
        caller.map(|caller| caller.name).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn reads_are_open_on_loopback_and_nothing_else_is() {
        const HERE: &str = "127.0.0.1:8053";
        let status = || (Method::GET, "/api/v1/status");
        let push = || (Method::POST, "/api/v1/push/beat/192.0.2.1");
        let reload = || (Method::POST, "/api/v1/reload");
        let health = || (Method::GET, "/healthz");
        let ready = || (Method::GET, "/readyz");
        let ok = |name: &str| Ok(name.to_owned());
        for (request, peer, header, expected) in [
            (status(), "127.0.0.1", None, ok(NOBODY)),
            (status(), "::1", None, ok(NOBODY)),
            (status(), "::ffff:127.0.0.1", None, ok(NOBODY)),
            (status(), "192.0.2.1", None, Err(401)),
            (status(), "192.0.2.1", Some("Bearer read"), ok("the-read")),
            (status(), "192.0.2.1", Some("bearer  operate"), ok("the-operate")),
            (status(), "127.0.0.1", Some("Bearer wrong"), Err(401)),
            (health(), "192.0.2.1", None, ok(ANYBODY)),
            (ready(), "2001:db8::1", None, ok(ANYBODY)),
            (ready(), "192.0.2.1", Some("Bearer wrong"), Err(401)),
            (status(), "127.0.0.1", Some("Basic read"), Err(401)),
            (push(), "127.0.0.1", None, Err(401)),
            (push(), "127.0.0.1", Some("Bearer read"), Err(403)),
            (push(), "127.0.0.1", Some("Bearer report"), ok("the-report")),
            (reload(), "127.0.0.1", Some("Bearer report"), Err(403)),
            (reload(), "192.0.2.1", Some("Bearer operate"), ok("the-operate")),
            (reload(), "127.0.0.1", Some("Bearer"), Err(401)),
            (reload(), "127.0.0.1", Some("Bearer "), Err(401)),
        ] {
            let shown = format!("{request:?} from {peer} with {header:?}");
            assert_eq!(check(request, peer, HERE, header), expected, "{shown}");
        }
    }

    /// DNS rebinding: the address is loopback, the name is somebody else's.
    #[test]
    fn a_name_that_points_here_reads_nothing() {
        for (host, expected) in [
            ("127.0.0.1:8053", true),
            ("127.0.0.1", true),
            ("[::1]:8053", true),
            ("LOCALHOST:8053", true),
            ("evil.example:8053", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("[::1", false),
            ("", false),
        ] {
            assert_eq!(is_here(host), expected, "{host:?}");
            let read = check((Method::GET, "/metrics"), "127.0.0.1", host, None);
            assert_eq!(read.is_ok(), expected, "{host:?}");
            let with = check((Method::GET, "/metrics"), "127.0.0.1", host, Some("Bearer read"));
            assert!(with.is_ok(), "{host:?}: who has a token is no web site");
        }
    }

    #[test]
    fn who_may_not_read_is_told_no_detail() {
        for (path, peer, host, token, may_read) in [
            ("/readyz", "127.0.0.1", "127.0.0.1", None, true),
            ("/readyz", "127.0.0.1", "evil.example", None, false),
            ("/readyz", "192.0.2.1", "192.0.2.9", None, false),
            ("/readyz", "192.0.2.1", "ns1.example", Some("Bearer read"), true),
        ] {
            let (route, _) = route::find(&Method::GET, path).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_str(host).unwrap());
            token.map(|token| headers.insert(AUTHORIZATION, HeaderValue::from_static(token)));
            let holder = holder(&headers, &tokens()).unwrap();
            let caller = admit(route, peer.parse().unwrap(), &headers, holder, true).unwrap();
            assert_eq!(caller.may_read, may_read, "{path} from {peer} at {host}");
        }
    }

    #[test]
    fn without_any_token_it_is_said_how_to_make_one() {
        let (route, _) = route::find(&Method::POST, "/api/v1/reload").unwrap();
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let problem = admit(route, here, &HeaderMap::new(), None, false).unwrap_err();
        assert!(problem.detail.contains("[control.tokens]"), "{}", problem.detail);
    }
}
