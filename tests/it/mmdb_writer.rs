//! Writes MMDB files, so that no test depends on one from outside.
//!
//! Unit tests of `geo` include this file too. It writes what the format allows
//! and vendors do: three record sizes, trees of one family or both, blocks of
//! IPv6 aliased to IPv4, shared values behind pointers of every width.

use std::collections::HashMap;

use ipnet::IpNet;

/// A value of the data section.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Array(Vec<Self>),
    Bool(bool),
    Bytes(Vec<u8>),
    Double(f64),
    Float(f32),
    Int32(i32),
    Map(Vec<(String, Self)>),
    /// Written once, and as a pointer wherever it occurs.
    Shared(Box<Self>),
    Text(String),
    Uint16(u16),
    Uint32(u32),
    Uint64(u64),
    Uint128(u128),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn map<'a>(pairs: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    pub(crate) fn shared(self) -> Self {
        Self::Shared(Box::new(self))
    }
}

/// A file to be.
#[derive(Clone, Debug)]
pub(crate) struct MmdbWriter {
    record_size: u16,
    ip_version: u16,
    padding: usize,
    aliases: bool,
    nodes: Vec<[Child; 2]>,
    records: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Child {
    Empty,
    Node(usize),
    Record(usize),
}

impl MmdbWriter {
    /// A file with records of 24, 28 or 32 bits, for IP version 4 or 6 (both).
    pub(crate) fn new(record_size: u16, ip_version: u16) -> Self {
        let nodes = vec![[Child::Empty; 2]];
        Self { record_size, ip_version, padding: 0, aliases: false, nodes, records: Vec::new() }
    }

    /// Puts octets before the first value, so that pointers get wider.
    pub(crate) fn padding(mut self, octets: usize) -> Self {
        self.padding = octets;
        self
    }

    /// Lets `::ffff:0:0/96`, `2001::/32` and `2002::/16` lead to IPv4, as vendors do.
    pub(crate) fn aliases(mut self) -> Self {
        self.aliases = true;
        self
    }

    /// Adds a network; what was there before inside it is gone.
    pub(crate) fn insert(mut self, net: &str, record: Value) -> Self {
        let record = self.records.iter().position(|known| *known == record).unwrap_or_else(|| {
            self.records.push(record);
            self.records.len() - 1
        });
        let net: IpNet = net.parse().unwrap();
        let (address, depth) = match (net, self.ip_version) {
            (IpNet::V4(net), 4) => (u128::from(u32::from(net.network())) << 96, net.prefix_len()),
            (IpNet::V4(net), _) => (u32::from(net.network()).into(), net.prefix_len() + 96),
            (IpNet::V6(net), _) => (net.network().into(), net.prefix_len()),
        };
        self.set(address, depth, Child::Record(record));
        self
    }

    /// Sets what the first `depth` bits of an address lead to.
    fn set(&mut self, address: u128, depth: u8, child: Child) {
        assert!(depth > 0, "the root is always a node");
        let side = |level: u8| usize::from(address >> (127 - level) & 1 == 1);
        let mut node = 0;
        for level in 0..depth - 1 {
            let side = side(level);
            node = match self.nodes[node][side] {
                Child::Node(next) => next,
                leaf @ (Child::Empty | Child::Record(_)) => {
                    self.nodes.push([leaf; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side] = Child::Node(next);
                    next
                }
            };
        }
        self.nodes[node][side(depth - 1)] = child;
    }

    /// The contents of the file.
    pub(crate) fn write(mut self) -> Vec<u8> {
        if self.aliases {
            let mut ipv4 = Child::Node(0);
            for _ in 0..96 {
                if let Child::Node(node) = ipv4 {
                    ipv4 = self.nodes[node][0];
                }
            }
            self.set(0xffff << 32, 96, ipv4);
            self.set(0x2001 << 112, 32, ipv4);
            self.set(0x2002 << 112, 16, ipv4);
        }
        let mut section = Section { octets: vec![0; self.padding], shared: HashMap::new() };
        let offsets: Vec<_> = self.records.iter().map(|record| section.add(record)).collect();
        let n_nodes = self.nodes.len();
        let number = |child: Child| {
            let number = match child {
                Child::Empty => n_nodes,
                Child::Node(node) => node,
                Child::Record(record) => n_nodes + 16 + offsets[record],
            };
            u32::try_from(number).unwrap()
        };
        let mut file = Vec::new();
        for [zero, one] in &self.nodes {
            file.extend(node(self.record_size, number(*zero), number(*one)));
        }
        file.extend([0; 16]);
        file.extend(section.octets);
        file.extend(b"\xab\xcd\xefMaxMind.com");
        file.extend(self.metadata(n_nodes));
        file
    }

    fn metadata(&self, n_nodes: usize) -> Vec<u8> {
        let mut section = Section { octets: Vec::new(), shared: HashMap::new() };
        section.add(&Value::map([
            ("binary_format_major_version", Value::Uint16(2)),
            ("binary_format_minor_version", Value::Uint16(0)),
            ("build_epoch", Value::Uint64(1_700_000_000)),
            ("database_type", Value::text("Test-City")),
            ("description", Value::map([("en", Value::text("a database of tests"))])),
            ("ip_version", Value::Uint16(self.ip_version)),
            ("languages", Value::Array(vec![Value::text("en")])),
            ("node_count", Value::Uint32(u32::try_from(n_nodes).unwrap())),
            ("record_size", Value::Uint16(self.record_size)),
        ]));
        section.octets
    }
}

/// The octets of a node.
pub(crate) fn node(record_size: u16, zero: u32, one: u32) -> Vec<u8> {
    let [z3, z2, z1, z0] = zero.to_be_bytes();
    let [o3, o2, o1, o0] = one.to_be_bytes();
    match record_size {
        24 => vec![z2, z1, z0, o2, o1, o0],
        28 => vec![z2, z1, z0, z3 << 4 | o3, o2, o1, o0],
        32 => vec![z3, z2, z1, z0, o3, o2, o1, o0],
        other => panic!("no nodes of {other} bits"),
    }
}

/// A data section in the making.
struct Section {
    octets: Vec<u8>,
    /// Where shared values are, by their octets.
    shared: HashMap<Vec<u8>, usize>,
}

impl Section {
    /// Appends a value and returns where it starts.
    fn add(&mut self, value: &Value) -> usize {
        let octets = self.encode(value);
        // Shared values inside went first.
        let at = self.octets.len();
        self.octets.extend(octets);
        at
    }

