//! A scratch folder with the files that test configurations name.

use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

/// A zone in the notation of master files.
const ZONE: &str = "$TTL 300\n\
    @ SOA ns.example.net. hostmaster.example.net. 1 3600 600 86400 60\n\
    @ NS ns.example.net.\n\
    static A 192.0.2.1\n\
    alias CNAME static\n\
    cut NS ns.example.net.\n";

/// The folder; it goes away with this.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        let folder = Self(TempDir::new().unwrap());
        folder.write("zones/gslb.example.com.zone", ZONE.as_bytes());
        folder.write("geoip/dbip-country-lite.mmdb", &database());
        folder.write("geoip/broken.mmdb", b"<html>404</html>");
        folder.write("latin1.zone", b"caf\xe9");
        folder.write("latin1.toml", b"caf\xe9");
        folder.write("nets.txt", b"# offices\n10.0.0.0/8 office\n\n2001:db8::/32 office # v6\n");
        folder.write("nets-bad.txt", b"10.0.0.0/8 office\n192.0.2.0/24 lab spare\n");
        folder.write("tokens/ci", b"0123456789abcdef\n");
        folder.write("tokens/short", b"hunter2\n");
        folder.write("tokens/open", b"0123456789abcdef\n");
        for token in ["tokens/ci", "tokens/short"] {
            folder.allow(token, 0o600);
        }
        folder.allow("tokens/open", 0o644);
        folder.write("nats.token", b"0123456789abcdef\n");
        folder.write("nats.pass", b"hunter2\n");
        folder.write("empty", b"\n");
        folder.write("more/nested.toml", b"include = [\"x.toml\"]\n");
        folder.write("more/region.toml", b"[region.us]\n");
        folder.write("services/api.toml", SERVICE.as_bytes());
        folder
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The text without the path of the folder, which differs from run to run.
    pub(super) fn strip(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.path().display()), "")
    }

    pub(super) fn allow(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path().join(path), Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn write(&self, path: &str, octets: &[u8]) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, octets).unwrap();
    }
}

/// For the example, which includes it.
const SERVICE: &str = "[service.api]\n\
    name = \"api.gslb.example.com\"\n\
    [service.api.pool.eu-west]\n\
    endpoints = [\"198.51.100.20\"]\n";

/// The least that is a MaxMind DB: one node that leads nowhere.
fn database() -> Vec<u8> {
    let short = |length: usize| u8::try_from(length).unwrap();
    let string = |text: &str| [&[0x40 | short(text.len())], text.as_bytes()].concat();
    let number = |value: u8| vec![0xa1, value];
    let entries: [(&str, Vec<u8>); 9] = [
        ("node_count", vec![0xc1, 1]),
        ("record_size", number(24)),
        ("ip_version", number(6)),
        ("database_type", string("Test")),
        ("languages", vec![0x00, 0x04]),
        ("binary_format_major_version", number(2)),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x01, 0x02, 1]),
        ("description", vec![0xe0]),
    ];
    let mut octets = [0, 0, 1].repeat(2);
    octets.extend([0; 16]);
    octets.extend(b"\xab\xcd\xefMaxMind.com");
    octets.push(0xe0 | short(entries.len()));
    for (key, value) in entries {
        octets.extend(string(key));
        octets.extend(value);
    }
    octets
}
