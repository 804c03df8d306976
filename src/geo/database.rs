//! One MMDB file.
//!
//! ```text
//!   file ─► Database::open ─► metadata (by the library) ─► search tree ─► records
//!                             checked here                 walked by     decoded by
//!                                                          `walk`        `record`
//! ```
//!
//! # Invariants
//!
//! - The contents never change: they are read into memory, since a mapped file
//!   that somebody truncates would end the process.
//! - An open database has metadata that fits its contents. What is broken deeper
//!   inside comes out as a [`DatabaseError`] where it is met.

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

use crate::geo::DatabaseError;
use crate::geo::HolderTexts;
use crate::geo::data_section::Decoder;
use crate::geo::record;
use crate::geo::search_tree::Cursor;
use crate::geo::search_tree::Position;
use crate::geo::search_tree::SEPARATOR;
use crate::geo::search_tree::SearchTree;
use crate::geo::search_tree::TreeError;
use crate::geo::search_tree::Width;
use crate::model::Family;
use crate::model::Place;
use crate::model::limits;

/// An MMDB file of any vendor, checked and in memory.
pub struct Database {
    label: String,
    contents: Vec<u8>,
    info: DatabaseInfo,
    width: Width,
    /// Where the data section starts and ends in `contents`.
    section: (usize, usize),
    /// Where the descent for IPv4 addresses starts.
    ipv4_root: Cursor,
}

/// What a database says of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseInfo {
    /// The vendor's name of the kind of database: `GeoLite2-City`.
    pub database_type: String,
    /// The description, the English one if there is one.
    pub description: Option<String>,
    /// When it was built, in seconds since 1970.
    pub build_epoch: u64,
    /// The families it covers: IPv4 alone or both.
    pub families: &'static [Family],
    /// Nodes of the search tree.
    pub node_count: u32,
    /// Bits of one record of a node: 24, 28 or 32.
    pub record_size: u16,
    /// The languages of its names.
    pub languages: Vec<String>,
}

