//! Admit: which regions and endpoints may take clients now, and how large a share of them.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::model::RegionId;
use crate::model::Ttl;
use crate::model::VantageGroupId;
use crate::steer::Balanced;
use crate::steer::BalancedEndpoint;
use crate::steer::BalancedPool;

/// Whether an endpoint may be answered; the greater, the sooner.
///
/// Failing open goes down this list: first as if all were up, then, when nothing else is
/// left, what an operator drained. What an operator forced down is beyond it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Admission {
    /// Forced down by an operator: never.
    Barred,
    /// Drained by an operator: only when nothing else is left.
    Drained,
    /// Its verdict is down: only when everything is.
    Down,
    /// In service.
    Admitted,
}

impl Admission {
    /// How many of them a walk may go down to.
    const WALKS: usize = 3;

    /// Position in arrays that hold one entry per walk; nobody walks for `Barred`.
    const fn walk(self) -> usize {
        match self {
            Self::Barred | Self::Drained => 0,
            Self::Down => 1,
            Self::Admitted => 2,
        }
    }
}

/// A part of the clients, in 1/65536.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Share(u32);

impl Share {
    /// All of them.
    pub const FULL: Self = Self(1 << 16);

    /// `part` of `whole`, rounded down; all if `whole` is 0.
    pub fn of(part: u64, whole: u64) -> Self {
        let full = u64::from(Self::FULL.0);
        let share = part.min(whole).saturating_mul(full).checked_div(whole).unwrap_or(full);
        Self(u32::try_from(share).unwrap_or(Self::FULL.0))
    }

    /// In percent, rounded up, so that only nothing is 0.
    pub fn percent(self) -> u8 {
        u8::try_from((self.0 * 100).div_ceil(Self::FULL.0)).unwrap_or(100)
    }

    /// Whether clients at a position are in it, see `Key::position`.
    const fn takes(self, position: u64) -> bool {
        ((position >> 48) as u32) < self.0
    }
}

/// What one endpoint may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EndpointStanding {
    /// In which walks it may be drawn.
    pub admission: Admission,
    /// Of the clients that come to it while it is admitted, how many it gets.
    pub share: Share,
}

impl EndpointStanding {
    /// In service for everybody.
    pub const ADMITTED: Self = Self { admission: Admission::Admitted, share: Share::FULL };

    /// Of this admission, and if admitted for everybody.
    pub const fn of(admission: Admission) -> Self {
        Self { admission, share: Share::FULL }
    }
}

/// What the endpoints of one family of a pool may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct LaneStanding {
    /// Per walk, the endpoints that may be drawn, by position ([`crate::model::limits`] has 128).
    eligible: [u128; Admission::WALKS],
    /// Per walk, the pool's weight times the part of its endpoints' weight that is eligible.
    weights: [u32; Admission::WALKS],
    /// The TTL of admitted answers.
    ttl: Ttl,
    /// Whether a share of one of them is not full.
    is_partial: bool,
}

/// What one pool may take.
#[derive(Clone, Debug, Eq, PartialEq)]
struct PoolStanding {
    lanes: [LaneStanding; 2],
    /// Shares that are not full: lane, position, share. Mostly empty.
    shares: Box<[(u8, u8, Share)]>,
}

/// What the pools of one service may take, in the order of the service. Cheap to clone, since
/// the engine keeps what it published.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceStanding {
    pools: Arc<[PoolStanding]>,
    panics: [bool; 2],
    /// What holds instead for the clients of some vantage groups, in the order of the groups.
    /// Mostly nothing, and then one word.
    groups: Option<Arc<Vec<(VantageGroupId, Self)>>>,
}

/// Who may be drawn for one client, and with what weight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Eligible {
    /// By position in the lane.
    pub(super) endpoints: u128,
    /// The pool's weight in a draw among pools; 0 if only endpoints of weight 0 are left.
    pub(super) weight: u32,
}

impl ServiceStanding {
    /// All endpoints of a pool alike: asks `admission` for each of the service's regions.
    pub fn new(service: &Balanced, admission: impl Fn(RegionId) -> Admission) -> Self {
        Self::build(
            service,
            |pool, _, _| match service.pools.get(pool) {
                Some(pool) => EndpointStanding::of(admission(pool.region)),
                None => EndpointStanding::of(Admission::Barred),
            },
            |_, _| service.ttl,
        )
    }

