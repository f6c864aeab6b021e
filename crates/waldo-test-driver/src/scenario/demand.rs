//! The demands of every scenario.

/// Declares an enum and the list of its variants together, so that the list is complete.
macro_rules! listed {
    ($(#[$of_enum:meta])* pub enum $name:ident { $($(#[$of_variant:meta])* $variant:ident,)* }) => {
        $(#[$of_enum])*
        pub enum $name { $($(#[$of_variant])* $variant,)* }

        impl $name {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
        }
    };
}

listed! {
    /// A demand on a client, a request or a call. Each [`Unmet`](super::Unmet) names one demand.
    ///
    /// A test has a faulty client for each demand, which breaks only this demand.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum Demand {
        /// The client can be made.
        Client,
        /// Each step can be performed, and the client reacts as the scenario says.
        Step,
        /// The client becomes idle, and waits only for instants in the future.
        Rest,
        /// Each call is made.
        CallMade,
        /// Each call ends as many times as it was made.
        CallEnded,
        /// A call ends as expected, and at the expected time.
        Ending,
        /// A body that breaks off is an error.
        WholeBody,
        /// A call gets a response that the server gave to this call.
        OwnResponse,
        /// Each attempt has the method of its call.
        Method,
        /// Each attempt has the query of its call.
        Query,
        /// Each attempt has the headers of its call.
        UserHeaders,
        /// Each header of an attempt comes from its user or from an HTTP stack.
        NoOtherHeader,
        /// Each attempt has the body of its call.
        Body,
        /// No request goes to another origin than the client's.
        OwnOrigin,
        /// No more logins are under way at once than expected.
        LoginsAtOnce,
        /// The expected requests come, in the expected order.
        Request,
        /// Only expected requests come.
        NoOtherRequest,
        /// A login has no `Authorization`.
        LoginWithoutToken,
        /// A login has the documented headers.
        LoginHeader,
        /// A login has the documented body.
        LoginBody,
        /// A login has no query.
        LoginQuery,
        /// Each header of a login is documented or comes from an HTTP stack.
        NoOtherLoginHeader,
        /// A request names the origin as its `Host`.
        Host,
        /// A call carries a token.
        Token,
        /// A call carries one token.
        OneToken,
        /// A call carries its token in the documented form.
        TokenForm,
        /// A call carries a token that this server has issued.
        IssuedToken,
    }
}
