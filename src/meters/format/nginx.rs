//! The page of NGINX's module `stub_status`.
//!
//! ```text
//!   Active connections: 291
//!   server accepts handled requests
//!    16630948 16630948 31070465
//!   Reading: 6 Writing: 179 Waiting: 106
//! ```
//!
//! Variants of NGINX have further counters beside `requests`, so that goes by its name.

use crate::meters::fault::Flaw;
use crate::meters::format::parsed;
use crate::model::NginxField;

/// Reads one number of the page.
pub(super) fn read(octets: &[u8], field: NginxField) -> Result<f64, Flaw> {
    let page = String::from_utf8_lossy(octets);
    let number = match field {
        NginxField::Active => after(&page, "connections:"),
        NginxField::Requests => counter(&page, "requests"),
        NginxField::Writing => after(&page, "Writing:"),
    };
    let is_page = page.trim_start().starts_with("Active connections:");
    let number = number.filter(|_| is_page);
    let flaw = || Flaw::format("the page of `stub_status`", octets);
    parsed(number.ok_or_else(flaw)?)
}

/// The word after another one.
fn after<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    page.split_whitespace().skip_while(|word| *word != name).nth(1)
}

/// The counter of a name: the names stand in a line, the numbers in the next.
fn counter<'p>(page: &'p str, name: &str) -> Option<&'p str> {
    let mut lines = page.lines().skip_while(|line| !line.trim().starts_with("server "));
    let mut names = lines.next()?.split_whitespace().skip(1);
    let at = names.position(|word| word == name)?;
    lines.next()?.split_whitespace().nth(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meters::fault::Reason;

    const PAGE: &str = "Active connections: 291 \nserver accepts handled requests\n 16630948 \
                        16630948 31070465 \nReading: 6 Writing: 179 Waiting: 106 \n";

    #[test]
    fn numbers_go_by_their_names() {
        let page = PAGE.replace("requests\n", "requests request_time\n").replace("465 ", "465 88 ");
        for page in [PAGE, &page, &PAGE.replace('\n', "\r\n")] {
            for (field, expected) in [
                (NginxField::Active, 291.0),
                (NginxField::Writing, 179.0),
                (NginxField::Requests, 31_070_465.0),
            ] {
                let found = read(page.as_bytes(), field).unwrap();
                assert!((found - expected).abs() < f64::EPSILON, "{field:?}");
            }
        }
    }

    #[test]
    fn another_page_is_told() {
        let shown = "expected the page of `stub_status`, found \"<html>\\n\"";
        for (page, reason, found) in [
            ("<html>\n", Reason::Format, shown),
            ("", Reason::Format, "expected the page of `stub_status`, found \"\""),
            ("Active connections:", Reason::Format, ""),
            ("Active connections: x", Reason::Number, "expected a number, found \"x\""),
        ] {
            let flaw = read(page.as_bytes(), NginxField::Active).unwrap_err();
            assert_eq!(flaw.reason, reason, "{page}");
            assert!(flaw.found.starts_with(found), "{}", flaw.found);
        }
        let cut = PAGE.split_once("16630948").unwrap().0;
        let flaw = read(cut.as_bytes(), NginxField::Requests).unwrap_err();
        assert_eq!(flaw.reason, Reason::Format);
    }
}