impl Database {
    /// Reads a file into memory and checks it.
    ///
    /// # Errors
    ///
    /// If it can't be read or is no MMDB file; tell the operator.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let label = path.display().to_string();
        let mut contents = Vec::new();
        let read = File::open(path).and_then(|file| {
            let octets = file.metadata()?.len().min(limits::DATABASE_OCTETS);
            contents.reserve_exact(usize::try_from(octets).unwrap_or_default().saturating_add(1));
            // One more than the limit, to see that it was passed.
            file.take(limits::DATABASE_OCTETS + 1).read_to_end(&mut contents)
        });
        match read {
            Ok(octets) if octets as u64 > limits::DATABASE_OCTETS => {
                Err(DatabaseError::Size { label })
            }
            Ok(_) => Self::from_bytes(contents, label),
            Err(source) => Err(DatabaseError::Read { label, source }),
        }
    }

    /// Checks contents that were read already; `label` is what errors call them.
    ///
    /// # Errors
    ///
    /// If they are no MMDB file; tell the operator.
    pub fn from_bytes(contents: Vec<u8>, label: impl Into<String>) -> Result<Self, DatabaseError> {
        let label = label.into();
        if let Some(found) = foreign(&contents) {
            return Err(DatabaseError::Foreign { label, found });
        }
        let metadata = match maxminddb::Reader::from_source(contents.as_slice()) {
            Ok(reader) => reader.metadata().clone(),
            Err(error) => return Err(DatabaseError::Metadata { label, reason: error.to_string() }),
        };
        let damaged = |reason: &str| DatabaseError::Metadata {
            label: label.clone(),
            reason: reason.to_owned(),
        };
        let width = Width::of(metadata.record_size)
            .ok_or_else(|| damaged("the record size is not 24, 28 or 32 bits"))?;
        let start = (metadata.node_count as usize)
            .checked_mul(width.node())
            .and_then(|tree| tree.checked_add(SEPARATOR))
            .ok_or_else(|| damaged("the search tree is larger than memory"))?;
        let end = contents
            .windows(MARKER.len())
            .rposition(|window| window == MARKER)
            .filter(|end| start <= *end)
            .ok_or_else(|| damaged("the search tree is larger than the file"))?;
        let info = DatabaseInfo::of(metadata);
        let mut database =
            Self { label, contents, info, width, section: (start, end), ipv4_root: Cursor(0) };
        if database.covers(Family::V6) {
            let root = database.tree().descend_zeros(96);
            database.ipv4_root = root.map_err(|source| database.tree_error(source))?;
        }
        Ok(database)
    }

    /// What the database says of itself.
    pub const fn info(&self) -> &DatabaseInfo {
        &self.info
    }

    /// The path it was read from, or what else it was called.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Whether it can hold networks of a family.
    pub fn covers(&self, family: Family) -> bool {
        self.info.families.contains(&family)
    }

    /// What the database alone says of an address, and the depth of the network
    /// it says it of; `None` for a network without a record. Takes the address as
    /// it is: an IPv4 address inside an IPv6 one is for the caller to unpack.
    ///
    /// # Errors
    ///
    /// If the database is damaged there.
    pub fn lookup(&self, address: IpAddr) -> Result<(Option<Place>, u8), DatabaseError> {
        let (leaf, depth) = self.leaf(address)?;
        Ok((self.place(&mut self.decoder(), leaf)?, depth))
    }

    /// Whose network an address is in, as its record has it.
    ///
    /// # Errors
    ///
    /// If the file is damaged there.
    pub fn holder(&self, address: IpAddr) -> Result<HolderTexts, DatabaseError> {
        let (leaf, _) = self.leaf(address)?;
        let Position::Record(at) = self.tree().position(leaf) else {
            return Ok(HolderTexts::default());
        };
        let damaged = |source| DatabaseError::Record { label: self.label.clone(), source };
        record::holder(&mut self.decoder(), at).map_err(damaged)
    }

    fn leaf(&self, address: IpAddr) -> Result<(Cursor, u8), DatabaseError> {
        let family = Family::from(address);
        let bits = match address {
            IpAddr::V4(v4) => u128::from(u32::from(v4)),
            IpAddr::V6(v6) => u128::from(v6),
        };
        self.tree()
            .descend(self.root(family), bits, family.bits())
            .map_err(|source| self.tree_error(source))
    }

    /// Where the descent for a family starts; at the empty leaf if it is not covered.
    pub(super) fn root(&self, family: Family) -> Cursor {
        match family {
            Family::V4 => self.ipv4_root,
            Family::V6 if self.covers(Family::V6) => self.tree().root(),
            Family::V6 => self.tree().empty(),
        }
    }

    /// The search tree.
    pub(super) fn tree(&self) -> SearchTree<'_> {
        let (start, end) = self.section;
        let octets = self.contents.get(..start - SEPARATOR).unwrap_or_default();
        SearchTree::new(octets, self.width, self.info.node_count, end - start)
    }

    /// A decoder for the records.
    pub(super) fn decoder(&self) -> Decoder<'_> {
        let (start, end) = self.section;
        Decoder::new(self.contents.get(start..end).unwrap_or_default())
    }

    /// What the record of a leaf says, read by a decoder of this database;
    /// `None` for the empty leaf.
    pub(super) fn place(
        &self,
        decoder: &mut Decoder<'_>,
        leaf: Cursor,
    ) -> Result<Option<Place>, DatabaseError> {
        match self.tree().position(leaf) {
            Position::Empty | Position::Node => Ok(None),
            Position::Record(at) => {
                let damaged = |source| DatabaseError::Record { label: self.label.clone(), source };
                record::place(decoder, at).map(Some).map_err(damaged)
            }
        }
    }

    /// A damaged tree as an error of this database.
    pub(super) fn tree_error(&self, source: TreeError) -> DatabaseError {
        DatabaseError::Tree { label: self.label.clone(), source }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("label", &self.label)
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl DatabaseInfo {
    fn of(mut metadata: maxminddb::Metadata) -> Self {
        let english = metadata.description.remove("en");
        Self {
            database_type: metadata.database_type,
            description: english
                .or_else(|| metadata.description.into_values().next())
                .filter(|description| !description.is_empty()),
            build_epoch: metadata.build_epoch,
            families: match metadata.ip_version {
                4 => &[Family::V4],
                _ => &Family::ALL,
            },
            node_count: metadata.node_count,
            record_size: metadata.record_size,
            languages: metadata.languages,
        }
    }
}

/// What precedes the metadata; its last occurrence counts.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// What contents without the marker look like; `None` if they have it.
fn foreign(contents: &[u8]) -> Option<&'static str> {
    if contents.windows(MARKER.len()).rev().any(|window| window == MARKER) {
        return None;
    }
    let starts = |with: &[u8]| contents.starts_with(with);
    Some(match contents {
        [] => "empty",
        _ if starts(b"\x1f\x8b") => "compressed with gzip",
        _ if starts(b"PK\x03\x04") => "a ZIP archive",
        _ if starts(b"\x28\xb5\x2f\xfd") => "compressed with zstd",
        _ if starts(b"\xfd7zXZ") => "compressed with xz",
        _ if contents.get(257..262) == Some(b"ustar") => "a tar archive",
        _ if starts(b"<") => "a web page",
        _ if starts(b"version https://git-lfs") => "a pointer of Git LFS, not the file itself",
        _ if contents.iter().take(4096).all(|octet| octet.is_ascii() && *octet != 0) => {
            "a text file"
        }
        _ => "no MMDB file, or one cut off before its end",
    })
}

