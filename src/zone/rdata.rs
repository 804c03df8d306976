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
                && !layout::fits(layout, octets)
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

/// Writes one field, which has a token at least.
fn one(Field(kind, what): Field, rest: &mut Rest<'_, '_>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    match kind {
        Kind::A6 => return rare::a6(rest, out),
        Kind::Gateway => return rare::gateway(rest, out),
        Kind::Hip => return rare::hip(rest, out),
        Kind::Relay => return rare::relay(rest, out),
        Kind::Services => return rare::services(rest, out),
        _ => {}
    }
    if kind.takes_the_rest() {
        if rest.tokens.is_empty() {
            rest.take(what)?;
        }
        let end = rest.end.clone();
        return all(kind, rest.take_all(), end, out);
    }
    let token = rest.take(what)?;
    match kind {
        Kind::A => field::address4(token, out),
        Kind::Aaaa => field::address6(token, out),
        Kind::Atma => encoding::atma(token, out),
        Kind::Base32 => encoding::base32(token, out),
        Kind::Eui(n_octets) => encoding::eui(token, n_octets, out),
        Kind::KeyFlags => mnemonic::key_flags(token).map(|n| out.extend(n.to_be_bytes())),
        Kind::MaybeText | Kind::Text => field::string(token, out),
        Kind::Name => field::name(token, rest.origin, out),
        Kind::Named8(words) => words
            .number(token, u16::from(u8::MAX))
            .map(|n| out.extend(n.to_be_bytes().into_iter().skip(1))),
        Kind::Named16(words) => words.number(token, u16::MAX).map(|n| out.extend(n.to_be_bytes())),
        Kind::Nsap => encoding::nsap(token, out),
        Kind::Octets => field::octets(token, out),
        Kind::Salt => encoding::salt(token, out),
        Kind::Seconds => field::seconds(token, what, out),
        Kind::Stamp => field::stamp(token, what, out),
        Kind::Tag => field::tag(token, out),
        Kind::Type => field::parse_type(token).map(|t| out.extend(t.0.to_be_bytes())),
        Kind::U8 => field::number(token, what, u32::from(u8::MAX))
            .map(|n| out.extend(n.to_be_bytes().into_iter().skip(3))),
        Kind::U16 => field::number(token, what, u32::from(u16::MAX))
            .map(|n| out.extend(n.to_be_bytes().into_iter().skip(2))),
        Kind::U32 => field::number(token, what, u32::MAX).map(|n| out.extend(n.to_be_bytes())),
        Kind::U64 => encoding::groups(token, out),
        // All that take the rest were read above.
        Kind::A6
        | Kind::Base64
        | Kind::Base64OrDash
        | Kind::Gateway
        | Kind::Hex
        | Kind::Hip
        | Kind::Location
        | Kind::MaybeBase64
        | Kind::NxtTypes
        | Kind::Parameters
        | Kind::Prefixes
        | Kind::Relay
        | Kind::Services
        | Kind::Texts
        | Kind::Types => Ok(()),
    }
}

/// Writes a field that takes all the tokens there are, one at least.
fn all(kind: Kind, tokens: &[Token<'_>], end: Range<usize>, out: &mut Vec<u8>) -> Result<(), Flaw> {
    match (kind, tokens) {
        (Kind::Base64OrDash, [dash]) if dash.text == "-" => Ok(()),
        (Kind::Base64 | Kind::Base64OrDash | Kind::MaybeBase64, _) => encoding::base64(tokens, out),
        (Kind::Hex, _) => encoding::hex(tokens, out),
        (Kind::Location, _) => location::write(tokens, end, out),
        (Kind::NxtTypes, _) => rare::nxt_types(tokens, out),
        (Kind::Parameters, _) => binding::write(tokens, out),
        (Kind::Prefixes, _) => rare::prefixes(tokens, out),
        (Kind::Texts, _) => tokens.iter().try_for_each(|token| field::string(token, out)),
        _ => field::types(tokens, out),
    }
}
