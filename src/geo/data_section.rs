//! The data section of an MMDB file: values of the MaxMind DB format, version 2.
//!
//! A reader of its own rather than the library's serde decoder, because vendors
//! disagree on types (a latitude may be a double, a float or a text): a strict
//! struct refuses what it doesn't expect, and one that takes anything decodes
//! all of it. Here fields are looked up in place, the rest is stepped over, and it
//! takes no descent through the tree to get to a record.
//!
//! # Invariants
//!
//! - No octets make it panic, recurse or loop: every step moves forward or
//!   follows one pointer, and one record may cost [`STEPS`] values at most.
//! - What breaks the format is a [`DataError`]; a value of an unexpected type is
//!   merely not what the caller asked for.
//!
//! # Not here
//!
//! Which fields matter is in `record`, the search tree in `search_tree`.

/// Values that one record may make us look at. The fullest City records hold
/// about 150; beyond this the file is hostile and the record an error.
const STEPS: u32 = 16_384;

/// What breaks the format, and where: octets from the start of the data section.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DataError {
    /// A value reaches past the end of the section.
    #[error("a value at octet {0} of the data section reaches past its end")]
    End(usize),
    /// A pointer leads to a pointer.
    #[error("a pointer at octet {0} of the data section leads to another pointer")]
    Pointer(usize),
    /// One record holds more values than any real one does.
    #[error("a record at octet {0} of the data section holds more than {STEPS} values")]
    Size(usize),
    /// A type or a size that the format does not know.
    #[error("a value at octet {0} of the data section has an unknown type or an impossible size")]
    Type(usize),
}

/// A value, with maps and arrays still to be walked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Elements, and where they start.
    Array(Elements),
    /// A double, a float, or any integer.
    Number(f64),
    /// Pairs of key and value, and where they start.
    Map(Elements),
    /// Bytes and booleans, which no field of interest has.
    Other,
    /// A string. Kept as octets: few of them are ever read as text.
    Text(&'a [u8]),
}

/// The inside of a map or an array.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Elements {
    /// How many elements or pairs.
    count: usize,
    /// Octets from the start of the section to the first.
    start: usize,
}

/// Reads values of one record after the other.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    section: &'a [u8],
    record: usize,
    steps_left: u32,
    texts: [Option<KnownText<'a>>; KNOWN_TEXTS],
}

/// A field of a map that was found before: most records point to few countries.
#[derive(Clone, Copy, Debug)]
struct KnownText<'a> {
    map: usize,
    field: &'static [u8],
    text: Option<&'a [u8]>,
}

/// Fields of maps kept at hand: there are about 250 countries.
const KNOWN_TEXTS: usize = 512;

impl<'a> Decoder<'a> {
    /// A decoder for the records of a data section.
    pub(super) const fn new(section: &'a [u8]) -> Self {
        Self { section, record: 0, steps_left: STEPS, texts: [None; KNOWN_TEXTS] }
    }

