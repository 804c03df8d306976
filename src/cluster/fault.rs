//! What keeps a node from the others.

use std::fmt;

/// Why a value could not be put, read or watched. Each is one line: what was found, what was
/// expected, what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// So much came at once that some of it was left out.
    #[error("{of} fell behind: some of what came is missing; all is read again")]
    Behind {
        /// The watch.
        of: String,
    },
    /// A file of the login can't be used.
    #[error("{what} `{path}` can't be used: {found}; correct `[cluster]` or the file")]
    File {
        /// What the file is for.
        what: &'static str,
        /// Its path.
        path: String,
        /// What is wrong with it.
        found: String,
    },
    /// There is no room for one more key.
    #[error("no room for `{key}`: there are {most} keys already; remove admin states")]
    Full {
        /// The key.
        key: String,
        /// As many fit.
        most: usize,
    },
    /// The server knows somebody else, or nobody.
    #[error("NATS at {servers} refused the login: {found}; correct the credentials in `[cluster]`")]
    Login {
        /// Who was asked.
        servers: String,
        /// What it said.
        found: String,
    },
    /// The connection ended.
    #[error("the connection to NATS ended: {found}")]
    Lost {
        /// How.
        found: String,
    },
    /// A bucket is not there and can't be made.
    #[error("the bucket `{bucket}` does not exist and can't be created: {found}; {help}")]
    Missing {
        /// The bucket.
        bucket: String,
        /// Why not.
        found: String,
        /// What to do.
        help: &'static str,
    },
    /// The login may not do this.
    #[error(
        "the login may not use `{subject}`: {found}; permit it in the NATS server's `permissions`"
    )]
    NotAllowed {
        /// What it may not publish or subscribe to.
        subject: String,
        /// What the server said.
        found: String,
    },
    /// A bucket is there, and is not as it must be.
    #[error("the bucket `{bucket}` has {found}, expected {expected}; {help}")]
    Shape {
        /// The bucket.
        bucket: String,
        /// What it has.
        found: String,
        /// What it must have.
        expected: String,
        /// What to do.
        help: String,
    },
    /// The store answered that it does not take a value now.
    #[error("the store does not take {asked}: {found}; give it more room, it is tried again")]
    Store {
        /// What was asked.
        asked: String,
        /// What it said.
        found: String,
    },
    /// No answer came in time.
    #[error("no answer in time to {asked}")]
    Timeout {
        /// The question.
        asked: String,
    },
    /// A TLS handshake failed.
    #[error(
        "TLS with NATS at {servers} failed: {found}; correct `authorities`, the client certificate \
         or the names of the servers in `[cluster]`"
    )]
    Tls {
        /// Who was asked.
        servers: String,
        /// What went wrong.
        found: String,
    },
    /// A value has more octets than may be shared.
    #[error("the value of `{key}` has {octets} octets, expected {most} at most")]
    TooLarge {
        /// Its key.
        key: String,
        /// As many it has.
        octets: usize,
        /// As many it may have.
        most: usize,
    },
    /// The server is there, its JetStream is not: not enabled, or without a leader.
    #[error(
        "JetStream does not take {asked}: {found}; wait for its leader, or enable it in the server"
    )]
    Unavailable {
        /// What was asked.
        asked: String,
        /// What it said.
        found: String,
    },
    /// No server can be reached.
    #[error("no NATS server can be reached at {servers}: {found}; trying again")]
    Unreachable {
        /// Who was asked.
        servers: String,
        /// Why not.
        found: String,
    },
}

/// What a fault says of the contact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// There is none, and trying again may mend it.
    Broken,
    /// There is none until somebody acts.
    NeedsHands,
    /// It may be back in a moment: a leader is elected, a consumer has moved.
    Passing,
}

impl Fault {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Behind { .. }
            | Self::Full { .. }
            | Self::Store { .. }
            | Self::Timeout { .. }
            | Self::TooLarge { .. }
            | Self::Unavailable { .. } => Kind::Passing,
            Self::Lost { .. } | Self::Unreachable { .. } => Kind::Broken,
            Self::File { .. }
            | Self::Login { .. }
            | Self::Missing { .. }
            | Self::NotAllowed { .. }
            | Self::Shape { .. }
            | Self::Tls { .. } => Kind::NeedsHands,
        }
    }

    /// Whether putting the same value again would come to the same.
    pub(super) const fn refuses_value(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::NotAllowed { .. } | Self::TooLarge { .. })
    }

    pub(super) fn timeout(asked: impl fmt::Display) -> Self {
        Self::Timeout { asked: asked.to_string() }
    }

    pub(super) fn lost(found: impl fmt::Display) -> Self {
        Self::Lost { found: found.to_string() }
    }
}
