//! What the program of each embedding does: the same few scenes, in which an emulator counts what
//! the embedding makes of them.

#![expect(clippy::print_stdout, reason = "it is the programs' voice")]

use std::error::Error;
use std::fmt::Display;
use std::thread;

use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use waldo_auth_client::{Config, Credentials};
use waldo_emulator::Emulator;
use waldo_emulator::model::{Answer, Fault, Server};

/// Anything that ends a program.
pub type Failure = Box<dyn Error + Send + Sync>;

/// How many threads call at once.
const CROWD: u64 = 16;

/// What a session needs to log in at an emulator that was started with [`Server::default`].
///
/// # Errors
/// When the emulator's origin is none, which it always is.
pub fn config(emulator: &Emulator) -> Result<Config, Failure> {
    let credentials = Credentials::new(Server::KEY_ID, Server::KEY_SECRET)?;
    Ok(waldo_auth_client::config(credentials).origin(emulator.origin()).build()?)
}

/// Plays every scene with an embedding that has sent nothing yet, and tells each.
///
/// `send` makes one call, which may be sent again, and blocks until it has its answer; it is called
/// from several threads at once. An embedding with futures blocks on one there.
///
/// # Errors
/// At the first scene in which a call is answered otherwise, or the emulator has counted otherwise,
/// than it should be.
///
/// ```
/// use waldo_emulator::Emulator;
/// use waldo_emulator::model::Server;
/// use waldo_examples::check::{self, Failure};
///
/// let emulator = Emulator::start(Server::default())?;
/// let failure = check::check(&emulator, |_| Err::<http::Response<()>, Failure>("not connected".into())).unwrap_err();
/// assert_eq!(failure.to_string(), "16 threads at once, without a token: not connected");
/// # Ok::<(), Failure>(())
/// ```
pub fn check<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E> + Sync,
) -> Result<(), Failure> {
    crowds(emulator, &send)?;
    sent_again(emulator, &send)?;
    delivered(emulator, &send)
}

/// Plays the scenes in which many call at once.
///
/// # Errors
/// As [`check`]; so it is with the other scenes.
pub fn crowds<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E> + Sync,
) -> Result<(), Failure> {
    let crowd = || {
        thread::scope(|scope| {
            let threads: Vec<_> =
                (0..CROWD).map(|_| scope.spawn(|| customer(emulator, &send))).collect();
            threads.into_iter().try_for_each(|thread| {
                let status = thread.join().map_err(|_| "a thread panicked")??;
                expect("an answer", status, StatusCode::OK)
            })
        })
    };

    scene(emulator, "16 threads at once, without a token", 1, &[(200, CROWD + 1)], crowd)?;

    scene(emulator, "16 threads again: the token is held", 0, &[(200, CROWD)], crowd)?;

    emulator.expire_all();
    // How many of them meet the 401 is for their schedule to say.
    scene(emulator, "every token has expired; 16 threads", 1, &[(200, CROWD + 1)], crowd)
}

/// Plays the scene of a body that can be sent again.
///
/// # Errors
/// As [`check`].
pub fn sent_again<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E>,
) -> Result<(), Failure> {
    emulator.expire_all();
    let title = "expired again; a POST is refused, and sent again with its whole body";
    scene(emulator, title, 1, &[(401, 1), (200, 2)], || {
        expect("the answer", flag(emulator, send)?, StatusCode::OK)
    })
}

/// Plays the scene of a body that can be sent once only, as all that `send` sends are.
///
/// # Errors
/// As [`check`].
pub fn sent_once<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E>,
) -> Result<(), Failure> {
    emulator.expire_all();
    let title = "expired again; a POST that can be sent once has its 401, and the next logs in";
    scene(emulator, title, 1, &[(401, 1), (200, 2)], || {
        expect("the first answer", flag(emulator, &send)?, StatusCode::UNAUTHORIZED)?;
        expect("the second answer", flag(emulator, &send)?, StatusCode::OK)
    })
}

/// Plays the scenes of answers that are for the caller to judge.
///
/// # Errors
/// As [`check`].
pub fn delivered<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E>,
) -> Result<(), Failure> {
    let elsewhere = Emulator::start(Server::default())?;
    let location = format!("{}/customer", elsewhere.origin());
    emulator.push_fault(Fault::call(Answer::Redirect { status: 307, location }));
    scene(
        emulator,
        "a redirect to elsewhere is delivered, and not followed",
        0,
        &[(307, 1)],
        || {
            expect("the answer", customer(emulator, &send)?, StatusCode::TEMPORARY_REDIRECT)?;
            expect("requests elsewhere", elsewhere.stats().server.total(), 0)
        },
    )?;

    emulator.push_fault(Fault::call(Answer::status(503)));
    scene(emulator, "a 503 is delivered, and not retried", 0, &[(503, 1)], || {
        expect("the answer", customer(emulator, &send)?, StatusCode::SERVICE_UNAVAILABLE)
    })
}

fn customer<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E>,
) -> Result<StatusCode, Failure> {
    let request =
        Request::get(format!("{}/customer?field=id", emulator.origin())).body(Vec::new())?;
    Ok(send(request).map_err(Into::into)?.status())
}

/// The server answers 400 to anything but a JSON object with this member.
fn flag<B, E: Into<Failure>>(
    emulator: &Emulator,
    send: impl Fn(Request<Vec<u8>>) -> Result<Response<B>, E>,
) -> Result<StatusCode, Failure> {
    let request = Request::post(format!("{}/flag", emulator.origin()))
        .header(CONTENT_TYPE, "application/json")
        .body(br#"{"customerId": "7"}"#.to_vec())?;
    Ok(send(request).map_err(Into::into)?.status())
}

/// Plays one scene, tells it, and compares what the emulator has counted in it: logins, and answers
/// (the logins' too) by status.
///
/// # Errors
/// When it fails, or the counts are others.
pub fn scene(
    emulator: &Emulator,
    title: &str,
    logins: u64,
    answers: &[(u16, u64)],
    play: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |failure: Failure| Failure::from(format!("{title}: {failure}"));
    emulator.reset_stats();
    play().map_err(failed)?;
    compare(emulator, logins, answers).map_err(failed)?;
    let word = if logins == 1 { "login" } else { "logins" };
    println!("{title}: {logins} {word}");
    Ok(())
}

fn compare(emulator: &Emulator, logins: u64, answers: &[(u16, u64)]) -> Result<(), Failure> {
    let seen = emulator.stats();
    expect("logins", seen.server.logins(), logins)?;
    expect("logins at once", seen.most_logins_at_once as u64, logins)?;
    for (status, count) in answers {
        let seen = seen.server.requests.get(status).copied().unwrap_or_default();
        expect(&format!("answers with {status}"), seen, *count)?;
    }
    Ok(())
}

/// Says what is otherwise than it should be.
///
/// # Errors
/// When it is.
pub fn expect<T: Copy + PartialEq + Display>(
    what: &str,
    seen: T,
    expected: T,
) -> Result<(), Failure> {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected}; seen {seen}").into())
    }
}
