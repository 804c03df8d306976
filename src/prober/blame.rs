//! Whose fault it is that a probe did not succeed: the target's, or this node's own.
//!
//! The number of an error alone does not say. "Network unreachable" is what a router far away
//! answers for a target that is gone, and what the kernel says at once on a machine that has no
//! IPv6. So the decision takes the step of the probe, the address family, the trouble, and what
//! the node itself can do towards that address ([`Means`]).
//!
//! ```text
//!   no socket to be had, no descriptors, no ports, local firewall ───────► this node
//!   the resolver does not answer, or says "later" ───────────────────────► this node
//!   the resolver says there is no such name or address ──────────────────► target
//!   the target itself answered: refused, reset, protocol unreachable ────► target
//!   silence, unreachable, prohibited:  the node has a route to it ───────► target
//!                                      no route, but an address to send
//!                                      from: the route to it is gone ────► target
//!                                      no address of its family ─────────► this node
//! ```

use crate::model::Family;

/// The step of a probe at which it stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The node looks up the addresses of a name.
    LookingUp,
    /// It asks its kernel for a socket.
    Opening,
    /// It connects, or sends the first packet.
    Connecting,
    /// Something was sent, or the target answered, and the rest is to come.
    Exchanging,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    /// An error number of the system.
    Error(i32),
    /// Nothing came within the timeout.
    Silence,
    /// The resolver says that there is no such name, or no address of it.
    NoAddress,
    /// The resolver was asked and has no answer now: it is silent, or the answer is SERVFAIL.
    NoAnswer,
}

/// The addresses of this node that packets to another one could come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sources {
    /// None: no address of that family but loopback and those of a link.
    None,
    /// Only some of a narrower scope: unique local ones (RFC 4193), where the other is global.
    Narrower,
    /// One that fits.
    Fit,
}

/// What this node can do towards one address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Means {
    /// Its routing table has a way there, and an address to send from.
    pub(super) has_route: bool,
    /// The addresses of its own, on interfaces that are up.
    pub(super) sources: Sources,
    /// Something else of the same family and scope answered a short while ago.
    pub(super) reached_others: bool,
}

/// Whose fault it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Blame {
    /// The target's, or the network's before it: it can't be used.
    Target,
    /// This node's: it says nothing of the target.
    Node(Lack),
}

/// What this node lacks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lack {
    /// An address of that family.
    Address,
    /// Descriptors, ports or memory.
    Resources,
    /// Permission: a firewall or a policy of this machine.
    Permission,
    /// The address family, or the interface.
    Network,
    /// A resolver that answers.
    Resolver,
}

/// Whose fault a trouble is.
pub(super) fn blame(step: Step, family: Family, trouble: Trouble, node: Means) -> Blame {
    let number = match (step, trouble) {
        (_, Trouble::NoAddress) => return Blame::Target,
        (_, Trouble::NoAnswer) | (Step::LookingUp, Trouble::Silence) => {
            return Blame::Node(Lack::Resolver);
        }
        (_, Trouble::Silence) => return unreached(node),
        (_, Trouble::Error(number)) => number,
    };
    match number {
        libc::EADDRNOTAVAIL if node.sources != Sources::Fit => Blame::Node(Lack::Address),
        libc::EMFILE
        | libc::ENFILE
        | libc::ENOBUFS
        | libc::ENOMEM
        | libc::EAGAIN
        | libc::EADDRINUSE
        | libc::EADDRNOTAVAIL => Blame::Node(Lack::Resources),
        // What a packet filter of this machine drops is told to its sender so.
        libc::EPERM => Blame::Node(Lack::Permission),
        libc::ENETDOWN
        | libc::ENODEV
        | libc::EAFNOSUPPORT
        | libc::EPROTONOSUPPORT
        | libc::ESOCKTNOSUPPORT => Blame::Node(Lack::Network),
        // A firewall on the way says so in ICMPv6 ("administratively prohibited", "failed
        // policy", "reject route"); ICMP for IPv4 has no message that comes to this error, so
        // that there it is a policy of this machine, unless a route says it.
        libc::EACCES if step == Step::Opening => Blame::Node(Lack::Permission),
        libc::EACCES if family == Family::V4 && node.has_route => Blame::Node(Lack::Permission),
        _ if step == Step::Opening => Blame::Node(Lack::Resources),
        _ if step == Step::LookingUp => Blame::Node(Lack::Resolver),
        // The target itself said so, or what stands for it.
        libc::ECONNREFUSED
        | libc::ECONNRESET
        | libc::ECONNABORTED
        | libc::EPIPE
        | libc::ENOPROTOOPT
        | libc::EPROTO => Blame::Target,
        // Unreachable or prohibited by a route of this machine or by a router far away, a
        // neighbour that does not answer, a packet too big for the way, and all the rest.
        _ => unreached(node),
    }
}

