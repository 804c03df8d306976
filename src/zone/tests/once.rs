//! A mistake is reported once, and what is left out or surprises is said.

use crate::model::Severity;
use crate::zone::tests::master::HEAD;
use crate::zone::tests::read;

/// Codes of what is said of a zone.
fn codes(text: &str) -> Vec<&'static str> {
    read(text).1.iter().map(|d| d.code.0).collect()
}

#[test]
fn what_was_not_read_is_not_missing() {
    let ns = "@ NS ns.example.net.\n";
    for (text, expected) in [
        // RFC 1035, 5.1: the SOA and all behind it are read, with the TTL of its last number.
        (format!("@ SOA ns h 1 2 3 4 5\n{ns}"), vec!["zone-ttl"]),
        (format!("$TTL 1\n@ SOA ns h 1 2 3 4\n{ns}"), vec!["zone-rdata"]),
        (format!("$TTL 1\n@ 1x SOA ns h 1 2 3 4 5\n{ns}"), vec!["zone-ttl"]),
        (format!("$TTL 1\n@ CH SOA ns h 1 2 3 4 5\n{ns}"), vec!["zone-class"]),
        ("$TTL 1\n@ SOA ns h 1 2 3 4 5\n@ NS a..b\n".into(), vec!["zone-rdata"]),
        (format!("{HEAD}@ NS ns2\nns2 A 192.0.2\n"), vec!["zone-rdata"]),
        (format!("{HEAD}@ NS ns2\n$INCLUDE other\n"), vec!["zone-include"]),
        (format!("{HEAD}a..b A 192.0.2.1\n  AAAA ::1\n  TXT x\n"), vec!["zone-owner"]),
        (format!("{HEAD}$ORIGIN a..b\na CNAME b\na TXT c\n"), vec!["zone-directive"]),
        ("$TTL 1\n$INCLUDE soa\n".into(), vec!["zone-include"]),
        ("$TTL 1\n@ SOA ns h (1 2 3 4 5\n@ NS ns\n".into(), vec!["zone-syntax"]),
        (format!("$TTL 1y\n@ SOA ns h 1 2 3 4 5\n{ns}"), vec!["zone-ttl"]),
        (format!("$TTL\n{ns}"), vec!["zone-directive", "zone-soa"]),
        (format!("{HEAD}$GENERATE 1-2 ns$ 1y A 192.0.2.$\n@ NS ns2\n"), vec!["zone-ttl"]),
        // A mistake elsewhere does not hide what is missing.
        (format!("$TTL 1\n{ns}a A x\n"), vec!["zone-soa", "zone-rdata"]),
        (format!("{HEAD}@ NS ns2\na A x\n"), vec!["zone-glue", "zone-rdata"]),
    ] {
        assert_eq!(codes(&text), expected, "{text}");
    }
}

#[test]
fn records_before_any_ttl_have_that_of_the_soa() {
    let text = "@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\na 60 TXT x\nb TXT y\n";
    let (records, diagnostics) = read(text);
    let ttls: Vec<_> = records.iter().map(|record| record.ttl.secs()).collect();
    assert_eq!(ttls, [5, 5, 5, 60, 5]);
    let [warning] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!((warning.code.0, warning.severity), ("zone-ttl", Severity::Warning));
    assert!(warning.message.contains("5 seconds"), "{}", warning.message);
    // A TTL in `$GENERATE` is one before, as in BIND.
    let (records, _) =
        read("@ 30 SOA ns1 h 1 2 3 4 5\n@ NS ns.example.net.\n$GENERATE 1-1 a$ 5 TXT x\nb TXT y\n");
    let ttls: Vec<_> = records.iter().map(|record| record.ttl.secs()).collect();
    assert_eq!(ttls, [30, 30, 5, 5]);
    // Also where the SOA comes later.
    let (records, _) = read("a TXT x\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns.example.net.\n");
    assert_eq!(records[0].ttl.secs(), 5);
    // RFC 2181, 8: one that is too large for a TTL is 0.
    let (records, _) = read("@ SOA ns1 h 1 2 3 4 2147483648\n@ NS ns.example.net.\n");
    assert_eq!(records[0].ttl.secs(), 0);
}

