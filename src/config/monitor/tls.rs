//! How a TLS client behaves towards a target, and the files that takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject;
use rustls::sign::CertifiedKey;

use crate::config::codes;
use crate::config::files;
use crate::config::reader::At;
use crate::config::reader::Fault;
use crate::config::section::Section;
use crate::config::units;
use crate::config::value::Value;
use crate::model::Diagnostic;
use crate::model::TlsOptions;

/// Warns so long before a certificate ends unless the file says otherwise.
const EXPIRY_WARNING: Duration = Duration::from_secs(14 * 24 * 3600);

/// How long before the end a warning may be asked for.
const EXPIRY_WARNINGS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(3650 * 24 * 3600)];

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
    let authorities = section.value("authorities", "\"tls/authorities.pem\"");
    let authorities = authorities.and_then(|value| path_of(&value, certificates));
    let certificate = section.value("certificate", "\"tls/probe.pem\"");
    let key = section.value("key", "\"tls/probe.key\"");
    let identity = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => identity(&certificate, &key),
        (certificate, key) => {
            if let Some(lone) = certificate.as_ref().or(key.as_ref()) {
                section.reader().report(half(lone, certificate.is_some()));
            }
            None
        }
    };
    let warning = section.value("expiry-warning", "\"14d\"");
    let within = |text: &str| units::within(text, EXPIRY_WARNINGS);
    let warning = warning.and_then(|value| value.quantity("d", within));
    TlsOptions {
        server_name: name.map(|at| at.value),
        verify: verify.is_none_or(|at| at.value),
        authorities: authorities.map(|at| at.value),
        identity,
        expiry_warning: warning.map_or(EXPIRY_WARNING, |at| at.value),
    }
}

fn server_name(text: &str) -> Result<String, Fault> {
    ServerName::try_from(text).map(|_| text.to_owned()).map_err(|_| {
        let fault = Fault::new(codes::HTTP_HOST, "a host name such as \"www.example.com\"");
        fault.help("write the name that the certificate is for")
    })
}

fn half(lone: &Value<'_>, is_certificate: bool) -> Diagnostic {
    let (there, missing) =
        if is_certificate { ("certificate", "key") } else { ("key", "certificate") };
    let message = format!("`{there}` needs a `{missing}`: expected both or neither");
    Diagnostic::error(codes::TLS_FILE, lone.span, message)
        .label(lone.span, format!("`{missing}` is missing"))
        .help(format!("add `{missing} = \"tls/probe.pem\"`, or remove `{there}`"))
}

/// A path, once the file there was found to hold what it should.
fn path_of<T>(value: &Value<'_>, read: impl Fn(&str) -> Result<T, String>) -> Option<At<PathBuf>> {
    content(value, read).map(|(path, _)| path)
}

fn content<T>(
    value: &Value<'_>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Option<(At<PathBuf>, T)> {
    let path = value.path()?;
    value.depend(&path.value);
    let text = match files::text(&path.value) {
        Ok(text) => text,
        Err(problem) => {
            let message = problem.message.clone();
            value.report(problem.label(path.span, message));
            return None;
        }
    };
    match read(&text) {
        Ok(content) => Some((path, content)),
        Err(why) => {
            value.report(wrong(&path, &why));
            None
        }
    }
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
fn identity(certificate: &Value<'_>, key: &Value<'_>) -> Option<(PathBuf, PathBuf)> {
    let value = key;
    let certificate = content(certificate, certificates);
    let key = content(value, private_key);
    let ((certificate, chain), (key, secret)) = certificate.zip(key)?;
    let provider = Arc::new(ring::default_provider());
    if let Err(error) = CertifiedKey::from_der(chain, secret, &provider) {
        let why = format!("expected the key of the certificate, found another: {error}");
        // Reported where the key stands; the certificate may well be right.
        let problem = wrong(&key, &why)
            .label(certificate.span, "the certificate")
            .help("name the key that the certificate was made for");
        value.report(problem);
        return None;
    }
    Some((certificate.value, key.value))
}
