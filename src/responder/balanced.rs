//! The answer of a balanced name.

use crate::model::AllDown;
use crate::model::Class;
use crate::model::Family;
use crate::model::Rcode;
use crate::model::RecordType;
use crate::model::Ttl;
use crate::responder::Verdict;
use crate::responder::answer::Answer;
use crate::responder::answer::Sought;
use crate::responder::answer::Step;
use crate::steer::Admission;
use crate::steer::Answered;
use crate::steer::Balanced;
use crate::steer::Client;
use crate::steer::Gate;
use crate::steer::Picks;
use crate::steer::Trace;
use crate::steer::decide;
use crate::wire::ExtendedError;
use crate::wire::Full;
use crate::wire::Owner;
use crate::wire::Record;
use crate::wire::Section;
use crate::zone::Answers;
use crate::zone::Zone;

/// RFC 8914, 4.1: no better code exists for this. Endpoints are out of service whether they are
/// down, drained or both: these texts have one word for what nobody is to be sent to.
const FAILED_OPEN: ExtendedError =
    ExtendedError { code: 0, text: "all endpoints are out of service, answered all the same" };

const FALLBACK: ExtendedError =
    ExtendedError { code: 0, text: "all endpoints are out of service, answered the fallback" };

const OUT_OF_SERVICE: ExtendedError =
    ExtendedError { code: 0, text: "all endpoints are out of service" };

impl<T: Trace> Answer<'_, '_, T> {
    /// Decides, and writes what was decided. `answers` are the types of the service.
    pub(super) fn balanced<'n>(
        &mut self,
        zone: Zone<'n>,
        service: u32,
        answers: Answers,
    ) -> Result<Step<'n>, Full>
    where
        Self: 'n,
    {
        let snapshot = self.snapshot;
        let position = service as usize;
        let found = snapshot.world.services().get(position);
        let map = found.and_then(|service| snapshot.world.maps().get(service.map));
        let (Some(service), Some(map), Some(standing)) =
            (found, map, snapshot.standing.service(position))
        else {
            debug_assert!(false, "zones, services and standing are of one world");
            return Ok(Step::Done(Verdict::of(Rcode::SERVFAIL)));
        };
        let family = match self.query.question.qtype {
            RecordType::AAAA => Family::V6,
            // RFC 8482, 4.1: one of the RRsets.
            RecordType::ANY if !answers.a => Family::V6,
            _ => Family::V4,
        };
        let subnet = self.query.edns.and_then(|edns| edns.client_subnet);
        let client = Client { subnet, resolver: self.peer };
        let gate = Gate { standing, cutoffs: snapshot.standing.cutoffs() };
        let decision = decide(service, family, map, gate, &client, self.rng, self.trace);
        let done = |rcode, error| Ok(Step::Done(Verdict { rcode, scope: decision.scope, error }));
        match decision.answered {
            Answered::Endpoints { pool, picks, admission, ttl } => {
                let open = admission != Admission::Admitted;
                if open {
                    self.tally.count_failed_open();
                }
                let target = self.endpoints(service, pool, family, &picks, ttl)?;
                match target {
                    Some(next) => {
                        let error = open.then_some(FAILED_OPEN);
                        Ok(Step::Follow(next, decision.scope, error))
                    }
                    None => done(Rcode::NOERROR, open.then_some(FAILED_OPEN)),
                }
            }
            Answered::Fallback => {
                self.fallback(zone, service, family)?;
                done(Rcode::NOERROR, Some(FALLBACK))
            }
            Answered::ServFail => {
                self.out.clear();
                done(Rcode::SERVFAIL, Some(OUT_OF_SERVICE))
            }
        }
    }

    /// Writes the endpoints drawn. For a host name, returns it if it is to be followed.
    fn endpoints<'n>(
        &mut self,
        service: &'n Balanced,
        pool: usize,
        family: Family,
        picks: &Picks,
        ttl: Ttl,
    ) -> Result<Option<Sought<'n>>, Full> {
        let lane = if service.alias { 0 } else { family.index() };
        let lane = service.pools.get(pool).and_then(|pool| pool.lanes.get(lane).copied());
        let endpoints = service.endpoints(lane.unwrap_or_default());
        for at in picks.positions() {
            let Some(endpoint) = endpoints.get(usize::from(*at)) else { continue };
            if service.alias {
                // One name has one CNAME (RFC 2181, 10.1), however many answers are asked for.
                self.cname(Owner::Question, ttl, &endpoint.rdata)?;
                let followed =
                    !matches!(self.query.question.qtype, RecordType::CNAME | RecordType::ANY);
                return Ok(followed.then_some(Sought::further(&endpoint.rdata)));
            }
            self.address(family, ttl, &endpoint.rdata)?;
        }
        Ok(None)
    }

    /// A balanced name is that of the question: chains end before one.
    fn address(&mut self, family: Family, ttl: Ttl, rdata: &[u8]) -> Result<(), Full> {
        let (owner, rtype) = (Owner::Question, family.record_type());
        self.out.ready(Section::Answer, &Record { owner, rtype, class: Class::IN, ttl, rdata })
    }

    fn fallback(&mut self, zone: Zone<'_>, service: &Balanced, family: Family) -> Result<(), Full> {
        let ttl = service.ttl_min;
        match (service.all_down, family) {
            (AllDown::Fallback { v4: Some(v4), .. }, Family::V4) => {
                self.address(family, ttl, &v4.octets())
            }
            (AllDown::Fallback { v6: Some(v6), .. }, Family::V6) => {
                self.address(family, ttl, &v6.octets())
            }
            // Configuration sees to it that a fallback has every family of its service.
            (AllDown::Fallback { .. } | AllDown::FailOpen | AllDown::ServFail, _) => {
                self.negative(zone)
            }
        }
    }
}
