//! The bound on everything that input can make grow.
//!
//! One constant each: the value, the reason, and what happens beyond it.

mod measuring;
mod shared;

use std::time::Duration;

pub use measuring::*;
pub use shared::*;

/// Regions in a configuration; more is an error. 232 cloud regions exist today.
pub const REGIONS: usize = 512;

/// Weight of one pool or endpoint; more is an error. Sums are kept in 64 bits.
pub const WEIGHT: u32 = 1_000_000;

/// The least capacity; less is an error. What takes nothing is drained.
pub const CAPACITY_LEAST: f64 = 0.001;

/// Endpoints in one pool; more is an error. Twice what fits a 1232-byte answer.
pub const ENDPOINTS_PER_POOL: usize = 128;

/// Endpoints in one answer; more is an error. 28 AAAA records fit 1232 bytes.
pub const ANSWERS: u8 = 28;

/// Monitors in a configuration; more is an error. Each may hold a TLS configuration.
pub const MONITORS: usize = 10_000;

/// Monitors times what they probe; more is an error. At 10 s each that is 10,000 probes a
/// second, ten times what one prober is measured for.
pub const CHECKS: usize = 100_000;

/// How often a target may be probed; else is an error. More often would be a load, and more
/// seldom no news.
pub const PROBE_INTERVAL: [Duration; 2] =
    [Duration::from_millis(100), Duration::from_secs(24 * 3600)];

/// How long a probe may take; else is an error. It is also at most the interval.
pub const PROBE_TIMEOUT: [Duration; 2] = [Duration::from_millis(1), Duration::from_secs(3600)];

/// How long a target that keeps flipping may be held down; more is an error. Past a day an
/// operator should have looked.
pub const HOLD_DOWN: [Duration; 2] = [Duration::ZERO, Duration::from_secs(24 * 3600)];

/// Outcomes in a row that an opinion may take; more is an error. At 10 s each it would be a
/// quarter of an hour old.
pub const OUTCOMES_IN_A_ROW: u8 = 100;

/// How long before a certificate ends a warning may be asked for; more is an error. No
/// authority gives one for ten years.
pub const EXPIRY_WARNING: [Duration; 2] = [Duration::ZERO, Duration::from_secs(3650 * 24 * 3600)];

/// Redirects that a probe may follow; more is an error. A browser gives up at twenty.
pub const REDIRECTS: u8 = 10;

/// Octets of memory that a pattern may take, and as many again while it is used; more is an
/// error. What people write takes a hundredth of it.
pub const PATTERN: usize = 1024 * 1024;

/// Patterns of monitors that are handed over; those past it are left out. All at their most
/// fit the memory of a small machine.
pub const HANDED_PATTERNS: usize = 256;

/// The largest response code of DNS; more is an error. Twelve bits (RFC 6891, 6.1.3).
pub const RCODE: u16 = 4095;

/// Characters of an operator's name for something; more is an error. It labels metrics and log
/// lines.
pub const IDENTIFIER: usize = 64;

/// Probes under way at a time; past that one waits until another ends, and is counted. Each
/// has a socket, and the usual limit of those leaves room for as many again.
pub const PROBES_IN_FLIGHT: usize = 4096;

/// Programs that probes run at a time; past that one waits. Each is a process.
pub const PROBE_PROGRAMS: usize = 64;

/// Octets of an answer that a probe judges; the rest never matters.
pub const PROBE_BODY: usize = 64 * 1024;

/// Octets of the rest of an answer that a probe reads and forgets, so that its target can end
/// in order; past that the connection is cut.
pub const PROBE_REST: usize = 1024 * 1024;

/// Octets of the head of an HTTP answer to a probe; more is a failure. Hyper takes no less.
pub const PROBE_HEAD: usize = 64 * 1024;

/// Header lines of an HTTP answer to a probe; more is a failure. Any server needs fewer, and the
/// places for them take 256 KiB while a head is read.
pub const PROBE_HEADERS: usize = 4096;

/// Addresses of one name that a probe tries; the rest is left out. Each further one shortens the
/// time that the others have, and no client goes so far.
pub const PROBE_ADDRESSES: usize = 16;

/// How long a verdict up may be held of a target that can't be probed; more is an error. Past a
/// day nobody knows anything of it.
pub const HOLD_UNABLE: [Duration; 2] = [Duration::ZERO, Duration::from_secs(24 * 3600)];

