//! How a TLS client behaves towards a target.

use std::time::Duration;

use crate::config::codes;
use crate::config::pem;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::units;
use crate::model::TlsOptions;
use crate::model::limits;
use crate::model::sound;

/// Warns so long before a certificate ends unless the file says otherwise.
const EXPIRY_WARNING: Duration = Duration::from_secs(14 * 24 * 3600);

/// What holds if nothing is said.
pub(super) fn defaults() -> TlsOptions {
    TlsOptions {
        server_name: None,
        verify: true,
        authorities: None,
        identity: None,
        expiry_warning: EXPIRY_WARNING,
    }
}

/// Reads the keys about TLS of a kind of probe.
pub(super) fn options(section: &mut Section<'_>) -> TlsOptions {
    let verify = section.value("verify", "true").and_then(|value| value.boolean());
    let name = section.value("server-name", "\"www.example.com\"");
    let name = name.and_then(|value| value.parsed(server_name));
    let authorities = pem::authorities(section, "tls/authorities.pem");
    let identity = pem::identity(section, "tls/probe.pem", "tls/probe.key");
    let warning = section.value("expiry-warning", "\"14d\"");
    let within = |text: &str| units::within(text, limits::EXPIRY_WARNING);
    let warning = warning.and_then(|value| value.quantity("d", within));
    TlsOptions {
        server_name: name.map(|at| at.value),
        verify: verify.is_none_or(|at| at.value),
        authorities,
        identity,
        expiry_warning: warning.map_or(EXPIRY_WARNING, |at| at.value),
    }
}

fn server_name(text: &str) -> Result<String, Fault> {
    if sound::is_server_name(text) {
        return Ok(text.to_owned());
    }
    let fault = Fault::new(codes::HTTP_HOST, "a host name such as \"www.example.com\"");
    Err(fault.help("write the name that the certificate is for"))
}
