//! A response being written into a borrowed buffer.

use crate::model::Class;
use crate::model::RecordType;
use crate::model::Ttl;
use crate::model::limits;
use crate::wire::Edns;
use crate::wire::ExtendedError;
use crate::wire::Header;
use crate::wire::Query;
use crate::wire::Rcode;
use crate::wire::ScopePrefix;
use crate::wire::edns::option;

/// The record did not fit; the reply is as it was before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

/// Who owns a record.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// A name that stands in the message already.
    At(NameAt),
    /// A name of its own, uncompressed wire form.
    Name(&'a [u8]),
}

/// Where in the message a name stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameAt {
    /// At the end of the question's name, by how many octets it has.
    QuestionSuffix(usize),
    /// At an offset below 2¹⁴.
    Offset(u16),
}

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its owner.
    pub owner: Owner<'a>,
    /// TYPE.
    pub rtype: RecordType,
    /// CLASS.
    pub class: Class,
    /// TTL.
    pub ttl: Ttl,
    /// RDATA.
    pub rdata: &'a [u8],
    /// Where the apex of the record's zone stands, and the offsets in `rdata` of the two
    /// octets that become a pointer to it.
    pub apex: Option<(NameAt, &'a [u16])>,
}

/// Which section a record goes to; sections are written in this order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Section {
    /// Answer.
    Answer,
    /// Authority.
    Authority,
    /// Additional, OPT not counted.
    Additional,
}

/// What the OPT record of a response carries besides what the query's says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// The name server's identifier, written if asked for.
    pub nsid: Option<&'a [u8]>,
    /// The idle time of a stream in units of 100 ms, written if asked for (RFC 7828).
    pub keepalive: Option<u16>,
}

/// A point in a reply.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    len: usize,
    counts: [u16; 3],
}

/// A response in the making: header and question stand, records follow.
///
/// Octets for the OPT record are kept free from the start, so finishing can't fail.
#[derive(Debug)]
pub struct Reply<'b> {
    buffer: &'b mut [u8],
    len: usize,
    /// Records end here at the latest; the OPT record follows.
    limit: usize,
    question_len: usize,
    flags: u16,
    counts: [u16; 3],
}

impl<'b> Reply<'b> {
    /// Copies ID, opcode, RD and the question of a query. At most `limit` octets of
    /// `buffer` are used, whatever it holds. `None` if not even the question fits,
    /// which takes a limit under 512.
    pub fn new(
        query: &Query,
        request: &[u8],
        buffer: &'b mut [u8],
        limit: usize,
        extras: &Extras<'_>,
    ) -> Option<Self> {
        let question_len = query.question.section_len();
        let end = Header::LEN + question_len;
        buffer.get_mut(..end)?.copy_from_slice(request.get(..end)?);
        let reserved = query.edns.as_ref().map_or(0, |edns| opt_len(edns, extras));
        let limit = limit.min(buffer.len()).checked_sub(reserved)?;
        let flags = Header::QR | query.header.flags & (Header::OPCODE | Header::RD);
        (end <= limit).then_some(Self {
            buffer,
            len: end,
            limit,
            question_len,
            flags,
            counts: [0; 3],
        })
    }

    /// Says that the answer is ours to give (RFC 1035, 4.1.1).
    pub fn authoritative(&mut self) {
        self.flags |= Header::AA;
    }

    /// Drops all records and sets TC (RFC 2181, 9): the resolver asks again over a stream.
    pub fn truncate(&mut self) {
        self.clear();
        self.flags |= Header::TC;
    }

    /// Drops all records.
    pub fn clear(&mut self) {
        self.len = Header::LEN + self.question_len;
        self.counts = [0; 3];
    }

    /// A point to which [`Reply::rewind`] can return.
    pub fn mark(&self) -> Mark {
        Mark { len: self.len, counts: self.counts }
    }

    /// Drops what was written since.
    pub fn rewind(&mut self, mark: Mark) {
        self.len = mark.len;
        self.counts = mark.counts;
    }

    /// Octets written so far: where the next record begins.
    pub fn position(&self) -> usize {
        self.len
    }

