//! The command tree: its help, its JSON and its exit codes.

use serde_json::{Value, json};

use crate::home::{Home, run, run_with};

pub(crate) const COMMANDS: [&str; 8] =
    ["request", "token", "login", "logout", "status", "inspect", "emulate", "completions"];

#[test]
fn each_command_has_help_with_an_example() {
    let home = Home::new();
    let whole = home.run(&["--help"]).ok();
    for command in COMMANDS {
        assert!(whole.contains(&format!("\n  {command}")), "{command}: {whole}");
        let help = home.run(&[command, "--help"]).ok();
        let has_example = help.contains("\nExample");
        assert!(has_example && help.contains("Usage: waldo"), "{help}");
    }
}

#[test]
fn help_lists_each_exit_code() {
    let help = Home::new().run(&["--help"]).ok();
    let table = help.split("Exit codes:\n").nth(1).unwrap();
    let codes: Vec<u8> =
        table.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 130]);
}

#[test]
fn wrong_command_line_has_code_2() {
    let home = Home::new();
    for arguments in [&[][..], &["nothing"], &["token", "--format", "xml"], &["request"]] {
        assert_eq!(home.run(arguments).code, Some(2), "{arguments:?}");
    }
    home.run(&["tokn"]).fails(2, &["'token'"]);
}

#[test]
fn each_json_has_a_schema_number() {
    let home = Home::new();
    let token = home.run(&["token"]).ok();
    let pair = format!("{}\n{}\n", crate::home::KEY, crate::home::SECRET);
    let login = ["login", "--secret-stdin", "--storage", "file", "--json"];
    for run in [
        home.run(&["token", "--json"]),
        home.run(&["status", "--json"]),
        home.run(&["request", "/history/kyc/c-1", "--json"]),
        home.run(&["request", "/history/kyc/c-1", "--json", "--dry-run"]),
        run_with(&mut home.waldo(&["inspect", "--json"]), token),
        run_with(&mut home.waldo(&login), pair),
        home.run(&["logout", "--json"]),
    ] {
        assert_eq!(run.json()["schema"], 1);
    }
    let run = run(&mut home.keyless(&["token", "--json"])).fails(10, &[]);
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!((&error["schema"], &error["error"]["code"]), (&json!(1), &json!(10)));
}

