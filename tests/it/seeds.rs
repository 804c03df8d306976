//! The first corpus of the fuzzers: something of each kind, and the same with mistakes.

use std::fs;
use std::path::Path;

use fastrand::Rng;
use meridian::model::Class;
use meridian::model::RecordType;

use crate::asking::Ask;
use crate::ground;
use crate::mmdb_writer::MmdbWriter;
use crate::mmdb_writer::Value;

/// Writes all of it below a folder.
pub(crate) fn write(folder: &Path) {
    let world = folder.join("world");
    fs::create_dir_all(&world).unwrap();
    fs::write(world.join("meridian.toml"), ground::USUAL.trim_start()).unwrap();
    fs::write(world.join("test.zone"), ground::ZONE.trim_start()).unwrap();
    fs::write(world.join("geo.mmdb"), ground::small_database()).unwrap();
    let mut rng = Rng::with_seed(9);
    for (target, seeds) in [("respond", messages()), ("query", options()), ("mmdb", databases())] {
        save(&folder.join("corpus").join(target), seeds, &mut rng);
    }
    let texts = |texts: Vec<(&'static str, String)>| {
        texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect()
    };
    save(&folder.join("corpus/zone"), texts(zones()), &mut rng);
    save(&folder.join("corpus/config"), texts(configurations()), &mut rng);
}

/// Each seed, and one mutation of it.
fn save(folder: &Path, seeds: Vec<(&'static str, Vec<u8>)>, rng: &mut Rng) {
    fs::create_dir_all(folder).unwrap();
    for (name, octets) in seeds {
        let mut mutated = octets.clone();
        for _ in 0..rng.usize(1..5) {
            if mutated.is_empty() {
                break;
            }
            let at = rng.usize(..mutated.len());
            match rng.u8(..3) {
                0 => mutated.truncate(at),
                1 => mutated.insert(at, rng.u8(..)),
                _ => mutated[at] = rng.u8(..),
            }
        }
        fs::write(folder.join(name), octets).unwrap();
        fs::write(folder.join(format!("{name}-mutated")), mutated).unwrap();
    }
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let a = |name: &str| Ask::new(name, RecordType::A);
    let net = |text: &str| text.parse().unwrap();
    let mut chaos = Ask::new("version.bind", RecordType::TXT);
    chaos.class = Class::CH;
    vec![
        ("service", a("www.test").subnet(net("20.1.1.0/24")).octets()),
        ("service-v6", a("www.test").subnet(net("2a00:1234::/56")).octets()),
        ("several", a("many.test").octets()),
        ("sticky", a("sticky.test").subnet(net("30.64.3.0/24")).octets()),
        ("alias", a("alias.test").octets()),
        ("any", Ask::new("www.test", RecordType::ANY).octets()),
        ("chain", a("one.test").octets()),
        ("dname", a("a.old.test").octets()),
        ("referral", a("a.b.sub.test").octets()),
        ("wildcard", Ask::new("x.wild.test", RecordType::TXT).octets()),
        ("long", Ask::new("long.test", RecordType::TXT).plain().octets()),
        ("nxdomain", a("nobody.test").octets()),
        ("refused", a("example.org").plain().octets()),
        ("transfer", Ask::new("test", RecordType::AXFR).octets()),
        ("chaos", chaos.octets()),
        ("empty", Vec::new()),
        ("header", vec![0; 12]),
        ("response", vec![0, 1, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]
}

fn options() -> Vec<(&'static str, Vec<u8>)> {
    let with = |code: u16, data: &[u8]| {
        let mut ask = Ask::new("WWW.Test", RecordType::A);
        ask.options.push((code, data.to_vec()));
        ask.octets()
    };
    let mut two = Ask::new("www.test", RecordType::A).octets();
    two[5] = 2;
    vec![
        ("subnet", with(8, &[0, 1, 24, 0, 20, 1, 1])),
        ("subnet-family-0", with(8, &[0, 0, 0, 0])),
        ("subnet-family-3", with(8, &[0, 3, 24, 0, 20, 1, 1])),
        ("subnet-scope", with(8, &[0, 1, 24, 24, 20, 1, 1])),
        ("subnet-short", with(8, &[0, 1, 24, 0, 20])),
        ("subnet-bits", with(8, &[0, 1, 20, 0, 20, 1, 0xff])),
        ("nsid", with(3, &[])),
        ("keepalive", with(11, &[0, 100])),
        ("cookie", with(10, &[1, 2, 3, 4, 5, 6, 7, 8])),
        ("unknown", with(65_001, &[9; 40])),
        ("two-questions", two),
    ]
}

fn databases() -> Vec<(&'static str, Vec<u8>)> {
    let record = Value::map([("country_code", Value::text("NL").shared())]).shared();
    let small =
        |size, version| MmdbWriter::new(size, version).insert("20.0.0.0/8", record.clone()).write();
    vec![
        ("usual", ground::small_database()),
        ("size-24", small(24, 4)),
        ("size-28", small(28, 6)),
        ("size-32", small(32, 6)),
        ("padded", MmdbWriter::new(24, 4).padding(3000).insert("0.0.0.0/1", record).write()),
        ("html", b"<html>not found</html>".to_vec()),
        ("marker", b"\xab\xcd\xefMaxMind.com".to_vec()),
    ]
}

fn zones() -> Vec<(&'static str, String)> {
    let soa = "@ 1h IN SOA ns1 host 1 2h 1h 2w 1m\n@ 1h IN NS ns1\nns1 1h IN A 192.0.2.1\n";
    vec![
        ("usual", ground::ZONE.to_owned()),
        ("small", soa.to_owned()),
        ("unknown-type", format!("{soa}u 1h IN TYPE65280 \\# 3 010203\n")),
        ("escapes", format!("{soa}a\\.b\\032c 1h IN TXT \"q\\\"\\\\\\255\" ( x\n ; note\n y )\n")),
        ("open", format!("{soa}x IN TXT ( \"never closed\n")),
        ("directives", format!("$TTL 1w2d\n$ORIGIN sub.test.\n{soa}$INCLUDE /etc/passwd\n")),
        ("dnssec", format!("{soa}d 1h IN DS 12345 13 2 {}\n", "ab".repeat(32))),
        ("outside", format!("{soa}www.example.org. 1h IN A 192.0.2.1\n")),
    ]
}

fn configurations() -> Vec<(&'static str, String)> {
    let mut texts = vec![
        ("usual", ground::USUAL.to_owned()),
        ("empty", String::new()),
        ("unclosed", "[server\nlisten = [\"127.0.0.1:53\"".to_owned()),
        ("wrong-types", "[server]\nlisten = 5\n[zone.test]\nfile = [1, 2]\n".to_owned()),
        ("include", "include = [\"*.toml\", \"../x/*\"]\n".to_owned()),
        ("deep", format!("a = {}1{}", "[".repeat(60), "]".repeat(60))),
    ];
    for (name, from, to) in [
        ("no-pool", "[service.www.pool.us]", "[service.www.pool.nowhere]"),
        ("weight", "weight = 5", "weight = -5"),
        ("fallback", "[\"203.0.113.52\"]", "[\"2001:db8::1\"]"),
    ] {
        texts.push((name, ground::USUAL.replacen(from, to, 1)));
    }
    texts
}
