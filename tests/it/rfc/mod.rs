//! Conformance, one module per RFC, tests named by section.
//!
//! Every question is asked over UDP and over TCP; `world` asserts what must not differ,
//! `wire` what every response must be.

mod design;
mod rfc1034;
mod rfc1035;
mod rfc2181;
mod rfc2308;
mod rfc3225;
mod rfc3597;
mod rfc4343;
mod rfc4592;
mod rfc4892;
mod rfc5001;
mod rfc5358;
mod rfc5936;
mod rfc6604;
mod rfc6672;
mod rfc6891;
mod rfc7766;
mod rfc7828;
mod rfc7871;
mod rfc8482;
mod rfc8906;
mod rfc8914;
mod rfc9471;
mod rfc9619;
