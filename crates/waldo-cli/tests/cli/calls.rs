//! `waldo request`.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use waldo_emulator::model::{Answer, Fault, RetryAfter, Stub, Target};

use crate::home::{Home, run, run_with};
use crate::pipes::shell;

/// A 503 that asks to wait so many seconds.
fn busy(seconds: u64) -> Answer {
    Answer::Status { status: 503, retry_after: Some(RetryAfter::Seconds(seconds)) }
}

#[test]
fn fields_and_query_reach_the_api() {
    let home = Home::new();
    let answer = home.run(&["request", "/customer", "--query", "field=a b&c"]).json();
    assert_eq!(answer["field"], "a%20b%26c");
    let answer = home.run(&["request", "/nowhere", "x==1"]).json();
    assert_eq!(answer["method"], "GET");
    let answer = home.run(&["request", "/nowhere", "a=b", "n:=1.50"]).json();
    let body = r#"{"a":"b","n":1.50}"#;
    assert_eq!((&answer["method"], &answer["bytes"]), (&json!("POST"), &json!(body.len())));
    let file = home.write("body.json", body);
    for words in [["@body.json"], [&*format!("@{}", file.display())]] {
        let answer = home.run(&["request", "PUT", "/nowhere", words[0]]).json();
        assert_eq!((&answer["method"], &answer["bytes"]), (&json!("PUT"), &json!(body.len())));
    }
    for word in ["-", "@-"] {
        let answer = run_with(&mut home.waldo(&["request", "/nowhere", word]), body).json();
        assert_eq!((&answer["method"], &answer["bytes"]), (&json!("POST"), &json!(body.len())));
    }
    assert_eq!(home.logins(), 1);
}

#[test]
fn form_streams_its_files() {
    let home = Home::new();
    let document = "x".repeat(300_000);
    home.write("pass\"port.pdf", &document);
    let arguments = ["request", "/document", "type=passport", "document@pass\"port.pdf"];
    let answer = home.run(&arguments).json();
    let bytes = answer["bytes"].as_u64().unwrap();
    assert!(bytes > 300_000 && bytes < 301_000, "{answer}");
    let shown = home.run(&[&arguments[..], &["--dry-run"]].concat()).ok();
    for text in [
        "POST ",
        "authorization: [hidden]",
        "content-type: multipart/form-data; boundary=",
        "name=\"document\"; filename=\"pass%22port.pdf\"\r\nContent-Type: application/pdf\r\n",
        "[the file pass\"port.pdf]",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains("xxx"), "{shown}");
}

#[test]
fn file_is_sent_again_after_a_refused_token() {
    let home = Home::new();
    home.write("body.json", "{}");
    home.run(&["request", "/customer", "field==id"]).ok();
    home.emulator.expire_all();
    home.run(&["request", "/onboard", "@body.json"]).ok();
    assert_eq!(home.logins(), 2);
    assert_eq!(home.emulator.stats().server.calls_unauthorized, 1);
}

#[test]
fn dry_run_sends_nothing_and_needs_no_key_pair() {
    let home = Home::new();
    let arguments = ["request", "POST", "/onboard", "a=b", "q==c d", "--dry-run"];
    let arguments = [&arguments[..], &["-H", "Cookie: canary", "-H", "X-Trace: 7"]].concat();
    let shown = run(&mut home.keyless(&arguments)).ok();
    let origin = home.emulator.origin();
    assert_eq!(
        shown,
        format!(
            "POST {origin}/onboard?q=c%20d\nauthorization: [hidden]\ncookie: [hidden]\n\
             x-trace: 7\ncontent-type: application/json\n\n{{\"a\":\"b\"}}\n"
        )
    );
    let json = run(&mut home.keyless(&[&arguments[..], &["--json"]].concat())).json();
    assert_eq!((&json["schema"], &json["headers"]["cookie"]), (&json!(1), &json!("[hidden]")));
    assert_eq!(home.emulator.stats().server.total(), 0);
}

