//! DNS messages as a peer sees them: queries built from octets, replies read strictly.
//!
//! Shares no code with `meridian::wire`: two readings of the RFCs are held against each
//! other. What every reply must be is asserted in [`Reply::read`], for every test at once.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use hickory_server::proto::op::Message;
use meridian::model::RecordType;

pub(crate) const QR: u16 = 0x8000;
pub(crate) const AA: u16 = 0x0400;
pub(crate) const TC: u16 = 0x0200;
pub(crate) const RD: u16 = 0x0100;

pub(crate) const NOERROR: u16 = 0;
pub(crate) const FORMERR: u16 = 1;
pub(crate) const SERVFAIL: u16 = 2;
pub(crate) const NXDOMAIN: u16 = 3;
pub(crate) const NOTIMP: u16 = 4;
pub(crate) const REFUSED: u16 = 5;
pub(crate) const YXDOMAIN: u16 = 6;
pub(crate) const BADVERS: u16 = 16;

pub(crate) const NSID: u16 = 3;
pub(crate) const CLIENT_SUBNET: u16 = 8;
pub(crate) const KEEPALIVE: u16 = 11;
pub(crate) const EXTENDED_ERROR: u16 = 15;

/// A query in the making.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    id: u16,
    flags: u16,
    name: Vec<u8>,
    qtype: u16,
    class: u16,
    opt: Option<Opt>,
}

#[derive(Clone, Debug)]
struct Opt {
    payload: u16,
    version: u8,
    flags: u16,
    options: Vec<u8>,
}

impl Ask {
    /// A question in class IN; the type by its mnemonic or as `TYPE65280`.
    pub(crate) fn new(name: &str, qtype: &str) -> Self {
        let qtype = qtype.parse::<RecordType>().unwrap().0;
        Self { id: 0x2a17, flags: 0, name: name_octets(name), qtype, class: 1, opt: None }
    }

    pub(crate) fn id(mut self, id: u16) -> Self {
        self.id = id;
        self
    }

    pub(crate) fn class(mut self, class: u16) -> Self {
        self.class = class;
        self
    }

    /// Sets bits of the second word of the header.
    pub(crate) fn flags(mut self, bits: u16) -> Self {
        self.flags |= bits;
        self
    }

    pub(crate) fn opcode(self, opcode: u16) -> Self {
        self.flags(opcode << 11)
    }

    /// With an OPT record and nothing in it.
    pub(crate) fn edns(mut self) -> Self {
        self.opt.get_or_insert(Opt { payload: 1232, version: 0, flags: 0, options: Vec::new() });
        self
    }

    fn opt(&mut self) -> &mut Opt {
        self.opt.get_or_insert(Opt { payload: 1232, version: 0, flags: 0, options: Vec::new() })
    }

    pub(crate) fn payload(mut self, octets: u16) -> Self {
        self.opt().payload = octets;
        self
    }

    pub(crate) fn version(mut self, version: u8) -> Self {
        self.opt().version = version;
        self
    }

    /// Sets bits of the flags of EDNS; 0x8000 is DO.
    pub(crate) fn edns_flags(mut self, bits: u16) -> Self {
        self.opt().flags |= bits;
        self
    }

    pub(crate) fn dnssec_ok(self) -> Self {
        self.edns_flags(0x8000)
    }

    pub(crate) fn option(mut self, code: u16, data: &[u8]) -> Self {
        let length = u16::try_from(data.len()).unwrap();
        let options = &mut self.opt().options;
        options.extend(code.to_be_bytes());
        options.extend(length.to_be_bytes());
        options.extend(data);
        self
    }

    /// With a client subnet as RFC 7871, 6 wants it.
    pub(crate) fn subnet(self, prefix: &str) -> Self {
        self.option(CLIENT_SUBNET, &subnet_octets(prefix))
    }

    /// The message.
    pub(crate) fn octets(&self) -> Vec<u8> {
        let additionals = u16::from(self.opt.is_some());
        let mut message = Vec::new();
        for word in [self.id, self.flags, 1, 0, 0, additionals] {
            message.extend(word.to_be_bytes());
        }
        message.extend(&self.name);
        message.extend(self.qtype.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        if let Some(opt) = &self.opt {
            message.extend([0, 0, 41]);
            message.extend(opt.payload.to_be_bytes());
            message.extend([0, opt.version]);
            message.extend(opt.flags.to_be_bytes());
            message.extend(u16::try_from(opt.options.len()).unwrap().to_be_bytes());
            message.extend(&opt.options);
        }
        message
    }
}

/// A name as labels, in the case that it is written in; `\.` is a dot within a label.
pub(crate) fn name_octets(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets
}

/// The data of a client subnet option: family, source, scope 0, the octets needed.
pub(crate) fn subnet_octets(prefix: &str) -> Vec<u8> {
    let (address, source) = prefix.split_once('/').unwrap();
    let source: u8 = source.parse().unwrap();
    let (family, mut octets) = match address.parse().unwrap() {
        IpAddr::V4(address) => (1, address.octets().to_vec()),
        IpAddr::V6(address) => (2, address.octets().to_vec()),
    };
    octets.truncate(usize::from(source).div_ceil(8));
    if let Some(last) = octets.last_mut().filter(|_| !source.is_multiple_of(8)) {
        *last &= 0xff << (8 - source % 8);
    }
    [vec![0, family, source, 0], octets].concat()
}

/// A response, read.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// All of it.
    pub(crate) octets: Vec<u8>,
    /// The second word of the header.
    pub(crate) flags: u16,
    /// With the bits of EDNS.
    pub(crate) rcode: u16,
    /// The question section; empty in a response that is only a header.
    pub(crate) question: Vec<u8>,
    pub(crate) answers: Vec<Rr>,
    pub(crate) authorities: Vec<Rr>,
    /// Without OPT.
    pub(crate) additionals: Vec<Rr>,
    pub(crate) opt: Option<ReplyOpt>,
}

