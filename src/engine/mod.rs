//! The engine: the single writer of all that changes while a node runs. Pure.
#![forbid(unsafe_code)]

mod admin;
mod notice;
mod status;

pub use admin::{AdminChange, AdminDone, AdminRefusal};
pub use notice::{Notice, What};
pub use status::{
    AdminStatus, CheckStatus, EndpointStatus, PoolStatus, RegionStatus, ServiceState,
    ServiceStatus, Status,
};

pub use crate::health::Verdict;
