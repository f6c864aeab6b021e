//! The adapter over real sockets, with every event of a client.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Parser;
use waldo_emulator::model::{Answer, Fault, Policy, RenewalForm, RetryAfter, Server};
use waldo_emulator::{Emulator, Options};
use waldo_store_file::FileStore;
use waldo_ureq::http::header::AUTHORIZATION;
use waldo_ureq::http::{HeaderMap, Request, Response};
use waldo_ureq::ureq::middleware::MiddlewareNext;
use waldo_ureq::ureq::{Agent, Body, SendBody};
use waldo_ureq::{Client, ClientBuilder, Credentials, Error, Factory, OneShot};

use crate::canaries::{KEY, OTHER_KEY, OTHER_SECRET, SECRET, plant};
use crate::ears::EARS;

const CUSTOMER: &str = "/customer?field=id";

pub(crate) fn plays() {
    let emulator = Emulator::start(server()).unwrap();
    let client = builder(&emulator).build().unwrap();
    EARS.hear(&client);
    the_tokens_lifetime(&emulator, &client);
    calls_that_fail(&emulator, &client);
    requests_that_are_wrong(&client);
    logins_that_fail(&emulator);
    a_leader_that_panics(&emulator);
    another_pair(&emulator, &client);
    a_store(&emulator, &client);
    nobody_there();
    EARS.hear(&FileStore::new("/state"));
    EARS.hear(&emulator);
    EARS.hear(&emulator.stats());
    let pair = format!("{KEY}={SECRET}");
    let arguments = ["emulator", "--key", &pair, "--signing-key", OTHER_SECRET];
    EARS.hear(&Options::parse_from(arguments));
}

pub(crate) fn server() -> Server {
    Server::new(Policy::default()).with_key(KEY, SECRET).with_key(OTHER_KEY, OTHER_SECRET)
}

/// A client whose agent plants every token in its requests and responses.
fn builder(emulator: &Emulator) -> ClientBuilder {
    builder_over(emulator, |_| ())
}

fn builder_over(
    emulator: &Emulator,
    before: impl Fn(&Request<SendBody>) + Send + Sync + 'static,
) -> ClientBuilder {
    let middleware = move |request: Request<SendBody>, next: MiddlewareNext| {
        see(request.headers());
        before(&request);
        let response = next.handle(request)?;
        see(response.headers());
        Ok(response)
    };
    let agent = Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)))
        .middleware(middleware)
        .build();
    let pair = Credentials::new(KEY, SECRET).unwrap();
    let builder = Client::builder(pair).origin(emulator.origin()).agent(agent);
    EARS.hear(&builder);
    builder
}

fn see(headers: &HeaderMap) {
    headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok()).for_each(plant);
}

/// Makes a call, and formats the request, the result and the client.
fn call(client: &Client, target: &str) {
    let own = client.get(target).header("x-own", OTHER_KEY).query("own", OTHER_SECRET);
    EARS.hear(&own);
    // Sent without its query, because ureq logs each URL.
    tell(client, client.get(target).header("x-own", OTHER_KEY).call());
}

fn tell(client: &Client, result: Result<Response<Body>, Error>) {
    match result {
        Ok(response) => EARS.hear(&response),
        Err(error) => EARS.hear_error(&error),
    }
    let explanation = client.explain();
    EARS.hear(&explanation);
    EARS.read(&explanation);
    EARS.hear(client);
}

fn the_tokens_lifetime(emulator: &Emulator, client: &Client) {
    // The token is granted, then renewed.
    call(client, CUSTOMER);
    call(client, CUSTOMER);
    // The renewal is ignored.
    emulator.set_policy(Policy { renewal: RenewalForm::Malformed, ..Policy::default() });
    call(client, CUSTOMER);
    emulator.set_policy(Policy::default());
    // The token is refused, and the call is sent again.
    emulator.expire_all();
    call(client, CUSTOMER);
    // The drop of the token is throttled.
    let poor = builder(emulator)
        .limits(|limits| limits.invalidation_budget(0, Duration::from_secs(30)))
        .build()
        .unwrap();
    call(&poor, CUSTOMER);
    emulator.expire_all();
    call(&poor, CUSTOMER);
    EARS.hear(&client.token().unwrap());
}

