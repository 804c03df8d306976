//! The transports over real sockets on loopback, and streams in virtual time.
#![forbid(unsafe_code)]
