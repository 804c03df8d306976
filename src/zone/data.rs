//! The data of one record outside a master file: from text, and compared.
//!
//! What a monitor expects in an answer is written as in a zone, and is compared with what
//! came as record data: by its octets, names without regard to case.

use std::ops::Range;

use crate::model::Name;
use crate::model::RecordType;
use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::rdata;
use crate::zone::shape;
use crate::zone::splitter::Splitter;

/// Why a text is not the data of a record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// The octets of the text that are wrong.
    pub at: Range<usize>,
    /// What was found, and what was expected.
    pub message: String,
    /// What to write instead, if that is known.
    pub help: Option<String>,
}

impl From<Flaw> for DataError {
    fn from(flaw: Flaw) -> Self {
        Self { at: flaw.at, message: flaw.message, help: flaw.help }
    }
}

/// Returns the wire form of record data that are written as in a master file: `10 mail`,
/// `"v=spf1 -all"`, `1 . alpn="h2,h3"`, `\# 4 C0000201`.
///
/// All that `dig` prints is read, and every type that a zone may hold. Names without a dot at
/// the end are below `origin`; give [`Name::root`] where there is none. Names in the result are
/// uncompressed and keep their case: compare with [`same_data`].
///
/// ```
/// use meridian::model::Name;
/// use meridian::model::RecordType;
/// use meridian::zone;
///
/// let expected = zone::data_from_text(RecordType::MX, "10 MAIL.example.com.", &Name::root())?;
/// let found = b"\x00\x0a\x04mail\x07example\x03com\x00";
/// assert!(zone::same_data(RecordType::MX, &expected, found));
/// # Ok::<(), zone::DataError>(())
/// ```
///
/// # Errors
///
/// [`DataError`] with the octets of `text` that are wrong.
pub fn data_from_text(
    rtype: RecordType,
    text: &str,
    origin: &Name,
) -> Result<Box<[u8]>, DataError> {
    let mut splitter = Splitter::new(text);
    let mut tokens = Vec::new();
    splitter.next_entry(&mut tokens).transpose()?;
    let end = tokens.last().map_or(0, |last| last.end);
    let mut octets = Vec::new();
    rdata::write(rtype, &tokens, end..end, origin, &mut octets)?;
    match splitter.next_entry(&mut tokens) {
        None => Ok(octets.into()),
        Some(entry) => {
            entry?;
            let at = tokens.first().map_or(end..end, |first| first.start..text.len());
            let more = Flaw::new(flaw::RDATA, at, "more than one line");
            Err(more.help("write the data of one record").into())
        }
    }
}

/// Whether two records of one type have the same data: the same octets, but names without
/// regard to case (RFC 4343; RFC 4034, 6.2). Names in them are uncompressed.
pub fn same_data(rtype: RecordType, a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && (a == b || canonical(rtype, a) == canonical(rtype, b))
}

/// The data with their names in lower case.
pub(super) fn canonical(rtype: RecordType, octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    shape::lower_names(rtype, &mut octets);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_its_own_is_read_as_in_a_zone() {
        let origin: Name = "example.com.".parse().unwrap();
        let read = |rtype, text| data_from_text(rtype, text, &origin);
        assert_eq!(read(RecordType::A, " 192.0.2.1 ").unwrap()[..], [192, 0, 2, 1]);
        assert_eq!(read(RecordType::TXT, r#""a b" c"#).unwrap()[..], *b"\x03a b\x01c");
        assert_eq!(read(RecordType(65_280), r"\# 2 0A0B").unwrap()[..], [10, 11]);
        assert_eq!(read(RecordType::NS, "a").unwrap()[..], *b"\x01a\x07example\x03com\0");
        let error = read(RecordType::MX, "10 a..b").unwrap_err();
        assert_eq!(error.at, 3..7);
        assert_eq!(read(RecordType::A, "192.0.2.1\n192.0.2.2").unwrap_err().at, 10..19);
        assert_eq!(read(RecordType::A, "").unwrap_err().at, 0..0);
        assert_eq!(read(RecordType::TXT, "\"a").unwrap_err().message, "a quote that never ends");
    }

    #[test]
    fn names_are_compared_without_regard_to_case_and_strings_with_it() {
        for (rtype, a, b, same) in [
            (RecordType::MX, &b"\0\x0a\x01a\0"[..], &b"\0\x0a\x01A\0"[..], true),
            (RecordType::MX, b"\0\x41\x01a\0", b"\0\x61\x01a\0", false),
            (RecordType::SOA, b"\x01a\x01b\0\0\0\0\x41", b"\x01A\x01B\0\0\0\0\x61", false),
            (RecordType::RP, b"\x01a\0\x01b\0", b"\x01A\0\x01B\0", true),
            (RecordType::SVCB, b"\0\x01\x01a\0", b"\0\x01\x01A\0", true),
            (RecordType::TXT, b"\x01a", b"\x01A", false),
            (RecordType::A, b"abcd", b"ABCD", false),
            (RecordType(65_280), b"\x01a\0", b"\x01A\0", false),
        ] {
            assert_eq!(same_data(rtype, a, b), same, "{rtype}");
        }
    }
}
