//! How many files and sockets the process may have open.
//!
//! Linux gives a process 1,024 to begin with, for the sake of old programs, and lets it have more
//! if it asks. What does not fit then is TCP connections, so that probes, the API and files have
//! theirs however many clients come.
#![forbid(unsafe_code)]

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// What is allowed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpenFiles(usize);

impl OpenFiles {
    /// Asks for as many as are to be had.
    pub fn raise() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let most = maximum.unwrap_or(ENOUGH).min(ENOUGH);
        let current = current.unwrap_or(u64::MAX);
        let is_raised = current < most
            && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }).is_ok();
        let allowed = if is_raised { most } else { current };
        Self(usize::try_from(allowed).unwrap_or(usize::MAX))
    }

    /// How many TCP connections there may be of those that were asked for, and what to tell an
    /// operator if that is fewer. `others` are files and sockets for all else.
    pub fn connections(self, asked: usize, others: usize) -> (usize, Option<String>) {
        let left = self.0.saturating_sub(others).max(LEAST);
        if left >= asked {
            return (asked, None);
        }
        let (allowed, needed) = (self.0, asked + others);
        let problem = format!(
            "{allowed} open files are allowed and {needed} may be needed, {asked} of them for \
             TCP connections: at most {left} of these are accepted; set `LimitNOFILE={needed}` in \
             the unit, or `ulimit -Hn {needed}` as root before the start"
        );
        (left, Some(problem))
    }
}

/// More is of no use. Where a container allows a billion, programs that close all they might
/// have open, as some of hooks and monitors do, would be busy with that for minutes.
const ENOUGH: u64 = 1 << 20;

/// TCP connections that are accepted in any case.
const LEAST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_have_what_the_others_leave() {
        assert_eq!(OpenFiles(16_384).connections(4096, 700), (4096, None));
        let (most, problem) = OpenFiles(1024).connections(4096, 700);
        assert_eq!(most, 324);
        assert_eq!(
            problem.unwrap(),
            "1024 open files are allowed and 4796 may be needed, 4096 of them for TCP \
             connections: at most 324 of these are accepted; set `LimitNOFILE=4796` in the \
             unit, or `ulimit -Hn 4796` as root before the start"
        );
        assert_eq!(OpenFiles(64).connections(4096, 700).0, LEAST);
    }

    #[test]
    fn as_many_as_are_to_be_had_are_asked_for() {
        let OpenFiles(allowed) = OpenFiles::raise();
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        assert_eq!(current, Some(u64::try_from(allowed).unwrap()));
        assert_eq!(current, Some(maximum.unwrap_or(ENOUGH).min(ENOUGH)));
    }
}
