//! `[control]`: the API, and who may use it.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ring::digest;

use crate::config::beacon;
use crate::config::beacon::Beacon;
use crate::config::codes;
use crate::config::directory::Directory;
use crate::config::files;
use crate::config::notation;
use crate::config::raw::Raw;
use crate::config::reader;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::suggest;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::InputFiles;
use crate::model::MinRegions;
use crate::model::limits;

/// Characters that a token has at least: 16 of base64 are 96 bits.
const TOKEN: usize = 16;

/// What may be asked of the API. A later role may do all that an earlier one may.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Look.
    Read,
    /// Look, and say how targets of `push` monitors are.
    Report,
    /// Everything.
    Operate,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Report, Self::Operate];

    /// The word in files and in the API's description.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Report => "report",
            Self::Operate => "operate",
        }
    }
}

/// Who may ask. Its text is not kept, so that nothing can show it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// The operator's name for it: what its changes are logged by.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The SHA-256 of its text.
    pub sha256: [u8; 32],
}

/// The control API.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Control {
    /// Where it listens; `None` if nowhere.
    pub listen: Option<SocketAddr>,
    /// Who may ask.
    pub tokens: Vec<Token>,
    /// The regions that every service keeps unless a change is forced.
    pub min_regions: MinRegions,
    /// What browsers are asked to measure; `None`: nothing, and nobody is listened to.
    pub beacon: Option<Beacon>,
}

impl Control {
    /// Where it listens unless the file says otherwise.
    pub const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);
}

/// How to reach the node that runs with a configuration.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Access {
    /// Where its API listens; `None` if nowhere.
    pub listen: Option<SocketAddr>,
    /// The files of tokens that may operate.
    pub token_files: Vec<PathBuf>,
    /// Its folder for what survives a restart, if the file says.
    pub state: Option<PathBuf>,
}

/// The section as written.
pub(super) struct Written {
    listen: Option<SocketAddr>,
    tokens: Vec<WrittenToken>,
    min_regions: MinRegions,
    beacon: Option<beacon::Written>,
}

struct WrittenToken {
    name: At<String>,
    role: Role,
    source: Source,
}

/// Where the text of a token is known from.
enum Source {
    File(At<PathBuf>),
    Hash([u8; 32]),
}

impl Default for Written {
    fn default() -> Self {
        Self {
            listen: Some(Control::LISTEN),
            tokens: Vec::new(),
            min_regions: MinRegions::default(),
            beacon: None,
        }
    }
}

impl Written {
    /// Reads no token later.
    pub(super) fn forget_tokens(&mut self) {
        self.tokens.clear();
    }

    /// The files of tokens.
    pub(super) fn files(&self) -> impl Iterator<Item = &At<PathBuf>> {
        self.tokens.iter().filter_map(|token| match &token.source {
            Source::File(file) => Some(file),
            Source::Hash(_) => None,
        })
    }
}

/// Reads `[control]`.
pub(super) fn read(mut section: Section<'_>) -> Written {
    let mut control = Written::default();
    if let Some(listen) = section.value("listen", "\"127.0.0.1:8053\"")
        && let Some(listen) = listen.parsed(listen_or_off)
    {
        control.listen = listen.value;
    }
    if let Some(value) = section.value("min-regions", "1")
        && let Some(least) = min_regions(&value)
    {
        control.min_regions = least.value;
    }
    let tokens = section.named("tokens");
    if let Some(over) = tokens.get(limits::TOKENS) {
        let (found, most) = (tokens.len(), limits::TOKENS);
        section.reader().report(reader::too_many(over.name.span, "tokens", found, most));
    }
    control.tokens.extend(tokens.into_iter().filter_map(token));
    control.beacon = section.section("beacon").map(beacon::read);
    section.close();
    control
}

