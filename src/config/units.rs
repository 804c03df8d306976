//! Durations and distances as the operator writes them: `"10s"`, `"50km"`.

use std::time::Duration;

use crate::config::codes;
use crate::config::reader::Fault;
use crate::config::suggest;
use crate::model::Ttl;

/// Units of time, with the spellings that are taken for them in suggestions only.
const TIME: [(&str, u64, &[&str]); 5] = [
    ("ms", 1, &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
    ("s", 1000, &["", "sec", "secs", "second", "seconds"]),
    ("m", 60_000, &["min", "mins", "minute", "minutes"]),
    ("h", 3_600_000, &["hr", "hrs", "hour", "hours"]),
    ("d", 86_400_000, &["day", "days"]),
];

/// Units of length in kilometres.
const LENGTH: [(&str, f64, &[&str]); 3] = [
    ("km", 1.0, &["", "kms", "kilometer", "kilometers", "kilometre", "kilometres"]),
    ("m", 0.001, &["meter", "meters", "metre", "metres"]),
    ("mi", 1.609_344, &["mile", "miles"]),
];

/// Half the circumference of the Earth: no two places are farther apart.
const MOST_KM: f64 = 20_038.0;

/// Reads a whole number and a unit: `"500ms"`, `"10s"`, `"2m"`, `"1h"`, `"1d"`.
pub(super) fn duration(text: &str) -> Result<Duration, Fault> {
    let (number, unit) = split(text);
    let known = TIME.iter().find(|(name, _, _)| *name == unit);
    let millis = number.parse::<u64>().ok().zip(known);
    match millis.and_then(|(number, (_, millis, _))| number.checked_mul(*millis)) {
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => {
            let fault = Fault::new(codes::DURATION, "a duration such as \"30s\"");
            let units = TIME.iter().map(|(name, _, other)| (*name, *other));
            Err(fault.help(advice(number, unit, units, number.parse::<u64>().is_ok())))
        }
    }
}

/// Reads a duration between two others, both included.
pub(super) fn within(text: &str, [least, most]: [Duration; 2]) -> Result<Duration, Fault> {
    let found = duration(text)?;
    if (least..=most).contains(&found) {
        return Ok(found);
    }
    let expected = format!("\"{}\" to \"{}\"", show(least), show(most));
    let nearest = show(if found < least { least } else { most });
    Err(Fault::new(codes::OUT_OF_RANGE, expected).help(format!("write \"{nearest}\"")))
}

/// Reads a TTL: a duration of whole seconds, at most 2³¹−1 (RFC 2181, 8).
pub(super) fn ttl(text: &str) -> Result<Ttl, Fault> {
    let duration = duration(text)?;
    if duration.subsec_nanos() != 0 {
        let fault = Fault::new(codes::TTL_NOT_WHOLE, "a TTL of whole seconds");
        return Err(fault.help(format!("write \"{}s\"", duration.as_secs() + 1)));
    }
    u32::try_from(duration.as_secs()).ok().and_then(Ttl::from_secs).ok_or_else(|| {
        let most = Ttl::MAX.secs();
        Fault::new(codes::OUT_OF_RANGE, format!("at most {most} seconds (RFC 2181, 8)"))
            .help("write \"1d\": resolvers keep little for longer")
    })
}

/// Reads a number and a unit of length, in kilometres: `"50km"`, `"30mi"`, `"500m"`.
pub(super) fn distance_km(text: &str) -> Result<f64, Fault> {
    let (number, unit) = split(text);
    let known = LENGTH.iter().find(|(name, _, _)| *name == unit);
    let number_value = number.parse::<f64>().ok().filter(|n| n.is_finite());
    match number_value.zip(known).map(|(number, (_, km, _))| number * km) {
        Some(km) if km <= MOST_KM => Ok(km),
        Some(_) => {
            let expected = format!("at most {MOST_KM}km, half way around the Earth");
            Err(Fault::new(codes::OUT_OF_RANGE, expected)
                .help("write \"50km\", or `rank = [\"equal\"]` to share among all regions"))
        }
        None => {
            let fault = Fault::new(codes::DISTANCE, "a distance such as \"50km\"");
            let units = LENGTH.iter().map(|(name, _, other)| (*name, *other));
            Err(fault.help(advice(number, unit, units, number_value.is_some())))
        }
    }
}

/// Writes a duration the way it is read.
pub(super) fn show(duration: Duration) -> String {
    let millis = duration.as_millis();
    let fits = |unit: &&(&str, u64, &[&str])| millis.is_multiple_of(u128::from(unit.1));
    TIME.iter().rev().find(fits).map_or_else(
        || format!("{millis}ms"),
        |(name, unit, _)| format!("{}{name}", millis / u128::from(*unit)),
    )
}

/// Splits before the first character that is no part of a number.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

fn advice<'a>(
    number: &str,
    unit: &str,
    units: impl Iterator<Item = (&'a str, &'a [&'a str])> + Clone,
    number_is_fine: bool,
) -> String {
    let wanted = unit.trim().to_ascii_lowercase();
    let meant = units.clone().find(|(name, other)| *name == wanted || other.contains(&&*wanted));
    match meant {
        Some((name, _)) if number_is_fine => format!("write \"{number}{name}\""),
        _ => {
            let names: Vec<&str> = units.map(|(name, _)| name).collect();
            format!("write a number and one of the units {}", suggest::choice(names))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        for (text, millis) in
            [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("0s", 0)]
        {
            assert_eq!(duration(text).unwrap(), Duration::from_millis(millis));
            assert_eq!(duration(&show(Duration::from_millis(millis))).unwrap().as_millis(), {
                u128::from(millis)
            });
        }
    }

    #[test]
    fn slips_in_units_are_corrected() {
        for (text, help) in [
            ("30", "write \"30s\""),
            ("30 s", "write \"30s\""),
            ("5 min", "write \"5m\""),
            ("2H", "write \"2h\""),
        ] {
            assert_eq!(duration(text).unwrap_err().help.unwrap(), help);
        }
        for text in
            ["", "s", "-5s", "1.5s", "1h30m", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(duration(text).unwrap_err().code, codes::DURATION, "{text}");
        }
    }

    #[test]
    fn ttls_are_whole_seconds_within_the_protocol() {
        assert_eq!(ttl("1m").unwrap().secs(), 60);
        assert_eq!(ttl("1500ms").unwrap_err().code, codes::TTL_NOT_WHOLE);
        assert_eq!(ttl("2147483647s").unwrap(), Ttl::MAX);
        assert_eq!(ttl("2147483648s").unwrap_err().code, codes::OUT_OF_RANGE);
    }

    #[test]
    fn distances_are_kilometres_inside() {
        for (text, km) in [("50km", 50.0), ("500m", 0.5), ("10mi", 16.093_44), ("1.5km", 1.5)] {
            assert!((distance_km(text).unwrap() - km).abs() < 1e-9);
        }
        assert_eq!(distance_km("50 miles").unwrap_err().help.unwrap(), "write \"50mi\"");
        assert_eq!(distance_km("50000km").unwrap_err().code, codes::OUT_OF_RANGE);
        assert_eq!(distance_km("-1km").unwrap_err().code, codes::DISTANCE);
    }
}
