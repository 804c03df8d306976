//! The monotonic clock in microseconds, as `MONOTONIC_USEC=` wants it.

/// Microseconds of `CLOCK_MONOTONIC`, or `None` where there is no such clock.
pub(in crate::server) fn monotonic_microseconds() -> Option<u64> {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec that is ours alone during the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    if done != 0 {
        return None;
    }
    let seconds = u64::try_from(now.tv_sec).ok()?;
    let nanoseconds = u64::try_from(now.tv_nsec).ok()?;
    seconds.checked_mul(1_000_000)?.checked_add(nanoseconds / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs() {
        let earlier = monotonic_microseconds().unwrap();
        assert!(earlier > 0);
        assert!(monotonic_microseconds().unwrap() >= earlier);
    }
}
