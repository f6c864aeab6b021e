//! Where the key pair comes from, and where `waldo login` keeps it.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use crate::home::{Home, KEY, Run, SECRET, run, run_with};

const LOGIN: [&str; 4] = ["login", "--secret-stdin", "--storage", "file"];

fn pair() -> String {
    format!("{KEY}\n{SECRET}\n")
}

fn from(home: &Home) -> String {
    let json = run(&mut home.keyless(&["status", "--json"])).json();
    json["key_pair"]["from"].as_str().unwrap().to_owned()
}

#[test]
fn login_keeps_the_key_pair_for_this_user() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    let metadata = fs::metadata(home.profiles()).unwrap();
    assert_eq!(metadata.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(home.profiles().parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(from(&home), "the profile default");
    // The login left its token to the first call.
    run(&mut home.keyless(&["request", "/history/kyc/c-1"])).ok();
    assert_eq!(home.logins(), 1);
}

#[test]
fn login_makes_a_real_login_each_time() {
    let home = Home::new();
    for logins in 1..=3 {
        run_with(&mut home.keyless(&LOGIN), pair()).ok();
        assert_eq!(home.logins(), logins);
    }
    let unverified = [&LOGIN[..], &["--no-verify"]].concat();
    run_with(&mut home.keyless(&unverified), pair()).ok();
    assert_eq!(home.logins(), 3);
}

#[test]
fn rejected_key_pair_is_not_kept() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), "wk.no\nws.no\n").fails(11, &["INVALID_API_KEY"]);
    assert!(!home.profiles().exists());
    for input in ["", "\n\n", "wk.only", "wk.x\n\n"] {
        run_with(&mut home.keyless(&LOGIN), input).fails(10, &["stdin has no key pair"]);
    }
    assert!(!home.profiles().exists());
}

/// Seen in cli/cli#10108: The login hangs on a machine without a desktop.
#[test]
fn login_without_a_terminal_asks_nothing() {
    let home = Home::new();
    let run_ = run(&mut home.keyless(&["login"]));
    run_.fails(10, &["waldo login --secret-stdin --storage file"]);
    run(&mut home.keyless(&["login", "--storage", "file"])).fails(10, &["--secret-stdin"]);
    run(&mut home.keyless(&["token"])).fails(10, &["WALDO_API_KEY_FILE"]);
    for arguments in [&["token"][..], &["request", "/history/kyc/c-1"], &["status"]] {
        let run = run(&mut home.keyless(arguments));
        assert!(!run.stderr.contains("waldo login"), "nobody can answer: {run:?}");
    }
}

#[test]
fn comments_and_other_profiles_survive_a_login() {
    let home = Home::new();
    let before = "# mine\n[sandbox] # the sandbox\ntimeout = \"5s\"\n";
    home.write(".config/waldo/profiles.toml", before);
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    let text = fs::read_to_string(home.profiles()).unwrap();
    assert!(text.starts_with(before) && text.contains("[default]"), "{text}");
    run(&mut home.keyless(&["logout"])).ok();
    // The origin came from the environment, and stays.
    let origin = format!("\n[default]\norigin = \"{}\"\n", home.emulator.origin());
    assert_eq!(fs::read_to_string(home.profiles()).unwrap(), format!("{before}{origin}"));
}

#[test]
fn symbolic_link_stays_a_link() {
    let home = Home::new();
    let real = home.write("dotfiles/profiles.toml", "");
    fs::create_dir_all(home.profiles().parent().unwrap()).unwrap();
    symlink(&real, home.profiles()).unwrap();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    assert!(fs::symlink_metadata(home.profiles()).unwrap().is_symlink());
    assert!(fs::read_to_string(real).unwrap().contains(SECRET));
}

#[test]
fn logout_forgets_the_pair_and_the_token() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    run(&mut home.keyless(&["logout"])).ok();
    run(&mut home.keyless(&["token"])).fails(10, &[]);
    assert!(!fs::read_to_string(home.profiles()).unwrap().contains(KEY));
    // The same pair from the environment finds no token in the store.
    home.run(&["token"]).ok();
    assert_eq!(home.logins(), 2);
    let again = run(&mut home.keyless(&["logout"]));
    assert!(again.stderr.contains("There was nothing to forget"), "{again:?}");
    again.ok();
}

