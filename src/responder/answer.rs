//! An answer in class IN: static data, chains, referrals, negatives (RFC 1034, 4.3.2).

use std::net::IpAddr;

use fastrand::Rng;

use crate::model::Class;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::model::Ttl;
use crate::model::limits;
use crate::responder::Tally;
use crate::responder::Verdict;
use crate::snapshot::Snapshot;
use crate::steer::Trace;
use crate::wire::ExtendedError;
use crate::wire::Full;
use crate::wire::Owner;
use crate::wire::Query;
use crate::wire::Record;
use crate::wire::Reply;
use crate::wire::ScopePrefix;
use crate::wire::Section;
use crate::zone::Lookup;
use crate::zone::Rrset;
use crate::zone::Zone;

/// One answer in the making.
pub(super) struct Answer<'a, 'b, T> {
    pub(super) query: &'a Query,
    pub(super) peer: IpAddr,
    pub(super) snapshot: &'a Snapshot,
    pub(super) rng: &'a mut Rng,
    pub(super) tally: &'a mut Tally,
    pub(super) out: &'a mut Reply<'b>,
    pub(super) trace: &'a mut T,
}

/// The name that is being looked up, in lower case.
#[derive(Clone, Copy)]
pub(super) struct Sought<'n> {
    name: &'n [u8],
    is_asked: bool,
}

impl<'n> Sought<'n> {
    /// A name that an alias led to.
    pub(super) const fn further(name: &'n [u8]) -> Self {
        Self { name, is_asked: false }
    }

    fn owner(self) -> Owner<'n> {
        if self.is_asked { Owner::Question } else { Owner::Name(self.name) }
    }
}

/// As many names as a chain has links, each once.
#[derive(Default)]
struct Names<'n> {
    names: [&'n [u8]; limits::CHAIN + 1],
    len: usize,
}

impl<'n> Names<'n> {
    /// Adds a name; false if it is there already.
    fn add(&mut self, name: &'n [u8]) -> bool {
        let is_new = !self.names.iter().take(self.len).any(|known| *known == name);
        if let Some(slot) = self.names.get_mut(self.len).filter(|_| is_new) {
            *slot = name;
            self.len += 1;
        }
        is_new
    }
}

/// How one step ended.
pub(super) enum Step<'n> {
    /// The answer is complete.
    Done(Verdict),
    /// An alias leads to this name; the client's place may have chosen it, for want of better.
    Follow(Sought<'n>, ScopePrefix, Option<ExtendedError>),
    /// A DNAME, not yet written, leads to a name that is yet to be made.
    Substitute(Dname<'n>),
}

/// A DNAME and its owner.
#[derive(Clone, Copy)]
pub(super) struct Dname<'n> {
    owner: &'n [u8],
    dname: Rrset<'n>,
}

/// The zone that a lookup ended in; `None` outside of all.
fn zone_of<'n>(lookup: &Lookup<'n>) -> Option<Zone<'n>> {
    match lookup {
        Lookup::Outside => None,
        Lookup::Answer { zone, .. }
        | Lookup::Balanced { zone, .. }
        | Lookup::Alias { zone, .. }
        | Lookup::Redirect { zone, .. }
        | Lookup::Referral { zone, .. }
        | Lookup::NoData { zone, .. }
        | Lookup::NxDomain { zone } => Some(*zone),
    }
}

impl<T: Trace> Answer<'_, '_, T> {
    /// Looks up the question's name, and what its aliases lead to within the zone.
    pub(super) fn complete(mut self) -> Verdict {
        let query = self.query;
        let name = query.question.name();
        let lookup = self.snapshot.world.zones().lookup(name, query.question.qtype);
        let Some(zone) = zone_of(&lookup) else {
            return Verdict::refused("not in any zone served here");
        };
        let sought = Sought { name, is_asked: true };
        match self.step(zone, sought, lookup) {
            Ok(Step::Done(verdict)) => verdict,
            Ok(step) => {
                // A balanced name is the first of a chain, or ends it.
                let by_first = match &step {
                    Step::Follow(_, _, error) => *error,
                    Step::Done(_) | Step::Substitute(_) => None,
                };
                let verdict = self.follow(zone, sought, step);
                Verdict { error: verdict.error.or(by_first), ..verdict }
            }
            Err(Full) => self.truncated(ScopePrefix::GLOBAL),
        }
    }

