//! Faulty drivers and faulty stores, which the laws must catch.

/// One defect of a driver or of a store. Each is caught by the clause of one law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Defect {
    /// The store tells two programs that they have replaced the same document.
    StoreTellsBoth,
    /// The driver logs in at once, although another process does.
    IgnoresLease,
    /// The driver reports nothing.
    NeverReports,
    /// The store answers with the second document that it ever held, the first one with a token.
    StoreRevives,
    /// Somebody who knows the client secret writes a token that the server did not issue.
    StorePlants,
    /// The driver does not ask the store before a login.
    LogsInAlone,
    /// The driver asks a store that failed again at once.
    AsksAgainAtOnce,
    /// The driver fails the call if the store fails.
    StoreFailsCall,
    /// The driver waits a hundred times as long as it is told.
    Oversleeps,
    /// The driver gives up its claim without a word, and its call waits for ever.
    LosesClaim,
    /// The driver forgets its part in the fleet after each report.
    ForgetsItsPart,
    /// The store's clock stands still.
    StoreClockStands,
}

impl Defect {
    /// All defects.
    pub const ALL: &'static [Self] = &[
        Self::StoreTellsBoth,
        Self::IgnoresLease,
        Self::NeverReports,
        Self::StoreRevives,
        Self::StorePlants,
        Self::LogsInAlone,
        Self::AsksAgainAtOnce,
        Self::StoreFailsCall,
        Self::Oversleeps,
        Self::LosesClaim,
        Self::ForgetsItsPart,
        Self::StoreClockStands,
    ];
}