    /// Appends a record. O(length), no allocation.
    ///
    /// # Errors
    ///
    /// [`Full`] if it does not fit; nothing is written then.
    pub fn record(&mut self, section: Section, record: &Record<'_>) -> Result<(), Full> {
        let rdata_len = u16::try_from(record.rdata.len()).map_err(|_| Full)?;
        let [t0, t1] = record.rtype.0.to_be_bytes();
        let [c0, c1] = record.class.0.to_be_bytes();
        let [s0, s1, s2, s3] = record.ttl.secs().to_be_bytes();
        let [l0, l1] = rdata_len.to_be_bytes();
        // Two octets of a pointer, or the last two of a name, and the fixed fields in one.
        let (name, [n0, n1]) = match record.owner {
            Owner::At(name) => (&[][..], self.name_pointer(name)),
            Owner::Name(name) => match name.split_last_chunk() {
                Some((front, last)) => (front, *last),
                // The root has one octet: a pointer to the question's is as good.
                None => (&[][..], self.pointer_to_suffix(1)),
            },
        };
        let fixed = [n0, n1, t0, t1, c0, c1, s0, s1, s2, s3, l0, l1];
        let end = self.len + name.len() + fixed.len() + record.rdata.len();
        if end > self.limit {
            return Err(Full);
        }
        let at = self.buffer.get_mut(self.len..end).ok_or(Full)?;
        let (name_at, at) = at.split_at_mut(name.len());
        let (fixed_at, rdata_at) = at.split_first_chunk_mut().ok_or(Full)?;
        if !name.is_empty() {
            name_at.copy_from_slice(name);
        }
        *fixed_at = fixed;
        rdata_at.copy_from_slice(record.rdata);
        if let Some((apex, slots)) = record.apex.filter(|(_, slots)| !slots.is_empty()) {
            // Only now: the borrow of the buffer had to end.
            let pointer = self.name_pointer(apex);
            let rdata_at = self.buffer.get_mut(end - record.rdata.len()..end).ok_or(Full)?;
            for slot in slots.iter().map(|slot| usize::from(*slot)) {
                if let Some(octets) = rdata_at.get_mut(slot..slot + 2) {
                    octets.copy_from_slice(&pointer);
                }
            }
        }
        self.len = end;
        if let Some(count) = self.counts.get_mut(section as usize) {
            *count += 1;
        }
        Ok(())
    }

    fn name_pointer(&self, at: NameAt) -> [u8; 2] {
        match at {
            NameAt::QuestionSuffix(octets) => self.pointer_to_suffix(octets),
            NameAt::Offset(offset) => (0xc000 | offset).to_be_bytes(),
        }
    }

    /// A compression pointer to the last `octets` octets of the question's name.
    fn pointer_to_suffix(&self, octets: usize) -> [u8; 2] {
        let name_len = self.question_len - 4;
        let offset = Header::LEN + name_len.saturating_sub(octets);
        // A name has at most 255 octets and begins at 12, so 14 bits are enough.
        (0xc000 | u16::try_from(offset).unwrap_or(0)).to_be_bytes()
    }

    /// Writes the OPT record, if the query had one, and the header; returns the length.
    ///
    /// `scope` answers a client subnet option. The extended error goes in where it fits
    /// the limit of the message (RFC 8914, 3: best effort).
    pub fn finish(
        mut self,
        query: &Query,
        rcode: Rcode,
        scope: ScopePrefix,
        error: Option<ExtendedError>,
        extras: &Extras<'_>,
    ) -> usize {
        let mut additionals = self.counts[2];
        if let Some(edns) = &query.edns {
            let reserved = opt_len(edns, extras);
            let error = error.filter(|e| self.len + e.wire_len() <= self.limit);
            let length = reserved + error.map_or(0, |e| e.wire_len());
            let end = self.len + length;
            if let Some(octets) = self.buffer.get_mut(self.len..end) {
                write_opt(octets, edns, rcode, scope, error, extras);
                self.len = end;
                additionals += 1;
            }
        }
        let flags = self.flags | rcode.0 & 15;
        let [answers, authorities, _] = self.counts;
        let counts = [1, answers, authorities, additionals];
        write_header(self.buffer, query.header.id, flags, counts);
        self.len
    }