#[test]
fn token_has_each_format() {
    let home = Home::new();
    let token = home.run(&["token"]).ok();
    let token = token.trim_end();
    assert_eq!(
        home.run(&["token", "--format", "header"]).ok(),
        format!("Authorization: Bearer {token}\n")
    );
    let json = home.run(&["token", "--format", "json"]).json();
    assert_eq!((&json["access_token"], &json["token_type"]), (&json!(token), &json!("Bearer")));
    let left = json["expires_in"].as_u64().unwrap();
    assert!((3500..=3600).contains(&left), "{left}");
    let date = json["expires_at"].as_str().unwrap();
    assert!(date.len() == "2026-01-01T00:00:00Z".len() && date.ends_with('Z'), "{date}");
    let json = home.run(&["token", "--format", "exec-credential"]).json();
    assert_eq!(json["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(json["status"]["token"], token);
    let helper = ["token", "--format", "credential-helper"];
    let question = json!({ "uri": format!("{}/customer", home.emulator.origin()) }).to_string();
    let json = run_with(&mut home.waldo(&helper), question).json();
    assert_eq!(json["headers"]["Authorization"][0], format!("Bearer {token}"));
    let foreign = r#"{"uri": "https://evil.example/"}"#;
    run_with(&mut home.waldo(&helper), foreign).fails(2, &["the token is for "]);
    run_with(&mut home.waldo(&helper), "{}").fails(2, &["stdin asks for no URI"]);
    assert_eq!(home.logins(), 1);
}

/// Seen in Azure/azure-cli#15901: `expires_in` is copied from a cache, and therefore too large.
#[test]
fn expires_in_is_computed_when_it_is_printed() {
    let home = Home::with(waldo_emulator::model::Policy {
        lifetime: std::time::Duration::from_secs(1000),
        ..Default::default()
    });
    let fields = || {
        let json = home.run(&["token", "--json"]).json();
        let token = json["access_token"].as_str().unwrap().to_owned();
        (token, json["expires_in"].as_u64().unwrap())
    };
    let (first, left) = fields();
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_millis(2100) {
        assert_eq!(fields().0, first);
    }
    let later = fields().1;
    assert!(later + 2 <= left && later >= 900, "{left}, then {later}");
}

#[test]
fn inspect_shows_claims_and_no_signature() {
    let home = Home::new();
    let token = home.run(&["token"]).ok();
    let signature = token.trim_end().rsplit('.').next().unwrap();
    for input in [token.clone(), format!("Authorization: Bearer {token}")] {
        let shown = run_with(&mut home.keyless(&["inspect"]), input).ok();
        assert!(shown.contains("\"alg\":\"HS256\"") && !shown.contains(signature), "{shown}");
        assert!(shown.contains("the next call would be sent"), "{shown}");
    }
    // {"alg":"none"}.{"exp":1}.x
    let old = "eyJhbGciOiJub25lIn0.eyJleHAiOjF9.eA";
    let shown = run_with(&mut home.keyless(&["inspect"]), old).ok();
    assert!(shown.contains("expires   1970-01-01T00:00:01Z, so it has ended"), "{shown}");
    assert!(!shown.contains("would be sent"), "{shown}");
    for input in ["", "no token", "a.b", "eyJhbGciOiJub25lIn0.eyJleHAiOjF9"] {
        run_with(&mut home.keyless(&["inspect"]), input).fails(1, &["stdin holds no token"]);
    }
    let total = home.emulator.stats().server.total();
    assert_eq!(total, home.logins(), "inspect makes no request");
}

/// Runs `waldo emulate`, and makes a call with the first line that it prints.
fn emulator(home: &Home, more: &[&str], call: impl FnOnce(&str)) {
    use std::io::{BufRead, BufReader};

    let arguments = [&["emulate", "--listen", "127.0.0.1:0"], more].concat();
    let mut child = home.waldo(&arguments).spawn().unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    call(first.trim_end());
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn emulator_answers_until_a_signal() {
    let home = Home::new();
    let answers = |origin: &str| {
        let mut command = home.waldo(&["request", "/customer", "field==id", "--origin", origin]);
        command.env("WALDO_API_KEY", "wk.sandbox.example");
        command.env("WALDO_CLIENT_SECRET", "ws.sandbox.example");
        assert!(run(&mut command).ok().contains("customerId"));
    };
    emulator(&home, &[], |line| answers(line.strip_prefix("listening on ").unwrap()));
    emulator(&home, &["--json"], |line| {
        let json: Value = serde_json::from_str(line).unwrap();
        assert_eq!(json["schema"], 1);
        let origin = json["origin"].as_str().unwrap();
        assert_eq!(json["controls"], format!("{origin}/_emulator/"));
        answers(origin);
    });
    let remote = home.run(&["emulate", "--listen", "0.0.0.0:0"]);
    remote.fails(2, &["add --allow-remote to mean it"]);
}

#[test]
fn status_names_the_place_of_each_setting() {
    let home = Home::new();
    home.write(".config/waldo/profiles.toml", "[sandbox]\ntimeout = \"7s\"\n");
    let arguments = ["status", "--json", "--profile", "sandbox", "--store", "none"];
    let json = home.run(&arguments).json();
    for (name, from) in [
        ("profile", "the option --profile"),
        ("origin", "the environment variable WALDO_ORIGIN"),
        ("timeout", "the profile sandbox"),
        ("store", "the option --store"),
    ] {
        assert_eq!(json[name]["from"], from, "{json}");
    }
    assert_eq!(json["timeout"]["value"], 7.0);
    assert_eq!(json["key_pair"]["from"], "WALDO_API_KEY and WALDO_CLIENT_SECRET");
    assert_eq!(home.emulator.stats().server.total(), 0, "status makes no request");
    let run = run(home.waldo(&["status", "--json"]).env_remove("WALDO_ORIGIN"));
    assert_eq!(run.json()["origin"]["value"], "https://api.waldo.ai");
}

#[test]
fn status_explains_the_next_call() {
    let home = Home::new();
    let next = || home.run(&["status", "--json"]).json()["next_call"].as_str().unwrap().to_owned();
    assert!(next().contains("ask the store for a token, or log in"), "{}", next());
    home.run(&["token"]).ok();
    assert!(next().contains("would be sent"), "{}", next());
    assert_eq!(home.logins(), 1);
    let text = home.run(&["status"]).ok();
    assert!(text.contains("\nnext call would be sent with generation 1, which has "), "{text}");
    let run = run(&mut home.keyless(&["status", "--json"])).fails(10, &["there is no key pair"]);
    let error: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!((&error["schema"], &error["error"]["code"]), (&json!(1), &json!(10)));
    let json = run.json();
    assert!(json["next_call"].as_str().unwrap().contains("no key pair"), "{json}");
}

#[test]
fn date_after_the_year_9999_is_no_panic() {
    let lifetime = std::time::Duration::from_secs(9_000 * 365 * 24 * 3600);
    let home = Home::with(waldo_emulator::model::Policy { lifetime, ..Default::default() });
    assert_eq!(home.run(&["token", "--json"]).json()["expires_at"], "9999-12-31T23:59:59Z");
    let token = home.run(&["token"]).ok();
    home.run(&["token", "--format", "exec-credential"]).ok();
    let status = home.run(&["status"]).ok();
    assert!(status.contains("until 9999-12-31T23:59:59Z"), "{status}");
    let shown = run_with(&mut home.keyless(&["inspect"]), token).ok();
    assert!(shown.contains("expires   9999-12-31T23:59:59Z"), "{shown}");
}

#[test]
fn wrong_command_line_is_json_too() {
    let home = Home::new();
    for (arguments, text) in [
        (&["request", "--json"][..], "were not provided: <METHOD PATH PART>..."),
        (&["token", "--nonsense", "--json"], "'--nonsense' found"),
        (&["token", "--format", "xml", "--json"], "[possible values: raw, header, "),
        (&["tokn", "--json"], "tip: a similar subcommand exists: 'token'"),
    ] {
        let run = home.run(arguments).fails(2, &[]);
        let json: Value = serde_json::from_str(&run.stderr).unwrap();
        assert_eq!((&json["schema"], &json["error"]["code"]), (&1.into(), &2.into()), "{json}");
        let what = json["error"]["what"].as_str().unwrap();
        assert!(!what.starts_with("error") && what.contains(text), "{json}");
        assert!(!what.contains("Usage") && !what.contains("For more"), "{json}");
    }
    assert!(home.run(&["--help", "--json"]).ok().contains("Examples:"));
}
