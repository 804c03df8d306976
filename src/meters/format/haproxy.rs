//! The CSV of HAProxy's statistics page: a row per proxy, and per server of it.
//!
//! The first line names the columns, which are more with each version; so they go by name.

use std::borrow::Cow;

use crate::meters::fault::Flaw;
use crate::meters::fault::Reason;
use crate::meters::fault::listed;
use crate::meters::format::Found;
use crate::meters::format::found;
use crate::meters::format::parsed;
use crate::model::HaProxyField;

/// Names that are told where one was not found.
const TOLD: usize = 8;

/// The rows, of which one is wanted.
pub(super) struct Table<'f> {
    proxy: &'f str,
    server: &'f str,
    field: HaProxyField,
    /// Where the three columns are.
    columns: Option<[usize; 3]>,
    rows: usize,
    /// What the row has there.
    value: Option<String>,
    /// The first proxies, and the first rows of the one that is wanted.
    proxies: Vec<String>,
    servers: Vec<String>,
}

impl<'f> Table<'f> {
    pub(super) fn new(proxy: &'f str, server: &'f str, field: HaProxyField) -> Self {
        let (columns, value, proxies, servers) = (None, None, Vec::new(), Vec::new());
        Self { proxy, server, field, columns, rows: 0, value, proxies, servers }
    }

    pub(super) fn line(&mut self, at: usize, line: &[u8]) -> Result<(), Flaw> {
        let text = String::from_utf8_lossy(line);
        let Some(columns) = self.columns else {
            self.columns = Some(self.header(at, &text)?);
            return Ok(());
        };
        if text.is_empty() {
            return Ok(());
        }
        self.rows += 1;
        let [mut proxy, mut server, mut value] = [const { None }; 3];
        for (at, field) in fields(&text).enumerate() {
            match at {
                _ if at == columns[0] => proxy = Some(field),
                _ if at == columns[1] => server = Some(field),
                _ if at == columns[2] => value = Some(field),
                _ => {}
            }
        }
        let (Some(proxy), Some(server), Some(value)) = (proxy, server, value) else {
            return Err(Flaw::format("a row with all columns of the first line", line));
        };
        if proxy != self.proxy {
            remember(&mut self.proxies, &proxy);
            return Ok(());
        }
        remember(&mut self.servers, &server);
        if server == self.server {
            self.value = Some(value.into_owned());
        }
        Ok(())
    }

    pub(super) fn end(self) -> Result<Found, Flaw> {
        if self.columns.is_none() {
            return Err(Flaw::format(HEADER, b""));
        }
        let (proxy, server, field) = (self.proxy, self.server, self.field.as_str());
        let names = |names: &[String]| listed(names.iter().map(String::as_str));
        match self.value {
            Some(value) if value.is_empty() => {
                let found = format!("row {server} of proxy `{proxy}` has no value for `{field}`");
                Err(Flaw::new(Reason::Missing, found))
            }
            Some(value) => found(parsed(&value)?, self.field.is_counter()),
            None if self.servers.is_empty() => {
                let (rows, proxies) = (self.rows, names(&self.proxies));
                let found = format!("no proxy `{proxy}` in {rows} rows; the proxies are {proxies}");
                Err(Flaw::new(Reason::Missing, found))
            }
            None => {
                let rows = names(&self.servers);
                let found = format!("no row `{server}` of proxy `{proxy}`; its rows are {rows}");
                Err(Flaw::new(Reason::Missing, found))
            }
        }
    }

    fn header(&self, at: usize, text: &str) -> Result<[usize; 3], Flaw> {
        let names = text.strip_prefix("# ").filter(|names| at == 1 && names.starts_with("pxname"));
        let names = names.ok_or_else(|| Flaw::format(HEADER, text.as_bytes()))?;
        let column = |name: &str| {
            let missing = || Flaw::new(Reason::Missing, format!("there is no column `{name}`"));
            fields(names).position(|field| field == name).ok_or_else(missing)
        };
        Ok([column("pxname")?, column("svname")?, column(self.field.as_str())?])
    }
}

const HEADER: &str = "HAProxy's statistics as CSV, whose first line begins with `# pxname`";

