//! The digest of a session's state.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::Session;

impl Session {
    /// A hash of all state that decides what the session does next. Two sessions of one
    /// configuration with equal digests act alike. So a search over all orders of events recognises
    /// a state that it has visited.
    ///
    /// `Session` does not implement `Hash`, because `Hash` would feed the secrets to any hasher.
    ///
    /// The digest leaves out the limits of the configuration, because they never change. It leaves
    /// out the journal, the counters, the last date, the store and the number, because they change
    /// no decision. Times are absolute.
    #[doc(hidden)]
    pub fn digest(&self) -> u64 {
        // Name each field, so that the compiler reports a new field that is not handled here.
        let Self {
            number: _,
            config,
            held,
            no_token,
            given_up,
            refused,
            evidence,
            epoch,
            generation,
            lease,
            logins,
            circuit,
            invalidations,
            last_date: _,
            store: _,
            journal: _,
            counters: _,
        } = self;
        let mut state = DefaultHasher::new();
        config.credentials.hash(&mut state);
        (held, no_token, given_up, refused, evidence).hash(&mut state);
        (epoch, generation, lease, logins).hash(&mut state);
        (circuit, invalidations).hash(&mut state);
        state.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
    use std::io;
    use std::time::{Duration, SystemTime};

    use http::{HeaderMap, Request, StatusCode};

    use crate::{
        Call, Config, Credentials, Head, Login, Now, Outcome, Reason, Session, Step, Unavailable,
    };

    fn request() -> Request<()> {
        Request::get("https://api.waldo.ai/").body(()).unwrap()
    }

    fn digest(thing: &impl Hash) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(thing)
    }

    #[test]
    fn sessions_with_the_same_past_have_one_digest() {
        let credentials = || Credentials::new("k", "s").unwrap();
        let config = Config::builder("https://api.waldo.ai", credentials()).build().unwrap();
        let now = Now::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH);
        let (mut one, mut other) = (Session::new(config.clone()), Session::new(config));
        assert_eq!(one.digest(), other.digest());
        let Ok(Step::Authenticate(login, _)) = one.admit(Call::replayable(), &mut request(), now)
        else {
            panic!("it is cold")
        };
        assert_ne!(one.digest(), other.digest());
        let Ok(Step::Authenticate(same, _)) = other.admit(Call::replayable(), &mut request(), now)
        else {
            panic!("it is cold")
        };
        assert_eq!(one.digest(), other.digest());
        one.settle(login, Outcome::Abandoned, now);
        other.reset(credentials(), now);
        drop(same);
        assert_ne!(one.digest(), other.digest());
        let before = other.digest();
        other.reset(Credentials::new("k", "another").unwrap(), now);
        assert_ne!(other.digest(), before, "the secret decides whether logins are granted");
    }
    #[test]
    fn the_hash_of_a_failure_leaves_out_its_source() {
        let of = |reason| Unavailable::new(reason);
        assert_ne!(digest(&of(Reason::Timeout)), digest(&of(Reason::Transport)));
        let with_source = of(Reason::Timeout).with_source(io::Error::other("connection reset"));
        assert_eq!(digest(&of(Reason::Timeout)), digest(&with_source));
    }

    #[test]
    fn the_hash_of_an_attempt_covers_its_token() {
        let now = Now::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH);
        let attempts = || {
            let credentials = Credentials::new("k", "s").unwrap();
            let mut session =
                Session::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap());
            [1, 2].map(|_| {
                if let Some(generation) = session.generation() {
                    session.invalidate(generation, now);
                }
                let step = session.admit(Call::replayable(), &mut request(), now);
                let Ok(Step::Authenticate(login, _)) = step else { panic!("nothing is held") };
                let granted = login.read(
                    Head::new(StatusCode::OK, &HeaderMap::new()),
                    br#"{"token":"e30.e30.e30"}"#,
                );
                session.settle(login, granted, now);
                let step = session.admit(Call::replayable(), &mut request(), now);
                let Ok(Step::Send(attempt)) = step else { panic!("a token is held") };
                digest(&attempt)
            })
        };
        let [one, next] = attempts();
        assert_ne!(one, next);
        assert_eq!([one, next], attempts());
    }

    #[test]
    fn the_hash_of_a_login_covers_its_number() {
        let credentials = Credentials::new("k", "s").unwrap();
        let config = Config::builder("https://api.waldo.ai", credentials).build().unwrap();
        let now = Now::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH);
        let mut session = Session::new(config);
        let mut secrets = ["t", "u"].into_iter();
        let mut lead = || -> Login {
            let Ok(Step::Authenticate(login, _)) =
                session.admit(Call::replayable(), &mut request(), now)
            else {
                panic!("nothing is held, and no login is under way")
            };
            session.reset(Credentials::new("k", secrets.next().unwrap()).unwrap(), now);
            login
        };
        assert_ne!(digest(&lead()), digest(&lead()));
    }
}
