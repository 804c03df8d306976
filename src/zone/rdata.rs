//! Record data from text to wire form.
//!
//! ```text
//!   tokens ── \# ? ──► octets in hex, checked against the layout    RFC 3597, 5
//!     │
//!     ├─ a layout?  ─► field by field, each with its own message    layout, field
//!     └─ else       ─► hickory's reader and encoder                 by_hickory
//! ```
//!
//! What hickory reads well is left to it: SVCB, HTTPS, TLSA, SMIMEA, SSHFP, CERT, OPENPGPKEY,
//! CSYNC. Ours are the types that it lacks, those that hold character strings (it reads `\DDD`
//! as another octet, keeps `\` in front of others outside quotes, and drops what follows the
//! last field), and the few that are most of every zone.
//!
//! Names are written uncompressed and with their case kept.

use std::ops::Range;

use crate::model::Name;
use crate::model::RecordType;
use crate::zone::by_hickory;
use crate::zone::field;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::layout;
use crate::zone::layout::Field;
use crate::zone::layout::Kind;
use crate::zone::location;
use crate::zone::splitter::Token;

/// Appends the wire form of the data of one record of type `rtype` to `out`.
///
/// `end` is where a missing token would stand.
///
/// # Errors
///
/// [`flaw::RDATA`] at the token that is wrong.
pub(super) fn write(
    rtype: RecordType,
    tokens: &[Token<'_>],
    end: Range<usize>,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let start = out.len();
    let layout = layout::of(rtype);
    match tokens.split_first() {
        Some((mark, rest)) if !mark.quoted && mark.text == r"\#" => {
            generic(rest, mark.at(), out)?;
            let octets = out.get(start..).unwrap_or_default();
            if let Some(layout) = layout
                && !layout::fits(layout, octets)
            {
                let message = format!("these octets are not the data of {rtype}");
                return Err(Flaw::new(flaw::RDATA, mark.at(), message)
                    .help(format!("expected {}", layout::describe(layout))));
            }
        }
        _ => match layout {
            Some(layout) => fields(rtype, layout, tokens, end.clone(), origin, out)?,
            None if rtype == RecordType::LOC => location::write(tokens, end.clone(), out)?,
            None => by_hickory::write(rtype, tokens, end.clone(), origin, out)?,
        },
    }
    let length = out.len() - start;
    if length > usize::from(u16::MAX) {
        let message = format!("{length} octets of data; a record holds at most 65535");
        return Err(Flaw::new(flaw::RDATA, end, message));
    }
    Ok(())
}

/// RFC 3597, 5: `\# length hex…`.
fn generic(tokens: &[Token<'_>], mark: Range<usize>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let Some((length, hex)) = tokens.split_first() else {
        let flaw = Flaw::new(flaw::RDATA, mark, r"`\#` without a length");
        return Err(flaw.help(r"write `\# 4 0A000001`: the number of octets, then hex"));
    };
    let wanted = field::number(length, "the number of octets", u32::from(u16::MAX))?;
    let start = out.len();
    field::hex(hex, out)?;
    let found = out.len() - start;
    if u32::try_from(found) != Ok(wanted) {
        let message = format!(r"`\#` announces {wanted} octets, {found} follow");
        return Err(Flaw::new(flaw::RDATA, length.at(), message)
            .help(format!("write {found}, or complete the octets")));
    }
    Ok(())
}

fn fields(
    rtype: RecordType,
    layout: &[Field],
    tokens: &[Token<'_>],
    end: Range<usize>,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    let mut rest = tokens;
    for Field(kind, what) in layout {
        let Some((token, tail)) = rest.split_first() else {
            // RFC 5155, 7.1: an empty non-terminal has no types.
            if *kind == Kind::Types {
                continue;
            }
            let message = format!("{rtype} without {what}");
            return Err(Flaw::new(flaw::RDATA, end, message)
                .help(format!("write {rtype} as: {}", layout::describe(layout))));
        };
        one(Field(*kind, what), token, rest, origin, out)?;
        rest = if kind.takes_the_rest() { &[] } else { tail };
    }
    match rest.first() {
        Some(extra) => {
            let message = format!("`{}` is more than {rtype} holds", extra.text);
            Err(Flaw::new(flaw::RDATA, extra.at(), message)
                .help(format!("write {rtype} as: {}", layout::describe(layout))))
        }
        None => Ok(()),
    }
}

/// Writes one field; `rest` is the token and all behind it, for the fields that take those.
fn one(
    Field(kind, what): Field,
    token: &Token<'_>,
    rest: &[Token<'_>],
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<(), Flaw> {
    match kind {
        Kind::A => field::address4(token, out),
        Kind::Aaaa => field::address6(token, out),
        Kind::Algorithm => field::algorithm(token, out),
        Kind::Base32 => field::base32(token, out),
        Kind::Base64 => field::base64(rest, out),
        Kind::Eui(n_octets) => field::eui(token, n_octets, out),
        Kind::Hex => field::hex(rest, out),
        Kind::Name => field::name(token, origin, out),
        Kind::Octets => field::octets(token, out),
        Kind::Salt => field::salt(token, out),
        Kind::Seconds => field::seconds(token, what, out),
        Kind::Stamp => field::stamp(token, what, out),
        Kind::Tag => field::tag(token, out),
        Kind::Text => field::string(token, out),
        Kind::Texts => rest.iter().try_for_each(|token| field::string(token, out)),
        Kind::Type => field::record_type(token, out),
        Kind::Types => field::types(rest, out),
        Kind::U8 => field::number(token, what, u32::from(u8::MAX))
            .map(|n| out.extend(n.to_be_bytes().into_iter().skip(3))),
        Kind::U16 => field::number(token, what, u32::from(u16::MAX))
            .map(|n| out.extend(n.to_be_bytes().into_iter().skip(2))),
        Kind::U32 => field::number(token, what, u32::MAX).map(|n| out.extend(n.to_be_bytes())),
    }
}