    /// Writes a response that is nothing but a header: to a message whose question
    /// can't be trusted. Returns its length, 0 if the buffer is shorter than that.
    pub fn header_only(header: &Header, rcode: Rcode, buffer: &mut [u8]) -> usize {
        let flags = Header::QR | header.flags & (Header::OPCODE | Header::RD) | rcode.0 & 15;
        write_header(buffer, header.id, flags, [0; 4])
    }
}

fn write_header(buffer: &mut [u8], id: u16, flags: u16, counts: [u16; 4]) -> usize {
    let Some(header) = buffer.first_chunk_mut::<{ Header::LEN }>() else { return 0 };
    let [[i0, i1], [f0, f1]] = [id, flags].map(u16::to_be_bytes);
    let [[a, b], [c, d], [e, f], [g, h]] = counts.map(u16::to_be_bytes);
    *header = [i0, i1, f0, f1, a, b, c, d, e, f, g, h];
    Header::LEN
}

/// Octets of the OPT record that answers this one, the extended error not counted.
fn opt_len(edns: &Edns, extras: &Extras<'_>) -> usize {
    let nsid = extras.nsid.filter(|_| edns.nsid).map_or(0, |id| 4 + id.len());
    let keepalive = extras.keepalive.filter(|_| edns.keepalive).map_or(0, |_| 6);
    11 + edns.client_subnet.map_or(0, |subnet| subnet.wire_len()) + nsid + keepalive
}

/// Fills `octets`, which is exactly as long as the record.
fn write_opt(
    octets: &mut [u8],
    edns: &Edns,
    rcode: Rcode,
    scope: ScopePrefix,
    error: Option<ExtendedError>,
    extras: &Extras<'_>,
) {
    let data_len = u16::try_from(octets.len().saturating_sub(11)).unwrap_or(0);
    let mut out = Out(octets);
    let [p0, p1] = limits::UDP_PAYLOAD.to_be_bytes();
    let [_, upper] = (rcode.0 >> 4).to_be_bytes();
    let dnssec_ok = if edns.dnssec_ok { 0x80 } else { 0 };
    let [l0, l1] = data_len.to_be_bytes();
    // The root, TYPE 41, our payload size, the upper half of the RCODE, version 0, DO as
    // sent and all other flags 0 (RFC 6891, 6.1.4).
    out.put(&[0, 0, 41, p0, p1, upper, 0, dnssec_ok, 0, l0, l1]);
    if let Some(subnet) = &edns.client_subnet {
        let address_len = subnet.source.0.div_ceil(8);
        let [f0, f1] = subnet.family_code.to_be_bytes();
        let [o0, o1] = option::CLIENT_SUBNET.to_be_bytes();
        out.put(&[o0, o1, 0, 4 + address_len, f0, f1, subnet.source.0, scope.0]);
        let bits = u32::from(subnet.family.map_or(0, |family| family.bits()));
        let aligned = subnet.address.checked_shl(128 - bits).unwrap_or(0).to_be_bytes();
        out.put(aligned.get(..usize::from(address_len)).unwrap_or_default());
    }
    if let Some(id) = extras.nsid.filter(|_| edns.nsid) {
        out.option(option::NSID, id.len());
        out.put(id);
    }
    if let Some(idle) = extras.keepalive.filter(|_| edns.keepalive) {
        out.option(option::KEEPALIVE, 2);
        out.put(&idle.to_be_bytes());
    }
    if let Some(error) = error {
        out.option(option::EXTENDED_ERROR, 2 + error.text.len());
        out.put(&error.code.to_be_bytes());
        out.put(error.text.as_bytes());
    }
}

/// A cursor over a slice; what does not fit is not written.
struct Out<'a>(&'a mut [u8]);

impl Out<'_> {
    fn put(&mut self, octets: &[u8]) {
        if let Some((at, rest)) = std::mem::take(&mut self.0).split_at_mut_checked(octets.len()) {
            at.copy_from_slice(octets);
            self.0 = rest;
        }
    }

    fn option(&mut self, code: u16, length: usize) {
        self.put(&code.to_be_bytes());
        self.put(&u16::try_from(length).unwrap_or(0).to_be_bytes());
    }
}
