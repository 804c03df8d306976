//! The operator's own table of networks and what they are called.

use std::collections::HashMap;

use ipnet::IpNet;

/// A tag of the operator's table, by the order in which tags were first seen.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TagId(u32);

impl TagId {
    /// Position in arrays with one entry per tag.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The operator's networks, each with one tag or several. An address has the
/// tags of every network that holds it, not only of the closest.
#[derive(Clone, Debug, Default)]
pub struct Nets {
    tags: Vec<String>,
    ids: HashMap<String, TagId>,
    entries: Vec<(IpNet, TagId)>,
}

impl Nets {
    /// Tags a network; the same twice counts once.
    ///
    /// # Panics
    ///
    /// After 2³² tags.
    pub fn insert(&mut self, net: IpNet, tag: &str) {
        let id = self.tag(tag).unwrap_or_else(|| {
            let id = TagId(u32::try_from(self.tags.len()).expect("fewer than 2^32 tags"));
            self.tags.push(tag.to_owned());
            self.ids.insert(tag.to_owned(), id);
            id
        });
        self.entries.push((net, id));
    }

    /// The tag of that name, if any network has it.
    pub fn tag(&self, name: &str) -> Option<TagId> {
        self.ids.get(name).copied()
    }

    /// What a tag is called; empty for a tag of another table.
    pub fn name(&self, tag: TagId) -> &str {
        self.tags.get(tag.index()).map_or("", String::as_str)
    }

    /// All names, by tag.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(String::as_str)
    }

    /// All networks with their tags, as inserted.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, TagId)> {
        self.entries.iter().copied()
    }
}
