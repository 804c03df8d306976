//! DNS messages as a peer sees them: queries built from octets, replies read strictly.
//!
//! Shares no code with `meridian::wire`: two readings of the RFCs are held against each
//! other. What every reply must be is asserted in [`Reply::read`], for every test at once.

mod reply;

use std::net::IpAddr;

use meridian::model::RecordType;

pub(crate) use reply::Reply;
pub(crate) use reply::Rr;
pub(crate) use reply::lines;

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
pub(crate) const NOTAUTH: u16 = 9;
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