    /// Goes on where aliases lead, as long as that is in the zone and not balanced.
    #[cold]
    fn follow<'n>(&mut self, zone: Zone<'n>, asked: Sought<'n>, first: Step<'n>) -> Verdict
    where
        Self: 'n,
    {
        let query = self.query;
        let zones = self.snapshot.world.zones();
        // One buffer per link: a DNAME reads from the one before and writes to its own.
        let mut substituted = [[0; limits::NAME]; limits::CHAIN];
        let (mut sought, mut step) = (asked, first);
        let mut scope = ScopePrefix::GLOBAL;
        let (mut seen, mut dnames) = (Names::default(), Names::default());
        seen.add(asked.name);
        for buffer in &mut substituted {
            sought = match step {
                Step::Done(verdict) => {
                    return Verdict { scope: scope.max(verdict.scope), ..verdict };
                }
                Step::Follow(next, by, _) => {
                    scope = scope.max(by);
                    next
                }
                Step::Substitute(dname) => {
                    // One DNAME may serve several links, and stands once (RFC 2181, 5).
                    let is_new = dnames.add(dname.owner);
                    let written = if is_new { self.redirect(dname) } else { Ok(()) };
                    match written.and_then(|()| self.substitute(sought, dname, buffer)) {
                        Ok(Some(length)) => {
                            Sought::further(buffer.get(..length).unwrap_or_default())
                        }
                        Ok(None) => return Verdict { scope, ..Verdict::of(Rcode::YXDOMAIN) },
                        Err(Full) => return self.truncated(scope),
                    }
                }
            };
            // The CNAME of a DNAME may be what was asked for. Of a loop all records are there.
            if query.question.qtype == RecordType::CNAME || !seen.add(sought.name) {
                break;
            }
            let lookup = zones.lookup(sought.name, query.question.qtype);
            let here = zone_of(&lookup).is_some_and(|found| found.number() == zone.number());
            // What depends on the client must not be cached under an alias's scope.
            if !here || matches!(lookup, Lookup::Balanced { .. }) {
                break;
            }
            step = match self.step(zone, sought, lookup) {
                Ok(step) => step,
                Err(Full) => return self.truncated(scope),
            };
        }
        match step {
            // The chain ended just where the last link is allowed to be.
            Step::Done(verdict) => Verdict { scope: scope.max(verdict.scope), ..verdict },
            // The resolver follows the rest by itself.
            Step::Follow(..) | Step::Substitute(_) => {
                Verdict { scope, ..Verdict::of(Rcode::NOERROR) }
            }
        }
    }

    fn truncated(&mut self, scope: ScopePrefix) -> Verdict {
        self.out.truncate();
        Verdict { scope, ..Verdict::of(Rcode::NOERROR) }
    }

    /// One step of the chain.
    fn step<'n>(
        &mut self,
        zone: Zone<'n>,
        sought: Sought<'n>,
        lookup: Lookup<'n>,
    ) -> Result<Step<'n>, Full>
    where
        Self: 'n,
    {
        let noerror = Ok(Step::Done(Verdict::of(Rcode::NOERROR)));
        match lookup {
            Lookup::Outside => Ok(Step::Done(Verdict::refused("not in any zone served here"))),
            Lookup::Answer { rrset, .. } => {
                self.out.authoritative();
                self.rrset(Section::Answer, sought.owner(), rrset)?;
                self.optional_addresses(rrset);
                noerror
            }
            Lookup::Balanced { service, answers, .. } => {
                self.out.authoritative();
                self.balanced(zone, service, answers)
            }
            Lookup::Alias { cname, .. } => {
                self.out.authoritative();
                self.rrset(Section::Answer, sought.owner(), cname)?;
                Ok(Step::Follow(Sought::further(cname.target()), ScopePrefix::GLOBAL, None))
            }
            Lookup::Redirect { owner, dname, .. } => {
                self.out.authoritative();
                Ok(Step::Substitute(Dname { owner, dname }))
            }
            Lookup::Referral { cut, ns, .. } => {
                self.referral(cut, ns)?;
                noerror
            }
            Lookup::NoData { .. } => {
                self.negative(zone)?;
                noerror
            }
            Lookup::NxDomain { .. } => {
                self.negative(zone)?;
                Ok(Step::Done(Verdict::of(Rcode::NXDOMAIN)))
            }
        }
    }

    fn rrset(&mut self, section: Section, owner: Owner<'_>, rrset: Rrset<'_>) -> Result<(), Full> {
        let (rtype, ttl) = (rrset.rtype(), rrset.ttl());
        rrset.rdatas().try_for_each(|rdata| {
            self.out.record(section, &Record { owner, rtype, class: Class::IN, ttl, rdata })
        })
    }

    /// RFC 6672, 3.1: the DNAME itself.
    fn redirect(&mut self, Dname { owner, dname }: Dname<'_>) -> Result<(), Full> {
        self.rrset(Section::Answer, Owner::Name(owner), dname)
    }

    /// RFC 6672, 2.2 and 3.1: the CNAME that follows from a DNAME, its target in `buffer`.
    /// `None` if that is too long for a name.
    fn substitute(
        &mut self,
        sought: Sought<'_>,
        Dname { owner, dname }: Dname<'_>,
        buffer: &mut [u8; limits::NAME],
    ) -> Result<Option<usize>, Full> {
        let kept = sought.name.len().saturating_sub(owner.len());
        let labels = sought.name.get(..kept).unwrap_or_default();
        let length = kept + dname.target().len();
        let Some(target) = buffer.get_mut(..length) else { return Ok(None) };
        let (front, back) = target.split_at_mut(kept);
        front.copy_from_slice(labels);
        back.copy_from_slice(dname.target());
        self.cname(sought.owner(), dname.ttl(), target)?;
        Ok(Some(length))
    }

    pub(super) fn cname(&mut self, owner: Owner<'_>, ttl: Ttl, target: &[u8]) -> Result<(), Full> {
        let (rtype, class) = (RecordType::CNAME, Class::IN);
        self.out.record(Section::Answer, &Record { owner, rtype, class, ttl, rdata: target })
    }

    /// RFC 1034, 4.3.2, 3b. No DS: a zone is served unsigned, and who validates takes nothing
    /// that it says of the zones below from it (RFC 4035, 3.1.4.1 is about signed zones).
    fn referral(&mut self, cut: &[u8], ns: Rrset<'_>) -> Result<(), Full> {
        self.rrset(Section::Authority, Owner::Name(cut), ns)?;
        for host in ns.addresses() {
            for rrset in [host.a, host.aaaa].into_iter().flatten() {
                let mark = self.out.mark();
                let fits = self.rrset(Section::Additional, Owner::Name(host.owner), rrset);
                // RFC 9471, 3.1: without the glue of in-domain servers the referral is of
                // no use.
                if host.in_domain {
                    fits?;
                } else if fits.is_err() {
                    self.out.rewind(mark);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// RFC 2308, 3: the SOA with the time that the negative answer may be kept.
    pub(super) fn negative(&mut self, zone: Zone<'_>) -> Result<(), Full> {
        self.out.authoritative();
        self.rrset(Section::Authority, Owner::Name(zone.apex()), zone.negative_soa())
    }

    /// Addresses of the hosts that an answer names; whole RRsets, as far as the response stays
    /// short: resolvers ask for them if they need them.
    fn optional_addresses(&mut self, rrset: Rrset<'_>) {
        for host in rrset.addresses() {
            for rrset in [host.a, host.aaaa].into_iter().flatten() {
                let mark = self.out.mark();
                let written = self.rrset(Section::Additional, Owner::Name(host.owner), rrset);
                if written.is_err() || self.out.position() > limits::OPTIONAL_ADDRESSES {
                    self.out.rewind(mark);
                    return;
                }
            }
        }
    }
}
