//! A redirect is an answer, also if the stack would follow it.

use waldo_auth_client::Reason;

use crate::adapter::{Adapter, Call, Setup};
use crate::scripted::{Scripted, jwt};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

pub fn rule_21_redirect_is_delivered_and_never_followed<A: Adapter>() {
    let evil = Scripted::start(|exchange| {
        exchange.answer(200, &format!("Authorization: Bearer {}\r\n", jwt(666)), "gotcha");
    });
    // Another port of the same host, another host, and the same origin.
    let elsewhere =
        ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{}/steal", evil.port()));
    for location in elsewhere.into_iter().chain(["/here".to_owned()]) {
        for status in STATUSES {
            let header = format!("Location: {location}\r\n");
            let server = Scripted::start(move |exchange| {
                if exchange.is_login() {
                    return exchange.grant(&jwt(1));
                }
                assert!(exchange.bears(&jwt(1)));
                match exchange.line.as_str() {
                    "GET /here" => exchange.answer(200, "", ""),
                    _ => exchange.answer(status, &header, "moved"),
                }
            });
            let clients = A::following(|| Setup::new(server.origin()));
            let count = clients.len();
            for client in clients {
                for call in [Call::get("/away"), Call::post("/away", b"body".to_vec())] {
                    let answer = client.send(call).unwrap();
                    assert_eq!((answer.status, &*answer.body), (status, &b"moved"[..]));
                    assert_eq!(answer.headers.get("location").unwrap(), location.as_str());
                }
                assert_eq!(client.send(Call::get("/here")).unwrap().status, 200);
            }
            assert_eq!(server.logins(), count);
            assert_eq!(server.seen().iter().filter(|line| *line == "GET /here").count(), count);
        }
    }
    assert_eq!(evil.connections(), 0);
}

pub fn rule_01_a_login_is_not_redirected_with_the_key_pair<A: Adapter>() {
    let evil = Scripted::start(|exchange| exchange.grant(&jwt(666)));
    for status in STATUSES {
        let location = format!("Location: {}/authenticate\r\n", evil.origin());
        let server = Scripted::start(move |exchange| exchange.answer(status, &location, ""));
        let setup = || Setup::new(server.origin()).limits(|limits| limits.failures_per_call(1));
        for client in A::following(setup) {
            let failure = client.call().unwrap_err();
            assert_eq!(failure.reason(), Reason::Status(status.try_into().unwrap()));
        }
    }
    assert_eq!(evil.connections(), 0);
}
