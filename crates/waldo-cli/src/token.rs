//! `waldo token`: prints a valid token for another program.

use std::io::{self, IsTerminal, Read};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use waldo_auth_core::Now;
use waldo_ureq::http::Uri;
use zeroize::Zeroizing;

use crate::arguments::{TokenFormat, TokenOptions};
use crate::client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;
use crate::terminal;

/// The largest question of a program that asks a credential helper, in bytes.
const MAX_QUESTION: u64 = 64 * 1024;

pub(crate) fn run(
    settings: &Settings,
    options: &TokenOptions,
    as_json: bool,
) -> Result<Exit, Failure> {
    let format = if as_json { TokenFormat::Json } else { options.format };
    if io::stdout().is_terminal() && !options.show {
        return Err(Failure::usage("a terminal would show the token")
            .next("curl -H @<(waldo token --format header) URL, or waldo token --show"));
    }
    if format == TokenFormat::CredentialHelper {
        check_question(settings)?;
    }
    let client = client::connect(settings)?;
    let header = client.token();
    client::warn_of_store(settings, &client);
    let header = header?;
    // The token is visible ASCII, because it is a JWT.
    let header = Zeroizing::new(String::from_utf8_lossy(header.as_bytes()).into_owned());
    let token = header.strip_prefix("Bearer ").unwrap_or(&header);
    let now = SystemTime::now();
    let left = client.snapshot().map(|held| held.left(Now::new(Duration::ZERO, now)));
    // Whole seconds, rounded down: the token lasts at least as long.
    let left = left.map_or(0, |left| left.as_secs());
    let expires_at = terminal::date(now.checked_add(Duration::from_secs(left)).unwrap_or(now));
    let text = Zeroizing::new(match format {
        TokenFormat::Raw => format!("{token}\n"),
        TokenFormat::Header => format!("Authorization: {}\n", header.as_str()),
        TokenFormat::Json => line(&json!({
            "schema": 1,
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": left,
            "expires_at": expires_at,
        })),
        TokenFormat::ExecCredential => line(&json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": { "token": token, "expirationTimestamp": expires_at },
        })),
        TokenFormat::CredentialHelper => line(&json!({
            "headers": { "Authorization": [header.as_str()] },
            "expires": expires_at,
        })),
    });
    terminal::print(&text)?;
    Ok(Exit::Success)
}

fn line(json: &Value) -> String {
    format!("{json}\n")
}

/// A credential helper is asked for a URI. The token is for the origin only.
fn check_question(settings: &Settings) -> Result<(), Failure> {
    let mut question = String::new();
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(());
    }
    let read = stdin.lock().take(MAX_QUESTION).read_to_string(&mut question);
    read.map_err(|error| Failure::usage("stdin cannot be read").because(error))?;
    if question.trim().is_empty() {
        return Ok(());
    }
    let wrong = || {
        Failure::usage("stdin asks for no URI")
            .next(r#"write it like {"uri": "https://api.waldo.ai/customer"}"#)
    };
    let question: Value = serde_json::from_str(&question).map_err(|_| wrong())?;
    let uri = question.get("uri").and_then(Value::as_str).ok_or_else(wrong)?;
    let uri: Uri = uri.parse().map_err(|_| wrong())?;
    let origin = &settings.origin.value;
    if origin.contains(&uri) {
        return Ok(());
    }
    Err(Failure::usage(format!("the token is for {origin} only"))
        .because("stdin asks for another origin"))
}