/// The OPT record of a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReplyOpt {
    pub(crate) payload: u16,
    pub(crate) version: u8,
    pub(crate) flags: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

/// A record of a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rr {
    /// In the case of the message, with its last dot.
    pub(crate) owner: String,
    pub(crate) rtype: RecordType,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    /// As in a master file.
    pub(crate) text: String,
    /// Whether a name inside the record data is compressed.
    pub(crate) compressed: bool,
}

impl Rr {
    /// `owner ttl TYPE text`, as in a master file.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {} {}", self.owner, self.ttl, self.rtype, self.text)
    }
}

/// The records of a section, one a line, sorted.
pub(crate) fn lines(section: &[Rr]) -> Vec<String> {
    let mut lines: Vec<_> = section.iter().map(Rr::line).collect();
    lines.sort();
    lines
}

impl Reply {
    /// Reads a response to `query`, and asserts what holds of every response.
    pub(crate) fn read(octets: &[u8], query: &[u8]) -> Self {
        let mut reader = Reader { octets, at: 0 };
        let [id, flags, n_questions, n_answers, n_authorities, n_additionals] =
            [0; 6].map(|_: u16| reader.u16());
        let asked = u16::from_be_bytes([query[2], query[3]]);
        assert_eq!(id.to_be_bytes(), query[..2], "the ID is copied");
        assert_eq!(flags & QR, QR, "a response says so");
        assert_eq!(flags & 0x7900, asked & 0x7900, "opcode and RD are copied");
        assert_eq!(flags & 0x00f0, 0, "no RA, Z, AD or CD from an authority");
        let question_start = reader.at;
        for _ in 0..n_questions {
            reader.name();
            reader.take(4);
        }
        let question = octets[question_start..reader.at].to_vec();
        if n_questions > 0 {
            assert_eq!(n_questions, 1);
            assert_eq!(question, query[12..12 + question.len()], "octet by octet, case included");
        }
        let mut reply = Self {
            octets: octets.to_vec(),
            flags,
            rcode: flags & 15,
            question,
            answers: (0..n_answers).map(|_| reader.record()).collect(),
            authorities: (0..n_authorities).map(|_| reader.record()).collect(),
            additionals: Vec::new(),
            opt: None,
        };
        for _ in 0..n_additionals {
            if reader.is_opt() {
                assert!(reply.opt.is_none(), "one OPT record");
                let (upper, opt) = reader.opt();
                reply.rcode |= upper << 4;
                reply.opt = Some(opt);
            } else {
                let record = reader.record();
                reply.additionals.push(record);
            }
        }
        assert_eq!(reader.at, octets.len(), "no octets are left over");
        reply.check_rrsets();
        reply.second_opinion();
        reply
    }

    /// RFC 2181, 5: no record twice, one TTL per RRset.
    fn check_rrsets(&self) {
        let sections = [&self.answers, &self.authorities, &self.additionals];
        let all: Vec<&Rr> = sections.into_iter().flatten().collect();
        for (at, a) in all.iter().enumerate() {
            assert!(a.ttl < 1 << 31, "RFC 2181, 8");
            for b in &all[at + 1..] {
                let same_set = a.owner.eq_ignore_ascii_case(&b.owner) && a.rtype == b.rtype;
                assert!(!same_set || a.text != b.text, "twice: {a:?}");
                assert!(!same_set || a.ttl == b.ttl, "one TTL per RRset: {a:?} {b:?}");
            }
        }
    }

    /// Another implementation reads the same.
    fn second_opinion(&self) {
        if self.option(CLIENT_SUBNET).is_some_and(|data| data.starts_with(&[0, 0])) {
            // It does not read FAMILY 0, which must be echoed (RFC 7871, 7.2.1).
            return;
        }
        let message = Message::from_vec(&self.octets).expect("hickory reads it");
        assert_eq!(message.answers.len(), self.answers.len());
        assert_eq!(message.authorities.len(), self.authorities.len());
        assert_eq!(message.additionals.len(), self.additionals.len());
        assert_eq!(message.edns.is_some(), self.opt.is_some());
    }

    pub(crate) fn is_authoritative(&self) -> bool {
        self.flags & AA != 0
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.flags & TC != 0
    }

