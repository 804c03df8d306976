//! The names of all metrics, with help and unit, and how they are written.

use std::fmt::Display;

/// One metric: its name without suffix, its type, its unit, what it means.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    kind: Kind,
    /// The last part of the name, where the metric has a unit.
    unit: Option<&'static str>,
    help: &'static str,
}

/// The types that are in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Counter,
    Gauge,
    Info,
}

macro_rules! families {
    ($($constant:ident = $name:literal $kind:ident $unit:expr, $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(super) const $constant: Family =
                Family { name: $name, kind: Kind::$kind, unit: $unit, help: $help };
        )+

        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[Family] = &[$($constant),+];
    };
}

families! {
    // The node.
    BUILD = "meridian_build" Info None, "The version that runs.";
    STARTED = "meridian_start_time_seconds" Gauge Some("seconds"), "When the node started, in seconds since 1970.";
    GENERATION = "meridian_generation" Gauge None, "How often a configuration was taken, the first time included.";
    TASK_PANICS = "meridian_task_panics" Counter None, "Tasks and threads that ended in a panic; each is a bug.";
    LOG_LOST = "meridian_log_lines_lost" Counter None, "Lines of the log that were lost because nobody read them in time.";
    ADMIN = "meridian_admin_states" Gauge None, "Admin states that are set, by state.";
    ADMIN_UNSETTLED = "meridian_admin_unsettled" Gauge None, "Drained or forced down, and not out of use yet: clients are still answered with it, or other name servers have not said that they know.";
    NODE_PROBLEMS = "meridian_node_problems" Gauge None, "What is wrong with the node itself, by code; 0 is fine.";
    // Answers.
    RESPONSES = "meridian_responses" Counter None, "DNS messages by what became of them; the classes add up to all messages.";
    FAIL_OPEN = "meridian_fail_open" Counter None, "Answers of a balanced name given although nothing was admitted; part of the responses.";
    // Transports.
    RESPONDER_PANICS = "meridian_responder_panics" Counter None, "Queries that got no answer because of a panic; each is a bug.";
    UDP_RECEIVE_ERRORS = "meridian_udp_receive_errors" Counter None, "Calls to receive datagrams that failed for no fault of a peer.";
    UDP_SEND_FAILURES = "meridian_udp_send_failures" Counter None, "Datagrams that the kernel refused to send.";
    TCP_ACCEPTED = "meridian_tcp_accepted" Counter None, "TCP connections accepted and served.";
    TCP_ACCEPT_ERRORS = "meridian_tcp_accept_errors" Counter None, "Calls to accept TCP connections that failed.";
    TCP_CLOSED = "meridian_tcp_closed" Counter None, "TCP connections that the server closed, by why.";
    // The control API.
    API_CONNECTIONS = "meridian_api_connections" Gauge None, "Connections to the control API, of those who have shown a token and of anybody.";
    API_EVICTED = "meridian_api_evicted_connections" Counter None, "Connections to the control API that were closed for others.";
    API_REFUSED = "meridian_api_refused_requests" Counter None, "Requests to the control API answered with 503 because too much was under way.";
    // Hooks.
    HOOK_EVENTS = "meridian_hook_events" Counter None, "Events for hooks, by what became of them.";
    // The cluster.
    CLUSTER_REFUSED = "meridian_cluster_refused" Counter None, "Values in the cluster's buckets that are not used, by kind and why; one that stays there counts each minute.";
    // Samples.
    LATENCY_SAMPLES = "meridian_latency_samples" Counter None, "Samples of round trips that were reported, taken or refused for a reason.";
    LATENCY_OVERFLOWS = "meridian_latency_overflows" Counter None, "Batches of samples of which nothing was taken because too many waited.";
    LATENCY_PREFIXES = "meridian_latency_prefixes" Gauge None, "Client prefixes of which round trips are kept.";
    LATENCY_MERGED = "meridian_latency_merged_pairs" Counter None, "Pairs of client prefix and region of which other nodes told something.";
    LATENCY_UNREADABLE = "meridian_latency_unreadable" Counter None, "Values of round trips of other nodes that could not be read.";
    LATENCY_ORDERS = "meridian_latency_orders" Gauge None, "Orders of regions by round trips that hold: of areas, and of blocks of addresses.";
    LATENCY_LEARNT = "meridian_latency_learnt_timestamp_seconds" Gauge Some("seconds"), "When these orders were learnt, here or on another node; absent if none were.";
    LATENCY_LEARNING = "meridian_latency_learning_seconds" Gauge Some("seconds"), "How long this node took to learn them; 0 if another did.";
    LATENCY_EVICTIONS = "meridian_latency_evictions" Counter None, "Client prefixes that were forgotten to make room for others.";
    // Loads.
    REGION_CAPACITY = "meridian_region_capacity" Gauge None, "What a region can take, in the unit of its load.";
    REGION_LOAD = "meridian_region_load" Gauge None, "The load of a region as it was read last; absent if that is too old.";
    REGION_LOAD_LAST = "meridian_region_load_last_seconds" Gauge Some("seconds"), "When the load of a region was read last, in seconds since 1970.";
    LOAD_READINGS = "meridian_load_readings" Counter None, "Readings of the load of a region, taken or failed for a reason.";
    LOAD_PUSHES = "meridian_load_pushes" Counter None, "Loads that were told by the API, taken or refused for a reason.";
    // Services.
    REGION_UP = "meridian_region_up" Gauge None, "Whether a region is up, 1 or 0; absent if never probed.";
    SERVICE_STATE = "meridian_service_state" Gauge None, "What a service answers with: 1 for the state it is in.";
    POOL_ADMITTED = "meridian_pool_admitted" Gauge None, "Whether a pool gets clients, 1 or 0.";
    ENDPOINT_SHARE = "meridian_endpoint_share_ratio" Gauge Some("ratio"), "The share of its clients that an endpoint gets, 0 to 1.";
    // The cluster.
    CONTACT = "meridian_contact" Gauge None, "Whether the node hears the others, 1 for the present contact.";
    CONTACT_SINCE = "meridian_contact_since_seconds" Gauge Some("seconds"), "Since when the contact is as it is, in seconds since 1970.";
    NODES = "meridian_nodes" Gauge None, "Other nodes and probers that are there, by whether their verdicts are the same.";
    VANTAGE_HEARD = "meridian_vantage_heard" Gauge None, "Whether a vantage is heard, 1 or 0.";
    VANTAGE_CUT_OFF = "meridian_vantage_cut_off" Gauge None, "Whether a vantage counts itself out, 1 or 0.";
    VANTAGE_DIFFERS = "meridian_vantage_differs" Gauge None, "Checks of which a vantage says the opposite of the verdict.";
    VANTAGE_LAST = "meridian_vantage_last_seconds" Gauge Some("seconds"), "When a vantage published last, in seconds since 1970.";
    // Checks.
    CHECKS = "meridian_checks" Gauge None, "Checks, by verdict.";
    CHECK_UP = "meridian_check_up" Gauge None, "The verdict of a check, 1 or 0; absent if never probed.";
    CHECK_SUCCESSES = "meridian_check_successes" Counter None, "Probes that succeeded.";
    CHECK_FAILURES = "meridian_check_failures" Counter None, "Probes that failed.";
    CHECK_FLIPS = "meridian_check_flips" Counter None, "Flips of a verdict to down.";
    CHECK_LAST = "meridian_check_last_seconds" Gauge Some("seconds"), "When the last outcome came, in seconds since 1970.";
    CHECK_DURATION = "meridian_check_duration_seconds" Gauge Some("seconds"), "How long the last probe took.";
    CHECK_CERTIFICATE = "meridian_check_certificate_end_seconds" Gauge Some("seconds"), "When the certificate presented last ends, in seconds since 1970.";
}