    fn encode(&mut self, value: &Value) -> Vec<u8> {
        match value {
            Value::Array(values) => {
                let inside: Vec<_> = values.iter().flat_map(|value| self.encode(value)).collect();
                [head(11, values.len()), inside].concat()
            }
            Value::Bool(value) => head(14, usize::from(*value)),
            Value::Bytes(octets) => [head(4, octets.len()), octets.clone()].concat(),
            Value::Double(number) => [head(3, 8), number.to_be_bytes().to_vec()].concat(),
            Value::Float(number) => [head(15, 4), number.to_be_bytes().to_vec()].concat(),
            Value::Int32(number) => [head(8, 4), number.to_be_bytes().to_vec()].concat(),
            Value::Map(pairs) => {
                let mut octets = head(7, pairs.len());
                for (key, value) in pairs {
                    octets.extend(self.encode(&Value::text(key)));
                    octets.extend(self.encode(value));
                }
                octets
            }
            Value::Shared(value) => {
                let octets = self.encode(value);
                let at = self.shared.get(&octets).copied().unwrap_or_else(|| {
                    let at = self.octets.len();
                    self.octets.extend(&octets);
                    self.shared.insert(octets, at);
                    at
                });
                pointer(at)
            }
            Value::Text(text) => [head(2, text.len()), text.clone().into_bytes()].concat(),
            Value::Uint16(number) => unsigned(5, u128::from(*number)),
            Value::Uint32(number) => unsigned(6, u128::from(*number)),
            Value::Uint64(number) => unsigned(9, u128::from(*number)),
            Value::Uint128(number) => unsigned(10, *number),
        }
    }
}

/// Type and size.
fn head(code: u8, size: usize) -> Vec<u8> {
    let (short, extra) = match size {
        0..29 => (size, Vec::new()),
        29..285 => (29, vec![size - 29]),
        285..65_821 => (30, vec![(size - 285) >> 8, (size - 285) & 0xff]),
        _ => {
            let over = size - 65_821;
            (31, vec![over >> 16, over >> 8 & 0xff, over & 0xff])
        }
    };
    let short = u8::try_from(short).unwrap();
    let mut octets = if code < 8 { vec![code << 5 | short] } else { vec![short, code - 7] };
    octets.extend(extra.into_iter().map(|octet| u8::try_from(octet).unwrap()));
    octets
}

/// An unsigned integer without its leading zeros.
fn unsigned(code: u8, number: u128) -> Vec<u8> {
    let octets: Vec<_> = number.to_be_bytes().into_iter().skip_while(|o| *o == 0).collect();
    [head(code, octets.len()), octets].concat()
}

/// A pointer, as narrow as can be.
fn pointer(at: usize) -> Vec<u8> {
    let (width, number) = match at {
        0..2048 => (1, at),
        2048..526_336 => (2, at - 2048),
        526_336..134_744_064 => (3, at - 526_336),
        _ => (4, at),
    };
    let octets = u64::try_from(number).unwrap().to_be_bytes();
    let low = &octets[8 - width..];
    let high = if width < 4 { octets[7 - width] } else { 0 };
    let control = 0x20 | u8::try_from(width - 1).unwrap() << 3 | high;
    [&[control], low].concat()
}
