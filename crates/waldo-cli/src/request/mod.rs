//! `waldo request`: one call of the API.

mod answer;
mod download;
mod dry_run;
mod headers;
mod parts;
mod pretty;
mod text;
mod upload;

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use waldo_ureq::http::{Method, Response};
use waldo_ureq::ureq::Body;
use waldo_ureq::{ApiError, Client, RequestBuilder};

use self::answer::Answer;
use self::download::Download;
use self::headers::Headers;
use self::parts::Parts;
use self::upload::Upload;
use crate::arguments::RequestOptions;
use crate::client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Place, Settings};
use crate::terminal;

pub(crate) fn run(
    settings: &Settings,
    options: &RequestOptions,
    as_json: bool,
) -> Result<Exit, Failure> {
    let parts = Parts::read(options)?;
    let headers = Headers::read(&options.headers, &parts.body)?;
    let mut upload = Upload::of(&parts.body)?;
    if options.dry_run {
        return dry_run::run(settings, &parts, &headers, &upload, as_json);
    }
    if options.retry_after && !upload.is_replayable() {
        return Err(Failure::usage("--retry-after cannot send this body again")
            .because("stdin and pipes can be read only once")
            .next("write the body to a file, and name it: @FILE"));
    }
    let client = client::connect(settings)?;
    // Before the call: the API would do what the call asks for, and the answer would be lost.
    let download = options.output_file().map(Download::begin).transpose()?;
    let call = Call { settings, options, parts: &parts, headers: &headers };
    let began = Instant::now();
    let limit = settings.timeout.value.filter(|_| call.has_limit());
    let mut sent = call.send(&client, &mut upload, limit);
    if options.retry_after
        && let Some(wait) = asked_to_wait(&sent)
    {
        // The time limit is that of both sendings and of the wait between them.
        let left = limit.map(|limit| limit.saturating_sub(began.elapsed()));
        let span = terminal::rounded_up(wait);
        if wait > left.unwrap_or(LONGEST_WAIT) {
            terminal::warn(&format!("the call is not sent again, because {span} is too long"));
        } else {
            let why = match sent {
                Ok(_) => "The API asks to wait",
                Err(_) => "No login may begin yet",
            };
            let at = terminal::date_in(wait);
            terminal::note(&format!("{why}. The call goes on in {span}, at {at}."));
            thread::sleep(wait);
            sent = call.send(&client, &mut upload, left.map(|left| left.saturating_sub(wait)));
        }
    }
    client::warn_of_store(settings, &client);
    let response = sent?;
    let answered = began.elapsed();
    let answer = Answer { response, options, as_json, download };
    let result = answer.deliver();
    if options.time {
        show_time(&client, answered, began.elapsed());
    }
    result
}

/// The longest wait of a call without a time limit.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// What each sending of a call needs.
struct Call<'a> {
    settings: &'a Settings,
    options: &'a RequestOptions,
    parts: &'a Parts,
    headers: &'a Headers,
}

impl Call<'_> {
    fn send(
        &self,
        client: &Client,
        upload: &mut Upload,
        limit: Option<Duration>,
    ) -> Result<Response<Body>, Failure> {
        let mut request = self.begin(client).timeout(limit);
        for (name, text) in &self.parts.query {
            request = request.query(name, text);
        }
        for (name, value) in self.headers.with_type_of(upload) {
            request = request.header(name, value);
        }
        Ok(upload.send(request)?)
    }

    fn begin<'a>(&self, client: &'a Client) -> RequestBuilder<'a> {
        let path = &self.parts.path;
        match self.parts.method {
            Method::POST => client.post(path),
            Method::PUT => client.put(path),
            Method::PATCH => client.patch(path),
            Method::DELETE => client.delete(path),
            Method::HEAD => client.head(path),
            _ => client.get(path),
        }
    }

    /// Nobody knows how long a file takes. So only a limit of the user counts then.
    fn has_limit(&self) -> bool {
        let has_file = self.parts.body.has_file() || self.options.output_file().is_some();
        self.settings.timeout.place != Place::Default || !has_file
    }
}

/// How long to wait, if the call was not sent for now, or the API answered 429 or 503.
fn asked_to_wait(sent: &Result<Response<Body>, Failure>) -> Option<Duration> {
    match sent {
        Ok(response) if matches!(response.status().as_u16(), 429 | 503) => retry_after(response),
        Ok(_) => None,
        Err(failure) => failure.wait().filter(|_| failure.exit != Exit::Rejected),
    }
}

/// How long the API asks to wait.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let head = waldo_auth_core::Head::new(response.status(), response.headers());
    ApiError::new(head, response.extensions(), SystemTime::now()).retry_after()
}

fn show_time(client: &Client, answered: Duration, whole: Duration) {
    let counters = client.counters();
    terminal::note(&format!(
        "time: {:.3} s until the answer, {:.3} s in all, logins: {}",
        answered.as_secs_f64(),
        whole.as_secs_f64(),
        counters.logins_granted,
    ));
}