#[test]
fn each_place_of_the_key_pair_is_found_in_order() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    let (key, secret) = (home.write("key", format!("{KEY}\n")), home.write("secret", SECRET));
    home.write("systemd/waldo-api-key", KEY);
    home.write("systemd/waldo-client-secret", SECRET);
    let mut seen = Vec::new();
    for count in 0..4 {
        let mut command = home.keyless(&["status", "--json"]);
        if count > 0 {
            command.env("CREDENTIALS_DIRECTORY", home.path().join("systemd"));
        }
        if count > 1 {
            command.env("WALDO_API_KEY_FILE", &key).env("WALDO_CLIENT_SECRET_FILE", &secret);
        }
        if count > 2 {
            command.env("WALDO_API_KEY", KEY).env("WALDO_CLIENT_SECRET", SECRET);
        }
        seen.push(run(&mut command).json()["key_pair"]["from"].as_str().unwrap().to_owned());
        run(&mut command).ok();
    }
    assert_eq!(
        seen,
        [
            "the profile default",
            "waldo-api-key and waldo-client-secret of systemd",
            "the files of WALDO_API_KEY_FILE and WALDO_CLIENT_SECRET_FILE",
            "WALDO_API_KEY and WALDO_CLIENT_SECRET",
        ]
    );
}

#[test]
fn profile_can_name_files() {
    let home = Home::new();
    let (key, secret) = (home.write("api_key", KEY), home.write("client_secret", SECRET));
    let origin = home.emulator.origin();
    let files = format!("api_key_file = {key:?}\nclient_secret_file = {secret:?}\n");
    home.write(".config/waldo/profiles.toml", format!("[a]\norigin = {origin:?}\n{files}"));
    run(home.keyless(&["token"]).env("WALDO_PROFILE", "a")).ok();
    // The names of files are no secrets.
    home.chmod(".config/waldo/profiles.toml", 0o644);
    run(&mut home.keyless(&["token", "--profile", "a"])).ok();
    fs::remove_file(secret).unwrap();
    let run = run(&mut home.keyless(&["token", "--profile", "a"]));
    run.fails(10, &["the files that the profile a names", "secret"]);
}

#[test]
fn half_a_key_pair_is_an_error() {
    let home = Home::new();
    run(home.keyless(&["token"]).env("WALDO_API_KEY", KEY))
        .fails(10, &["WALDO_CLIENT_SECRET is not set"]);
    for (there, missing) in [
        ("api_key", "client_secret"),
        ("client_secret", "api_key"),
        ("api_key_file", "client_secret_file"),
        ("client_secret_file", "api_key_file"),
    ] {
        let origin = home.emulator.origin();
        let text = format!("[default]\norigin = {origin:?}\n{there} = \"x\"\n");
        home.write(".config/waldo/profiles.toml", text);
        let why = format!("the profile has {there}, and no {missing}");
        run(&mut home.keyless(&["token"])).fails(10, &[&why]);
    }
}

#[test]
fn environment_before_a_named_profile_is_reported() {
    let home = Home::new();
    home.write(".config/waldo/profiles.toml", "[a]\napi_key = \"x\"\nclient_secret = \"y\"\n");
    let run = home.run(&["token", "--profile", "a"]);
    assert!(run.stderr.contains("warning: the key pair is not that of the profile a"), "{run:?}");
    run.ok();
    let missing = home.run(&["token", "--profile", "b"]);
    assert!(!missing.stderr.contains("waldo login"), "nobody can answer: {missing:?}");
    missing.fails(2, &["there is no profile b", "next: add the table [b] to "]);
}

#[test]
fn unsafe_profiles_file_is_refused() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    let name = ".config/waldo/profiles.toml";
    for (mode, why) in [
        (0o602, "other users can change it"),
        (0o620, "other users can change it"),
        (0o640, "other users can read its secret"),
        (0o604, "other users can read its secret"),
    ] {
        home.chmod(name, mode);
        let refused = run(&mut home.keyless(&["token"]));
        refused.fails(1, &["is not safe", why, "next: chmod 600 "]);
    }
    home.chmod(name, 0o600);
    run(&mut home.keyless(&["token"])).ok();
    home.write(name, "[a]\ntimeout = \"1s\"\n");
    home.chmod(name, 0o644);
    home.run(&["token"]).ok();
}

/// A secret that is not in use is still a secret.
#[test]
fn profiles_file_with_a_secret_in_a_comment_is_refused() {
    let home = Home::new();
    let name = ".config/waldo/profiles.toml";
    for text in [
        "# api_key = \"x\"\n",
        "[a]\n# client_secret = \"x\"\napi_key_file = \"y\"\n",
        "[a]\napi_key_file = \"y\" # once: api_key = \"x\"\n",
        "[a]\napi_key_file = \"y\"\nclient_secret = x\n",
    ] {
        home.write(name, text);
        home.chmod(name, 0o644);
        let refused = run(&mut home.keyless(&["token"]));
        refused.fails(1, &["other users can read its secret"]);
    }
}

