//! Records of vendors, and what they say.

use crate::geo::Database;
use crate::geo::mmdb_writer::MmdbWriter;
use crate::geo::mmdb_writer::Value;
use crate::geo::record::is_code;
use crate::model::Holder;
use crate::model::HolderName;

/// The place that a record gives, as text: `continent country subdivision lat,lon ASn`.
fn read(record: Value) -> String {
    let file = MmdbWriter::new(28, 4).insert("192.0.2.0/24", record).write();
    let database = Database::from_bytes(file, "test").unwrap();
    let (place, _) = database.lookup("192.0.2.1".parse().unwrap()).unwrap();
    let place = place.unwrap();
    let parts = [
        place.continent.map(|c| c.to_string()),
        place.country.map(|c| c.to_string()),
        place.subdivision.map(|s| s.to_string()),
        place.coordinates.map(|at| format!("{},{}", at.lat(), at.lon())),
        place.asn.map(|asn| format!("AS{}", asn.0)),
    ];
    parts.map(|part| part.unwrap_or_else(|| "?".to_owned())).join(" ")
}

fn flat<const N: usize>(pairs: [(&str, &str); N]) -> Value {
    Value::map(pairs.map(|(key, value)| (key, Value::text(value))))
}

fn check<const N: usize>(cases: [(Value, &str); N]) {
    for (record, expected) in cases {
        assert_eq!(read(record.clone()), expected, "{record:?}");
    }
}

/// Where a network is registered says little of where it is used.
#[test]
fn the_registered_country_stands_in_where_nothing_contradicts_it() {
    let record = |continent: &str, at: Option<(f64, f64)>| {
        let us = Value::map([("iso_code", Value::text("US"))]);
        let mut pairs = vec![("registered_country", us)];
        if !continent.is_empty() {
            pairs.push(("continent", Value::map([("code", Value::text(continent))])));
        }
        if let Some((lat, lon)) = at {
            let location = [("latitude", Value::Double(lat)), ("longitude", Value::Double(lon))];
            pairs.push(("location", Value::map(location)));
        }
        Value::map(pairs)
    };
    check([
        (record("", None), "? US ? ? ?"),
        (record("NA", None), "NA US ? ? ?"),
        (record("EU", None), "EU ? ? ? ?"),
        (record("", Some((37.751, -97.822))), "? US ? 37.751,-97.822 ?"),
        (record("NA", Some((40.7, -74.0))), "NA US ? 40.7,-74 ?"),
        (record("", Some((48.85, 2.35))), "? ? ? 48.85,2.35 ?"),
        (record("NA", Some((48.85, 2.35))), "NA ? ? 48.85,2.35 ?"),
        (record("", Some((19.43, -99.13))), "? ? ? 19.43,-99.13 ?"),
    ]);
}

#[test]
fn holders_as_databases_of_isps_organizations_and_domains_write_them() {
    let read = |record: Value| {
        let file = MmdbWriter::new(28, 4).insert("192.0.2.0/24", record).write();
        let database = Database::from_bytes(file, "test").unwrap();
        let address = "192.0.2.1".parse().unwrap();
        let texts = database.holder(address).unwrap();
        let holder = database.lookup(address).unwrap().0.unwrap().holder;
        let [isp, organization, domain] = [&texts.isp, &texts.organization, &texts.domain]
            .map(|text| text.as_deref().map(HolderName::of));
        assert_eq!(holder, Holder { isp, organization, domain });
        let parts = [texts.isp, texts.organization, texts.domain];
        parts.map(|part| part.unwrap_or_else(|| "?".to_owned())).join(" / ")
    };
    let isp = [
        ("autonomous_system_organization", "AS Holder"),
        ("isp", "Some ISP"),
        ("organization", "Some Org"),
    ];
    assert_eq!(read(flat(isp)), "Some ISP / Some Org / ?");
    assert_eq!(read(flat([("autonomous_system_organization", "AS Holder")])), "? / AS Holder / ?");
    assert_eq!(read(flat([("domain", "example.net")])), "? / ? / example.net");
    assert_eq!(
        read(flat([("as_name", "Flat"), ("as_domain", "f.example")])),
        "? / Flat / f.example"
    );
    assert_eq!(read(Value::map([("traits", flat(isp))])), "Some ISP / Some Org / ?");
    assert_eq!(read(flat([("isp", "-"), ("organization", " ")])), "? / ? / ?");
    assert_eq!(HolderName::of(" some ISP"), HolderName::of("Some isp "));
    assert_ne!(HolderName::of("Some ISP"), HolderName::of("Some ISP 2"));
}

