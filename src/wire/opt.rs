//! The OPT record of a response (RFC 6891, 6.1.2).

use crate::model::Rcode;
use crate::model::limits;
use crate::wire::Edns;
use crate::wire::ExtendedError;
use crate::wire::ScopePrefix;
use crate::wire::edns::option;

/// What the OPT record of a response carries besides what the query's says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'a> {
    /// The name server's identifier, written if asked for.
    pub nsid: Option<&'a [u8]>,
    /// The idle time of a stream in units of 100 ms, written if asked for (RFC 7828).
    pub keepalive: Option<u16>,
}

/// Octets of the OPT record that answers this one, the extended error not counted.
pub(super) fn len(edns: &Edns, extras: &Extras<'_>) -> usize {
    let nsid = extras.nsid.filter(|_| edns.nsid).map_or(0, |id| 4 + id.len());
    let keepalive = extras.keepalive.filter(|_| edns.keepalive).map_or(0, |_| 6);
    11 + edns.client_subnet.map_or(0, |subnet| subnet.wire_len()) + nsid + keepalive
}

/// Fills `octets`, which is exactly as long as the record.
pub(super) fn write(
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