#[test]
fn exit_code_tells_the_class_of_the_status() {
    let home = Home::new();
    for (status, code) in [(204, 0), (302, 3), (404, 4), (429, 4), (503, 5)] {
        home.emulator.push_fault(Fault::call(Answer::status(status)));
        let run = home.run(&["request", "/history/kyc/c-1"]);
        assert_eq!(run.code, Some(code), "{status}: {run:?}");
        if code != 0 {
            assert!(run.stderr.contains(&format!("the API answered {status}")), "{run:?}");
        }
    }
}

#[test]
fn body_of_an_error_goes_to_stdout() {
    let home = Home::new();
    let answer = json!({ "code": "NOT_FOUND", "message": "no such customer" });
    let stub = Stub::path("GET".parse().unwrap(), "/customer").json(404, &answer);
    home.emulator.push_stub(stub);
    let run = home.run(&["request", "/customer", "field==id"]).fails(4, &["404 Not Found"]);
    assert_eq!(run.json(), answer);
}

#[test]
fn headers_go_to_stderr_without_the_token() {
    let home = Home::new();
    let run = home.run(&["request", "/history/kyc/c-1", "-i", "--time"]);
    for text in ["HTTP/1.1 200 OK\n", "authorization: [hidden]\n", "time: 0.", "logins: 1"] {
        assert!(run.stderr.contains(text), "{text}: {run:?}");
    }
    assert!(run.stdout.starts_with('{'), "{run:?}");
}

#[test]
fn answer_as_json_has_status_headers_and_body() {
    let home = Home::new();
    let json = home.run(&["request", "/customer", "field==id", "--json"]).json();
    assert_eq!((&json["schema"], &json["status"]), (&json!(1), &json!(200)));
    assert_eq!(json["headers"]["authorization"], "[hidden]");
    assert_eq!(json["body"]["field"], "id");
}

#[test]
fn answer_as_json_keeps_each_header_and_digit() {
    let home = Home::new();
    let response = http::Response::builder()
        .header("content-type", "application/json")
        .header("x-page", "1")
        .header("x-page", "2")
        .body(b"{\"z\": 1.50,\r\n\"a\": 12345678901234567890123}\n".to_vec());
    let stub = Stub::path("GET".parse().unwrap(), "/odd").response(response.unwrap());
    home.emulator.push_stub(stub);
    let run = home.run(&["request", "/odd", "--json"]);
    let body = r#""body":{"z": 1.50,"a": 12345678901234567890123}}"#;
    assert!(run.stdout.ends_with(&format!("{body}\n")), "{run:?}");
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    let dry = ["request", "/x", "--dry-run", "--json", "-H", "X-Page: 1", "-H", "X-Page: 2"];
    for run in [run, home.run(&dry)] {
        assert_eq!(run.json()["headers"]["x-page"], "1, 2");
    }
}

#[test]
fn output_goes_to_the_file() {
    let home = Home::new();
    let run = home.run(&["request", "/customer", "field==id", "-o", "answer.json"]);
    assert_eq!(run.ok(), "");
    let answer = fs::read_to_string(home.path().join("answer.json")).unwrap();
    assert!(answer.contains("\"field\":\"id\""), "{answer}");
    // Only a success replaces the file.
    let refused = home.run(&["request", "/customer", "field==unknown", "-o", "answer.json"]);
    assert!(refused.stdout.contains("\"code\""), "{refused:?}");
    refused.fails(4, &[]);
    home.emulator.push_fault(Fault::call(Answer::CutShort));
    let broken = home.run(&["request", "/customer", "field==id", "-o", "answer.json"]);
    broken.fails(14, &["answer.json is as it was before"]);
    assert_eq!(fs::read_to_string(home.path().join("answer.json")).unwrap(), answer);
    home.chmod("answer.json", 0o600);
    home.run(&["request", "/history/kyc/c-1", "-o", "answer.json"]).ok();
    let metadata = fs::metadata(home.path().join("answer.json")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&home), ["answer.json"]);
    home.run(&["request", "/history/kyc/c-1", "-o", "/dev/null"]).ok();
    let answer = home.run(&["request", "/history/kyc/c-1", "-o", "-"]).ok();
    assert!(answer.starts_with('{') && !home.path().join("-").exists(), "{answer}");
    let nowhere = home.run(&["request", "/history/kyc/c-1", "-o", "no/such/folder"]);
    nowhere.fails(1, &["no/such/folder cannot be written"]);
}

