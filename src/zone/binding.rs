//! Parameters of SVCB and HTTPS (RFC 9460), from text and on the wire.
//!
//! ```text
//!   key[=value] ─► number, octets ─┐
//!   key[=value] ─► number, octets ─┼─► by number ─► wire ─► check
//!   key[=value] ─► number, octets ─┘                          ▲
//!                              `\#` octets ───────────────────┘
//! ```
//!
//! Text is only turned into octets here; what must hold of them is asked by [`check`], which
//! reads octets written as RFC 3597 has it as well.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::model::RecordType;
use crate::zone::encoding;
use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// The keys that have a name, in the order of their numbers: RFC 9460, 14.3.2; RFC 9461, 5;
/// RFC 9540, 4; draft-ietf-tls-key-share-prediction; RFC 9953.
const KEYS: [&str; 11] = [
    "mandatory",
    "alpn",
    "no-default-alpn",
    "port",
    "ipv4hint",
    "ech",
    "ipv6hint",
    "dohpath",
    "ohttp",
    "tls-supported-groups",
    "docpath",
];

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
const GROUPS: u16 = 9;
const DOCPATH: u16 = 10;
/// RFC 9460, 14.3.2: reserved as an invalid key.
const INVALID: u16 = u16::MAX;

/// A parameter's name, or `key` and its number.
fn key_name(key: u16) -> String {
    let name = KEYS.get(usize::from(key));
    name.map_or_else(|| format!("key{key}"), |name| (*name).to_owned())
}

/// The number of a key; RFC 9460, 2.1: lower case, no zeros in front of a number.
fn key_number(text: &str) -> Option<u16> {
    if let Some(position) = KEYS.iter().position(|name| *name == text) {
        return u16::try_from(position).ok();
    }
    let digits = text.strip_prefix("key")?;
    let number: u16 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// Appends the parameters in the order of their keys.
///
/// # Errors
///
/// [`flaw::RDATA`] at the parameter that can't be read.
pub(super) fn write(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut parameters = Vec::new();
    let mut rest = tokens;
    while let Some((token, mut tail)) = rest.split_first() {
        let (key, mut value) = match token.text.split_once('=') {
            Some((key, value)) => (key, Some(Token { text: value, ..*token })),
            None => (token.text, None),
        };
        // `alpn="h2,h3"` comes as two tokens, with nothing between.
        if let (Some(empty), Some((quoted, behind))) = (value, tail.split_first())
            && empty.text.is_empty()
            && quoted.quoted
            && quoted.start == token.end
        {
            value = Some(*quoted);
            tail = behind;
        }
        let number = key_number(key).filter(|_| !token.quoted).ok_or_else(|| {
            let message = format!("`{key}` is no parameter of a service binding");
            let known = KEYS.join(", ");
            Flaw::new(flaw::RDATA, token.at(), message)
                .help(format!("use one of {known}, or `key` and a number up to 65534"))
        })?;
        let mut octets = Vec::new();
        read(key, number, token, value.as_ref(), &mut octets)?;
        parameters.push((number, octets, token));
        rest = tail;
    }
    parameters.sort_by_key(|(number, ..)| *number);
    for ((a, ..), (b, _, token)) in parameters.iter().zip(parameters.iter().skip(1)) {
        if a == b {
            let message = format!("`{}` a second time", key_name(*b));
            return Err(Flaw::new(flaw::RDATA, token.at(), message)
                .help("give each parameter once (RFC 9460, 2.1)"));
        }
    }
    for (number, octets, token) in parameters {
        let Ok(length) = u16::try_from(octets.len()) else {
            return Err(field::expected(token, "at most 65535 octets"));
        };
        out.extend(number.to_be_bytes());
        out.extend(length.to_be_bytes());
        out.extend(octets);
    }
    Ok(())
}

/// One value from text to octets.
fn read(
    key: &str,
    number: u16,
    token: &Token<'_>,
    value: Option<&Token<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let Some(value) = value else { return Ok(()) };
    // A value is a character string before it is anything else, but of any length.
    let mut text = Vec::new();
    field::octets(value, &mut text)?;
    // Known keys by number have their value as octets too (RFC 9460, 2.1).
    if key.starts_with("key") || text.is_empty() {
        out.append(&mut text);
        return Ok(());
    }
    let wrong = |what: &str| field::expected(value, what);
    let listed = || text.split(|octet| *octet == b',').map(std::str::from_utf8);
    match number {
        MANDATORY => {
            let mut keys = listed()
                .map(|key| key.ok().and_then(key_number))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| wrong("names of parameters with commas between"))?;
            // RFC 9460, 8: any order in text, ascending on the wire.
            keys.sort_unstable();
            out.extend(keys.into_iter().flat_map(u16::to_be_bytes));
        }
        ALPN | DOCPATH => list(&text, value, out)?,
        PORT => {
            let port = number_of(&text).ok_or_else(|| wrong("a port from 0 to 65535"))?;
            out.extend(port.to_be_bytes());
        }
        IPV4HINT => {
            for address in listed() {
                let address = address.ok().and_then(|text| text.parse::<Ipv4Addr>().ok());
                let address = address.ok_or_else(|| wrong("IPv4 addresses with commas between"))?;
                out.extend(address.octets());
            }
        }
        IPV6HINT => {
            for address in listed() {
                let address = address.ok().and_then(|text| text.parse::<Ipv6Addr>().ok());
                let address = address.ok_or_else(|| wrong("IPv6 addresses with commas between"))?;
                out.extend(address.octets());
            }
        }
        ECH => {
            let text = std::str::from_utf8(&text).map_err(|_| wrong("base64"))?;
            encoding::base64(&[Token { text, ..*value }], out)?;
        }
        GROUPS => {
            for group in text.split(|octet| *octet == b',') {
                let group = number_of(group).ok_or_else(|| wrong("numbers from 0 to 65535"))?;
                out.extend(group.to_be_bytes());
            }
        }
        NO_DEFAULT_ALPN | OHTTP => {
            return Err(field::expected(token, &format!("`{key}` without a value")));
        }
        _ => out.append(&mut text),
    }
    Ok(())
}