/// The target was not reached: its fault if this node could have reached it.
fn unreached(node: Means) -> Blame {
    let could = node.has_route
        || match node.sources {
            Sources::Fit => true,
            Sources::Narrower => node.reached_others,
            Sources::None => false,
        };
    if could { Blame::Target } else { Blame::Node(Lack::Address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The node has a route to the target.
    const ROUTED: Means = Means { has_route: true, sources: Sources::Fit, reached_others: false };
    /// It has addresses of that family, and no route to the target.
    const NO_ROUTE: Means = Means { has_route: false, ..ROUTED };
    /// It has nothing of that family.
    const NOTHING: Means = Means { has_route: false, sources: Sources::None, reached_others: true };
    /// It has unique local addresses only, and no route to the target.
    const LOCAL: Means =
        Means { has_route: false, sources: Sources::Narrower, reached_others: false };
    /// The same, but with a way to others like the target.
    const LOCAL_REACHES: Means = Means { reached_others: true, ..LOCAL };

    const EVERY_NODE: [Means; 5] = [ROUTED, NO_ROUTE, NOTHING, LOCAL, LOCAL_REACHES];
    const EVERY_STEP: [Step; 4] =
        [Step::LookingUp, Step::Opening, Step::Connecting, Step::Exchanging];
    const ON_THE_WIRE: [Step; 2] = [Step::Connecting, Step::Exchanging];

    /// Whose it is: `t` the target's; of the node: `a`ddress, `r`esources, `p`ermission,
    /// `n`etwork, `d`NS.
    fn letter(step: Step, family: Family, trouble: Trouble, node: Means) -> char {
        match blame(step, family, trouble, node) {
            Blame::Target => 't',
            Blame::Node(Lack::Address) => 'a',
            Blame::Node(Lack::Resources) => 'r',
            Blame::Node(Lack::Permission) => 'p',
            Blame::Node(Lack::Network) => 'n',
            Blame::Node(Lack::Resolver) => 'd',
        }
    }

    /// What each trouble comes to on a node that has a route, none, nothing of the family, local
    /// addresses only, and local ones with which others are reached.
    #[test]
    fn what_was_not_reached_is_the_targets_fault_where_this_node_could_have_reached_it() {
        use Family::{V4, V6};
        let error = Trouble::Error;
        for (trouble, v4, v6) in [
            (Trouble::Silence, "ttaat", "ttaat"),
            (error(libc::ETIMEDOUT), "ttaat", "ttaat"),
            (error(libc::ENETUNREACH), "ttaat", "ttaat"),
            (error(libc::EHOSTUNREACH), "ttaat", "ttaat"),
            // A blackhole route.
            (error(libc::EINVAL), "ttaat", "ttaat"),
            (error(libc::EHOSTDOWN), "ttaat", "ttaat"),
            (error(libc::ENONET), "ttaat", "ttaat"),
            (error(libc::EMSGSIZE), "ttaat", "ttaat"),
            // Prohibited: by a route of this machine, or for IPv6 by a firewall on the way.
            (error(libc::EACCES), "ptaat", "ttaat"),
            // The target answered.
            (error(libc::ECONNREFUSED), "ttttt", "ttttt"),
            (error(libc::ECONNRESET), "ttttt", "ttttt"),
            (error(libc::ECONNABORTED), "ttttt", "ttttt"),
            (error(libc::EPIPE), "ttttt", "ttttt"),
            (error(libc::ENOPROTOOPT), "ttttt", "ttttt"),
            (error(libc::EPROTO), "ttttt", "ttttt"),
            // This node, whatever it can do.
            (error(libc::EPERM), "ppppp", "ppppp"),
            (error(libc::ENETDOWN), "nnnnn", "nnnnn"),
            (error(libc::ENODEV), "nnnnn", "nnnnn"),
            (error(libc::EAFNOSUPPORT), "nnnnn", "nnnnn"),
            (error(libc::EMFILE), "rrrrr", "rrrrr"),
            (error(libc::ENFILE), "rrrrr", "rrrrr"),
            (error(libc::ENOBUFS), "rrrrr", "rrrrr"),
            (error(libc::ENOMEM), "rrrrr", "rrrrr"),
            (error(libc::EAGAIN), "rrrrr", "rrrrr"),
            (error(libc::EADDRINUSE), "rrrrr", "rrrrr"),
            // No port is free, or there is no address to have a port of.
            (error(libc::EADDRNOTAVAIL), "rraaa", "rraaa"),
        ] {
            for step in ON_THE_WIRE {
                let of = |family| -> String {
                    EVERY_NODE.iter().map(|node| letter(step, family, trouble, *node)).collect()
                };
                assert_eq!((&*of(V4), &*of(V6)), (v4, v6), "{step:?} {trouble:?}");
            }
        }
    }

    #[test]
    fn a_resolver_that_has_no_answer_says_nothing_of_the_target() {
        for node in EVERY_NODE {
            for family in Family::ALL {
                let of = |trouble| letter(Step::LookingUp, family, trouble, node);
                assert_eq!(of(Trouble::NoAddress), 't');
                assert_eq!(of(Trouble::NoAnswer), 'd');
                assert_eq!(of(Trouble::Silence), 'd');
                assert_eq!(of(Trouble::Error(libc::ECONNREFUSED)), 'd');
                assert_eq!(of(Trouble::Error(libc::ENETUNREACH)), 'd');
                assert_eq!(of(Trouble::Error(libc::EMFILE)), 'r');
            }
        }
    }

    #[test]
    fn no_socket_is_never_the_targets_fault() {
        for number in 1..134 {
            for (node, family) in EVERY_NODE.into_iter().zip(Family::ALL.into_iter().cycle()) {
                let found = letter(Step::Opening, family, Trouble::Error(number), node);
                assert_ne!(found, 't', "{number}");
            }
        }
    }

    /// Whatever the step and the error, a node without the family blames itself, unless the
    /// target answered.
    #[test]
    fn a_node_without_the_family_has_no_view_of_it() {
        let answered =
            ["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ENOPROTOOPT", "EPROTO"];
        for step in EVERY_STEP {
            let errors = (1..134)
                .filter(|number| letter(step, Family::V6, Trouble::Error(*number), NOTHING) == 't');
            let on_the_wire = ON_THE_WIRE.contains(&step);
            let expected = if on_the_wire { answered.len() } else { 0 };
            assert_eq!(errors.count(), expected, "{step:?}");
        }
    }
}
