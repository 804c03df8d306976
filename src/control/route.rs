//! What there is to ask for: one table, from which requests find their way.

use std::time::Duration;

use hyper::Method;

use crate::config::Role;
use crate::control::problem::Kind;
use crate::control::problem::Problem;

/// One thing that can be asked for.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// Segments; `{x}` takes any one, `{x…}` all that are left.
    pub(super) path: &'static str,
    /// What a token must be allowed; `None` is for anybody. Whoever is on loopback needs none to
    /// read.
    pub(super) role: Option<Role>,
    /// Parameters of the query; others are refused.
    pub(super) query: &'static [&'static str],
    /// How long the node may take to answer.
    pub(super) patience: Duration,
    pub(super) to: To,
}

/// Where requests go.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum To {
    Admin,
    AdminDelete,
    AdminPut,
    Beacon,
    BeaconPost,
    Events,
    Explain,
    Healthz,
    Latency,
    LatencyPost,
    LoadPost,
    Metrics,
    OpenApi,
    Page,
    Push,
    Readyz,
    Reload,
    Status,
}

impl To {
    /// Whether the node is asked, rather than something beside it.
    pub(super) const fn asks_node(self) -> bool {
        match self {
            Self::Beacon
            | Self::BeaconPost
            | Self::Events
            | Self::Healthz
            | Self::Latency
            | Self::LatencyPost
            | Self::LoadPost
            | Self::OpenApi
            | Self::Readyz => false,
            Self::Admin
            | Self::AdminDelete
            | Self::AdminPut
            | Self::Explain
            | Self::Metrics
            | Self::Page
            | Self::Push
            | Self::Reload
            | Self::Status => true,
        }
    }
}

/// All of them. `openapi.json` describes the same; a test compares.
pub(super) const ROUTES: &[Route] = &[
    read("/", &[], To::Page),
    open(Method::GET, "/healthz", To::Healthz),
    open(Method::GET, "/readyz", To::Readyz),
    read("/metrics", &[], To::Metrics),
    read("/api/v1/openapi.json", &[], To::OpenApi),
    read("/api/v1/status", &["region", "service"], To::Status),
    read("/api/v1/explain", &["client", "name", "resolver", "type"], To::Explain),
    read("/api/v1/events", &[], To::Events),
    read("/api/v1/admin", &[], To::Admin),
    read("/api/v1/latency", &["after", "prefix"], To::Latency),
    open(Method::GET, "/beacon.js", To::Beacon),
    open(Method::POST, "/api/v1/beacon", To::BeaconPost),
    write(Method::POST, "/api/v1/latency", Role::Report, &[], To::LatencyPost),
    write(Method::POST, "/api/v1/load", Role::Report, &[], To::LoadPost),
    write(Method::PUT, "/api/v1/admin", Role::Operate, &[], To::AdminPut),
    write(Method::DELETE, "/api/v1/admin/{target…}", Role::Operate, &["force"], To::AdminDelete),
    write(Method::POST, "/api/v1/push/{monitor}/{target}", Role::Report, &[], To::Push),
    Route {
        method: Method::POST,
        path: "/api/v1/reload",
        role: Some(Role::Operate),
        query: &[],
        // Databases are read again, which takes seconds for large ones.
        patience: Duration::from_secs(120),
        to: To::Reload,
    },
];

/// How long the node may take to answer, as a rule.
const PATIENCE: Duration = Duration::from_secs(10);

const fn read(path: &'static str, query: &'static [&'static str], to: To) -> Route {
    Route { method: Method::GET, path, role: Some(Role::Read), query, patience: PATIENCE, to }
}

/// For anybody: load balancers and orchestrators that look whether it is there, and browsers.
const fn open(method: Method, path: &'static str, to: To) -> Route {
    Route { method, path, role: None, query: &[], patience: PATIENCE, to }
}

const fn write(
    method: Method,
    path: &'static str,
    role: Role,
    query: &'static [&'static str],
    to: To,
) -> Route {
    Route { method, path, role: Some(role), query, patience: PATIENCE, to }
}

impl Route {
    /// Whether it changes nothing.
    pub(super) fn only_reads(&self) -> bool {
        self.method == Method::GET
    }

    /// What the path has in place of `{…}`, decoded, if it is of this route.
    fn matches(&self, path: &str) -> Option<Vec<String>> {
        let mut found = Vec::new();
        let mut rest = Some(path.strip_prefix('/')?);
        for pattern in self.path.strip_prefix('/')?.split('/') {
            let all = rest?;
            if pattern.ends_with("…}") {
                found.push(decoded(all).filter(|text| !text.is_empty())?);
                return Some(found);
            }
            let (segment, after) = match all.split_once('/') {
                Some((segment, after)) => (segment, Some(after)),
                None => (all, None),
            };
            if pattern.starts_with('{') {
                found.push(decoded(segment).filter(|text| !text.is_empty())?);
            } else if pattern != segment {
                return None;
            }
            rest = after;
        }
        rest.is_none().then_some(found)
    }
}

