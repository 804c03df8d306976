//! Master files: what is read, and what is said of what can't be.

use std::fs;
use std::path::Path;

use hickory_server::proto::rr::RData;
use hickory_server::proto::serialize::binary::BinEncodable;
use proptest::prelude::*;

use crate::model::Diagnostic;
use crate::model::RecordType;
use crate::model::Severity;
use crate::model::Sources;
use crate::model::limits;
use crate::zone;
use crate::zone::Record;
use crate::zone::tests::name;
use crate::zone::tests::read;

pub(super) const HEAD: &str = "$TTL 1h\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n";

/// The records behind [`HEAD`], as `owner ttl type rdata`.
pub(super) fn show(records: &[Record]) -> Vec<String> {
    let line =
        |r: &Record| format!("{} {} {} {}", r.owner, r.ttl.secs(), r.rtype, r.rdata.escape_ascii());
    records.iter().skip(3).map(line).collect()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The data of `x TYPE DATA` in hex, or what was wrong with it.
pub(super) fn rdata(entry: &str) -> Result<String, String> {
    let (records, diagnostics) = read(&format!("{HEAD}x {entry}\n"));
    match diagnostics.iter().find(|d| d.severity == Severity::Error) {
        Some(diagnostic) => Err(diagnostic.message.clone()),
        None => Ok(hex(&records.last().unwrap().rdata)),
    }
}

#[test]
fn rfc1035_5_1_owner_ttl_class_and_origin() {
    for (text, expected) in [
        (
            "a A 192.0.2.2\n  AAAA ::1",
            vec![
                r"a.example.com. 3600 A \xc0\x00\x02\x02",
                r"a.example.com. 3600 AAAA \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
            ],
        ),
        ("a 5 IN NULL \\# 0", vec!["a.example.com. 5 NULL "]),
        ("a IN 1m30s NULL \\# 0", vec!["a.example.com. 90 NULL "]),
        ("a CLASS1 null \\# 1 41", vec!["a.example.com. 3600 NULL A"]),
        ("in.example.com. in 0 TYPE10 \\# 1 41", vec!["in.example.com. 0 NULL A"]),
        (
            "$ORIGIN b\na PTR @\n$ORIGIN c.example.com.\n@ PTR a",
            vec![
                r"a.b.example.com. 3600 PTR \x01b\x07example\x03com\x00",
                r"c.example.com. 3600 PTR \x01a\x01c\x07example\x03com\x00",
            ],
        ),
        ("$TTL 7\na TXT x", vec![r"a.example.com. 7 TXT \x01x"]),
        ("a.B TXT (x ; no more\n \"y z\"\n)", vec![r"a.b.example.com. 3600 TXT \x01x\x03y z"]),
        (
            "a CNAME WWW.Example.NET.",
            vec![r"a.example.com. 3600 CNAME \x03WWW\x07Example\x03NET\x00"],
        ),
    ] {
        let (records, diagnostics) = read(&format!("{HEAD}{text}\n"));
        assert_eq!(diagnostics, [], "{text}");
        assert_eq!(show(&records), expected, "{text}");
    }
}

#[test]
fn a_ttl_may_come_from_the_record_before() {
    let text = "@ 30 SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 60 A 192.0.2.1\n";
    let (records, diagnostics) = read(text);
    assert_eq!(diagnostics, []);
    let ttls: Vec<_> = records.iter().map(|record| record.ttl.secs()).collect();
    assert_eq!(ttls, [30, 30, 60]);
}

/// What stands at the locus of a diagnostic.
fn locus<'t>(text: &'t str, diagnostic: &Diagnostic) -> &'t str {
    diagnostic.labels.first().map_or("", |label| &text[label.span.start..label.span.end])
}