/// The text so far.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// A family whose samples are being written.
pub(super) struct Samples<'t> {
    text: &'t mut String,
    name: &'static str,
    suffix: &'static str,
}

impl Text {
    /// Begins a family.
    pub(super) fn family(&mut self, family: &Family) -> Samples<'_> {
        let Family { name, kind, unit, help } = family;
        let (word, suffix) = match kind {
            Kind::Counter => ("counter", "_total"),
            Kind::Gauge => ("gauge", ""),
            Kind::Info => ("info", "_info"),
        };
        let out = &mut self.0;
        *out += &format!("# TYPE {name} {word}\n");
        if let Some(unit) = unit {
            *out += &format!("# UNIT {name} {unit}\n");
        }
        *out += &format!("# HELP {name} {help}\n");
        Samples { text: out, name, suffix }
    }

    /// The whole.
    pub(super) fn end(mut self) -> String {
        self.0 += "# EOF\n";
        self.0
    }
}

impl Samples<'_> {
    /// Writes one sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(self.name);
        self.text.push_str(self.suffix);
        for (at, (name, value)) in labels.iter().enumerate() {
            self.text.push(if at == 0 { '{' } else { ',' });
            self.text.push_str(name);
            self.text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '"' => self.text.push_str("\\\""),
                    '\\' => self.text.push_str("\\\\"),
                    '\n' => self.text.push_str("\\n"),
                    c => self.text.push(c),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        *self.text += &format!(" {value}\n");
    }
}
