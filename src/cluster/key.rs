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
    /// What the checks of a vantage are, by its name.
    Checks(String),
    /// What somebody told of a region's load, by its name.
    Load(String),
    /// The monitors of all.
    Monitors,
    /// What a vantage thinks of its checks, by its name.
    Opinions(String),
    /// A part of the orders by round trips that hold for all.
    Orders(u16),
    /// What a prober says of itself, by its name.
    Prober(String),
    /// Some of what a name server was told of round trips lately: its name, and which of its
    /// values.
    Samples(String, u8),
    /// What a name server says of itself, by its name. Whoever may put this is one: what the
    /// value says is not asked.
    Server(String),
    /// Whom regions refuse since they are full.
    Shares,
}

/// What a key is of. A kind has room of its own, so that nobody who may put one kind takes the
/// room of another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// [`Key::Admin`].
    Admin,
    /// [`Key::Checks`].
    Checks,
    /// [`Key::Load`].
    Load,
    /// [`Key::Monitors`].
    Monitors,
    /// [`Key::Opinions`].
    Opinions,
    /// [`Key::Orders`].
    Orders,
    /// [`Key::Prober`].
    Prober,
    /// [`Key::Samples`].
    Samples,
    /// [`Key::Server`].
    Server,
    /// [`Key::Shares`].
    Shares,
}

/// The room of a kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Room {
    /// Keys at a time.
    pub(super) keys: usize,
    /// Octets of one value.
    pub(super) value: usize,
    /// Octets of all values.
    pub(super) octets: usize,
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
        self.kind().shelf()
    }

    /// What it is of.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Admin(_) => Kind::Admin,
            Self::Checks(_) => Kind::Checks,
            Self::Load(_) => Kind::Load,
            Self::Monitors => Kind::Monitors,
            Self::Opinions(_) => Kind::Opinions,
            Self::Orders(_) => Kind::Orders,
            Self::Prober(_) => Kind::Prober,
            Self::Samples(..) => Kind::Samples,
            Self::Server(_) => Kind::Server,
            Self::Shares => Kind::Shares,
        }
    }

    /// The node or prober whose value it is, if a key says so.
    pub fn sender(&self) -> &str {
        match self {
            Self::Checks(name)
            | Self::Opinions(name)
            | Self::Prober(name)
            | Self::Samples(name, _)
            | Self::Server(name) => name,
            Self::Admin(_) | Self::Load(_) | Self::Monitors | Self::Orders(_) | Self::Shares => "",
        }
    }

    /// The key of a text; `None` if it is not the text of one.
    pub fn parse(text: &str) -> Option<Self> {
        let key = match text.split_once('.') {
            None if text == "monitors" => Self::Monitors,
            None if text == "shares" => Self::Shares,
            Some(("admin", target)) => Self::Admin(decode(target)?),
            Some(("checks", name)) => Self::Checks(decode(name)?),
            Some(("load", region)) => Self::Load(decode(region)?),
            Some(("opinions", name)) => Self::Opinions(decode(name)?),
            Some(("orders", part)) => Self::Orders(part.parse().ok()?),
            Some(("probers", name)) => Self::Prober(decode(name)?),
            Some(("samples", of)) => {
                let (name, slot) = of.split_once('.')?;
                Self::Samples(decode(name)?, slot.parse().ok()?)
            }
            Some(("servers", name)) => Self::Server(decode(name)?),
            Some(_) | None => return None,
        };
        // One key has one text: `checks.+1` or `nodes.=41` must not be second names.
        (key.is_sound() && key.to_string() == text).then_some(key)
    }

    /// Whether it is one that is shared: no name in it is empty, too long or would be more than a
    /// line where it is shown, and it is not one more than its sender may have.
    pub fn is_sound(&self) -> bool {
        let is_plain = |name: &str| !name.is_empty() && !name.contains(char::is_control);
        let is_name = |name: &str| is_plain(name) && name.len() <= limits::NODE_NAME;
        let is_named = match self {
            Self::Admin(name) | Self::Load(name) => is_plain(name),
            Self::Checks(name) | Self::Opinions(name) | Self::Prober(name) | Self::Server(name) => {
                is_name(name)
            }
            Self::Samples(name, slot) => is_name(name) && *slot < limits::LATENCY_SHARES,
            Self::Orders(part) => usize::from(*part) < limits::SHARED_ORDERS,
            Self::Monitors | Self::Shares => true,
        };
        is_named && self.to_string().len() <= limits::SHARED_KEY
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admin(target) => write!(f, "admin.{}", Encoded(target)),
            Self::Checks(name) => write!(f, "checks.{}", Encoded(name)),
            Self::Load(region) => write!(f, "load.{}", Encoded(region)),
            Self::Monitors => f.write_str("monitors"),
            Self::Opinions(name) => write!(f, "opinions.{}", Encoded(name)),
            Self::Orders(part) => write!(f, "orders.{part}"),
            Self::Prober(name) => write!(f, "probers.{}", Encoded(name)),
            Self::Samples(name, slot) => write!(f, "samples.{}.{slot}", Encoded(name)),
            Self::Server(name) => write!(f, "servers.{}", Encoded(name)),
            Self::Shares => f.write_str("shares"),
        }
    }
}

