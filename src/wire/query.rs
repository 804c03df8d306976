//! One message from the network, read and judged.

use crate::model::Rcode;
use crate::model::RecordType;
use crate::wire::Asked;
use crate::wire::ClientSubnet;
use crate::wire::Edns;
use crate::wire::Header;
use crate::wire::Opcode;
use crate::wire::Question;
use crate::wire::edns::option;

/// A well-formed standard query.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    /// Its header.
    pub header: Header,
    /// The one question.
    pub question: Question,
    /// Its OPT record, if there is one.
    pub edns: Option<Edns>,
}

/// What to do with a message that is no query we can answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum Reject {
    /// Say nothing: too short for a header, or a response.
    Ignore,
    /// Answer with an error.
    Answer(Rejected),
}

/// A message that is answered with an error, and what of it goes into that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rejected {
    header: Header,
    /// Octets of the question section, 0 if there is not one question that can be read.
    question_len: usize,
    /// Of the first OPT record that can be found, what can be read.
    edns: Option<Edns>,
    /// FORMERR: "unable to interpret" (RFC 1035, 4.1.1). NOTIMP: an opcode other than QUERY.
    /// BADVERS: such an opcode, with a version of EDNS other than 0.
    pub rcode: Rcode,
}

impl Rejected {
    /// Looks for what an error has to say of a message. O(length), no allocation.
    #[cold]
    fn new(message: &[u8], header: Header, rcode: Rcode) -> Self {
        let question = Question::parse(message).filter(|_| header.counts.starts_with(&[1]));
        let edns = salvage_opt(message, header.counts);
        // RFC 6891, 6.1.3: it MUST be BADVERS. In what can't be read, who knows what a version is.
        let other_version = edns.is_some_and(|edns| edns.version != 0);
        Self {
            header,
            question_len: question.map_or(0, |question| question.section_len()),
            edns,
            rcode: if other_version && rcode == Rcode::NOTIMP { Rcode::BADVERS } else { rcode },
        }
    }

    /// What the response takes over.
    pub fn asked(&self) -> Asked<'_> {
        let Self { header, question_len, edns, .. } = self;
        Asked { header, question_len: *question_len, edns: edns.as_ref() }
    }
}

impl Query {
    /// Reads a message. O(length), no allocation.
    ///
    /// # Errors
    ///
    /// [`Reject`] is what to answer instead.
    pub fn parse(message: &[u8]) -> Result<Self, Reject> {
        let header = Header::parse(message).ok_or(Reject::Ignore)?;
        if header.is_response() {
            // Answering responses makes loops between servers.
            return Err(Reject::Ignore);
        }
        if header.opcode() != Opcode::QUERY {
            return Err(Reject::Answer(Rejected::new(message, header, Rcode::NOTIMP)));
        }
        Self::read(message, header)
            .ok_or_else(|| Reject::Answer(Rejected::new(message, header, Rcode::FORMERR)))
    }

    /// `None` is FORMERR.
    #[inline]
    fn read(message: &[u8], header: Header) -> Option<Self> {
        let [questions, ..] = header.counts;
        // RFC 9619, 4: exactly one question.
        if questions != 1 {
            return None;
        }
        let question = Question::parse(message)?;
        let rest = message.get(Header::LEN + question.section_len()..)?;
        let edns = opt_record(rest, header.counts)?;
        Some(Self { header, question, edns })
    }

    /// What the response takes over.
    #[inline]
    pub fn asked(&self) -> Asked<'_> {
        let Self { header, question, edns } = self;
        Asked { header, question_len: question.section_len(), edns: edns.as_ref() }
    }
}

