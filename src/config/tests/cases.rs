//! One small bad file per code: a good one, and what is changed in it.

use crate::config::tests::cluster;
use crate::config::tests::loads;

/// A file with one region, and nothing that can be left out.
pub(super) const MINIMAL: &str = r#"
[zone."gslb.example.com"]
file = "zones/gslb.example.com.zone"
[region.us]
[service.www]
name = "www.gslb.example.com"
[service.www.pool.us]
endpoints = ["192.0.2.10"]
"#;

/// A file without a problem, in which each case breaks something.
pub(super) const BASE: &str = r#"[zone."gslb.example.com"]
file = "zones/gslb.example.com.zone"

[region.us]
[region.eu]

[policy.global]
rank = ["priority"]

[service.www]
name = "www.gslb.example.com"

[service.www.pool.us]
endpoints = ["192.0.2.10"]
[service.www.pool.eu]
endpoints = ["198.51.100.10"]
"#;

const RANK: &str = "rank = [\"priority\"]";
const NAME: &str = "name = \"www.gslb.example.com\"";
const US: &str = "[\"192.0.2.10\"]";
const EU: &str = "[\"198.51.100.10\"]";
const POOL_EU: &str = "[service.www.pool.eu]\nendpoints = [\"198.51.100.10\"]\n";