impl Kind {
    /// All kinds. What operators said comes first, so that it is what a bound leaves.
    pub const ALL: [Self; 10] = [
        Self::Admin,
        Self::Monitors,
        Self::Server,
        Self::Opinions,
        Self::Checks,
        Self::Prober,
        Self::Load,
        Self::Shares,
        Self::Orders,
        Self::Samples,
    ];

    /// What keys of it begin with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Checks => "checks",
            Self::Load => "load",
            Self::Monitors => "monitors",
            Self::Opinions => "opinions",
            Self::Orders => "orders",
            Self::Prober => "probers",
            Self::Samples => "samples",
            Self::Server => "servers",
            Self::Shares => "shares",
        }
    }

    /// The shelf that it is on.
    pub const fn shelf(self) -> Shelf {
        match self {
            Self::Admin | Self::Monitors | Self::Orders => Shelf::Kept,
            Self::Checks
            | Self::Load
            | Self::Opinions
            | Self::Prober
            | Self::Samples
            | Self::Server
            | Self::Shares => Shelf::Live,
        }
    }

    /// How much of it there may be.
    pub(super) const fn room(self) -> Room {
        let (keys, value, octets) = match self {
            Self::Admin => limits::SHARED_ADMIN,
            Self::Checks => limits::SHARED_CHECKS,
            Self::Load => limits::SHARED_LOADS,
            Self::Opinions => limits::SHARED_OPINIONS,
            Self::Orders => {
                let octets = limits::LATENCY_ORDERS_FILE;
                (limits::SHARED_ORDERS, limits::SHARED_VALUE, octets)
            }
            Self::Prober | Self::Server => limits::SHARED_CARDS,
            Self::Samples => limits::SHARED_SAMPLES,
            Self::Monitors | Self::Shares => (1, limits::SHARED_VALUE, limits::SHARED_VALUE),
        };
        Room { keys, value, octets }
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

    /// Octets of all its values.
    pub const fn octets(self) -> usize {
        match self {
            Self::Kept => limits::SHARED_KEPT,
            Self::Live => limits::SHARED_LIVE,
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
        let name = || "[ -~é=./]{1,30}";
        prop_oneof![
            name().prop_map(Key::Admin),
            name().prop_map(Key::Checks),
            Just(Key::Monitors),
            Just(Key::Shares),
            name().prop_map(Key::Load),
            name().prop_map(Key::Prober),
            name().prop_map(Key::Server),
            name().prop_map(Key::Opinions),
            (0..256_u16).prop_map(Key::Orders),
            (name(), 0..16_u8).prop_map(|(name, slot)| Key::Samples(name, slot)),
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
        fn a_text_is_of_one_key_or_none(text in "(admin|checks|load|monitors|opinions|orders|probers|samples|servers|shares)?[.=0-9a-fA-F+/]{0,20}") {
            if let Some(key) = Key::parse(&text) {
                prop_assert_eq!(key.to_string(), text);
            }
        }
    }

    #[test]
    fn texts_are_as_they_are_documented() {
        let check = |text: &str, key: Key| assert_eq!(Key::parse(text), Some(key), "{text}");
        check("admin.endpoint=20www/x", Key::Admin("endpoint www/x".to_owned()));
        check("checks.fra_1", Key::Checks("fra_1".to_owned()));
        check("monitors", Key::Monitors);
        check("probers.fra_1", Key::Prober("fra_1".to_owned()));
        check("samples.ns1.15", Key::Samples("ns1".to_owned(), 15));
        check("servers.edge-1=2Eexample", Key::Server("edge-1.example".to_owned()));
        check("opinions.fra_1", Key::Opinions("fra_1".to_owned()));
    }

    #[test]
    fn the_rooms_of_all_kinds_fit_their_buckets() {
        for shelf in Shelf::ALL {
            let kinds = Kind::ALL.into_iter().filter(|kind| kind.shelf() == shelf);
            let octets: usize = kinds.map(|kind| kind.room().octets).sum();
            assert!(octets <= shelf.octets(), "{shelf:?}: {octets}");
        }
        assert!(Kind::ALL.iter().all(|kind| kind.room().value <= limits::SHARED_VALUE));
    }

    #[test]
    fn other_texts_are_refused() {
        let long = format!("servers.{}", "a".repeat(limits::NODE_NAME + 1));
        for text in [
            "",
            ".",
            "admin",
            "admin.",
            "checks",
            "monitors.x",
            "servers.a.b",
            "servers.=4",
            "servers.=zz",
            "servers.=41",
            "servers.=2e",
            "servers.=FF",
            "servers.a=1B=5B2J",
            "nodes.a",
            "orders.256",
            "samples.ns1.16",
            "other.x",
            long.as_str(),
        ] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
        assert!(!Key::Server(String::new()).is_sound());
    }
}
