//! The data section of an MMDB file: values of the MaxMind DB format, version 2.
//!
//! A reader of its own rather than the library's serde decoder, because vendors
//! disagree on types (a latitude may be a double, a float or a text) and the
//! compiler wants a handful of fields out of each of half a million records:
//! fields are looked up in place, the rest is stepped over. On a City file this
//! takes a third of the time of a borrowed serde struct.
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

/// Reads values of one record.
#[derive(Debug)]
pub(super) struct Decoder<'a> {
    section: &'a [u8],
    record: usize,
    steps_left: u32,
}

impl<'a> Decoder<'a> {
    /// A decoder for the record at `record`.
    pub(super) fn new(section: &'a [u8], record: usize) -> Self {
        Self { section, record, steps_left: STEPS }
    }

    /// The record itself.
    pub(super) fn record(&mut self) -> Result<Value<'a>, DataError> {
        self.value(self.record)
    }

    /// The value at `at`, through a pointer if it is one.
    pub(super) fn value(&mut self, at: usize) -> Result<Value<'a>, DataError> {
        let head = self.head(at)?;
        let Kind::Pointer = head.kind else { return self.payload(at, head) };
        let target = self.pointer(at, head)?.0;
        let head = self.head(target)?;
        match head.kind {
            Kind::Pointer => Err(DataError::Pointer(at)),
            _ => self.payload(target, head),
        }
    }

    /// Calls `visit` with each key and the place of its value, until it returns
    /// false.
    pub(super) fn each_pair(
        &mut self,
        map: Elements,
        mut visit: impl FnMut(&mut Self, &'a [u8], usize) -> Result<bool, DataError>,
    ) -> Result<(), DataError> {
        let mut at = map.start;
        for _ in 0..map.count {
            let Value::Text(key) = self.value(at)? else { return Err(DataError::Type(at)) };
            let value = self.skip(at)?;
            if !visit(self, key, value)? {
                return Ok(());
            }
            at = self.skip(value)?;
        }
        Ok(())
    }

    /// The value of a key of a map.
    pub(super) fn field(
        &mut self,
        map: Elements,
        name: &[u8],
    ) -> Result<Option<Value<'a>>, DataError> {
        let mut found = None;
        self.each_pair(map, |decoder, key, at| {
            if key == name {
                found = Some(decoder.value(at)?);
            }
            Ok(found.is_none())
        })?;
        Ok(found)
    }

    /// The first element of an array.
    pub(super) fn first(&mut self, array: Elements) -> Result<Option<Value<'a>>, DataError> {
        (array.count > 0).then(|| self.value(array.start)).transpose()
    }

    /// Where the value after the one at `at` starts. Pointers are not followed.
    fn skip(&mut self, mut at: usize) -> Result<usize, DataError> {
        let mut pending = 1_usize;
        while pending > 0 {
            pending -= 1;
            let head = self.head(at)?;
            let inside = match head.kind {
                Kind::Array => head.size,
                Kind::Map => head.size * 2,
                Kind::Boolean => 0,
                Kind::Pointer => {
                    at = self.pointer(at, head)?.1;
                    continue;
                }
                Kind::Bytes | Kind::Double | Kind::Float | Kind::Integer | Kind::Text => {
                    at = head.end_of_payload();
                    continue;
                }
            };
            pending += inside;
            at = head.start;
        }
        Ok(at)
    }

    /// Type and size of the value at `at`.
    #[inline]
    fn head(&mut self, at: usize) -> Result<Head, DataError> {
        self.steps_left = self.steps_left.checked_sub(1).ok_or(DataError::Size(self.record))?;
        let control = self.octet(at, at)?;
        let mut start = at + 1;
        let mut code = control >> 5;
        if code == 0 {
            code = self.octet(at, start)?.checked_add(7).ok_or(DataError::Type(at))?;
            start += 1;
        }
        let kind = Kind::of(code).ok_or(DataError::Type(at))?;
        let short = usize::from(control & 0x1f);
        if kind == Kind::Pointer || short < 29 {
            return Ok(Head { kind, size: short, start });
        }
        let wide = short - 28;
        let extra = self.big_endian(at, start, wide)?;
        let base = match wide {
            1 => 29,
            2 => 285,
            _ => 65_821,
        };
        Ok(Head { kind, size: base + extra, start: start + wide })
    }

    /// Where a pointer leads, and where the value after it starts.
    fn pointer(&self, at: usize, head: Head) -> Result<(usize, usize), DataError> {
        let wide = (head.size >> 3) + 1;
        let high = head.size & 0b111;
        let low = self.big_endian(at, head.start, wide)?;
        let target = match wide {
            1 => (high << 8) + low,
            2 => (high << 16) + low + 2048,
            3 => (high << 24) + low + 526_336,
            _ => low,
        };
        Ok((target, head.start + wide))
    }

    /// The value after its type and size.
    fn payload(&self, at: usize, head: Head) -> Result<Value<'a>, DataError> {
        let elements = Elements { count: head.size, start: head.start };
        match head.kind {
            Kind::Array => return Ok(Value::Array(elements)),
            Kind::Boolean => return Ok(Value::Other),
            Kind::Map => return Ok(Value::Map(elements)),
            Kind::Bytes | Kind::Double | Kind::Float | Kind::Integer | Kind::Text => {}
            Kind::Pointer => return Err(DataError::Pointer(at)),
        }
        let octets =
            self.section.get(head.start..head.end_of_payload()).ok_or(DataError::End(at))?;
        Ok(match head.kind {
            Kind::Text => Value::Text(octets),
            Kind::Double => {
                let octets = octets.try_into().map_err(|_| DataError::Type(at))?;
                Value::Number(f64::from_be_bytes(octets))
            }
            Kind::Float => {
                let octets = octets.try_into().map_err(|_| DataError::Type(at))?;
                Value::Number(shortest(f32::from_be_bytes(octets)))
            }
            Kind::Integer => integer(octets).map_or(Value::Other, Value::Number),
            Kind::Array | Kind::Boolean | Kind::Bytes | Kind::Map | Kind::Pointer => Value::Other,
        })
    }

    #[inline]
    fn octet(&self, value: usize, at: usize) -> Result<u8, DataError> {
        self.section.get(at).copied().ok_or(DataError::End(value))
    }

    /// A number of one to four octets.
    #[inline]
    fn big_endian(&self, value: usize, at: usize, wide: usize) -> Result<usize, DataError> {
        let octets = self.section.get(at..at + wide).ok_or(DataError::End(value))?;
        Ok(octets.iter().fold(0, |number, octet| number << 8 | usize::from(*octet)))
    }
}