/// The names of the files in the home, in order.
fn names(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.path()).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(name).filter(|name| !name.starts_with(".local")).collect();
    names.sort();
    names
}

#[test]
fn each_run_has_a_part_of_its_own() {
    let home = Home::new();
    home.run(&["token"]).ok();
    // A file of the user, whose name looks like that of a part.
    home.write("report.part", "mine");
    home.run(&["request", "/customer", "field==id", "-o", "report"]).ok();
    assert_eq!(names(&home), ["report", "report.part"]);
    assert_eq!(fs::read_to_string(home.path().join("report.part")).unwrap(), "mine");
    // The first run is in the middle of its body while the second one replaces the file.
    home.emulator.push_fault(Fault::call(Answer::Endless { status: 200, flood: false }));
    let mut first = home.waldo(&["request", "/customer", "field==id", "-o", "report"]);
    let mut first = first.spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    while names(&home).len() < 3 {
        assert!(Instant::now() < end, "{:?}", names(&home));
        thread::sleep(Duration::from_millis(10));
    }
    let during = names(&home);
    home.run(&["request", "/customer", "field==id", "-o", "report"]).ok();
    assert_eq!(names(&home), during, "the part of the first run stays");
    first.kill().unwrap();
    first.wait().unwrap();
    let report = fs::read_to_string(home.path().join("report")).unwrap();
    assert!(report.contains("\"field\":\"id\"") && report.ends_with('}'), "{report}");
}

#[test]
fn new_file_has_the_mode_of_the_umask() {
    let home = Home::new();
    let call = "waldo request '/customer?field=id' -o answer.json";
    for (before, mode) in [("umask 027", 0o640), ("chmod 604 answer.json", 0o604)] {
        shell(&home, &format!("{before}; {call}")).ok();
        let metadata = fs::metadata(home.path().join("answer.json")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, mode, "{before}");
    }
}

/// The answer would be lost, and the API would have done what the call asks for.
#[test]
fn file_that_cannot_be_written_sends_nothing() {
    let home = Home::new();
    home.write("old.json", "old");
    for file in ["no/such/folder/a.json", "old.json/a.json", "."] {
        let call = ["request", "POST", "/onboard", "firstName=Ada", "-o", file];
        home.run(&call).fails(1, &[&format!("{file} cannot be written")]);
    }
    assert_eq!(home.emulator.stats().server.total(), 0);
    // A call that fails removes its part.
    home.emulator.push_fault(Fault::call(Answer::Cut).forever());
    home.run(&["request", "/customer", "field==id", "-o", "old.json"]).fails(14, &[]);
    let refused = run(&mut home.keyless(&["request", "/customer", "-o", "old.json"]));
    refused.fails(10, &["there is no key pair"]);
    assert_eq!(names(&home), ["old.json"]);
    assert_eq!(fs::read_to_string(home.path().join("old.json")).unwrap(), "old");
}

#[test]
fn other_origins_and_wrong_words_are_refused() {
    let home = Home::new();
    for (arguments, text) in [
        (&["request", "https://evil.example/x"][..], "only origin that may see the token"),
        (&["request", "https://evil.example/x", "--dry-run"], "only this origin may see"),
        (&["request", "customer"], "the path does not begin with /"),
        (&["request", "/x", "nothing"], "a part has no =, := or @"),
        (&["request", "/x", "@missing"], "missing cannot be read"),
        (&["request", "/x", "@/"], "it is a directory"),
        (&["request", "/x", "-H", "Authorization: x"], "the client sets authorization itself"),
        (&["request", "/x", "-H", "none"], "it has no colon"),
        (
            &["request", "/x", "a=b", "--form", "-H", "Content-Type: multipart/form-data"],
            "the client sets content-type itself, with the boundary of the form",
        ),
        (&["request", "/x", "-", "--retry-after"], "cannot send this body again"),
        (&["request", "/x", "--timeout", "soon"], "write it like 30s"),
    ] {
        home.run(arguments).fails(2, &["error: ", text]);
    }
    assert_eq!(home.emulator.stats().server.total(), 0);
}