    /// Asks for each endpoint by pool, lane and position in the lane, and for the TTL of each
    /// lane by pool and lane.
    pub fn build(
        service: &Balanced,
        endpoint: impl Fn(usize, usize, usize) -> EndpointStanding,
        ttl: impl Fn(usize, usize) -> Ttl,
    ) -> Self {
        let pools = service.pools.iter().enumerate().map(|(at, pool)| {
            let mut shares = Vec::new();
            let mut lanes = [0, 1].map(|lane| {
                let all = pool.lanes.get(lane).map_or(&[][..], |lane| service.endpoints(*lane));
                LaneStanding::new(pool, all, ttl(at, lane), |position| endpoint(at, lane, position))
            });
            for (lane, standing) in (0..).zip(&mut lanes) {
                let admitted = standing.eligible.last().copied().unwrap_or_default();
                for position in positions(admitted) {
                    let share = endpoint(at, usize::from(lane), usize::from(position)).share;
                    if share < Share::FULL {
                        standing.is_partial = true;
                        shares.push((lane, position, share));
                    }
                }
            }
            PoolStanding { lanes, shares: shares.into() }
        });
        Self { pools: pools.collect(), panics: [false; 2], groups: None }
    }

    /// Says for which lanes verdicts are ignored; only to be told.
    #[must_use]
    pub fn with_panics(mut self, panics: [bool; 2]) -> Self {
        self.panics = panics;
        self
    }

    /// Says what holds instead for the clients nearest to some vantage groups; for clients of
    /// other groups, and of none, this one does. It replaces what was said before. A group for
    /// which the same holds is left out, so that standings that decide alike are equal.
    ///
    /// It has an effect where the map of the service is partitioned: [`Labels::groups`] has the
    /// groups that are the nearest for somebody, the only ones worth judging.
    ///
    /// [`Labels::groups`]: crate::steer::Labels::groups
    #[must_use]
    pub fn with_groups(self, groups: impl IntoIterator<Item = (VantageGroupId, Self)>) -> Self {
        let alone = Self { groups: None, ..self };
        let groups =
            groups.into_iter().map(|(id, of_group)| (id, Self { groups: None, ..of_group }));
        let mut groups: Vec<_> = groups.filter(|(_, of_group)| *of_group != alone).collect();
        groups.sort_by_key(|(id, _)| *id);
        groups.shrink_to_fit();
        Self { groups: (!groups.is_empty()).then(|| Arc::new(groups)), ..alone }
    }

    /// What holds for the clients of a vantage group, `None` being those without. O(log groups).
    pub fn of_group(&self, group: Option<VantageGroupId>) -> &Self {
        let (Some(groups), Some(group)) = (self.groups.as_deref(), group) else { return self };
        let found = groups.binary_search_by_key(&group, |(id, _)| *id).ok();
        found.and_then(|at| groups.get(at)).map_or(self, |(_, of_group)| of_group)
    }

    /// Whether something else holds for the clients of some vantage group.
    #[inline]
    pub fn has_groups(&self) -> bool {
        self.groups.is_some()
    }

    /// Whether verdicts are ignored in a lane because too little is up.
    pub fn panics(&self, lane: usize) -> bool {
        self.panics.get(lane).copied().unwrap_or(false)
    }

    /// The best admission that an endpoint of a lane has; `Barred` if there is none.
    pub fn admission(&self, pool: usize, lane: usize) -> Admission {
        let Some(lane) = self.lane(pool, lane) else { return Admission::Barred };
        [Admission::Admitted, Admission::Down, Admission::Drained]
            .into_iter()
            .find(|admission| lane.eligible.get(admission.walk()).is_some_and(|set| *set != 0))
            .unwrap_or(Admission::Barred)
    }

    /// The admission of one endpoint.
    pub fn endpoint(&self, pool: usize, lane: usize, position: usize) -> Admission {
        let Some(lane) = self.lane(pool, lane) else { return Admission::Barred };
        let bit = u32::try_from(position).ok().and_then(|at| 1_u128.checked_shl(at)).unwrap_or(0);
        [Admission::Admitted, Admission::Down, Admission::Drained]
            .into_iter()
            .find(|admission| lane.eligible.get(admission.walk()).is_some_and(|set| set & bit != 0))
            .unwrap_or(Admission::Barred)
    }

    /// The share that an endpoint has while it is admitted.
    pub fn share(&self, pool: usize, lane: usize, position: usize) -> Share {
        let shares = self.pools.get(pool).map_or(&[][..], |pool| &pool.shares);
        shares
            .iter()
            .find(|(l, p, _)| (usize::from(*l), usize::from(*p)) == (lane, position))
            .map_or(Share::FULL, |(_, _, share)| *share)
    }

