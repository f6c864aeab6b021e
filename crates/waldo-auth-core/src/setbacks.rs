//! Counts of failed and abandoned logins.

/// Counts the logins that brought neither a token nor a verdict. A call notes the counts when it
/// comes in. So it knows later how many such logins it has waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Setbacks {
    /// The logins that failed, or whose lease expired.
    failures: u32,
    /// The logins whose leader gave up.
    abandons: u32,
}

impl Setbacks {
    pub(crate) fn fail(&mut self) {
        self.failures = self.failures.wrapping_add(1);
    }

    pub(crate) fn abandon(&mut self) {
        self.abandons = self.abandons.wrapping_add(1);
    }

    pub(crate) fn failures_since(self, earlier: Self) -> u32 {
        self.failures.wrapping_sub(earlier.failures)
    }

    pub(crate) fn abandons_since(self, earlier: Self) -> u32 {
        self.abandons.wrapping_sub(earlier.abandons)
    }
}
