//! How long an answer may be kept.

/// A time to live in whole seconds, at most 2³¹−1 (RFC 2181, 8).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ttl(u32);

impl Ttl {
    /// The longest TTL there is (RFC 2181, 8).
    pub const MAX: Self = Self(i32::MAX as u32);

    /// Not to be kept.
    pub const ZERO: Self = Self(0);

    /// Returns the TTL, or `None` past [`Ttl::MAX`].
    pub const fn from_secs(seconds: u32) -> Option<Self> {
        if seconds <= Self::MAX.0 { Some(Self(seconds)) } else { None }
    }

    /// Seconds.
    pub const fn secs(self) -> u32 {
        self.0
    }
}
