//! The model of the API, the scenarios, and the certification of an adapter.

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use waldo_auth_core::Session;
use waldo_conformance::{
    self as conformance, Adapter, Ask, Client, Ending, KeyPair, Lacking, Need, Scenario, Setup,
};
use waldo_simulation::invariants::Violation;
use waldo_simulation::{Failure, Plan, Trail, replay};
use waldo_store::MemoryStore;
use waldo_test_driver::scenario::{Change, Witness};
use waldo_test_driver::server::{Answer, Fault, Hold, Method, Reply, Server, Stub, Target};
use waldo_ureq::http::Request;

use crate::canaries::{KEY, OTHER_SECRET, SECRET, plant};
use crate::ears::EARS;

/// An API key that is not planted, because a scenario names a pair by its id.
const ID: &str = "wk.of-the-scenario";

pub(crate) fn plays() {
    the_server();
    a_scenario();
    simulations();
    EARS.heard_inside(&INSIDE);
}

fn the_server() {
    let mut server = Server::default().with_key(KEY, SECRET).with_key(ID, SECRET);
    server.set_signing_key(Some(OTHER_SECRET));
    let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let mut witness = Witness::new(now);
    let pair = json!({"apiKey": ID, "clientSecret": SECRET});
    let login = Request::post("/authenticate").body(pair.to_string()).unwrap();
    let reply = server.handle(&login, now);
    EARS.hear(&reply);
    witness.note(Target::Login, &login, &reply, now);
    let token = token_in(reply);
    server.push_fault(Fault::call(Answer::Unauthorized).on_path("/customer"));
    server.push_fault(Fault::call(Answer::CutShort).on_path("/customer"));
    server.push_stub(Stub::path(Method::GET, "/mine").json(200, &json!({"secret": SECRET})));
    EARS.hear(&server);
    EARS.hear(server.faults());
    EARS.hear(&server.stubs()[0]);
    for _ in 0..3 {
        let bearer = format!("Bearer {token}");
        let call = Request::get("/customer").header("authorization", bearer).body("").unwrap();
        let reply: Reply = server.handle(&call, now);
        EARS.hear(&reply);
        witness.note(Target::Calls, &call, &reply, now);
    }
    EARS.hear(&server);
    EARS.hear(server.stats());
    EARS.hear(server.policy());
    EARS.hear(&witness);
    EARS.hear(witness.sightings());
    EARS.hear(&Hold::logins());
}

fn token_in(reply: Reply) -> String {
    let body: Value = serde_json::from_slice(reply.response().unwrap().body()).unwrap();
    let token = body["token"].as_str().unwrap().to_owned();
    plant(&token);
    token
}

/// A scenario with planted secrets. No client passes it, because the server knows another secret.
fn a_scenario() {
    let mut scenario = json!({
        "name": "canary",
        "why": "Keys are planted.",
        "server": {"keys": [{"id": ID, "secret": OTHER_SECRET}]},
        "client": {"key": {"id": ID, "secret": SECRET}},
        "steps": [{"reset_to": {"id": ID, "secret": SECRET}}, {"call": {"id": "a", "answer": 200}}],
        "seen": [{"login": 200, "key": ID}, {"call": "a", "token": "login 1", "given": 200}],
    });
    let read: Scenario = Scenario::read(&scenario.to_string()).unwrap();
    EARS.hear(&read);
    EARS.hear(read.key());
    EARS.hear(read.settings());
    let unmet = read.run();
    assert!(!unmet.is_empty());
    for unmet in &unmet {
        EARS.hear(unmet);
        EARS.read(unmet);
    }
    let pair = KeyPair { id: ID.to_owned(), secret: SECRET.to_owned() };
    EARS.hear(&Change::Reset(pair));

    let report = conformance::certify_all(&Deaf, [read]);
    EARS.hear(&report);
    EARS.read(&report);
    for result in report.results() {
        EARS.hear(result);
        EARS.hear(result.status());
        EARS.read(result);
    }
    EARS.hear_error(&conformance::certify_one(&Deaf, "no such scenario").unwrap_err());
    EARS.hear_error(&Lacking(Need::Reset));
    let report = conformance::store::certify(&MemoryStore::new());
    EARS.hear(&report);
    EARS.read(&report);

    scenario["steps"] = json!([{"reset_to": {"secret": SECRET}}]);
    EARS.hear_error(&Scenario::read(&scenario.to_string()).unwrap_err());
}

