//! A count of failed logins.

/// Counts the logins that failed, or whose lease expired. A call notes the count when it comes in.
/// So it knows later how many such logins it has waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Setbacks(u32);

impl Setbacks {
    pub(crate) fn fail(&mut self) {
        self.0 = self.0.wrapping_add(1);
    }

    pub(crate) fn failures_since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}
