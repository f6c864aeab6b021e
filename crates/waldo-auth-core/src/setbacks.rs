//! How often logins came to nothing.

/// Counts the logins that brought neither a token nor a verdict. A call notes the counts as it comes in, and so knows what it has sat through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Setbacks {
    /// Those that failed, or lapsed.
    failures: u32,
    /// Those whose leader gave up.
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
