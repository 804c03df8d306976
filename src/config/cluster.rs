//! `[cluster]`: with whom a node shares what it knows.

use std::net::Ipv6Addr;
use std::path::PathBuf;

use hyper::http::uri::Authority;

use crate::config::codes;
use crate::config::notation;
use crate::config::pem;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::Span;
use crate::model::limits;

/// Where NATS servers listen unless they are told otherwise.
const PORT: u16 = 4222;

/// Servers that can keep a value: what JetStream takes.
const REPLICAS: u8 = 5;

/// Characters of a seed: a prefix of two octets, 32 of key and two of checksum, in base 32.
const SEED: usize = 58;

/// How a node or prober reaches the others, and what it is in the cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cluster {
    /// NATS servers (`nats://host:port`, `tls://host:port`) of which any one will do; none: what
    /// is shared stays in this process.
    pub servers: Vec<String>,
    /// The first part of the names of the buckets.
    pub bucket: String,
    /// How many servers keep each value, where buckets are to be created: 1 to 5.
    pub replicas: u8,
    /// Who it is to NATS.
    pub login: Login,
    /// Authorities (PEM) in place of the system's.
    pub authorities: Option<PathBuf>,
    /// A client certificate and its key, both PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Its name in the cluster; the host's if absent.
    pub node: Option<String>,
    /// Whether the node probes; if not, others do.
    pub probe: bool,
}

/// Who a node is to NATS.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Login {
    /// Whoever connects may.
    #[default]
    Anyone,
    /// A credentials file, as `nsc` makes it.
    Credentials(PathBuf),
    /// A file with the seed of an nkey.
    Nkey(PathBuf),
    /// A file whose first line is a token.
    Token(PathBuf),
    /// A user, and a file whose first line is the password.
    User(String, PathBuf),
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            bucket: "meridian".to_owned(),
            replicas: 1,
            login: Login::Anyone,
            authorities: None,
            identity: None,
            node: None,
            probe: true,
        }
    }
}

/// `[cluster]` as written.
pub(super) struct Written {
    /// What it says.
    pub(super) cluster: Cluster,
    /// Where it says that the node does not probe.
    silent: Option<Span>,
}

/// Reads `[cluster]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let defaults = Cluster::default();
    let servers = section.value("nats", "\"nats://10.0.0.1:4222\"");
    let servers = servers.and_then(|value| servers_in(&section, &value)).unwrap_or_default();
    let node = section.value("node", "\"ns1\"").and_then(|v| v.parsed(notation::node_name));
    let probe = section.value("probe", "true").and_then(|value| value.boolean());
    let bucket = section.value("bucket", "\"meridian\"");
    let bucket = bucket.and_then(|value| value.parsed(notation::node_name));
    let replicas = section.value("replicas", "3").and_then(|value| value.integer(1..=REPLICAS));
    let login = login(&mut section);
    let authorities = pem::authorities(&mut section, "tls/authorities.pem");
    let identity = pem::identity(&mut section, "tls/client.pem", "tls/client.key");
    section.close();
    let cluster = Cluster {
        servers,
        bucket: bucket.map_or(defaults.bucket, |at| at.value),
        replicas: replicas.map_or(defaults.replicas, |at| at.value),
        login,
        authorities,
        identity,
        node: node.map(|at| at.value),
        probe: probe.as_ref().map_or(defaults.probe, |at| at.value),
    };
    let silent = probe.filter(|at| !at.value).map(|at| at.span);
    Written { cluster, silent }
}

/// Whether somebody probes, and whether anybody else does; `vantages` are those of the files.
pub(super) fn check(written: &At<Written>, vantages: usize) -> Option<Diagnostic> {
    let Written { cluster, silent } = &written.value;
    match (silent, cluster.servers.is_empty(), vantages) {
        (Some(at), true, _) => Some(nobody_probes(*at, "no `nats` to hear of others by")),
        (Some(at), false, 0) => Some(nobody_probes(*at, "no vantage that does")),
        (None, false, 0) => Some(
            Diagnostic::warning(
                codes::CLUSTER_WITHOUT_VANTAGES,
                written.span,
                "the cluster has no vantages: each node counts its own opinion only",
            )
            .label(written.span, "nobody else votes")
            .help("add `[vantage.NAME]` for each node that probes; NAME is its `node`"),
        ),
        (Some(_) | None, ..) => None,
    }
}

