//! The nouns of Meridian as plain values: names, regions, services, policies, limits.
//!
//! Everything here is data with its invariants and its text form. Nothing does
//! I/O, reads a clock or knows how an answer is made; every other room may use
//! this one, and this one uses none.
//!
//! # Start with
//!
//! [`Service`], then [`Policy`]: what the operator writes, checked.
#![forbid(unsafe_code)]

pub mod limits;
pub mod sound;

mod admin;
mod capacity;
mod carrier;
mod coordinates;
mod diagnostic;
mod input_files;
mod landmark;
mod load;
mod maintenance;
mod min_regions;
mod monitor;
mod name;
mod node_problem;
mod place;
mod policy;
mod quorum;
mod rcode;
mod record_type;
mod region;
mod service;
mod ttl;
mod vantage;

pub use admin::{AdminState, AdminTarget};
pub use capacity::Capacity;
pub use carrier::Carrier;
pub use coordinates::Coordinates;
pub use diagnostic::{Code, Diagnostic, Label, Severity, SourceId, Sources, Span};
pub use input_files::{InputFiles, name as file_name};
pub use landmark::Landmark;
pub use load::{
    HaProxyField, LoadFormat, LoadFrom, LoadLogin, LoadSource, LoadTls, NginxField, RegionLoad,
};
pub use maintenance::{Calendar, CalendarError, Every, Maintenance, Window};
pub use min_regions::MinRegions;
pub use monitor::{
    BodyMatch, DnsProbe, ExecProbe, GrpcProbe, HttpProbe, Monitor, MonitorId, Monitors, Probe,
    ProbeAt, ProbeHost, TcpProbe, TlsOptions, TlsProbe,
};
pub use name::{Name, NameError};
pub use node_problem::{NodeProblem, NodeProblems, ProblemCode};
pub use place::{Asn, Continent, Country, Holder, HolderName, Place, Subdivision};
pub use policy::{Match, Policy, Rank, Rule, Tie};
pub use quorum::{Quorum, Voting, VotingScope};
pub use rcode::Rcode;
pub use record_type::{Class, RecordType};
pub use region::{Region, RegionId, RegionMonitor, RegionSet};
pub use service::{AllDown, Endpoint, Failback, Pool, Service, Target, Weight};
pub use ttl::Ttl;
pub use vantage::{Vantage, VantageGroupId, VantageId, Vantages};

/// An address family; the wire names them by number (RFC 7871, 6).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// IPv4, answered in A records.
    V4,
    /// IPv6, answered in AAAA records.
    V6,
}

impl Family {
    /// Both families, IPv4 first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Bits of an address: 32 or 128.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The record type that carries an address of this family.
    pub const fn record_type(self) -> RecordType {
        match self {
            Self::V4 => RecordType::A,
            Self::V6 => RecordType::AAAA,
        }
    }

    /// Position in arrays that hold one entry per family.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl From<std::net::IpAddr> for Family {
    fn from(address: std::net::IpAddr) -> Self {
        match address {
            std::net::IpAddr::V4(_) => Self::V4,
            std::net::IpAddr::V6(_) => Self::V6,
        }
    }
}