#[test]
fn records_outside_the_zone_are_left_out() {
    let (records, diagnostics) =
        read(&format!("{HEAD}www.example.net. A 192.0.2.1\n  AAAA ::1\n  A x\nb A 192.0.2.1\n"));
    let [warning] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!((warning.code.0, warning.severity), ("zone-outside", Severity::Warning));
    assert_eq!(records.len(), 4);
    // The file of another zone.
    let (_, diagnostics) = read("$TTL 1\n$ORIGIN example.net.\n@ SOA ns h 1 2 3 4 5\n@ NS ns\n");
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    let [error] = errors.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(error.message, "zone `example.com.` has no SOA record");
    assert!(error.help.as_deref().unwrap().contains("zone `example.net.`"), "{error:?}");
}

#[test]
fn a_name_that_is_meant_otherwise_is_reported_where_it_is_written() {
    for (line, expected) in [
        ("@ NS ns2.example.com", vec!["zone-dot"]),
        ("@ MX 10 mail.example.com\n@ MX 20 mail.example.com", vec!["zone-dot"]),
        ("_x._tcp SRV 1 2 3 a.Example.COM", vec!["zone-dot"]),
        ("a HTTPS 1 b.example.com", vec!["zone-dot"]),
        ("www.example.com A 192.0.2.1", vec!["zone-dot"]),
        ("$ORIGIN sub.example.com\na A 192.0.2.1", vec!["zone-dot"]),
        ("$ORIGIN sub\na CNAME b.example.com", vec!["zone-dot"]),
        ("@ NS ns2.example.com.", vec!["zone-glue"]),
        ("@ NS ns.example.net", vec!["zone-glue"]),
        ("@ NS 192.0.2.1", vec!["zone-target"]),
        ("@ MX 10 192.0.2.1.\n@ MX 10 ::1", vec!["zone-target", "zone-target"]),
        ("a PTR 1.2", vec![]),
        ("a CNAME example", vec![]),
        // RFC 7489, 7.1: the name of a zone in front of others.
        ("example.com._report._dmarc TXT v=DMARC1", vec![]),
        (r"a CNAME \# 13 076578616d706c6503636f6d00", vec![]),
    ] {
        assert_eq!(codes(&format!("{HEAD}{line}\n")), expected, "{line}");
    }
    let (_, diagnostics) = read(&format!("{HEAD}@ NS ns.example.net\n"));
    let help = diagnostics[0].help.as_deref().unwrap();
    assert!(help.ends_with("or end the name with a dot, if `ns.example.net.` is meant"), "{help}");
}

#[test]
fn a_signed_zone_is_served_unsigned() {
    for line in [
        "@ DNSKEY 257 3 13 AQ==",
        "@ RRSIG A 13 2 60 20300101000000 20200101000000 1 @ AQ==\n@ NSEC ns1 A\n",
        "@ NSEC3PARAM 1 0 0 -",
        "00000000000000000000000000000000 NSEC3 1 0 0 - 00000000000000000000000000000000",
    ] {
        assert_eq!(codes(&format!("{HEAD}{line}\n")), ["zone-signed"], "{line}");
    }
    let digest = "ab".repeat(32);
    assert_eq!(codes(&format!("{HEAD}a NS b.example.net.\na DS 1 13 2 {digest}\n")), [""; 0]);
}

#[test]
fn rrsets_that_no_message_holds_are_errors() {
    let rrset = |n: usize, data: &str| {
        let records: Vec<String> = (0..n).map(|i| data.replace('#', &format!("{i:04}"))).collect();
        codes(&format!("{HEAD}{}", records.concat()))
    };
    // 12 + 11 + 20 + 4 + 4093 · 16 octets are 65,535.
    let text = |n: u32| {
        let lines = (0..n).map(|i| format!("bigbig A 10.0.{}.{}\n", i / 256, i % 256));
        format!("{HEAD}{}", lines.collect::<String>())
    };
    assert_eq!(codes(&text(4093)), [""; 0]);
    assert_eq!(codes(&text(4094)), ["zone-size"]);
    // Their names may be compressed to less than half.
    assert_eq!(rrset(4000, "big PTR a#.example.net.\n"), [""; 0]);
    assert_eq!(rrset(4200, "big PTR a#.example.net.\n"), ["zone-size"]);
}