fn calls_that_fail(emulator: &Emulator, client: &Client) {
    let elsewhere =
        Answer::Redirect { status: 307, location: "https://elsewhere.example/".to_owned() };
    for answer in [
        Answer::Cut,
        Answer::CutShort,
        Answer::status(503),
        Answer::Firewall,
        Answer::Unauthorized,
        elsewhere,
    ] {
        emulator.push_fault(Fault::call(answer));
        call(client, CUSTOMER);
    }
    emulator.push_fault(Fault::call(Answer::Hang));
    tell(client, client.get(CUSTOMER).timeout(Duration::from_millis(200)).call());
    emulator.push_fault(Fault::call(Answer::status(403)));
    tell(client, client.get(CUSTOMER).http_status_as_error(true).call());
}

fn requests_that_are_wrong(client: &Client) {
    let token = client.token().unwrap();
    let token = token.to_str().unwrap();
    for target in
        [format!("https://evil.example/?{token}"), format!("/{KEY} {SECRET}"), SECRET.to_owned()]
    {
        call(client, &target);
    }
    tell(client, client.get(CUSTOMER).header(format!("{KEY} "), "x").call());
    tell(client, client.get(CUSTOMER).header("x", format!("{SECRET}\n")).call());
    let factory = Factory::new(|| Err::<&[u8], _>(std::io::Error::other("there is no such file")));
    EARS.hear(&factory);
    tell(client, client.post("/onboard").send(factory));
    let body = OneShot::new(SECRET.as_bytes());
    EARS.hear(&body);
    tell(client, client.post("/onboard").send(body));
    tell(client, client.post("/onboard").send(OneShot::new(SECRET.as_bytes()).with_length(7)));
}

fn logins_that_fail(emulator: &Emulator) {
    let echo = Answer::Refusal { status: 401, code: format!("unknown: {KEY} {SECRET}") };
    for answer in [
        Answer::Cut,
        Answer::CutShort,
        Answer::Hang,
        Answer::NoToken,
        Answer::NotJson,
        Answer::SingleQuotes,
        Answer::Firewall,
        Answer::Oversize { bytes: 100_000 },
        Answer::too_many_requests(RetryAfter::Seconds(7)),
        Answer::Unauthorized,
        Answer::Redirect { status: 302, location: "https://elsewhere.example/".to_owned() },
        echo,
    ] {
        let limits = |limits: waldo_ureq::ConfigBuilder| {
            limits.failures_per_call(1).lease(Duration::from_millis(400))
        };
        let client = builder(emulator).limits(limits).build().unwrap();
        emulator.push_fault(Fault::login(answer));
        call(&client, CUSTOMER);
    }
    emulator.clear_faults();
    emulator.revoke_key(KEY);
    call(&builder(emulator).build().unwrap(), CUSTOMER);
    emulator.restore_key(KEY);
}

/// The leader panics in its login. A second call, which waits for this login, logs in.
fn a_leader_that_panics(emulator: &Emulator) {
    let (first, joined) = (AtomicBool::new(true), EARS.count("coalesced"));
    let panics = move |request: &Request<SendBody>| {
        if request.uri().path() == "/authenticate" && first.swap(false, Ordering::SeqCst) {
            EARS.wait_for("coalesced", joined);
            panic!("the leader panics on purpose");
        }
    };
    let client = builder_over(emulator, panics).build().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| drop(catch_unwind(AssertUnwindSafe(|| call(&client, CUSTOMER)))));
        }
    });
}

fn another_pair(emulator: &Emulator, client: &Client) {
    client.reset(Credentials::new(OTHER_KEY, OTHER_SECRET).unwrap());
    call(client, CUSTOMER);
    client.reset(Credentials::new(OTHER_KEY, SECRET).unwrap());
    call(client, CUSTOMER);
    client.reset(Credentials::new(KEY, SECRET).unwrap());
    call(client, CUSTOMER);
    client.invalidate(client.generation());
    call(client, CUSTOMER);
    emulator.rotate_signing_key();
    call(client, CUSTOMER);
}

fn a_store(emulator: &Emulator, client: &Client) {
    let snapshot = client.snapshot().unwrap();
    EARS.hear(&snapshot);
    let other = builder(emulator).build().unwrap();
    other.resume(&snapshot).unwrap();
    call(&other, CUSTOMER);
    EARS.hear_error(&other.resume(&snapshot).unwrap_err());
}

fn nobody_there() {
    let pair = || Credentials::new(KEY, SECRET).unwrap();
    let limits = |limits: waldo_ureq::ConfigBuilder| limits.failures_per_call(1);
    let client =
        Client::builder(pair()).origin("http://127.0.0.1:1").limits(limits).build().unwrap();
    call(&client, CUSTOMER);
    EARS.hear_error(&Client::builder(pair()).origin(SECRET).build().unwrap_err());
    EARS.hear_error(&Client::builder(pair()).name(format!("{SECRET}\n")).build().unwrap_err());
}
