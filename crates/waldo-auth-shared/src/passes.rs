//! What lets threads go past the lock while nothing changes.
//!
//! A session that holds a token says the same to call after call, until its journal grows. A [`Pass`] says it too, and the number of the
//! newest entry is known without the lock. So a thread that has sent twice with one token finds a pass at its desk; while that is void,
//! or knows no answer, the session is asked.
//!
//! A pass has a copy of the token. Where a thread makes one call after the other and each response brings another token, none is made.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use http::Request;
use waldo_auth_core::{Attempt, Call, Head, Now, Pass, Session, Verdict};

use crate::sync::{AtomicU64, Ordering, thread_number};

/// So many threads have a pass each. Of more, some share a desk, and ask the session when they meet there.
const DESKS: usize = 16;

/// The passes of a session's threads.
#[derive(Debug)]
pub(crate) struct Passes {
    newest: Newest,
    desks: Box<[Desk; DESKS]>,
}

/// The number of the newest entry of the journal, which all read. Nobody writes beside it, in the same lines of the cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Newest(AtomicU64);

/// Where a thread finds its pass, in lines of the cache that no other desk has.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Desk(Mutex<Issued>);

#[derive(Debug, Default)]
struct Issued {
    /// The newest entry when the session sent a call from here last.
    sent_at: u64,
    pass: Option<Pass>,
}

impl Passes {
    pub(crate) fn none() -> Self {
        Self { newest: Newest::default(), desks: Box::default() }
    }

    /// Sends the call as the session would, if there is a good pass that knows it.
    ///
    /// # Errors
    /// The call, for the session to be asked.
    #[inline]
    pub(crate) fn admit<B>(&self, call: Call, request: &mut Request<B>, now: Now) -> Result<Attempt, Call> {
        match self.desk().as_ref().and_then(|desk| desk.pass.as_ref()) {
            Some(pass) => pass.admit(call, request, self.newest(), now),
            None => Err(call),
        }
    }

    /// Delivers the response as the session would, if there is a good pass that knows it.
    ///
    /// # Errors
    /// The attempt, for the session to conclude.
    #[expect(clippy::result_large_err, reason = "what comes back is the attempt itself, which is moved on")]
    #[inline]
    pub(crate) fn conclude(&self, attempt: Attempt, response: Head<'_>) -> Result<Verdict, Attempt> {
        match self.desk().as_ref().and_then(|desk| desk.pass.as_ref()) {
            Some(pass) => pass.conclude(attempt, response, self.newest()),
            None => Err(attempt),
        }
    }

    /// Notes that the session, whose lock is held, has sent a call: if it has sent one from here before and stayed as it was, the next one
    /// has use for a pass.
    pub(crate) fn issue(&self, session: &Session) {
        let Some(mut desk) = self.desk() else { return };
        let written = session.journal().written();
        if desk.sent_at != written {
            desk.sent_at = written;
        } else if desk.pass.as_ref().is_none_or(|pass| pass.written() != written) {
            desk.pass = session.pass();
        }
    }

    /// Makes void whatever pass is older than the session, whose lock is held.
    ///
    /// The number never goes back, as only those write it who hold the lock. Whoever comes after them, by whatever orders the two, reads this
    /// number or a later one; and whoever reads an earlier one came before.
    pub(crate) fn void(&self, session: &Session) {
        let Newest(newest) = &self.newest;
        newest.store(session.journal().written(), Ordering::Release);
    }

    fn newest(&self) -> u64 {
        let Newest(newest) = &self.newest;
        newest.load(Ordering::Acquire)
    }

    /// The desk of this thread; `None` while somebody is there, who may even be this thread: the bytes of a header that goes may run code of
    /// the user's.
    fn desk(&self) -> Option<MutexGuard<'_, Issued>> {
        let Desk(issued) = self.desks.get(thread_number() % DESKS)?;
        match issued.try_lock() {
            Ok(desk) => Some(desk),
            // A panic, as of a map of headers that is full, has changed nothing here.
            Err(TryLockError::Poisoned(poisoned)) => Some(PoisonError::into_inner(poisoned)),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::{Duration, SystemTime};
    use std::{ptr, thread};

    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderValue, StatusCode};
    use waldo_auth_core::{Config, Credentials, Step};

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
        match passes.conclude(attempt, head) {
            Ok(Verdict::Deliver) => !was_asked,
            Ok(Verdict::Retry(_)) => panic!("a success is delivered"),
            Err(attempt) => {
                assert!(matches!(session.conclude(attempt, head, now()), Verdict::Deliver));
                passes.void(session);
                false
            }
        }
    }

    #[test]
    fn the_fourth_call_of_a_thread_needs_no_lock() {
        let (passes, mut session) = (Passes::none(), warm());
        let mut past = |token| [(); 4].map(|()| goes_past(&passes, &mut session, token));
        // The first response shows that the server accepts the token.
        assert_eq!(past("Bearer e30.e30.e30"), [false, false, false, true]);
        // Another token comes, with which the session sends twice; then there is another pass.
        assert_eq!(past("Bearer e30.e30.e31"), [false, false, false, true]);
    }

    #[test]
    fn all_passes_of_a_session_take_six_kibibytes_beside_their_tokens() {
        assert!(size_of::<[Desk; DESKS]>() <= 6 * 1024, "{}", size_of::<[Desk; DESKS]>());
    }

    #[test]
    fn threads_have_desks_of_their_own() {
        let passes = Passes::none();
        let place = || ptr::from_ref::<Issued>(&passes.desk().unwrap()).addr();
        let mut places = BTreeSet::new();
        for _ in 0..40 {
            places.insert(thread::scope(|scope| scope.spawn(place).join().unwrap()));
        }
        // Other tests have threads as well, so it may not be all of them.
        assert!((DESKS / 2..=DESKS).contains(&places.len()), "{}", places.len());
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
            assert!(passes.desk().unwrap().pass.is_none());
        }
    }
}
