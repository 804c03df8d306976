//! What must hold of record data beyond their layout.
//!
//! Asked of the wire form, so that a record written as RFC 3597 has it is held to the same.

use crate::model::RecordType;
use crate::zone::binding;
use crate::zone::layout;

/// Checks the data of a type, which fit its layout.
///
/// Returns what may surprise, if anything does.
///
/// # Errors
///
/// What is wrong, as the rest of a sentence that begins with the type.
pub(super) fn check(rtype: RecordType, octets: &[u8]) -> Result<Option<String>, String> {
    match (rtype, octets) {
        (RecordType::HTTPS | RecordType::SVCB, [high, low, rest @ ..]) => {
            let target = layout::name_length(rest).unwrap_or(rest.len());
            let parameters = rest.get(target..).unwrap_or_default();
            binding::check(rtype, u16::from_be_bytes([*high, *low]), parameters)
        }
        (
            RecordType::CDS | RecordType::DLV | RecordType::DS | RecordType::TA,
            [_, _, _, kind, ..],
        )
        | (RecordType::SSHFP, [_, kind, ..])
        | (RecordType::SMIMEA | RecordType::TLSA, [_, _, kind, ..])
        | (RecordType::ZONEMD, [_, _, _, _, _, kind, ..]) => digest(rtype, *kind, octets),
        (RecordType::KEY, [flags, _, _, _]) if flags & 0xc0 != 0xc0 => {
            Err("has no key, and its flags do not say so".into())
        }
        (RecordType::NSEC, _) => {
            let name = layout::name_length(octets).unwrap_or_default();
            if octets.len() > name { Ok(None) } else { Err("has no types".into()) }
        }
        (RecordType::X25, [_, digits @ ..]) => {
            if digits.len() >= 4 && digits.iter().all(u8::is_ascii_digit) {
                Ok(None)
            } else {
                Err("is not an address of four digits or more".into())
            }
        }
        (RecordType::LOC, [version, sizes @ ..]) => {
            let power = |size: &u8| size >> 4 <= 9 && size & 0x0f <= 9;
            match sizes.first_chunk::<3>() {
                Some(sizes) if *version == 0 && sizes.iter().all(power) => Ok(None),
                _ => Err("is not of version 0 with sizes in powers of ten".into()),
            }
        }
        (RecordType::CAA, [_, length, rest @ ..]) => {
            let tag = rest.get(..usize::from(*length)).unwrap_or_default();
            if !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric) {
                Ok(None)
            } else {
                Err("has no tag of letters and digits".into())
            }
        }
        (RecordType::URI, [_, _, _, _]) => Ok(Some("an empty URI (RFC 7553, 4.4)".into())),
        _ => Ok(None),
    }
}

/// Digests have the length of their kind.
fn digest(rtype: RecordType, kind: u8, octets: &[u8]) -> Result<Option<String>, String> {
    // How many octets are in front, and what the registry of the type has.
    let (before, kinds): (usize, &[(u8, usize)]) = match rtype {
        RecordType::SSHFP => (2, &[(1, 20), (2, 32)]),
        RecordType::SMIMEA | RecordType::TLSA => (3, &[(1, 32), (2, 64)]),
        RecordType::ZONEMD => (6, &[(1, 48), (2, 64)]),
        _ => (4, &[(1, 20), (2, 32), (3, 32), (4, 48)]),
    };
    let length = octets.len().saturating_sub(before);
    let expected = match kinds.iter().find(|(known, _)| *known == kind) {
        Some((_, length)) => *length,
        // RFC 8976, 2.2.4.
        None if rtype == RecordType::ZONEMD => length.max(12),
        None => length,
    };
    if length == expected {
        return Ok(None);
    }
    let wrong = format!("has a digest of {length} octets, expected {expected}");
    match rtype {
        // RFC 6698, 2.1: it is data that no certificate has.
        RecordType::SMIMEA | RecordType::TLSA => {
            Ok(Some(format!("{wrong}: no certificate matches")))
        }
        _ => Err(wrong),
    }
}