#[test]
fn retry_after_waits_once() {
    let home = Home::new();
    home.emulator.push_fault(Fault::call(busy(0)));
    let run = home.run(&["request", "/history/kyc/c-1", "--retry-after"]);
    assert!(run.stderr.contains("The API asks to wait."), "{run:?}");
    run.ok();
    home.emulator.push_fault(Fault::call(busy(0)).times(2));
    home.run(&["request", "/history/kyc/c-1", "--retry-after"]).fails(5, &["503"]);
    home.emulator.push_fault(Fault::call(busy(3600)));
    let run = home.run(&["request", "/history/kyc/c-1", "--retry-after", "--timeout", "30s"]);
    run.fails(5, &["is too long", "try again in 1h, at "]);
    // Without a time limit, the longest wait is 15 minutes.
    home.emulator.push_fault(Fault::call(busy(300_000_000_000)));
    let path = ["request", "/history/kyc/c-1", "--retry-after", "--timeout", "0s"];
    home.run(&path).fails(5, &["is too long"]);
}

#[test]
fn failures_of_the_network_have_codes() {
    let home = Home::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let origin = format!("http://{closed}");
    let run = home.run(&["request", "/history/kyc/c-1", "--origin", &origin, "--timeout", "2s"]);
    run.fails(14, &["the server refused the connection", "waldo status"]);
    home.run(&["request", "/history/kyc/c-1"]).ok();
    home.emulator.set_latency(Target::Calls, Duration::from_secs(600));
    let run = home.run(&["request", "/history/kyc/c-1", "--timeout", "300ms"]);
    run.fails(
        13,
        &["the call's timeout has passed", "next: give it more time: a longer --timeout"],
    );
}

#[test]
fn rejected_key_pair_has_its_code() {
    let home = Home::new();
    let mut command = home.waldo(&["request", "/history/kyc/c-1"]);
    run(command.env("WALDO_CLIENT_SECRET", "ws.wrong")).fails(
        11,
        &["INVALID_API_KEY", "waldo status shows where the key pair comes from", "try again in "],
    );
}

#[test]
fn unavailable_login_says_when_to_try_again() {
    let home = Home::new();
    home.emulator.push_fault(Fault::login(busy(120)).forever());
    let run = home.run(&["token", "--timeout", "10s"]);
    let run = run.fails(12, &["the server answered 503", "try again in "]);
    assert!(run.stderr.contains("Z\n"), "a date in UTC: {run:?}");
    let run = home.run(&["token", "--timeout", "10s", "--json"]).fails(12, &[]);
    let json: serde_json::Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!((&json["schema"], &json["error"]["code"]), (&json!(1), &json!(12)));
    assert!(json["error"]["retry_in"].as_f64().unwrap() > 1.0, "{json}");
}

/// The time limit is also that of the wait for a login.
#[test]
fn longer_time_limit_waits_longer_for_a_login() {
    let home = Home::new();
    home.emulator.push_fault(Fault::login(busy(90)).forever());
    for limit in ["5m", "0s"] {
        let token = ["token", "-v", "--store", "none", "--timeout", limit];
        let mut child = home.waldo(&token).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(stderr.any(|line| line.unwrap().contains("503")), "{limit}");
        // A run that does not wait ends at once, and so closes its stderr.
        let (sender, ended) = mpsc::channel();
        let reader = thread::spawn(move || {
            drop(sender.send(stderr.map(Result::unwrap).collect::<Vec<_>>()));
        });
        let ended = ended.recv_timeout(Duration::from_millis(500));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        assert_eq!(ended, Err(mpsc::RecvTimeoutError::Timeout), "{limit}");
    }
}