#[test]
fn wrong_profiles_file_shows_no_value() {
    let home = Home::new();
    for (text, what) in [
        (format!("\n[a]\nclient_secret = {SECRET}\n"), "line 3 is no TOML"),
        (format!("[a]\nclient_secret = [\"{SECRET}\"]\n"), "client_secret of a is no text"),
        (format!("[a]\nsecret = \"{SECRET}\"\n"), "a has a field secret"),
        (format!("[a]\n\"{SECRET}\" = \"\"\n"), "a has a field that is no word"),
        ("a = 1\n".to_owned(), "a is no table"),
    ] {
        home.write(".config/waldo/profiles.toml", text);
        home.run(&["token"]).fails(2, &[what]);
    }
    home.write(".config/waldo/profiles.toml", [0xff, 0xfe]);
    home.run(&["token"]).fails(1, &["cannot be read"]);
}

#[test]
fn origin_of_a_login_is_kept() {
    let home = Home::new();
    let origin = home.emulator.origin();
    let mut command =
        home.keyless(&[&LOGIN[..], &["--profile", "s", "--origin", &origin]].concat());
    run_with(command.env_remove("WALDO_ORIGIN"), pair()).ok();
    let mut command = home.keyless(&["request", "/history/kyc/c-1", "--profile", "s"]);
    let run: Run = run(command.env_remove("WALDO_ORIGIN"));
    run.ok();
}

/// A later run without the variable must not send the key pair to another server.
#[test]
fn login_binds_the_profile_to_its_server() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    let mut status = home.keyless(&["status", "--json"]);
    let json = run(status.env_remove("WALDO_ORIGIN")).json();
    assert_eq!(json["origin"]["value"], home.emulator.origin());
    assert_eq!(json["origin"]["from"], "the profile default");
    let other = ["login", "--secret-stdin", "--storage", "file", "--no-verify", "--profile", "api"];
    run_with(home.keyless(&other).env_remove("WALDO_ORIGIN"), pair()).ok();
    let text = fs::read_to_string(home.profiles()).unwrap();
    assert_eq!(text.matches("origin").count(), 1, "the default needs no line: {text}");
}

/// A variable that is left over, or a wrong option, must not send the key pair to another server.
#[test]
fn key_pair_of_a_profile_goes_to_no_other_server() {
    let (home, other) = (Home::new(), Home::new());
    let foreign = other.emulator.origin();
    let login = [&LOGIN[..], &["--profile", "s"]].concat();
    run_with(&mut home.keyless(&login), pair()).ok();
    let commands = [&["token", "--store", "none"][..], &["request", "/history/kyc/c-1"]];
    for command in commands {
        let command = [command, &["--profile", "s"]].concat();
        let option = [&command[..], &["--origin", &foreign]].concat();
        let why = ["the key pair of the profile s is for another server", "the option --origin"];
        run(&mut home.keyless(&option)).fails(2, &why);
        let mut variable = home.keyless(&command);
        let why = ["the environment variable WALDO_ORIGIN", &foreign, "next: "];
        run(variable.env("WALDO_ORIGIN", &foreign)).fails(2, &why);
        run(&mut home.keyless(&command)).ok();
    }
    // `waldo status` says the same, and a key pair of the environment has no server.
    let status = ["status", "--json", "--profile", "s", "--origin", &foreign];
    let status = run(&mut home.keyless(&status)).fails(2, &["is for another server"]).json();
    let next = status["next_call"].as_str().unwrap();
    assert!(next.contains("would be refused, because the key pair cannot be used"), "{status}");
    home.run(&["token", "--profile", "s", "--origin", &foreign]).ok();
    assert_eq!(other.logins(), 1);
    // A new login moves the profile.
    let login = [&login[..], &["--origin", &foreign]].concat();
    run_with(&mut home.keyless(&login), pair()).ok();
    run(home.keyless(&["token", "--profile", "s"]).env_remove("WALDO_ORIGIN")).ok();
}

