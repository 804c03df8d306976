//! Samples as comma-separated values (RFC 4180): a header, then one a line.

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
pub(super) struct Columns {
    client: usize,
    region: usize,
    rtt_ms: usize,
    at: Option<usize>,
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
        let find = |name: &str| names.iter().position(|found| found.trim() == name);
        let needed = |name: &str| {
            let line = header.trim();
            find(name).ok_or_else(|| {
                format!("expected a header such as `client,region,rtt_ms,at`, found {line:?}")
            })
        };
        Ok(Self {
            client: needed("client")?,
            region: needed("region")?,
            rtt_ms: needed("rtt_ms")?,
            at: find("at"),
        })
    }

    /// A line as the API takes it.
    ///
    /// # Errors
    ///
    /// What is wrong with it, if it can't be sent at all; the rest is for the node to judge.
    pub(super) fn json(&self, line: &str) -> Result<String, String> {
        let fields = split(line)?;
        let field = |at: usize| fields.get(at).map(|field| field.trim()).unwrap_or_default();
        let (client, region, rtt) = (field(self.client), field(self.region), field(self.rtt_ms));
        let rtt_ms: f64 =
            rtt.parse().ok().filter(|ms: &f64| ms.is_finite()).ok_or_else(|| {
                format!("rtt_ms: expected a number of milliseconds, found {rtt:?}")
            })?;
        let mut json = json!({ "client": client, "region": region, "rtt_ms": rtt_ms });
        let at = self.at.map(field).filter(|at| !at.is_empty());
        if let (Some(at), Some(members)) = (at, json.as_object_mut()) {
            members.insert("at".to_owned(), at.into());
        }
        Ok(json.to_string())
    }
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
        let columns = |at| Ok(Columns { client: 0, region: 1, rtt_ms: 2, at });
        assert_eq!(Columns::read(HEADER), columns(Some(3)));
        assert_eq!(Columns::read("\u{feff}client, region ,\"rtt_ms\"\r\n"), columns(None));
        let other = Columns { client: 2, region: 3, rtt_ms: 0, at: None };
        assert_eq!(Columns::read("rtt_ms,note,client,region"), Ok(other));
        for header in ["", "192.0.2.1,eu,20", "client,region", "client,region,rtt"] {
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
            match (columns.json(line), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, _) => panic!("{line:?}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let fields = ["192.0.2.0/24", "a \"b\", c", "3.5", "x"];
        assert_eq!(split(&row(fields)).unwrap(), fields);
    }
}
