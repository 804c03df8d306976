//! Record data from text to wire form.
//!
//! ```text
//!   tokens ── \# ? ──► octets in hex ──► fit the layout? ─┐        RFC 3597, 5
//!     │                                                   ├─► rules
//!     └─ the layout of the type ──► field by field ───────┘
//! ```
//!
//! Every type is read here and by its RFC; no library's text form stands between. What must
//! hold beyond the layout is asked of the octets, so that both ways are held to the same.
//! Names are written uncompressed and with their case kept.

use std::ops::Range;

use crate::model::Name;
use crate::model::RecordType;
use crate::zone::binding;
use crate::zone::encoding;
use crate::zone::field;
use crate::zone::field::Rest;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::layout;
use crate::zone::layout::Field;
use crate::zone::layout::Kind;
use crate::zone::location;
use crate::zone::mnemonic;
use crate::zone::rare;
use crate::zone::rules;
use crate::zone::shape;
use crate::zone::splitter::Token;

/// Appends the wire form of the data of one record of type `rtype` to `out`.
///
/// `end` is where a missing token would stand. Returns what may surprise, if anything does.
///
/// # Errors
///
/// [`flaw::RDATA`] at the token that is wrong, or at all of the data.
pub(super) fn write(
    rtype: RecordType,
    tokens: &[Token<'_>],
    end: Range<usize>,
    origin: &Name,
    out: &mut Vec<u8>,
) -> Result<Option<Flaw>, Flaw> {
    let start = out.len();
    let whole = match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => first.start..last.end,
        _ => end.clone(),
    };
    let layout = layout::of(rtype);
    match tokens.split_first() {
        Some((mark, rest)) if !mark.quoted && mark.text == r"\#" => {
            generic(rest, mark.at(), out)?;
            let octets = out.get(start..).unwrap_or_default();
            if let Some(layout) = layout
                && !shape::fits(layout, octets)
            {
                let message = format!("these octets are not the data of {rtype}");
                return Err(Flaw::new(flaw::RDATA, mark.at(), message)
                    .help(format!("expected {}", layout::describe(layout))));
            }
        }
        _ => {
            let Some(layout) = layout else {
                let message = format!("the text form of {rtype} is not known here");
                return Err(Flaw::new(flaw::RDATA, whole, message)
                    .help(r"write the octets as RFC 3597 has it: `\# 4 0A000001`"));
            };
            fields(layout, Rest { rtype, tokens, end: end.clone(), origin }, out)?;
        }
    }
    let octets = out.get(start..).unwrap_or_default();
    if octets.len() > usize::from(u16::MAX) {
        let message = format!("{} octets of data; a record holds at most 65535", octets.len());
        return Err(Flaw::new(flaw::RDATA, end, message).help("write several records"));
    }
    let warning = rules::check(rtype, octets).map_err(|wrong| {
        Flaw::new(flaw::RDATA, whole.clone(), format!("{rtype}: {wrong}"))
            .help("correct the data; clients drop such a record")
    })?;
    Ok(warning.map(|what| {
        Flaw::new(flaw::RDATA, whole, format!("{rtype}: {what}"))
            .help("correct the data, or leave it if it is meant")
    }))
}

/// RFC 3597, 5: `\# length hex…`.
fn generic(tokens: &[Token<'_>], mark: Range<usize>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let Some((length, hex)) = tokens.split_first() else {
        let flaw = Flaw::new(flaw::RDATA, mark, r"`\#` without a length");
        return Err(flaw.help(r"write `\# 4 0A000001`: the number of octets, then hex"));
    };
    let wanted = field::number(length, "the number of octets", u32::from(u16::MAX))?;
    let start = out.len();
    encoding::hex(hex, out)?;
    let found = out.len() - start;
    if u32::try_from(found) != Ok(wanted) {
        let message = format!(r"`\#` announces {wanted} octets, {found} follow");
        return Err(Flaw::new(flaw::RDATA, length.at(), message)
            .help(format!("write {found}, or complete the octets")));
    }
    Ok(())
}