/// A proxy that is not used without a word would show the user's address to the server.
#[test]
fn socks_proxy_of_the_environment_is_used() {
    let home = Home::new();
    for (protocol, greeting) in [("socks4a", 4), ("socks5", 5), ("socks5h", 5)] {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("https://{}", server.local_addr().unwrap());
        let url = format!("{protocol}://{}", proxy.local_addr().unwrap());
        let (sender, greetings) = mpsc::channel();
        thread::spawn(move || {
            for stream in proxy.incoming() {
                let mut first = [0];
                stream.unwrap().read_exact(&mut first).unwrap();
                // The test has ended if nobody receives.
                let _ = sender.send(first[0]);
            }
        });
        let mut token = home.waldo(&["token", "--origin", &origin, "--timeout", "1s"]);
        run(token.env("ALL_PROXY", &url)).fails(14, &[]);
        assert_eq!(greetings.try_recv(), Ok(greeting), "{protocol}");
        server.set_nonblocking(true).unwrap();
        assert_eq!(server.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "{protocol}");
    }
}

/// Files of `/proc` have no length, and yet a content.
#[cfg(target_os = "linux")]
#[test]
fn file_without_a_length_is_read() {
    let home = Home::new();
    let answer = home.run(&["request", "/nowhere", "@/proc/version"]).json();
    assert!(answer["bytes"].as_u64() > Some(10), "{answer}");
    home.write("empty", "");
    let answer = home.run(&["request", "/nowhere", "@empty"]).json();
    assert_eq!(answer["bytes"], 0);
}

#[test]
fn status_of_no_class_is_no_success() {
    let home = Home::new();
    let stub = |status: u16| json!({ "path": "/odd", "status": status, "text": "" }).to_string();
    for status in [600, 999] {
        home.emulator.push_stub(serde_json::from_str::<Stub>(&stub(status)).unwrap());
        home.run(&["request", "/odd"]).fails(1, &[&format!("the API answered {status}")]);
    }
}

#[test]
fn headers_that_hold_a_secret_are_hidden() {
    let home = Home::new();
    for header in ["X-Password: hunter2", "X-Auth-Key: hunter2", "X-Note: a eyJhbGciOi.hunter2"] {
        let shown = home.run(&["request", "/x", "--dry-run", "-H", header]).ok();
        assert!(!shown.contains("hunter2") && shown.contains("[hidden]"), "{shown}");
    }
}

/// A file keeps the secret of a header out of the command line.
#[test]
fn headers_come_from_a_file() {
    let home = Home::new();
    let lines = "X-Trace: 7\r\n\nX-Mark: hunter2\n";
    home.write("headers", lines);
    let request = ["request", "/x", "--dry-run", "-H"];
    let of_file = home.run(&[&request[..], &["@headers"]].concat()).ok();
    assert!(of_file.contains("\nx-trace: [hidden]\nx-mark: [hidden]\n"), "{of_file}");
    let of_stdin = run_with(&mut home.waldo(&[&request[..], &["@-"]].concat()), lines).ok();
    assert_eq!(of_stdin, of_file);
    // The emulator refuses a web page.
    home.write("page", "Origin: https://evil.example\n");
    home.run(&["request", "/_emulator/stats", "-H", "@headers"]).ok();
    home.run(&["request", "/_emulator/stats", "-H", "@page"]).fails(4, &["403"]);
    home.write("wrong", "Authorization: hunter2\n");
    for (arguments, text) in [
        (&["-H", "@missing"][..], "missing cannot be read"),
        (&["-H", "@wrong"], "the client sets authorization itself"),
        (&["-H", "@-", "-"], "stdin is the body already"),
    ] {
        let run = home.run(&[&["request", "/x"], arguments].concat());
        assert!(!run.stderr.contains("hunter2"), "{run:?}");
        run.fails(2, &[text]);
    }
}
