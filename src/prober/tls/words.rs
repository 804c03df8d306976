//! What errors of TLS say of a target, in words of the operator and not of a library.

use jiff::Timestamp;
use rustls::AlertDescription;
use rustls::CertificateError;
use rustls::Error;
use rustls::InvalidMessage;
use rustls::OtherError;
use rustls::PeerIncompatible;
use rustls::PeerMisbehaved;
use rustls::pki_types::UnixTime;

/// What probes offer, for whoever must change a server.
const OFFERED: &str = "probes offer TLS 1.3, and TLS 1.2 with AES-GCM or ChaCha20, by ECDHE \
                       of X25519, P-256 or P-384; no CBC, no static RSA, no DHE";

/// The keys that can be verified.
const VERIFIED: &str = "with `verify`, keys of RSA, ECDSA P-256 and P-384, Ed25519";

/// What to do with a certificate that can't be verified.
const TRUST: &str = "name this very certificate in `authorities`, or set `verify = false`";

/// An error of a handshake, in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some need other words")]
pub(super) fn of(error: &Error, verifies: bool) -> String {
    match error {
        Error::InvalidCertificate(wrong) => certificate(wrong),
        Error::AlertReceived(alert) => of_alert(*alert, verifies),
        Error::PeerIncompatible(why) => incompatible(why),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => "no TLS: the target answers in another protocol, perhaps without TLS".to_owned(),
        Error::NoCertificatesPresented => "TLS: the target shows no certificate".to_owned(),
        Error::NoApplicationProtocol => {
            "TLS: the target does not speak the protocol of the monitor (ALPN)".to_owned()
        }
        // The one of those that rustls has no name for.
        Error::PeerMisbehaved(PeerMisbehaved::SignedKxWithWrongAlgorithm) => {
            "TLS: the target signs with an RSA-PSS key, which takes TLS 1.3 here".to_owned()
        }
        Error::PeerMisbehaved(why) => {
            format!("TLS: the target breaks the protocol: {}", spelt(&format!("{why:?}")))
        }
        Error::InvalidMessage(why) => {
            format!("TLS: a message of the target can't be read: {}", spelt(&format!("{why:?}")))
        }
        // Our own words.
        Error::General(why) => format!("TLS: {why}"),
        other => format!("TLS: {other}"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only some need other words")]
fn of_alert(alert: AlertDescription, verifies: bool) -> String {
    let name = spelt(&format!("{alert:?}"));
    let start = format!("TLS: the target refuses the handshake ({name})");
    match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            let keys = if verifies { format!("; {VERIFIED}") } else { String::new() };
            format!("{start}: {OFFERED}{keys}")
        }
        AlertDescription::ProtocolVersion => format!("{start}: {OFFERED}"),
        AlertDescription::UnrecognisedName => {
            format!("{start}: it has no certificate for the name; see `server-name` and `host`")
        }
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => {
            format!("{start}: it wants another `certificate` of the monitor")
        }
        _ => start,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only some need other words")]
fn incompatible(why: &PeerIncompatible) -> String {
    match why {
        PeerIncompatible::ServerDoesNotSupportTls12Or13
        | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
        | PeerIncompatible::NoCipherSuitesInCommon => {
            format!("TLS: the target speaks an older version or other cipher suites: {OFFERED}")
        }
        other => format!("TLS: the target lacks what is needed: {}", spelt(&format!("{other:?}"))),
    }
}

/// What is wrong with a certificate, in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some need other words")]
fn certificate(wrong: &CertificateError) -> String {
    match wrong {
        CertificateError::Expired => "certificate expired".to_owned(),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("certificate expired{}", at(*not_after))
        }
        CertificateError::NotValidYet => "certificate is not valid yet".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("certificate is not valid before{}", at(*not_before))
        }
        CertificateError::NotValidForName => OTHER_NAME.to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            other_name(&expected.to_str(), presented)
        }
        CertificateError::UnknownIssuer => "certificate is of an unknown authority".to_owned(),
        CertificateError::BadEncoding => format!("certificate can't be read: {TRUST}"),
        CertificateError::BadSignature => {
            "certificate or handshake is not signed by the key that it should be".to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            format!("certificate is signed in a way that can't be verified: {TRUST}")
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate is not for servers (extended key usage)".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => critical(),
        CertificateError::Other(OtherError(inner)) => {
            let of_path = inner.downcast_ref::<webpki::Error>();
            of_path.map_or_else(|| format!("certificate: {inner}"), path)
        }
        other => format!("certificate: {}", spelt(&format!("{other:?}"))),
    }
}

const OTHER_NAME: &str = "certificate is for another name";

/// A certificate that is not for the name that was asked for, but for these.
fn other_name(expected: &str, presented: &[String]) -> String {
    const SHOWN: usize = 3;
    // As `DnsName("www.example.com")`.
    let bare = |name: &str| name.split('"').nth(1).unwrap_or(name).to_owned();
    let names: Vec<String> = presented.iter().take(SHOWN).map(|name| bare(name)).collect();
    match names.as_slice() {
        [] => format!("{OTHER_NAME} than {expected}: it has none in its subjectAltName"),
        names => {
            let more = if presented.len() > SHOWN { " and others" } else { "" };
            format!("{OTHER_NAME} than {expected}: for {}{more}", names.join(", "))
        }
    }
}

fn critical() -> String {
    format!("certificate has a critical extension that is not known: {TRUST}")
}

/// What keeps a path of certificates from being built.
#[expect(clippy::wildcard_enum_match_arm, reason = "only some need other words")]
fn path(wrong: &webpki::Error) -> String {
    match wrong {
        webpki::Error::CaUsedAsEndEntity => {
            format!("certificate is an authority's (CA:TRUE), not a server's: {TRUST}")
        }
        webpki::Error::UnsupportedCertVersion => {
            format!("certificate is of X.509 version 1, which can't be verified: {TRUST}")
        }
        webpki::Error::UnsupportedCriticalExtension => critical(),
        webpki::Error::EndEntityUsedAsCa => {
            "certificate is signed by one that is no authority's (CA:FALSE)".to_owned()
        }
        webpki::Error::PathLenConstraintViolated | webpki::Error::NameConstraintViolation => {
            "certificate is one that its authority may not sign (constraints)".to_owned()
        }
        other => {
            format!("certificate can't be verified ({}): {TRUST}", spelt(&format!("{other:?}")))
        }
    }
}

fn at(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| format!(" {at}"))
}

