//! When a certificate ends.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

/// The end of a certificate; `None` if it can't be read.
pub(super) fn ends(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