    /// The record at an offset; what is read from now on counts as its values.
    pub(super) fn record(&mut self, at: usize) -> Result<Value<'a>, DataError> {
        self.record = at;
        self.steps_left = STEPS;
        let head = self.head(at)?;
        self.value(head)
    }

    /// A text, also where it is a field of a map or of the first map of an array.
    pub(super) fn text(
        &mut self,
        head: Head,
        field: &'static [u8],
    ) -> Result<Option<&'a [u8]>, DataError> {
        let head = match head.kind == Kind::Array && head.size > 0 {
            true => self.head(head.start)?,
            false => head,
        };
        let map = (head.kind == Kind::Pointer).then(|| self.pointer(head)).transpose()?;
        let slot = map.unwrap_or_default() % KNOWN_TEXTS;
        if let (Some(map), Some(Some(known))) = (map, self.texts.get(slot))
            && (known.map, known.field) == (map, field)
        {
            return Ok(known.text);
        }
        let text = match self.value(head)? {
            // An array behind a pointer.
            Value::Array(array) if array.count > 0 => {
                let first = self.head(array.start)?;
                match self.value(first)? {
                    Value::Map(map) => self.field(map, field)?,
                    Value::Text(text) => Some(text),
                    Value::Array(_) | Value::Number(_) | Value::Other => None,
                }
            }
            Value::Map(map) => self.field(map, field)?,
            Value::Text(text) => Some(text),
            Value::Array(_) | Value::Number(_) | Value::Other => None,
        };
        if let (Some(map), Some(known)) = (map, self.texts.get_mut(slot)) {
            *known = Some(KnownText { map, field, text });
        }
        Ok(text)
    }

    /// The value that starts with `head`, through a pointer if it is one.
    #[inline]
    pub(super) fn value(&mut self, head: Head) -> Result<Value<'a>, DataError> {
        let Kind::Pointer = head.kind else { return self.payload(head) };
        let target = self.pointer(head)?;
        let target = self.head(target)?;
        self.payload(target)
    }

    /// Calls `visit` with each key and the head of its value, until it returns
    /// false.
    pub(super) fn each_pair(
        &mut self,
        map: Elements,
        mut visit: impl FnMut(&mut Self, &'a [u8], Head) -> Result<bool, DataError>,
    ) -> Result<(), DataError> {
        let mut at = map.start;
        for _ in 0..map.count {
            let head = self.head(at)?;
            let Value::Text(key) = self.value(head)? else { return Err(DataError::Type(at)) };
            let value = self.head(head.end_of_scalar())?;
            if !visit(self, key, value)? {
                return Ok(());
            }
            at = self.skip(value)?;
        }
        Ok(())
    }

    /// The text of a key of a map.
    fn field(&mut self, map: Elements, name: &[u8]) -> Result<Option<&'a [u8]>, DataError> {
        let mut found = None;
        self.each_pair(map, |decoder, key, head| {
            if key != name {
                return Ok(true);
            }
            if let Value::Text(text) = decoder.value(head)? {
                found = Some(text);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    /// Where the value after the one that starts with `head` starts. Pointers
    /// are not followed.
    fn skip(&mut self, head: Head) -> Result<usize, DataError> {
        let mut pending = head.n_inside();
        let mut at = head.end_of_scalar();
        while pending > 0 {
            let head = self.head(at)?;
            at = head.end_of_scalar();
            pending = pending - 1 + head.n_inside();
        }
        Ok(at)
    }

    /// Type and size of the value at `at`.
    #[inline]
    fn head(&mut self, at: usize) -> Result<Head, DataError> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(DataError::Size(self.record))?;
        let control = *self.section.get(at).ok_or(DataError::End(at))?;
        let short = usize::from(control & 0x1f);
        let kind = match control >> 5 {
            1 => return Ok(Head { kind: Kind::Pointer, size: short, at, start: at + 1 }),
            // Short texts are nearly all there is.
            2 if short < 29 => {
                return Ok(Head { kind: Kind::Text, size: short, at, start: at + 1 });
            }
            code => code,
        };
        self.long_head(at, kind, short)
    }

    /// Heads of one to five octets.
    fn long_head(&self, at: usize, mut code: u8, short: usize) -> Result<Head, DataError> {
        let mut start = at + 1;
        if code == 0 {
            let extended = self.section.get(start).ok_or(DataError::End(at))?;
            code = extended.checked_add(7).ok_or(DataError::Type(at))?;
            start += 1;
        }
        let kind = Kind::of(code).ok_or(DataError::Type(at))?;
        if short < 29 {
            return Ok(Head { kind, size: short, at, start });
        }
        let wide = short - 28;
        let base = match wide {
            1 => 29,
            2 => 285,
            _ => 65_821,
        };
        let size = base + self.big_endian(at, start, wide)?;
        Ok(Head { kind, size, at, start: start + wide })
    }

    /// Where a pointer leads.
    #[inline]
    fn pointer(&self, head: Head) -> Result<usize, DataError> {
        let wide = head.pointer_width();
        let high = head.size & 0b111;
        let low = self.big_endian(head.at, head.start, wide)?;
        Ok(match wide {
            1 => (high << 8) + low,
            2 => (high << 16) + low + 2048,
            3 => (high << 24) + low + 526_336,
            _ => low,
        })
    }

    /// The value after its head.
    #[inline]
    fn payload(&self, head: Head) -> Result<Value<'a>, DataError> {
        let elements = Elements { count: head.size, start: head.start };
        let octets = || {
            let octets = self.section.get(head.start..head.start + head.size);
            octets.ok_or(DataError::End(head.at))
        };
        let wrong_size = |_| DataError::Type(head.at);
        Ok(match head.kind {
            Kind::Array => Value::Array(elements),
            Kind::Map => Value::Map(elements),
            Kind::Text => Value::Text(octets()?),
            Kind::Double => {
                let octets = octets()?.try_into().map_err(wrong_size)?;
                Value::Number(f64::from_be_bytes(octets))
            }
            Kind::Float => {
                let octets = octets()?.try_into().map_err(wrong_size)?;
                Value::Number(shortest(f32::from_be_bytes(octets)))
            }
            Kind::Signed => {
                let bits = unsigned(octets()?).ok_or(DataError::Type(head.at))?;
                Value::Number(bits.cast_signed().into())
            }
            Kind::Unsigned => {
                unsigned(octets()?).map_or(Value::Other, |number| Value::Number(number.into()))
            }
            Kind::Boolean | Kind::Bytes => Value::Other,
            Kind::Pointer => return Err(DataError::Pointer(head.at)),
        })
    }

    /// A number of one to four octets, part of the value at `value`.
    #[inline]
    fn big_endian(&self, value: usize, at: usize, wide: usize) -> Result<usize, DataError> {
        let octets = self.section.get(at..at + wide).ok_or(DataError::End(value))?;
        Ok(octets.iter().fold(0, |number, octet| number << 8 | usize::from(*octet)))
    }
}

/// Type and size of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    kind: Kind,
    /// Octets of a scalar, pairs of a map, elements of an array, five raw bits of a pointer.
    size: usize,
    /// Where the value starts.
    at: usize,
    /// Where the payload starts.
    start: usize,
}