/// Rules in one policy; more is an error.
pub const RULES: usize = 10_000;

/// Maintenance tables in a configuration; more is an error. Each is looked at whenever one
/// of them begins or ends.
pub const MAINTENANCES: usize = 256;

/// Targets of one maintenance; more is an error. Every region, and as many pools again.
pub const MAINTENANCE_TARGETS: usize = 1024;

/// Octets of the state that outlives a restart; more is neither written nor read. A hundred
/// thousand checks fit.
pub const STATE: usize = 64 * 1024 * 1024;

/// GeoIP databases in one configuration; more is an error.
pub const DATABASES: usize = 8;

/// Octets of a GeoIP database; more is an error. The largest commercial one has a third of it.
pub const DATABASE_OCTETS: u64 = 2 << 30;

/// Region sets that one policy is compiled for; past that services share the
/// map of the union (DESIGN 1). Sets of services that are judged by vantage groups are counted
/// by themselves.
pub const MAPS_PER_POLICY: usize = 64;

/// Octets of a name on the wire (RFC 1035, 2.3.4).
pub const NAME: usize = 255;

/// Octets of a label (RFC 1035, 2.3.4).
pub const LABEL: usize = 63;

/// Names of one response, each of their suffixes counted, that later names can point to; past
/// that, names are written as short as those let them be. A referral to 13 servers in as many
/// domains of their own has 65 at most, and what is looked through per name stays short.
pub const COMPRESSION_TARGETS: usize = 128;

/// CNAME and DNAME steps inside one answer; the chain stops there and the
/// resolver goes on by itself.
pub const CHAIN: usize = 8;

/// UDP payload we announce, and send at most unless configured lower (DNS Flag Day 2020; avoids
/// fragmentation of IPv6).
pub const UDP_PAYLOAD: u16 = 1232;

/// Octets of a UDP response per octet of its query; what would be longer is truncated, and comes
/// by TCP. A sender that is not at the address it gives can't make others get more. The largest
/// referrals that fit [`UDP_PAYLOAD`] take about as much, and at 20 an answer of 924 octets to a
/// query of 44 was cut that every peer gives whole.
pub const UDP_AMPLIFICATION: usize = 21;

/// Octets that a response may have with addresses that nobody needs added to it; past that,
/// they are left out. What fits any resolver's buffer (RFC 1035, 4.2.1).
pub const OPTIONAL_ADDRESSES: usize = 512;

/// Datagrams taken and answered together; more wait for the next batch. Past 32 the gain is
/// within the noise, and the first of a larger batch waits longer for its reply.
pub const BATCH: usize = 32;

/// A message over a stream: what the two-octet length can say (RFC 7766, 8).
pub const MESSAGE: usize = 65_535;

/// Depth of `$INCLUDE`; deeper is an error.
pub const INCLUDE_DEPTH: usize = 8;

/// Files that one zone may include, over all; more is an error. With the depth alone, eight
/// files that include the next one a hundred times each would be read 10¹⁶ times.
pub const INCLUDES: usize = 10_000;

/// Records that the `$GENERATE` lines of one zone may make, over all; more is an error. A line of
/// forty octets could ask for 2³¹ of them. Fifteen ranges of 65,536 addresses fit.
pub const GENERATED: u32 = 1_000_000;

/// Octets of a file of a zone; more is an error. Some twenty million records fit.
pub const ZONE_FILE: usize = 1024 * 1024 * 1024;

/// Octets of owners and record data in the zones of a configuration, over all; more is an
/// error: the compiled zones count octets in 31 bits, and names between others take room too.
pub const ZONE_DATA: usize = 1024 * 1024 * 1024;

/// Octets of a configuration file or file of networks; more is an error. A million
/// prefixes fit.
pub const CONFIG_FILE: usize = 64 * 1024 * 1024;

/// Octets of a file of populations; one that has more is not read. All countries, with remarks.
pub const POPULATION_FILE: usize = 64 * 1024;

/// Problems reported from one file; the rest is counted.
pub const DIAGNOSTICS_PER_FILE: usize = 100;

/// Problems reported from all files of one zone; the rest is counted. It may include 10,000 files.
pub const DIAGNOSTICS_PER_ZONE: usize = 1000;

/// Threads of one runtime that may block: mostly names that the system is asked for at a time; more
/// wait within their timeout.
pub const BLOCKING_THREADS: usize = 64;

