//! What can be wrong with a database, and how the operator is told.

use std::io;

use crate::geo::codes;
use crate::geo::data_section::DataError;
use crate::geo::search_tree::TreeError;
use crate::model::Diagnostic;
use crate::model::Severity;
use crate::model::limits;

/// Why a database can't be used. The file that was in use stays in use.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The contents are not an MMDB file at all.
    #[error("`{label}` is {found}: expected a MaxMind DB file (.mmdb)")]
    Foreign {
        /// The path, or what else the contents are called.
        label: String,
        /// What the contents look like.
        found: &'static str,
    },
    /// The metadata is damaged or of a version we don't know.
    #[error("`{label}` has damaged metadata: {reason}")]
    Metadata {
        /// The path, or what else the contents are called.
        label: String,
        /// What was found and expected.
        reason: String,
    },
    /// The file can't be read.
    #[error("failed to read `{label}`")]
    Read {
        /// The path.
        label: String,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// A record is damaged.
    #[error("`{label}` has a damaged record: {source}")]
    Record {
        /// The path, or what else the contents are called.
        label: String,
        /// What is wrong with it.
        source: DataError,
    },
    /// The file is larger than any database.
    #[error(
        "`{label}` has more than {} octets: no database is that large",
        limits::DATABASE_OCTETS
    )]
    Size {
        /// The path.
        label: String,
    },
    /// The search tree is damaged.
    #[error("`{label}` has a damaged search tree: {source}")]
    Tree {
        /// The path, or what else the contents are called.
        label: String,
        /// What is wrong with it.
        source: TreeError,
    },
}

impl DatabaseError {
    /// What the database is called: [`label`](crate::geo::Database::label).
    pub fn label(&self) -> &str {
        match self {
            Self::Foreign { label, .. }
            | Self::Metadata { label, .. }
            | Self::Read { label, .. }
            | Self::Record { label, .. }
            | Self::Size { label }
            | Self::Tree { label, .. } => label,
        }
    }

    /// The problem as the operator sees it, without a place: whoever knows
    /// which line of the configuration named the file adds that.
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, help) = match self {
            Self::Foreign { .. } => (
                codes::NOT_A_DATABASE,
                "download the MMDB edition of the database, and unpack it if it came in an archive",
            ),
            Self::Metadata { .. } | Self::Record { .. } | Self::Tree { .. } => (
                codes::DAMAGED,
                "download the file again, compare its checksum with the vendor's, \
                 and put it in place by renaming it rather than by writing over the old one",
            ),
            Self::Read { .. } => (
                codes::UNREADABLE,
                "check the path, which is relative to the configuration file, \
                 and that the user Meridian runs as may read it",
            ),
            Self::Size { .. } => (codes::TOO_LARGE, "name the .mmdb file itself"),
        };
        let message = match self {
            Self::Read { source, .. } => format!("{self}: {source}"),
            Self::Foreign { .. }
            | Self::Metadata { .. }
            | Self::Record { .. }
            | Self::Size { .. }
            | Self::Tree { .. } => self.to_string(),
        };
        Diagnostic::new(code, Severity::Error, message).help(help)
    }
}
