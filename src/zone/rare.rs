//! Fields that are written in a way of their own, for types that few zones have.
//!
//! Each has a reader of its text, and a function that holds octets against the same shape.

use std::net::IpAddr;

use crate::zone::encoding;
use crate::zone::field;
use crate::zone::field::Rest;
use crate::zone::field::expected;
use crate::zone::flaw::Flaw;
use crate::zone::layout;
use crate::zone::mnemonic;
use crate::zone::splitter::Token;

/// RFC 4025, 2: type, algorithm, gateway, and a key unless the algorithm is 0.
pub(super) fn fits_gateway(octets: &[u8]) -> bool {
    let [kind, algorithm, rest @ ..] = octets else { return false };
    skip_host(*kind, rest).is_some_and(|key| *algorithm == 0 || !key.is_empty())
}

/// RFC 8777, 4.1: discovery bit and type in one octet, and the relay.
pub(super) fn fits_relay(octets: &[u8]) -> bool {
    let [kind, rest @ ..] = octets else { return false };
    skip_host(kind & 0x7f, rest).is_some_and(<[u8]>::is_empty)
}

/// The octets behind a gateway or relay of a type; `None` if it does not stand there.
fn skip_host(kind: u8, octets: &[u8]) -> Option<&[u8]> {
    let length = match kind {
        0 => 0,
        1 => 4,
        2 => 16,
        3 => layout::name_length(octets)?,
        _ => return None,
    };
    octets.get(length..)
}

/// A gateway or relay: none, an IPv4 address, an IPv6 address or a name.
fn host(kind: u8, rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let token = rest.take("the host, or `.` for none")?;
    match kind {
        0 if token.text == "." => Ok(()),
        0 => Err(expected(token, "`.`, as type 0 is none")),
        1 => field::address4(token, out),
        2 => field::address6(token, out),
        _ => field::name(token, rest.origin, out),
    }
}

fn host_type(token: &Token<'_>, what: &str) -> Result<u8, Flaw> {
    let number = field::number(token, what, 3)?;
    Ok(u8::try_from(number).unwrap_or(u8::MAX))
}

/// RFC 4025, 3.1: type, algorithm, gateway, key.
pub(super) fn gateway(rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let kind = host_type(rest.take("the type of the gateway")?, "the type of the gateway")?;
    let algorithm = field::number(rest.take("the algorithm")?, "the algorithm", 255)?;
    out.push(kind);
    out.extend(u8::try_from(algorithm));
    host(kind, rest, out)?;
    if algorithm != 0 && rest.tokens.is_empty() {
        rest.take("a key in base64")?;
    }
    encoding::base64(rest.take_all(), out)
}

/// RFC 8777, 4.3.1: discovery bit, type, relay.
pub(super) fn relay(rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let discovery = field::number(rest.take("the discovery bit")?, "the discovery bit", 1)?;
    let kind = host_type(rest.take("the type of the relay")?, "the type of the relay")?;
    out.push(if discovery == 1 { 0x80 | kind } else { kind });
    host(kind, rest, out)
}

/// RFC 8005, 6: algorithm, identity, key, and the servers that a host is met at.
pub(super) fn hip(rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let algorithm = field::number(rest.take("the algorithm")?, "the algorithm", 255)?;
    let (mut identity, mut key) = (Vec::new(), Vec::new());
    let token = rest.take("the identity in hex")?;
    encoding::hex(std::slice::from_ref(token), &mut identity)?;
    let n_identity = u8::try_from(identity.len()).ok().filter(|length| *length > 0);
    let n_identity = n_identity.ok_or_else(|| expected(token, "1 to 255 octets in hex"))?;
    let token = rest.take("the key in base64")?;
    encoding::base64(std::slice::from_ref(token), &mut key)?;
    let n_key = u16::try_from(key.len()).ok();
    let n_key = n_key.ok_or_else(|| expected(token, "a key of at most 65535 octets"))?;
    out.push(n_identity);
    out.extend(u8::try_from(algorithm));
    out.extend(n_key.to_be_bytes());
    out.append(&mut identity);
    out.append(&mut key);
    rest.take_all().iter().try_for_each(|server| field::name(server, rest.origin, out))
}

/// Whether octets are an identity, its key and its servers; `None` if not.
pub(super) fn fits_hip(octets: &[u8]) -> Option<()> {
    let [n_identity, _, high, low, rest @ ..] = octets else { return None };
    let n_key = usize::from(u16::from_be_bytes([*high, *low]));
    let mut rest = rest.get(usize::from(*n_identity) + n_key..)?;
    while !rest.is_empty() {
        rest = rest.get(layout::name_length(rest)?..)?;
    }
    (*n_identity > 0 && n_key > 0).then_some(())
}

