//! Servers that are none of Redis.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use waldo_store::{Store, StoreProblem};

use crate::stores::{PATIENT, both, both_within, key, read, replace, told};

/// A server that hands each connection to a function, with its number. It ends with the last of
/// this many connections. A test whose limit may end before its store connects does not join it.
fn serve(
    connections: usize,
    serve: impl Fn(usize, TcpStream) + Send + 'static,
) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        for number in 0..connections {
            serve(number, listener.accept().unwrap().0);
        }
    });
    (url, thread)
}

/// Reads one question, of any length up to a buffer's.
fn question(socket: &mut TcpStream) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let count = socket.read(&mut buffer).unwrap_or(0);
    buffer.truncate(count);
    buffer
}

fn problem_of(answer: &'static [u8], login: &str) -> StoreProblem {
    let [blocking, tasks] = {
        let (url, thread) = serve(2, move |_, mut socket| {
            question(&mut socket);
            socket.write_all(answer).unwrap();
            // Until the store has gone, so that it sees the answer and no broken connection.
            while !question(&mut socket).is_empty() {}
        });
        let problems =
            both(&url.replace("//", &format!("//{login}"))).map(|store| read(&*store).unwrap_err());
        thread.join().unwrap();
        problems
    };
    assert_eq!(blocking, tasks);
    blocking
}

#[test]
fn nonsense_is_an_error() {
    for answer in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"\x15\x03\x03\x00\x02\x02\x46",
        b"\xff\xff\xff\xff",
        b"+OK\r\n+OK\r\n",
        b":1\r\n:1\r\n",
        b"$-1\r\n$-1\r\n",
        b"*2\r\n$1\r\n1\r\n$1\r\n1\r\n*0\r\n",
        b"*2\r\n$1\r\nx\r\n$1\r\n1\r\n$0\r\n\r\n",
        b"*2\r\n$2\r\n-1\r\n$1\r\n1\r\n$0\r\n\r\n",
        b"*2\r\n$20\r\n18446744073709551615\r\n$20\r\n18446744073709551615\r\n$0\r\n\r\n",
        b"*1\r\n$1\r\n1\r\n$0\r\n\r\n",
        b"*2\r\n$1\r\n1\r\n$1\r\n1\r\n$0\r\n\r\n+too many\r\n",
        b"-CANARY canary\r\n-CANARY canary\r\n",
        b"-\r\n-\r\n",
    ] {
        assert_eq!(problem_of(answer, ""), StoreProblem::Other, "{answer:?}");
    }
    for answer in [&b"+PONG\r\n"[..], b":1\r\n", b"$-1\r\n", b"+OK\r\n+OK\r\n"] {
        assert_eq!(problem_of(answer, ":canary@"), StoreProblem::Other, "to the login: {answer:?}");
    }
}

#[test]
fn giant_answer_is_given_up() {
    for head in ["$999999999999\r\n", "*999999999999\r\n", "*2\r\n$1\r\n1\r\n$1\r\n1\r\n+"] {
        let (url, thread) = serve(2, move |_, mut socket| {
            question(&mut socket);
            socket.write_all(head.as_bytes()).unwrap();
            // More than any program would keep in memory, until the store hangs up.
            let zeros = vec![b'0'; 1 << 20];
            assert!((0..100_000).any(|_| socket.write_all(&zeros).is_err()));
        });
        for store in both(&url) {
            assert_eq!(read(&*store), Err(StoreProblem::Other), "{head:?}");
        }
        thread.join().unwrap();
    }
}

#[test]
fn server_that_closes_at_once_is_unreachable() {
    let (url, thread) = serve(2, |_, socket| drop(socket));
    for store in both(&url) {
        assert_eq!(read(&*store), Err(StoreProblem::Unreachable));
    }
    thread.join().unwrap();
}

#[test]
fn server_that_never_answers_times_out() {
    let (url, _) = serve(4, |_, mut socket| {
        // Keeps the connection until the store closes it.
        thread::spawn(move || while !question(&mut socket).is_empty() {});
    });
    for store in both_within(Duration::from_millis(100), &url) {
        assert_eq!(read(&*store), Err(StoreProblem::TimedOut));
        let error = store.read(&key()).unwrap_err();
        assert!(told(&error).contains("did not answer within 100ms"), "{error}");
    }
}

/// The limit is that of the whole operation. A limit for each read would never be reached.
#[test]
fn server_that_answers_byte_by_byte_times_out() {
    let (url, _) = serve(2, |_, mut socket| {
        question(&mut socket);
        thread::spawn(move || {
            // Within the limit of a single read, and far longer than the limit of an operation.
            for byte in b"$30000\r\n".iter().chain([b'0'; 10_000].iter()) {
                if socket.write_all(&[*byte]).is_err() {
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        });
    });
    for store in both_within(Duration::from_millis(100), &url) {
        assert_eq!(read(&*store), Err(StoreProblem::TimedOut));
    }
}

#[test]
fn impostor_that_sends_the_password_back_gets_it_into_no_error() {
    let (url, thread) = serve(2, |_, mut socket| {
        let asked = question(&mut socket);
        let words = String::from_utf8(asked).unwrap();
        let password = words.split("\r\n").find(|word| word.contains("canary")).unwrap();
        socket.write_all(format!("-{password} {words:?}\r\n").as_bytes()).unwrap();
    });
    for store in both(&url.replace("//", "//canary:canary-password@")) {
        assert_eq!(read(&*store), Err(StoreProblem::Other));
        let shown = format!("{store:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }
    thread.join().unwrap();
}

#[test]
fn errors_of_clusters_and_of_loading_are_told() {
    for (answer, problem) in [
        (&b"-MOVED 1 127.0.0.1:1\r\n-MOVED 1 127.0.0.1:1\r\n"[..], StoreProblem::Other),
        (b"-LOADING Redis is loading\r\n-LOADING Redis is loading\r\n", StoreProblem::Unreachable),
        (b"-MISCONF Errors writing\r\n-MISCONF Errors writing\r\n", StoreProblem::Full),
        // Redis 6, inside a script.
        (b"-ERR Error running script: -OOM command\r\n-ERR -OOM command\r\n", StoreProblem::Full),
    ] {
        assert_eq!(problem_of(answer, ""), problem, "{answer:?}");
    }
}

/// The first connection answers one question and closes after the next one.
#[test]
fn lost_answer_to_a_replacement_is_no_denial() {
    for (second, expected) in [("0", Err(StoreProblem::Unreachable)), ("1", Ok(true))] {
        let (url, thread) = serve(4, move |number, mut socket| {
            question(&mut socket);
            if number % 2 == 0 {
                socket.write_all(b":0\r\n").unwrap();
                question(&mut socket);
            } else {
                socket.write_all(format!(":{second}\r\n").as_bytes()).unwrap();
            }
        });
        for store in both_within(PATIENT, &url) {
            assert_eq!(replace(&*store, None, b"one"), Ok(false));
            assert_eq!(replace(&*store, None, b"one"), expected);
            drop::<Box<dyn Store>>(store);
        }
        thread.join().unwrap();
    }
}