/// Code, what is replaced in [`BASE`] (nothing: the start of the file), by what.
const CASES: &[(&str, &str, &str)] = &[
    // The files.
    ("file-missing", "zones/gslb.example.com.zone", "zones/gslb.exmaple.com.zone"),
    ("file-unreadable", "", "include = [\"latin1.toml\"]\n"),
    ("include-nested", "", "include = [\"more/nested.toml\"]\n"),
    ("include-no-match", "", "include = [\"none/*.toml\"]\n"),
    ("include-pattern", "", "include = [\"*/a.toml\"]\n"),
    ("toml-syntax", "[\"192.0.2.10\"]", "[\"192.0.2.10\""),
    // Keys and values.
    ("duplicate-name", "", "include = [\"more/region.toml\"]\n"),
    ("empty-list", US, "[]"),
    ("identifier", "[region.us]", "[region.\"us east\"]\n[region.us]"),
    ("missing-key", NAME, "ttl = \"30s\""),
    ("out-of-range", "[region.us]", "[region.us]\nbias = 120"),
    ("unknown-key", NAME, "name = \"www.gslb.example.com\"\nanswer = 2"),
    ("wrong-type", NAME, "name = \"www.gslb.example.com\"\nttl = 30"),
    // Notations.
    ("all-down", NAME, "name = \"www.gslb.example.com\"\nall-down = \"failopen\""),
    (
        "asn",
        RANK,
        "rank = [\"rules\"]\nrule = [{ match = { asn = \"ASN1\" }, regions = [\"us\"] }]",
    ),
    ("distance", RANK, "rank = [\"priority\"]\ntie = { distance = \"50 miles\" }"),
    ("domain-name", NAME, "name = \"https://www.gslb.example.com/\""),
    ("duration", NAME, "name = \"www.gslb.example.com\"\nttl = \"30 sec\""),
    ("endpoint-address", US, "[\"192.0.2.10:443\"]"),
    ("endpoint-target", US, "[{ weight = 2 }]"),
    ("listen-address", "", "[server]\nlisten = [\"127.0.0.1\", \"localhost:53\"]\n"),
    ("nets-line", "", "[nets]\nfile = \"nets-bad.txt\"\n"),
    ("prefix", "", "[nets]\noffice = \"10.0.0.0/8\"\n"),
    ("prefix-host-bits", "", "[nets]\n\"10.1.2.3/8\" = \"office\"\n"),
    (
        "subdivision",
        RANK,
        "rank = [\"rules\"]\nrule = [{ match = { subdivision = [\"California\", \"US-CA\"] }, regions = [\"us\"] }]",
    ),
    ("ttl-not-whole", NAME, "name = \"www.gslb.example.com\"\nttl = \"1500ms\""),
    (
        "unknown-continent",
        RANK,
        "rank = [\"rules\"]\nrule = [{ match = { continent = [\"Europe\"] }, regions = [\"eu\"] }]",
    ),
    (
        "unknown-country",
        RANK,
        "rank = [\"rules\"]\nrule = [{ match = { country = [\"USA\", \"XY\"] }, regions = [\"eu\"] }]",
    ),
    ("unknown-rank", RANK, "rank = [\"geo\", \"neerest\", \"x\"]"),
    ("unusable-address", US, "[\"0.0.0.0\", \"::ffff:192.0.2.1\", \"fe80::1\"]"),
    (
        "withdrawn-country",
        RANK,
        "rank = [\"rules\"]\nrule = [{ match = { country = [\"UK\", \"eu\", \"DE\"] }, regions = [\"eu\"] }]",
    ),
    // The server.
    ("duplicate-listen", "", "[server]\nlisten = [\"127.0.0.1:53\", \"127.0.0.1:53\"]\n"),
    (
        "nsid-too-long",
        "",
        "[server]\nnsid = \"0123456789012345678901234567890123456789012345678901234567890123456789\"\n",
    ),
    // The control API and hooks.
    (
        "beacon-url",
        "",
        "[control.beacon]\nurls = { us = \"us.example.com/rtt\", mars = \"https://mars.example/\" }\n",
    ),
    ("hook-command", "", "[hook.chat]\ncommand = [\"notify-send\", \"dns\"]\n"),
    ("hook-target", "", "[hook.chat]\nevents = [\"pool\"]\n"),
    ("hook-url", "", "[hook.chat]\nurl = \"chat.example.com/hook\"\n"),
    (
        "measure-address",
        "",
        "[measure]\nfrom = { ams = \"eu\" }\nhosts = [\"lb.example.com:443\"]\n",
    ),
    (
        "measure-client",
        "",
        "[measure]\nfrom = { ams = \"eu\", nyc = \"usa\" }\nhosts = [\"192.0.2.1\", { address = \"198.51.100.1:443\", client = \"198.51.0.0/16\" }]\n",
    ),
    ("min-regions", "", "[control]\nmin-regions = \"half\"\n"),
    (
        "token-exposed",
        "",
        "[control.tokens]\nci = { role = \"operate\", file = \"tokens/open\" }\n",
    ),
    ("token-hash", "", "[control.tokens]\nci = { role = \"read\", sha256 = \"secret\" }\n"),
    ("token-role", "", "[control.tokens]\nci = { role = \"admin\", file = \"tokens/ci\" }\n"),
    ("token-short", "", "[control.tokens]\nci = { role = \"read\", file = \"tokens/short\" }\n"),
    ("token-source", "", "[control.tokens]\nci = { role = \"read\" }\n"),
    (
        "token-twice",
        "",
        "[control.tokens]\nci = { role = \"operate\", file = \"tokens/ci\" }\nwatch = { role = \"read\", sha256 = \"9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f\" }\n",
    ),
    ("unknown-event", "", "[hook.chat]\nurl = \"http://[::1]/\"\nevents = [\"pools\"]\n"),
    // Geography.
    ("geoip-not-a-database", "", "[geoip]\ndatabases = [\"geoip/broken.mmdb\"]\n"),
    (
        "no-database",
        "[region.us]\n[region.eu]\n\n[policy.global]\nrank = [\"priority\"]",
        "[region.us]\nlocation = { lat = 39.04, lon = -77.49 }\n[region.eu]\nlocation = { lat = 53.34, lon = -6.27 }\n",
    ),
    ("unused-tag", "", "[nets]\nfile = \"nets.txt\"\n"),
    (
        "unknown-tag",
        RANK,
        "rank = [\"rules\"]\nrule = [{ match = { tag = \"ofice\" }, regions = [\"us\"] }, { match = { tag = \"office\" }, regions = [\"us\"] }]\n[nets]\n\"10.0.0.0/8\" = \"office\"",
    ),
    // Monitors.
    ("monitor-kind", "", "[monitor.web]\n[monitor.both]\nhttp = {}\ntcp = { port = 80 }\n"),
    (
        "expect-answer",
        "",
        "[monitor.a]\ndns = { name = \"a.example\", expect-answer = [\"192.0.2.1\", \"2001:db8::1\"] }\n[monitor.mx]\ndns = { name = \"a.example\", type = \"MX\", expect-answer = \"mail.example\" }\n",
    ),
    (
        "monitor-never-succeeds",
        "",
        "[monitor.a]\nhttp = { method = \"HEAD\", expect-body = \"ok\" }\n[monitor.b]\nhttp = { expect-status = [\"204\", 304], expect-json = { \"/a\" = 1 } }\n[monitor.c]\ndns = { name = \"a.example\", expect-rcode = \"NXDOMAIN\", expect-answer = \"192.0.2.1\" }\n",
    ),
    ("body-regex", "", "[monitor.web]\nhttp = { expect-body = { regex = \"up (now\" } }\n"),
    ("exec-program", "", "[monitor.own]\nexec = { command = [\"/no/such/program\", \"x\"] }\n"),
    ("http-header", "", "[monitor.web]\nhttp = { headers = { Host = \"a.example\" } }\n"),
    ("http-host", "", "[monitor.web]\nhttp = { host = \"http://a.example/\" }\n"),
    ("http-method", "", "[monitor.web]\nhttp = { method = \"get\" }\n"),
    ("json-pointer", "", "[monitor.web]\nhttp = { expect-json = { \"db.up\" = true } }\n"),
    ("probe-place", "", "[monitor.web]\nhttp = {}\nat = \"https://a.example/up\"\n"),
    ("rcode", "", "[monitor.ns]\ndns = { name = \"a.example\", expect-rcode = \"NXDOMIAN\" }\n"),
    ("record-type", "", "[monitor.ns]\ndns = { name = \"a.example\", type = \"ANY\" }\n"),
    (
        "tls-file",
        "",
        "[monitor.web]\nhttps = { authorities = \"nets.txt\" }\ntimeout = \"1s\"\n\
      [monitor.own]\ntls = { key = \"nets.txt\" }\n",
    ),
    ("percent", "[region.us]", "[region.us]\nmin-pools = \"half\""),
    (
        "region-monitor-without-target",
        "[region.us]",
        "[monitor.web]\nhttp = {}\n[region.us]\nmonitor = \"web\"",
    ),
    ("probe-without-monitor", "[region.us]", "[region.us]\nprobe = \"10.0.0.1\""),
    (
        "duplicate-monitor",
        NAME,
        "name = \"www.gslb.example.com\"\nmonitor = [\"web\", \"web\"]\n[monitor.web]\nhttp = {}",
    ),
    (
        "monitors-of-service",
        NAME,
        "name = \"www.gslb.example.com\"\nmonitor = { any = [\"web\"], of = [\"web\"] }\n\
         [monitor.web]\nhttp = {}",
    ),
    ("failback", NAME, "name = \"www.gslb.example.com\"\nfailback = \"auto\""),
    ("monitor-path", "", "[monitor.web]\nhttp = { path = \"health z\" }\n"),
    ("status-range", "", "[monitor.web]\nhttps = { expect-status = [\"2xx\", 304] }\n"),
    (
        "timeout-over-interval",
        "",
        "[monitor.web]\ntcp = { port = 80 }\ninterval = \"2s\"\ntimeout = \"3s\"\n",
    ),
    ("unknown-monitor", NAME, "name = \"www.gslb.example.com\"\nmonitor = \"web\""),
    ("unused-monitor", "", "[monitor.web]\ntcp = { port = 80 }\n"),
    // Regions.
    ("duplicate-region", RANK, "rank = [\"priority\"]\nregions = [\"us\", \"eu\", \"us\"]"),
    ("no-region", "[region.us]\n[region.eu]\n", ""),
    (
        "region-without-location",
        "[region.us]\n[region.eu]\n\n[policy.global]\nrank = [\"priority\"]",
        "[geoip]\ndatabases = [\"geoip/dbip-country-lite.mmdb\"]\n[region.us]\nlocation = { lat = 39.04, lon = -77.49 }\n[region.eu]\n[policy.global]\n",
    ),
    ("unknown-region", "pool.eu", "pool.eus"),
    ("unused-region", POOL_EU, ""),
    // Policies.
    ("policy-not-named", RANK, "rank = [\"priority\"]\n[policy.other]\nrank = [\"equal\"]"),
    ("policy-ranks-nothing", RANK, "rank = [\"nearest\"]\n"),
    ("rank-unreachable", RANK, "rank = [\"priority\", \"latency\"]"),
    (
        "rule-region-not-ranked",
        RANK,
        "rank = [\"rules\", \"priority\"]\nregions = [\"us\"]\nrule = [{ regions = [\"eu\"] }]",
    ),
    (
        "rule-shadowed",
        RANK,
        "rank = [\"rules\", \"priority\"]\n[[policy.global.rule]]\nmatch = { country = [\"DE\", \"FR\"] }\nregions = [\"eu\"]\n[[policy.global.rule]]\nmatch = { country = [\"FR\", \"DE\"] }\nregions = [\"us\"]\n[[policy.global.rule]]\nregions = [\"us\"]\n[[policy.global.rule]]\nmatch = { country = \"US\" }\nregions = [\"us\"]",
    ),
    (
        "rules-not-ranked",
        RANK,
        "rank = [\"priority\"]\n[[policy.global.rule]]\nmatch = { net = \"192.0.2.0/24\" }\nregions = [\"eu\"]",
    ),
    ("unknown-policy", NAME, "name = \"www.gslb.example.com\"\npolicy = \"globl\""),
    (
        "unused-policy",
        NAME,
        "name = \"www.gslb.example.com\"\npolicy = \"global\"\n[policy.other]\nrank = [\"equal\"]",
    ),
    // Services.
    (
        "duplicate-endpoint",
        US,
        "[\"192.0.2.10\", \"192.0.2.11\", { address = \"192.0.2.10\", weight = 3 }]",
    ),
    (
        "duplicate-owner",
        "",
        "[service.api]\nname = [\"api.gslb.example.com\", \"WWW.gslb.example.com.\"]\npool.us.endpoints = [\"192.0.2.1\"]\n",
    ),
    (
        "fallback-families",
        NAME,
        "name = \"www.gslb.example.com\"\nall-down = { fallback = [\"2001:db8::99\"] }",
    ),
    (
        "loopback-endpoint",
        "endpoints = [\"192.0.2.10\"]",
        "endpoints = [\"127.0.0.1\"]\n[server]\nlisten = [\"192.0.2.53:53\"]",
    ),
    (
        "ttl-never-served",
        NAME,
        "name = \"www.gslb.example.com\"\nmonitor = \"m\"\nttl = \"5m\"\n[monitor.m]\ninterval = \"20s\"\nhttp = {}",
    ),
    ("mixed-endpoints", EU, "[\"lb.eu.example.net\"]"),
    ("pool-not-ranked", RANK, "rank = [\"priority\"]\nregions = [\"us\"]"),
    ("pool-without-weight", US, "[{ address = \"192.0.2.10\", weight = 0 }]"),
    ("service-outside-zones", NAME, "name = \"www.glsb.example.com\""),
    ("service-without-pool", "", "[service.api]\nname = \"api.gslb.example.com\"\n"),
    (
        "service-without-weight",
        "[service.www.pool.us]",
        "[service.api]\nname = \"api.gslb.example.com\"\n[service.api.pool.us]\nweight = 0\nendpoints = [\"192.0.2.20\"]\n[service.www.pool.us]",
    ),
    (
        "static-record",
        NAME,
        "name = [\"static.gslb.example.com\", \"alias.gslb.example.com\", \"www.cut.gslb.example.com\", \"fine.gslb.example.com\"]",
    ),
    ("ttl-min-above-ttl", NAME, "name = \"www.gslb.example.com\"\nttl = \"1m\"\nttl-min = \"2m\""),
    // Maintenance.
    (
        "cron",
        "",
        "[[maintenance]]\ntarget = \"us\"\nevery = \"0 2 * * SNU\"\nduration = \"1h\"\n[[maintenance]]\ntarget = \"us\"\nevery = \"0 2 31 2 *\"\nduration = \"1h\"\n",
    ),
    (
        "maintenance-calendar",
        "",
        "[[maintenance]]\ntarget = \"us\"\n[[maintenance]]\ntarget = \"us\"\nstart = \"2100-12-01T02:00:00Z\"\nduration = \"1h\"\n",
    ),
    (
        "maintenance-ends-first",
        "",
        "[[maintenance]]\ntarget = \"us\"\nstart = \"2100-12-01T02:00:00Z\"\nend = \"2100-12-01T02:00:00+01:00\"\n",
    ),
    (
        "maintenance-overlaps",
        "",
        "[[maintenance]]\ntarget = \"us\"\nevery = \"0 2 * * *\"\nduration = \"1d\"\n",
    ),
    (
        "maintenance-past",
        "",
        "[[maintenance]]\ntarget = \"us\"\nstart = \"2020-12-01T02:00:00Z\"\nend = \"2020-12-01T04:00:00Z\"\n",
    ),
    (
        "maintenance-state",
        "",
        "[[maintenance]]\ntarget = \"us\"\nstate = \"draind\"\nevery = \"@weekly\"\nduration = \"1h\"\n",
    ),
    (
        "maintenance-target",
        "",
        "[[maintenance]]\ntarget = [\"www//us\", \"us\"]\nevery = \"@weekly\"\nduration = \"1h\"\n",
    ),
    (
        "pre-drain-overlaps",
        "",
        "[[maintenance]]\ntarget = \"us\"\nevery = \"0 * * * *\"\nduration = \"45m\"\npre-drain = \"15m\"\n",
    ),
    (
        "timestamp",
        "",
        "[[maintenance]]\ntarget = \"us\"\nstart = \"2100-12-01 02:00\"\nend = \"tomorrow\"\n",
    ),
    (
        "time-zone",
        "",
        "[[maintenance]]\ntarget = \"us\"\nevery = \"@weekly\"\nduration = \"1h\"\ntime-zone = \"Europe/Berln\"\n",
    ),
    (
        "unknown-endpoint",
        "",
        "[[maintenance]]\ntarget = [\"www/us/192.0.2.11\", \"www/us/192.0.2.10\"]\nevery = \"@weekly\"\nduration = \"1h\"\n",
    ),
    (
        "unknown-pool",
        "",
        "[region.ap]\n[[maintenance]]\ntarget = \"www/ap\"\nevery = \"@weekly\"\nduration = \"1h\"\n",
    ),
    (
        "unknown-service",
        "",
        "[[maintenance]]\ntarget = [\"ww/usa\", \"www/us\"]\nevery = \"@weekly\"\nduration = \"1h\"\n",
    ),
    // Zones.
    (
        "duplicate-zone",
        "",
        "[zone.\"GSLB.example.com.\"]\nfile = \"zones/gslb.example.com.zone\"\n",
    ),
    ("no-zone", "[zone.\"gslb.example.com\"]\nfile = \"zones/gslb.example.com.zone\"\n", ""),
];