/// RFC 2874, 3.1: the length of the prefix, the bits behind it, and whose prefix it is.
pub(super) fn a6(rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let length = field::number(rest.take("the length of the prefix")?, "the length", 128)?;
    out.extend(u8::try_from(length));
    if length < 128 {
        let mut address = Vec::new();
        field::address6(rest.take("an IPv6 address")?, &mut address)?;
        let whole = usize::try_from(length / 8).unwrap_or_default();
        if let Some(first) = address.get_mut(whole) {
            *first &= 0xff >> (length % 8);
        }
        out.extend(address.into_iter().skip(whole));
    }
    if length > 0 {
        field::name(rest.take("the name of the prefix")?, rest.origin, out)?;
    }
    Ok(())
}

/// Whether octets are a prefix of an address; `None` if not.
pub(super) fn fits_a6(octets: &[u8]) -> Option<()> {
    let (length, rest) = octets.split_first()?;
    let suffix = usize::from(128_u8.checked_sub(*length)?).div_ceil(8);
    let (suffix, rest) = rest.split_at_checked(suffix)?;
    let pad = suffix.first().map_or(0, |first| first & !(0xff >> (length % 8)));
    let named = if *length == 0 { 0 } else { layout::name_length(rest)? };
    (pad == 0 && rest.len() == named).then_some(())
}

/// RFC 3123, 5: `[!]family:address/length`, none or more.
pub(super) fn prefixes(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
    tokens.iter().try_for_each(|token| {
        let wrong = || expected(token, "a prefix as `1:192.0.2.0/24` or `!2:2001:db8::/32`");
        let (negated, text) = match token.text.strip_prefix('!') {
            Some(text) => (0x80, text),
            None => (0, token.text),
        };
        let (family, text) = text.split_once(':').ok_or_else(wrong)?;
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let plain = length.bytes().all(|octet| octet.is_ascii_digit());
        let length = length.parse::<u8>().ok().filter(|_| plain).ok_or_else(wrong)?;
        let (number, most, octets) = match (family, address) {
            ("1", IpAddr::V4(address)) => (1_u16, 32, address.octets().to_vec()),
            ("2", IpAddr::V6(address)) => (2, 128, address.octets().to_vec()),
            _ => return Err(wrong()),
        };
        if length > most {
            return Err(expected(token, &format!("a length of at most {most}")));
        }
        // RFC 3123, 4: trailing zero octets are left out.
        let kept = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        out.extend(number.to_be_bytes());
        out.push(length);
        out.extend(u8::try_from(kept).map(|kept| negated | kept));
        out.extend(octets.into_iter().take(kept));
        Ok(())
    })
}

/// Whether octets are prefixes; `None` if not.
pub(super) fn fits_prefixes(octets: &[u8]) -> Option<()> {
    let mut rest = octets;
    while let [high, low, length, kept, tail @ ..] = rest {
        let (address, tail) = tail.split_at_checked(usize::from(kept & 0x7f))?;
        let (most, size) = match u16::from_be_bytes([*high, *low]) {
            1 => (32, 4),
            2 => (128, 16),
            _ => (u8::MAX, usize::MAX),
        };
        if *length > most || address.len() > size || address.last() == Some(&0) {
            return None;
        }
        rest = tail;
    }
    rest.is_empty().then_some(())
}

/// RFC 1035, 3.4.2: a protocol, and a bit for each of its ports.
pub(super) fn services(rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let protocol = mnemonic::IP_PROTOCOLS.number(rest.take("the protocol")?, 255)?;
    out.extend(u8::try_from(protocol));
    let mut bits: Vec<u8> = Vec::new();
    for token in rest.take_all() {
        let port = mnemonic::SERVICES.number(token, u16::MAX)?;
        set(&mut bits, port);
    }
    out.append(&mut bits);
    Ok(())
}

/// RFC 2535, 5.2: a bit for each type below 128.
pub(super) fn nxt_types(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut bits = Vec::new();
    for token in tokens {
        let rtype = field::parse_type(token)?;
        if rtype.0 > 127 {
            return Err(expected(token, "a type below 128, as NXT knows no others"));
        }
        set(&mut bits, rtype.0);
    }
    out.append(&mut bits);
    Ok(())
}

/// Sets a bit, the first of an octet being its highest.
fn set(bits: &mut Vec<u8>, position: u16) {
    let at = usize::from(position / 8);
    if bits.len() <= at {
        bits.resize(at + 1, 0);
    }
    if let Some(octet) = bits.get_mut(at) {
        *octet |= 0x80 >> (position % 8);
    }
}
