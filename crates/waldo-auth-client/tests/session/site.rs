//! A session of the default configuration, and calls of it.

use http::{Request, Response};
use waldo_auth_client::{Admission, Lead, SharedSession, Wait, config};
use waldo_auth_client::{Call, Credentials, Head};

pub(crate) fn session() -> SharedSession {
    SharedSession::new(config(Credentials::new("k", "s").unwrap()).build().unwrap())
}

pub(crate) fn admit(session: &SharedSession, call: Call) -> Admission {
    let mut request = Request::get("https://api.waldo.ai/customer").body(()).unwrap();
    session.admit(call, &mut request).unwrap()
}

/// The lead of a call that comes first.
pub(crate) fn lead(session: &SharedSession) -> Lead {
    let admission = admit(session, Call::replayable());
    let Admission::Authenticate(lead, _) = admission else {
        panic!("expected a login: {admission:?}")
    };
    lead
}

/// The wait of a call while another call logs in.
pub(crate) fn wait(session: &SharedSession, call: Call) -> Wait {
    let admission = admit(session, call);
    let Admission::Wait(wait) = admission else { panic!("expected a wait: {admission:?}") };
    wait
}

/// Ends a login with a token.
pub(crate) fn grant(lead: Lead) {
    let granted = Response::new(br#"{"token":"e30.e30.e30"}"#);
    lead.answer(Head::from(&granted), *granted.body());
}
