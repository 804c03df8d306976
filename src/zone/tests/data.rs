//! Record data of every type: what other name servers read, and what they refuse.
//!
//! The rows of [`PEERS`] and of `BINDINGS` are the octets that BIND 9.18 makes of the same text;
//! where NSD 4.6 and Knot 3.2 know the type, theirs are the same.

use crate::zone::tests::bindings::BINDINGS;
use crate::zone::tests::bindings::REFUSED_BINDINGS;
use crate::zone::tests::master::HEAD;
use crate::zone::tests::master::rdata;
use crate::zone::tests::read;

/// Text and octets of the types but SVCB and HTTPS.
const PEERS: &[(&str, &str)] = &[
    ("A 192.0.2.1", "c0000201"),
    ("MB a", "0161076578616d706c6503636f6d00"),
    ("MG a", "0161076578616d706c6503636f6d00"),
    ("MR a", "0161076578616d706c6503636f6d00"),
    (r"NULL \# 1 00", "00"),
    ("WKS 192.0.2.1 tcp smtp ftp 80", "c0000201060000044000000000000080"),
    ("WKS 192.0.2.1 6 25", "c00002010600000040"),
    ("X25 311061700956", "0c333131303631373030393536"),
    (r#"ISDN "150862028003217" "004""#, "0f31353038363230323830303332313703303034"),
    ("ISDN 150862028003217", "0f313530383632303238303033323137"),
    ("RT 10 a", "000a0161076578616d706c6503636f6d00"),
    (
        "NSAP 0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
        "47000580005a0000000001e133ffffff00016100",
    ),
    ("NSAP-PTR foo", "03666f6f076578616d706c6503636f6d00"),
    (
        "SIG A 5 3 86400 20030322173103 20030220173103 2642 example.com. oA==",
        "00010503000151803e7c9dd73e5510d70a52076578616d706c6503636f6d00a0",
    ),
    ("KEY 512 255 1 AQMF", "0200ff01010305"),
    ("KEY HOST|FLAG4 DNSSEC RSAMD5 AQMF", "0a000301010305"),
    ("KEY NOKEY TLS 0", "c0000100"),
    ("KEY 49152 3 5", "c0000305"),
    (
        "PX 65535 foo bar",
        "ffff03666f6f076578616d706c6503636f6d0003626172076578616d706c6503636f6d00",
    ),
    ("GPOS -22.6882 116.8652 250.0", "082d32322e36383832083131362e38363532053235302e30"),
    ("GPOS a b c", "016101620163"),
    ("NXT a A MX NXT", "0161076578616d706c6503636f6d0040010002"),
    ("EID 12 89ABCDEF", "1289abcdef"),
    ("EID ab", "ab"),
    ("NIMLOC 1289", "1289"),
    ("ATMA +61200000000", "013631323030303030303030"),
    (
        "ATMA 39.246f.00.0e7c9c.0312.0001.0001.000012345678.00",
        "0039246f000e7c9c03120001000100001234567800",
    ),
    ("A6 64 ::1 foo", "40000000000000000103666f6f076578616d706c6503636f6d00"),
    ("A6 0 2001:db8::1", "0020010db8000000000000000000000001"),
    ("A6 128 foo", "8003666f6f076578616d706c6503636f6d00"),
    ("SINK 8 0 2 l4ik", "0800029788a4"),
    (r#"NINFO "foo" bar"#, "03666f6f03626172"),
    ("RKEY 0 255 1 AQMF", "0000ff01010305"),
    ("TALINK a b", "0161076578616d706c6503636f6d000162076578616d706c6503636f6d00"),
    ("NID 10 0014:4fff:ff20:ee64", "000a00144fffff20ee64"),
    ("L32 10 1.2.3.4", "000a01020304"),
    ("L64 10 0014:4fff:ff20:ee64", "000a00144fffff20ee64"),
    ("L64 10 14:4fff:ff20:ee64", "000a00144fffff20ee64"),
    ("LP 10 foo", "000a03666f6f076578616d706c6503636f6d00"),
    ("EUI48 00-00-5e-00-53-2a", "00005e00532a"),
    ("AVC foo:bar", "07666f6f3a626172"),
    (r#"DOA 0 1 2 "" R0lG"#, "00000000000000010200474946"),
    (r#"DOA 1234567890 1234567890 1 "image/gif" -"#, "499602d2499602d20109696d6167652f676966"),
    ("AMTRELAY 0 0 0 .", "0000"),
    ("AMTRELAY 10 1 1 203.0.113.15", "0a81cb00710f"),
    ("AMTRELAY 10 0 2 2001:db8::15", "0a0220010db8000000000000000000000015"),
    ("AMTRELAY 128 1 3 amtrelays", "808309616d7472656c617973076578616d706c6503636f6d00"),
    ("RESINFO qnamemin exterr=15,16,17", "08716e616d656d696e0f6578746572723d31352c31362c3137"),
    ("WALLET BTC x", "034254430178"),
    ("DSYNC CDS NOTIFY 5359 foo", "003b0114ef03666f6f076578616d706c6503636f6d00"),
    ("HHIT AAAA", "000000"),
    (
        "TA 30795 1 1 310D27F4D82C1FC2400704EA9939FE6E1CEAA3B9",
        "784b0101310d27f4d82c1fc2400704ea9939fe6e1ceaa3b9",
    ),
    (
        "DLV 30795 1 1 310D27F4D82C1FC2400704EA9939FE6E1CEAA3B9",
        "784b0101310d27f4d82c1fc2400704ea9939fe6e1ceaa3b9",
    ),
    (
        "DS 30795 1 SHA1 310D27F4D82C1FC2400704EA9939FE6E1CEAA3B9",
        "784b0101310d27f4d82c1fc2400704ea9939fe6e1ceaa3b9",
    ),
    (
        "DS 30795 RSAMD5 SHA-1 310D27F4D82C1FC2400704EA9939FE6E1CEAA3B9",
        "784b0101310d27f4d82c1fc2400704ea9939fe6e1ceaa3b9",
    ),
    ("DS 30795 1 99 AA", "784b0163aa"),
    (
        "IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
        "0a0102c0000226010351537986ed35533b6064478eeeb27b5bd74dae149b6e81ba3a0521af82ab7801",
    ),
    ("IPSECKEY 10 0 2 . AQNR", "0a0002010351"),
    ("IPSECKEY 10 3 2 gw AQNR", "0a0302026777076578616d706c6503636f6d00010351"),
    (
        "HIP ( 2 200100107B1A74DF365639CC39F1D578 AwEAAQ== )",
        "10020004200100107b1a74df365639cc39f1d57803010001",
    ),
    ("APL 1:192.0.2.0/24 !2:2001:db8::/32", "00011803c000020002208420010db8"),
    ("APL", ""),
    ("APL 1:10.0.0.1/8", "000108040a000001"),
    ("CERT 65534 65535 PRIVATEOID MxFc", "fffefffffe33115c"),
    ("CERT PGP 0 0 AQID", "0003000000010203"),
    ("TLSA 3 1 1 aa", "030101aa"),
    ("SMIMEA 0 0 0 00", "00000000"),
    ("ZONEMD 1 1 240 aaaaaaaaaaaaaaaaaaaaaaaa", "0000000101f0aaaaaaaaaaaaaaaaaaaaaaaa"),
    ("OPENPGPKEY AA AA", "000000"),
    ("CSYNC 66 3 A TYPE65280", "000000420003000140ff0180"),
    ("CSYNC 66 3", "000000420003"),
    ("NSEC a A TYPE65280", "0161076578616d706c6503636f6d00000140ff0180"),
    (
        "NSEC3 1 1 12 aa 2vptu5timamqttgl4luu9kg21e0aor3s",
        "0101000c01aa1417f3df17b2b2adaef615257de4d2020b80ac6c7c",
    ),
    (
        "NSEC3 SHA-1 1 12 - 2vptu5timamqttgl4luu9kg21e0aor3s A",
        "0101000c001417f3df17b2b2adaef615257de4d2020b80ac6c7c000140",
    ),
    ("NSEC3PARAM 1 0 12 -", "0100000c00"),
    ("NSEC3PARAM 1 0 12 aabb", "0100000c02aabb"),
    ("DHCID AAIB Y2/A", "000201636fc0"),
    (r#"URI 1 2 "ftp://x""#, "000100026674703a2f2f78"),
    (r#"URI 1 2 """#, "00010002"),
    ("CAA 0 issue ca", "000569737375656361"),
    (
        "RRSIG 65280 5 3 86400 20030322173103 20030220173103 2642 example.com. oA==",
        "ff000503000151803e7c9dd73e5510d70a52076578616d706c6503636f6d00a0",
    ),
    (
        "RRSIG TYPE65280 5 3 86400 20030322173103 20030220173103 2642 example.com. oA==",
        "ff000503000151803e7c9dd73e5510d70a52076578616d706c6503636f6d00a0",
    ),
    (
        "RRSIG A 5 3 86400 1048354263 20030220173103 2642 example.com. oA==",
        "00010503000151803e7c9dd73e5510d70a52076578616d706c6503636f6d00a0",
    ),
    ("LOC 60 9 0.000 N 24 39 0.000 E 10.00m 20m 2000m 20m", "002325238ce82360854a10a000989a68"),
    ("LOC 60 9 N 24 39 E 10", "001216138ce82360854a10a000989a68"),
    (r#"TXT a="b c""#, "02613d03622063"),
    (r#"TXT "a"b"c""#, "016101620163"),
    (r#"TXT a"b""#, "01610162"),
    (r#"HINFO cpu="x y""#, "046370753d03782079"),
    ("SPF a", "0161"),
    ("RP a b", "0161076578616d706c6503636f6d000162076578616d706c6503636f6d00"),
    ("AFSDB 1 a", "00010161076578616d706c6503636f6d00"),
    ("KX 1 a", "00010161076578616d706c6503636f6d00"),
    ("DNAME a", "0161076578616d706c6503636f6d00"),
    (r"TYPE1 \# 4 C0000201", "c0000201"),
    (r"A \# 4 C0000201", "c0000201"),
    (r"TYPE65535 \# 1 00", "00"),
];

/// What BIND 9.18 refuses too.
const REFUSED: &[&str] = &[
    "X25 311",
    "SINK 1 1",
    "EUI48 00:00:5e:00:53:2a",
    "AMTRELAY 10 0 4 foo",
    "AMTRELAY 10 0 0 foo",
    "DS 30795 1 1 310D27F4D82C1FC2400704EA9939FE6E1CEAA3",
    "DS 30795 1 99",
    "HIP 2 200100107B1A74DF365639CC39F1D578 AwEAAb rvs1 rvs2",
    "APL 1:10.0.0.0/33",
    "APL 3:00/8",
    "CERT PKIX 0 0",
    "SSHFP 1 1 aa",
    "SSHFP 4 2 aa",
    "SSHFP 1 1",
    "TLSA 3 1 1",
    "ZONEMD 1 1 1 aa",
    "ZONEMD 1 1 1 aaaaaaaaaaaaaaaaaaaaaaaa",
    "ZONEMD 1 1 240 aa",
    "OPENPGPKEY",
    "NSEC a",
    "NSEC a A 0",
    "CSYNC 66 3 A 1",
    r#"CAA 0 issue "a" "b""#,
    r#"CAA 0 is-sue "a""#,
    "CAA 0 issue",
    r#"CAA 256 issue """#,
    "TXT",
    r#"TXT "a"#,
    "HINFO a",
];

#[test]
fn data_are_read_as_other_servers_read_them() {
    for (entry, expected) in PEERS.iter().chain(BINDINGS) {
        assert_eq!(rdata(entry).as_deref(), Ok(*expected), "{entry}");
    }
}

#[test]
fn what_other_servers_refuse_is_refused() {
    for entry in REFUSED.iter().chain(REFUSED_BINDINGS) {
        assert!(rdata(entry).is_err(), "{entry}");
    }
}

/// RFC 3597, 5: octets are taken where the text form is, and refused where it would be.
#[test]
fn octets_of_known_types_are_held_to_the_same_rules() {
    for (entry, octets) in PEERS.iter().chain(BINDINGS) {
        let rtype = entry.split_whitespace().next().unwrap();
        let generic = format!(r"{rtype} \# {} {octets}", octets.len() / 2);
        assert_eq!(rdata(&generic).as_deref(), Ok(*octets), "{entry}");
        // One octet less is other data or none, and so is what one more makes: never a panic.
        let [less, more] = [octets.get(2..).unwrap_or_default().to_owned(), format!("{octets}00")];
        for other in [less, more] {
            let read = rdata(&format!(r"{rtype} \# {} {other}", other.len() / 2));
            assert!(read.is_err() || read.as_ref() == Ok(&other), "{entry}");
        }
    }
    // RFC 2874, 3.1: bits of the prefix are 0 in what is behind it.
    assert_eq!(rdata("A6 63 ffff:ffff:ffff:ffff::1 .").as_deref(), Ok("3f01000000000000000100"));
    assert!(rdata(r"A6 \# 11 3f01000000000000000100").is_ok());
    for entry in [
        r"A6 \# 11 3f02000000000000000100",
        r"X25 \# 5 0433313161",
        r"A \# 3 0A0000",
        r"NS \# 2 C00C",
        r"X25 \# 4 03333131",
        r"DS \# 5 784B010131",
        r"SSHFP \# 3 0101AA",
        r"ZONEMD \# 7 00000001010131",
        r"CAA \# 3 000061",
        r"CAA \# 4 00012d61",
        r"TXT \# 0",
        r"OPENPGPKEY \# 0",
        r"NSEC \# 3 016100",
        // RFC 4034, 4.1.2: blocks ascend, and end in an octet that is not 0.
        r"CSYNC \# 10 000000420003 00020000",
        r"CSYNC \# 12 000000420003 010180 000140",
        r"CSYNC \# 12 000000420003 000140 000120",
        r"CSYNC \# 8 000000420003 0000",
        r"LOC \# 16 01121613800000008000000000989680",
        r"LOC \# 16 00A21613800000008000000000989680",
        r"APL \# 6 0001 21 02 0A01",
        r"APL \# 6 0001 08 02 0A00",
        r"APL \# 9 0001 20 05 0102030405",
        r"IPSECKEY \# 3 0A0401",
        r"IPSECKEY \# 7 0A0102C0000226",
        r"AMTRELAY \# 4 0A01C000",
        r"HIP \# 4 00020001",
        r"A6 \# 17 FF00000000000000000000000000000000",
        r"NXT \# 20 016100 0102030405060708090A0B0C0D0E0F1011",
        r"SVCB \# 7 0001 00 FFFF0000",
    ] {
        assert!(rdata(entry).is_err(), "{entry}");
    }
}

#[test]
fn what_surprises_is_a_warning() {
    let short = "ab".repeat(31);
    for (entry, message) in [
        ("HTTPS 0 . alpn=h2", "HTTPS: priority 0 makes an alias"),
        ("HTTPS 1 . mandatory=port port=1", "HTTPS: `port` is always mandatory"),
        ("URI 1 2 \"\"", "URI: an empty URI"),
        (
            &format!("TLSA 3 1 1 {short}"),
            "TLSA: has a digest of 31 octets, expected 32: no certificate matches",
        ),
        (
            &format!("SMIMEA 3 1 2 {short}"),
            "SMIMEA: has a digest of 31 octets, expected 64: no certificate matches",
        ),
    ] {
        let (records, diagnostics) = read(&format!("{HEAD}x {entry}\n"));
        assert_eq!(records.len(), 4, "{entry}");
        let [warning] = diagnostics.as_slice() else { panic!("{entry}: {diagnostics:?}") };
        assert!(warning.message.starts_with(message), "{}", warning.message);
    }
    for entry in ["SVCB 1 . mandatory=port port=1", &format!("TLSA 3 1 1 {short}ab"), "HTTPS 0 ."] {
        assert_eq!(read(&format!("{HEAD}x {entry}\n")).1, [], "{entry}");
    }
}

#[test]
fn what_no_other_server_reads_is_read_by_its_rfc() {
    for (entry, expected) in [
        // RFC 973 made them obsolete; they are names all the same.
        ("MD .", "00"),
        ("MF .", "00"),
        // RFC 4025, 2.4: without an algorithm there is no key.
        ("IPSECKEY 10 0 0 .", "0a0000"),
        ("BRID AQID", "010203"),
        ("URI 1 2 ftp://x", "000100026674703a2f2f78"),
        (
            r#"NAPTR 1 2 "u" "E2U+sip" "!^.*$!sip:a\\1!" ."#,
            "000100020175074532552b7369700e215e2e2a24217369703a615c312100",
        ),
        (r#"CAA 128 issue "ca; x=\"1\"""#, "8005697373756563613b20783d223122"),
        // RFC 4034, 4.3.
        (
            "NSEC host A MX RRSIG NSEC TYPE1234",
            "04686f7374076578616d706c6503636f6d000006400100000003041b000000000000000000000000000000000000000000000000000020",
        ),
        ("LOC 42 21 54 N 71 06 18 W -24m 30m", "0033161389172dd070be15f000988d20"),
        ("LOC 0 S 0 E 0", "00121613800000008000000000989680"),
        (r#"TXT "a\"b" c\;d \255\092"#, "0361226203633b6402ff5c"),
    ] {
        assert_eq!(rdata(entry).as_deref(), Ok(expected), "{entry}");
    }
    // RFC 5155, 3.3: base32hex.
    let next = rdata("NSEC3 1 1 12 aabbccdd 00000000000000000000000000000008 MX").unwrap();
    assert_eq!(next, format!("0101000c04aabbccdd14{}080002 0001", "0".repeat(38)).replace(' ', ""));
}

#[test]
fn record_data_that_can_not_be() {
    for (entry, message) in [
        ("A 192.0.2.256", "expected an IPv4 address such as 192.0.2.1, found `192.0.2.256`"),
        ("A", "A without an IPv4 address"),
        ("A 192.0.2.1 192.0.2.2", "`192.0.2.2` is more than A holds"),
        ("MX mail", "expected the preference, a number from 0 to 65535, found `mail`"),
        ("MX 65536 mail", "expected the preference, a number from 0 to 65535, found `65536`"),
        (
            "CNAME a..b",
            "`a..b` is no domain name: it has an empty label (two dots in a row, or a dot at the start)",
        ),
        (
            r"TXT a\300",
            r"expected a backslash followed by a character or by three digits up to 255, found `a\300`",
        ),
        (r"A \# 4 0A0000", r"`\#` announces 4 octets, 3 follow"),
        (r"A \# 3 0A0000", "these octets are not the data of A"),
        (r"TYPE65280 0A", "the text form of TYPE65280 is not known here"),
        (
            "APL 1:2001:db8::/24",
            "expected a prefix as `1:192.0.2.0/24` or `!2:2001:db8::/32`, found `1:2001:db8::/24`",
        ),
        ("DS 1 8 2 abc", "expected an even number of hex digits, found `abc`"),
        ("DS 1 8 2 ab", "DS: has a digest of 1 octets, expected 32"),
        ("DNSKEY 256 3 8 A", "expected base64, padded with `=`, found `A`"),
        ("DNSKEY 256 3 8", "DNSKEY without base64"),
        ("EUI48 00-00", "expected 6 pairs of hex digits with hyphens between, found `00-00`"),
        ("LOC 91 N 0 E 0", "expected degrees, minutes, seconds, N or S, found `91`"),
        ("HTTPS 1 . alpm=h2", "`alpm` is no parameter of a service binding"),
        (
            "HTTPS 1 . mandatory=key9 alpn=h2",
            "HTTPS: `mandatory` lists `tls-supported-groups`, and there is no `tls-supported-groups`",
        ),
        ("HTTPS 1 . alpn=h2 alpn=h3", "`alpn` a second time"),
        (
            "CERT PGPX 0 0 AQID",
            "expected the type of the certificate, a number from 0 to 65535, found `PGPX`",
        ),
    ] {
        assert_eq!(rdata(entry), Err(message.to_owned()), "{entry}");
    }
    let long = format!("TXT {}", "a".repeat(256));
    assert_eq!(rdata(&long), Err("a string of 256 octets; it may have 255".into()));
}