    /// The data of the answers, in their order.
    pub(crate) fn data(&self) -> Vec<&str> {
        self.answers.iter().map(|record| record.text.as_str()).collect()
    }

    /// The data of an option; asserts that it is there at most once.
    pub(crate) fn option(&self, code: u16) -> Option<&[u8]> {
        let options = self.opt.as_ref().map_or(&[][..], |opt| &opt.options);
        let mut found = options.iter().filter(|(c, _)| *c == code);
        let first = found.next().map(|(_, data)| data.as_slice());
        assert!(found.next().is_none(), "option {code} twice");
        first
    }

    /// The scope prefix of the client subnet option, `None` without one.
    pub(crate) fn scope(&self) -> Option<u8> {
        self.option(CLIENT_SUBNET).map(|data| data[3])
    }

    /// The extended error: its code and text.
    pub(crate) fn extended_error(&self) -> Option<(u16, String)> {
        self.option(EXTENDED_ERROR).map(|data| {
            let text = String::from_utf8(data[2..].to_vec()).expect("EXTRA-TEXT is UTF-8");
            (u16::from_be_bytes([data[0], data[1]]), text)
        })
    }
}

/// A cursor over a message; panics where a message is malformed.
struct Reader<'a> {
    octets: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn take(&mut self, length: usize) -> &[u8] {
        let taken = &self.octets[self.at..self.at + length];
        self.at += length;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    /// A name as text, and whether it holds a pointer. Pointers lead backwards only, and to
    /// where a label begins, or they would not end.
    fn name(&mut self) -> (String, bool) {
        let (mut text, mut total) = (String::new(), 1);
        let (mut at, mut end) = (self.at, None);
        let mut lowest = at;
        loop {
            match self.octets[at] {
                0 => {
                    end = end.or(Some(at + 1));
                    break;
                }
                length @ 1..=63 => {
                    let label = &self.octets[at + 1..at + 1 + usize::from(length)];
                    text.extend(label.iter().map(|octet| char::from(*octet)));
                    text.push('.');
                    total += usize::from(length) + 1;
                    at += usize::from(length) + 1;
                }
                high @ 0xc0.. => {
                    end = end.or(Some(at + 2));
                    at = usize::from(high & 0x3f) << 8 | usize::from(self.octets[at + 1]);
                    assert!((12..lowest).contains(&at), "a pointer leads backwards");
                    lowest = at;
                }
                reserved => panic!("label type {reserved:#x}"),
            }
        }
        assert!(total <= 255, "RFC 1035, 2.3.4");
        let compressed = lowest != self.at;
        self.at = end.unwrap();
        (if text.is_empty() { ".".to_owned() } else { text }, compressed)
    }

    fn is_opt(&self) -> bool {
        self.octets[self.at..].starts_with(&[0, 0, 41])
    }

    fn opt(&mut self) -> (u16, ReplyOpt) {
        self.take(3);
        let payload = self.u16();
        let (upper, version, flags) = (self.u8(), self.u8(), self.u16());
        let end = usize::from(self.u16()) + self.at;
        let mut options = Vec::new();
        while self.at < end {
            let (code, length) = (self.u16(), self.u16());
            options.push((code, self.take(usize::from(length)).to_vec()));
        }
        assert_eq!(self.at, end, "options fill the record data");
        (u16::from(upper), ReplyOpt { payload, version, flags, options })
    }

    fn record(&mut self) -> Rr {
        let (owner, _) = self.name();
        let (rtype, class) = (RecordType(self.u16()), self.u16());
        let (ttl, length) = (self.u32(), usize::from(self.u16()));
        let end = self.at + length;
        let mut compressed = false;
        let text = match rtype {
            RecordType::A => Ipv4Addr::from_bits(self.u32()).to_string(),
            RecordType::AAAA => {
                Ipv6Addr::from(<[u8; 16]>::try_from(self.take(16)).unwrap()).to_string()
            }
            RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => {
                let (name, by_pointer) = self.name();
                compressed = by_pointer;
                name
            }
            RecordType::MX => format!("{} {}", self.u16(), self.name().0),
            RecordType::SRV => {
                let numbers = [self.u16(), self.u16(), self.u16()].map(|n| n.to_string());
                let (name, by_pointer) = self.name();
                compressed = by_pointer;
                format!("{} {name}", numbers.join(" "))
            }
            RecordType::SOA => {
                let (mname, rname) = (self.name().0, self.name().0);
                let numbers = [0; 5].map(|_: u8| self.u32().to_string());
                format!("{mname} {rname} {}", numbers.join(" "))
            }
            RecordType::TXT => {
                let mut strings = Vec::new();
                while self.at < end {
                    let length = usize::from(self.u8());
                    strings.push(format!("\"{}\"", self.take(length).escape_ascii()));
                }
                strings.join(" ")
            }
            _ => {
                let octets = self.take(length);
                let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
                format!("\\# {length} {hex}")
            }
        };
        assert_eq!(self.at, end, "RDLENGTH is right");
        Rr { owner, rtype, class, ttl, text, compressed }
    }
}
