//! What is shipped to run Meridian with: `docker-compose.yml`, the `Dockerfile`, and units of
//! systemd.
//!
//! No Docker engine runs on every machine. So the files are read as Docker would and held
//! against the commands and against one another; and what they describe runs as processes, each
//! container with namespaces, a user and capabilities of its own.
//!
//! # Start with
//!
//! `agreement`, then `topology`.

mod agreement;
mod compose;
mod container;
mod image;
mod topology;
mod units;