#[test]
fn every_mistake_is_found_where_it_stands() {
    let text = format!(
        "{HEAD}\
a CH A 192.0.2.1
a UINFO x
a AAA 192.0.2.1
a AXFR x
a 2147483648 A 192.0.2.1
a..b A 192.0.2.1
  A 192.0.2.1
www.example.net. A 192.0.2.1
$TTL
$TTL 1y
$ORIGIN a b
$GENERATE 1-2/0 a A 192.0.2.$
$INCLUDE other
a
b \"c
d ) e
last A 192.0.2.300
"
    );
    let (records, diagnostics) = read(&text);
    let found: Vec<_> = diagnostics.iter().map(|d| (d.code.0, locus(&text, d))).collect();
    assert_eq!(
        found,
        [
            ("zone-class", "CH"),
            ("zone-type", "UINFO"),
            ("zone-type", "AAA"),
            ("zone-type", "AXFR"),
            ("zone-ttl", "2147483648"),
            ("zone-owner", "a..b"),
            ("zone-outside", "www.example.net."),
            ("zone-directive", "$TTL"),
            ("zone-ttl", "1y"),
            ("zone-directive", "$ORIGIN"),
            ("zone-directive", "1-2/0"),
            ("zone-include", "other"),
            ("zone-type", ""),
            ("zone-syntax", "\"c"),
            ("zone-syntax", ")"),
            ("zone-rdata", "192.0.2.300"),
        ]
    );
    assert_eq!(records.len(), 3);
    assert_eq!(diagnostics[2].help.as_deref(), Some("did you mean `AAAA`?"));
}

#[test]
fn rules_of_the_whole_zone() {
    let soa = "@ SOA ns1 h 1 2 3 4 5\n";
    for (text, expected) in [
        ("", vec!["zone-soa", "zone-ns"]),
        ("@ NS ns.example.net.\n", vec!["zone-soa"]),
        (soa, vec!["zone-ns"]),
        ("@ SOA ns1 h 2 2 3 4 5\n@ NS ns.example.net.\n@ SOA ns1 h 1 2 3 4 5", vec!["zone-soa"]),
        (&format!("{soa}@ NS ns.example.net.\na SOA ns1 h 1 2 3 4 5"), vec!["zone-soa"]),
        (&format!("{HEAD}a CNAME b\na TXT x"), vec!["zone-cname"]),
        (&format!("{HEAD}a CNAME b\na CNAME c\na CNAME B"), vec!["zone-cname"]),
        (&format!("{HEAD}a CNAME b\na NSEC b CNAME"), vec!["zone-signed"]),
        (&format!("{HEAD}a DNAME b\na DNAME c"), vec!["zone-dname"]),
        (&format!("{HEAD}a DNAME b\nx.y.a TXT c"), vec!["zone-dname"]),
        (&format!("{HEAD}*.a NS b.example.net."), vec!["zone-wildcard"]),
        (&format!("{HEAD}a 5 TXT x\na 6 TXT y"), vec!["zone-ttl-mixed"]),
        (&format!("{HEAD}sub NS ns.sub"), vec!["zone-glue"]),
        (&format!("{HEAD}@ NS ns2"), vec!["zone-glue"]),
        (&format!("{HEAD}@ NS a.wild\n*.wild A 192.0.2.1"), vec![]),
        (&format!("{HEAD}@ MX 1 a\na CNAME ns1"), vec!["zone-target"]),
        (&format!("{HEAD}@ MX 1 .\n@ MX 2 b.example.net."), vec![]),
        // What is quoted is a name, also where it looks like a directive.
        (&format!("{HEAD}\"$TTL\" TXT x"), vec![]),
        (&format!("{HEAD}a IN IN TXT x"), vec!["zone-type"]),
    ] {
        let text = format!("$TTL 1h\n{text}\n");
        let (_, diagnostics) = read(&text);
        let found: Vec<_> = diagnostics.iter().map(|d| d.code.0).collect();
        assert_eq!(found, expected, "{text}\n{diagnostics:#?}");
    }
}

#[test]
fn rfc2181_5_duplicates_go_and_the_lowest_ttl_counts() {
    let (records, diagnostics) = read(&format!(
        "{HEAD}a 9 TXT x\na 5 TXT y\na 7 TXT x\nb NS n.\nb NS N.\nb MX 65 n.\nb MX 97 n."
    ));
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].severity, Severity::Warning);
    let expected = [
        r"a.example.com. 5 TXT \x01x",
        r"a.example.com. 5 TXT \x01y",
        r"b.example.com. 3600 NS \x01n\x00",
        r"b.example.com. 3600 MX \x00A\x01n\x00",
        r"b.example.com. 3600 MX \x00a\x01n\x00",
    ];
    assert_eq!(show(&records), expected);
}

#[test]
fn a_file_full_of_mistakes_is_cut() {
    let text = format!("{HEAD}{}", "a A x\n".repeat(limits::DIAGNOSTICS_PER_FILE + 5));
    let (_, diagnostics) = read(&text);
    assert_eq!(diagnostics.len(), limits::DIAGNOSTICS_PER_FILE + 1);
    let last = diagnostics.last().unwrap();
    assert_eq!(last.message, "5 more problems in this file are not shown");
    assert_eq!(last.severity, Severity::Error);
}

