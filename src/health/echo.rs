//! Whether another process uses one's name.

/// What came back of what a process published under its name.
///
/// What another of that name published before anything came back is of the past: of the same
/// process before it was started again. After that it is of one that runs too.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Echo {
    is_heard: bool,
}

impl Echo {
    /// Hears what a process of one's name published; `own` is one's instance. Returns whether
    /// that is another process.
    pub const fn is_other(&mut self, instance: u64, own: u64) -> bool {
        self.is_heard |= instance == own;
        instance != own && self.is_heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_is_one_that_speaks_after_what_came_back() {
        let mut echo = Echo::default();
        let heard = [1, 7, 1, 7].map(|instance| echo.is_other(instance, 7));
        assert_eq!(heard, [false, false, true, false]);
    }
}
