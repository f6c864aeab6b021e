//! Pipes, closed streams, and bodies of any size.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use waldo_emulator::model::{Answer, Fault};

use crate::home::{Home, Run, WALDO, run};

const MIB: usize = 1 << 20;

/// Runs a line of the shell, in which `waldo` is the program.
pub(crate) fn shell(home: &Home, line: &str) -> Run {
    let path = Path::new(WALDO).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", path.display());
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", line]).env_clear().envs(home.variables());
    bash.env("PATH", path).current_dir(home.path()).stdin(Stdio::null());
    run(&mut bash)
}

#[test]
fn broken_pipe_is_no_failure() {
    let home = Home::new();
    home.emulator.push_fault(Fault::call(Answer::Padded { bytes: 4 * MIB }));
    let run =
        shell(&home, "waldo request /history/kyc/c-1 | head -c 10; echo \" ${PIPESTATUS[0]}\"");
    assert!(run.stdout.ends_with(" 0\n") && run.stderr.is_empty(), "{run:?}");
    let run = shell(
        &home,
        "set +o pipefail; waldo --help | true; waldo status | true; waldo token | true",
    );
    assert!(!run.stderr.contains("panic"), "{run:?}");
}

#[test]
fn full_disk_is_a_failure() {
    let home = Home::new();
    for command in ["token", "request /history/kyc/c-1", "status", "completions bash"] {
        let run = shell(&home, &format!("waldo {command} > /dev/full"));
        run.fails(1, &["the output cannot be written", "No space left"]);
    }
}

#[test]
fn closed_streams_do_no_harm() {
    let home = Home::new();
    shell(&home, "waldo request /history/kyc/c-1 <&-").ok();
    shell(&home, "waldo request /nowhere - <&-").ok();
    shell(&home, "waldo request /history/kyc/c-1 >&-").ok();
    shell(&home, "waldo request /history/kyc/c-1 2>&-").ok();
    shell(&home, "waldo request /history/kyc/c-1 <&- >&- 2>&-").ok();
    // A file that the program opens must not take the place of a closed stream.
    let run = shell(&home, "waldo login --secret-stdin --storage file <&- >&- 2>&- || echo $?");
    assert_eq!(run.ok(), "10\n");
    shell(&home, "waldo inspect <&- || echo $?").fails(0, &["stdin holds no token"]);
}

/// The most memory that a running program has used, in KiB.
#[cfg(target_os = "linux")]
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1).unwrap().parse().unwrap())
}

/// A server that reads a body of any size, and answers when the test says so.
struct Sink {
    origin: String,
    received: mpsc::Receiver<usize>,
    answer: mpsc::Sender<()>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (sender, received) = mpsc::channel();
        let (answer, may_answer) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                while let Some((path, size)) = Self::read(&mut reader) {
                    let token = r#"{"token":"eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}"#;
                    if path != "/authenticate" {
                        // The test has ended if nobody receives.
                        if sender.send(size).is_err() || may_answer.recv().is_err() {
                            return;
                        }
                    }
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
                    let length = token.len();
                    write!(reader.get_mut(), "{head}Content-Length: {length}\r\n\r\n{token}")
                        .unwrap();
                }
            }
        });
        Self { origin, received, answer }
    }

    /// Reads one request: its path, and the size of its body.
    fn read(reader: &mut BufReader<TcpStream>) -> Option<(String, usize)> {
        let mut line = String::new();
        let mut next = |reader: &mut BufReader<TcpStream>| {
            line.clear();
            reader.read_line(&mut line).ok()?;
            (!line.is_empty()).then(|| line.trim_end().to_ascii_lowercase())
        };
        let path = next(reader)?.split(' ').nth(1)?.to_owned();
        let (mut length, mut expects) = (None, false);
        loop {
            let line = next(reader)?;
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = Some(text.parse().unwrap());
            }
            expects |= line.starts_with("expect:");
        }
        if expects {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        let skip = |reader: &mut BufReader<TcpStream>, size: usize| {
            io::copy(&mut reader.take(size as u64), &mut io::sink()).unwrap();
        };
        if let Some(length) = length {
            skip(reader, length);
            return Some((path, length));
        }
        let mut whole = 0;
        loop {
            let size = usize::from_str_radix(&next(reader)?, 16).unwrap();
            skip(reader, size + 2);
            whole += size;
            if size == 0 {
                return Some((path, whole));
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn large_uploads_need_little_memory() {
    let (home, sink) = (Home::new(), Sink::start());
    let size = 256 * MIB;
    let file = home.write("large.pdf", "");
    // The file has no blocks, so that it needs no room on the disk.
    File::options().write(true).open(&file).unwrap().set_len(size as u64).unwrap();
    for part in ["@large.pdf", "document@large.pdf", "-"] {
        let mut command = home.waldo(&["request", "/document", part, "--origin", &sink.origin]);
        if part == "-" {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        let writer = child.stdin.take().map(|mut stdin| {
            thread::spawn(move || {
                let block = vec![b'x'; MIB];
                (0..size / MIB).try_for_each(|_| stdin.write_all(&block)).unwrap();
            })
        });
        let received = sink.received.recv().unwrap();
        let peak = peak(&child).unwrap();
        sink.answer.send(()).unwrap();
        let run = Run::of(child.wait_with_output().unwrap());
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!((size..size + 1000).contains(&received), "{part}: {received}");
        assert!(peak < 48 * 1024, "{part} needs {peak} KiB");
        if let Some(writer) = writer {
            writer.join().unwrap();
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn large_answer_needs_little_memory() {
    let home = Home::new();
    home.run(&["token"]).ok();
    home.emulator.push_fault(Fault::call(Answer::Padded { bytes: 64 * MIB }));
    let mut child = home.waldo(&["request", "/history/kyc/c-1"]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut buffer, mut received, mut highest) = (vec![0; MIB], 0, 0);
    loop {
        let count = stdout.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        received += count;
        highest = peak(&child).unwrap_or(0).max(highest);
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(received >= 64 * MIB, "{received}");
    assert!(highest > 0 && highest < 48 * 1024, "{highest} KiB");
}

#[test]
fn answer_that_breaks_off_is_a_failure() {
    let home = Home::new();
    home.run(&["token"]).ok();
    home.emulator.push_fault(Fault::call(Answer::CutShort));
    home.run(&["request", "/customer", "field==id"]).fails(14, &["error: "]);
    home.emulator.push_fault(Fault::call(Answer::CutShort));
    let run = home.run(&["request", "/customer", "field==id", "-o", "answer.json"]);
    run.fails(14, &["answer.json is as it was before"]);
}

#[test]
fn process_substitution_is_a_body() {
    let home = Home::new();
    let run = shell(&home, "waldo request /nowhere @<(printf '{}')");
    assert!(run.stdout.contains("\"bytes\":2"), "{run:?}");
    let form = shell(&home, "waldo request /document type=a document@<(printf 1234)");
    assert!(form.ok().contains("customerId"));
}

/// A reader that has read enough must not hide that the API refused the call.
#[test]
fn broken_pipe_keeps_the_code_of_the_answer() {
    let home = Home::new();
    let text = "x".repeat(MIB);
    let stub = serde_json::json!({ "path": "/large", "status": 404, "text": text });
    home.emulator.push_stub(serde_json::from_value(stub).unwrap());
    // The code of the pipe is that of its first program that fails.
    let run = shell(&home, "waldo request /large | head -c 10").fails(4, &["404 Not Found"]);
    assert_eq!(run.stdout, "xxxxxxxxxx");
}
