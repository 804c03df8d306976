//! A host that stands for the clients around it.

use std::net::IpAddr;

/// A host to which round trips are measured.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Landmark {
    /// Its address.
    pub address: IpAddr,
    /// The port that takes connections; without one it is asked for an echo.
    pub port: Option<u16>,
    /// An address of the prefix that it stands for.
    pub client: IpAddr,
}
