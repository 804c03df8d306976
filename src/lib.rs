//! Meridian: an authoritative DNS server that is a global load balancer.
//!
//! Delegate a subdomain to it; it answers each query for a balanced name with the address of
//! the region that is best for that client. This page is the map of the code; how it behaves
//! is in the [`manual`], how to start it in `README.md`.
//!
//! # Bird's eye
//!
//! Everything turns on one pure decision of five steps. Code, manual and `explain` use these
//! five words and no others.
//!
//! ```text
//!  query ─► locate ─► rank ─► admit ─► split ─► answer
//!           who is    which    which    one of   RRset, TTL,
//!           asking    regions  may      the ties  ECS scope
//!           (ECS,     suit it, take it  by weight
//!           else the  best              or by
//!           resolver) first             sticky
//!                                       hash
//!           └─ compiled into ┘ └ standing ┘└─ drawn per query ─┘
//!              one prefix map
//!              at load
//! ```
//!
//! The way of a query, and of what it reads:
//!
//! ```text
//!  meridian.toml ─┐                                   cli: wires all of this, reloads
//!  master files ──┼─► config ─► World::build ─► World ─┐
//!  MMDB files ────┘    │         geo: walk            ├─► Snapshot ═one swap═► workers
//!                      ▼         steer: rank, merge   │
//!                 Diagnostic            Standing ─────┘
//!
//!  UDP  recvmmsg ─► ┌────────────────────────────────────────────────┐ ─► sendmmsg
//!                   │ respond: wire ─► zone ─┬─► static data ─► wire │
//!  TCP  read ─────► │                        └─► steer::decide ──┘   │ ─► write
//!                   └────────────────────────────────────────────────┘
//!  explain ───────►   the same, with a recorder                        ─► table, JSON
//! ```
//!
//! And of what changes while it runs:
//!
//! ```text
//!  endpoints ◄── prober ──► reports ───┐
//!  operators ◄── control ─► requests ──┼─► engine ─► Standing ─► Snapshot ═one swap═► workers
//!  others ◄───── cluster ─► news ──────┤      ├────► opinions, orders ─► cluster
//!  reload, time ───────────────────────┘      └────► notices, state directory
//!  balancers ◄── meters ──► readings ────► spill ──► shares ───────────────┘
//! ```
//!
//! And of what ranks regions otherwise, in minutes:
//!
//! ```text
//!  logs ◄──── reporter ─┐
//!  browsers ─► control ─┼─► samples: table ─► latency: orders ─► World::build, aside ─► one swap
//!  hosts ◄──── prober ──┘                           └─► others, who do the same
//! ```
//!
//! # Code map
//!
//! A room imports from lower floors only; a test holds this table against the code.
//!
//! | floor | room | what lives there |
//! |--:|---|---|
//! | 0 | [`model`] | the nouns as plain values, their limits, diagnostics as data |
//! | 0 | [`tasks`] | named, bounded, stoppable tasks and threads |
//! | 1 | [`wire`] | the DNS message format: one query in, one response out, no allocation |
//! | 1 | [`geo`] | MMDB files, places, the operator's nets, the prefix map |
//! | 1 | [`health`] | outcomes of probes, damped to opinions; what the opinions of all come to |
//! | 1 | [`load`] | whom regions that fill up refuse, so that nobody is over and clients lose least |
//! | 1 | [`latency`] | round trips measured, and what they say of those that were not |
//! | 2 | [`zone`] | master files, and RFC 1034 lookups in what they compile to |
//! | 2 | [`steer`] | the five steps, and the trace that explains them |
//! | 3 | [`config`] | TOML to raw to checked, with every mistake |
//! | 4 | [`snapshot`] | the compiled world and its standing, published by one swap |
//! | 4 | [`store`] | the state that outlives a restart: one text in one file, written aside |
//! | 5 | [`responder`] | octets in, octets out |
//! | 5 | [`engine`] | the single writer of all that changes: events in, effects out |
//! | 5 | [`meters`] | how loaded regions are, as their balancers say or the API is told |
//! | 5 | [`reporter`] | round trips that load balancers log: read, thinned, waiting for nodes |
//! | 5 | [`spill`] | what loads of regions come to: a plan on a thread of its own, shares for all |
//! | 5 | [`samples`] | round trips as they are reported: read, kept in the table, on disk |
//! | 6 | [`cluster`] | what nodes share: opaque values by key, in this process or through NATS |
//! | 6 | [`control`] | the HTTP API, metrics, hooks |
//! | 6 | [`prober`] | probes on the network |
//! | 6 | [`server`] | UDP workers, TCP, sockets from systemd; the only `unsafe` code |
//! | 7 | [`cli`] | subcommands; the only place that wires parts together |
//! | – | [`manual`] | prose |
//!
//! # Invariants
//!
//! - The answer path takes no lock, allocates nothing, waits for nothing, logs nothing and
//!   reads no clock. Randomness, time and what is known of the world are arguments.
//! - One [`respond`](responder::respond) serves every transport, `explain`, tests and benches.
//! - A reader takes one [`Snapshot`](snapshot::Snapshot) and never a second for the same query.
//! - A scope is sound and tight, and does not depend on what is up: see [`manual::ecs`].
//! - Which names and types exist depends on neither client nor health.
//! - A file with an error never replaces a running configuration, and every mistake in it is
//!   reported.
//! - What input can make grow has a bound in [`model::limits`].
//! - Normal results (NXDOMAIN, REFUSED, nothing admitted) are values, not errors.
//!
//! # Not here
//!
//! This version has no DNSSEC signing, no zone transfers, no encrypted transports. Where the configuration has keys for them, they are checked, and
//! [`manual::configuration`] says that they do nothing yet.
//!
//! # Start with
//!
//! 1. [`model::Service`] and [`model::Policy`]: what the operator says.
//! 2. [`steer::decide`]: the decision, then [`steer::compile`]: what it looks things up in.
//! 3. [`responder::respond`]: from octets to octets.
//! 4. [`engine::Engine`]: what changes answers while a node runs.
//! 5. [`manual::decisions`]: why it is so.
#![deny(unsafe_code)]

pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
pub mod engine;
pub mod geo;
pub mod health;
pub mod latency;
pub mod load;
pub mod meters;
pub mod model;
pub mod prober;
pub mod reporter;
pub mod responder;
pub mod samples;
pub mod server;
pub mod snapshot;
pub mod spill;
pub mod steer;
pub mod store;
pub mod tasks;
pub mod wire;
pub mod zone;

pub mod manual {
    //! The manual: how Meridian behaves and why.
    //!
    //! Prose only, in files of `src/manual`: versioned with the code, its links checked, and
    //! `cargo doc --open` shows it beside what it speaks of.
    //!
    //! | page | for |
    //! |---|---|
    //! | [`api`] | the control API: requests, tokens, problems |
    //! | [`cluster`] | several probers and name servers: who votes, what is shared, what if not |
    //! | [`configuration`] | every key, its default, its range |
    //! | [`diagnostics`] | what `meridian check` may say |
    //! | [`zones`] | what master files may hold |
    //! | [`ecs`] | client subnets: whose address decides, and for whom an answer holds |
    //! | [`health`] | what is probed, what outcomes come to, what that does to answers |
    //! | [`load_sources`] | where the load of regions is known from: a recipe per balancer |
    //! | [`latency`] | how round trips are estimated, and how good that is |
    //! | [`load`] | whom regions that fill up send away, and how that is planned |
    //! | [`operations`] | signals, reloading, exit codes, logs, room to plan for |
    //! | [`rfc7871`] | what the RFC of client subnets asks for, row by row, and how we know |
    //! | [`systemd`] | the unit, and restarts without a lost query |
    //! | [`decisions`] | what was decided against something else, and why |

    pub mod api {
        #![doc = include_str!("manual/api.md")]
    }

    pub mod cluster {
        #![doc = include_str!("manual/cluster.md")]
    }

    pub mod configuration {
        #![doc = include_str!("manual/configuration.md")]
    }

    pub mod decisions {
        //! Decisions: one page each, with what was chosen, why, and what it costs.

        pub mod compiled_prefix_map {
            #![doc = include_str!("manual/decisions/001-compiled-prefix-map.md")]
        }

        pub mod own_udp_workers {
            #![doc = include_str!("manual/decisions/002-own-udp-workers.md")]
        }

        pub mod toml_walk {
            #![doc = include_str!("manual/decisions/003-toml-walk.md")]
        }

        pub mod explain_runs_the_responder {
            #![doc = include_str!("manual/decisions/004-explain-runs-the-responder.md")]
        }

        pub mod bias {
            #![doc = include_str!("manual/decisions/005-bias.md")]
        }

        pub mod tags_add_up {
            #![doc = include_str!("manual/decisions/006-tags-add-up.md")]
        }

        pub mod orders_by_area {
            #![doc = include_str!("manual/decisions/007-orders-by-area.md")]
        }

        pub mod cutoffs {
            #![doc = include_str!("manual/decisions/008-cutoffs.md")]
        }
    }

    pub mod diagnostics {
        #![doc = include_str!("manual/diagnostics.md")]
    }

    pub mod ecs {
        #![doc = include_str!("manual/ecs.md")]
    }

    pub mod health {
        #![doc = include_str!("manual/health.md")]
    }

    pub mod latency {
        #![doc = include_str!("manual/latency.md")]
    }

    pub mod load {
        #![doc = include_str!("manual/load.md")]
    }

    pub mod load_sources {
        #![doc = include_str!("manual/load-sources.md")]
    }

    pub mod operations {
        #![doc = include_str!("manual/operations.md")]
    }

    pub mod rfc7871 {
        #![doc = include_str!("manual/rfc7871.md")]
    }

    pub mod systemd {
        #![doc = include_str!("manual/systemd.md")]
    }

    pub mod zones {
        #![doc = include_str!("manual/zones.md")]
    }
}