/// Finds the route of a request, and what its path says. HEAD is GET.
///
/// # Errors
///
/// 404, and 405 with the methods there are.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Vec<String>), Problem> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let here: Vec<(&Route, Vec<String>)> =
        ROUTES.iter().filter_map(|route| Some((route, route.matches(path)?))).collect();
    let mut allowed: Vec<&str> = here.iter().map(|(route, _)| route.method.as_str()).collect();
    if let Some(found) = here.into_iter().find(|(route, _)| route.method == *method) {
        return Ok(found);
    }
    if allowed.is_empty() {
        let detail = "nothing is there; /api/v1/openapi.json says what there is";
        return Err(Problem::new(Kind::NotFound, detail));
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    let allow = allowed.join(", ");
    let detail = format!("expected one of {allow}, found {method}");
    Err(Problem { allow: Some(allow), ..Problem::new(Kind::Method, detail) })
}

/// The parameters of a query.
///
/// # Errors
///
/// 400 for one that the route does not know, that is there twice, or that is not UTF-8.
pub(super) fn parameters(
    route: &Route,
    query: Option<&str>,
) -> Result<Vec<(&'static str, String)>, Problem> {
    let problem = |detail: String| Problem::new(Kind::Query, detail);
    let mut found: Vec<(&str, String)> = Vec::new();
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let known = route.query.iter().find(|known| **known == name).ok_or_else(|| {
            let known = match route.query {
                [] => "none".to_owned(),
                some => some.join(", "),
            };
            problem(format!("unknown parameter {name:?}; known here: {known}"))
        })?;
        if found.iter().any(|(other, _)| other == known) {
            return Err(problem(format!("parameter `{known}` is there twice")));
        }
        let value = decoded(&value.replace('+', " "))
            .ok_or_else(|| problem(format!("parameter `{known}` is not percent-encoded UTF-8")))?;
        found.push((known, value));
    }
    Ok(found)
}

/// Percent-decodes; nothing if that is no UTF-8, or has control characters.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        rest = after;
    }
    String::from_utf8(octets).ok().filter(|text| !text.contains(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(method: Method, path: &str) -> Result<(To, Vec<String>), u16> {
        let found = find(&method, path);
        found.map(|(route, found)| (route.to, found)).map_err(|p| p.status().as_u16())
    }

    #[test]
    fn requests_find_their_way() {
        for (method, path, expected) in [
            (Method::GET, "/", Ok((To::Page, vec![]))),
            (Method::HEAD, "/healthz", Ok((To::Healthz, vec![]))),
            (Method::GET, "/healthz/", Err(404)),
            (Method::GET, "//healthz", Err(404)),
            (Method::POST, "/healthz", Err(405)),
            (Method::GET, "/api/v1/admin", Ok((To::Admin, vec![]))),
            (Method::DELETE, "/api/v1/admin", Err(405)),
            (Method::DELETE, "/api/v1/admin/", Err(404)),
            (
                Method::DELETE,
                "/api/v1/admin/www/us/2001:db8::1",
                Ok((To::AdminDelete, vec!["www/us/2001:db8::1".to_owned()])),
            ),
            (
                Method::DELETE,
                "/api/v1/admin/www%2Fus",
                Ok((To::AdminDelete, vec!["www/us".to_owned()])),
            ),
            (Method::DELETE, "/api/v1/admin/%ff", Err(404)),
            (Method::DELETE, "/api/v1/admin/%0a", Err(404)),
            (
                Method::POST,
                "/api/v1/push/beat/192.0.2.1",
                Ok((To::Push, vec!["beat".to_owned(), "192.0.2.1".to_owned()])),
            ),
            (Method::POST, "/api/v1/push/beat", Err(404)),
            (Method::POST, "/api/v1/push//x", Err(404)),
            (Method::GET, "*", Err(404)),
        ] {
            assert_eq!(to(method.clone(), path), expected, "{method} {path}");
        }
        let problem = find(&Method::PATCH, "/api/v1/admin").unwrap_err();
        assert_eq!(problem.allow.as_deref(), Some("GET, PUT, HEAD"));
    }

    #[test]
    fn queries_have_no_unknown_parameters() {
        let (route, _) = find(&Method::GET, "/api/v1/status").unwrap();
        let read = |query| parameters(route, query).map_err(|problem| problem.detail);
        assert_eq!(read(None), Ok(vec![]));
        assert_eq!(read(Some("service=a%20b+c&")), Ok(vec![("service", "a b c".to_owned())]));
        assert!(read(Some("servce=www")).unwrap_err().contains("known here: region, service"));
        assert!(read(Some("service=a&service=b")).unwrap_err().contains("twice"));
        assert!(read(Some("service=%e9")).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn decoding_takes_only_what_is_encoded() {
        assert_eq!(decoded("a%2Fb%3a").as_deref(), Some("a/b:"));
        for text in ["%", "%2", "%+1", "%zz", "%ff", "a\u{7}"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
