//! LOC record data (RFC 1876, 3).

use std::ops::Range;

use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// Appends `d [m [s]] N|S d [m [s]] E|W altitude [size [horizontal [vertical]]]`.
///
/// # Errors
///
/// [`flaw::RDATA`] at the token that is wrong.
pub(super) fn write(
    tokens: &[Token<'_>],
    end: Range<usize>,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let mut tokens = tokens.iter();
    let missing = |what: &str| {
        Flaw::new(flaw::RDATA, end.clone(), format!("LOC without {what}"))
            .help("write it as: 52 14 05 N 00 08 50 E 10m")
    };
    let latitude = angle(&mut tokens, ("N", "S"), 90)?.ok_or_else(|| missing("a latitude"))?;
    let longitude = angle(&mut tokens, ("E", "W"), 180)?.ok_or_else(|| missing("a longitude"))?;
    let altitude = tokens.next().ok_or_else(|| missing("an altitude"))?;
    let altitude = centimetres(altitude)
        .and_then(|height| u32::try_from(height + 10_000_000).ok())
        .ok_or_else(|| field::expected(altitude, "an altitude from -100000m to 42849672m"))?;
    // RFC 1876, 3: 1 m, 10,000 m and 10 m unless given.
    let mut sizes = [0x12, 0x16, 0x13];
    for size in &mut sizes {
        if let Some(token) = tokens.next() {
            *size = centimetres(token)
                .and_then(precision)
                .ok_or_else(|| field::expected(token, "a size from 0m to 90000000m"))?;
        }
    }
    if let Some(extra) = tokens.next() {
        return Err(field::expected(extra, "the end of LOC"));
    }
    out.push(0);
    out.extend(sizes);
    for value in [latitude, longitude, altitude] {
        out.extend(value.to_be_bytes());
    }
    Ok(())
}

/// Thousandths of a second of arc above 2³¹ at the equator or prime meridian.
fn angle(
    tokens: &mut std::slice::Iter<'_, Token<'_>>,
    (plus, minus): (&str, &str),
    most: i64,
) -> Result<Option<u32>, Flaw> {
    let mut total = 0_i64;
    for unit in [3_600_000_i64, 60_000, 1000, 0] {
        let Some(token) = tokens.next() else { return Ok(None) };
        let sign = match token.text {
            text if text.eq_ignore_ascii_case(plus) => 1,
            text if text.eq_ignore_ascii_case(minus) => -1,
            text => {
                // Only seconds may have a fraction, of three digits.
                let thousandths = fixed(text, if unit == 1000 { 3 } else { 0 });
                let part = if unit == 1000 { thousandths } else { thousandths.map(|n| n * unit) };
                let below = if unit == 3_600_000 { (most + 1) * unit } else { 60 * unit };
                total += part.filter(|part| (0..below).contains(part)).ok_or_else(|| {
                    field::expected(token, &format!("degrees, minutes, seconds, {plus} or {minus}"))
                })?;
                continue;
            }
        };
        let value = sign * total + (1 << 31);
        return match u32::try_from(value) {
            Ok(value) if total <= most * 3_600_000 => Ok(Some(value)),
            _ => Err(field::expected(token, &format!("at most {most} degrees before"))),
        };
    }
    Ok(None)
}

/// A decimal number times 10^`digits`, with no more digits than that behind the point.
fn fixed(text: &str, digits: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or((1, whole), |rest| (-1, rest));
    let plain = |part: &str| part.bytes().all(|octet| octet.is_ascii_digit());
    if whole.is_empty() || whole.len() > 10 || fraction.len() > digits {
        return None;
    }
    if !plain(whole) || !plain(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<digits$}").parse::<i64>().ok().map(|value| sign * value)
}

fn centimetres(token: &Token<'_>) -> Option<i64> {
    fixed(token.text.strip_suffix(['m', 'M']).unwrap_or(token.text), 2)
}

/// RFC 1876, 2: a digit and a power of ten, each four bits.
fn precision(centimetres: i64) -> Option<u8> {
    let mut digit = centimetres;
    let mut power = 0_u8;
    while digit > 9 {
        digit /= 10;
        power += 1;
    }
    u8::try_from(digit).ok().filter(|_| power <= 9).map(|digit| digit << 4 | power)
}