/// Reads the files of tokens, and reports those that can't be one.
pub(super) fn tokens(
    control: &Written,
    files: &InputFiles,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Token> {
    let hash = |written: &WrittenToken, problems: &mut Vec<Diagnostic>| match &written.source {
        Source::Hash(hash) => Some(*hash),
        Source::File(file) => match token_of(file, files) {
            Ok(hash) => {
                // What a reader sees every user of the machine sees without a token, on loopback.
                if written.role != Role::Read {
                    problems.extend(exposed(file, files));
                }
                Some(hash)
            }
            Err(problem) => {
                problems.push(problem);
                None
            }
        },
    };
    let mut tokens: Vec<Token> = Vec::new();
    let mut by_hash: HashMap<[u8; 32], &At<String>> = HashMap::new();
    for written in &control.tokens {
        let Some(sha256) = hash(written, problems) else { continue };
        let name = &written.name;
        if let Some(first) = by_hash.get(&sha256) {
            problems.push(double(name, first));
            continue;
        }
        by_hash.insert(sha256, name);
        tokens.push(Token { name: name.value.clone(), role: written.role, sha256 });
    }
    tokens
}

/// Two tokens have one text: whose role counts, and who did what?
fn double(name: &At<String>, first: &At<String>) -> Diagnostic {
    let message = format!(
        "tokens `{}` and `{}` have the same text: expected one of its own",
        first.value, name.value
    );
    Diagnostic::error(codes::TOKEN_TWICE, name.span, message)
        .label(name.span, "who shows it can't be told from the other")
        .label(first.span, "the other")
        .help(format!("make one for `{}`: `openssl rand -hex 32`", name.value))
}

/// What is meant.
pub(super) fn check(
    written: Written,
    tokens: Vec<Token>,
    regions: &Directory,
    problems: &mut Vec<Diagnostic>,
) -> Control {
    let beacon = written.beacon.map(|beacon| beacon::check(beacon, regions, problems));
    Control { listen: written.listen, tokens, min_regions: written.min_regions, beacon }
}

/// How to reach the node, of what all files say.
pub(super) fn access(raw: Raw) -> Access {
    let control = raw.control.map(|at| at.value).unwrap_or_default();
    let operates = control.tokens.into_iter().filter(|token| token.role == Role::Operate);
    Access {
        listen: control.listen,
        token_files: operates
            .filter_map(|token| match token.source {
                Source::File(file) => Some(file.value),
                Source::Hash(_) => None,
            })
            .collect(),
        state: raw.state.and_then(|at| at.value),
    }
}

fn token(mut section: Section<'_>) -> Option<WrittenToken> {
    let name = section.identifier();
    let role = section.required("role", "\"read\"").and_then(|value| value.parsed(role));
    let file = section.value("file", "\"tokens/ci\"");
    let hash = section.value("sha256", "\"e3b0c442…\"");
    let source = match (file, hash) {
        (Some(file), None) => file.path().map(Source::File),
        (None, Some(hash)) => hash.parsed(sha256).map(|at| Source::Hash(at.value)),
        (file, _) => {
            let found = if file.is_some() { "both" } else { "neither" };
            let message =
                format!("token `{}`: expected `file` or `sha256`, found {found}", name.value);
            section.reader().report(
                Diagnostic::error(codes::TOKEN_SOURCE, name.span, message)
                    .label(name.span, "where is its text?")
                    .help(format!(
                        "write `file = \"tokens/{}\"`, a file whose first line is the token",
                        name.value
                    )),
            );
            None
        }
    };
    section.close();
    Some(WrittenToken { name, role: role?.value, source: source? })
}

/// The hash of a token's text.
fn token_of(file: &At<PathBuf>, inputs: &InputFiles) -> Result<[u8; 32], Diagnostic> {
    if let Some(problem) = files::missing(file, inputs) {
        return Err(problem);
    }
    let text = files::text(&file.value, inputs).map_err(|problem| {
        Diagnostic::error(problem.code, file.span, problem.message)
            .label(file.span, "named here")
            .help("let the user that Meridian runs as read it")
    })?;
    let token = first_line(&text);
    let length = token.chars().count();
    if length < TOKEN {
        // What was found is no one's business: it may be most of a secret.
        let message = format!(
            "the token in `{}` is too short: expected at least {TOKEN} characters in the first \
             line, found {length}",
            file.value.display()
        );
        return Err(Diagnostic::error(codes::TOKEN_SHORT, file.span, message)
            .label(file.span, "too easy to guess")
            .help(format!("make one: `openssl rand -hex 32 > {}`", file.value.display())));
    }
    Ok(hash_of(token))
}

/// A warning, if every user of the machine can read a file.
fn exposed(file: &At<PathBuf>, inputs: &InputFiles) -> Option<Diagnostic> {
    let metadata = fs::metadata(inputs.open_at(&file.value)).ok()?;
    if metadata.permissions().mode() & 0o004 == 0 {
        return None;
    }
    let shown = file.value.display();
    let message = format!("every user of this machine can read the token in `{shown}`");
    Some(
        Diagnostic::warning(codes::TOKEN_EXPOSED, file.span, message)
            .label(file.span, "and so do what it may")
            .help(format!("run `chmod o= {shown}`, or 0600 and the user that Meridian runs as")),
    )
}

/// The token in the text of its file.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

/// SHA-256.
fn hash_of(token: &str) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, token.as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 octets")
}

