//! Queries as octets, and what the responder makes of them.

use std::net::IpAddr;
use std::net::Ipv4Addr;

use hickory_server::proto::op::Message;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RData;
use hickory_server::proto::rr::rdata::opt::EdnsCode;
use hickory_server::proto::rr::rdata::opt::EdnsOption;
use ipnet::IpNet;
use meridian::model::Class;
use meridian::model::Name;
use meridian::model::RecordType;
use meridian::responder::Outcome;
use meridian::responder::Transport;
use meridian::responder::View;
use meridian::responder::Worker;
use meridian::responder::respond;
use meridian::snapshot::Snapshot;

/// Nowhere: no database knows a loopback address.
pub(crate) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A query to be.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) name: String,
    pub(crate) qtype: RecordType,
    pub(crate) class: Class,
    /// The payload size of the OPT record; `None` for a query without.
    pub(crate) payload: Option<u16>,
    pub(crate) version: u8,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Ask {
    /// With an OPT record of 1232 octets and nothing in it.
    pub(crate) fn new(name: &str, qtype: RecordType) -> Self {
        Self {
            id: 0x4d65,
            flags: 0x0100,
            name: name.into(),
            qtype,
            class: Class::IN,
            payload: Some(1232),
            version: 0,
            options: Vec::new(),
        }
    }

    /// As before EDNS.
    pub(crate) fn plain(mut self) -> Self {
        self.payload = None;
        self
    }

    /// With this client subnet.
    pub(crate) fn subnet(mut self, client: IpNet) -> Self {
        let (family, octets) = match client.network() {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (2, address.octets().to_vec()),
        };
        let bits = client.prefix_len();
        let octets = &octets[..usize::from(bits).div_ceil(8)];
        self.options.push((8, [&[0, family, bits, 0], octets].concat()));
        self
    }

    /// With a subnet that is one address.
    pub(crate) fn client(self, address: IpAddr) -> Self {
        self.subnet(address.into())
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        octets.extend(self.id.to_be_bytes());
        octets.extend(self.flags.to_be_bytes());
        let arcount = u8::from(self.payload.is_some());
        octets.extend([0, 1, 0, 0, 0, 0, 0, arcount]);
        octets.extend(self.name.parse::<Name>().unwrap().as_wire());
        octets.extend(self.qtype.0.to_be_bytes());
        octets.extend(self.class.0.to_be_bytes());
        if let Some(payload) = self.payload {
            octets.extend([0, 0, 41]);
            octets.extend(payload.to_be_bytes());
            octets.extend([0, self.version, 0, 0]);
            let mut data = Vec::new();
            for (code, value) in &self.options {
                data.extend(code.to_be_bytes());
                data.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
                data.extend(value);
            }
            octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            octets.extend(data);
        }
        octets
    }
}

/// Who answers: a snapshot, and a worker with its generator.
pub(crate) struct Responder<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) worker: Worker,
    buffer: Vec<u8>,
}

impl<'a> Responder<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, seed: u64) -> Self {
        Self { snapshot, worker: Worker::new(seed), buffer: vec![0; 65_535] }
    }

    /// The reply, if there is one.
    pub(crate) fn raw(
        &mut self,
        octets: &[u8],
        peer: IpAddr,
        transport: Transport,
    ) -> Option<&[u8]> {
        let size = match transport {
            Transport::Udp => 1232,
            Transport::Tcp => 65_535,
        };
        let mut view = View { snapshot: self.snapshot, worker: &mut self.worker };
        let buffer = &mut self.buffer[..size];
        match respond(octets, peer, transport, &mut view, buffer) {
            Outcome::Drop => None,
            Outcome::Send(length) => Some(&self.buffer[..length]),
        }
    }

    /// The answer by UDP to a resolver that is nowhere.
    pub(crate) fn answer(&mut self, ask: &Ask) -> Answer {
        self.answer_to(ask, NOWHERE)
    }

    /// The answer by UDP to a resolver.
    pub(crate) fn answer_to(&mut self, ask: &Ask, resolver: IpAddr) -> Answer {
        let reply = self.raw(&ask.octets(), resolver, Transport::Udp);
        Answer::read(reply.expect("queries are answered"))
    }
}

/// An answer, read by somebody else.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Message);

impl Answer {
    pub(crate) fn read(octets: &[u8]) -> Self {
        Self(Message::from_vec(octets).unwrap_or_else(|error| panic!("{error}: {octets:02x?}")))
    }

    pub(crate) fn rcode(&self) -> ResponseCode {
        self.0.metadata.response_code
    }

    /// The addresses of the answer section.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let address = |data: &RData| {
            if let RData::A(a) = data {
                return Some(IpAddr::V4(a.0));
            }
            if let RData::AAAA(aaaa) = data { Some(IpAddr::V6(aaaa.0)) } else { None }
        };
        self.0.answers.iter().filter_map(|record| address(&record.data)).collect()
    }

    /// The scope prefix length of the client subnet option, if it is there.
    pub(crate) fn scope(&self) -> Option<u8> {
        let option = self.0.edns.as_ref()?.options().get(EdnsCode::Subnet)?;
        let EdnsOption::Subnet(subnet) = option else { return None };
        Some(subnet.scope_prefix())
    }

    /// The text of the extended error (RFC 8914), if it has one.
    pub(crate) fn extended_error(&self) -> Option<String> {
        let options = self.0.edns.as_ref()?.options();
        // EXTRA-TEXT follows two octets of INFO-CODE.
        options.as_ref().iter().find_map(|(code, option)| match (u16::from(*code), option) {
            (15, EdnsOption::Unknown(_, data)) => {
                Some(String::from_utf8_lossy(data.get(2..)?).into_owned())
            }
            _ => None,
        })
    }
}