/// Open TCP connections per node; past that one that takes no answers makes room, or else one of
/// the client that has most.
pub const TCP_CONNECTIONS: usize = 4096;

/// Octets that all TCP connections hold together: queries half read, and answers that clients have
/// not taken yet, in the kernel or out of it; past that who takes nothing is cut off. A hundred
/// of the largest answers are on their way at a time.
pub const TCP_BUFFERS: usize = 8 * 1024 * 1024;

/// Open TCP connections per client, an IPv4 address or an IPv6 /64, so that one can't take all; past
/// that one of its own makes room.
pub const TCP_CONNECTIONS_PER_CLIENT: usize = 128;

/// Tasks and threads at a time; past that a new one is refused. Room for every
/// TCP connection, a thread per worker and address, and the control plane.
pub const TASKS: usize = 8192;

/// Octets of log lines that wait to be written; past that lines are lost and counted. Some 10,000
/// of them, which is more than anybody has to see who can't read at the moment.
pub const LOG_QUEUE: usize = 1024 * 1024;

/// Addresses to listen on; more is an error. Each costs a thread per worker.
pub const LISTEN_ADDRESSES: usize = 64;

/// UDP workers per listen address; more is an error.
pub const WORKERS: usize = 256;

/// Sockets taken over from the service manager; the rest is closed with a
/// warning. What one message to its store may carry (SCM_MAX_FD).
pub const HANDED_OVER: usize = 253;

/// Octets of a UDP query that are read; the rest is cut off, and what is left
/// is answered as malformed. We announce [`UDP_PAYLOAD`], so longer ones
/// break RFC 6891, 6.2.3 already.
pub const UDP_QUERY: usize = 4096;

/// Clients, nodes or orders that are named when an operator is told what keeps a drain from being
/// over; the rest is counted. A screen of them.
pub const UNSETTLED: usize = 16;

/// Admin states that are set at a time; one more is refused.
pub const ADMIN_STATES: usize = 10_000;

/// Tokens of the control API; more is an error. Each request is compared with all of them.
pub const TOKENS: usize = 64;

/// Hooks; more is an error. Each has a queue and a task of its own.
pub const HOOKS: usize = 16;

/// Notices that wait for one hook; past that the oldest is dropped and counted. At the default
/// time-out of 5 s the last of them would be called an hour and a half late.
pub const HOOK_QUEUE: usize = 1000;

/// Open connections to the control API of those who have shown no token, and again of those who
/// have; past that the one that waited longest for a request to come is closed. A fleet of
/// dashboards fits, and each costs a task and a few KiB.
pub const API_CONNECTIONS: usize = 256;

/// Connections of these that one IPv4 address or IPv6 /64 may have without a token; past that its
/// own that waited longest is closed.
pub const API_CONNECTIONS_PER_PEER: usize = 64;

/// Connections of one token; past that its own that waited longest is closed.
pub const API_CONNECTIONS_PER_TOKEN: usize = 32;

/// Requests without a token under way at a time; more are answered with 503. Fewer than there are
/// connections: the rest are places for those who have not shown a token yet.
pub const API_BUSY: usize = 192;

/// Requests without a token of one IPv4 address or IPv6 /64 under way at a time; more are answered
/// with 503. Half of its connections, for the same reason.
pub const API_BUSY_PER_PEER: usize = 32;

/// Octets of bodies of requests that are being read or waited for at a time, half of them of one
/// token or address; more are answered with 503. Eight of the largest.
pub const API_BODIES: usize = 8 * LATENCY_BATCH;

/// Octets of answers of the control API that are being taken at a time, of those that are longer
/// than [`API_SLICE`]; past that some are cut off. Three states of ten thousand services.
pub const API_ANSWERS: usize = 32 * 1024 * 1024;

/// Octets of an answer that a connection of the control API is given at a time; the rest waits
/// until they were taken.
pub const API_SLICE: usize = 16 * 1024;

/// When to come again after a 503 of the control API: what is under way takes seconds.
pub const API_COME_AGAIN: Duration = Duration::from_secs(2);

/// Connections of the control API that are being told 503 at a time while they are closed; past
/// that they are closed only.
pub const API_FAREWELLS: usize = 32;

/// Octets of a request's line and header to the control API; more is answered with 431. A long
/// token and what a browser sends fit.
pub const API_HEADER: usize = 16 * 1024;

/// Octets of a request's body to the control API; more is answered with 413. The longest that
/// means something is an admin state with its reason.
pub const API_BODY: usize = 64 * 1024;

