//! Octets written in hex, base64 and base32hex.
//!
//! Each function appends to `out` or says at which token the text is wrong.

use crate::zone::field::expected;
use crate::zone::field::with_length;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

fn nibble(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn hex_octets<'a>(
    token: &Token<'_>,
    digits: &'a [u8],
    out: &mut Vec<u8>,
) -> Result<&'a [u8], Flaw> {
    let (pairs, rest) = digits.as_chunks::<2>();
    for [high, low] in pairs {
        let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) else {
            return Err(expected(token, "hex digits"));
        };
        out.push(high << 4 | low);
    }
    Ok(rest)
}

/// Hex over any number of tokens; an octet may be cut by a blank (RFC 3597, 5).
pub(super) fn hex(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
    let mut carried: Option<u8> = None;
    for token in tokens {
        let mut digits = token.text.as_bytes();
        if let Some(high) = carried.take() {
            let Some((low, tail)) = digits.split_first() else {
                carried = Some(high);
                continue;
            };
            hex_octets(token, &[high, *low], out)?;
            digits = tail;
        }
        carried = hex_octets(token, digits, out)?.first().copied();
    }
    match (carried, tokens.last()) {
        (Some(_), Some(last)) => Err(expected(last, "an even number of hex digits")),
        _ => Ok(()),
    }
}

/// RFC 5155, 3.3: hex, or `-` for no salt.
pub(super) fn salt(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    with_length(token, out, |out| match token.text {
        "-" => Ok(()),
        _ => hex(std::slice::from_ref(token), out),
    })
}

pub(super) fn eui(token: &Token<'_>, n_octets: usize, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let start = out.len();
    for part in token.text.split('-') {
        let ([high, low], true) = (part.as_bytes(), part.len() == 2) else {
            return Err(expected(token, "pairs of hex digits with hyphens between"));
        };
        hex_octets(token, &[*high, *low], out)?;
    }
    if out.len() - start == n_octets {
        Ok(())
    } else {
        Err(expected(token, &format!("{n_octets} pairs of hex digits with hyphens between")))
    }
}

/// Appends the octets of digits of `bits` bits each; `None` at a digit that is none.
fn unpack(digits: impl Iterator<Item = Option<u32>>, bits: u32, out: &mut Vec<u8>) -> Option<u32> {
    let (mut held, mut n_held, mut n_digits) = (0_u32, 0_u32, 0_u32);
    for digit in digits {
        held = held << bits | digit?;
        n_held += bits;
        n_digits += 1;
        if n_held >= 8 {
            n_held -= 8;
            out.push(u8::try_from(held >> n_held).ok()?);
            held &= (1 << n_held) - 1;
        }
    }
    // What is left over is less than a digit and zero, or the text was cut.
    (held == 0 && n_held < bits).then_some(n_digits)
}

/// Base64 over any number of tokens (RFC 4648, 4).
pub(super) fn base64(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Flaw> {
    let Some(first) = tokens.first() else { return Ok(()) };
    let text: String = tokens.iter().map(|token| token.text).collect();
    let digits = text.trim_end_matches('=');
    let values = digits.bytes().map(|octet| match octet {
        b'A'..=b'Z' => Some(u32::from(octet - b'A')),
        b'a'..=b'z' => Some(u32::from(octet - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(octet - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let padded = text.len().is_multiple_of(4) && text.len() - digits.len() <= 2;
    match unpack(values, 6, out) {
        Some(1..) if padded => Ok(()),
        _ => Err(expected(first, "base64, padded with `=`")),
    }
}

/// RFC 5155, 3.3: base32hex without padding.
pub(super) fn base32(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let values = token.text.bytes().map(|octet| match octet.to_ascii_uppercase() {
        upper @ b'A'..=b'V' => Some(u32::from(upper - b'A') + 10),
        digit @ b'0'..=b'9' => Some(u32::from(digit - b'0')),
        _ => None,
    });
    with_length(token, out, |out| match unpack(values, 5, out) {
        Some(1..) => Ok(()),
        _ => Err(expected(token, "base32hex without padding")),
    })
}

/// `0x` and pairs of hex digits, with dots for the eye (RFC 1706, 5).
pub(super) fn nsap(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let digits = token.text.strip_prefix("0x").or_else(|| token.text.strip_prefix("0X"));
    match digits.map(|digits| digits.replace('.', "")) {
        Some(digits) if !digits.is_empty() => pairs(token, &digits, out),
        _ => Err(expected(token, "an address as `0x47.0005.80`")),
    }
}

/// `+` and digits for E.164, else the hex of an end system address, dots for the eye.
pub(super) fn atma(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let wrong = || expected(token, "`+` and digits, or pairs of hex digits");
    let digits = token.text.replace('.', "");
    match digits.strip_prefix('+') {
        Some(number) => {
            if number.is_empty() || !number.bytes().all(|octet| octet.is_ascii_digit()) {
                return Err(wrong());
            }
            out.push(1);
            out.extend(number.bytes());
            Ok(())
        }
        None if digits.is_empty() => Err(wrong()),
        None => {
            out.push(0);
            pairs(token, &digits, out)
        }
    }
}

fn pairs(token: &Token<'_>, digits: &str, out: &mut Vec<u8>) -> Result<(), Flaw> {
    match hex_octets(token, digits.as_bytes(), out)? {
        [] => Ok(()),
        _ => Err(expected(token, "an even number of hex digits")),
    }
}

/// Four groups of up to four hex digits (RFC 6742, 2.1.2 and 2.3.2).
pub(super) fn groups(token: &Token<'_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let wrong = || expected(token, "64 bits as four groups of hex digits: `2001:db8:0:1`");
    let mut count = 0;
    for group in token.text.split(':') {
        let hex = (1..=4).contains(&group.len()) && group.bytes().all(|o| o.is_ascii_hexdigit());
        let value = u16::from_str_radix(group, 16).ok().filter(|_| hex).ok_or_else(wrong)?;
        out.extend(value.to_be_bytes());
        count += 1;
    }
    if count == 4 { Ok(()) } else { Err(wrong()) }
}
