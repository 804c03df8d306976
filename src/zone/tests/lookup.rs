//! RFC 1034, 4.3.2 and what refines it.

use crate::model::RecordType;
use crate::zone::Answers;
use crate::zone::BalancedOwner;
use crate::zone::Lookup;
use crate::zone::Match;
use crate::zone::Rrset;
use crate::zone::Zones;
use crate::zone::tests::name;
use crate::zone::tests::records;

const ZONE: &str = "\
$TTL 1h
@ SOA NS1 hostmaster 7 2h 1h 2w 300
@ NS ns1
@ NS ns.elsewhere.example.
@ MX 10 Mail
@ TXT \"a text that is longer than the others by far, so that ANY gives another\"
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
mail A 192.0.2.25
www 600 A 192.0.2.80
www 600 AAAA 2001:db8::80
_sip._tcp SRV 10 60 5060 www
_sip._tcp SRV 10 60 5060 sip.elsewhere.example.
alias CNAME WWW
away CNAME www.elsewhere.example.
host.deep.ent A 192.0.2.66
*.wild A 192.0.2.77
exact.wild TXT \"no address\"
leaf.node.wild A 192.0.2.78
*.wildalias CNAME www
old DNAME new
sub NS ns1.sub
sub NS ns2.side
sub NS ns.elsewhere.example.
sub DS 1 5 99 AABB
ns1.sub A 192.0.2.53
side NS ns2.side
ns2.side AAAA 2001:db8::53
plain TXT beside
";

const ADDRESSES: Answers = Answers { a: true, aaaa: true, alias: false };
const IPV4: Answers = Answers { a: true, aaaa: false, alias: false };
const ALIAS: Answers = Answers { a: false, aaaa: false, alias: true };

fn compiled() -> Zones {
    let owners = [
        ("balanced.example.com.", 0, ADDRESSES),
        ("*.any.balanced.example.com.", 1, ADDRESSES),
        ("plain.example.com.", 2, IPV4),
        ("hosted.example.com.", 3, ALIAS),
        ("a.b.c.example.com.", 4, IPV4),
        ("balanced.elsewhere.example.", 5, IPV4),
        ("hidden.sub.example.com.", 6, IPV4),
    ];
    let owners = owners.map(|(owner, service, answers)| BalancedOwner {
        owner: name(owner),
        service,
        answers,
    });
    Zones::compile(vec![records("example.com.", ZONE)], &owners)
}

/// An RRset with its octets as they are stored, the apex of the zone written as `^`.
fn show(rrset: Rrset<'_>) -> String {
    let mut parts = vec![format!("{} {}", rrset.ttl().secs(), rrset.rtype())];
    for rdata in rrset.rdatas() {
        let octets = rdata.escape_ascii().to_string();
        parts.push(octets.replace(r"\x07example\x03com\x00", "^"));
    }
    parts.join(" ")
}

fn text(wire: &[u8]) -> String {
    crate::model::Name::from_wire(wire).unwrap().to_string()
}

fn describe(found: Lookup<'_>) -> String {
    let by = |by| match by {
        Match::Exact => "",
        Match::Wildcard => " by wildcard",
    };
    match found {
        Lookup::Outside => "outside".into(),
        Lookup::Answer { rrset, by: m, .. } => format!("answer {}{}", show(rrset), by(m)),
        Lookup::Balanced { service, owner, by: m, .. } => {
            format!("service {service} at {}{}", text(owner), by(m))
        }
        Lookup::Alias { cname, by: m, .. } => format!("alias {}{}", text(cname.target()), by(m)),
        Lookup::Redirect { owner, dname, .. } => {
            format!("redirect {} {}", text(owner), text(dname.target()))
        }
        Lookup::Referral { cut, ns, .. } => {
            format!("referral {} {} servers", text(cut), ns.n_records())
        }
        Lookup::NoData { zone, by: m } => format!("nodata {}{}", text(zone.apex()), by(m)),
        Lookup::NxDomain { zone } => format!("nxdomain {}", text(zone.apex())),
    }
}

fn look(zones: &Zones, owner: &str, qtype: RecordType) -> String {
    describe(zones.lookup(name(owner).as_wire(), qtype))
}

fn check(zones: &Zones, rows: &[(&str, RecordType, &str)]) {
    for (owner, qtype, expected) in rows {
        assert_eq!(look(zones, owner, *qtype), *expected, "{owner} {qtype}");
    }
}

