//! Record data on the wire, held against the layout of their type.

use crate::model::RecordType;
use crate::zone::layout;
use crate::zone::layout::Field;
use crate::zone::layout::Kind;
use crate::zone::rare;

/// Whether octets are record data of this layout: all of RFC 3597, 5 asks of generic data.
pub(super) fn fits(layout: &[Field], octets: &[u8]) -> bool {
    let mut rest = octets;
    for Field(kind, _) in layout {
        let Some(tail) = skip(*kind, rest) else { return false };
        rest = tail;
    }
    rest.is_empty()
}

/// Puts the names in the data of a type into lower case, as far as the octets have its layout.
pub(super) fn lower_names(rtype: RecordType, octets: &mut [u8]) {
    let mut rest = octets;
    for Field(kind, _) in layout::of(rtype).unwrap_or_default() {
        let Some(length) = skip(*kind, rest).map(|tail| rest.len() - tail.len()) else { return };
        let Some((field, tail)) = rest.split_at_mut_checked(length) else { return };
        if *kind == Kind::Name {
            field.make_ascii_lowercase();
        }
        rest = tail;
    }
}

/// The octets behind one field; `None` if it does not stand there.
fn skip(kind: Kind, octets: &[u8]) -> Option<&[u8]> {
    let fixed = match kind {
        Kind::Named8(_) | Kind::U8 => 1,
        Kind::KeyFlags | Kind::Named16(_) | Kind::Type | Kind::U16 => 2,
        Kind::A | Kind::Seconds | Kind::Stamp | Kind::U32 => 4,
        Kind::U64 => 8,
        Kind::Aaaa | Kind::Location => 16,
        Kind::Eui(n_octets) => n_octets,
        Kind::MaybeText if octets.is_empty() => 0,
        Kind::Base32 | Kind::MaybeText | Kind::Salt | Kind::Tag | Kind::Text => {
            1 + usize::from(*octets.first()?)
        }
        Kind::Name => layout::name_length(octets)?,
        Kind::Base64OrDash | Kind::MaybeBase64 | Kind::Octets | Kind::Services => octets.len(),
        Kind::Base64 | Kind::Hex | Kind::Nsap => octets.len().max(1),
        Kind::Atma => octets.len().max(2),
        Kind::NxtTypes => return octets.get(octets.len()..).filter(|_| octets.len() <= 16),
        Kind::Texts => {
            let mut rest = octets;
            while !rest.is_empty() {
                rest = skip(Kind::Text, rest)?;
            }
            return (!octets.is_empty()).then_some(rest);
        }
        Kind::Types => return types(octets),
        Kind::Parameters => {
            let mut rest = octets;
            while let [_, _, high, low, tail @ ..] = rest {
                rest = tail.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
            }
            return Some(rest);
        }
        Kind::A6 => return rare::fits_a6(octets).map(|()| &[][..]),
        Kind::Hip => return rare::fits_hip(octets).map(|()| &[][..]),
        Kind::Prefixes => return rare::fits_prefixes(octets).map(|()| &[][..]),
        Kind::Gateway => return rare::fits_gateway(octets).then_some(&[]),
        Kind::Relay => return rare::fits_relay(octets).then_some(&[]),
    };
    octets.get(fixed..)
}

/// RFC 4034, 4.1.2: ascending blocks, each with a bit set in its last octet.
fn types(octets: &[u8]) -> Option<&[u8]> {
    let mut rest = octets;
    let mut before = None;
    while let [window, length, tail @ ..] = rest {
        let (bits, tail) = tail.split_at_checked(usize::from(*length))?;
        let last = bits.last()?;
        if bits.len() > 32 || *last == 0 || before >= Some(*window) {
            return None;
        }
        before = Some(*window);
        rest = tail;
    }
    Some(rest)
}
