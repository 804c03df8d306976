//! A population from a file: `country,weight`, a line each.

use std::collections::HashMap;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::cli::output::plain;
use crate::geo::Countries;
use crate::model::Country;
use crate::model::limits;

/// Wrong lines that are named; the rest is counted.
const NAMED: usize = 20;

/// Characters of a wrong line that are shown.
const SHOWN: usize = 40;

/// Reads it. Lines that are empty or begin with `#` say nothing, nor does the header.
///
/// # Errors
///
/// Every line that is wrong, with what was expected there.
pub(super) fn read(path: &Path) -> Result<HashMap<Country, f64>, String> {
    let shown = path.display();
    let broken = |error| format!("failed to read `{shown}`: {error}");
    let mut octets = Vec::new();
    // One more than there may be tells a file that is too long.
    let most = limits::POPULATION_FILE as u64 + 1;
    File::open(path).and_then(|f| f.take(most).read_to_end(&mut octets)).map_err(broken)?;
    if octets.len() > limits::POPULATION_FILE {
        return Err(format!("`{shown}` has more than {} octets", limits::POPULATION_FILE));
    }
    let text = String::from_utf8(octets).map_err(|_| format!("`{shown}` is not UTF-8"))?;
    parse(&text, &plain(&shown.to_string()))
}

fn parse(text: &str, shown: &str) -> Result<HashMap<Country, f64>, String> {
    let mut found = HashMap::new();
    let mut lines = HashMap::new();
    let mut wrong = Vec::new();
    let mut unknown = false;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') || number == 1 && line == "country,weight" {
            continue;
        }
        match entry(line) {
            Ok((country, weight)) => match lines.insert(country, number) {
                None => drop(found.insert(country, weight)),
                Some(before) => {
                    wrong.push((number, format!("`{country}` is in line {before} too")))
                }
            },
            Err(Wrong { why, is_unknown }) => {
                unknown |= is_unknown;
                wrong.push((number, why));
            }
        }
    }
    if wrong.is_empty() && found.values().any(|weight| *weight > 0.0) {
        return Ok(found);
    }
    if wrong.is_empty() {
        return Err(format!("{shown}: no country has a weight above 0"));
    }
    let mut told = format!("the population has {} wrong lines", wrong.len());
    for (number, why) in wrong.iter().take(NAMED) {
        // Writing to a string can't fail.
        let _ok = write!(told, "\n  {shown}:{number}: {why}");
    }
    if wrong.len() > NAMED {
        let _ok = write!(told, "\n  and {} more", wrong.len() - NAMED);
    }
    if unknown {
        let mut known: Vec<String> = Countries::builtin().iter().map(|c| c.to_string()).collect();
        known.sort_unstable();
        let _ok = write!(told, "\n  countries there are: {}", known.join(" "));
    }
    Err(told)
}

/// What is wrong with a line.
struct Wrong {
    why: String,
    /// It names a country that there is not.
    is_unknown: bool,
}

fn entry(line: &str) -> Result<(Country, f64), Wrong> {
    let wrong = |why: String| Wrong { why, is_unknown: false };
    let found = plain(&line.chars().take(SHOWN).collect::<String>());
    let Some((country, weight)) = line.split_once(',') else {
        return Err(wrong(format!("expected `country,weight`, found `{found}`")));
    };
    let (country, weight) = (country.trim(), weight.trim());
    let is_known = |country: &Country| Countries::builtin().contains(*country);
    let Some(country) = country.parse().ok().filter(is_known) else {
        let country = plain(&country.chars().take(SHOWN).collect::<String>());
        let why = format!("expected a country by its two letters (ISO 3166-1), found `{country}`");
        return Err(Wrong { why, is_unknown: true });
    };
    let weight = weight.parse().ok().filter(|weight: &f64| (0.0..=limits::LOAD).contains(weight));
    let most = limits::LOAD;
    let weight = weight
        .ok_or_else(|| wrong(format!("expected a weight from 0 to {most:e}, found `{found}`")))?;
    Ok((country, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country(code: &str) -> Country {
        code.parse().unwrap()
    }

    #[test]
    fn what_is_said_is_read() {
        let text = "country,weight\n# Europe\nDE, 3\r\nfr,1.5\n\nIS,0\n";
        let found = parse(text, "p.csv").unwrap();
        let expected = [("DE", 3.0), ("FR", 1.5), ("IS", 0.0)];
        assert_eq!(found, expected.map(|(code, weight)| (country(code), weight)).into());
    }

    #[test]
    fn every_wrong_line_is_told_with_what_was_expected() {
        let text = "DE,1\nQQ,1\nFR;1\nIT,-1\nES,NaN\nPT,many\nDE,2\nAT,1,2\ncountry,weight\n";
        let told = parse(text, "p.csv").unwrap_err();
        let (lines, known) = told.split_once("\n  countries there are: ").unwrap();
        assert!(known.starts_with("AD AE AF") && known.ends_with("ZW"));
        assert_eq!(
            lines,
            "the population has 8 wrong lines\n  \
             p.csv:2: expected a country by its two letters (ISO 3166-1), found `QQ`\n  \
             p.csv:3: expected `country,weight`, found `FR;1`\n  \
             p.csv:4: expected a weight from 0 to 1e12, found `IT,-1`\n  \
             p.csv:5: expected a weight from 0 to 1e12, found `ES,NaN`\n  \
             p.csv:6: expected a weight from 0 to 1e12, found `PT,many`\n  \
             p.csv:7: `DE` is in line 1 too\n  \
             p.csv:8: expected a weight from 0 to 1e12, found `AT,1,2`\n  \
             p.csv:9: expected a country by its two letters (ISO 3166-1), found `country`"
        );
        let many = "x\n".repeat(25);
        assert!(parse(&many, "p").unwrap_err().ends_with("  and 5 more"));
        assert_eq!(parse("DE,0\n", "p").unwrap_err(), "p: no country has a weight above 0");
    }
}
