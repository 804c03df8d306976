//! Name servers and probers as operators run them, with real NATS servers between them.
//!
//! Each test has a [`Fleet`](crate::lab::Fleet) of its own. Waits are for what must happen; how
//! long it took is printed.

mod propagation;
mod servers;
mod silence;
mod vantages;

/// Three failures in a row take seconds, which no pause of a busy machine takes.
const MONITOR: &str =
    "interval = \"1s\"\ntimeout = \"900ms\"\nrise = 2\nfall = 3\nhold-down = \"0s\"";
