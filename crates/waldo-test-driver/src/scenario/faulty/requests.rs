//! The findings of a witness about one request.

use std::time::{Duration, SystemTime};

use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT,
};
use http::{HeaderMap, Request};
use serde_json::{Value, json};

use super::Case;
use crate::scenario::demand::Demand;
use crate::scenario::unmet::Unmet;
use crate::scenario::witness::Witness;
use crate::server::{Server, Target};

type Change = fn(&mut Request<String>, &str);
type Expected = Option<(Demand, &'static str)>;

const OWN_HOST: &str = "127.0.0.1:8787";

pub(super) fn cases() -> Vec<Case> {
    let logins = logins().into_iter().map(|case| (Target::Login, case));
    let calls = calls().into_iter().map(|case| (Target::Calls, case));
    let case =
        |(number, (target, (expected, change))): (usize, (Target, (Expected, Change)))| Case {
            what: format!("{target:?}, change {number}"),
            found: found(target, change),
            expected,
        };
    logins.chain(calls).enumerate().map(case).collect()
}

/// The findings about one changed request, after a granted login.
fn found(target: Target, change: Change) -> Vec<Unmet> {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let (mut server, mut witness) = (Server::default(), Witness::new(now).expecting_host(OWN_HOST));
    let body = json!({ "apiKey": Server::KEY_ID, "clientSecret": Server::KEY_SECRET }).to_string();
    let login =
        Request::post("/authenticate").header(HOST, OWN_HOST).header(USER_AGENT, "a client");
    let json = "application/json";
    let login = login.header(CONTENT_TYPE, json).header(ACCEPT, json).body(body).unwrap();
    let granted = server.handle(&login, now);
    witness.note(Target::Login, &login, &granted, now);
    let granted: Value = serde_json::from_slice(granted.response().unwrap().body()).unwrap();
    let token = granted["token"].as_str().unwrap();
    let mut request = match target {
        Target::Login => login,
        Target::Calls => {
            let call = Request::get("/a?b=c").header(HOST, OWN_HOST).header("x-note", "one");
            call.header(AUTHORIZATION, format!("Bearer {token}")).body(String::new()).unwrap()
        }
    };
    change(&mut request, token);
    witness.note(target, &request, &server.handle(&request, now), now);
    let [before, seen] = witness.sightings() else { panic!("two requests are seen") };
    assert_eq!(before.breaches, []);
    seen.breaches.iter().map(|breach| Unmet::new(breach.demand(), breach.to_string())).collect()
}

fn set(headers: &mut HeaderMap, name: impl http::header::IntoHeaderName, value: &str) {
    headers.insert(name, HeaderValue::from_str(value).unwrap());
}

fn add(headers: &mut HeaderMap, name: impl http::header::IntoHeaderName, value: &str) {
    headers.append(name, HeaderValue::from_str(value).unwrap());
}

/// A text with the shape of a token that no server has issued.
const FORGED: &str = "e30.e30.e30";

fn logins() -> Vec<(Expected, Change)> {
    let body = |words| Some((Demand::LoginBody, words));
    let mut logins: Vec<(Expected, Change)> = vec![
        (None, |_, _| {}),
        (
            Some((
                Demand::LoginWithoutToken,
                "a login carries no Authorization header; it carried login 1",
            )),
            |login, token| set(login.headers_mut(), AUTHORIZATION, &format!("Bearer {token}")),
        ),
        (
            Some((Demand::LoginWithoutToken, "it carried one without a token of this server")),
            |login, _| {
                set(login.headers_mut(), AUTHORIZATION, &format!("Bearer {FORGED}"));
            },
        ),
        (Some((Demand::LoginQuery, "a login has no query; it had one")), |login, _| {
            *login.uri_mut() = "/authenticate?a=1".parse().unwrap();
        }),
        (
            Some((Demand::NoOtherLoginHeader, "and those of an HTTP stack; it carried cookie")),
            |login, _| {
                set(login.headers_mut(), "cookie", "a=1");
            },
        ),
        (Some((Demand::NoOtherLoginHeader, "it carried accept-encoding")), |login, _| {
            set(login.headers_mut(), ACCEPT_ENCODING, "gzip");
        }),
        (None, |login, _| set(login.headers_mut(), ACCEPT_ENCODING, "Identity")),
        (
            Some((
                Demand::LoginHeader,
                "exactly one Content-Type: application/json; it carried none",
            )),
            |login, _| {
                drop(login.headers_mut().remove(CONTENT_TYPE));
            },
        ),
        (
            Some((Demand::LoginHeader, "exactly one Accept: application/json; it carried none")),
            |login, _| {
                drop(login.headers_mut().remove(ACCEPT));
            },
        ),
        (Some((Demand::LoginHeader, "it carried application/json and */*")), |login, _| {
            add(login.headers_mut(), ACCEPT, "*/*");
        }),
    ];
    let bodies: [(Expected, Change); 8] = [
        (body("it was not JSON"), |login, _| login.body_mut().push('}')),
        (body("it was JSON, but no object"), |login, _| *login.body_mut() = "[1, 2]".to_owned()),
        (body("it was JSON, but no object"), |login, _| *login.body_mut() = "null".to_owned()),
        (body("3 members, with a text as apiKey and with one as clientSecret"), |login, _| {
            *login.body_mut() = r#"{"apiKey": "a", "clientSecret": "b", "c": 1}"#.to_owned();
        }),
        (body("2 members, without a text as apiKey and with one as clientSecret"), |login, _| {
            *login.body_mut() = r#"{"apiKey": 1, "clientSecret": "b"}"#.to_owned();
        }),
        (body("2 members, with a text as apiKey and without one as clientSecret"), |login, _| {
            *login.body_mut() = r#"{"apiKey": "a", "clientSecret": null}"#.to_owned();
        }),
        (body("1 members, with a text as apiKey and without one as clientSecret"), |login, _| {
            *login.body_mut() = r#"{"apiKey": "a"}"#.to_owned();
        }),
        (None, |login, _| *login.body_mut() = r#"{"clientSecret": "b", "apiKey": "a"}"#.to_owned()),
    ];
    logins.extend(bodies);
    logins
}

fn calls() -> Vec<(Expected, Change)> {
    let form = |words| Some((Demand::TokenForm, words));
    let issued = |words| Some((Demand::IssuedToken, words));
    vec![
        (None, |_, _| {}),
        (
            Some((
                Demand::Host,
                "a request carries exactly one Host: 127.0.0.1:8787; it carried localhost:8787",
            )),
            |call, _| set(call.headers_mut(), HOST, "localhost:8787"),
        ),
        (Some((Demand::Host, "it carried none")), |call, _| drop(call.headers_mut().remove(HOST))),
        (Some((Demand::Host, "it carried 127.0.0.1:8787 and 127.0.0.1:8787")), |call, _| {
            add(call.headers_mut(), HOST, OWN_HOST);
        }),
        (
            Some((Demand::Token, "a call carries an Authorization header; it carried none")),
            |call, _| {
                drop(call.headers_mut().remove(AUTHORIZATION));
            },
        ),
        (
            Some((Demand::OneToken, "a call carries one Authorization header; it carried 2")),
            |call, token| {
                add(call.headers_mut(), AUTHORIZATION, &format!("Bearer {token}"));
            },
        ),
        (Some((Demand::OneToken, "it carried 3")), |call, _| {
            add(call.headers_mut(), AUTHORIZATION, "Basic YTpi");
            add(call.headers_mut(), AUTHORIZATION, &format!("Bearer {FORGED}"));
        }),
        (
            form("exactly `Authorization: Bearer <token>`; it carried `bearer …`"),
            |call, token| {
                set(call.headers_mut(), AUTHORIZATION, &format!("bearer {token}"));
            },
        ),
        (form("it carried `Bearer: …`"), |call, token| {
            set(call.headers_mut(), AUTHORIZATION, &format!("Bearer: {token}"));
        }),
        (form("it carried `Bearer  …`"), |call, token| {
            set(call.headers_mut(), AUTHORIZATION, &format!("Bearer  {token}"));
        }),
        (form("it carried `…`"), |call, token| set(call.headers_mut(), AUTHORIZATION, token)),
        // The text before the token may be a secret, so at most fifteen letters of it are repeated.
        (form("it carried `abcdefghijklmn …`"), |call, token| {
            set(call.headers_mut(), AUTHORIZATION, &format!("abcdefghijklmn {token}"));
        }),
        (form("it carried something else before the token"), |call, token| {
            set(call.headers_mut(), AUTHORIZATION, &format!("abcdefghijklmno {token}"));
        }),
        (form("it carried something else before the token"), |call, token| {
            set(call.headers_mut(), AUTHORIZATION, &format!("Bearer a1 {token}"));
        }),
        (
            issued("a call carries a token that this server has issued; it carried none of them"),
            |call, _| {
                set(call.headers_mut(), AUTHORIZATION, &format!("Bearer {FORGED}"));
            },
        ),
        (issued("it carried none of them"), |call, _| {
            set(call.headers_mut(), AUTHORIZATION, "Bearer a.b");
        }),
    ]
}