#[test]
fn rfc1034_4_3_2_one_zone() {
    use RecordType as T;
    let a = r"answer 600 A \xc0\x00\x02P";
    let nx = "nxdomain example.com.";
    let nodata = "nodata example.com.";
    let sub = "referral sub.example.com. 3 servers";
    check(
        &compiled(),
        &[
            ("www.example.com.", T::A, a),
            ("www.example.com.", T::TXT, nodata),
            ("nothere.example.com.", T::A, nx),
            ("below.www.example.com.", T::A, nx),
            ("com.", T::A, "outside"),
            (".", T::A, "outside"),
            ("notexample.com.", T::A, "outside"),
            ("alias.example.com.", T::A, "alias www.example.com."),
            ("alias.example.com.", T::CNAME, r"answer 3600 CNAME \x03WWW^"),
            ("alias.example.com.", T::ANY, r"answer 3600 CNAME \x03WWW^"),
            ("away.example.com.", T::A, "alias www.elsewhere.example."),
            ("deep.ent.example.com.", T::A, nodata),
            ("ent.example.com.", T::ANY, nodata),
            ("x.ent.example.com.", T::A, nx),
            ("_tcp.example.com.", T::SRV, nodata),
            ("old.example.com.", T::A, nodata),
            ("a.old.example.com.", T::A, "redirect old.example.com. new.example.com."),
            ("a.b.old.example.com.", T::ANY, "redirect old.example.com. new.example.com."),
            ("sub.example.com.", T::NS, sub),
            ("sub.example.com.", T::ANY, sub),
            ("ns1.sub.example.com.", T::A, sub),
            ("x.y.sub.example.com.", T::MX, sub),
            ("hidden.sub.example.com.", T::A, sub),
            ("x.sub.example.com.", T::DS, sub),
            ("side.example.com.", T::DS, nodata),
        ],
    );
    assert!(look(&compiled(), "sub.example.com.", T::DS).starts_with("answer 3600 DS"));
}

#[test]
fn rfc4592_wildcards() {
    use RecordType as T;
    let nodata = "nodata example.com.";
    check(
        &compiled(),
        &[
            ("x.wild.example.com.", T::A, r"answer 3600 A \xc0\x00\x02M by wildcard"),
            ("x.y.wild.example.com.", T::A, r"answer 3600 A \xc0\x00\x02M by wildcard"),
            ("x.wild.example.com.", T::AAAA, "nodata example.com. by wildcard"),
            ("*.wild.example.com.", T::A, r"answer 3600 A \xc0\x00\x02M"),
            ("exact.wild.example.com.", T::A, nodata),
            ("x.exact.wild.example.com.", T::A, "nxdomain example.com."),
            ("node.wild.example.com.", T::A, nodata),
            ("x.node.wild.example.com.", T::A, "nxdomain example.com."),
            ("wild.example.com.", T::A, nodata),
            ("x.wildalias.example.com.", T::A, "alias www.example.com. by wildcard"),
        ],
    );
}

#[test]
fn balanced_owners_exist_beside_static_records() {
    use RecordType as T;
    let nodata = "nodata example.com.";
    check(
        &compiled(),
        &[
            ("balanced.example.com.", T::A, "service 0 at balanced.example.com."),
            ("balanced.example.com.", T::AAAA, "service 0 at balanced.example.com."),
            ("balanced.example.com.", T::ANY, "service 0 at balanced.example.com."),
            ("balanced.example.com.", T::TXT, nodata),
            ("balanced.example.com.", T::CNAME, nodata),
            ("any.balanced.example.com.", T::A, nodata),
            (
                "x.any.balanced.example.com.",
                T::A,
                "service 1 at *.any.balanced.example.com. by wildcard",
            ),
            ("x.any.balanced.example.com.", T::MX, "nodata example.com. by wildcard"),
            ("x.balanced.example.com.", T::A, "nxdomain example.com."),
            ("plain.example.com.", T::A, "service 2 at plain.example.com."),
            ("plain.example.com.", T::AAAA, nodata),
            ("plain.example.com.", T::TXT, r"answer 3600 TXT \x06beside"),
            ("plain.example.com.", T::ANY, r"answer 3600 TXT \x06beside"),
            ("hosted.example.com.", T::A, "service 3 at hosted.example.com."),
            ("hosted.example.com.", T::HTTPS, "service 3 at hosted.example.com."),
            ("hosted.example.com.", T::CNAME, "service 3 at hosted.example.com."),
            ("b.c.example.com.", T::A, nodata),
            ("x.c.example.com.", T::A, "nxdomain example.com."),
        ],
    );
}

