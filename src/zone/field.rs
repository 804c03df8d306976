//! One field of record data from text to wire form.
//!
//! Each function appends to `out` or says at which token the text is wrong.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::ops::Range;

use crate::model::Name;
use crate::model::RecordType;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// The tokens of a record's data that are left, and what they are read for.
#[derive(Debug)]
pub(super) struct Rest<'t, 'a> {
    pub(super) rtype: RecordType,
    pub(super) tokens: &'t [Token<'a>],
    /// Where a missing token would stand.
    pub(super) end: Range<usize>,
    pub(super) origin: &'t Name,
}

impl<'t, 'a> Rest<'t, 'a> {
    /// Takes the next token.
    ///
    /// # Errors
    ///
    /// At the end of the data: there is no `what`.
    pub(super) fn take(&mut self, what: &str) -> Result<&'t Token<'a>, Flaw> {
        let (token, rest) = self.tokens.split_first().ok_or_else(|| {
            let message = format!("{} without {what}", self.rtype);
            Flaw::new(flaw::RDATA, self.end.clone(), message)
        })?;
        self.tokens = rest;
        Ok(token)
    }

    /// Takes all tokens that are left, one at least.
    ///
    /// # Errors
    ///
    /// At the end of the data: there is no `what`.
    pub(super) fn take_some(&mut self, what: &str) -> Result<&'t [Token<'a>], Flaw> {
        let all = self.tokens;
        self.take(what)?;
        self.tokens = &[];
        Ok(all)
    }

    /// Takes all tokens that are left.
    pub(super) fn take_all(&mut self) -> &'t [Token<'a>] {
        std::mem::take(&mut self.tokens)
    }
}

/// An error at a token: what was expected, what was found.
pub(super) fn expected(token: &Token<'_>, what: &str) -> Flaw {
    Flaw::new(flaw::RDATA, token.at(), format!("expected {what}, found `{}`", token.text))
}

pub(super) fn address4(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let address: Ipv4Addr =
        token.text.parse().map_err(|_| expected(token, "an IPv4 address such as 192.0.2.1"))?;
    out.extend(address.octets());
    Ok(())
}

pub(super) fn address6(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let address: Ipv6Addr =
        token.text.parse().map_err(|_| expected(token, "an IPv6 address such as 2001:db8::1"))?;
    out.extend(address.octets());
    Ok(())
}

pub(super) fn name(token: &Token<'_>, origin: &Name, out: &mut Vec<u8>) -> Result<(), Flaw> {
    Name::append_wire(token.text, Some(origin), out).map_err(|error| {
        let message = format!("`{}` is no domain name: it has {error}", token.text);
        Flaw::new(flaw::RDATA, token.at(), message)
    })
}

/// A whole number from 0 to `most`.
pub(super) fn number(token: &Token<'_>, what: &str, most: u32) -> Result<u32, Flaw> {
    decimal(token.text)
        .filter(|n| *n <= most)
        .ok_or_else(|| expected(token, &format!("{what}, a number from 0 to {most}")))
}

/// Digits only; `str::parse` takes a sign too.
fn decimal(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A time as seconds or with units, as `1h30m`; `None` past 32 bits.
pub(super) fn duration(text: &str) -> Option<u32> {
    if let Some(seconds) = decimal(text) {
        return Some(seconds);
    }
    let mut total = 0_u32;
    let mut digits = 0;
    let mut value = 0_u32;
    for octet in text.bytes() {
        if octet.is_ascii_digit() {
            digits += 1;
            value = value.checked_mul(10)?.checked_add(u32::from(octet - b'0'))?;
            continue;
        }
        let unit = match octet.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        if digits == 0 {
            return None;
        }
        total = total.checked_add(value.checked_mul(unit)?)?;
        (digits, value) = (0, 0);
    }
    (digits == 0 && !text.is_empty()).then_some(total)
}

pub(super) fn seconds(token: &Token<'_>, what: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let time = duration(token.text).ok_or_else(|| {
        expected(token, &format!("{what} in seconds or as `1h30m`, below 2^32 seconds"))
    })?;
    out.extend(time.to_be_bytes());
    Ok(())
}

/// RFC 4034, 3.2: `YYYYMMDDHHmmSS` in UTC, or seconds since 1970; both modulo 2³².
pub(super) fn stamp(token: &Token<'_>, what: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let moment = match token.text.len() {
        14 => calendar(token.text),
        _ => decimal(token.text),
    };
    let moment =
        moment.ok_or_else(|| expected(token, &format!("{what} as YYYYMMDDHHmmSS in UTC")))?;
    out.extend(moment.to_be_bytes());
    Ok(())
}