/// Guesses the client subnet of a message: right if it is a query with the OPT record
/// straight after the question, as resolvers send it; else `None`, or wrong.
#[inline]
pub fn glimpse_client_subnet(message: &[u8]) -> Option<ClientSubnet> {
    let mut rest = message.get(Header::LEN..)?;
    while let Some((&length, tail)) = rest.split_first() {
        rest = tail.get(usize::from(length)..)?;
        if length == 0 {
            break;
        }
    }
    // Type and class; then the OPT record: the root, type 41, class, TTL, length.
    let (&[_, _, _, _, 0, 0, 41, _, _, _, _, _, _, _, _], mut options) =
        rest.split_first_chunk()?
    else {
        return None;
    };
    while let Some((&[c0, c1, l0, l1], tail)) = options.split_first_chunk() {
        let (data, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        if u16::from_be_bytes([c0, c1]) == option::CLIENT_SUBNET {
            return ClientSubnet::parse(data);
        }
        options = tail;
    }
    None
}

/// Walks the records after the question. `None` if they are cut short, octets are left
/// over, or OPT stands where it must not (RFC 6891, 6.1.1).
fn opt_record(
    mut rest: &[u8],
    [_, answers, authorities, additionals]: [u16; 4],
) -> Option<Option<Edns>> {
    let before = u32::from(answers) + u32::from(authorities);
    let mut edns = None;
    for position in 0..before + u32::from(additionals) {
        let name = skip_name(rest)?;
        let (owner, tail) = rest.split_at_checked(name)?;
        let (&[t0, t1, c0, c1, a, b, c, d, l0, l1], tail) = tail.split_first_chunk()?;
        let (data, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
        if RecordType(u16::from_be_bytes([t0, t1])) == RecordType::OPT {
            if position < before || edns.is_some() || owner != [0] {
                return None;
            }
            let class = u16::from_be_bytes([c0, c1]);
            edns = Some(Edns::parse(class, u32::from_be_bytes([a, b, c, d]), data)?);
        }
        rest = tail;
    }
    rest.is_empty().then_some(edns)
}

/// Of a message that can't be answered, what its first OPT record says; `None` if there is none
/// as far as records can be told from each other.
fn salvage_opt(
    message: &[u8],
    [questions, answers, authorities, additionals]: [u16; 4],
) -> Option<Edns> {
    let mut rest = message.get(Header::LEN..)?;
    for _ in 0..questions {
        rest = rest.get(skip_name(rest)? + 4..)?;
    }
    for _ in 0..u32::from(answers) + u32::from(authorities) + u32::from(additionals) {
        let tail = rest.get(skip_name(rest)?..)?;
        let (&[t0, t1, c0, c1, a, b, c, d, l0, l1], tail) = tail.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if RecordType(u16::from_be_bytes([t0, t1])) == RecordType::OPT {
            let class = u16::from_be_bytes([c0, c1]);
            let data = tail.get(..length).unwrap_or(tail);
            return Some(Edns::salvage(class, u32::from_be_bytes([a, b, c, d]), data));
        }
        rest = tail.get(length..)?;
    }
    None
}

/// Octets that an owner name takes up; a pointer ends it (RFC 1035, 4.1.4).
fn skip_name(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match *octets.get(at)? {
            0 => return Some(at + 1),
            label @ 1..=63 => at += usize::from(label) + 1,
            0xc0.. => return Some(at + 2),
            64..=0xbf => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [u8; 12] = [0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];

    fn message(counts: [u8; 4], tail: &[u8]) -> Vec<u8> {
        let mut message = HEADER.to_vec();
        for (at, count) in [5, 7, 9, 11].into_iter().zip(counts) {
            message[at] = count;
        }
        message.extend_from_slice(b"\x03wWw\x07Example\0\0\x01\0\x01");
        message.extend_from_slice(tail);
        message
    }

    const OPT: &[u8] = &[0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0, 0, 0];

    #[test]
    fn a_plain_query_is_read_and_its_name_lowered() {
        let query = Query::parse(&message([1, 0, 0, 0], b"")).unwrap();
        assert_eq!(query.question.name(), b"\x03www\x07example\0");
        assert_eq!(query.question.qtype, RecordType::A);
        assert_eq!(query.edns, None);
    }

    #[test]
    fn opt_is_found_anywhere_in_the_additional_section() {
        let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04abcd";
        let tail = [OPT, record].concat();
        let edns = Query::parse(&message([1, 0, 0, 2], &tail)).unwrap().edns.unwrap();
        assert!(edns.dnssec_ok);
        assert_eq!(edns.payload, 1232);
    }

    /// What an error says of a message that gets one.
    fn rejected(bytes: &[u8]) -> Option<Rcode> {
        match Query::parse(bytes) {
            Err(Reject::Answer(rejected)) => Some(rejected.rcode),
            Err(Reject::Ignore) | Ok(_) => None,
        }
    }

    #[test]
    fn messages_that_cannot_be_answered() {
        let formerr = |bytes: &[u8]| rejected(bytes) == Some(Rcode::FORMERR);
        assert!(formerr(&message([1, 0, 0, 1], b"")), "ARCOUNT lies");
        assert!(formerr(&message([1, 1, 0, 0], OPT)), "OPT in the answer section");
        assert!(formerr(&message([1, 0, 0, 2], &[OPT, OPT].concat())), "two OPT");
        assert!(formerr(&message([1, 0, 0, 0], b"\0")), "trailing octets");
        assert!(formerr(&message([2, 0, 0, 0], b"")), "RFC 9619, 4");
        assert!(formerr(&message([0, 0, 0, 0], b"")), "no question");
        for cut in 12..message([1, 0, 0, 0], b"").len() {
            assert!(formerr(&message([1, 0, 0, 0], b"")[..cut]), "cut at {cut}");
        }
        let mut compressed = HEADER.to_vec();
        compressed.extend(b"\xc0\x0c\0\x01\0\x01");
        assert!(formerr(&compressed), "a pointer in the question");
        let mut response = HEADER;
        response[2] |= 0x80;
        assert_eq!(Query::parse(&response).err(), Some(Reject::Ignore));
        assert_eq!(Query::parse(&HEADER[..11]).err(), Some(Reject::Ignore));
        let mut notify = HEADER;
        notify[2] = 4 << 3;
        assert_eq!(rejected(&notify), Some(Rcode::NOTIMP));
    }

    /// RFC 6891, 6.1.1, and what a resolver needs to know which of its queries it is.
    #[test]
    fn errors_have_the_question_and_opt_where_these_can_be_read() {
        let kept = |bytes: &[u8]| {
            let Err(Reject::Answer(rejected)) = Query::parse(bytes) else { panic!("{bytes:?}") };
            (rejected.rcode.0, rejected.question_len > 0, rejected.edns.map(|e| e.dnssec_ok))
        };
        let record = &b"\0\0\x01\0\x01\0\0\0\0\0\x04abcd"[..];
        let owned = [b"\x01x", OPT].concat();
        let mut other = OPT.to_vec();
        other[6] = 1;
        let overrun = [&OPT[..9], &[0, 9, 0, 3, 0]].concat();
        let subnet = [&OPT[..9], &[0, 5, 0, 8, 0, 1, 9]].concat();
        for (what, bytes, expected) in [
            ("two OPT", message([1, 0, 0, 2], &[OPT, OPT].concat()), (1, true, Some(true))),
            ("OPT among answers", message([1, 1, 0, 0], OPT), (1, true, Some(true))),
            ("OPT of an owner", message([1, 0, 0, 1], &owned), (1, true, Some(true))),
            ("octets behind", message([1, 0, 0, 1], &[OPT, b"\0"].concat()), (1, true, Some(true))),
            ("overrun", message([1, 0, 0, 1], &overrun), (1, true, Some(true))),
            ("bad subnet", message([1, 0, 0, 1], &subnet), (1, true, Some(true))),
            ("cut", message([1, 0, 0, 1], &OPT[..10]), (1, true, None)),
            ("cut before", message([1, 0, 0, 2], &record[..9]), (1, true, None)),
            (
                "behind another",
                message([1, 0, 0, 3], &[record, OPT].concat()),
                (1, true, Some(true)),
            ),
            (
                "no question",
                [&HEADER[..5], &[0, 0, 0, 0, 0, 0, 1], OPT].concat(),
                (1, false, Some(true)),
            ),
            (
                "several",
                message([2, 0, 0, 1], &[b"\0\0\x01\0\x01", OPT].concat()),
                (1, false, Some(true)),
            ),
            ("version 1, broken", message([1, 0, 0, 2], &other), (1, true, Some(true))),
        ] {
            assert_eq!(kept(&bytes), expected, "{what}");
        }
        for (opcode, opt, rcode) in [(1, OPT, 4), (4, OPT, 4), (5, &other, 16), (15, &other, 16)] {
            let mut bytes = message([1, 0, 0, 1], opt);
            bytes[2] |= opcode << 3;
            assert_eq!(kept(&bytes), (rcode, true, Some(true)), "{opcode}");
        }
    }

    /// RFC 1035, 2.3.4: 255 octets are a name, 256 are not.
    #[test]
    fn s2_3_4_the_longest_name() {
        let with = |last: usize| {
            let mut message = HEADER.to_vec();
            for length in [63, 63, 63, last] {
                message.push(u8::try_from(length).unwrap());
                message.extend(vec![b'x'; length]);
            }
            message.extend(b"\0\0\x01\0\x01");
            Query::parse(&message).map(|q| q.question.name().len())
        };
        assert_eq!(with(61).ok(), Some(255));
        assert!(with(62).is_err());
    }
}