/// Every case: its code and its text.
pub(super) fn all() -> Vec<(&'static str, String)> {
    let edited = |(code, from, to): &(&'static str, &str, &str)| {
        assert!(BASE.contains(from), "{code}: nothing to replace");
        (*code, if from.is_empty() { format!("{to}{BASE}") } else { BASE.replacen(from, to, 1) })
    };
    let mut cases: Vec<(&str, String)> =
        CASES.iter().chain(cluster::CASES).chain(loads::CASES).map(edited).collect();
    let endpoints: Vec<String> = (0..129).map(|n| format!("\"192.0.2.{n}\"")).collect();
    let many = format!("[{}]", endpoints.join(", "));
    let keys: String = (0..102).map(|n| format!("key{n} = 1\n")).collect();
    let two_families = BASE
        .replace("[region.us]", "[region.us]\nlocation = { lat = 39.04, lon = -77.49 }")
        .replace("[region.eu]", "[region.eu]\nlocation = { lat = 53.34, lon = -6.27 }")
        .replace(US, "[\"192.0.2.10\", \"2001:db8::10\"]");
    let fence = "rank = [\"rules\", \"priority\"]\n[[policy.global.rule]]\n\
                 match = { net = \"192.0.2.0/24\" }\nregions = [\"eu\"]\nonly = true";
    let hosts = BASE.replace(US, "[\"us.example.net\"]").replace(EU, "[\"eu.example.net\"]");
    let (head, _) = BASE.split_once("[service.www]").unwrap();
    cases.extend([
        ("too-many", BASE.replace(US, &many)),
        ("too-many-problems", format!("{keys}{BASE}")),
        ("family-gap", two_families.clone()),
        ("fence-without-family", two_families.replace(RANK, fence)),
        ("alias-at-apex", hosts.replace("www.gslb", "gslb")),
        ("alias-to-itself", hosts.replace("us.example.net", "WWW.gslb.example.com")),
        (
            "alias-loop",
            format!(
                "[service.api]\nname = \"api.gslb.example.com\"\npool.us.endpoints = [\"www.gslb.example.com\"]\n{}",
                hosts.replace("us.example.net", "api.gslb.example.com")
            ),
        ),
        ("alias-to-nothing", hosts.replace("us.example.net", "nothere.gslb.example.com")),
        ("answers-of-alias", hosts.replace(NAME, &format!("{NAME}\nanswers = 2"))),
        ("no-service", head.to_owned()),
    ]);
    cases
}