fn fields(layout: &[Field], mut rest: Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let rtype = rest.rtype;
    for Field(kind, what) in layout {
        if rest.tokens.is_empty() && kind.is_optional() {
            continue;
        }
        one(Field(*kind, what), &mut rest, out).map_err(|flaw| match flaw.help {
            Some(_) => flaw,
            None => flaw.help(format!("write {rtype} as: {}", layout::describe(layout))),
        })?;
    }
    match rest.tokens.first() {
        Some(extra) => {
            let message = format!("`{}` is more than {rtype} holds", extra.text);
            Err(Flaw::new(flaw::RDATA, extra.at(), message)
                .help(format!("write {rtype} as: {}", layout::describe(layout))))
        }
        None => Ok(()),
    }
}

/// Writes one field: from the next token, or from all that are left, one at least.
fn one(Field(kind, what): Field, rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    let end = rest.end.clone();
    match kind {
        Kind::A => field::address4(rest.take(what)?, out),
        Kind::A6 => rare::a6(rest, out),
        Kind::Aaaa => field::address6(rest.take(what)?, out),
        Kind::Atma => encoding::atma(rest.take(what)?, out),
        Kind::Base32 => encoding::base32(rest.take(what)?, out),
        Kind::Base64 | Kind::MaybeBase64 => encoding::base64(rest.take_some(what)?, out),
        Kind::Base64OrDash => match rest.take_some(what)? {
            [dash] if dash.text == "-" => Ok(()),
            tokens => encoding::base64(tokens, out),
        },
        Kind::Eui(n_octets) => encoding::eui(rest.take(what)?, n_octets, out),
        Kind::Gateway => rare::gateway(rest, out),
        Kind::Hex => encoding::hex(rest.take_some(what)?, out),
        Kind::Hip => rare::hip(rest, out),
        Kind::KeyFlags => mnemonic::key_flags(rest.take(what)?).map(|n| put(u32::from(n), 2, out)),
        Kind::Location => location::write(rest.take_some(what)?, end, out),
        Kind::MaybeText | Kind::Text => field::string(rest.take(what)?, out),
        Kind::Name => field::name(rest.take(what)?, rest.origin, out),
        Kind::Named8(words) => {
            words.number(rest.take(what)?, 255).map(|n| put(u32::from(n), 1, out))
        }
        Kind::Named16(words) => {
            words.number(rest.take(what)?, u16::MAX).map(|n| put(u32::from(n), 2, out))
        }
        Kind::Nsap => encoding::nsap(rest.take(what)?, out),
        Kind::NxtTypes => rare::nxt_types(rest.take_all(), out),
        Kind::Octets => field::octets(rest.take(what)?, out),
        Kind::Parameters => binding::write(rest.take_all(), out),
        Kind::Prefixes => rare::prefixes(rest.take_all(), out),
        Kind::Relay => rare::relay(rest, out),
        Kind::Salt => encoding::salt(rest.take(what)?, out),
        Kind::Seconds => field::seconds(rest.take(what)?, what, out),
        Kind::Services => rare::services(rest, out),
        Kind::Stamp => field::stamp(rest.take(what)?, what, out),
        Kind::Tag => field::tag(rest.take(what)?, out),
        Kind::Texts => rest.take_some(what)?.iter().try_for_each(|token| field::string(token, out)),
        Kind::Type => field::parse_type(rest.take(what)?).map(|t| put(u32::from(t.0), 2, out)),
        Kind::Types => field::types(rest.take_all(), out),
        Kind::U8 => field::number(rest.take(what)?, what, 255).map(|n| put(n, 1, out)),
        Kind::U16 => field::number(rest.take(what)?, what, 65_535).map(|n| put(n, 2, out)),
        Kind::U32 => field::number(rest.take(what)?, what, u32::MAX).map(|n| put(n, 4, out)),
        Kind::U64 => encoding::groups(rest.take(what)?, out),
    }
}

/// Appends the last `size` octets of a number, which is no larger.
fn put(number: u32, size: usize, out: &mut Vec<u8>) {
    out.extend(number.to_be_bytes().into_iter().skip(size_of::<u32>() - size));
}