impl Head {
    /// Where the value after this one starts; for maps and arrays, their first
    /// element. Sizes have 25 bits at most: no overflow.
    #[inline]
    const fn end_of_scalar(self) -> usize {
        match self.kind {
            Kind::Array | Kind::Boolean | Kind::Map => self.start,
            Kind::Bytes
            | Kind::Double
            | Kind::Float
            | Kind::Signed
            | Kind::Text
            | Kind::Unsigned => self.start + self.size,
            Kind::Pointer => self.start + self.pointer_width(),
        }
    }

    /// How many values follow that belong to this one.
    #[inline]
    const fn n_inside(self) -> usize {
        match self.kind {
            Kind::Array => self.size,
            Kind::Map => self.size * 2,
            Kind::Boolean
            | Kind::Bytes
            | Kind::Double
            | Kind::Float
            | Kind::Pointer
            | Kind::Signed
            | Kind::Text
            | Kind::Unsigned => 0,
        }
    }

    /// Octets of a pointer after the first.
    #[inline]
    const fn pointer_width(self) -> usize {
        (self.size >> 3) + 1
    }
}

/// The types of the format that we tell apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Array,
    Boolean,
    Bytes,
    Double,
    Float,
    Map,
    Pointer,
    Signed,
    Text,
    Unsigned,
}

impl Kind {
    const fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Pointer,
            2 => Self::Text,
            3 => Self::Double,
            4 => Self::Bytes,
            5 | 6 | 9 | 10 => Self::Unsigned,
            7 => Self::Map,
            8 => Self::Signed,
            11 => Self::Array,
            14 => Self::Boolean,
            15 => Self::Float,
            _ => return None,
        })
    }
}

/// An integer of up to four octets; `None` for greater ones, which no field of
/// interest has.
fn unsigned(octets: &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    for octet in octets {
        if number >> 24 != 0 {
            return None;
        }
        number = number << 8 | u32::from(*octet);
    }
    Some(number)
}

/// A float to four decimals (11 m): 52.37, not 52.369998931884766, so that
/// databases which ship floats and doubles of one place agree.
fn shortest(float: f32) -> f64 {
    (f64::from(float) * 1e4).round() / 1e4
}
