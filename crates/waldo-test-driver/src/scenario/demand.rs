//! The demands of every scenario.

/// Declares an enum together with the list of its variants, so that no list can leave one out.
macro_rules! listed {
    ($(#[$of_enum:meta])* pub enum $name:ident { $($(#[$of_variant:meta])* $variant:ident,)* }) => {
        $(#[$of_enum])*
        pub enum $name { $($(#[$of_variant])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];
        }
    };
}

listed! {
    /// What a client, a request or a call must be like. Each [`Unmet`](super::Unmet) names one.
    ///
    /// A test has a faulty client for each, which breaks this demand and no other.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum Demand {
        /// The client can be made.
        Client,
        /// Each step can be taken, and the client answers it as the scenario says.
        Step,
        /// The client comes to rest, and waits for instants in the future only.
        Rest,
        /// Each call is made.
        CallMade,
        /// Each call ends, as often as it is made.
        CallEnded,
        /// A call ends as expected, and when.
        Ending,
        /// A body that breaks off is an error.
        WholeBody,
        /// A call is delivered a response that the server gave to it.
        OwnResponse,
        /// Each attempt has the method of its call.
        Method,
        /// Each attempt has the query of its call.
        Query,
        /// Each attempt has the headers of its call.
        UserHeaders,
        /// No attempt has a header that neither its user nor an HTTP stack has added.
        NoOtherHeader,
        /// Each attempt has the body of its call.
        Body,
        /// Nothing goes to another origin than the client's.
        OwnOrigin,
        /// No more logins are under way at once than expected.
        LoginsAtOnce,
        /// The expected requests come, in the expected order.
        Request,
        /// No request comes that is not expected.
        NoOtherRequest,
        /// A login has no `Authorization`.
        LoginWithoutToken,
        /// A login has the documented headers.
        LoginHeader,
        /// A login has the documented body.
        LoginBody,
        /// A login has no query.
        LoginQuery,
        /// A login has no header but its own and those of an HTTP stack.
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
