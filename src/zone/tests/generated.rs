//! `$GENERATE` in a zone.

use crate::model::limits;
use crate::zone::tests::master::HEAD;
use crate::zone::tests::master::show;
use crate::zone::tests::read;

#[test]
fn one_line_makes_many_records() {
    let (records, diagnostics) = read(&format!(
        "{HEAD}$GENERATE 1-2 h${{0,2}} 60 IN A 192.0.2.$\n\
         $GENERATE 0-2/2 $ CNAME $.sub\n\
         $GENERATE 5-5 m MX \"$ mail$\"\n\
         $GENERATE 5-5 n MX $ mail$\n\
         $GENERATE 1-1 t TXT a$$ \"b $\" \\$\n\
         $GENERATE 1-1 u TXT \"\\\"a $\\\" b\"\n\
         $GENERATE 1-1 $.example.com. PTR @\n\
         last A 192.0.2.9\n\
         $GENERATE 1-1 $ 5 IN AAAA ::1\n\
         \tTXT x\n"
    ));
    assert_eq!(diagnostics, []);
    let expected = [
        r"h01.example.com. 60 A \xc0\x00\x02\x01",
        r"h02.example.com. 60 A \xc0\x00\x02\x02",
        r"0.example.com. 3600 CNAME \x010\x03sub\x07example\x03com\x00",
        r"2.example.com. 3600 CNAME \x012\x03sub\x07example\x03com\x00",
        r"m.example.com. 3600 MX \x00\x05\x05mail5\x07example\x03com\x00",
        r"n.example.com. 3600 MX \x00\x05\x05mail5\x07example\x03com\x00",
        r"t.example.com. 3600 TXT \x02a$\x03b 1\x01$",
        r"u.example.com. 3600 TXT \x03a 1\x01b",
        r"1.example.com. 3600 PTR \x07example\x03com\x00",
        r"last.example.com. 3600 A \xc0\x00\x02\t",
        r"1.example.com. 5 AAAA \x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
        // An entry without an owner has that of the one before `$GENERATE`, as in BIND.
        r"last.example.com. 3600 TXT \x01x",
    ];
    assert_eq!(show(&records), expected);
}

#[test]
fn a_mistake_in_a_generated_record_is_reported_once_and_with_its_number() {
    let (records, diagnostics) = read(&format!("{HEAD}$GENERATE 254-300 h$ A 192.0.2.$\n"));
    let [error] = diagnostics.as_slice() else { panic!("{diagnostics:?}") };
    assert_eq!(
        error.message,
        "with 256 for `$`: expected an IPv4 address such as 192.0.2.1, found `192.0.2.256`"
    );
    assert_eq!(records.len(), 5);
    for (line, code) in [
        ("$GENERATE 1-2 h$", "zone-directive"),
        ("$GENERATE 1 h$ A 192.0.2.$", "zone-directive"),
        ("$GENERATE 1-2 h${ A 192.0.2.$", "zone-directive"),
        ("$GENERATE 1-2 h$..b A 192.0.2.$", "zone-owner"),
        ("$GENERATE 1-2 h$.example.net. A 192.0.2.$", "zone-outside"),
        ("$GENERATE 1-2 h$ 192.0.2.$", "zone-ttl"),
        ("$GENERATE 1-2 h$ TXT \"\\\"$\"", "zone-syntax"),
        ("$GENERATE 0-2147483647 h$ A 192.0.2.1", "zone-directive"),
    ] {
        let (_, diagnostics) = read(&format!("{HEAD}{line}\n"));
        let codes: Vec<_> = diagnostics.iter().map(|d| d.code.0).collect();
        assert_eq!(codes, [code], "{line}\n{diagnostics:?}");
    }
}

/// Each line is within the bound, all together are not.
#[test]
fn the_records_of_all_lines_are_bounded() {
    let half = limits::GENERATED / 2 + 1;
    // The first name is refused, so that none is made; the numbers count all the same.
    let line = format!("$GENERATE 1-{half} a..b A 192.0.2.1\n");
    let (_, diagnostics) = read(&format!("{HEAD}{line}{line}"));
    let codes: Vec<_> = diagnostics.iter().map(|d| d.code.0).collect();
    assert_eq!(codes, ["zone-owner", "zone-directive"]);
}
