//! `$GENERATE`: many records from one line, as BIND reads it.
//!
//! ```text
//!   $GENERATE 1-254/2 host-${0,3,d} 300 IN A 192.0.2.$
//!             range   owner                  data: one token, quoted if it has blanks, or several
//! ```

use crate::zone::flaw;
use crate::zone::flaw::Flaw;
use crate::zone::splitter::Token;

/// The numbers of a range.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl Range {
    /// Reads `start-stop` or `start-stop/step`.
    pub(super) fn read(token: &Token<'_>) -> Result<Self, Flaw> {
        let wrong = || {
            let message =
                format!("expected a range as `1-254` or `0-30/2`, found `{}`", token.text);
            Flaw::new(flaw::DIRECTIVE, token.at(), message)
                .help("write the first number, `-`, the last one, and `/` and a step if not 1")
        };
        let (range, step) = token.text.split_once('/').unwrap_or((token.text, "1"));
        let (start, stop) = range.split_once('-').ok_or_else(wrong)?;
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
            let number = text.parse::<u32>().ok().filter(|n| plain && i32::try_from(*n).is_ok());
            number.ok_or_else(wrong)
        };
        let (start, stop, step) = (number(start)?, number(stop)?, number(step)?);
        if start > stop || step == 0 {
            return Err(wrong());
        }
        Ok(Self { start, stop, step })
    }

    /// How many numbers there are.
    pub(super) const fn count(self) -> u32 {
        (self.stop - self.start) / self.step + 1
    }

    /// The numbers, first to last.
    pub(super) fn numbers(self) -> impl Iterator<Item = u32> {
        (self.start..=self.stop).step_by(usize::try_from(self.step).unwrap_or(usize::MAX))
    }
}

/// Puts a number into a text in place of each `$` and `${offset,width,base}`.
///
/// `$$` is a dollar sign; escapes stay as they are.
pub(super) fn expand(token: &Token<'_>, number: u32) -> Result<String, Flaw> {
    let mut text = String::with_capacity(token.text.len() + 8);
    let mut rest = token.text.chars();
    while let Some(letter) = rest.next() {
        match letter {
            '\\' => {
                text.push('\\');
                text.extend(rest.next());
            }
            '$' if rest.as_str().starts_with('$') => {
                text.push('$');
                rest.next();
            }
            '$' => match rest.as_str().strip_prefix('{') {
                Some(modifier) => {
                    let inside = modifier.split_once('}').and_then(|(inside, tail)| {
                        insert(&mut text, inside, number)?;
                        Some(tail)
                    });
                    rest = inside.ok_or_else(|| wrong_modifier(token))?.chars();
                }
                None => text.push_str(&number.to_string()),
            },
            _ => text.push(letter),
        }
    }
    Ok(text)
}

fn wrong_modifier(token: &Token<'_>) -> Flaw {
    let message = format!(
        "`{}`: expected `${{offset,width,base}}`, base being one of d, o, x, X, n and N, \
         and a number that is not negative",
        token.text
    );
    Flaw::new(flaw::DIRECTIVE, token.at(), message).help("write `$` for the number as it is")
}

/// Appends a number as `offset[,width[,base]]` says.
fn insert(text: &mut String, modifier: &str, number: u32) -> Option<()> {
    /// More than a name has room for.
    const WIDEST: usize = 127;
    let mut parts = modifier.split(',');
    let offset: i64 = parts.next()?.parse().ok()?;
    let width: usize = parts.next().map_or(Some(0), |width| width.parse().ok())?;
    let base = parts.next().unwrap_or("d");
    let value = i64::from(number).checked_add(offset)?;
    let value = u32::try_from(value).ok().filter(|_| width <= WIDEST && parts.next().is_none())?;
    text.push_str(&match base {
        "d" => format!("{value:0width$}"),
        "o" => format!("{value:0width$o}"),
        "x" => format!("{value:0width$x}"),
        "X" => format!("{value:0width$X}"),
        "n" => nibbles(value, width),
        "N" => nibbles(value, width).to_ascii_uppercase(),
        _ => return None,
    });
    Some(())
}

/// The hex digits from the lowest with dots between, as `ip6.arpa` has them; the width counts
/// the dots too.
fn nibbles(value: u32, width: usize) -> String {
    let (mut value, mut width) = (value, width);
    let mut text = String::new();
    loop {
        text.extend(char::from_digit(value & 0x0f, 16));
        value >>= 4;
        width = width.saturating_sub(1);
        if width > 0 || value != 0 {
            text.push('.');
            width = width.saturating_sub(1);
        }
        if width == 0 && value == 0 {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Token<'_> {
        Token { text, quoted: false, start: 0, end: text.len() }
    }

    #[test]
    fn ranges_have_a_first_a_last_and_a_step() {
        let numbers = |text| {
            Range::read(&token(text)).map(|range| {
                assert_eq!(usize::try_from(range.count()), Ok(range.numbers().count()), "{text}");
                range.numbers().collect::<Vec<_>>()
            })
        };
        assert_eq!(numbers("1-3"), Ok(vec![1, 2, 3]));
        assert_eq!(numbers("0-7/3"), Ok(vec![0, 3, 6]));
        assert_eq!(numbers("5-5"), Ok(vec![5]));
        for text in ["", "1", "3-1", "1-3/0", "-1-3", "1-2147483648", "1-+3", "1-3/", "a-b"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_written_as_bind_writes_them() {
        for (text, number, expected) in [
            ("host$", 7, "host7"),
            ("$.$", 7, "7.7"),
            ("$$a\\$b", 7, "$a\\$b"),
            ("${0}", 7, "7"),
            ("${10,5}", 7, "00017"),
            ("${-3,3,d}", 7, "004"),
            ("${0,4,x}-${0,0,X}", 254, "00fe-FE"),
            ("${0,3,o}", 8, "010"),
            ("${0,8,n}", 0x12, "2.1.0.0."),
            ("${0,7,n}", 0x12, "2.1.0.0"),
            ("${0,0,N}", 0xab, "B.A"),
            ("a${0}b${1}c", 1, "a1b2c"),
        ] {
            assert_eq!(expand(&token(text), number).as_deref(), Ok(expected), "{text}");
        }
        for text in ["${", "${}", "${a}", "${0,1,z}", "${0,1,d,1}", "${-8}", "${0,128}"] {
            assert!(expand(&token(text), 7).is_err(), "{text}");
        }
    }
}