/// A profile without an origin is for the default one.
#[test]
fn key_pair_of_a_profile_without_an_origin_is_for_the_api() {
    let home = Home::new();
    let (key, secret) = (home.write("key", KEY), home.write("secret", SECRET));
    let files = format!("api_key_file = {key:?}\nclient_secret_file = {secret:?}\n");
    let pair = format!("api_key = \"{KEY}\"\nclient_secret = \"{SECRET}\"\n");
    for fields in [&files, &pair, "storage = \"keyring\"\n"] {
        home.write(".config/waldo/profiles.toml", format!("[default]\n{fields}"));
        run(&mut home.keyless(&["token"])).fails(2, &["is for https://api.waldo.ai"]);
    }
    assert_eq!(home.logins(), 0);
}

/// Two runs that change the file at once must not lose the key pair of one of them.
#[test]
fn logins_at_once_keep_each_profile() {
    let home = Home::new();
    let login = |number: usize| {
        let profile = format!("p{number}");
        let more = ["--no-verify", "--profile", &profile];
        let login = [&LOGIN[..], &more].concat();
        run_with(&mut home.keyless(&login), pair()).ok();
    };
    std::thread::scope(|scope| (0..16).for_each(|number| drop(scope.spawn(move || login(number)))));
    let text = fs::read_to_string(home.profiles()).unwrap();
    assert_eq!(text.matches(SECRET).count(), 16, "{text}");
}

/// A run that is killed while it writes leaves a key pair in the new file.
#[test]
fn file_of_a_killed_run_is_removed() {
    let home = Home::new();
    let left = home.path().join(".config/waldo/profiles.toml.new");
    for command in [&LOGIN[..], &["logout"], &["logout"]] {
        home.write(".config/waldo/profiles.toml.new", SECRET);
        run_with(&mut home.keyless(command), pair()).ok();
        assert!(!left.exists(), "{command:?}");
    }
}

#[test]
fn odd_profiles_file_is_refused_and_kept() {
    let home = Home::new();
    let name = ".config/waldo/profiles.toml";
    // A part of the file would be written back as the whole.
    let large = format!("{}[a]\napi_key = \"x\"\n", "# a comment\n".repeat(100_000));
    home.write(name, &large);
    for command in [&LOGIN[..], &["status"], &["logout"]] {
        let refused = run_with(&mut home.keyless(command), pair());
        refused.fails(1, &["cannot be read", "it has more than 1048576 bytes"]);
    }
    assert_eq!(fs::read_to_string(home.profiles()).unwrap(), large);
    fs::remove_file(home.profiles()).unwrap();
    let mkfifo = std::process::Command::new("mkfifo").arg(home.profiles()).status().unwrap();
    assert!(mkfifo.success());
    run(&mut home.keyless(&["status"])).fails(1, &["cannot be read", "it is no file"]);
    fs::remove_file(home.profiles()).unwrap();
    symlink(home.path().join("nowhere"), home.profiles()).unwrap();
    run_with(&mut home.keyless(&LOGIN), pair()).fails(1, &["a symbolic link to a place"]);
    assert!(home.profiles().is_symlink());
}

#[test]
fn name_of_a_profile_is_quoted_where_it_must_be() {
    let home = Home::new();
    let odd = run(&mut home.keyless(&["status", "--profile", "a.b"]));
    odd.fails(2, &["next: add the table [\"a.b\"] to "]);
    for name in ["", "a\nb", "a\u{1b}[31mb"] {
        let refused = run(&mut home.keyless(&["status", "--profile", name]));
        refused.fails(2, &["the profile is wrong", "no control character"]);
    }
    let login = [&LOGIN[..], &["--no-verify", "--profile", "it's a b"]].concat();
    run_with(&mut home.keyless(&login), pair()).ok();
    run(&mut home.keyless(&["token", "--profile", "it's a b"])).ok();
}

#[test]
fn key_pair_on_stdin_has_no_invisible_character() {
    let home = Home::new();
    for input in [format!("\u{feff}{}", pair()), format!("{KEY}\n {SECRET}\n")] {
        let refused = run_with(&mut home.keyless(&LOGIN), input);
        refused.fails(10, &["it has white space or an invisible character"]);
    }
    assert_eq!(home.logins(), 0);
}

#[test]
fn store_that_fails_does_not_keep_the_key_pair() {
    let home = Home::new();
    run_with(&mut home.keyless(&LOGIN), pair()).ok();
    home.chmod(".local/state/waldo", 0o777);
    run(&mut home.keyless(&["logout"])).fails(1, &["the store keeps its token"]);
    assert!(!fs::read_to_string(home.profiles()).unwrap().contains(SECRET));
}