#[test]
fn rfc2308_3_the_negative_soa_has_the_lesser_ttl() {
    let zones = compiled();
    let Lookup::NxDomain { zone } = zones.lookup(name("x.example.com").as_wire(), RecordType::A)
    else {
        panic!("an NXDOMAIN");
    };
    let negative = zone.negative_soa();
    assert_eq!(negative.ttl().secs(), 300);
    let soa = look(&zones, "example.com.", RecordType::SOA);
    assert!(soa.starts_with(r"answer 3600 SOA \x03NS1^\nhostmaster^\x00\x00\x00\x07"), "{soa}");
    assert_eq!(negative.rdata(0), negative.rdatas().next());
    assert_eq!(negative.rdata(1), None);
    assert_eq!(show(negative).replacen("300", "answer 3600", 1), soa);
    let brief = "@ 60 SOA ns1 hostmaster 7 2h 1h 2w 300\n@ 300 NS ns1\nns1 300 A 192.0.2.1\n";
    let zones = Zones::compile(vec![records("example.com.", brief)], &[]);
    assert_eq!(zones.zones().next().unwrap().negative_soa().ttl().secs(), 60, "its own");
}

/// RFC 2181, 5.2: one RRset has one TTL.
#[test]
fn what_the_compiler_makes_of_records_that_differ() {
    use RecordType as T;
    let text = format!(
        "{ZONE}two 600 A 192.0.2.1\ntwo 60 A 192.0.2.2\n\
         mx MX 10 mail\nmx MX 20 MAIL\nsigned TXT \"longer than the other\"\n\
         signed TYPE47 \\# 4 00000140\nabroad NS ns.other.example.\n"
    );
    let other = "$TTL 60\n@ SOA ns h 7 1 1 1 300\n@ NS ns\nns A 192.0.2.9\n";
    let owner = name("www.example.com.");
    let beside = BalancedOwner { owner, service: 7, answers: IPV4 };
    let zones = vec![records("example.com.", &text), records("other.example.", other)];
    let zones = Zones::compile(zones, &[beside]);
    let two = look(&zones, "two.example.com.", T::A);
    assert_eq!(two, r"answer 60 A \xc0\x00\x02\x01 \xc0\x00\x02\x02", "the lesser TTL");
    assert_eq!(along(&zones, "mx.example.com.", T::MX), ["mail.example.com. 1+0"], "once");
    let any = look(&zones, "signed.example.com.", T::ANY);
    assert!(any.starts_with("answer 3600 TXT"), "denial last: {any}");
    assert_eq!(along(&zones, "x.abroad.example.com.", T::A), [""; 0], "of this zone alone");
    check(&zones, &[("www.example.com.", T::A, "service 7 at www.example.com.")]);
    // Lower case, as names are looked up.
    let found = zones.lookup(name("alias.example.com.").as_wire(), T::A);
    let Lookup::Alias { cname, .. } = found else { panic!("{found:?}") };
    assert_eq!(cname.target(), b"\x03www\x07example\x03com\0");
}

#[test]
fn record_data_are_kept_as_the_file_has_them() {
    use RecordType as T;
    let foreign = r"\x02ns\telsewhere\x07example\x00";
    check(
        &compiled(),
        &[
            ("example.com.", T::NS, &format!(r"answer 3600 NS \x03ns1^ {foreign}")),
            ("example.com.", T::MX, r"answer 3600 MX \x00\n\x04Mail^"),
            ("old.example.com.", T::DNAME, r"answer 3600 DNAME \x03new^"),
        ],
    );
    let srv = look(&compiled(), "_sip._tcp.example.com.", T::SRV);
    assert!(srv.contains(r"\x03www^"), "{srv}");
}

#[test]
fn rfc8482_4_1_any_gives_the_shortest_rrset() {
    let any = look(&compiled(), "example.com.", RecordType::ANY);
    assert_eq!(any, look(&compiled(), "example.com.", RecordType::MX));
    let zones = compiled();
    assert_eq!(
        look(&zones, "www.example.com.", RecordType::ANY),
        look(&zones, "www.example.com.", RecordType::A)
    );
}

fn along(zones: &Zones, owner: &str, qtype: RecordType) -> Vec<String> {
    let found = zones.lookup(name(owner).as_wire(), qtype);
    let (Lookup::Answer { rrset, .. } | Lookup::Referral { ns: rrset, .. }) = found else {
        panic!("{found:?}");
    };
    rrset
        .addresses()
        .map(|host| {
            let count = |rrset: Option<Rrset<'_>>| rrset.map_or(0, Rrset::n_records);
            let kind = if host.in_domain { " in domain" } else { "" };
            format!("{} {}+{}{kind}", text(host.owner), count(host.a), count(host.aaaa))
        })
        .collect()
}