fn calendar(text: &str) -> Option<u32> {
    let part = |range| text.get(range).and_then(decimal);
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(8..10)?, part(10..12)?, part(12..14)?);
    let leap = |year: u32| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let length = |month: u32| match month {
        2 => 28 + u32::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let valid = year >= 1970
        && (1..=12).contains(&month)
        && (1..=length(month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !valid {
        return None;
    }
    let years: u64 = (1970..year).map(|y| 365 + u64::from(leap(y))).sum();
    let months: u64 = (1..month).map(|m| u64::from(length(m))).sum();
    let days = years + months + u64::from(day) - 1;
    let seconds = ((days * 24 + u64::from(hour)) * 60 + u64::from(minute)) * 60 + u64::from(second);
    // RFC 4034, 3.1.5: serial number arithmetic, so the low 32 bits are the moment.
    u32::try_from(seconds & u64::from(u32::MAX)).ok()
}

/// The octets of a string with `\X` and `\DDD` resolved (RFC 1035, 5.1).
pub(super) fn octets(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut rest = token.text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            out.push(octet);
            continue;
        }
        let escaped = match rest.next() {
            Some(first @ b'0'..=b'9') => {
                let digits = [Some(first), rest.next(), rest.next()];
                digits.into_iter().try_fold(0_u32, |value, digit| {
                    let digit = digit.filter(u8::is_ascii_digit)?;
                    Some(value * 10 + u32::from(digit - b'0'))
                })
            }
            other => other.map(u32::from),
        };
        match escaped.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => out.push(value),
            None => {
                return Err(expected(
                    token,
                    "a backslash followed by a character or by three digits up to 255",
                ));
            }
        }
    }
    Ok(())
}

/// Appends what `write` appends, behind one octet with its length.
pub(super) fn with_length(
    token: &Token<'_>,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let at = out.len();
    out.push(0);
    write(out)?;
    let length = out.len() - at - 1;
    match (u8::try_from(length), out.get_mut(at)) {
        (Ok(length), Some(slot)) => {
            *slot = length;
            Ok(())
        }
        _ => {
            let message = format!("a string of {length} octets; it may have 255");
            Err(Flaw::new(flaw::RDATA, token.at(), message)
                .help("split it: `\"first part\" \"second part\"`"))
        }
    }
}

/// A character string (RFC 1035, 3.3).
pub(super) fn string(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    with_length(token, out, |out| octets(token, out))
}

/// RFC 8659, 4.1: letters and digits, one at least.
pub(super) fn tag(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    if token.text.is_empty() || !token.text.bytes().all(|octet| octet.is_ascii_alphanumeric()) {
        return Err(expected(token, "a tag such as `issue`, of letters and digits"));
    }
    string(token, out)
}

/// A type by its mnemonic, as `TYPE65280`, or by its bare number, as BIND takes it too.
pub(super) fn parse_type(token: &Token<'_>) -> Result<RecordType, Flaw> {
    let number = || decimal(token.text).and_then(|number| u16::try_from(number).ok());
    let parsed = token.text.parse().ok().or_else(|| number().map(RecordType));
    parsed.ok_or_else(|| expected(token, "a record type"))
}

/// RFC 4034, 4.1.2: for each block of 256 types that occurs, its bits up to the last one set.
pub(super) fn types(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
    let parse = |token: &Token<'_>| {
        let parsed: Result<RecordType, ()> = token.text.parse();
        parsed.map_err(|()| expected(token, "a record type"))
    };
    let mut types = tokens.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    types.sort_unstable();
    for block in types.chunk_by(|a, b| a.0 >> 8 == b.0 >> 8) {
        let mut bits: Vec<u8> = Vec::with_capacity(32);
        let mut number = 0;
        for rtype in block {
            let [window, low] = rtype.0.to_be_bytes();
            number = window;
            bits.resize(usize::from(low / 8) + 1, 0);
            if let Some(last) = bits.last_mut() {
                *last |= 0x80 >> (low % 8);
            }
        }
        out.push(number);
        out.extend(u8::try_from(bits.len()));
        out.extend(bits);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_units() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("3600", Some(3600)),
            ("1h30m", Some(5400)),
            ("1W2D", Some(777_600)),
            ("4294967295", Some(u32::MAX)),
            ("4294967296", None),
            ("99999999w", None),
            ("", None),
            ("h", None),
            ("1h30", None),
            ("1y", None),
            ("-1", None),
            ("+1", None),
        ] {
            assert_eq!(duration(text), seconds, "{text}");
        }
    }

    #[test]
    fn rfc4034_3_2_moments() {
        for (text, moment) in [
            ("19700101000000", Some(0)),
            ("20030322173103", Some(1_048_354_263)),
            ("20000229000000", Some(951_782_400)),
            ("21060207062816", Some(0)),
            ("20010229000000", None),
            ("20031322173103", None),
            ("20030322243103", None),
        ] {
            assert_eq!(calendar(text), moment, "{text}");
        }
    }
}
