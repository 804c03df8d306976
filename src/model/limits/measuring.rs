//! Of round trips and loads: what is measured, reported, learnt and planned.

use std::time::Duration;

/// How often the load of a region may be read; else is an error. More often would be a load, and
/// more seldom no news.
pub const LOAD_INTERVAL: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];

/// How long the answer of a source of load may take; else is an error. It is also at most the
/// interval.
pub const LOAD_TIMEOUT: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(60)];

/// For how long the last good reading of a load may count; more is an error. Past a day an
/// operator should have come.
pub const LOAD_HOLD: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(24 * 3600)];

/// A load, and a capacity; more is an error, and a reading of more is refused. In octets a second
/// it is 8 Tbit/s.
pub const LOAD: f64 = 1e12;

/// Sources of the load of one region; more is an error. A region has some balancers.
pub const LOAD_SOURCES_PER_REGION: usize = 64;

/// Sources of load in a configuration; more is an error. Each has a connection, and while it
/// is read [`LOAD_DOCUMENT`] octets at most: 256 MiB.
pub const LOAD_SOURCES: usize = 1024;

/// Labels that series must have to be a load; more is an error. Few metrics have more than ten.
pub const LOAD_LABELS: usize = 16;

/// Octets of an answer with a load; one with more is no reading. The metrics of a balancer of
/// ten thousand servers fit.
pub const LOAD_BODY: usize = 16 * 1024 * 1024;

/// Octets of one line of an answer with a load; one with more makes it no reading. A row of
/// HAProxy's statistics has one thousand.
pub const LOAD_LINE: usize = 64 * 1024;

/// Octets of a JSON document with a load; one with more is no reading. Unlike lines it is kept
/// as a whole.
pub const LOAD_DOCUMENT: usize = 256 * 1024;

/// Series of a counter that make up one load; more are no reading. Each is remembered until the
/// next.
pub const LOAD_SERIES: usize = 4096;

/// Octets of a secret for a source of load; more are no secret. The longest tokens have some
/// thousand.
pub const LOAD_SECRET: usize = 64 * 1024;

/// Characters of what a source of load said that are told; the rest is cut off. A line of log
/// fits them.
pub const LOAD_FOUND: usize = 80;

/// Loads in one request to the API; more is answered with 413. Every region, and as many again.
pub const LOAD_ITEMS: usize = 1024;

/// Refused loads of a request that are told of one by one; the rest is counted.
pub const LOAD_REFUSALS: usize = 100;

/// Client prefixes of which round trips are kept; past that one that was silent for long is
/// forgotten, and counted. With the index, 40 octets each.
pub const LATENCY_PREFIXES: usize = 1_000_000;

/// Pairs of client prefix and region of which round trips are kept; past that prefixes are
/// forgotten. 48 octets each: 192 MB.
pub const LATENCY_CELLS: usize = 4_000_000;

/// Groups of clients, times regions, that the latency model weighs against each other; where
/// there are more, neighbours are put together. Its work grows with the cube: 768 take seconds.
pub const LATENCY_ANCHORS: usize = 768;

/// Pairs of client prefix and region that the latency model is fitted to; of more, those of some
/// prefixes. A million say all that a few numbers can learn.
pub const LATENCY_FIT: usize = 1_000_000;

/// Areas, with networks in them, that have an order of their own by round trips; a City database
/// has 60,000. With eleven regions some 250 octets each: 64 MB.
pub const LATENCY_AREAS: usize = 262_144;

/// Blocks of addresses that have an order of their own by round trips; of more, those that gain
/// most. As much each as an area.
pub const LATENCY_BLOCKS: usize = 131_072;

/// Regions of one order by round trips; those behind are ordered by the next criterion.
pub const LATENCY_RATED: usize = 16;

/// Octets of the file of orders by round trips; one that has more is not read. As many areas and
/// blocks as there may be take 60 MB.
pub const LATENCY_ORDERS_FILE: usize = 64 * 1024 * 1024;

/// Client prefixes in one value that tells other nodes of round trips: of eleven regions with five
/// sources each it has 350 kB.
pub const LATENCY_SHARED: usize = 512;

/// Pairs of client prefix and region in such a value: with five sources each, and names of regions
/// as long as there may be, they fit [`SHARED_VALUE`](super::SHARED_VALUE).
pub const LATENCY_SHARED_PAIRS: usize = 12_288;

/// Values of that kind that each node has in the cluster; the next one replaces the first. Who
/// was away for longer has missed some.
pub const LATENCY_SHARES: u8 = 16;

/// Octets of a batch of latency samples; more is answered with 413. As many lines as a batch may
/// have fit, at a hundred octets each.
pub const LATENCY_BATCH: usize = 1024 * 1024;

/// Lines of a batch of latency samples; more is answered with 413. They take some 20 ms, for
/// which others wait.
pub const LATENCY_LINES: usize = 10_000;

