//! EDNS(0): the OPT record of a query (RFC 6891).

use crate::wire::ClientSubnet;

/// What the OPT record of a query says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Edns {
    /// The requestor's UDP payload size as sent; below 512 means 512 (RFC 6891, 6.2.3).
    pub payload: u16,
    /// The version; only 0 exists.
    pub version: u8,
    /// DNSSEC OK (RFC 3225), copied into the response.
    pub dnssec_ok: bool,
    /// The client subnet, if the option was there.
    pub client_subnet: Option<ClientSubnet>,
    /// Whether the name server's identifier is asked for (RFC 5001).
    pub nsid: bool,
    /// Whether edns-tcp-keepalive was sent (RFC 7828).
    pub keepalive: bool,
}

/// Option codes that are read or written.
pub(crate) mod option {
    /// RFC 5001.
    pub(crate) const NSID: u16 = 3;
    /// RFC 7871.
    pub(crate) const CLIENT_SUBNET: u16 = 8;
    /// RFC 7828.
    pub(crate) const KEEPALIVE: u16 = 11;
    /// RFC 8914.
    pub(crate) const EXTENDED_ERROR: u16 = 15;
}

/// An extended error code (RFC 8914, 4) with a text for humans.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT, a few words.
    pub text: &'static str,
}

impl ExtendedError {
    /// Octets of the option, header included.
    pub(crate) const fn wire_len(&self) -> usize {
        4 + 2 + self.text.len()
    }
}

impl Edns {
    /// Reads an OPT record from its class, TTL and data. `None` is FORMERR: options
    /// that overrun the data, a broken or second client subnet.
    pub(crate) fn parse(class: u16, ttl: u32, data: &[u8]) -> Option<Self> {
        let mut edns = Self::fixed(class, ttl);
        edns.options(data).map(|()| edns)
    }

    /// What there is to be read in an OPT record that may be broken, for the one in the error
    /// that answers it. It has no client subnet, since RFC 7871, 7.2.1 is about answers, and
    /// nothing of streams, whatever comes over them.
    pub(crate) fn salvage(class: u16, ttl: u32, data: &[u8]) -> Self {
        let mut edns = Self::fixed(class, ttl);
        // What follows the broken option is not read.
        let _ = edns.options(data);
        Self { client_subnet: None, keepalive: false, ..edns }
    }

    const fn fixed(class: u16, ttl: u32) -> Self {
        let [_, version, flags, _] = ttl.to_be_bytes();
        let dnssec_ok = flags & 0x80 != 0;
        Self {
            payload: class,
            version,
            dnssec_ok,
            client_subnet: None,
            nsid: false,
            keepalive: false,
        }
    }

    /// Reads the options as far as they are sound; `None` if they are not.
    #[inline]
    fn options(&mut self, data: &[u8]) -> Option<()> {
        // RFC 6891, 6.1.3: another version may have other options; BADVERS comes first.
        if self.version != 0 {
            return Some(());
        }
        let mut rest = data;
        while !rest.is_empty() {
            let (&[c0, c1, l0, l1], tail) = rest.split_first_chunk()?;
            let (value, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([l0, l1])))?;
            match u16::from_be_bytes([c0, c1]) {
                option::CLIENT_SUBNET if self.client_subnet.is_some() => return None,
                option::CLIENT_SUBNET => self.client_subnet = Some(ClientSubnet::parse(value)?),
                option::NSID => self.nsid = true,
                option::KEEPALIVE => self.keepalive = true,
                // RFC 6891, 6.1.2: unknown options are ignored.
                _ => {}
            }
            rest = tail;
        }
        Some(())
    }
}