fn read_file(path: &Path) -> (Vec<String>, Vec<(String, &'static str)>) {
    let mut sources = Sources::default();
    let (records, diagnostics) = zone::read(path, &name("example.com."), &mut sources);
    let describe = |d: &Diagnostic| {
        let label = d.labels.first();
        let file = label.and_then(|label| sources.path(label.span.source).file_name());
        (file.unwrap_or_default().to_string_lossy().into_owned(), d.code.0)
    };
    (show(&records), diagnostics.iter().map(describe).collect())
}

#[test]
fn includes_keep_origin_and_owner_and_report_their_own_file() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("main.zone");
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(&main, format!("{HEAD}a TXT 1\n$INCLUDE sub/one b\n TXT 3\n$INCLUDE \"sub/one\"\n"))
        .unwrap();
    fs::write(folder.path().join("sub/one"), "$ORIGIN c\nx TXT 2\n$INCLUDE two\ny A z\n").unwrap();
    fs::write(folder.path().join("sub/two"), "\tTXT 4\n").unwrap();
    let (records, diagnostics) = read_file(&main);
    assert_eq!(diagnostics, [("one".into(), "zone-rdata"), ("one".into(), "zone-rdata")]);
    let expected = [
        r"a.example.com. 3600 TXT \x011",
        r"x.c.b.example.com. 3600 TXT \x012",
        r"x.c.b.example.com. 3600 TXT \x014",
        r"a.example.com. 3600 TXT \x013",
        r"x.c.example.com. 3600 TXT \x012",
        r"x.c.example.com. 3600 TXT \x014",
    ];
    assert_eq!(records, expected);
}

#[test]
fn includes_stay_in_the_folder_of_the_zone() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("zones");
    let main = folder.join("main.zone");
    fs::create_dir(&folder).unwrap();
    fs::write(outside.path().join("secret"), "secret TXT found\n").unwrap();
    fs::write(folder.join("near"), "near TXT found\n").unwrap();
    std::os::unix::fs::symlink(outside.path().join("secret"), folder.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.join("near"), folder.join("good-link")).unwrap();
    let absolute = outside.path().join("secret");
    for (file, expected) in [
        ("../secret", Some("zone-include")),
        ("link", Some("zone-include")),
        (absolute.to_str().unwrap(), Some("zone-include")),
        ("main.zone", Some("zone-include")),
        ("missing", Some("zone-file")),
        (".", Some("zone-file")),
        ("near", None),
        ("../zones/near", None),
        ("good-link", None),
    ] {
        fs::write(&main, format!("{HEAD}$INCLUDE {file}\n")).unwrap();
        let (records, diagnostics) = read_file(&main);
        let codes: Vec<_> = diagnostics.iter().map(|(_, code)| *code).collect();
        assert_eq!(codes, Vec::from_iter(expected), "{file}");
        assert_eq!(records.len(), usize::from(expected.is_none()), "{file}");
    }
}

#[test]
fn includes_have_a_depth() {
    let folder = tempfile::tempdir().unwrap();
    let file = |n: usize| folder.path().join(format!("{n}"));
    fs::write(file(0), format!("{HEAD}$INCLUDE 1\n")).unwrap();
    for n in 1..=limits::INCLUDE_DEPTH + 1 {
        fs::write(file(n), format!("r{n} TXT x\n$INCLUDE {}\n", n + 1)).unwrap();
    }
    fs::write(file(limits::INCLUDE_DEPTH + 2), "").unwrap();
    let (records, diagnostics) = read_file(&file(0));
    assert_eq!(records.len(), limits::INCLUDE_DEPTH);
    assert_eq!(diagnostics, [(limits::INCLUDE_DEPTH.to_string(), "zone-include")]);
}

#[test]
fn files_that_can_not_be_read_say_so() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read_file(&folder.path().join("none")).1, [(String::new(), "zone-file")]);
}

#[test]
fn octets_beyond_ascii_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let latin = folder.path().join("latin");
    let mut text = HEAD.as_bytes().to_vec();
    text.extend(b"; caf\xe9\n\xe9 TXT \"\xe9\xff\" \\\xe9 \xc3\xa9 ; \xfc\n");
    fs::write(&latin, text).unwrap();
    let (records, diagnostics) = read_file(&latin);
    assert_eq!(diagnostics, []);
    assert_eq!(records, [r"\233.example.com. 3600 TXT \x02\xe9\xff\x01\xe9\x02\xc3\xa9"]);
}