/// The name of a variant as words: `HandshakeFailure` is `handshake failure`. What it holds is
/// left out.
fn spelt(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for c in name.chars().take_while(|c| c.is_ascii_alphanumeric()) {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn no_error_reads_as_a_value_of_rust() {
        let of_path = |error: webpki::Error| {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
        };
        for (error, expected) in [
            (of_path(webpki::Error::CaUsedAsEndEntity), "authority's (CA:TRUE)"),
            (of_path(webpki::Error::UnsupportedCertVersion), "X.509 version 1"),
            (of_path(webpki::Error::InvalidSerialNumber), "(invalid serial number)"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "no CBC"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "X25519, P-256 or P-384"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.3"),
            (Error::AlertReceived(AlertDescription::InternalError), "(internal error)"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "without TLS"),
            (Error::InvalidMessage(InvalidMessage::TrailingData("x")), "trailing data"),
            (Error::PeerIncompatible(PeerIncompatible::NoKxGroupsInCommon), "no kx groups in"),
        ] {
            let found = of(&error, true);
            assert!(found.contains(expected), "{found}");
            assert!(!found.contains("Error") && !found.contains('"'), "{found}");
            assert!(found.len() < 300, "longer than what is kept of an outcome: {found}");
        }
    }

    #[test]
    fn a_certificate_for_another_name_says_for_which() {
        let presented = ["a.test", "b.test", "c.test", "d.test"];
        let presented = presented.map(|name| format!("DnsName(\"{name}\")"));
        for (names, expected) in [
            (0, "certificate is for another name than w.test: it has none in its subjectAltName"),
            (1, "certificate is for another name than w.test: for a.test"),
            (
                4,
                "certificate is for another name than w.test: for a.test, b.test, c.test and others",
            ),
        ] {
            assert_eq!(other_name("w.test", &presented[..names]), expected);
        }
    }

    #[test]
    fn names_of_variants_become_words() {
        assert_eq!(spelt("CertificateRequired"), "certificate required");
        assert_eq!(spelt("MissingData(\"x\")"), "missing data");
        assert_eq!(spelt("UnknownCA"), "unknown ca");
    }
}
