//! Country codes: those of ISO 3166-1, and those that are none (any more).

use crate::config::codes;
use crate::config::reader::Fault;
use crate::model::Continent;
use crate::model::Country;
use crate::model::Subdivision;

/// ISO 3166-1 alpha-2, and XK, which GeoIP vendors use for Kosovo.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE \
    EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM \
    HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC \
    LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA \
    NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO \
    TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// What people write for a country that ISO calls otherwise.
const OTHER_COUNTRIES: [(&str, &str); 2] = [("USA", "US"), ("EN", "GB")];

/// Codes that ISO withdrew or keeps for others, and those by which vendors of databases mean no
/// country: what they are, and what to write.
const WITHDRAWN: [(&str, &str, &str); 21] = [
    ("A1", "an anonymous proxy, in old databases", "an `asn` or `net`"),
    ("A2", "a satellite provider, in old databases", "an `asn` or `net`"),
    ("AN", "the Netherlands Antilles, withdrawn", "\"BQ\", \"CW\", \"SX\""),
    ("AP", "Asia and the Pacific, in old databases", "`continent = [\"AS\", \"OC\"]`"),
    ("BU", "Burma, withdrawn", "\"MM\""),
    ("CS", "Serbia and Montenegro, withdrawn", "\"RS\", \"ME\""),
    ("DD", "East Germany, withdrawn", "\"DE\""),
    ("EL", "the European Union's code of Greece", "\"GR\""),
    ("EU", "Europe or the European Union, no country", "`continent = [\"EU\"]`"),
    ("FX", "metropolitan France, withdrawn", "\"FR\""),
    ("NT", "a neutral zone, withdrawn", "\"SA\", \"IQ\""),
    ("O1", "somewhere else, in old databases", "an `asn` or `net`"),
    ("SU", "the Soviet Union, withdrawn", "\"RU\" and the countries beside it"),
    ("T1", "the Tor network, of one vendor", "an `asn` or `net`"),
    ("TP", "East Timor, withdrawn", "\"TL\""),
    ("UK", "kept for the United Kingdom", "\"GB\""),
    ("XX", "unknown", "a last rule without `match`"),
    ("YU", "Yugoslavia, withdrawn", "\"RS\", \"ME\""),
    ("ZR", "Zaire, withdrawn", "\"CD\""),
    ("ZZ", "unknown", "a last rule without `match`"),
    ("QQ", "unknown, in some databases", "a last rule without `match`"),
];

/// Reads a country code.
pub(super) fn country(text: &str) -> Result<Country, Fault> {
    let upper = text.to_ascii_uppercase();
    if let Some(country) = known_country(text) {
        return Ok(country);
    }
    let fault = Fault::new(codes::UNKNOWN_COUNTRY, "an ISO 3166-1 country code such as \"DE\"");
    let meant = OTHER_COUNTRIES.iter().find(|(other, _)| *other == upper);
    Err(match meant {
        Some((_, code)) => fault.help(format!("write \"{code}\"")),
        None if text.parse::<Continent>().is_ok() => {
            fault.help(format!("write `continent = [\"{upper}\"]`: that is a continent"))
        }
        None if text.parse::<Subdivision>().is_ok() => {
            fault.help(format!("write `subdivision = [\"{upper}\"]`"))
        }
        None => fault.help("write its two letters (ISO 3166-1 alpha-2)"),
    })
}

/// What a code is that stands for no country (any more), and what to write instead.
pub(super) fn withdrawn(text: &str) -> Option<(&'static str, &'static str)> {
    let found = WITHDRAWN.iter().find(|(code, _, _)| code.eq_ignore_ascii_case(text));
    found.map(|(_, what, instead)| (*what, *instead))
}

pub(super) fn known_country(text: &str) -> Option<Country> {
    let is_known = |code: &str| code.eq_ignore_ascii_case(text);
    COUNTRIES.split_ascii_whitespace().any(is_known).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_country_is_told_with_what_to_write() {
        let help = |text| country(text).unwrap_err().help.unwrap_or_default();
        assert_eq!(country("de").unwrap().as_str(), "DE");
        assert_eq!(help("USA"), "write \"US\"");
        assert!(help("US-CA").contains("subdivision"));
        for (code, _, _) in WITHDRAWN {
            assert!(country(code).is_err() && withdrawn(code).is_some(), "{code}");
        }
        assert_eq!(withdrawn("uk").unwrap().1, "\"GB\"");
        assert!(withdrawn("GB").is_none());
    }
}