fn by_hickory(rtype: RecordType, text: &str) -> Option<Vec<u8>> {
    RData::try_from_str(rtype.0.into(), text).ok()?.to_bytes().ok()
}

fn host() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-z0-9]([a-z0-9_-]{0,8}[a-z0-9])?", 1..5)
        .prop_map(|labels| labels.join(".") + ".")
}

fn entry() -> impl Strategy<Value = (RecordType, String)> {
    use RecordType as T;
    let number = any::<u16>;
    prop_oneof![
        any::<std::net::Ipv4Addr>().prop_map(|a| (T::A, a.to_string())),
        any::<std::net::Ipv6Addr>().prop_map(|a| (T::AAAA, a.to_string())),
        host().prop_map(|h| (T::NS, h)),
        host().prop_map(|h| (T::CNAME, h)),
        host().prop_map(|h| (T::PTR, h)),
        (number(), host()).prop_map(|(n, h)| (T::MX, format!("{n} {h}"))),
        (number(), number(), number(), host())
            .prop_map(|(p, w, port, h)| (T::SRV, format!("{p} {w} {port} {h}"))),
        (host(), host(), any::<u32>(), 0..1_000_000_u32, 0..100_u32).prop_map(|(m, r, s, t, u)| {
            (T::SOA, format!("{m} {r} {s} {t} {u}w ( {u}h\n {t} )"))
        }),
        proptest::collection::vec("[a-zA-Z0-9 ;()=.,]{0,40}", 1..5)
            .prop_map(|strings| (T::TXT, format!("\"{}\"", strings.join("\" \"")))),
        (number(), number(), "[a-zA-Z]{0,3}", "[a-zA-Z+]{0,9}", "[a-z!^.*$]{0,9}", host())
            .prop_map(|(o, p, f, s, r, h)| {
                (T::NAPTR, format!("{o} {p} \"{f}\" \"{s}\" \"{r}\" {h}"))
            }),
        ("[a-z]{1,9}", "[a-z.; =]{1,20}").prop_map(|(t, v)| (T::CAA, format!("0 {t} \"{v}\""))),
        ("[a-zA-Z0-9]{0,9}", "[a-zA-Z0-9]{0,9}")
            .prop_map(|(c, o)| (T::HINFO, format!("\"{c}\" \"{o}\""))),
    ]
}

proptest! {
    #[test]
    fn record_data_agree_with_hickory((rtype, text) in entry()) {
        let wire = by_hickory(rtype, &text);
        prop_assume!(wire.is_some());
        let (records, _) = read(&format!("$TTL 1\n_._ {rtype} {text}\n"));
        let ours = records.first().map(|record| record.rdata.to_vec());
        // hickory's encoder may compress the second name of SOA; ours is never compressed.
        if rtype == RecordType::SOA && ours.as_ref().map(Vec::len) != wire.as_ref().map(Vec::len) {
            prop_assert!(ours.is_some());
        } else {
            prop_assert_eq!(ours, wire, "{} {}", rtype, text);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(
        words in proptest::collection::vec(prop_oneof![
            Just("$INCLUDE".to_owned()), Just("$ORIGIN".to_owned()), Just("$TTL".to_owned()),
            Just("\n".to_owned()), Just("\n ".to_owned()), Just("(".to_owned()),
            Just(")".to_owned()), Just("\"".to_owned()), Just(r"\#".to_owned()),
            Just("@".to_owned()), Just("IN".to_owned()), Just("*.a".to_owned()),
            (0..70_u16).prop_map(|code| RecordType(code).to_string()),
            (0..300_u32).prop_map(|n| n.to_string()), "[a-f.0-9:-]{0,9}", "[ -~]{0,5}", ".{0,4}",
        ], 0..60)
    ) {
        let text = format!("{HEAD}x {}", words.join(" "));
        let (records, diagnostics) = read(&text);
        for label in diagnostics.iter().flat_map(|d| &d.labels) {
            prop_assert!(text.get(label.span.start..label.span.end).is_some());
        }
        // What is read without an error compiles.
        if diagnostics.iter().all(|d| d.severity == Severity::Warning) {
            let _zones = zone::Zones::compile(vec![(name("example.com."), records)], &[]);
        }
    }
}