fn number_of(text: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(text).ok()?;
    digits.parse().ok().filter(|_| digits.bytes().all(|octet| octet.is_ascii_digit()))
}

/// RFC 9460, A.1: strings with commas between; `\,` and `\\` are octets of a string.
fn list(text: &[u8], value: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut item = Vec::new();
    let mut octets = text.iter();
    loop {
        let octet = octets.next();
        match octet {
            Some(b'\\') => match octets.next() {
                Some(escaped @ (b',' | b'\\')) => item.push(*escaped),
                _ => {
                    return Err(field::expected(
                        value,
                        r"`\\,` or `\\\\` where a list has escapes",
                    ));
                }
            },
            None | Some(b',') => {
                let length = u8::try_from(item.len()).ok().filter(|length| *length > 0);
                let Some(length) = length else {
                    return Err(field::expected(value, "strings of 1 to 255 octets"));
                };
                out.push(length);
                out.append(&mut item);
                if octet.is_none() {
                    return Ok(());
                }
            }
            Some(octet) => item.push(*octet),
        }
    }
}

/// Holds the parameters of a record on the wire against RFC 9460.
///
/// Returns what may surprise, if anything does.
///
/// # Errors
///
/// What makes clients drop the record.
pub(super) fn check(
    rtype: RecordType,
    priority: u16,
    parameters: &[u8],
) -> Result<Option<String>, String> {
    let mut present: Vec<u16> = Vec::new();
    let mut mandatory = Vec::new();
    let mut rest = parameters;
    while let [a, b, high, low, tail @ ..] = rest {
        let key = u16::from_be_bytes([*a, *b]);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, tail)) = tail.split_at_checked(length) else { break };
        if present.last().is_some_and(|before| *before >= key) {
            return Err(format!("`{}` is not behind all lower keys, once", key_name(key)));
        }
        if key == INVALID {
            return Err("key65535 is reserved as invalid (RFC 9460, 14.3.2)".into());
        }
        if let Some(expected) = wrong_value(key, value) {
            return Err(format!("the value of `{}` is not {expected}", key_name(key)));
        }
        if key == MANDATORY {
            let (keys, _) = value.as_chunks::<2>();
            mandatory.extend(keys.iter().copied().map(u16::from_be_bytes));
        }
        present.push(key);
        rest = tail;
    }
    for key in &mandatory {
        if !present.contains(key) {
            return Err(format!("`mandatory` lists `{0}`, and there is no `{0}`", key_name(*key)));
        }
    }
    if present.contains(&NO_DEFAULT_ALPN) && !present.contains(&ALPN) {
        return Err("`no-default-alpn` without `alpn` leaves no protocol (RFC 9460, 7.1.1)".into());
    }
    if priority == 0 && !present.is_empty() {
        return Ok(Some(
            "priority 0 makes an alias: clients ignore its parameters (RFC 9460, 2.4.2)".into(),
        ));
    }
    // RFC 9460, 8 and 9: HTTPS clients know these anyway.
    let automatic = |key: &&u16| matches!(**key, PORT | NO_DEFAULT_ALPN);
    let automatic = mandatory.iter().find(automatic).filter(|_| rtype == RecordType::HTTPS);
    Ok(automatic.map(|key| {
        let key = key_name(*key);
        format!("`{key}` is always mandatory for HTTPS and should not be listed (RFC 9460, 9)")
    }))
}