fn listen_or_off(text: &str) -> Result<Option<SocketAddr>, Fault> {
    if text == "off" {
        return Ok(None);
    }
    notation::socket(text).map(Some)
}

fn min_regions(value: &Value<'_>) -> Option<At<MinRegions>> {
    if value.is_integer() {
        let most = u16::try_from(limits::REGIONS).unwrap_or(u16::MAX);
        return value.integer(0..=most).map(|at| at.map(MinRegions::Count));
    }
    value.parsed(|text| {
        let percent = text.strip_suffix('%').and_then(|number| number.parse::<u8>().ok());
        percent.filter(|percent| *percent <= 100).map(MinRegions::Percent).ok_or_else(|| {
            Fault::new(codes::MIN_REGIONS, "a number of regions, or a percentage up to \"100%\"")
                .help("write `min-regions = 1`, or `min-regions = \"50%\"`")
        })
    })
}

fn role(text: &str) -> Result<Role, Fault> {
    let known = Role::ALL.into_iter().find(|role| role.as_str() == text);
    known.ok_or_else(|| {
        let words = Role::ALL.map(Role::as_str);
        let expected = format!("a role: {}", suggest::choice(words));
        Fault::new(codes::TOKEN_ROLE, expected).help(suggest::help(text, words, "the roles are"))
    })
}

fn sha256(text: &str) -> Result<[u8; 32], Fault> {
    let octet = |pair: &[u8]| {
        let digits = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(digits, 16).ok()
    };
    let hexadecimal = text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
    let octets = || text.as_bytes().chunks(2).map(octet).collect::<Option<Vec<u8>>>();
    let hash = hexadecimal.then(octets).flatten().and_then(|octets| octets.try_into().ok());
    hash.ok_or_else(|| {
        Fault::new(codes::TOKEN_HASH, "a SHA-256 hash of 64 hexadecimal digits")
            .found(format!("{} characters", text.chars().count()))
            .help("make one: `printf %s TOKEN | sha256sum`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_first_line_trimmed() {
        assert_eq!(first_line("  secret \nsecond\n"), "secret");
        assert_eq!(first_line(""), "");
        let hash = hash_of("abc");
        let text: String = hash.iter().map(|octet| format!("{octet:02x}")).collect();
        // FIPS 180-4's example.
        assert_eq!(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(sha256(&text).unwrap(), hash);
        assert!(sha256(&text[1..]).is_err());
        assert!(sha256(&"+1".repeat(32)).is_err());
    }

    #[test]
    fn a_later_role_may_do_more() {
        assert!(Role::Operate > Role::Report && Role::Report > Role::Read);
    }
}