#[test]
fn rfc9471_referrals_carry_in_domain_glue_first_then_sibling_glue() {
    assert_eq!(
        along(&compiled(), "x.sub.example.com.", RecordType::A),
        ["ns1.sub.example.com. 1+0 in domain", "ns2.side.example.com. 0+1"]
    );
}

#[test]
fn rfc1034_4_3_2_step_6_hosts_in_the_zone_go_along() {
    let zones = compiled();
    for (owner, qtype, expected) in [
        ("example.com.", RecordType::NS, "ns1.example.com. 1+1 in domain"),
        ("example.com.", RecordType::MX, "mail.example.com. 1+0 in domain"),
        ("_sip._tcp.example.com.", RecordType::SRV, "www.example.com. 1+1"),
    ] {
        assert_eq!(along(&zones, owner, qtype), [expected], "{owner}");
    }
}

#[test]
fn the_closest_zone_answers_and_the_parent_for_ds() {
    use RecordType as T;
    let parent = "\
$TTL 1h
@ SOA ns1 hostmaster 1 2h 1h 2w 300
@ NS ns1
ns1 A 192.0.2.1
child NS ns.child
child DS 1 5 99 AABB
ns.child A 192.0.2.99
below.child DS 1 5 99 CCDD
unsigned NS ns1
cut NS ns1
";
    let child = "\
$TTL 1h
@ SOA ns hostmaster 1 2h 1h 2w 300
@ NS ns
ns A 192.0.2.2
";
    let zones = [
        ("example.com.", parent),
        ("child.example.com.", child),
        ("below.child.example.com.", child),
        ("unsigned.example.com.", child),
        ("below.cut.example.com.", child),
        ("far.away.example.com.", child),
        ("other.example.", child),
    ];
    // The order in which the zones come must not matter.
    for turn in 0..zones.len() {
        let mut turned = zones;
        turned.rotate_left(turn);
        let turned = turned.map(|(apex, text)| records(apex, text));
        let zones = Zones::compile(turned.into(), &[]);
        check(
            &zones,
            &[
                ("child.example.com.", T::DS, r"answer 3600 DS \x00\x01\x05c\xaa\xbb"),
                ("child.example.com.", T::A, "nodata child.example.com."),
                ("ns.child.example.com.", T::A, r"answer 3600 A \xc0\x00\x02\x02"),
                ("ns.child.example.com.", T::DS, "nodata child.example.com."),
                ("x.child.example.com.", T::A, "nxdomain child.example.com."),
                ("below.child.example.com.", T::DS, "nodata child.example.com."),
                ("unsigned.example.com.", T::DS, "nodata example.com."),
                ("below.cut.example.com.", T::DS, "referral cut.example.com. 1 servers"),
                ("below.cut.example.com.", T::A, "nodata below.cut.example.com."),
                ("far.away.example.com.", T::DS, "nodata example.com."),
                ("away.example.com.", T::A, "nodata example.com."),
                ("other.example.", T::DS, "nodata other.example."),
                ("x.example.com.", T::A, "nxdomain example.com."),
            ],
        );
        let zone = zones.zone_of(name("a.child.example.com.").as_wire());
        assert_eq!(zone.map(|zone| text(zone.apex())).as_deref(), Some("child.example.com."));
    }
}

#[test]
fn the_root_may_be_served() {
    let zones = Zones::compile(
        vec![records(".", "$TTL 1h\n@ SOA a.ns b 1 2 3 4 5\n@ NS a.ns\na.ns A 192.0.2.1\n")],
        &[],
    );
    check(
        &zones,
        &[
            ("a.ns.", RecordType::A, r"answer 3600 A \xc0\x00\x02\x01"),
            ("ns.", RecordType::A, "nodata ."),
            ("com.", RecordType::A, "nxdomain ."),
            (".", RecordType::NS, r"answer 3600 NS \x01a\x02ns\x00"),
        ],
    );
}

#[test]
fn names_of_127_labels_are_nxdomain() {
    let hostile = format!("{}example.com.", "a.".repeat(120));
    assert_eq!(look(&compiled(), &hostile, RecordType::A), "nxdomain example.com.");
    assert_eq!(look(&compiled(), &"a.".repeat(127), RecordType::A), "outside");
}
