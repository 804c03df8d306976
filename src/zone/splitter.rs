//! Master files as entries of tokens (RFC 1035, 5.1).
//!
//! Knows lines, blanks, comments, parentheses, quotes and backslashes, and nothing of what
//! a token means. Backslashes stay in the token: what they stand for depends on its use.
//! Every token says where it stands. After a mistake the splitter goes on at the next line,
//! so that the next mistake is found too.

use std::ops::Range;

use crate::zone::flaw;
use crate::zone::flaw::Flaw;

/// A word or a quoted string.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Token<'a> {
    /// The text without its quotes, escapes untouched.
    pub(super) text: &'a str,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
    /// The first octet, the quote if there is one.
    pub(super) start: usize,
    /// One past the last octet.
    pub(super) end: usize,
}

impl Token<'_> {
    pub(super) const fn at(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// Reads one text from front to back.
#[derive(Debug)]
pub(super) struct Splitter<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Splitter<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        // Some editors put a byte order mark in front.
        Self { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } }
    }

    /// Fills `tokens` with the next entry and returns whether its line starts with a blank,
    /// which stands for the owner before it; `None` at the end of the text.
    ///
    /// # Errors
    ///
    /// [`flaw::SYNTAX`]; the next call goes on behind the mistake.
    pub(super) fn next_entry(&mut self, tokens: &mut Vec<Token<'a>>) -> Option<Result<bool, Flaw>> {
        tokens.clear();
        let mut blank = self.at_blank();
        let mut open: Vec<usize> = Vec::new();
        loop {
            match self.peek() {
                None => {
                    if let Some(&at) = open.last() {
                        let flaw = Flaw::new(flaw::SYNTAX, at..at + 1, "`(` without its `)`");
                        return Some(Err(flaw.help("put `)` at the end of the record")));
                    }
                    return if tokens.is_empty() { None } else { Some(Ok(blank)) };
                }
                Some(b'\n') => {
                    self.at += 1;
                    if open.is_empty() {
                        if !tokens.is_empty() {
                            return Some(Ok(blank));
                        }
                        blank = self.at_blank();
                    }
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b';') => self.skip_line(),
                Some(b'(') => {
                    open.push(self.at);
                    self.at += 1;
                }
                Some(b')') => {
                    let at = self.at;
                    self.at += 1;
                    if open.pop().is_none() {
                        self.skip_line();
                        let flaw = Flaw::new(flaw::SYNTAX, at..at + 1, "`)` without its `(`");
                        return Some(Err(flaw.help(r"remove it, or write `\)` for the character")));
                    }
                }
                Some(b'"') => match self.quoted() {
                    Ok(token) => tokens.push(token),
                    Err(flaw) => return Some(Err(flaw)),
                },
                Some(_) => tokens.push(self.word()),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn at_blank(&self) -> bool {
        matches!(self.peek(), Some(b' ' | b'\t'))
    }

    /// Goes to the line feed that ends this line.
    fn skip_line(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
    }

    /// A quoted string, whose first quote is at hand.
    fn quoted(&mut self) -> Result<Token<'a>, Flaw> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(self.token(start + 1..self.at - 1, true));
                }
                Some(b'\\') => self.skip_escape(),
                None | Some(b'\n') => {
                    let flaw = Flaw::new(flaw::SYNTAX, start..self.at, "a quote that never ends");
                    return Err(flaw.help("put `\"` at the end of the string, on the same line"));
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Goes past a backslash and what it escapes, never past the end of the line.
    fn skip_escape(&mut self) {
        self.at += 1;
        if !matches!(self.peek(), None | Some(b'\n')) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> Token<'a> {
        let start = self.at;
        while let Some(octet) = self.peek() {
            match octet {
                // A quote begins the next string, as for all readers of master files; the
                // parameters of a service binding put `alpn="h2,h3"` together themselves.
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' | b'"' => break,
                b'\\' => self.skip_escape(),
                _ => self.at += 1,
            }
        }
        self.token(start..self.at, false)
    }

    fn token(&self, text: Range<usize>, quoted: bool) -> Token<'a> {
        let mark = usize::from(quoted);
        let (start, end) = (text.start - mark, text.end + mark);
        let text = self.text.get(text).expect("tokens start and end at ASCII characters");
        Token { text, quoted, start, end }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Split<'a> = Result<(bool, Vec<&'a str>), (Range<usize>, String)>;

    fn split(text: &str) -> Vec<Split<'_>> {
        let mut splitter = Splitter::new(text);
        let mut tokens = Vec::new();
        let mut entries = Vec::new();
        while let Some(entry) = splitter.next_entry(&mut tokens) {
            entries.push(match entry {
                Ok(blank) => Ok((blank, tokens.iter().map(|t| t.text).collect())),
                Err(flaw) => Err((flaw.at, flaw.message)),
            });
        }
        entries
    }

    #[test]
    fn rfc1035_5_1_entries() {
        for (text, entries) in [
            ("", vec![]),
            ("\n \n; only words\n\t; more\n", vec![]),
            ("a b\n c\n", vec![(false, vec!["a", "b"]), (true, vec!["c"])]),
            ("a b\r\n\tc", vec![(false, vec!["a", "b"]), (true, vec!["c"])]),
            ("a (b ; c\n d) e", vec![(false, vec!["a", "b", "d", "e"])]),
            ("a ((b)\n (c\n))\nd", vec![(false, vec!["a", "b", "c"]), (false, vec!["d"])]),
            (r#"a "b ; (c" d"e f""#, vec![(false, vec!["a", "b ; (c", "d", "e f"])]),
            (r#"a "b\"c" d\;e\ f\"#, vec![(false, vec!["a", r#"b\"c"#, r"d\;e\ f\"])]),
            (r#"a alpn="h2, h3"b"#, vec![(false, vec!["a", "alpn=", "h2, h3", "b"])]),
            ("\u{feff}a b", vec![(false, vec!["a", "b"])]),
            (r#"a """#, vec![(false, vec!["a", ""])]),
        ] {
            let expected: Vec<_> = entries.into_iter().map(Ok).collect();
            assert_eq!(split(text), expected, "{text:?}");
        }
    }

    #[test]
    fn mistakes_are_where_they_stand_and_do_not_hide_the_next_line() {
        let entries = split("a b)\nc \"d\ne (f\n");
        assert_eq!(entries[0], Err((3..4, "`)` without its `(`".into())));
        assert_eq!(entries[1], Err((7..9, "a quote that never ends".into())));
        assert_eq!(entries[2], Err((12..13, "`(` without its `)`".into())));
    }

    proptest! {
        #[test]
        fn any_octets_are_split_without_panic_and_tokens_lie_in_order(
            octets in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(b'"'), Just(b'\\'), Just(b'('), Just(b')'),
                    Just(b'\n'), Just(b';'), Just(b' ')], 0..200)
        ) {
            let text = String::from_utf8_lossy(&octets);
            let mut splitter = Splitter::new(&text);
            let mut tokens = Vec::new();
            let mut last = 0;
            while let Some(entry) = splitter.next_entry(&mut tokens) {
                if entry.is_ok() {
                    for token in &tokens {
                        prop_assert!(token.start >= last && token.end >= token.start);
                        last = token.end;
                    }
                    prop_assert!(last <= text.len());
                }
            }
        }
    }
}
