//! Samples as comma-separated values (RFC 4180): a header, then one a line, or as a matrix with
//! a column per region.

use serde_json::json;

/// The header that `export` writes, in the order of [`row`].
pub(super) const HEADER: &str = "client,region,rtt_ms,at\n";

/// One line; what would end a field is quoted.
pub(super) fn row(fields: [&str; 4]) -> String {
    let quoted = fields.map(|field| {
        if field.contains([',', '"', '\r', '\n']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field.to_owned()
        }
    });
    quoted.join(",") + "\n"
}

/// Where in a line the fields are.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Columns {
    /// One sample a line.
    Long { client: usize, region: usize, rtt_ms: usize, at: Option<usize> },
    /// The client first, then a sample for each of these regions, or nothing.
    Matrix(Vec<String>),
}

impl Columns {
    /// Reads a header. Columns that mean nothing here are passed over.
    ///
    /// # Errors
    ///
    /// Which one is missing.
    pub(super) fn read(header: &str) -> Result<Self, String> {
        // What spreadsheets put before everything else.
        let names = split(header.trim_start_matches('\u{feff}'))?;
        let names: Vec<&str> = names.iter().map(|name| name.trim()).collect();
        let find = |name: &str| names.iter().position(|found| *found == name);
        if let (Some(client), Some(region), Some(rtt_ms)) =
            (find("client"), find("region"), find("rtt_ms"))
        {
            return Ok(Self::Long { client, region, rtt_ms, at: find("at") });
        }
        match names.split_first() {
            // One of these alone is a column that was forgotten, and no region.
            Some((&("client" | ""), regions))
                if !regions.is_empty()
                    && regions.iter().all(|name| !matches!(*name, "" | "region" | "rtt_ms")) =>
            {
                Ok(Self::Matrix(regions.iter().map(|name| (*name).to_owned()).collect()))
            }
            _ => Err(format!(
                "expected a header such as `client,region,rtt_ms,at`, or `client` and the names of \
                 regions, found {:?}",
                header.trim()
            )),
        }
    }

    /// The samples of a line as the API takes them; what is wrong with one, if it can't be sent
    /// at all. The rest is for the node to judge.
    pub(super) fn json(&self, line: &str) -> Vec<Result<String, String>> {
        let fields = match split(line) {
            Ok(fields) => fields,
            Err(why) => return vec![Err(why)],
        };
        let field = |at: usize| fields.get(at).map(|field| field.trim()).unwrap_or_default();
        match self {
            Self::Long { client, region, rtt_ms, at } => {
                let at = at.map(field).filter(|at| !at.is_empty());
                vec![sample(field(*client), field(*region), "rtt_ms", field(*rtt_ms), at)]
            }
            Self::Matrix(regions) if fields.len() > regions.len() + 1 => {
                let (expected, found) = (regions.len() + 1, fields.len());
                vec![Err(format!("expected at most {expected} fields, found {found}"))]
            }
            Self::Matrix(regions) => {
                let cells = regions.iter().zip(fields.iter().skip(1).map(|cell| cell.trim()));
                let measured = cells.filter(|(_, cell)| !cell.is_empty());
                measured
                    .map(|(region, cell)| sample(field(0), region, region, cell, None))
                    .collect()
            }
        }
    }
}

/// One sample, whose round trip stands in a column of this name.
fn sample(
    client: &str,
    region: &str,
    column: &str,
    rtt: &str,
    at: Option<&str>,
) -> Result<String, String> {
    let ms = rtt.parse().ok().filter(|ms: &f64| ms.is_finite());
    let ms =
        ms.ok_or_else(|| format!("{column}: expected a number of milliseconds, found {rtt:?}"))?;
    let mut json = json!({ "client": client, "region": region, "rtt_ms": ms });
    if let (Some(at), Some(members)) = (at, json.as_object_mut()) {
        members.insert("at".to_owned(), at.into());
    }
    Ok(json.to_string())
}

