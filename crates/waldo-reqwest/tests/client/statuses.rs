//! A 4xx or 5xx as an error, and as a response.

use std::time::Duration;

use tokio::time::timeout;
use waldo_emulator::model::{Answer, Fault, RetryAfter, Server};
use waldo_reqwest::reqwest::{Method, Request};
use waldo_reqwest::{Client, Error, InvalidSegment, error_for_status};

use crate::scripted::{Scripted, answer, grant, jwt};
use crate::site::{TIMEOUT, bounded, builder, client, credentials, emulator, status};

/// A client as users have it: a 4xx or 5xx is an error.
fn strict(origin: impl Into<String>) -> Client {
    Client::builder(credentials()).origin(origin).build().unwrap()
}

#[test]
fn error_status_has_code_of_body() {
    bounded(async {
        let emulator = emulator();
        let client = strict(emulator.origin());
        let error = client.get("/history/kyc/unknown").send().await.unwrap_err();
        let Error::Status(answer) = &error else { panic!("{error:?}") };
        assert_eq!(error.status(), Some(404.try_into().unwrap()));
        assert_eq!((error.code(), answer.code()), (Some("NOT_FOUND"), Some("NOT_FOUND")));
        assert!(answer.message().is_some_and(|message| !message.is_empty()));
        assert_eq!(error.to_string(), "the server answered 404 NOT_FOUND");
        assert_eq!(format!("{error:?}"), error.to_string());
        assert!(error.generation().is_some() && error.generation() == client.generation());
        assert_eq!(error.retry_in(), None);
        assert!(!error.never_sent() && !error.is_timeout() && !error.is_connect());
        emulator.push_fault(Fault::call(Answer::too_many_requests(RetryAfter::Seconds(7))));
        let error = client.get("/customer").send().await.unwrap_err();
        assert_eq!(error.status(), Some(429.try_into().unwrap()));
        assert_eq!(error.retry_in(), Some(Duration::from_secs(7)));
        emulator.push_fault(Fault::call(Answer::status(302)));
        assert_eq!(client.get("/customer").send().await.unwrap().status(), 302);
    });
}

#[test]
fn status_is_a_response_if_set() {
    bounded(async {
        let emulator = emulator();
        let (strict, lax) = (strict(emulator.origin()), client(emulator.origin()));
        let missing = "/history/kyc/unknown";
        let delivered = strict.get(missing).http_status_as_error(false).send().await.unwrap();
        assert_eq!(delivered.status(), 404);
        assert!(delivered.text().await.unwrap().contains("NOT_FOUND"));
        assert_eq!(lax.get(missing).send().await.unwrap().status(), 404);
        let error = lax.get(missing).http_status_as_error(true).send().await.unwrap_err();
        assert_eq!(error.code(), Some("NOT_FOUND"));
        let request =
            || Request::new(Method::GET, format!("{}{missing}", strict.origin()).parse().unwrap());
        let executed = strict.execute(request()).await.unwrap();
        assert_eq!(error_for_status(executed).await.unwrap_err().code(), Some("NOT_FOUND"));
        let stacked = strict.middleware_stack([]).build().execute(request()).await.unwrap();
        let error = error_for_status(stacked).await.unwrap_err();
        assert!(error.code() == Some("NOT_FOUND") && error.generation() == strict.generation());
        let found = strict.get("/customer?field=id").send().await.unwrap();
        assert_eq!(error_for_status(found).await.unwrap().status(), 200);
    });
}

#[test]
fn rule_07_401_before_a_successful_resend_is_no_error() {
    bounded(async {
        let emulator = emulator();
        let client = strict(emulator.origin());
        assert_eq!(status(&client).await, 200);
        emulator.expire_all();
        assert_eq!(status(&client).await, 200);
        emulator.revoke_key(Server::KEY_ID);
        let error = client.get("/customer?field=id").send().await.unwrap_err();
        assert_eq!(error.code(), Some("API_KEY_REVOKED"));
        assert!(client.invalidate(error.generation()));
    });
}

/// The error for a 500 with this body, of which more is promised than comes.
async fn cut_off(body: String, limit: Duration, cut: bool) -> Error {
    let server = Scripted::start(move |seen| {
        if seen.is_login() {
            // The call gets a connection of its own, so that only its answer is cut.
            return answer(200, "Connection: close\r\n", &format!(r#"{{"token":"{}"}}"#, jwt(1)));
        }
        format!("HTTP/1.1 500 Scripted\r\nContent-Length: 100000000\r\n\r\n{body}")
    });
    let client = strict(server.origin());
    server.cut_each(cut);
    let call = client.get("/").timeout(limit).send();
    timeout(TIMEOUT, call).await.expect("the body is read within bounds").unwrap_err()
}

#[test]
fn error_body_is_read_to_its_limit() {
    bounded(async {
        let short = Duration::from_millis(1500);
        let code = r#"{"code":"LATE","message":"#.to_owned();
        let endless = format!("{code}\"{}", "x".repeat(100_000));
        for (body, limit, cut) in [
            (code.clone(), short, false),
            (code.clone(), TIMEOUT * 4, false),
            (code, TIMEOUT * 4, true),
            (endless, TIMEOUT * 4, false),
        ] {
            let error = cut_off(body, limit, cut).await;
            assert_eq!(error.status(), Some(500.try_into().unwrap()), "{error:?}");
            assert_eq!(error.code(), Some("LATE"));
        }
    });
}

#[test]
fn a_segment_of_any_text_stays_one_segment() {
    bounded(async {
        let server =
            Scripted::start(
                |seen| if seen.is_login() { grant(&jwt(1)) } else { answer(200, "", "") },
            );
        let client = client(server.origin());
        for (target, segments, line) in [
            ("/history/kyc", &["a/b?c#d"][..], "GET /history/kyc/a%2Fb%3Fc%23d"),
            ("/history/", &["kyc", "%2e%2e"], "GET /history/kyc/%252e%252e"),
            ("/?x=y", &["ß", "..\\.."], "GET /%C3%9F/..%5C..?x=y"),
            ("/history/kyc", &["..."], "GET /history/kyc/..."),
        ] {
            let request = client.get(target);
            let request = segments.iter().fold(request, waldo_reqwest::RequestBuilder::segment);
            assert_eq!(request.send().await.unwrap().status(), 200);
            assert_eq!(server.seen_as(line).len(), 1, "{:?}", server.seen());
        }
        let count = server.seen().len();
        for segment in ["", ".", ".."] {
            let error = client.get("/history").segment(segment).send().await.unwrap_err();
            let Error::Segment(InvalidSegment { .. }) = error else { panic!("{error:?}") };
            assert!(error.never_sent() && error.to_string().contains("would change the path"));
        }
        assert_eq!(server.seen().len(), count);
    });
}

#[test]
fn a_name_tells_the_clients_of_a_program_apart() {
    bounded(async {
        let emulator = emulator();
        emulator.revoke_key(Server::KEY_ID);
        let client = builder(emulator.origin()).name("sandbox").build().unwrap();
        let error = client.token().await.unwrap_err();
        let start = format!("sandbox at {}: login rejected", emulator.origin());
        assert!(error.to_string().starts_with(&start), "{error}");
    });
}