/// What the value of a key must be, if it is not.
fn wrong_value(key: u16, value: &[u8]) -> Option<&'static str> {
    let (pairs, odd) = value.as_chunks::<2>();
    let (right, expected) = match key {
        MANDATORY => {
            let ascending = pairs.windows(2).all(|two| matches!(two, [a, b] if a < b));
            let others = !pairs.contains(&[0, 0]);
            (
                !pairs.is_empty() && odd.is_empty() && ascending && others,
                "a list of other keys, each once",
            )
        }
        ALPN | DOCPATH => {
            // An empty path is the root (RFC 9953), an empty list of protocols is none.
            let right = (key == DOCPATH || !value.is_empty()) && strings(value);
            (right, "a list of strings")
        }
        NO_DEFAULT_ALPN | OHTTP => (value.is_empty(), "empty"),
        PORT => (value.len() == 2, "a port"),
        IPV4HINT => {
            (!value.is_empty() && value.len().is_multiple_of(4), "a list of IPv4 addresses")
        }
        ECH => (!value.is_empty(), "a list of configurations"),
        IPV6HINT => {
            (!value.is_empty() && value.len().is_multiple_of(16), "a list of IPv6 addresses")
        }
        DOHPATH => (is_template(value), "a path with a variable, as `/dns-query{?dns}`"),
        GROUPS => (!pairs.is_empty() && odd.is_empty(), "a list of groups"),
        _ => (true, ""),
    };
    (!right).then_some(expected)
}

/// Strings with a length in front of each, none empty.
fn strings(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some((length, tail)) = rest.split_first() {
        match tail.get(usize::from(*length)..) {
            Some(tail) if *length > 0 => rest = tail,
            _ => return false,
        }
    }
    true
}

/// RFC 9461, 5: a relative URI template, in UTF-8, with the variable `dns`.
fn is_template(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let variables = |expression: &str| {
        expression.split_once('}').is_some_and(|(inside, _)| {
            let inside = inside.trim_start_matches(['?', '&', '+', '#', '.', '/', ';']);
            inside.split(',').any(|variable| variable.trim_end_matches('*') == "dns")
        })
    };
    text.starts_with('/') && text.split('{').skip(1).any(variables)
}
