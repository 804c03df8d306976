//! What the API asks of the node.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Serialize;
use tokio::sync::oneshot;

use crate::engine::AdminChange;
use crate::engine::AdminDone;
use crate::engine::AdminRefusal;
use crate::engine::Status;
use crate::model::Name;
use crate::model::RecordType;

/// One question or order; each is answered once. A reply that nobody waits for any longer is
/// thrown away.
#[derive(Debug)]
pub enum Request {
    /// Change an admin state.
    Admin(AdminChange, oneshot::Sender<Result<Ordered, AdminRefusal>>),
    /// Why a client gets what it gets: the JSON of `meridian explain`.
    Explain(Explain, oneshot::Sender<Result<serde_json::Value, String>>),
    /// A target of a `push` monitor says how it is.
    Heartbeat(Heartbeat, oneshot::Sender<Result<(), NoSuchCheck>>),
    /// Take the configuration again; the diagnostics as JSON if it was not taken.
    Reload(oneshot::Sender<Result<Taken, serde_json::Value>>),
    /// What is known, of a moment ago at the most.
    Status(oneshot::Sender<Arc<Status>>),
}

/// An admin state that was changed: answers follow it already.
#[derive(Debug)]
pub struct Ordered {
    /// What it came to.
    pub done: AdminDone,
    /// Says when it is on disk, or in words why it is not.
    pub saved: oneshot::Receiver<Result<(), String>>,
}

/// A configuration that was taken.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Taken {
    /// How often one was.
    pub generation: u64,
    /// Why the addresses stay as they were, where one can't be had.
    pub listen: Option<String>,
    /// What of it a restart takes up.
    pub at_restart: Vec<&'static str>,
}

/// What is to be explained.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explain {
    /// The name that is asked for.
    pub name: Name,
    /// The type that is asked for.
    pub qtype: RecordType,
    /// The client subnet that its resolver passes on.
    pub client: Option<IpNet>,
    /// The resolver; the client itself if absent.
    pub resolver: Option<IpAddr>,
}

/// What the target of a `push` monitor says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heartbeat {
    /// The monitor.
    pub monitor: String,
    /// The endpoint or region that it is of: an address, a host name, or a region's name.
    pub target: String,
    /// `None`: fine. Else why not.
    pub failure: Option<String>,
}

/// No `push` monitor of that name watches that target.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no push monitor `{monitor}` watches `{target}`")]
pub struct NoSuchCheck {
    /// The monitor.
    pub monitor: String,
    /// The target.
    pub target: String,
}