fn nobody_probes(at: Span, why: &str) -> Diagnostic {
    let message = format!("this node does not probe, and there is {why}");
    Diagnostic::error(codes::NOBODY_PROBES, at, message)
        .label(at, "nobody would probe")
        .help("remove `probe = false`, or add `nats` and a `[vantage.NAME]` for each who probes")
}

fn servers_in(section: &Section<'_>, value: &Value<'_>) -> Option<Vec<String>> {
    let all = value.list(|item| item.parsed(server))?.value;
    if let Some(over) = all.get(limits::CLUSTER_SERVERS) {
        let (found, most) = (all.len(), limits::CLUSTER_SERVERS);
        section.reader().report(reader::too_many(over.span, "servers", found, most));
    }
    Some(all.into_iter().map(|at| at.value).collect())
}

/// Reads the URL of a server; the port may be left out.
pub(super) fn server(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new(codes::CLUSTER_URL, "a URL such as \"nats://10.0.0.1:4222\"");
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let lower = scheme.to_ascii_lowercase();
    let meant = if ["https", "tls", "wss"].contains(&&*lower) { "tls" } else { "nats" };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if let Some((_, host)) = rest.rsplit_once('@') {
        // What was found is no one's business: there is a secret in it.
        let fault = fault().found("one with a user or token");
        return Err(fault.help(format!(
            "write \"{meant}://{host}\", and who the node is with `user` and `password-file`"
        )));
    }
    let host = host_and_port(rest);
    if let Some(host) = host.as_ref().filter(|_| scheme == meant) {
        return Ok(format!("{scheme}://{host}"));
    }
    let near = host.or_else(|| host_and_port(rest.split('/').next()?));
    let near = near.unwrap_or_else(|| "10.0.0.1:4222".to_owned());
    Err(fault().help(format!("write \"{meant}://{near}\"")))
}

/// A host and a port, which is that of NATS if it is missing.
fn host_and_port(text: &str) -> Option<String> {
    let authority = text.parse::<Authority>().ok()?;
    let (host, port) = (authority.host(), authority.port_u16());
    let is_whole = match port {
        Some(port) => port != 0 && text == format!("{host}:{port}"),
        None => text == host,
    };
    let is_address = |inner: &str| inner.strip_suffix(']').map(str::parse::<Ipv6Addr>);
    let is_host = match host.strip_prefix('[') {
        Some(inner) => matches!(is_address(inner), Some(Ok(_))),
        None => !host.is_empty(),
    };
    (is_whole && is_host).then(|| format!("{host}:{}", port.unwrap_or(PORT)))
}

/// Reads who the node is to NATS, of which there is one way at most.
fn login(section: &mut Section<'_>) -> Login {
    let credentials = section.value("credentials", "\"meridian.creds\"");
    let nkey = section.value("nkey", "\"meridian.nk\"");
    let token = section.value("token-file", "\"nats.token\"");
    let user = section.value("user", "\"meridian\"");
    let password = section.value("password-file", "\"nats.pass\"");
    match (&user, &password) {
        (Some(lone), None) => section.reader().report(half(lone, "password-file", "nats.pass")),
        (None, Some(lone)) => section.reader().report(half(lone, "user", "meridian")),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let ways = [&credentials, &nkey, &token, if user.is_some() { &user } else { &password }];
    let ways: Vec<&Value<'_>> = ways.into_iter().flatten().collect();
    if let [first, _, ..] = &*ways {
        section.reader().report(several(&ways, first.key.span));
    }
    // All are read, so that every mistake in them is reported.
    let path = |value: Option<Value<'_>>, read: fn(&str) -> Result<(), String>| {
        value?.content(read, wrong).map(|(path, ())| path.value)
    };
    let user = user.and_then(|value| value.text()).map(|at| at.value);
    let password = path(password, |text| first_line(text, "a password"));
    let all = [
        path(credentials, self::credentials).map(Login::Credentials),
        path(nkey, seed).map(Login::Nkey),
        path(token, |text| first_line(text, "a token")).map(Login::Token),
        user.zip(password).map(|(user, password)| Login::User(user, password)),
    ];
    all.into_iter().flatten().next().unwrap_or_default()
}

fn half(lone: &Value<'_>, missing: &str, example: &str) -> Diagnostic {
    let there = &lone.key.value;
    let message = format!("`{there}` needs a `{missing}`: expected both or neither");
    Diagnostic::error(codes::CLUSTER_LOGIN, lone.span, message)
        .label(lone.span, format!("`{missing}` is missing"))
        .help(format!("add `{missing} = \"{example}\"`, or remove `{there}`"))
}