#[test]
fn nested_records_as_maxmind_writes_them() {
    let location = |lat, lon| {
        Value::map([("accuracy_radius", Value::Uint16(100)), ("latitude", lat), ("longitude", lon)])
    };
    let country = |code| {
        Value::map([
            ("geoname_id", Value::Uint32(6)),
            ("iso_code", Value::text(code)),
            ("names", Value::map([("de", Value::text("x")), ("en", Value::text("y"))])),
        ])
    };
    check([
        (
            Value::map([
                ("city", Value::map([("names", Value::map([("en", Value::text("Berlin"))]))])),
                ("continent", Value::map([("code", Value::text("EU"))]).shared()),
                ("country", country("DE").shared()),
                ("location", location(Value::Double(52.52), Value::Double(13.4))),
                ("registered_country", country("FR")),
                ("subdivisions", Value::Array(vec![country("BE"), country("XX")])),
                ("traits", Value::map([("autonomous_system_number", Value::Uint32(3320))])),
            ]),
            "EU DE DE-BE 52.52,13.4 AS3320",
        ),
        (Value::map([("registered_country", country("FR"))]), "? FR ? ? ?"),
        (
            Value::map([
                ("country", country("DE")),
                ("location", location(Value::Float(52.37), Value::Float(-4.8945))),
            ]),
            "? DE ? 52.37,-4.8945 ?",
        ),
        (Value::map([("location", location(Value::Double(0.0), Value::Double(0.0)))]), "? ? ? ? ?"),
        (
            Value::map([("location", location(Value::Double(91.0), Value::Double(0.0)))]),
            "? ? ? ? ?",
        ),
        (
            Value::map([("location", location(Value::Double(1.0), Value::Double(f64::NAN)))]),
            "? ? ? ? ?",
        ),
        (Value::map([("autonomous_system_number", Value::Uint32(0))]), "? ? ? ? ?"),
        (Value::map([("autonomous_system_number", Value::Uint64(64496))]), "? ? ? ? AS64496"),
    ]);
}

#[test]
fn flat_records_as_db_ip_ipinfo_and_ip2location_write_them() {
    check([
        (flat([("country_code", "US")]), "? US ? ? ?"),
        (flat([("country_code", "us"), ("state1", "California")]), "? US ? ? ?"),
        (flat([("country_code", "US"), ("state1", "CA")]), "? US US-CA ? ?"),
        (flat([("region", "US-CA"), ("country", "US")]), "? US US-CA ? ?"),
        (flat([("region", "CA-ON"), ("country", "US")]), "? US ? ? ?"),
        (
            flat([
                ("asn", "AS15169"),
                ("continent", "North America"),
                ("country", "United States"),
                ("country_code", "US"),
                ("lat", "37.4056"),
                ("lng", "-122.0775"),
            ]),
            "NA US ? 37.4056,-122.0775 AS15169",
        ),
        (flat([("country", "DE"), ("loc", "52.5, 13.4")]), "? DE ? 52.5,13.4 ?"),
        (flat([("as_number", "64496"), ("continent_code", "oc")]), "OC ? ? ? AS64496"),
        (
            Value::map([
                ("country_code", Value::text("FR")),
                ("latitude", Value::Float(48.85)),
                ("longitude", Value::Float(2.35)),
            ]),
            "? FR ? 48.85,2.35 ?",
        ),
        (flat([("latitude", "0"), ("longitude", "0"), ("country_code", "-")]), "? ? ? ? ?"),
        (flat([("latitude", "0"), ("longitude", "0"), ("country_code", "GH")]), "? GH ? 0,0 ?"),
        (Value::map([("as", Value::map([("asn", Value::text("AS1"))]))]), "? ? ? ? AS1"),
    ]);
}

#[test]
fn what_says_nothing_or_has_another_type_is_ignored() {
    let odd = [
        Value::Array(vec![]),
        Value::Bool(true),
        Value::Bytes(vec![1; 300]),
        Value::Double(-1.5),
        Value::Int32(-3),
        Value::Map(vec![]),
        Value::text(""),
        Value::text("-"),
        Value::text("ZZ"),
        Value::text(&"x".repeat(70_000)),
        Value::Uint128(u128::MAX),
        Value::Array(vec![Value::Array(vec![Value::Bool(false)])]),
    ];
    for value in odd {
        let keys = [
            "asn",
            "continent",
            "country",
            "country_code",
            "location",
            "subdivisions",
            "traits",
            "latitude",
            "registered_country",
        ];
        let record = Value::map(keys.map(|key| (key, value.clone())));
        assert_eq!(read(record), "? ? ? ? ?", "{value:?}");
    }
    assert_eq!(read(Value::text("US")), "? ? ? ? ?");
}

#[test]
fn pointers_of_every_width_are_followed() {
    for padding in [0, 3000, 600_000, 135_000_000] {
        let country = Value::map([("iso_code", Value::text("NZ").shared())]).shared();
        let record = Value::map([("country", country.clone()), ("registered_country", country)]);
        let file = MmdbWriter::new(32, 4).padding(padding).insert("192.0.2.0/24", record).write();
        let database = Database::from_bytes(file, "test").unwrap();
        let (place, _) = database.lookup("192.0.2.1".parse().unwrap()).unwrap();
        assert_eq!(place.unwrap().country, "NZ".parse().ok(), "{padding}");
    }
}

#[test]
fn a_record_of_more_values_than_any_real_one_is_damaged() {
    let record = |n| Value::map([("names", Value::Array(vec![Value::Bool(true); n]))]);
    assert_eq!(read(record(10_000)), "? ? ? ? ?");
    let file = MmdbWriter::new(28, 4).insert("192.0.2.0/24", record(20_000)).write();
    let database = Database::from_bytes(file, "test").unwrap();
    let error = database.lookup("192.0.2.1".parse().unwrap()).unwrap_err();
    assert!(error.to_string().contains("more than 16384 values"), "{error}");
}

#[test]
fn a_code_of_a_subdivision_is_told_from_its_name() {
    for (text, expected) in [
        ("CA", true),
        ("US-CA", true),
        ("13", true),
        ("Ain", false),
        ("Goa", false),
        ("BAVARIA", false),
    ] {
        assert_eq!(is_code(text), expected, "{text}");
    }
    let record = Value::map([
        ("country_code", Value::text("FR")),
        ("region", Value::text("Ain")),
        ("region_code", Value::text("ARA")),
    ]);
    let found = read(record);
    assert!(found.contains("FR-ARA"), "{found}");
}
