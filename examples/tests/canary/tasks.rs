//! The shared session by itself, and the asynchronous adapters.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use waldo_auth_client::{Admission, AnswerBody, CredentialSource, HeldBody, SharedSession, config};
use waldo_auth_client::{AdmitError, Call, Credentials, Head, Snapshot, Target, Verdict};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Answer, Fault};
use waldo_reqwest::reqwest;
use waldo_tower::http::{Request, Response};
use waldo_tower::{Body, MaxWait, Timeout, WaldoLayer};

use crate::canaries::{KEY, OTHER_KEY, OTHER_SECRET, SECRET, plant};
use crate::client::server;
use crate::ears::EARS;

pub(crate) fn plays() {
    let emulator = Emulator::start(server()).unwrap();
    a_session_by_hand(&emulator.origin());
    sources();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        a_service(&emulator).await;
        a_reqwest_client(&emulator).await;
    });
}

fn pair() -> Credentials {
    Credentials::new(KEY, SECRET).unwrap()
}

/// Every answer of a session, in each of its states.
fn a_session_by_hand(origin: &str) {
    let session =
        SharedSession::new(config(pair()).origin(origin).failures_per_call(1).build().unwrap());
    let mut request = Request::get(format!("{origin}/customer?{OTHER_KEY}")).body(()).unwrap();
    let mut admit = |call| {
        let admission = session.admit(call, &mut request).unwrap();
        EARS.hear(&admission);
        EARS.hear(&session);
        admission
    };
    let mut target = Target::new("/customer");
    target.add_query("own", KEY);
    EARS.hear(&target);
    target.add_segment("..");
    EARS.hear_error(&target.into_text().unwrap_err());
    let mut elsewhere = Request::get(format!("https://evil.example/?{KEY}")).body(()).unwrap();
    let error = session.admit(Call::replayable(), &mut elsewhere).unwrap_err();
    EARS.hear_error(&error);
    let AdmitError::ForeignOrigin(foreign) = error else { panic!("{error}") };
    EARS.hear_error(&foreign);
    let Admission::Authenticate(lead, started) = admit(Call::replayable()) else {
        panic!("expected a login")
    };
    EARS.hear(&lead);
    EARS.hear(&started);
    EARS.hear(&AnswerBody::new());
    let Admission::Wait(wait) = admit(Call::replayable()) else { panic!("expected a wait") };
    EARS.hear(&wait);
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2hhcmVkLXRva2Vu";
    plant(token);
    let granted = Response::new(format!(r#"{{"token":"{token}"}}"#));
    lead.answer(Head::from(&granted), granted.body().as_bytes());
    let Admission::Send(attempt) = admit(wait.block()) else { panic!("expected to send") };
    EARS.hear(&attempt);
    let Verdict::Retry(call) = session.break_off(attempt) else { panic!("expected a probe") };
    let Admission::Send(attempt) = admit(call) else { panic!("expected to send") };
    EARS.hear(&attempt.upload());
    EARS.read(session.explain());
    drop(session.conclude(attempt, &mut Response::new(())));
    EARS.hear(&session.snapshot().map(|snapshot: Snapshot| snapshot.to_json().len()));
    for _ in 0..2 {
        let Admission::Send(attempt) = admit(Call::replayable()) else {
            panic!("expected to send")
        };
        drop(session.break_off(attempt));
    }
    EARS.read(session.explain());
    session.invalidate(session.generation());
    let Admission::Authenticate(lead, wait) = admit(Call::replayable()) else {
        panic!("expected a login")
    };
    lead.fail("no route to host");
    let Admission::Refuse(refused) = admit(wait.block()) else { panic!("expected a refusal") };
    EARS.hear_error(&refused);
    session.reset(Credentials::new(OTHER_KEY, OTHER_SECRET).unwrap());
    let Admission::Authenticate(lead, _) = admit(Call::replayable()) else {
        panic!("expected a login")
    };
    lead.time_out("too slow");
    EARS.read(session.explain());
    EARS.hear_error(&config(pair()).origin(SECRET).build().unwrap_err());
    // `EnvError` is formatted by its own test.
    EARS.heard_inside(&["waldo_auth_client::env::EnvError"]);
}

/// Files with the key pair that cannot be used, and a secret in the place of a path.
fn sources() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (key, secret) = (file("key", format!("{KEY}\n")), file("secret", format!("{SECRET}\n")));
    let good = CredentialSource::files(&key, &secret);
    EARS.hear(&good);
    EARS.hear(&good.ask().unwrap());
    for spoilt in [format!("{SECRET}\n\n"), format!(" {SECRET}"), format!("\"{SECRET}\"")] {
        let source = CredentialSource::files(&key, file("spoilt", spoilt));
        EARS.hear_error(&source.ask().unwrap_err());
    }
    EARS.hear_error(&CredentialSource::files(&key, SECRET).ask().unwrap_err());
    EARS.hear_error(&CredentialSource::files(KEY, &secret).ask().unwrap_err());
    let session = SharedSession::with_source(config(pair()).build().unwrap(), good);
    EARS.hear(&session);
}

async fn a_service(emulator: &Emulator) {
    let origin = emulator.origin();
    let settings =
        config(pair()).origin(&origin).failures_per_call(1).lease(Duration::from_millis(400));
    let layer = WaldoLayer::new(
        SharedSession::new(settings.build().unwrap()),
        tokio::time::sleep,
        |login| {
            EARS.hear(&login);
            drop(tokio::spawn(login));
        },
    );
    let service =
        layer.layer(Hyper::builder(TokioExecutor::new()).build_http::<Body<Full<Bytes>>>());
    EARS.hear(&layer);
    EARS.hear(&service);
    EARS.hear(&MaxWait(Duration::from_secs(1)));
    EARS.hear(&Timeout(Duration::from_secs(1)));
    let (held, gate) = HeldBody::held(Full::<Bytes>::from(OTHER_SECRET));
    EARS.hear(&held);
    EARS.hear(&gate);
    EARS.hear(&Body::from(Full::<Bytes>::from(OTHER_SECRET)));
    EARS.hear(&service.clone().one_shot());
    EARS.hear(&layer.clone().one_shot());
    let elsewhere = Request::get("https://evil.example/").body(Full::default()).unwrap();
    EARS.hear(&tower::Service::<Request<Full<Bytes>>>::call(&mut service.clone(), elsewhere));
    let call = async |uri: String| {
        let request =
            Request::get(uri).header("x-own", OTHER_SECRET).body(Full::default()).unwrap();
        match service.clone().oneshot(request).await {
            Ok(response) => {
                response
                    .headers()
                    .get_all("authorization")
                    .iter()
                    .for_each(|value| plant(value.to_str().unwrap()));
                EARS.hear(&response);
                let answer = waldo_tower::error_for_status(response).await;
                answer.map_or_else(|error| EARS.hear_error(&error), drop);
            }
            Err(error) => EARS.hear_error(&error),
        }
    };
    for answer in [Answer::Hang, Answer::Cut, Answer::status(503), Answer::Unauthorized] {
        emulator.push_fault(Fault::login(answer));
        call(format!("{origin}/customer?field=id")).await;
        layer.session().reset(pair());
    }
    call(format!("{origin}/customer?field=id")).await;
    for answer in [Answer::Cut, Answer::Unauthorized, Answer::status(500)] {
        emulator.push_fault(Fault::call(answer));
        call(format!("{origin}/customer?field=id")).await;
    }
    call(format!("https://evil.example/?{KEY}")).await;
}

async fn a_reqwest_client(emulator: &Emulator) {
    let builder = waldo_reqwest::Client::builder(pair())
        .origin(emulator.origin())
        .client_builder(reqwest::Client::builder().no_proxy())
        .limits(|limits| limits.failures_per_call(1).lease(Duration::from_millis(400)));
    EARS.hear(&builder);
    let client = builder.build().unwrap();
    EARS.hear(&client);
    let call = async |target: &str| {
        let request = client.get(target).header("x-own", OTHER_SECRET);
        EARS.hear(&request);
        match request.send().await {
            Ok(response) => {
                response
                    .headers()
                    .get_all("authorization")
                    .iter()
                    .for_each(|value| plant(value.to_str().unwrap()));
                EARS.hear(&response);
            }
            Err(error) => EARS.hear_error(&error),
        }
    };
    for answer in [Answer::Hang, Answer::Cut, Answer::status(503), Answer::Unauthorized] {
        emulator.push_fault(Fault::login(answer));
        call("/customer?field=id").await;
        client.reset(pair());
    }
    call("/customer?field=id").await;
    for answer in [Answer::Cut, Answer::Unauthorized, Answer::status(500)] {
        emulator.push_fault(Fault::call(answer));
        call("/customer?field=id").await;
    }
    let echo = Answer::Refusal { status: 403, code: format!("{KEY} {SECRET}") };
    emulator.push_fault(Fault::call(echo));
    call("/customer?field=id").await;
    call("https://evil.example/").await;
    let wrong = client.get(format!("/{OTHER_KEY}?{OTHER_SECRET}")).segment("..");
    EARS.hear_error(&wrong.send().await.unwrap_err());
    let stream = || async { Ok(OTHER_SECRET) };
    let form = || async { Ok(reqwest::multipart::Form::new().text("own", OTHER_SECRET)) };
    let factories =
        [client.post("/").body_factory(stream), client.post("/").multipart_factory(form)];
    for request in factories {
        EARS.hear(&request);
        EARS.hear_error(&request.build().unwrap_err());
    }
    let lost = || async { Err::<&str, _>(std::io::Error::other("there is no such file")) };
    EARS.hear_error(&client.post("/").body_factory(lost).send().await.unwrap_err());
    EARS.hear_error(&waldo_reqwest::Client::builder(pair()).origin(SECRET).build().unwrap_err());
}