fn several(ways: &[&Value<'_>], at: Span) -> Diagnostic {
    let keys = suggest::list(ways.iter().map(|value| value.key.value.as_str()));
    let message = format!("the cluster says in several ways who the node is: {keys}, expected one");
    let problem = Diagnostic::error(codes::CLUSTER_LOGIN, at, message);
    let problem = ways.iter().fold(problem, |all, value| all.label(value.key.span, "one way"));
    problem.help("keep the one that the NATS server knows the node by")
}

/// What is wrong with a file of a secret; never what is in it.
fn wrong(path: &At<PathBuf>, why: &str) -> Diagnostic {
    let message = format!("`{}`: {why}", path.value.display());
    Diagnostic::error(codes::CLUSTER_SECRET, path.span, message)
        .label(path.span, why.to_owned())
        .help("name the file that the NATS server's operator made for this node")
}

fn credentials(text: &str) -> Result<(), String> {
    let has = |part: &str| text.contains(&format!("-----BEGIN {part}-----"));
    if has("NATS USER JWT") && has("USER NKEY SEED") {
        return Ok(());
    }
    Err("expected credentials with a user's JWT and seed, found other text".to_owned())
}

fn seed(text: &str) -> Result<(), String> {
    let text = text.trim();
    let is_base32 = |octet: u8| octet.is_ascii_uppercase() || (b'2'..=b'7').contains(&octet);
    if text.len() == SEED && text.starts_with("SU") && text.bytes().all(is_base32) {
        return Ok(());
    }
    Err(format!("expected the seed of a user's nkey, {SEED} characters from `SU` on"))
}

fn first_line(text: &str, what: &str) -> Result<(), String> {
    match text.lines().next().map(str::trim) {
        None | Some("") => Err(format!("expected {what} in the first line, found nothing")),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_scheme_and_get_a_port() {
        for (text, expected) in [
            ("nats://10.0.0.1", "nats://10.0.0.1:4222"),
            ("nats://10.0.0.1:5222/", "nats://10.0.0.1:5222"),
            ("tls://nats.example.net", "tls://nats.example.net:4222"),
            ("nats://[2001:db8::1]", "nats://[2001:db8::1]:4222"),
            ("tls://[2001:db8::1]:443", "tls://[2001:db8::1]:443"),
        ] {
            assert_eq!(server(text).unwrap(), expected, "{text}");
        }
        for (text, instead) in [
            ("10.0.0.1", "\"nats://10.0.0.1:4222\""),
            ("NATS://a.example:1", "\"nats://a.example:1\""),
            ("wss://a.example:443/nats", "\"tls://a.example:443\""),
            ("http://a.example", "\"nats://a.example:4222\""),
            ("nats://me:secret@a.example", "\"nats://a.example\""),
            ("tls://secret@a.example", "\"tls://a.example\""),
            ("nats://a.example:99999", "\"nats://10.0.0.1:4222\""),
            ("nats://a.example:0", "\"nats://10.0.0.1:4222\""),
            ("nats://[a.example]", "\"nats://10.0.0.1:4222\""),
            ("nats://", "\"nats://10.0.0.1:4222\""),
            ("", "\"nats://10.0.0.1:4222\""),
            ("nats://2001:db8::1", "\"nats://10.0.0.1:4222\""),
        ] {
            let fault = server(text).unwrap_err();
            assert_eq!(fault.code, codes::CLUSTER_URL, "{text}");
            assert!(fault.help.unwrap().contains(instead), "{text}");
            assert!(!fault.found.contains("secret"));
        }
    }

    #[test]
    fn secrets_look_like_what_they_are() {
        let seed_text = format!("SU{}", "A2".repeat(28));
        assert!(seed(&format!("{seed_text}\n")).is_ok());
        for text in ["", "SU", &seed_text[1..], &seed_text.to_lowercase()] {
            assert!(seed(text).is_err(), "{text}");
        }
        let jwt = "-----BEGIN NATS USER JWT-----\n…\n-----BEGIN USER NKEY SEED-----\n";
        assert!(credentials(jwt).is_ok() && credentials(&seed_text).is_err());
        assert!(first_line(" a\n", "a token").is_ok() && first_line("\na", "a token").is_err());
    }
}