fn remember(names: &mut Vec<String>, name: &str) {
    if names.len() < TOLD && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// The fields of a row; quotes are taken off (RFC 4180, 2).
fn fields(row: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(quoted) = text.strip_prefix('"') else {
            let (field, after) = text.split_once(',').map_or((text, None), |(a, b)| (a, Some(b)));
            rest = after;
            return Some(Cow::Borrowed(field));
        };
        let mut field = String::new();
        let mut parts = quoted.split('"');
        let mut taken = 0;
        // A quote that is followed by another stands for itself.
        while let Some(part) = parts.next() {
            field += part;
            taken += part.len() + 1;
            match quoted.get(taken..) {
                Some(after) if after.starts_with('"') => {
                    field.push('"');
                    taken += 1;
                    parts.next();
                }
                _ => break,
            }
        }
        let after = quoted.get(taken..).unwrap_or_default();
        rest = after.split_once(',').map(|(_, after)| after);
        Some(Cow::Owned(field))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::format::Scan;
    use crate::model::LoadFormat;

    /// As HAProxy writes it, but for most of its columns.
    const PAGE: &str = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,rate,type,req_tot,\n\
        stats,FRONTEND,,,1,2,524268,30,10,20,0,0,29,\n\
        www,FRONTEND,,,7,12,524268,1042,1020,20340,3,0,2051,\n\
        www,\"web,1\",0,0,3,9,,501,510,10170,1,2,1025,\n\
        www,web2,2,4,6,12,52427,1042,1020,20340,3,1,2051,\n";

    fn read(page: &str, proxy: &str, server: &str, field: HaProxyField) -> Result<Found, Flaw> {
        let format = LoadFormat::HaProxy { proxy: proxy.into(), server: server.into(), field };
        let mut scan = Scan::new(&format);
        scan.take(page.as_bytes())?;
        scan.end()
    }

    #[test]
    fn a_cell_is_found_by_names() {
        for (server, field, expected) in [
            ("FRONTEND", HaProxyField::Sessions, Found::Gauge(7.0)),
            ("web2", HaProxyField::Queued, Found::Gauge(2.0)),
            ("web,1", HaProxyField::SessionRate, Found::Gauge(1.0)),
            ("FRONTEND", HaProxyField::Requests, Found::Counters(vec![(0, 2051.0)])),
            ("web2", HaProxyField::BytesOut, Found::Counters(vec![(0, 20_340.0)])),
        ] {
            assert_eq!(read(PAGE, "www", server, field), Ok(expected), "{server} {field:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let scur = HaProxyField::Sessions;
        for (page, server, field, reason, found) in [
            (
                PAGE.replace("www,", "web,"),
                "FRONTEND",
                scur,
                Reason::Missing,
                "no proxy `www` in 4 rows; the proxies are `stats`, `web`",
            ),
            (
                PAGE.into(),
                "web3",
                scur,
                Reason::Missing,
                "no row `web3` of proxy `www`; its rows are `FRONTEND`, `web,1`, `web2`",
            ),
            (
                PAGE.into(),
                "FRONTEND",
                HaProxyField::Queued,
                Reason::Missing,
                "row FRONTEND of proxy `www` has no value for `qcur`",
            ),
            (
                PAGE.into(),
                "FRONTEND",
                HaProxyField::ConnectionRate,
                Reason::Missing,
                "there is no column `conn_rate`",
            ),
            (
                "<html>\n<body>".into(),
                "FRONTEND",
                scur,
                Reason::Format,
                "expected HAProxy's statistics as CSV, whose first line begins with `# pxname`, \
                 found \"<html>\"",
            ),
            (
                PAGE.replace(",7,12", ",many,12"),
                "FRONTEND",
                scur,
                Reason::Number,
                "expected a number, found \"many\"",
            ),
            (
                PAGE.replace(",7,12", ",-7,12"),
                "FRONTEND",
                scur,
                Reason::Number,
                "expected 0 to 1e12, found -7",
            ),
            (
                "# pxname,svname,scur\nwww,FRON".into(),
                "FRONTEND",
                scur,
                Reason::Format,
                "expected a row with all columns of the first line, found \"www,FRON\"",
            ),
        ] {
            let flaw = read(&page, "www", server, field).unwrap_err();
            assert_eq!((flaw.reason, &*flaw.found), (reason, found));
        }
        assert_eq!(read("", "www", "FRONTEND", scur).unwrap_err().reason, Reason::Format);
    }

    #[test]
    fn quotes_are_those_of_csv() {
        let all = |row| fields(row).map(Cow::into_owned).collect::<Vec<_>>();
        assert_eq!(all("a,,b,"), ["a", "", "b", ""]);
        assert_eq!(all("\"a,b\",\"c \"\"d\"\"\",e"), ["a,b", "c \"d\"", "e"]);
        assert_eq!(all("\"open, b"), ["open, b"]);
        assert_eq!(all("\"\",x"), ["", "x"]);
        assert_eq!(all(""), [""]);
    }
}
