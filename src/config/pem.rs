//! Certificates and keys that the configuration names, as PEM files.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;

use crate::config::codes;
use crate::config::reader::At;
use crate::config::section::Section;
use crate::config::value::Value;
use crate::model::Diagnostic;

/// Reads `authorities`: a file of certificates to trust.
pub(super) fn authorities(section: &mut Section<'_>, example: &str) -> Option<PathBuf> {
    let value = section.value("authorities", &format!("{example:?}"))?;
    value.content(certificates, wrong).map(|(path, _)| path.value)
}

/// Reads `certificate` and `key`, of which both are there or neither.
pub(super) fn identity(
    section: &mut Section<'_>,
    certificate_example: &str,
    key_example: &str,
) -> Option<(PathBuf, PathBuf)> {
    let certificate = section.value("certificate", &format!("{certificate_example:?}"));
    let key = section.value("key", &format!("{key_example:?}"));
    let problem = match (&certificate, &key) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => return pair(certificate, key),
        (Some(lone), None) => half(lone, "key", key_example),
        (None, Some(lone)) => half(lone, "certificate", certificate_example),
    };
    section.reader().report(problem);
    None
}

fn half(lone: &Value<'_>, missing: &str, example: &str) -> Diagnostic {
    let there = &lone.key.value;
    let message = format!("`{there}` needs a `{missing}`: expected both or neither");
    Diagnostic::error(codes::TLS_FILE, lone.span, message)
        .label(lone.span, format!("`{missing}` is missing"))
        .help(format!("add `{missing} = \"{example}\"`, or remove `{there}`"))
}

fn wrong(path: &At<PathBuf>, why: &str) -> Diagnostic {
    let message = format!("`{}`: {why}", path.value.display());
    Diagnostic::error(codes::TLS_FILE, path.span, message)
        .label(path.span, why.to_owned())
        .help("name a file in PEM format: text with `-----BEGIN …-----`")
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(found) if found.is_empty() => Err("expected a certificate, found none".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("expected certificates, found what is not PEM: {error}")),
    }
}

fn private_key(text: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| "expected a private key, found none".to_owned())
}

/// A certificate and its key, which must be of each other.
fn pair(certificate: &Value<'_>, key: &Value<'_>) -> Option<(PathBuf, PathBuf)> {
    let chain = certificate.content(certificates, wrong);
    let secret = key.content(private_key, wrong);
    let ((certificate, chain), (path, secret)) = chain.zip(secret)?;
    let provider = Arc::new(ring::default_provider());
    if let Err(error) = CertifiedKey::from_der(chain, secret, &provider) {
        let why = format!("expected the key of the certificate, found another: {error}");
        // Reported where the key stands; the certificate may well be right.
        let problem = wrong(&path, &why)
            .label(certificate.span, "the certificate")
            .help("name the key that the certificate was made for");
        key.report(problem);
        return None;
    }
    Some((certificate.value, path.value))
}