/// Batches of latency samples, and questions about them, that may wait for the table; past that
/// a batch is answered with 503 and none of it is taken. With [`LATENCY_BATCH`] 16 MiB.
pub const LATENCY_QUEUE: usize = 16;

/// Refused lines of a batch that are told of one by one; the rest is counted.
pub const LATENCY_REFUSALS: usize = 100;

/// Characters of what was found in a refused line that are told; the rest is cut off. A region's
/// name fits.
pub const LATENCY_FOUND: usize = 80;

/// Prefixes on one page of what is known of round trips; the next page has the rest.
pub const LATENCY_PAGE: usize = 1024;

/// Pairs of prefix and region after which a page of what is known of round trips ends; with two
/// hundred octets each it stays below 2 MiB.
pub const LATENCY_PAGE_PAIRS: usize = 8192;

/// Pairs of one part of the file of round trips; a part is what is in memory twice when it is
/// written or read.
pub const LATENCY_PART: usize = 4096;

/// Octets of the file of round trips; one that has more is not read. [`LATENCY_CELLS`] pairs
/// with five sources each take 276 MB.
pub const LATENCY_FILE: usize = 320 * 1024 * 1024;

/// Crowds, that is labels of maps, that load is planned with; of more the lightest are put to
/// others of the same region. A plan looks at all of them a few dozen times.
pub const LOAD_CROWDS: usize = 4096;

/// Steps of a crowd's order that load is planned with; whom all of these refuse is taken to stay
/// with the first. Nobody is sent to the thirty-third best region while the plan is sound.
pub const LOAD_CROWD_STEPS: usize = 32;

/// Leading bits of IPv4 addresses that the widest leaf has of a map whose regions may refuse a
/// share of their clients: a share is one of leaves, and a leaf of eight bits may hold a tenth of
/// a region's clients. No more leaves than there are such prefixes come on top, 65,536.
pub const STEER_WEIGHED_LEAF: u8 = 16;

/// Tables of cutoffs that are remembered as published; past that the oldest are put together.
/// At one each reading of 5 s they reach back over a TTL of two minutes.
pub const LOAD_PAST: usize = 32;

/// Regions that a browser measures; more is an error. Each costs it four small fetches, one
/// after the other.
pub const BEACON_REGIONS: usize = 32;

/// Octets of what a browser reports; more is answered with 413. All regions fit.
pub const BEACON_BODY: usize = 4096;

/// Reports of browsers that a client prefix may send at once; past that it gets one per
/// [`BEACON_PAUSE`], and 429. An office that comes to work opens so many pages in a moment.
pub const BEACON_BURST: u32 = 10;

/// From one report of browsers of a client prefix to the next, once it sent
/// [`BEACON_BURST`]; more often is answered with 429. All of them are one source, for which one
/// a minute would do.
pub const BEACON_PAUSE: Duration = Duration::from_secs(6);

/// Client prefixes of which it is remembered how often browsers reported; past that the one that
/// was quiet longest is forgotten.
pub const BEACON_PREFIXES: usize = 4096;

/// Hosts to which a node measures round trips; more is an error. At the shortest interval that
/// is a thousand measurements a second.
pub const LANDMARKS: usize = 10_000;

/// How often each of them may be measured; else is an error. More often would be a load for
/// somebody else, and more seldom no news.
pub const LANDMARK_INTERVAL: [Duration; 2] =
    [Duration::from_secs(10), Duration::from_secs(24 * 3600)];

/// Measurements under way at a time; past that one waits for another to end. Each has a socket.
pub const LANDMARKS_IN_FLIGHT: usize = 256;

/// Octets of one line of a log that is followed; a longer one is passed over, and counted. A
/// request line of the length that load balancers take, with all else that is logged, fits.
pub const REPORT_LINE: usize = 64 * 1024;

/// Octets of a log that are read at a time; the rest waits for the next look. At five looks a
/// second it is 20 MB a second, a hundred thousand requests.
pub const REPORT_READ: usize = 4 * 1024 * 1024;

/// Logs that one process follows; more is an error. Each is looked at five times a second.
pub const REPORT_LOGS: usize = 16;

/// Client prefixes of which samples are gathered before they are sent; with as many they are
/// sent at once. Half of what a batch may have.
pub const REPORT_PREFIXES: usize = 5000;

/// Hosts of one prefix that count between two batches; further ones are passed over. Of so many
/// seven may lie before the median is theirs.
pub const REPORT_HOSTS: usize = 16;

/// Batches that wait for a node that is away; past that the oldest is dropped, and counted. At
/// one every five seconds those of five minutes, and at the most some 30 MB.
pub const REPORT_QUEUE: usize = 60;

/// Nodes that one process reports to; more is an error. Each has a task.
pub const REPORT_NODES: usize = 64;