/// The fields of a line. Quotes may be around a field, and a quote in it is two; a field that
/// goes over several lines is none.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut fields = vec![String::new()];
    let mut is_quoted = false;
    let mut rest = line.trim_end_matches(['\r', '\n']).chars().peekable();
    while let Some(c) = rest.next() {
        let Some(field) = fields.last_mut() else { break };
        match c {
            '"' if is_quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if is_quoted => is_quoted = false,
            '"' if field.trim().is_empty() => {
                field.clear();
                is_quoted = true;
            }
            ',' if !is_quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    if is_quoted { Err("a quote is not closed".to_owned()) } else { Ok(fields) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_the_columns_in_any_order() {
        let columns = |at| Ok(Columns::Long { client: 0, region: 1, rtt_ms: 2, at });
        assert_eq!(Columns::read(HEADER), columns(Some(3)));
        assert_eq!(Columns::read("\u{feff}client, region ,\"rtt_ms\"\r\n"), columns(None));
        let other = Columns::Long { client: 2, region: 3, rtt_ms: 0, at: None };
        assert_eq!(Columns::read("rtt_ms,note,client,region"), Ok(other));
        let matrix = Columns::Matrix(vec!["us".to_owned(), "eu".to_owned()]);
        assert_eq!(Columns::read("client, us,\"eu\"\n").as_ref(), Ok(&matrix));
        assert_eq!(Columns::read(",us,eu"), Ok(matrix));
        for header in ["", "client", "192.0.2.1,eu,20", "client,region", "client,region,rtt"] {
            assert!(Columns::read(header).unwrap_err().contains("client,region,rtt_ms,at"));
        }
    }

    #[test]
    fn a_line_becomes_what_the_api_takes() {
        let columns = Columns::read(HEADER).unwrap();
        for (line, expected) in [
            (
                "192.0.2.1,eu,20.5,2026-01-02T03:04:05Z\r\n",
                Ok(
                    r#"{"at":"2026-01-02T03:04:05Z","client":"192.0.2.1","region":"eu","rtt_ms":20.5}"#,
                ),
            ),
            (
                " 192.0.2.1 ,\"e\"\"u,\",2e1,",
                Ok(r#"{"client":"192.0.2.1","region":"e\"u,","rtt_ms":20.0}"#),
            ),
            ("192.0.2.1,eu,-3", Ok(r#"{"client":"192.0.2.1","region":"eu","rtt_ms":-3.0}"#)),
            ("192.0.2.1,eu", Err("found \"\"")),
            ("192.0.2.1,eu,NaN", Err("found \"NaN\"")),
            ("192.0.2.1,eu,fast", Err("found \"fast\"")),
            ("192.0.2.1,\"eu,3", Err("a quote is not closed")),
        ] {
            match (columns.json(line).remove(0), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{line:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_row_of_a_matrix_is_a_sample_for_each_region_that_was_measured() {
        let columns = Columns::read("client,us,eu,ap").unwrap();
        let sent = |line| -> Vec<String> {
            columns.json(line).into_iter().map(|json| json.unwrap_or_else(|why| why)).collect()
        };
        let row = [
            r#"{"client":"192.0.2.0/24","region":"us","rtt_ms":90.5}"#,
            r#"{"client":"192.0.2.0/24","region":"ap","rtt_ms":181.0}"#,
        ];
        assert_eq!(sent("192.0.2.0/24, 90.5,,181\r\n"), row);
        assert_eq!(sent("192.0.2.0/24,90.5"), row[..1]);
        assert_eq!(sent("192.0.2.0/24"), [""; 0]);
        let wrong = sent("192.0.2.0/24,,fast,181");
        assert_eq!(wrong[0], "eu: expected a number of milliseconds, found \"fast\"");
        assert_eq!(wrong.len(), 2);
        assert_eq!(sent("192.0.2.0/24,1,2,3,4"), ["expected at most 4 fields, found 5"]);
        assert_eq!(sent("\"192.0.2.0/24"), ["a quote is not closed"]);
    }

    #[test]
    fn what_is_written_is_read() {
        let fields = ["192.0.2.0/24", "a \"b\", c", "3.5", "x"];
        assert_eq!(split(&row(fields)).unwrap(), fields);
    }
}
