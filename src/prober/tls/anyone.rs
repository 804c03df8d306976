//! Any certificate will do: `verify = false`.
//!
//! A server picks what it signs and whom it speaks to by what a client offers. So everything is
//! offered that a certificate may need, though it can't be verified: nobody asks for that here.

use std::sync::Arc;
use std::sync::LazyLock;

use rustls::CipherSuiteCommon;
use rustls::DigitallySignedStruct;
use rustls::Error;
use rustls::NamedGroup;
use rustls::SignatureScheme;
use rustls::SupportedCipherSuite;
use rustls::Tls12CipherSuite;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::danger::ServerCertVerified;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ActiveKeyExchange;
use rustls::crypto::CryptoProvider;
use rustls::crypto::SupportedKxGroup;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::ServerName;
use rustls::pki_types::UnixTime;

/// Signatures that are offered beside those that can be verified, where none is: ECDSA with
/// P-521 and with Brainpool curves, Ed448, RSA-PSS keys, ML-DSA, and what old servers sign with.
/// Without them such a server would end the handshake, having nothing to sign with.
const UNVERIFIED: [SignatureScheme; 17] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED448,
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
    SignatureScheme::Unknown(0x081a),
    SignatureScheme::Unknown(0x081b),
    SignatureScheme::Unknown(0x081c),
    SignatureScheme::ML_DSA_44,
    SignatureScheme::ML_DSA_65,
    SignatureScheme::ML_DSA_87,
    SignatureScheme::Unknown(0x0303),
    SignatureScheme::Unknown(0x0301),
    SignatureScheme::ECDSA_SHA1_Legacy,
    SignatureScheme::RSA_PKCS1_SHA1,
    SignatureScheme::Unknown(0x0101),
    SignatureScheme::Unknown(0x0202),
];

/// What a server may sign a key exchange of TLS 1.2 with, by the kind of its key.
const SIGNED: [SignatureScheme; 4] = [
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::ED448,
];

/// The cipher suites of TLS 1.2, with any signature.
static SUITES: LazyLock<Vec<Tls12CipherSuite>> = LazyLock::new(|| {
    let known = ring::ALL_CIPHER_SUITES.iter().filter_map(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => Some(suite),
        SupportedCipherSuite::Tls13(_) => None,
    });
    let taking_any = |suite: &&Tls12CipherSuite| Tls12CipherSuite {
        common: CipherSuiteCommon {
            suite: suite.common.suite,
            hash_provider: suite.common.hash_provider,
            confidentiality_limit: suite.common.confidentiality_limit,
        },
        prf_provider: suite.prf_provider,
        kx: suite.kx,
        sign: &SIGNED,
        aead_alg: suite.aead_alg,
    };
    known.map(taking_any).collect()
});

/// Curves that certificates may be of. A server of TLS 1.2 shows one only to clients that have
/// its curve (RFC 8422, 5.1); keys are exchanged over the others, which come first.
static CURVES: [Curve; 6] = [
    Curve(NamedGroup::secp521r1),
    Curve(NamedGroup::Unknown(0x16)),
    Curve(NamedGroup::Unknown(0x1a)),
    Curve(NamedGroup::Unknown(0x1b)),
    Curve(NamedGroup::Unknown(0x1c)),
    Curve(NamedGroup::X448),
];

/// What is offered to a server whose certificate does not matter.
pub(super) fn provider() -> CryptoProvider {
    let own = ring::default_provider();
    let of_1_3 = own.cipher_suites.iter().copied().filter(|suite| suite.tls13().is_some());
    let of_1_2 = SUITES.iter().map(SupportedCipherSuite::Tls12);
    let cipher_suites = of_1_3.chain(of_1_2).collect();
    let curves = CURVES.iter().map(|curve| curve as &dyn SupportedKxGroup);
    let kx_groups = own.kx_groups.iter().copied().chain(curves).collect();
    CryptoProvider { cipher_suites, kx_groups, ..own }
}

/// The verifier that goes with it.
pub(super) fn verifier() -> Arc<dyn ServerCertVerifier> {
    Arc::new(Anyone(ring::default_provider().signature_verification_algorithms))
}

/// A curve that certificates may be of, and keys are not exchanged over.
#[derive(Debug)]
struct Curve(NamedGroup);

impl SupportedKxGroup for Curve {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let why = "the target exchanges keys only over a curve that probes don't have: they have \
                   X25519, P-256 and P-384";
        Err(Error::General(why.to_owned()))
    }

    fn name(&self) -> NamedGroup {
        self.0
    }
}

/// Takes any certificate: `verify = false`. Nor is it asked who signed the handshake, since the
/// key could be anyone's too: that takes keys and certificates that can't even be read here.
#[derive(Debug)]
pub(super) struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut all = self.0.supported_schemes();
        let further = UNVERIFIED.into_iter().filter(|scheme| !all.contains(scheme));
        let further: Vec<_> = further.collect();
        all.extend(further);
        all
    }
}
