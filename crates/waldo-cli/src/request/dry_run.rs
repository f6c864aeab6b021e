//! `--dry-run`: what would be sent.

use std::fmt::Write as _;

use serde_json::json;
use waldo_auth_client::Target;
use waldo_ureq::http::Uri;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::request::headers::{Headers, by_name, shown};
use crate::request::parts::Parts;
use crate::request::upload::Upload;
use crate::settings::Settings;
use crate::terminal;

/// Shows the request without its secrets. It needs no key pair, and sends nothing.
pub(crate) fn run(
    settings: &Settings,
    parts: &Parts,
    headers: &Headers,
    upload: &Upload,
    as_json: bool,
) -> Result<Exit, Failure> {
    let url = url(settings, parts)?;
    let headers: Vec<_> = [("authorization".to_owned(), "[hidden]".to_owned())]
        .into_iter()
        .chain(
            headers
                .with_type_of(upload)
                .map(|(name, value)| (name.to_string(), shown(name, &value))),
        )
        .collect();
    let body = upload.description();
    if as_json {
        let request = json!({
            "schema": 1,
            "dry_run": true,
            "method": parts.method.as_str(),
            "url": url,
            "headers": by_name(headers),
            "body": body,
        });
        terminal::print_json(&format!("{request}\n"))?;
        return Ok(Exit::Success);
    }
    let mut text = format!("{} {url}\n", parts.method);
    for (name, value) in headers {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    }
    if let Some(body) = body {
        let _ = writeln!(text, "\n{}", body.trim_end());
    }
    terminal::print(&text)?;
    Ok(Exit::Success)
}

fn url(settings: &Settings, parts: &Parts) -> Result<String, Failure> {
    let origin = &settings.origin.value;
    let mut target = Target::new(&parts.path);
    for (name, text) in &parts.query {
        target.add_query(name, text);
    }
    let text = target.into_text().map_err(|error| Failure::usage(error.to_string()))?;
    let text = if text.starts_with('/') { format!("{origin}{text}") } else { text };
    let uri: Uri = text.parse().map_err(|error| {
        Failure::usage("the path is no part of a URL")
            .because(error)
            .next("percent-encode what a URL cannot hold, or use --query")
    })?;
    if !origin.contains(&uri) {
        return Err(Failure::usage(format!("the URL is outside of {origin}"))
            .because("only this origin may see the token"));
    }
    Ok(uri.to_string())
}
