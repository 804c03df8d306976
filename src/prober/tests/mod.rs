//! Probes against real sockets on loopback.
