//! RFC 7871: the client subnet; and the ledger of what it asks of an authoritative server.
//!
//! A row names the test that proves it by the function itself, so no row can name a test
//! that is not there. The manual shows the same rows (`src/manual/rfc7871.md`).

mod format;
mod places;
mod scope;

/// What the RFC asks for, and how we know.
struct Row {
    /// Section and number.
    id: &'static str,
    /// The word of RFC 2119.
    level: &'static str,
    /// What it says, in our words.
    says: &'static str,
    proof: Proof,
}

enum Proof {
    /// This test.
    By(fn()),
    /// We do otherwise, for this reason.
    Otherwise(&'static str),
    /// It is not about us, for this reason.
    NotOurs(&'static str),
}

use Proof::By;
use Proof::NotOurs;
use Proof::Otherwise;

const CACHES: &str = "about resolvers that cache or forward; we do neither";
const UNSIGNED: &str = "zones are not signed yet";

#[rustfmt::skip]
const LEDGER: &[Row] = &[
    Row { id: "6-1", level: "MUST", says: "the scope prefix of a query is 0", proof: By(format::s6_a_scope_in_a_query_is_formerr) },
    Row { id: "6-2", level: "MUST", says: "the address is cut to the source prefix and padded with zero bits", proof: By(format::s6_address_bits_beyond_the_source_prefix_are_formerr) },
    Row { id: "6-3", level: "SHOULD", says: "too few or too many address octets are FORMERR", proof: By(format::s6_too_few_or_too_many_address_octets_are_formerr) },
    Row { id: "6-4", level: "SHOULD", says: "bits beyond the source prefix are FORMERR", proof: By(format::s6_address_bits_beyond_the_source_prefix_are_formerr) },
    Row { id: "7.1.2-1", level: "MUST NOT", says: "source prefix 0: the client does not want to be located", proof: By(format::s7_1_2_source_prefix_0_of_any_family_is_steered_by_the_resolver) },
    Row { id: "7.1.2-2", level: "SHOULD", says: "with source prefix 0 the family is that of the transport; others are taken too", proof: By(format::s7_1_2_source_prefix_0_of_any_family_is_steered_by_the_resolver) },
    Row { id: "7.2.1-1", level: "MUST NOT", says: "a server without support sends no option", proof: NotOurs("the option is supported; a policy with `ecs = false` says so by scope 0") },
    Row { id: "7.2.1-2", level: "MUST", says: "an option of unknown family or wrong form is rejected with FORMERR", proof: By(format::s6_an_unknown_family_is_formerr) },
    Row { id: "7.2.1-3", level: "MUST", says: "so it is whatever is asked for, static names included", proof: By(format::s7_2_1_a_wrong_option_is_rejected_wherever_it_is_asked) },
    Row { id: "7.2.1-4", level: "MUST", says: "a query with the option is answered with one, needed or not", proof: By(format::s7_2_1_every_answer_to_an_option_has_one) },
    Row { id: "7.2.1-5", level: "MUST NOT", says: "a query without the option is answered without, tailored or not", proof: By(format::s7_2_1_no_option_in_none_out) },
    Row { id: "7.2.1-6", level: "MUST", says: "family, source prefix and address come back as they were sent", proof: By(format::s7_2_1_family_source_and_address_are_echoed) },
    Row { id: "7.2.1-7", level: "SHOULD", says: "the scope tells for which network the answer holds", proof: By(scope::s7_2_1_the_scope_is_the_widest_prefix_with_one_answer) },
    Row { id: "7.2.1-8", level: "SHOULD", says: "a longer scope than source asks for more bits, a shorter one for fewer", proof: By(scope::s7_2_1_a_scope_may_be_longer_or_shorter_than_the_source) },
    Row { id: "7.2.1-9", level: "MAY", says: "scopes differ from network to network", proof: By(scope::s7_2_1_one_service_may_have_many_scopes) },
    Row { id: "7.2.1-10", level: "SHOULD", says: "of several RRsets the longest scope is sent", proof: By(scope::s7_2_1_the_longest_scope_in_the_answer_counts) },
    Row { id: "7.2.1-11", level: "SHOULD", says: "of a CNAME chain only what is unambiguous is sent: it stops before the first owner that may depend on the client", proof: By(scope::s7_2_1_a_chain_stops_before_what_depends_on_the_client) },
    Row { id: "7.2.1-12", level: "MUST NOT", says: "prefixes of tailored responses do not overlap: exceptions are deaggregated", proof: By(scope::s7_2_1_prefixes_do_not_overlap) },
    Row { id: "7.2.1-13", level: "MUST NOT", says: "the exception: a source shorter than the leaf gets what most of it gets, with the scope of one leaf; such a reply may overlap later ones", proof: By(scope::s7_2_1_a_source_shorter_than_the_leaf_gets_what_most_of_it_gets) },
    Row { id: "7.2.2-1", level: "MUST", says: "what an intermediate server tells its clients", proof: NotOurs(CACHES) },
    Row { id: "7.3-1", level: "MUST", says: "a response that does not match its query is dropped: ours match", proof: By(format::s7_2_1_family_source_and_address_are_echoed) },
    Row { id: "7.3-2", level: "SHOULD", says: "after TC the resolver asks again by TCP: both transports say the same", proof: By(format::s7_2_1_every_answer_to_an_option_has_one) },
    Row { id: "7.3-3", level: "MUST", says: "a privacy mask without family and address is filled in by who answers", proof: NotOurs("between stub and resolver; from a resolver such an option has too few octets (6-3)") },
    Row { id: "7.3.1-1", level: "MUST", says: "answers are cached under the network of the response", proof: NotOurs(CACHES) },
    Row { id: "7.3.2-1", level: "MUST", says: "cached answers are chosen by the longest prefix", proof: NotOurs(CACHES) },
    Row { id: "7.4-1", level: "RECOMMENDED", says: "no difference between networks in what exists", proof: By(scope::s7_4_a_name_and_type_is_negative_for_all_or_for_nobody) },
    Row { id: "7.4-2", level: "SHOULD", says: "negative answers have scope 0", proof: By(scope::s7_4_negative_answers_have_scope_0) },
    Row { id: "7.4-3", level: "SHOULD", says: "additional addresses do not depend on the client", proof: By(scope::s7_4_additional_addresses_do_not_depend_on_the_client) },
    Row { id: "7.4-4", level: "SHOULD", says: "delegations have scope 0", proof: By(scope::s7_4_delegations_have_scope_0) },
    Row { id: "7.5-1", level: "MUST NOT", says: "a query is not refused for having no address bits", proof: By(places::s7_5_zero_address_bits_are_no_reason_to_refuse) },
    Row { id: "7.5-2", level: "MUST", says: "who forwards options caches by them", proof: NotOurs(CACHES) },
    Row { id: "8-1", level: "MUST", says: "the option has code 8", proof: By(format::s7_2_1_every_answer_to_an_option_has_one) },
    Row { id: "9-1", level: "MUST", says: "signatures belong to the RRset they sign", proof: NotOurs(UNSIGNED) },
    Row { id: "9-2", level: "SHOULD", says: "other DNSSEC records have scope 0", proof: NotOurs(UNSIGNED) },
    Row { id: "10-1", level: "SHOULD NOT", says: "NAT devices add and change nothing", proof: NotOurs("about NAT devices") },
    Row { id: "10-2", level: "SHOULD", says: "an address of private space is ignored: the resolver's is used", proof: By(places::s10_private_space_is_steered_by_the_resolver) },
    Row { id: "10-3", level: "SHOULD", says: "the scope covers all of that private space", proof: By(places::s10_the_scope_covers_all_of_the_private_space) },
    Row { id: "11.1-1", level: "MAY", says: "without an option the resolver's address may be used", proof: By(crate::rfc::design::without_a_subnet_the_resolver_is_located) },
    Row { id: "11.2-1", level: "MUST", says: "resolvers compare the echo with their query: it is exact", proof: By(format::s7_2_1_family_source_and_address_are_echoed) },
    Row { id: "11.3-1", level: "SHOULD", says: "the feature is off by default", proof: Otherwise("steering by the client is what this server is for; names that are not balanced have scope 0, and `ecs = false` switches a policy off") },
    Row { id: "11.3-2", level: "SHOULD", says: "unroutable addresses count as the resolver's own", proof: By(places::s11_3_unroutable_addresses_are_as_good_as_the_resolver_s_own) },
    Row { id: "11.3-3", level: "SHOULD", says: "addresses that the source is known not to serve are ignored", proof: NotOurs("an authoritative server does not know whom a resolver serves") },
    Row { id: "11.3-4", level: "SHOULD", says: "caches are bounded, and no more bits are sent than are cached", proof: NotOurs(CACHES) },
    Row { id: "12.1-1", level: "MUST", says: "support shows in all responses to queries with the option", proof: By(scope::s12_1_support_is_shown_in_every_response) },
    Row { id: "12.1-2", level: "MUST", says: "scope 0 where the option was not used", proof: By(scope::s12_1_what_does_not_depend_on_the_client_has_scope_0) },
    Row { id: "12.1-3", level: "MUST", says: "probing for support is repeated", proof: NotOurs(CACHES) },
    Row { id: "12.2-1", level: "MAY", says: "resolvers may keep a list of servers that get the option", proof: NotOurs(CACHES) },
];

#[test]
fn every_row_of_the_ledger_holds() {
    for row in LEDGER {
        assert!(!row.says.is_empty(), "{}", row.id);
        match row.proof {
            By(test) => test(),
            NotOurs(reason) | Otherwise(reason) => assert!(!reason.is_empty(), "{}", row.id),
        }
    }
    let mut ids: Vec<_> = LEDGER.iter().map(|row| row.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), LEDGER.len(), "each row once");
}

/// The cells of the table in the manual: id, section, level, what it says, how we know.
fn manual() -> Vec<[&'static str; 5]> {
    include_str!("../../../../src/manual/rfc7871.md")
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| Row"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            cells.try_into().expect("five cells")
        })
        .collect()
}

#[test]
fn the_manual_has_the_rows_of_the_ledger() {
    let manual: Vec<_> = manual().iter().map(|row| [row[0], row[1], row[2]]).collect();
    let ledger: Vec<_> =
        LEDGER.iter().map(|row| [row.id, row.id.split_once('-').unwrap().0, row.level]).collect();
    assert_eq!(manual, ledger);
}

#[test]
fn the_manual_says_how_we_know() {
    for ([id, _, _, _, how], row) in manual().iter().zip(LEDGER) {
        let expect = match row.proof {
            By(_) => "test",
            Otherwise(_) => "otherwise",
            NotOurs(_) => "not ours",
        };
        assert!(how.starts_with(expect), "{id}: {how}");
    }
}
