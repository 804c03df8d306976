//! Domain names in wire form.

use std::fmt;
use std::str::FromStr;

use crate::model::limits;

/// An absolute domain name: uncompressed wire form, lower case, root label included.
///
/// Two names are equal when they are equal without regard to case (RFC 4343);
/// the case that a client sent is kept by copying its question, not by this type.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(Box<[u8]>);

/// Why text or octets are not a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// Two dots in a row, or a leading one.
    #[error("an empty label (two dots in a row, or a dot at the start)")]
    EmptyLabel,
    /// A backslash that is not followed by a character or three digits up to 255.
    #[error("a backslash must be followed by a character or by three digits up to 255")]
    Escape,
    /// A label over 63 octets (RFC 1035, 2.3.4).
    #[error("a label of more than 63 octets")]
    LabelTooLong,
    /// Over 255 octets in all (RFC 1035, 2.3.4).
    #[error("a name of more than 255 octets")]
    TooLong,
    /// Wire form that ends early, goes on after the root label, or is compressed.
    #[error("octets that are not one uncompressed name")]
    Wire,
}

impl Name {
    /// The root of the tree.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads text: absolute with a trailing dot, else relative to `origin`; `@` is the origin.
    ///
    /// # Errors
    ///
    /// [`NameError`] says which rule of RFC 1035, 2.3.4 and 5.1 the text breaks.
    pub fn parse(text: &str, origin: Option<&Self>) -> Result<Self, NameError> {
        if text == "@"
            && let Some(origin) = origin
        {
            return Ok(origin.clone());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        Self::append_wire(text, origin, &mut wire)?;
        wire.make_ascii_lowercase();
        Ok(Self(wire.into()))
    }

    /// Appends the wire form of text to `wire`, read as [`Name::parse`] does but with its case
    /// kept: what a record says is answered as it was written (RFC 4343, 4.1).
    ///
    /// # Errors
    ///
    /// As [`Name::parse`]; `wire` then ends in the part that was read.
    pub fn append_wire(
        text: &str,
        origin: Option<&Self>,
        wire: &mut Vec<u8>,
    ) -> Result<(), NameError> {
        let start = wire.len();
        match origin {
            Some(origin) if text == "@" => wire.extend_from_slice(&origin.0),
            _ => {
                let absolute = labels_from_text(text.as_bytes(), wire)?;
                match origin {
                    Some(origin) if !absolute => wire.extend_from_slice(&origin.0),
                    _ => wire.push(0),
                }
            }
        }
        if wire.len() - start > limits::NAME { Err(NameError::TooLong) } else { Ok(()) }
    }

    /// Takes uncompressed wire form and lowers its case.
    ///
    /// # Errors
    ///
    /// [`NameError::Wire`] unless the octets are exactly one uncompressed name.
    pub fn from_wire(octets: &[u8]) -> Result<Self, NameError> {
        if octets.len() > limits::NAME {
            return Err(NameError::TooLong);
        }
        let mut rest = octets;
        while let Some((&length, tail)) = rest.split_first() {
            match usize::from(length) {
                0 if tail.is_empty() => return Ok(Self(octets.to_ascii_lowercase().into())),
                length @ 1..=limits::LABEL => {
                    rest = tail.get(length..).ok_or(NameError::Wire)?;
                }
                _ => return Err(NameError::Wire),
            }
        }
        Err(NameError::Wire)
    }

    /// The wire form, root label included.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, without the root label.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let (&length, tail) = rest.split_first()?;
            let (label, tail) = tail.split_at_checked(usize::from(length))?;
            rest = tail;
            (!label.is_empty()).then_some(label)
        })
    }

    /// How many labels there are, the root label not counted.
    pub fn n_labels(&self) -> usize {
        self.labels().count()
    }

    /// The name without its first label; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let first = self.labels().next()?;
        self.0.get(first.len() + 1..).map(|rest| Self(rest.into()))
    }

    /// This name with one more label in front; `None` if that is too long.
    pub fn child(&self, label: &[u8]) -> Option<Self> {
        if label.is_empty()
            || label.len() > limits::LABEL
            || label.len() + 1 + self.0.len() > limits::NAME
        {
            return None;
        }
        let mut wire = Vec::with_capacity(label.len() + 1 + self.0.len());
        wire.push(u8::try_from(label.len()).ok()?);
        wire.extend(label.to_ascii_lowercase());
        wire.extend_from_slice(&self.0);
        Some(Self(wire.into()))
    }

    /// Whether this name is `ancestor` or below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        let (Some(extra), wanted) = (self.n_labels().checked_sub(ancestor.n_labels()), &ancestor.0)
        else {
            return false;
        };
        let skip: usize = self.labels().take(extra).map(|label| label.len() + 1).sum();
        self.0.get(skip..) == Some(wanted)
    }

    /// Whether the first label is `*` (RFC 4592, 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }
}

