//! The environment, seen by a process of its own, because a test must not change its own.

#![expect(clippy::print_stdout, reason = "the parent process reads what the child prints")]

use std::process::Command;

use crate::adapter::Adapter;

const CHILD: &str = "ADAPTER_TEST_CHILD";

pub fn a_client_is_made_from_the_environment<A: Adapter>() {
    if std::env::var_os(CHILD).is_some() {
        match A::from_env() {
            Ok(origin) => println!("origin={origin}"),
            // A `main` that returns the error prints this.
            Err(error) => println!("error={error:?}"),
        }
        return;
    }
    let child = |pairs: &[(&str, &str)]| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["a_client_is_made_from_the_environment", "--nocapture"])
            .env_remove("WALDO_API_KEY")
            .env_remove("WALDO_CLIENT_SECRET")
            .env_remove("WALDO_ORIGIN")
            .env_remove("WALDO_API_KEY_FILE")
            .env_remove("WALDO_CLIENT_SECRET_FILE")
            .env_remove("CREDENTIALS_DIRECTORY")
            .env(CHILD, "1")
            .envs(pairs.iter().copied())
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains("canary"), "{text}");
        let at = text.find("origin=").or_else(|| text.find("error="));
        let said = at.and_then(|at| text.get(at..)?.lines().next()).map(str::to_owned);
        said.unwrap_or(text)
    };
    let [key, secret] = [("WALDO_API_KEY", "wk.canary"), ("WALDO_CLIENT_SECRET", "ws.canary")];
    let production = child(&[key, secret]);
    let without_tls = "error=reqwest was built without TLS, which https://api.waldo.ai needs";
    assert!(
        production == "origin=https://api.waldo.ai" || production.starts_with(without_tls),
        "{production}"
    );
    let origin = "http://127.0.0.1:8080";
    assert_eq!(child(&[key, secret, ("WALDO_ORIGIN", origin)]), format!("origin={origin}"));
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let [key_file, secret_file] = [
        ("WALDO_API_KEY_FILE", file("key", "wk.canary\n")),
        ("WALDO_CLIENT_SECRET_FILE", file("secret", "ws.canary\n")),
    ];
    let [key_file, secret_file] = [&key_file, &secret_file].map(|(name, path)| (*name, &**path));
    let here = ("WALDO_ORIGIN", origin);
    assert_eq!(child(&[key_file, secret_file, here]), format!("origin={origin}"));
    let mixed = child(&[key, secret_file, here]);
    assert!(
        mixed.starts_with("error=the API key comes from the environment variable WALDO_API_KEY"),
        "{mixed}"
    );
    let missing = child(&[key]);
    assert!(
        missing.starts_with("error=the environment variable WALDO_CLIENT_SECRET is not set"),
        "{missing}"
    );
    let insecure = child(&[key, secret, ("WALDO_ORIGIN", "http://canary")]);
    assert!(
        insecure.starts_with("error=the environment variable WALDO_ORIGIN is unusable"),
        "{insecure}"
    );
    assert!(insecure.contains("must use https"), "{insecure}");
}