#[cfg(test)]
mod tests {
    use crate::geo::mmdb_writer::MmdbWriter;
    use crate::geo::mmdb_writer::Value;

    use super::*;

    fn country(code: &str) -> Value {
        Value::map([("country_code", Value::text(code))])
    }

    fn sound() -> Vec<u8> {
        MmdbWriter::new(24, 6)
            .insert("192.0.2.0/24", country("NL"))
            .insert("2001:db8::/32", country("JP"))
            .write()
    }

    #[test]
    fn every_record_size_and_ip_version_is_read() {
        for record_size in [24, 28, 32] {
            for ip_version in [4, 6] {
                let mut writer = MmdbWriter::new(record_size, ip_version);
                writer = writer.insert("192.0.2.0/24", country("NL"));
                if ip_version == 6 {
                    writer = writer.insert("2001:db8::/32", country("JP")).aliases();
                }
                let database = Database::from_bytes(writer.write(), "test").unwrap();
                let info = database.info();
                assert_eq!(info.record_size, record_size);
                assert_eq!(info.families.len(), if ip_version == 6 { 2 } else { 1 });
                assert_eq!(info.database_type, "Test-City");
                assert_eq!(info.description.as_deref(), Some("a database of tests"));
                assert_eq!((info.build_epoch, info.languages.len()), (1_700_000_000, 1));
                let look = |address: &str| {
                    let (place, depth) = database.lookup(address.parse().unwrap()).unwrap();
                    (place.and_then(|p| p.country).map(|c| c.to_string()), depth)
                };
                assert_eq!(look("192.0.2.77"), (Some("NL".into()), 24));
                assert_eq!(look("192.0.3.0"), (None, 24));
                if ip_version == 6 {
                    assert_eq!(look("2001:db8::7"), (Some("JP".into()), 32));
                    assert_eq!(look("::ffff:192.0.2.1"), (Some("NL".into()), 120));
                } else {
                    assert_eq!(look("2001:db8::7"), (None, 0));
                }
            }
        }
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_with_what_it_is() {
        let mut cut = sound();
        cut.truncate(cut.len() / 2);
        let mut metadata_only = sound();
        metadata_only.drain(..100);
        let edit = |from: &[u8], to: &[u8]| {
            let mut file = sound();
            let at = file.windows(from.len()).rposition(|window| window == from).unwrap();
            file[at..at + from.len()].copy_from_slice(to);
            file
        };
        let cases: [(&str, Vec<u8>, &str); 11] = [
            ("empty", vec![], "is empty"),
            ("gzip", b"\x1f\x8b\x08\0".to_vec(), "compressed with gzip"),
            ("zip", b"PK\x03\x04".to_vec(), "a ZIP archive"),
            ("html", b"<!doctype html>".to_vec(), "a web page"),
            ("lfs", b"version https://git-lfs.github.com/spec/v1".to_vec(), "Git LFS"),
            ("csv", b"1.0.0.0,1.0.0.255,AU\n".to_vec(), "a text file"),
            ("cut", cut, "cut off before its end"),
            ("marker alone", MARKER.to_vec(), "damaged metadata"),
            ("tree cut", metadata_only, "damaged metadata"),
            ("record size", edit(b"record_size\xa1\x18", b"record_size\xa1\x17"), "metadata"),
            ("version", edit(b"major_version\xa1\x02", b"major_version\xa1\x03"), "metadata"),
        ];
        for (name, file, expected) in cases {
            let error = Database::from_bytes(file, "geo.mmdb").map(|_| name).unwrap_err();
            let diagnostic = error.diagnostic();
            assert!(diagnostic.message.contains(expected), "{name}: {}", diagnostic.message);
            assert!(diagnostic.message.contains("`geo.mmdb`"), "{name}");
            assert!(diagnostic.help.is_some(), "{name}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_refused_with_the_cause() {
        let error = Database::open(Path::new("/nonexistent/geo.mmdb")).unwrap_err();
        let diagnostic = error.diagnostic();
        assert_eq!(diagnostic.code, crate::geo::codes::UNREADABLE);
        assert!(diagnostic.message.contains("No such file"), "{}", diagnostic.message);
    }

    #[test]
    fn a_file_on_disk_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("geo.mmdb");
        std::fs::write(&path, sound()).unwrap();
        let database = Database::open(&path).unwrap();
        assert_eq!(database.label(), path.display().to_string());
        assert!(database.covers(Family::V4) && database.covers(Family::V6));
    }
}
