//! Rules by whose network a client is in, where nothing says where it is.

use std::net::IpAddr;

use meridian::config;
use meridian::model::RecordType;
use meridian::snapshot::Snapshot;
use meridian::snapshot::Standing;
use meridian::snapshot::World;

use crate::asking::Ask;
use crate::asking::NOWHERE;
use crate::asking::Responder;
use crate::mmdb_writer::MmdbWriter;
use crate::mmdb_writer::Value;

const SETTINGS: &str = "
[geoip]
databases = [\"asn.mmdb\", \"isp.mmdb\"]
[zone.\"example.com\"]
file = \"zone\"
[region.first]
[region.corp]
[region.fast]
[region.org]
[policy.by-holder]
rank = [\"rules\", \"priority\"]
rule = [
  { match = { asn = [64500] }, regions = [\"corp\"] },
  { match = { isp = [\"FAST isp\"], domain = [\"fast.example\"] }, regions = [\"fast\"] },
  { match = { organization = [\"Org of AS\", \"Other\"] }, regions = [\"org\"] },
]
[policy.all]
rank = [\"rules\", \"priority\"]
rule = [{ match = {}, regions = [\"fast\"] }, { match = { asn = [64500] }, regions = [\"corp\"] }]
[service.s]
name = \"s.example.com\"
policy = \"by-holder\"
[service.all]
name = \"all.example.com\"
policy = \"all\"
";

fn snapshot() -> Snapshot {
    let folder = tempfile::tempdir().unwrap();
    let asn = |number, name: &str| {
        Value::map([
            ("autonomous_system_number", Value::Uint32(number)),
            ("autonomous_system_organization", Value::text(name)),
        ])
    };
    let isp = |isp: &str, domain: &str| {
        Value::map([("isp", Value::text(isp)), ("domain", Value::text(domain))])
    };
    let asns = MmdbWriter::new(24, 6)
        .insert("10.1.0.0/16", asn(64_500, "Corp"))
        .insert("10.2.0.0/16", asn(64_501, "org of as"))
        .insert("10.3.0.0/16", asn(64_502, "Nobody asks"))
        .insert("20.1.0.0/16", asn(64_500, "Corp"))
        .insert("20.2.0.0/16", asn(64_501, "Org of AS"))
        .insert("fd00:1::/32", asn(64_500, "Corp"));
    let isps = MmdbWriter::new(28, 6)
        .insert("20.3.0.0/16", isp("Fast ISP", "fast.example"))
        .insert("20.4.0.0/16", isp("Fast ISP", "slow.example"));
    std::fs::write(folder.path().join("asn.mmdb"), asns.write()).unwrap();
    std::fs::write(folder.path().join("isp.mmdb"), isps.write()).unwrap();
    let zone = "@ 60 SOA ns1 hostmaster 1 2 3 4 60\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n";
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    let mut text = SETTINGS.to_owned();
    for service in ["s", "all"] {
        for (at, region) in ["first", "corp", "fast", "org"].iter().enumerate() {
            text += &format!("[service.{service}.pool.{region}]\nendpoints = [\"192.0.2.{at}\"]\n");
        }
    }
    let loaded = config::load_str(&text, folder.path());
    let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    let (world, _) = World::build(config).unwrap();
    let standing = Standing::all_admitted(&world).into();
    Snapshot { world: world.into(), standing }
}

#[test]
fn rules_match_by_holder_where_nothing_says_where_a_client_is() {
    let snapshot = snapshot();
    let mut responder = Responder::new(&snapshot, 1);
    let mut answer = |name: &str, client: &str, resolver: IpAddr| {
        let ask = Ask::new(name, RecordType::A).subnet(client.parse().unwrap());
        let answer = responder.answer_to(&ask, resolver);
        (answer.addresses()[0].to_string(), answer.scope().unwrap())
    };
    for (client, address, scope) in [
        ("20.1.2.0/24", "192.0.2.1", 16),
        ("20.2.2.0/24", "192.0.2.3", 16),
        ("20.3.2.0/24", "192.0.2.2", 16),
        // One of two names alone is not both.
        ("20.4.2.0/24", "192.0.2.0", 14),
        // Of special-purpose blocks too, also inside IPv6.
        ("10.1.2.0/24", "192.0.2.1", 16),
        ("10.2.2.0/24", "192.0.2.3", 16),
        ("fd00:1:2::/48", "192.0.2.1", 32),
        ("64:ff9b::a01:200/120", "192.0.2.1", 96 + 16),
        ("2002:a01:200::/40", "192.0.2.1", 16 + 16),
    ] {
        assert_eq!(
            answer("s.example.com", client, NOWHERE),
            (address.to_owned(), scope),
            "{client}"
        );
    }
    // Who is in a special-purpose block that no rule asks for is where its resolver is.
    let resolver = "20.1.1.1".parse().unwrap();
    assert_eq!(answer("s.example.com", "10.3.2.0/24", resolver).0, "192.0.2.1");
    assert_eq!(answer("s.example.com", "10.9.2.0/24", resolver).0, "192.0.2.1");
    // A rule for everybody before the one by holder asks for nothing.
    assert_eq!(answer("all.example.com", "10.1.2.0/24", resolver).0, "192.0.2.2");
}

#[test]
fn databases_show_whose_network_an_address_is_in() {
    let file = MmdbWriter::new(24, 6).insert(
        "10.1.0.0/16",
        Value::map([("isp", Value::text("Fast ISP")), ("organization", Value::text("Corp"))]),
    );
    let database = meridian::geo::Database::from_bytes(file.write(), "isp").unwrap();
    let atlas = meridian::geo::Atlas::new(vec![database.into()], Default::default(), &[], &[]);
    for address in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "2002:a01:203::1"] {
        let holder = atlas.locate(address.parse().unwrap()).unwrap().holder();
        assert_eq!(
            (holder.isp.as_deref(), holder.organization.as_deref()),
            (Some("Fast ISP"), Some("Corp"))
        );
    }
}

/// A rule whose keys contradict each other, or ask for what no database has, is told of once.
#[test]
fn a_rule_for_nobody_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let german = Value::map([
        ("continent", Value::map([("code", Value::text("EU"))])),
        ("country", Value::map([("iso_code", Value::text("DE"))])),
    ]);
    let database = MmdbWriter::new(24, 6).insert("192.0.2.0/24", german).write();
    std::fs::write(folder.path().join("geo.mmdb"), database).unwrap();
    let zone = "@ 60 SOA ns1 hostmaster 1 2 3 4 60\n@ 60 NS ns1\nns1 60 A 192.0.2.1\n";
    std::fs::write(folder.path().join("zone"), zone).unwrap();
    let told = |rule: &str| {
        let nets = "[nets]\n\"203.0.113.0/24\" = [\"lab\"]\n";
        let nets = if rule.contains("lab") { nets } else { "" };
        let text = format!(
            "[geoip]\ndatabases = [\"geo.mmdb\"]\n[zone.\"example.com\"]\nfile = \"zone\"\n\
             {nets}[region.r]\n[policy.p]\n\
             rank = [\"rules\", \"priority\"]\nrule = [{rule}]\n\
             [service.s]\nname = \"s.example.com\"\npool.r.endpoints = [\"192.0.2.1\"]\n"
        );
        let loaded = config::load_str(&text, folder.path());
        let config = loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let (_, warnings) = World::build(config).unwrap();
        let all = loaded.diagnostics.iter().chain(&warnings);
        all.map(|warning| warning.code.0).collect::<Vec<_>>()
    };
    let rule = |matches: &str| format!("{{ match = {{ {matches} }}, regions = [\"r\"] }}");
    for (matches, expected) in [
        ("country = \"DE\", continent = \"EU\"", vec![]),
        ("country = [\"FR\", \"DE\"]", vec![]),
        ("net = \"198.51.100.0/24\"", vec![]),
        ("tag = \"lab\"", vec![]),
        ("", vec![]),
        ("country = \"DE\", continent = \"AS\"", vec!["rule-for-nobody"]),
        ("country = \"DE\", subdivision = \"DE-BY\"", vec!["rule-for-nobody"]),
        ("asn = 64500", vec!["rule-for-nobody"]),
        ("isp = \"Fast\"", vec!["rule-for-nobody"]),
        ("country = \"DE\", tag = \"lab\"", vec!["rule-for-nobody"]),
        // Nobody is told twice.
        ("country = \"UK\"", vec!["withdrawn-country"]),
    ] {
        assert_eq!(told(&rule(matches)), expected, "{matches}");
    }
    let twice = [rule("country = \"DE\""), rule("country = \"DE\"")].join(", ");
    assert_eq!(told(&twice), ["rule-shadowed"]);
    let behind = [rule("country = [\"DE\", \"FR\"]"), rule("country = \"DE\"")].join(", ");
    assert_eq!(told(&behind), ["rule-for-nobody"], "the first has them all");
}