/// Type and size of a value.
#[derive(Clone, Copy, Debug)]
struct Head {
    kind: Kind,
    /// Octets of a scalar, pairs of a map, elements of an array, five raw bits of a pointer.
    size: usize,
    /// Where the payload starts.
    start: usize,
}

impl Head {
    /// Where the payload of a scalar ends. Sizes have 25 bits at most: no overflow.
    const fn end_of_payload(self) -> usize {
        self.start + self.size
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
    Integer,
    Map,
    Pointer,
    Text,
}

impl Kind {
    const fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::Pointer,
            2 => Self::Text,
            3 => Self::Double,
            4 => Self::Bytes,
            5 | 6 | 8 | 9 | 10 => Self::Integer,
            7 => Self::Map,
            11 => Self::Array,
            14 => Self::Boolean,
            15 => Self::Float,
            _ => return None,
        })
    }
}

/// An integer of up to four octets; `None` for longer ones, which no field of
/// interest needs. Negative ones come out as large numbers: no field has them.
fn integer(octets: &[u8]) -> Option<f64> {
    let significant = octets.iter().skip_while(|octet| **octet == 0);
    let mut number = 0_u32;
    for (n, octet) in significant.enumerate() {
        if n == 4 {
            return None;
        }
        number = number << 8 | u32::from(*octet);
    }
    Some(f64::from(number))
}

/// A float to four decimals (11 m): 52.37, not 52.369998931884766, so that
/// databases which ship floats and doubles of one place agree.
fn shortest(float: f32) -> f64 {
    (f64::from(float) * 1e4).round() / 1e4
}
