//! The codes of this room: one constant, one stable name, one line of explanation each.

use crate::model::Code;

macro_rules! codes {
    ($($name:ident = $code:literal: $meaning:literal;)+) => {
        $(
            #[doc = $meaning]
            pub(super) const $name: Code = Code($code);
        )+

        /// Every code that `config` reports, with one line of explanation.
        pub const CODES: &[(Code, &str)] = &[$(($name, $meaning)),+];
    };
}

codes! {
    // The files.
    FILE_MISSING = "file-missing": "A file that the configuration names does not exist.";
    FILE_UNREADABLE = "file-unreadable": "A file exists but can't be read, or is not UTF-8.";
    INCLUDE_NESTED = "include-nested": "An included file may not include others.";
    INCLUDE_NO_MATCH = "include-no-match": "No file matches a pattern of `include`.";
    INCLUDE_PATTERN = "include-pattern": "A pattern may have `*` in its last part only.";
    TOML_SYNTAX = "toml-syntax": "The file is not TOML.";
    TOO_MANY_PROBLEMS = "too-many-problems": "A file has more problems than are shown.";
    // Keys and values.
    DUPLICATE_NAME = "duplicate-name": "Two things of one kind have one name, or a table is in two files.";
    EMPTY_LIST = "empty-list": "An array needs at least one element.";
    IDENTIFIER = "identifier": "A name for a region, service, policy, monitor or tag has spaces, or none or too many characters.";
    MISSING_KEY = "missing-key": "A table lacks a key that it must have.";
    OUT_OF_RANGE = "out-of-range": "A number or duration is too small or too large.";
    TOO_MANY = "too-many": "There is more of something than the limit allows.";
    UNKNOWN_KEY = "unknown-key": "A table has a key that means nothing there.";
    WRONG_TYPE = "wrong-type": "A value is of another type than its key takes.";
    // Notations.
    ALL_DOWN = "all-down": "`all-down` is neither a known word nor a fallback.";
    ASN = "asn": "A text is not the number of an autonomous system.";
    DISTANCE = "distance": "A text is not a distance.";
    DOMAIN_NAME = "domain-name": "A text is not a domain name.";
    DURATION = "duration": "A text is not a duration.";
    ENDPOINT_ADDRESS = "endpoint-address": "A text is neither an IP address nor a host name.";
    ENDPOINT_TARGET = "endpoint-target": "An endpoint has both an address and a host name, or neither.";
    LISTEN_ADDRESS = "listen-address": "A text is not an address with a port.";
    NETS_LINE = "nets-line": "A line of a file of networks is not a prefix and a tag.";
    PERCENT = "percent": "A text is not a percentage.";
    PREFIX = "prefix": "A text is not a network prefix.";
    PREFIX_HOST_BITS = "prefix-host-bits": "A prefix has bits set past its length.";
    SUBDIVISION = "subdivision": "A text is not an ISO 3166-2 subdivision.";
    TTL_NOT_WHOLE = "ttl-not-whole": "A TTL is not a number of whole seconds.";
    UNKNOWN_CONTINENT = "unknown-continent": "A text is not the code of a continent.";
    UNKNOWN_COUNTRY = "unknown-country": "A text is not the code of a country.";
    UNKNOWN_RANK = "unknown-rank": "A word of `rank` is not a criterion.";
    UNUSABLE_ADDRESS = "unusable-address": "An endpoint's address is one that no client can connect to.";
    WITHDRAWN_COUNTRY = "withdrawn-country": "A country code is withdrawn, or stands for no country.";
    // The server.
    DUPLICATE_LISTEN = "duplicate-listen": "An address is listed twice in `listen`.";
    NSID_TOO_LONG = "nsid-too-long": "The NSID is longer than 64 octets.";
    // The control API and hooks.
    HOOK_COMMAND = "hook-command": "A hook's command is not an absolute path.";
    HOOK_TARGET = "hook-target": "A hook has both a URL and a command, or neither.";
    BEACON_URL = "beacon-url": "What browsers should measure is not a URL of HTTP or HTTPS.";
    HOOK_URL = "hook-url": "A text is not a URL of HTTP or HTTPS.";
    MIN_REGIONS = "min-regions": "A text is not a percentage.";
    MEASURE_ADDRESS = "measure-address": "What is to be measured is no address, with a port or without.";
    MEASURE_CLIENT = "measure-client": "What a host to measure stands for is wider than /24, or /48 of IPv6.";
    TOKEN_EXPOSED = "token-exposed": "Every user of the machine can read the file of a token that may change something.";
    TOKEN_HASH = "token-hash": "A text is not a SHA-256 hash in hexadecimal digits.";
    TOKEN_ROLE = "token-role": "A text is not a role of a token.";
    TOKEN_SHORT = "token-short": "The first line of a token's file is shorter than a token.";
    TOKEN_SOURCE = "token-source": "A token has both a file and a hash, or neither.";
    TOKEN_TWICE = "token-twice": "Two tokens have the same text.";
    UNKNOWN_EVENT = "unknown-event": "A text is not an event that hooks are called for.";
    // Geography.
    NO_DATABASE = "no-database": "Clients are to be located, but there is no GeoIP database.";
    UNUSED_TAG = "unused-tag": "No rule uses a tag of the operator's networks.";
    UNKNOWN_TAG = "unknown-tag": "A rule uses a tag that no network has.";
    // Monitors.
    BODY_REGEX = "body-regex": "A text is not a regular expression.";
    EXPECT_ANSWER = "expect-answer": "A text is not record data of the type that is asked for.";
    EXEC_PROGRAM = "exec-program": "The program of a monitor is not there, or can't be run.";
    HTTP_HEADER = "http-header": "A header of a probe has a wrong name or value, or is not the operator's to set.";
    HTTP_HOST = "http-host": "A text is not the name of a host that a probe can present.";
    HTTP_METHOD = "http-method": "A text is not the method of a request.";
    ICMP_NOT_PERMITTED = "icmp-not-permitted": "A monitor sends echo requests, which this user may not do here.";
    JSON_POINTER = "json-pointer": "A text is not a JSON pointer.";
    MONITOR_KIND = "monitor-kind": "A monitor has no kind of probe, or several.";
    MONITOR_NEVER_SUCCEEDS = "monitor-never-succeeds": "A monitor expects what can't be together, so that no probe would succeed.";
    MONITOR_PATH = "monitor-path": "The path of an HTTP probe does not begin with `/`, or has spaces.";
    PROBE_PLACE = "probe-place": "A text is not a place that a probe can go to.";
    RCODE = "rcode": "A text is not the code of a DNS response.";
    RECORD_TYPE = "record-type": "A text is not a type of record that can be asked for.";
    STATUS_RANGE = "status-range": "A text is not an HTTP status or a range of them.";
    TLS_FILE = "tls-file": "A file does not hold the certificates or the key that it should, or one of the two is missing.";
    TIMEOUT_OVER_INTERVAL = "timeout-over-interval": "A probe, or a reading of a load, may take longer than until the next.";
    UNKNOWN_MONITOR = "unknown-monitor": "No monitor has this name.";
    UNUSED_MONITOR = "unused-monitor": "Nothing refers to a monitor.";
    // Regions.
    REGION_MONITOR_WITHOUT_TARGET = "region-monitor-without-target": "A region has a monitor, and nothing says where to probe.";
    PROBE_WITHOUT_MONITOR = "probe-without-monitor": "A place to probe is given where there is no monitor.";
    DUPLICATE_REGION = "duplicate-region": "A list names a region twice.";
    NO_REGION = "no-region": "There is no region.";
    REGION_WITHOUT_LOCATION = "region-without-location": "A policy ranks by distance, and a region has none.";
    UNKNOWN_REGION = "unknown-region": "No region has this name.";
    UNUSED_REGION = "unused-region": "No service has a pool in a region.";
    // Loads and capacities.
    CAPACITY_WITHOUT_LOAD = "capacity-without-load": "A region has a capacity, and nothing says how loaded it is.";
    LIMITS_WITHOUT_CAPACITY = "limits-without-capacity": "A region has limits, but no capacity that they are of.";
    LOAD_FIELD = "load-field": "A text is not a field that can be a load.";
    LOAD_HOLD = "load-hold": "A load would be forgotten before it is read again.";
    LOAD_KIND = "load-kind": "A source of load has no kind, or several.";
    LOAD_LIMITS = "load-limits": "The soft limit of a region is above the hard one, or that is 0.";
    LOAD_LOGIN = "load-login": "A source of load has a token and a user, half a user, or a file without a secret.";
    LOAD_METRIC = "load-metric": "A text is not the name of a metric or of a label.";
    LOAD_TIMES_WITHOUT_LOAD = "load-times-without-load": "A region says how often its load is read, but not where.";
    LOAD_URL = "load-url": "A text is not a URL of HTTP or HTTPS that a load can be read from.";
    // Policies.
    POLICY_NOT_NAMED = "policy-not-named": "There are several policies, and a service names none.";
    POLICY_RANKS_NOTHING = "policy-ranks-nothing": "No criterion of a policy can tell its regions apart.";
    RANK_UNREACHABLE = "rank-unreachable": "A criterion comes after one that decides everything.";
    RULE_REGION_NOT_RANKED = "rule-region-not-ranked": "A rule lists a region that its policy does not rank.";
    RULE_SHADOWED = "rule-shadowed": "An earlier rule takes all clients of a rule.";
    RULES_NOT_RANKED = "rules-not-ranked": "A policy has rules but does not rank by them.";
    UNKNOWN_POLICY = "unknown-policy": "No policy has this name.";
    UNUSED_POLICY = "unused-policy": "No service refers to a policy.";
    // Services.
    ALIAS_AT_APEX = "alias-at-apex": "A service of host names is at the apex of a zone.";
    ALIAS_LOOP = "alias-loop": "A host name leads back to where it came from.";
    ALIAS_TO_NOTHING = "alias-to-nothing": "A host name leads to a name of an own zone that has no address, or does not exist.";
    ALIAS_TO_ITSELF = "alias-to-itself": "A service answers its own name as a host name.";
    ANSWERS_OF_ALIAS = "answers-of-alias": "A service of host names asks for several answers.";
    DUPLICATE_ENDPOINT = "duplicate-endpoint": "A pool lists an endpoint twice.";
    DUPLICATE_OWNER = "duplicate-owner": "A name is answered by two services, or listed twice.";
    FALLBACK_FAMILIES = "fallback-families": "A fallback lacks an address family of its service, or has one too many.";
    FAMILY_GAP = "family-gap": "Dual-stack clients of a region go elsewhere for one address family.";
    FENCE_WITHOUT_FAMILY = "fence-without-family": "Behind a fence there is no address of a family that the service has.";
    LOOPBACK_ENDPOINT = "loopback-endpoint": "An endpoint is a loopback address, and clients are elsewhere.";
    MIXED_ENDPOINTS = "mixed-endpoints": "A service has both host names and addresses.";
    NO_SERVICE = "no-service": "There is no service.";
    DUPLICATE_MONITOR = "duplicate-monitor": "A service names a monitor twice.";
    MONITORS_OF_SERVICE = "monitors-of-service": "A service says in no or several ways which of its monitors must agree.";
    FAILBACK = "failback": "A text is not a way of failing back.";
    POOL_NOT_RANKED = "pool-not-ranked": "A service has a pool in a region that its policy does not rank.";
    POOL_WITHOUT_WEIGHT = "pool-without-weight": "The weights of all endpoints of a pool are 0.";
    SERVICE_OUTSIDE_ZONES = "service-outside-zones": "A service's name is in no zone.";
    SERVICE_WITHOUT_POOL = "service-without-pool": "A service has no pool.";
    SERVICE_WITHOUT_WEIGHT = "service-without-weight": "The weights of all pools of a service are 0.";
    STATIC_RECORD = "static-record": "A record of the zone is in the way of a service.";
    TTL_NEVER_SERVED = "ttl-never-served": "The TTL of a service is longer than its monitors let any answer live.";
    TTL_MIN_ABOVE_TTL = "ttl-min-above-ttl": "The least TTL of a service is above its TTL.";
    // Clusters and vantages.
    CLUSTER_LOGIN = "cluster-login": "A cluster says in several ways who the node is, or names a user or a password file alone.";
    CLUSTER_SECRET = "cluster-secret": "A file does not hold the credentials, seed, token or password that it should.";
    CLUSTER_URL = "cluster-url": "A text is not the URL of a NATS server.";
    CLUSTER_WITHOUT_VANTAGES = "cluster-without-vantages": "There is a cluster, but no vantage whose opinion would count on other nodes.";
    NOBODY_PROBES = "nobody-probes": "A node does not probe, and nobody else is heard.";
    NODE_NAME = "node-name": "The name of a node, vantage, vantage group or bucket has other characters than it may, or none or too many.";
    PUSH_VOTES = "push-votes": "A monitor of heartbeats says how vantages vote.";
    QUORUM = "quorum": "A text is not a quorum.";
    SCOPE_WITHOUT_LOCATION = "scope-without-location": "Verdicts are to hold for the clients nearest to a vantage, and no vantage has a location.";
    SCOPE_WITHOUT_VANTAGES = "scope-without-vantages": "Verdicts are to hold for the clients nearest to a vantage, and there is none.";
    TOO_FEW_VANTAGES = "too-few-vantages": "A monitor asks for more vantages or groups than there are.";
    VANTAGES_WITHOUT_CLUSTER = "vantages-without-cluster": "There are vantages, but nothing by which they are heard.";
    VOTING_SCOPE = "voting-scope": "A text is not a scope of verdicts.";
    // Maintenance.
    CRON = "cron": "A text is not a calendar in the notation of cron, or never comes.";
    MAINTENANCE_CALENDAR = "maintenance-calendar": "A maintenance does not say when it is, or says it in two ways.";
    MAINTENANCE_ENDS_FIRST = "maintenance-ends-first": "A maintenance ends before it starts.";
    MAINTENANCE_OVERLAPS = "maintenance-overlaps": "A maintenance lasts until it comes again.";
    MAINTENANCE_PAST = "maintenance-past": "A maintenance is over.";
    MAINTENANCE_STATE = "maintenance-state": "A maintenance asks for a state that does not keep clients away.";
    MAINTENANCE_TARGET = "maintenance-target": "A text is not the target of a maintenance.";
    PRE_DRAIN_OVERLAPS = "pre-drain-overlaps": "A maintenance keeps clients away for longer than the time between two of it.";
    TIMESTAMP = "timestamp": "A text is not a point in time.";
    TIME_ZONE = "time-zone": "No time zone has this name.";
    UNKNOWN_ENDPOINT = "unknown-endpoint": "A pool has no such endpoint.";
    UNKNOWN_POOL = "unknown-pool": "A service has no pool in a region.";
    UNKNOWN_SERVICE = "unknown-service": "No service has this name.";
    // Zones.
    DUPLICATE_ZONE = "duplicate-zone": "A zone is there twice.";
    NO_ZONE = "no-zone": "There is no zone.";
}
