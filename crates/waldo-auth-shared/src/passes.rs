//! What lets threads go past the lock while nothing changes.
//!
//! A session that holds a token says the same to call after call, until its journal grows. So each thread gets a [`Pass`] that says it
//! too, and the number of the newest entry is known without the lock. A thread that finds its pass as new as that number has come
//! before whatever somebody is changing right now; any other one asks the session.
//!
//! A pass has a copy of the token, which is made only where one thread meets the token twice: where each response brings another
//! one, none is made.

use std::cell::{RefCell, RefMut};

use http::Request;
use waldo_auth_core::{Attempt, Call, Head, Now, Pass, Session};

use crate::sync::{AtomicU64, Ordering, ThreadLocal};

/// The passes of a session's threads.
#[derive(Debug)]
pub(crate) struct Passes {
    newest: Newest,
    issued: ThreadLocal<RefCell<Issued>>,
}

/// The number of the newest entry of the journal, which all read. Nobody writes beside it, in the same lines of the cache.
#[derive(Debug)]
#[repr(align(128))]
struct Newest(AtomicU64);

/// What a thread has, in lines of the cache that are no other thread's.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Issued {
    /// The newest entry when the session was asked last.
    seen: u64,
    pass: Option<Pass>,
}

impl Passes {
    pub(crate) fn none() -> Self {
        Self { newest: Newest(AtomicU64::new(0)), issued: ThreadLocal::new() }
    }

    /// Says what the session would say to the call, if this thread has a good pass that knows it.
    ///
    /// # Errors
    /// The call, for the session to be asked.
    #[inline]
    pub(crate) fn admit<B>(&self, call: Call, request: &mut Request<B>, now: Now) -> Result<Attempt, Call> {
        match self.issued().as_deref().and_then(|issued| self.good(issued)) {
            Some(pass) => pass.admit(call, request, now),
            None => Err(call),
        }
    }

    /// Whether the session would deliver the response and take nothing from it, if this thread has a good pass.
    #[inline]
    pub(crate) fn concludes(&self, attempt: &Attempt, response: Head<'_>) -> bool {
        let issued = self.issued();
        let pass = issued.as_deref().and_then(|issued| self.good(issued));
        pass.is_some_and(|pass| pass.concludes(attempt, response))
    }

    /// Notes that the session has sent a call of this thread: if it has sent one before, and is as it was, the next one has use for a pass.
    pub(crate) fn issue(&self, session: &Session) {
        let Some(mut issued) = self.issued() else { return };
        let written = session.journal().written();
        if issued.seen != written {
            issued.seen = written;
        } else if self.good(&issued).is_none() {
            issued.pass = session.pass();
        }
    }

    /// Makes all passes void that are older than the session, whose lock is held.
    pub(crate) fn void(&self, session: &Session) {
        let Newest(newest) = &self.newest;
        let written = session.journal().written();
        // What all threads read is written only where it is another number.
        if newest.load(Ordering::Relaxed) != written {
            newest.store(written, Ordering::Release);
        }
    }

    fn good<'i>(&self, issued: &'i Issued) -> Option<&'i Pass> {
        let Newest(newest) = &self.newest;
        issued.pass.as_ref().filter(|pass| pass.written() == newest.load(Ordering::Acquire))
    }

    /// None while this thread looks at it already: a header that goes may run code of the user's, which may make a call.
    fn issued(&self) -> Option<RefMut<'_, Issued>> {
        self.issued.get_or_default().try_borrow_mut().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use waldo_auth_core::{Config, Credentials, Step, Verdict};

    use super::*;

    fn now() -> Now {
        Now::new(Duration::from_secs(1), SystemTime::UNIX_EPOCH)
    }

    fn request() -> Request<()> {
        Request::get("https://api.waldo.ai/customer").body(()).unwrap()
    }

    fn warm() -> Session {
        let credentials = Credentials::new("k", "s").unwrap();
        let mut session = Session::new(Config::builder("https://api.waldo.ai", credentials).build().unwrap());
        let Ok(Step::Authenticate(login, _)) = session.admit(Call::replayable(), &mut request(), now())
        else {
            panic!("nothing is held")
        };
        let granted = login.read(Head::new(StatusCode::OK, &HeaderMap::new()), br#"{"token":"e30.e30.e30"}"#);
        session.settle(login, granted, now());
        session
    }

    /// A call as the shell makes it; true when it needs no lock.
    fn goes_past(passes: &Passes, session: &mut Session, answer: &str) -> bool {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(answer).unwrap())]);
        let head = Head::new(StatusCode::OK, &headers);
        let (attempt, was_asked) = match passes.admit(Call::replayable(), &mut request(), now()) {
            Ok(attempt) => (attempt, false),
            Err(call) => {
                let Ok(Step::Send(attempt)) = session.admit(call, &mut request(), now()) else {
                    panic!("a token is held")
                };
                passes.issue(session);
                passes.void(session);
                (attempt, true)
            }
        };
        let is_plain = passes.concludes(&attempt, head);
        if !is_plain {
            assert!(matches!(session.conclude(attempt, head, now()), Verdict::Deliver));
            passes.void(session);
        }
        is_plain && !was_asked
    }

    #[test]
    fn the_third_call_of_a_thread_needs_no_lock() {
        let (passes, mut session) = (Passes::none(), warm());
        let mut past = || goes_past(&passes, &mut session, "Bearer e30.e30.e30");
        assert_eq!([past(), past(), past(), past()], [false, false, true, true]);
    }

    #[test]
    fn where_each_response_brings_another_token_no_pass_is_made() {
        let (passes, mut session) = (Passes::none(), warm());
        for number in 0..20 {
            assert!(!goes_past(
                &passes,
                &mut session,
                &format!("Bearer e30.e30.{}", "e30e".repeat(number % 3 + 1))
            ));
            assert!(passes.issued().unwrap().pass.is_none());
        }
    }
}
