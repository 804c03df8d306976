//! Under which names values are shared, and for how long.

use std::fmt;
use std::fmt::Write;
use std::time::Duration;

use crate::model::limits;

/// The name of one shared value.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Key {
    /// The admin state of a target: any text that names one.
    Admin(String),
    /// What the checks of a configuration are, by the digest of that configuration.
    Checks(u64),
    /// What somebody told of a region's load, by its name.
    Load(String),
    /// The monitors of all.
    Monitors,
    /// What a node says of itself, by its name.
    Node(String),
    /// What a vantage thinks of its checks, by its name.
    Opinions(String),
    /// A part of the orders by round trips that hold for all.
    Orders(u16),
    /// Some of what a node was told of round trips lately: its name, and which of its values.
    Samples(String, u8),
    /// Whom regions refuse since they are full.
    Shares,
}

/// Where values of one kind are kept: a bucket each, since a bucket has one kind of storage.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Shelf {
    /// What operators said: on disk, until it is replaced.
    Kept,
    /// What is said again by itself: in memory, for a day.
    Live,
}

impl Key {
    /// The shelf that it is on.
    pub const fn shelf(&self) -> Shelf {
        match self {
            Self::Admin(_) | Self::Monitors | Self::Orders(_) => Shelf::Kept,
            Self::Checks(_)
            | Self::Load(_)
            | Self::Node(_)
            | Self::Opinions(_)
            | Self::Samples(..)
            | Self::Shares => Shelf::Live,
        }
    }

    /// Which kind comes first where there is not room for all.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Admin(_) => 0,
            Self::Monitors => 1,
            Self::Opinions(_) => 2,
            Self::Node(_) => 3,
            Self::Checks(_) | Self::Load(_) | Self::Shares => 4,
            Self::Orders(_) => 5,
            Self::Samples(..) => 6,
        }
    }

    /// The key of a text; `None` if it is not the text of one.
    pub fn parse(text: &str) -> Option<Self> {
        let key = match text.split_once('.') {
            None if text == "monitors" => Self::Monitors,
            None if text == "shares" => Self::Shares,
            Some(("admin", target)) => Self::Admin(decode(target)?),
            Some(("checks", digest)) => Self::Checks(u64::from_str_radix(digest, 16).ok()?),
            Some(("load", region)) => Self::Load(decode(region)?),
            Some(("nodes", name)) => Self::Node(decode(name)?),
            Some(("opinions", name)) => Self::Opinions(decode(name)?),
            Some(("orders", part)) => Self::Orders(part.parse().ok()?),
            Some(("samples", of)) => {
                let (name, slot) = of.split_once('.')?;
                Self::Samples(decode(name)?, slot.parse().ok()?)
            }
            Some(_) | None => return None,
        };
        // One key has one text: `checks.+1` or `nodes.=41` must not be second names.
        (key.is_sound() && key.to_string() == text).then_some(key)
    }

    /// Whether its text is one that a store takes: no name in it is empty or too long.
    pub fn is_sound(&self) -> bool {
        let is_named = match self {
            Self::Admin(name)
            | Self::Load(name)
            | Self::Node(name)
            | Self::Opinions(name)
            | Self::Samples(name, _) => !name.is_empty(),
            Self::Checks(_) | Self::Monitors | Self::Orders(_) | Self::Shares => true,
        };
        is_named && self.to_string().len() <= limits::SHARED_KEY
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin(target) => write!(f, "admin.{}", Encoded(target)),
            Self::Checks(digest) => write!(f, "checks.{digest:016x}"),
            Self::Load(region) => write!(f, "load.{}", Encoded(region)),
            Self::Monitors => f.write_str("monitors"),
            Self::Node(name) => write!(f, "nodes.{}", Encoded(name)),
            Self::Opinions(name) => write!(f, "opinions.{}", Encoded(name)),
            Self::Orders(part) => write!(f, "orders.{part}"),
            Self::Samples(name, slot) => write!(f, "samples.{}.{slot}", Encoded(name)),
            Self::Shares => f.write_str("shares"),
        }
    }
}

impl Shelf {
    /// Both. What operators said comes first, so that it is what a bound leaves.
    pub const ALL: [Self; 2] = [Self::Kept, Self::Live];

    /// The name of its bucket.
    pub fn bucket(self, prefix: &str) -> String {
        match self {
            Self::Kept => format!("{prefix}-kept"),
            Self::Live => format!("{prefix}-live"),
        }
    }

    /// After how long a value goes by itself; zero: never.
    pub const fn max_age(self) -> Duration {
        match self {
            Self::Kept => Duration::ZERO,
            Self::Live => Duration::from_hours(24),
        }
    }
}

/// Text in the alphabet of keys: what is not in it as `=XX`.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for octet in self.0.bytes() {
            // Dots are allowed, but not at an end nor two in a row: none is simpler.
            if octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'/') {
                f.write_char(octet.into())?;
            } else {
                write!(f, "={octet:02X}")?;
            }
        }
        Ok(())
    }
}

fn decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'=' {
            octets.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Key> {
        let name = || "[ -~é=./]{1,40}";
        prop_oneof![
            name().prop_map(Key::Admin),
            any::<u64>().prop_map(Key::Checks),
            Just(Key::Monitors),
            Just(Key::Shares),
            name().prop_map(Key::Load),
            name().prop_map(Key::Node),
            name().prop_map(Key::Opinions),
            any::<u16>().prop_map(Key::Orders),
            (name(), any::<u8>()).prop_map(|(name, slot)| Key::Samples(name, slot)),
        ]
    }

    proptest! {
        #[test]
        fn a_key_comes_back_from_its_text_which_nats_takes(key in keys()) {
            let text = key.to_string();
            prop_assert_eq!(Key::parse(&text), Some(key));
            let plain = |c: char| c.is_ascii_alphanumeric() || "-/_=.".contains(c);
            prop_assert!(text.chars().all(plain), "{}", text);
            prop_assert!(!text.ends_with('.') && !text.contains(".."), "{}", text);
        }

        #[test]
        fn a_text_is_of_one_key_or_none(text in "(admin|checks|load|monitors|nodes|opinions|orders|samples|shares)?[.=0-9a-fA-F+/]{0,20}") {
            if let Some(key) = Key::parse(&text) {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }

    #[test]
    fn texts_are_as_they_are_documented() {
        let check = |text: &str, key: Key| assert_eq!(Key::parse(text), Some(key), "{text}");
        check("admin.endpoint=20www/x", Key::Admin("endpoint www/x".to_owned()));
        check("checks.00000000000000ff", Key::Checks(255));
        check("monitors", Key::Monitors);
        check("nodes.edge-1=2Eexample", Key::Node("edge-1.example".to_owned()));
        check("opinions.fra_1", Key::Opinions("fra_1".to_owned()));
    }

    #[test]
    fn other_texts_are_refused() {
        let long = format!("nodes.{}", "a".repeat(limits::SHARED_KEY));
        for text in [
            "",
            ".",
            "admin",
            "admin.",
            "checks.ff",
            "checks.00000000000000FF",
            "monitors.x",
            "nodes.a.b",
            "nodes.=4",
            "nodes.=zz",
            "nodes.=41",
            "nodes.=2e",
            "nodes.=FF",
            "other.x",
            long.as_str(),
        ] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
        assert!(!Key::Node(String::new()).is_sound());
    }
}
