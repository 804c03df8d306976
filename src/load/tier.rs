//! A tier: of several regions that are equally good, which gets how many.
//!
//! As a query has it: those members that are there and take the client are drawn from by weight.

/// One member of a tier, as clients meet it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// How likely it is there.
    pub(super) there: f64,
    /// Of the clients that come to it, the part that it takes.
    pub(super) takes: f64,
    /// Its weight in the draw, above 0.
    pub(super) weight: f64,
}

impl Member {
    fn in_draw(&self) -> f64 {
        self.there * self.takes
    }
}

/// Up to so many members every set of them is looked at; of more, the draw is taken to be among
/// as many as are there on average.
const EXACT: usize = 4;

/// For each member the part of the tier's clients that comes to it, before it refuses some: what
/// it would serve if it took all, with the others as they are. Served is that times
/// [`Member::takes`]; returns the part that nobody serves.
///
/// `arrivals` has as many places as there are members. O(n × 2ⁿ) for few, O(n²) for many.
pub(super) fn split(members: &[Member], arrivals: &mut [f64]) -> f64 {
    if let ([only], [arrival]) = (members, &mut *arrivals) {
        *arrival = only.there;
        return 1.0 - only.in_draw();
    }
    let none: f64 = members.iter().map(|member| 1.0 - member.in_draw()).product();
    for (at, (member, arrival)) in members.iter().zip(arrivals.iter_mut()).enumerate() {
        let of_draw = if members.len() <= EXACT {
            exact(member.weight, at, members)
        } else {
            mean(member.weight, at, members)
        };
        *arrival = member.there * of_draw;
    }
    if members.len() > EXACT {
        let served: f64 = members.iter().zip(&*arrivals).map(|(m, a)| m.takes * a).sum();
        if served > 0.0 {
            arrivals.iter_mut().for_each(|arrival| *arrival *= (1.0 - none) / served);
        }
    }
    none
}

/// The expected part that a member of that weight draws, over all sets of the others.
fn exact(weight: f64, skipped: usize, members: &[Member]) -> f64 {
    let mut sum = 0.0;
    for set in 0..1_usize << members.len() {
        if set & 1 << skipped != 0 {
            continue;
        }
        let (mut likely, mut beside) = (1.0, 0.0);
        for (at, other) in members.iter().enumerate().filter(|(at, _)| *at != skipped) {
            if set & 1 << at == 0 {
                likely *= 1.0 - other.in_draw();
            } else {
                likely *= other.in_draw();
                beside += other.weight;
            }
        }
        sum += likely * weight / (weight + beside);
    }
    sum
}

/// The part that it draws beside the average of the others.
fn mean(weight: f64, skipped: usize, members: &[Member]) -> f64 {
    let others = members.iter().enumerate().filter(|(at, _)| *at != skipped);
    let beside: f64 = others.map(|(_, other)| other.in_draw() * other.weight).sum();
    weight / (weight + beside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(there: f64, takes: f64, weight: f64) -> Member {
        Member { there, takes, weight }
    }

    fn check(members: &[Member], served: &[f64], within: f64) {
        let mut arrivals = vec![0.0; members.len()];
        let none = split(members, &mut arrivals);
        let got: Vec<f64> = members.iter().zip(&arrivals).map(|(m, a)| m.takes * a).collect();
        assert!((got.iter().sum::<f64>() + none - 1.0).abs() < 1e-9, "{got:?} {none}");
        for (got, served) in got.iter().zip(served) {
            assert!((got - served).abs() <= within, "{got} {served}");
        }
    }

    #[test]
    fn members_share_by_weight_among_those_who_take() {
        check(&[member(0.5, 0.5, 1.0)], &[0.25], 1e-12);
        check(&[member(1.0, 1.0, 3.0), member(1.0, 1.0, 1.0)], &[0.75, 0.25], 1e-12);
        // Half is refused by the first, and half of the rest would be drawn elsewhere anyway.
        check(&[member(1.0, 0.5, 1.0), member(1.0, 1.0, 1.0)], &[0.25, 0.75], 1e-12);
        check(&[member(1.0, 0.0, 1.0), member(0.5, 1.0, 1.0)], &[0.0, 0.5], 1e-12);
        let five = [member(1.0, 1.0, 1.0); 5];
        check(&five, &[0.2; 5], 1e-12);
        let all_refuse = [member(1.0, 0.0, 1.0); 6];
        check(&all_refuse, &[0.0; 6], 1e-12);
    }

    #[test]
    fn many_members_are_nearly_as_exact_as_few() {
        let mut members = vec![member(1.0, 0.3, 2.0); 3];
        members.extend([member(1.0, 0.9, 1.0); 3]);
        let exactly: Vec<f64> = members
            .iter()
            .enumerate()
            .map(|(at, m)| m.takes * m.there * exact(m.weight, at, &members))
            .collect();
        check(&members, &exactly, 0.03);
    }
}