/// Appends the labels of `text`, without a root label; returns whether it ended in a dot.
fn labels_from_text(text: &[u8], wire: &mut Vec<u8>) -> Result<bool, NameError> {
    if text == b"." {
        return Ok(true);
    }
    let start = wire.len();
    let mut length_at = start;
    wire.push(0);
    let mut octets = text.iter();
    let mut absolute = false;
    while let Some(&octet) = octets.next() {
        absolute = octet == b'.';
        if absolute {
            close_label(wire, length_at)?;
            length_at = wire.len();
            wire.push(0);
            continue;
        }
        wire.push(if octet == b'\\' { unescape(&mut octets)? } else { octet });
        if wire.len() - start > limits::NAME {
            return Err(NameError::TooLong);
        }
    }
    if absolute {
        wire.pop();
        return Ok(true);
    }
    close_label(wire, length_at)?;
    Ok(false)
}

fn close_label(wire: &mut [u8], length_at: usize) -> Result<(), NameError> {
    let length = wire.len() - length_at - 1;
    if length == 0 {
        return Err(NameError::EmptyLabel);
    }
    let length = u8::try_from(length).ok().filter(|l| usize::from(*l) <= limits::LABEL);
    if let (Some(length), Some(at)) = (length, wire.get_mut(length_at)) {
        *at = length;
        return Ok(());
    }
    Err(NameError::LabelTooLong)
}

/// RFC 1035, 5.1: `\DDD` is an octet by number, `\X` any other character as itself.
fn unescape(octets: &mut std::slice::Iter<'_, u8>) -> Result<u8, NameError> {
    let &first = octets.next().ok_or(NameError::Escape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u32::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(|d| d.is_ascii_digit()).ok_or(NameError::Escape)?;
        value = value * 10 + u32::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::Escape)
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads an absolute name; the trailing dot may be left out.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text, None)
    }
}

impl fmt::Display for Name {
    /// Writes the name with its trailing dot, escaped as RFC 1035, 5.1 has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(octet))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn text_and_wire_are_inverse() {
        for text in [".", "example.com.", r"a\.b.example.", r"\000\255.x.", "*.wild.example."] {
            let parsed = name(text);
            assert_eq!(parsed.to_string(), text);
            assert_eq!(Name::from_wire(parsed.as_wire()), Ok(parsed));
        }
        assert_eq!(name("WWW.Example"), name("www.example."));
    }

    #[test]
    fn relative_names_take_the_origin() {
        let origin = name("example.com.");
        assert_eq!(Name::parse("www", Some(&origin)), Ok(name("www.example.com.")));
        assert_eq!(Name::parse("@", Some(&origin)), Ok(origin.clone()));
        assert_eq!(Name::parse("www.", Some(&origin)), Ok(name("www.")));
        assert_eq!(Name::parse(".", Some(&origin)), Ok(Name::root()));
    }

    #[test]
    fn broken_text_says_what_is_wrong() {
        let long = "a".repeat(64);
        for (text, error) in [
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("", NameError::EmptyLabel),
            (&long, NameError::LabelTooLong),
            (r"a\25", NameError::Escape),
            (r"a\256", NameError::Escape),
            (&format!("{0}.{0}.{0}.{0}", "a".repeat(63)), NameError::TooLong),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
        assert_eq!(Name::from_wire(b"\x03ab\0"), Err(NameError::Wire));
        assert_eq!(Name::from_wire(b"\xc0\x0c"), Err(NameError::Wire));
    }

    #[test]
    fn ancestors_are_by_label() {
        let zone = name("example.com.");
        assert!(name("a.b.example.com.").is_within(&zone));
        assert!(zone.is_within(&zone));
        assert!(!name("notexample.com.").is_within(&zone));
        assert!(!name("com.").is_within(&zone));
        assert!(zone.is_within(&Name::root()));
        assert_eq!(name("a.b.").parent(), Some(name("b.")));
        assert_eq!(Name::root().parent(), None);
        assert_eq!(zone.child(b"WWW"), Some(name("www.example.com.")));
    }
}
