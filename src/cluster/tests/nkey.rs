//! Keys and signed claims as NATS has them, made as they are needed.

use std::fmt::Write;

use ring::signature::Ed25519KeyPair;
use ring::signature::KeyPair;
use serde_json::Value;
use serde_json::json;

/// The first octets of public keys.
const OPERATOR: u8 = 14 << 3;
const ACCOUNT: u8 = 0;
const USER: u8 = 20 << 3;
const SEED: u8 = 18 << 3;

/// A key of a kind.
pub(super) struct Nkey {
    kind: u8,
    seed: [u8; 32],
}

/// An operator with a system account and one account, and a user of that.
pub(super) struct Operator {
    /// What the server needs to know of it.
    pub(super) configuration: String,
    /// The user's credentials file.
    pub(super) credentials: String,
}

impl Nkey {
    /// A user's, of this octet.
    pub(super) fn user(octet: u8) -> Self {
        Self { kind: USER, seed: [octet; 32] }
    }

    pub(super) fn public(&self) -> String {
        let octets = [&[self.kind], self.pair().public_key().as_ref()].concat();
        base32(&with_crc(octets))
    }

    pub(super) fn seed(&self) -> String {
        let octets = [&[SEED | self.kind >> 5, (self.kind & 31) << 3], &self.seed[..]].concat();
        base32(&with_crc(octets))
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&self.seed).unwrap()
    }

    /// Claims of somebody, signed.
    fn sign(&self, subject: &Self, nats: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
        let claims = json!({
            "jti": "none", "iat": 1_700_000_000, "name": "test",
            "iss": self.public(), "sub": subject.public(), "nats": nats,
        });
        let encode = |value: Value| base64(value.to_string().as_bytes());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = base64(self.pair().sign(signed.as_bytes()).as_ref());
        format!("{signed}.{signature}")
    }
}

impl Operator {
    pub(super) fn new() -> Self {
        let operator = Nkey { kind: OPERATOR, seed: [1; 32] };
        let system = Nkey { kind: ACCOUNT, seed: [2; 32] };
        let account = Nkey { kind: ACCOUNT, seed: [3; 32] };
        let user = Nkey::user(4);
        let of_operator =
            json!({"type": "operator", "version": 2, "system_account": system.public()});
        let account_claims = |storage: i64| {
            json!({"type": "account", "version": 2, "limits": {
                "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
                "wildcards": true, "conn": -1, "leaf": -1, "streams": -1, "consumer": -1,
                "mem_storage": storage, "disk_storage": storage,
            }})
        };
        let of_user = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
        let configuration = format!(
            "operator: {}\nsystem_account: {system}\nresolver: MEMORY\nresolver_preload: {{\n\
             {system}: {}\n{}: {}\n}}",
            operator.sign(&operator, &of_operator),
            operator.sign(&system, &account_claims(0)),
            account.public(),
            operator.sign(&account, &account_claims(-1)),
            system = system.public(),
        );
        let credentials = format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            account.sign(&user, &of_user),
            user.seed()
        );
        Self { configuration, credentials }
    }
}

/// CRC-16/XMODEM, low octet first.
fn with_crc(mut octets: Vec<u8>) -> Vec<u8> {
    let mut crc = 0_u16;
    for octet in &octets {
        crc ^= u16::from(*octet) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    octets.extend(crc.to_le_bytes());
    octets
}

fn base32(octets: &[u8]) -> String {
    digits(octets, 5, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
}

fn base64(octets: &[u8]) -> String {
    digits(octets, 6, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
}

/// Octets in digits of so many bits, without padding.
fn digits(octets: &[u8], bits: usize, alphabet: &[u8]) -> String {
    let mut text = String::new();
    let mut binary = String::new();
    for octet in octets {
        write!(binary, "{octet:08b}").unwrap();
    }
    while !binary.len().is_multiple_of(bits) {
        binary.push('0');
    }
    for at in (0..binary.len()).step_by(bits) {
        let digit = usize::from_str_radix(&binary[at..at + bits], 2).unwrap();
        text.push(alphabet[digit].into());
    }
    text
}
