//! Who answers: the CHAOS names (RFC 4892).

use crate::model::Class;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::model::Ttl;
use crate::responder::Verdict;
use crate::wire::Owner;
use crate::wire::Query;
use crate::wire::Record;
use crate::wire::Reply;
use crate::wire::Section;

/// Says what we are, and who if that is configured. Everything else in CHAOS is refused.
pub(super) fn answer(query: &Query, nsid: Option<&[u8]>, out: &mut Reply<'_>) -> Verdict {
    let text = match query.question.name() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => {
            Some(concat!("meridian ", env!("CARGO_PKG_VERSION")).as_bytes())
        }
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => nsid,
        _ => None,
    };
    let (Some(text), RecordType::TXT | RecordType::ANY) = (text, query.question.qtype) else {
        return Verdict::refused("in class CH: version.bind TXT, and id.server TXT if it is set");
    };
    // One character string; an identifier has at most 64 octets.
    let mut rdata = [0; 256];
    let length = text.len().min(255);
    let (Some(first), Ok(octet)) = (rdata.first_mut(), u8::try_from(length)) else {
        return Verdict::of(Rcode::SERVFAIL);
    };
    *first = octet;
    for (to, from) in rdata.iter_mut().skip(1).zip(text) {
        *to = *from;
    }
    out.authoritative();
    let record = Record {
        owner: Owner::Question,
        rtype: RecordType::TXT,
        class: Class::CH,
        // RFC 4892 says nothing; what is true of one server must not be cached for another.
        ttl: Ttl::ZERO,
        rdata: rdata.get(..=length).unwrap_or_default(),
    };
    if out.record(Section::Answer, &record).is_err() {
        out.truncate();
    }
    Verdict::of(Rcode::NOERROR)
}
