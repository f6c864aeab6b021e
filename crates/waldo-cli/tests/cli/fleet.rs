//! Many runs make one login.

use std::thread;

use crate::home::{Home, run};

/// Seen in int128/kubelogin#1330: Each of several parallel runs logs in.
#[test]
fn parallel_runs_make_one_login() {
    let home = Home::new();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..6 {
                    home.run(&["request", "/customer", "field==id"]).ok();
                }
            });
        }
    });
    assert_eq!(home.logins(), 1);
}

/// Seen in aws/aws-cli#5585: Each run logs in again.
#[test]
fn runs_in_a_row_make_one_login() {
    let home = Home::new();
    let tokens: Vec<String> = (0..10).map(|_| home.run(&["token"]).ok()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(home.logins(), 1);
    home.emulator.expire_all();
    home.run(&["request", "/history/kyc/c-1"]).ok();
    home.run(&["request", "/history/kyc/c-1"]).ok();
    assert_eq!(home.logins(), 2);
}

#[test]
fn without_a_store_each_run_logs_in() {
    let home = Home::new();
    home.run(&["token", "--store", "none"]).ok();
    run(home.waldo(&["token"]).env("WALDO_STORE", "none")).ok();
    assert_eq!(home.logins(), 2);
    assert!(!home.store().exists());
}

#[test]
fn store_can_be_a_directory() {
    let home = Home::new();
    for _ in 0..2 {
        home.run(&["token", "--store", "./tokens"]).ok();
    }
    assert_eq!(home.logins(), 1);
    assert!(home.path().join("tokens").is_dir() && !home.store().exists());
    let redis = home.run(&["token", "--store", "redis://:canary@127.0.0.1:1/0?wrong=1"]);
    assert!(!redis.stderr.contains("canary"), "{redis:?}");
    home.run(&["token", "--store", "elsewhere"])
        .fails(2, &["--store", "a directory such as ./store"]);
}

/// Other users can see the arguments of a program.
#[test]
fn store_with_a_password_is_no_option() {
    let home = Home::new();
    for url in
        ["redis://:canary@host", "rediss://u:canary@host/1", "unix:///run/r?db=1&pass=canary"]
    {
        let run = home.run(&["token", "--store", url]);
        assert!(!run.stderr.contains("canary"), "{run:?}");
        run.fails(2, &["the option --store", "has a password", "set WALDO_STORE"]);
        let elsewhere = run_in(&home, url);
        assert!(!elsewhere.stderr.contains("has a password"), "{elsewhere:?}");
    }
}

/// A run with this store in the environment.
fn run_in(home: &Home, store: &str) -> crate::home::Run {
    run(home.waldo(&["status", "--offline"]).env("WALDO_STORE", store))
}

#[cfg(feature = "redis")]
#[test]
fn store_can_be_a_server() {
    use waldo_redis_server::{Options, Server};

    const PASSWORD: &str = "canary-of-redis";
    let options = Options { password: Some(PASSWORD), ..Options::default() };
    let Some(server) = Server::start(options) else { return };
    let home = Home::new();
    for arguments in [
        &["token"][..],
        &["request", "/customer", "field==id", "-vv"],
        &["status"],
        &["status", "--offline"],
    ] {
        let run = run(home.waldo(arguments).env("WALDO_STORE", server.url()));
        assert!(!run.stdout.contains(PASSWORD) && !run.stderr.contains(PASSWORD), "{run:?}");
        if arguments.contains(&"--offline") {
            assert!(run.stdout.contains("not asked, because of --offline"), "{run:?}");
        }
        run.ok();
    }
    assert_eq!(home.logins(), 1);
    let wrong = home.run(&["token", "--store", "redis://user@canary-host"]);
    assert!(!wrong.stderr.contains("canary-host"), "{wrong:?}");
    wrong.fails(2, &["has a user name and no password"]);
}
