//! The prober: runs monitors on the network and reports outcomes.
#![forbid(unsafe_code)]