/// Random runs of the simulation, with their transcripts.
fn simulations() {
    let plan = Plan::Drawn { steps: 200 };
    EARS.hear(&plan);
    for step in 1..10 {
        let trail = Trail((0..400).map(|choice| choice * step % 11).collect());
        EARS.hear(&trail);
        let transcript = match replay::<Session>(&plan, &trail) {
            Ok(transcript) => transcript,
            Err(failure) => panic!("{failure}"),
        };
        EARS.hear(&transcript);
        EARS.read(&transcript);
        let violation =
            Violation { invariant: "silent", clause: "token", what: transcript.to_string() };
        let failure = Failure { violation, seed: Some(7), trail, transcript };
        EARS.hear(&failure.violation);
        EARS.hear_error(&failure);
    }
}

/// An adapter that only formats its arguments.
struct Deaf;

impl Adapter for Deaf {
    type Client = Self;

    fn client(&self, setup: &Setup) -> Result<Self, Box<dyn Error>> {
        EARS.hear(setup);
        Ok(Self)
    }
}

impl Client for Deaf {
    fn reset(&self, key: &KeyPair) -> Result<(), Lacking> {
        EARS.hear(key);
        Ok(())
    }

    fn send(&self, ask: &Ask) -> Ending {
        EARS.hear(ask);
        let ending = Ending::Failed;
        EARS.hear(&ending);
        ending
    }
}

/// Types that the types above contain, or that hold only words, numbers and switches.
const INSIDE: [&str; 63] = [
    "waldo_test_driver::clocks::Clocks",
    "waldo_simulation::choices::BadTrail",
    "waldo_simulation::choices::Choices",
    "waldo_simulation::explore::Report",
    "waldo_simulation::fleet::crowd::Crowd",
    "waldo_simulation::fleet::crowd::Outcome",
    "waldo_simulation::fleet::crowd::Strike",
    "waldo_simulation::fleet::crowd::Traffic",
    "waldo_simulation::fleet::defect::Defect",
    "waldo_simulation::fleet::figures::Figure",
    "waldo_simulation::fleet::laws::Law",
    "waldo_simulation::fleet::setup::Fault",
    "waldo_simulation::fleet::setup::Serving",
    "waldo_simulation::fleet::setup::Setup",
    "waldo_simulation::invariants::Clause",
    "waldo_simulation::invariants::Invariant",
    "waldo_simulation::machine::LoginEnd",
    "waldo_simulation::machine::Refused",
    "waldo_simulation::machine::Step",
    "waldo_simulation::machine::Why",
    "waldo_test_driver::scenario::bench::Observed",
    "waldo_test_driver::scenario::bench::Obstacle",
    "waldo_test_driver::scenario::bench::Parting",
    "waldo_test_driver::scenario::bench::Shift",
    "waldo_test_driver::scenario::need::Need",
    "waldo_test_driver::scenario::order::BodyKind",
    "waldo_test_driver::scenario::order::CallId",
    "waldo_test_driver::scenario::order::Order",
    "waldo_test_driver::scenario::settings::Backoff",
    "waldo_test_driver::scenario::settings::DropBudget",
    "waldo_test_driver::scenario::settings::Probe",
    "waldo_test_driver::scenario::settings::Reserve",
    "waldo_test_driver::scenario::span::Span",
    "waldo_test_driver::scenario::step::Resumption",
    "waldo_test_driver::scenario::window::Precision",
    "waldo_test_driver::server::accept::Accept",
    "waldo_test_driver::server::clock::BadWord",
    "waldo_test_driver::server::clock::ClockOffset",
    "waldo_test_driver::server::evaluation::EvaluationEnd",
    "waldo_test_driver::server::fault::Answer",
    "waldo_test_driver::server::fault::RetryAfter",
    "waldo_test_driver::server::fault::Stage",
    "waldo_test_driver::server::fault::Target",
    "waldo_test_driver::server::path::RequestPath",
    "waldo_test_driver::server::policy::Algorithm",
    "waldo_test_driver::server::policy::Claims",
    "waldo_test_driver::server::policy::DateHeader",
    "waldo_test_driver::server::policy::DateStyle",
    "waldo_test_driver::server::policy::IssuedAt",
    "waldo_test_driver::server::policy::LoginAnswer",
    "waldo_test_driver::server::policy::Refuses",
    "waldo_test_driver::server::policy::RenewalForm",
    "waldo_test_driver::server::policy::RenewalOn",
    "waldo_test_driver::server::policy::Servers",
    "waldo_test_driver::server::policy::UnknownPaths",
    "waldo_test_driver::server::rotation::Echo",
    "waldo_test_driver::server::rotation::Rotation",
    "waldo_test_driver::server::route::Endpoint",
    "waldo_test_driver::setting::Setting",
    "waldo_test_driver::setting::SettingError",
    "waldo_simulation::setup::Kind",
    "waldo_simulation::setup::Setup",
    "waldo_simulation::setup::InjectedFault",
];