/// Event streams of the control API at a time; more are answered with 503, but for a token one
/// of a lesser role or without a token ends. Each is a copy of every notice.
pub const API_STREAMS: usize = 64;

/// Event streams of one IPv4 address or IPv6 /64 without a token; more are answered with 503.
pub const API_STREAMS_PER_PEER: usize = 8;

/// Event streams of one token; more are answered with 503. Some dashboards share one.
pub const API_STREAMS_PER_TOKEN: usize = 16;

/// Octets of a token; a longer one is none. A hash of 256 bits as text has 64.
pub const API_TOKEN: usize = 1024;

/// Peers of which the control API remembers how often they asked; past that the one that was
/// quiet longest is forgotten.
pub const API_PEERS: usize = 1024;

/// Requests that one peer may send to the control API at once; past that it gets
/// [`API_RATE`] a second, and 429. A dashboard opens with a dozen.
pub const API_BURST: u32 = 100;

/// Requests per second and peer of the control API; more are answered with 429. A script that
/// drains endpoints one by one stays below.
pub const API_RATE: u32 = 50;

/// Requests with one token that may be sent to the control API at once, whoever sends them; past
/// that it gets [`API_TOKEN_RATE`] a second, and 429. A thousand targets of `push` monitors may
/// share one.
pub const API_TOKEN_BURST: u32 = 1000;

/// Requests per second and token of the control API; more are answered with 429.
pub const API_TOKEN_RATE: u32 = 500;

/// Characters of an operator's reason for an admin state; more is refused. It is in every
/// status and in logs.
pub const WHY: usize = 500;

/// Requests of the API that may wait for the node; past that it answers 503.
pub const REQUESTS: usize = 64;

/// Places of these that only operators may take: whatever is asked otherwise, they are heard.
pub const REQUESTS_OF_OPERATORS: usize = 16;

/// NATS servers in a configuration; more is an error. They name each other to whoever has
/// reached one.
pub const CLUSTER_SERVERS: usize = 16;

/// Vantages in a configuration; more is an error. Each node keeps the opinions of all.
pub const VANTAGES: usize = 1024;

/// Vantage groups in a configuration; more is an error. Each may have an admitted set of its
/// own in every service.
pub const VANTAGE_GROUPS: usize = 64;

/// Octets of one value that is shared in the cluster; more is neither sent nor taken. What a
/// NATS server takes unless it is told otherwise.
pub const SHARED_VALUE: usize = 1024 * 1024;

/// Octets of the name of a node or vantage; more is an error. It is a part of keys.
pub const NODE_NAME: usize = 63;

/// Nodes that are remembered by the others; past that the one that was quiet longest is
/// forgotten.
pub const NODES: usize = 1280;

/// Values that wait to be put; one more is refused. A node has one for each admin state, and a
/// quarter is left for the rest.
pub const PUTS: usize = 32_768;

/// Values on their way to the cluster's store at a time; past that one waits. At a round trip of
/// 200 ms that is 80 a second, and at start a node has one for each of its admin states.
pub const PUTS_IN_FLIGHT: usize = 16;

/// News of the cluster that wait for the node; past that entries are left out and all is read
/// again once it has caught up. A change at every vantage at once fits.
pub const NEWS: usize = 1024;

/// Octets of these; past that in the same way. Opinions of a thousand vantages, at 8 kB each.
pub const NEWS_OCTETS: usize = 8 * 1024 * 1024;

/// Octets that a NATS server may send before they are asked for again; more wait there.
pub const NEWS_AHEAD: usize = 4 * 1024 * 1024;

/// Senders of whom it is remembered that it was told what is wrong with their values, so that it
/// is told once an hour; past that it is only counted.
pub const COMPLAINTS: usize = 64;

/// Problems of a node of one kind that are listed, such as addresses that it waits for; past that
/// there is a common cause, and more lines would not help to find it.
pub const NODE_PROBLEMS: usize = 16;

/// Characters of a subject or of the words of a problem of a node: a path and a sentence fit.
pub const NODE_PROBLEM: usize = 600;

/// Octets of all files of a configuration that are kept for a start with broken ones; past that
/// none are. Databases are most of it: of a city 65 MB.
pub const LAST_GOOD: u64 = 1 << 30;

/// Files of a configuration that are kept; past that none are. A zone may include 10,000.
pub const LAST_GOOD_FILES: usize = 20_000;
