//! Whose certificates are taken: those that the authorities of a monitor vouch for.
//!
//! A certificate that is itself in the file of authorities is trusted as it is: whatever its
//! version and extensions are, only its time, its name and its key count. That is what an
//! operator means who makes one with `openssl req -x509` and names that very file, and what curl
//! does with `--cacert`; building a path takes no certificate of an authority for a server's.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::CertificateError;
use rustls::DigitallySignedStruct;
use rustls::Error;
use rustls::RootCertStore;
use rustls::SignatureScheme;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto;
use rustls::crypto::CryptoProvider;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::UnixTime;
use webpki::RawPublicKeyEntity;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;

/// The fewest bits of an RSA key that `ring` verifies.
const RSA_BITS: usize = 2048;

/// Authorities: to build paths to, and as they are.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    anchors: Arc<RootCertStore>,
    certificates: Arc<Vec<CertificateDer<'static>>>,
}

impl Authorities {
    /// These. One that no path can lead to may still be shown itself.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut anchors = RootCertStore::empty();
        anchors.add_parsable_certificates(certificates.iter().cloned());
        Self { anchors: Arc::new(anchors), certificates: Arc::new(certificates) }
    }
}

/// Takes the certificates that the authorities vouch for, and theirs.
#[derive(Debug)]
pub(super) struct Trusting {
    /// What builds paths; `None` if no path leads to any of them.
    paths: Option<Arc<WebPkiServerVerifier>>,
    authorities: Authorities,
    known: WebPkiSupportedAlgorithms,
}

impl Trusting {
    pub(super) fn new(authorities: Authorities, provider: &Arc<CryptoProvider>) -> Self {
        let anchors = Arc::clone(&authorities.anchors);
        let paths = WebPkiServerVerifier::builder_with_provider(anchors, Arc::clone(provider));
        let known = provider.signature_verification_algorithms;
        Self { paths: paths.build().ok(), authorities, known }
    }

    fn is_own(&self, certificate: &CertificateDer<'_>) -> bool {
        self.authorities.certificates.iter().any(|own| own == certificate)
    }

    /// Whether the key of a certificate signed a message, whatever else is in the certificate.
    fn signed(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let certificate = parsed(certificate)?;
        let key = certificate.public_key();
        if let Ok(PublicKey::RSA(rsa)) = key.parsed()
            && rsa.key_size() < RSA_BITS
        {
            let bits = rsa.key_size();
            return Err(Error::General(format!(
                "certificate has an RSA key of {bits} bits, too short to be verified; take one of \
                 {RSA_BITS}, or set `verify = false`"
            )));
        }
        let key = SubjectPublicKeyInfoDer::from(key.raw);
        let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
        let found = self.known.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme);
        let (_, algorithms) = found.ok_or(CertificateError::BadSignature)?;
        let is_right = algorithms
            .iter()
            .any(|one| key.verify_signature(*one, message, signature.signature()).is_ok());
        match is_right {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(CertificateError::BadSignature.into()),
        }
    }
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.is_own(certificate) {
            let certificate = parsed(certificate)?;
            in_time(&certificate, now)?;
            return match is_for(&certificate, name) {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(CertificateError::NotValidForName.into()),
            };
        }
        match &self.paths {
            Some(paths) => paths.verify_server_cert(certificate, others, name, ocsp, now),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.is_own(certificate) {
            true => self.signed(message, certificate, signature),
            false => crypto::verify_tls12_signature(message, certificate, signature, &self.known),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.is_own(certificate) {
            true => self.signed(message, certificate, signature),
            false => crypto::verify_tls13_signature(message, certificate, signature, &self.known),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_schemes()
    }
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    let parsed = x509_parser::parse_x509_certificate(certificate);
    parsed.map(|(_, parsed)| parsed).map_err(|_| CertificateError::BadEncoding.into())
}

fn in_time(certificate: &X509Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let at = |seconds: i64| std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    let validity = certificate.validity();
    let not_before = UnixTime::since_unix_epoch(at(validity.not_before.timestamp()));
    let not_after = UnixTime::since_unix_epoch(at(validity.not_after.timestamp()));
    if now < not_before {
        return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
    }
    match now > not_after {
        true => Err(CertificateError::ExpiredContext { time: now, not_after }.into()),
        false => Ok(()),
    }
}

/// Whether a certificate is for a name: by its alternative names, or by its common name if it has
/// none, as those of version 1 can't.
fn is_for(certificate: &X509Certificate<'_>, name: &ServerName<'_>) -> bool {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let Some(alternatives) = alternatives.filter(|found| !found.value.general_names.is_empty())
    else {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        return common.into_iter().any(|common| match name {
            ServerName::DnsName(name) => matches(common, name.as_ref()),
            ServerName::IpAddress(address) => {
                common.parse::<IpAddr>() == Ok(IpAddr::from(*address))
            }
            _ => false,
        });
    };
    alternatives.value.general_names.iter().any(|found| match (found, name) {
        (GeneralName::DNSName(found), ServerName::DnsName(name)) => matches(found, name.as_ref()),
        (GeneralName::IPAddress(octets), ServerName::IpAddress(address)) => {
            match IpAddr::from(*address) {
                IpAddr::V4(address) => *octets == address.octets(),
                IpAddr::V6(address) => *octets == address.octets(),
            }
        }
        _ => false,
    })
}

/// Whether a name of a certificate, whose first label may be `*`, is for a host (RFC 9525, 6.3).
fn matches(presented: &str, name: &str) -> bool {
    let [presented, name] = [presented, name].map(|text| text.trim_end_matches('.'));
    match (presented.strip_prefix("*."), name.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
        (Some(_), None) => false,
        (None, _) => presented.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_certificate_is_for_a_host_or_for_one_label_more() {
        for (presented, name, expected) in [
            ("www.example.com", "WWW.example.com", true),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.www.example.com", false),
            ("*.example.com", "example.com", false),
            ("example.com", "www.example.com", false),
            ("*.com", "localhost", false),
        ] {
            assert_eq!(matches(presented, name), expected, "{presented} {name}");
        }
    }
}