    /// The TTL of admitted answers of a lane. Constant time.
    pub fn ttl(&self, pool: usize, lane: usize) -> Ttl {
        self.lane(pool, lane).map_or(Ttl::ZERO, |lane| lane.ttl)
    }

    /// Whether some endpoint of a lane is admitted for a part of the clients only.
    pub(super) fn has_shares(&self, lane: usize) -> bool {
        self.pools.iter().any(|pool| pool.lanes.get(lane).is_some_and(|lane| lane.is_partial))
    }

    /// Who of a pool may be drawn in a walk. `position` says by a seed where the client stands
    /// among all; it is asked only where a share is not full, else the time is constant. Without
    /// it, as in walks for others than who is admitted, shares are not heeded.
    #[inline]
    pub(super) fn eligible(
        &self,
        service: &Balanced,
        pool: usize,
        lane: usize,
        least: Admission,
        position: Option<impl Fn(u64) -> u64>,
    ) -> Option<Eligible> {
        let standing = self.lane(pool, lane)?;
        let endpoints = *standing.eligible.get(least.walk())?;
        if endpoints == 0 {
            return None;
        }
        if standing.is_partial
            && let Some(position) = position
        {
            return self.thinned(service, pool, lane, endpoints, position);
        }
        Some(Eligible { endpoints, weight: *standing.weights.get(least.walk())? })
    }

    /// Who of a pool may be drawn when nothing but what is drained is left.
    pub(super) fn drained(&self, service: &Balanced, pool: usize, lane: usize) -> Option<Eligible> {
        self.eligible(service, pool, lane, Admission::Drained, None::<fn(u64) -> u64>)
    }

    /// Without those whose share the client is not in.
    #[cold]
    fn thinned(
        &self,
        service: &Balanced,
        pool: usize,
        lane: usize,
        admitted: u128,
        position: impl Fn(u64) -> u64,
    ) -> Option<Eligible> {
        let standing = self.pools.get(pool)?;
        let noun = service.pools.get(pool)?;
        let all = service.endpoints(*noun.lanes.get(lane)?);
        let mut endpoints = admitted;
        for (_, at, share) in standing.shares.iter().filter(|s| usize::from(s.0) == lane) {
            let identity = all.get(usize::from(*at))?.identity;
            let pool = noun.identity.rotate_left(17);
            if !share.takes(position(identity ^ pool ^ service.identity)) {
                endpoints &= !(1 << at);
            }
        }
        (endpoints != 0).then(|| Eligible { endpoints, weight: weight(noun, all, endpoints) })
    }

    fn lane(&self, pool: usize, lane: usize) -> Option<&LaneStanding> {
        self.pools.get(pool)?.lanes.get(lane)
    }
}

impl LaneStanding {
    fn new(
        pool: &BalancedPool,
        all: &[BalancedEndpoint],
        ttl: Ttl,
        standing: impl Fn(usize) -> EndpointStanding,
    ) -> Self {
        let walks = [Admission::Drained, Admission::Down, Admission::Admitted];
        let eligible = walks.map(|least| {
            let fits = |at: &usize| standing(*at).admission >= least;
            (0..all.len().min(128)).filter(fits).fold(0, |set, at| set | 1 << at)
        });
        let weights = eligible.map(|set| weight(pool, all, set));
        Self { eligible, weights, ttl, is_partial: false }
    }
}

/// The members of a set, lowest first.
fn positions(mut set: u128) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let lowest = u8::try_from(set.trailing_zeros()).ok().filter(|at| *at < 128)?;
        set &= set - 1;
        Some(lowest)
    })
}

/// The pool's weight times the part of its endpoints' weight that is in the set; at least 1
/// unless one of them is 0.
fn weight(pool: &BalancedPool, all: &[BalancedEndpoint], set: u128) -> u32 {
    let sum = |set: u128| -> u64 {
        let members = all.iter().enumerate().filter(|(at, _)| set & 1 << at != 0);
        members.map(|(_, endpoint)| u64::from(endpoint.weight)).sum()
    };
    let part = sum(set);
    let whole = if set.count_ones() as usize == all.len() { part } else { sum(u128::MAX) };
    if part == 0 || pool.weight == 0 {
        return 0;
    }
    // limits::WEIGHT times limits::ENDPOINTS_PER_POOL times limits::WEIGHT is below 2⁴⁸.
    let scaled = u64::from(pool.weight) * part / whole;
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}
