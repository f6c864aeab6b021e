//! The environment, seen by a process of its own, as changing that of this one would be unsafe.

use std::process::Command;

use waldo_reqwest::Client;

const CHILD: &str = "WALDO_REQWEST_TEST_CHILD";

#[test]
fn a_client_is_made_from_the_environment() {
    if std::env::var_os(CHILD).is_some() {
        match Client::from_env() {
            Ok(client) => println!("origin={}", client.origin()),
            // What a `main` that returns it prints.
            Err(error) => println!("error={error:?}"),
        }
        return;
    }
    let child = |pairs: &[(&str, &str)]| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "environment::a_client_is_made_from_the_environment", "--nocapture"])
            .env_remove("WALDO_API_KEY")
            .env_remove("WALDO_CLIENT_SECRET")
            .env_remove("WALDO_ORIGIN")
            .env(CHILD, "1")
            .envs(pairs.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("canary"), "{text}");
        let said = text.lines().find_map(|line| {
            line.find("origin=").or_else(|| line.find("error=")).map(|at| line[at..].to_owned())
        });
        said.unwrap_or(text)
    };
    let pair = [("WALDO_API_KEY", "wk.canary"), ("WALDO_CLIENT_SECRET", "ws.canary")];
    let production = child(&pair);
    let without_tls = "error=reqwest was built without TLS, which https://api.waldo.ai needs";
    assert!(
        production == "origin=https://api.waldo.ai" || production.starts_with(without_tls),
        "{production}"
    );
    assert_eq!(
        child(&[pair[0], pair[1], ("WALDO_ORIGIN", "http://127.0.0.1:8080")]),
        "origin=http://127.0.0.1:8080"
    );
    let missing = child(&pair[..1]);
    assert!(
        missing.starts_with("error=the environment variable WALDO_CLIENT_SECRET is not set"),
        "{missing}"
    );
    let insecure = child(&[pair[0], pair[1], ("WALDO_ORIGIN", "http://canary")]);
    assert!(
        insecure.starts_with("error=the environment variable WALDO_ORIGIN is unusable"),
        "{insecure}"
    );
    assert!(insecure.contains("must use https"), "{insecure}");
}
