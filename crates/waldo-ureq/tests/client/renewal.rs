//! One thread: which token is sent, and when there is a login.

use std::time::Duration;

use waldo_adapter_tests::Listener;
use waldo_emulator::model::{Answer, Fault, Policy, RenewalForm, Rotation};
use waldo_ureq::{Error, Explanation, NoToken, Refusal, Refused, ureq};

use crate::site::{
    TIMEOUT, bounded, builder, client, credentials, emulator, emulator_with, status,
};

#[test]
fn server_of_any_renewal_form_needs_one_login() {
    bounded(|| {
        for renewal in [
            RenewalForm::Bearer,
            RenewalForm::Bare,
            RenewalForm::LowerCase,
            RenewalForm::Malformed,
            RenewalForm::None,
        ] {
            let emulator = emulator_with(Policy { renewal, ..Policy::default() });
            let client = client(emulator.origin());
            (0..20).for_each(|_| assert_eq!(status(&client), 200, "{renewal:?}"));
            assert_eq!(emulator.stats().server.logins(), 1, "{renewal:?}");
        }
    });
}

#[test]
fn rule_20_delivered_renewed_token_is_marked_sensitive() {
    bounded(|| {
        let emulator = emulator();
        let response =
            client(emulator.origin()).get("/customer").query("field", "id").call().unwrap();
        let fresh = response.headers().get("authorization").unwrap();
        assert!(fresh.is_sensitive());
        assert!(!format!("{response:?}").contains("eyJ"));
    });
}

#[test]
fn a_strict_server_answers_no_401_to_sequential_calls() {
    bounded(|| {
        let emulator = emulator_with(Policy { rotation: Rotation::Strict, ..Policy::default() });
        let client = client(emulator.origin());
        (0..50).for_each(|_| assert_eq!(status(&client), 200));
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (1, 0));
    });
}

#[test]
fn rule_07_an_expired_token_costs_one_login() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client), 200);
        emulator.expire_all();
        (0..5).for_each(|_| assert_eq!(status(&client), 200));
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (2, 1));
    });
}

#[test]
fn a_restart_with_another_signing_key_costs_one_login() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client), 200);
        emulator.rotate_signing_key();
        (0..5).for_each(|_| assert_eq!(status(&client), 200));
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (2, 1));
    });
}

#[test]
fn rule_11_a_token_whose_lifetime_is_over_is_not_sent() {
    bounded(|| {
        // Long enough that no busy machine uses it up between a login and the call.
        let emulator = emulator_with(Policy {
            lifetime: Duration::from_secs(4),
            renewal: RenewalForm::None,
            ..Policy::default()
        });
        let client = client(emulator.origin());
        assert_eq!(status(&client), 200);
        let mut waited = Duration::ZERO;
        while !matches!(client.explain(), Explanation::Authenticate { why: NoToken::Expired, .. }) {
            assert!(waited < TIMEOUT, "{}", client.explain());
            std::thread::sleep(Duration::from_millis(20));
            waited += Duration::from_millis(20);
        }
        assert_eq!(status(&client), 200);
        let stats = emulator.stats().server;
        assert_eq!((stats.logins(), stats.calls_unauthorized), (2, 0));
    });
}

#[test]
fn rule_07_a_route_that_always_answers_401_is_delivered() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        emulator.push_fault(Fault::call(Answer::Unauthorized).on_path("/forbidden").forever());
        let mut logins = Vec::new();
        for _ in 0..10 {
            assert_eq!(client.get("/forbidden").call().unwrap().status(), 401);
            logins.push(emulator.stats().server.logins());
        }
        // Rule 16: five drops at once, and then the 401 is delivered without a login.
        assert_eq!(logins.last(), logins.get(6), "{logins:?}");
        assert!(logins.last() <= Some(&7), "{logins:?}");
        assert_eq!(status(&client), 200);
    });
}

#[test]
fn rule_15_a_rejection_opens_the_circuit_until_a_reset() {
    bounded(|| {
        let (emulator, listener) = (emulator(), Listener::new());
        let client = client(emulator.origin());
        emulator.revoke_key(waldo_emulator::model::Server::KEY_ID);
        listener.during(|| {
            for _ in 0..5 {
                let error = client.get("/customer").call().unwrap_err();
                let Error::Refused(Refused {
                    refusal: Refusal::Rejected { rejection, .. },
                    retry_in,
                    ..
                }) = &error
                else {
                    panic!("{error:?}");
                };
                assert_eq!(rejection.code().as_str(), "API_KEY_REVOKED");
                assert!(*retry_in > Duration::from_secs(50), "{retry_in:?}");
                assert_eq!(error.retry_in(), Some(*retry_in));
            }
        });
        assert_eq!(emulator.stats().server.total(), 1);
        assert_eq!(listener.names(), ["login_started", "login_rejected", "circuit_opened"]);
        assert!(client.explain().to_string().contains("API_KEY_REVOKED"));

        emulator.restore_key(waldo_emulator::model::Server::KEY_ID);
        client.reset(credentials());
        assert_eq!(status(&client), 200);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

#[test]
fn an_invalidated_token_is_not_sent_again() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        assert_eq!(status(&client), 200);
        client.invalidate(client.generation());
        assert_eq!(client.snapshot(), None);
        assert_eq!(status(&client), 200);
        assert_eq!(emulator.stats().server.logins(), 2);
    });
}

#[test]
fn a_stored_token_saves_the_login_of_another_client() {
    bounded(|| {
        let emulator = emulator();
        let first = client(emulator.origin());
        assert_eq!(status(&first), 200);
        let second = client(emulator.origin());
        second.resume(&first.snapshot().unwrap()).unwrap();
        assert_eq!(status(&second), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
        assert!(second.resume(&first.snapshot().unwrap()).is_err());
    });
}

#[test]
fn the_token_is_given_out_as_a_sensitive_header() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let token = client.token().unwrap();
        assert!(token.is_sensitive());
        assert_eq!(emulator.stats().server.logins(), 1);
        let agent = ureq::Agent::config_builder().proxy(None).build().new_agent();
        let response = agent
            .get(format!("{}/customer?field=id", emulator.origin()))
            .header("authorization", token)
            .call();
        assert_eq!(response.unwrap().status(), 200);
        assert_eq!(client.token().unwrap(), client.token().unwrap());
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn clones_share_one_session() {
    bounded(|| {
        let emulator = emulator();
        let client = client(emulator.origin());
        let clone = client.clone();
        assert_eq!(status(&client), 200);
        assert_eq!(status(&clone), 200);
        drop(client);
        assert_eq!(status(&clone), 200);
        assert_eq!(emulator.stats().server.logins(), 1);
    });
}

#[test]
fn the_cores_limits_are_the_users() {
    bounded(|| {
        let emulator =
            emulator_with(Policy { login_path: "/elsewhere".to_owned(), ..Policy::default() });
        let client = builder(emulator.origin())
            .limits(|limits| limits.login_path("/nowhere"))
            .limits(|limits| limits.login_path("/elsewhere"))
            .build()
            .unwrap();
        assert_eq!(status(&client), 200);
        assert!(builder("http://example.com").build().is_err());
        assert!(
            builder(emulator.origin()).limits(|limits| limits.leeway(TIMEOUT, 1)).build().is_err()
        );
    });
}
