//! `--dry-run`: what would be sent.

use api_ratelimiter::{DynamicAPIClient, Error};
use serde::Serialize;
use serde_json::value::RawValue;

use super::ask::{Ask, Body, Form, Name, Unreadable};
use super::record::{self, Effort};
use super::settings::Settings;
use super::source::{Line, Source};
use super::summary::counted;
use super::{lines_are_bad, worker};
use crate::failure::{Failure, print};
use crate::input::say;

/// Reads all lines and sends nothing: the client is closed, so each request is checked and none goes out.
pub(crate) fn run(
    client: &DynamicAPIClient,
    settings: &Settings,
    mut source: Source,
    is_quiet: bool,
) -> Result<(), Failure> {
    client.close();
    let (mut good, mut bad) = (0_u64, 0_u64);
    while let Some(line) = source.next().map_err(lines_are_bad)? {
        match check(client, &settings.form, &line) {
            Ok(text) => {
                good += 1;
                print(&text)?;
            }
            Err(unreadable) => {
                bad += 1;
                let Unreadable { name, problem } = unreadable;
                let text = record::failed(&name, None, &problem, Effort::default());
                print(&String::from_utf8_lossy(&text))?;
            }
        }
    }
    if !is_quiet {
        say(&format!(
            "Dry run: {} would go to {}, {} can't be used; nothing was sent.",
            counted(good, "request"),
            settings.config.base_url,
            counted(bad, "line"),
        ));
    }
    match bad {
        0 => Ok(()),
        _ => Err(Failure::told()),
    }
}

fn check(client: &DynamicAPIClient, form: &Form, line: &Line) -> Result<String, Unreadable> {
    let Some(text) = &line.text else {
        return Err(Name::new(line.n).unreadable("the line is longer than 16 MiB"));
    };
    let ask = form.read(line.n, text)?;
    let (name, shown) = (ask.name.clone(), shown(&ask));
    match worker::request(client, &ask, false).send() {
        Err(Error::Closed { .. }) => Ok(shown),
        Err(error) => Err(name.unreadable(error.to_string())),
        Ok(_) => Err(name.unreadable("it was sent although the client was closed")),
    }
}

/// Names of headers and the length of the body only: what they hold may be secret.
fn shown(ask: &Ask) -> String {
    let shown = Shown {
        n: ask.name.n,
        id: &ask.name.id,
        method: ask.method.as_str(),
        path: &ask.path,
        query: &ask.query,
        headers: ask.headers.iter().map(|(name, _)| name.as_str()).collect(),
        body_bytes: ask.body.as_ref().map_or(0, |body| match body {
            Body::Json(raw) => raw.get().len(),
            Body::Text(text) => text.len(),
        }),
    };
    // Nothing in it fails by itself: it can always be written.
    format!("{}\n", serde_json::to_string(&shown).unwrap_or_default())
}

/// A line of output.
#[derive(Serialize)]
struct Shown<'a> {
    n: u64,
    id: &'a RawValue,
    method: &'a str,
    path: &'a str,
    query: &'a [(String, String)],
    headers: Vec<&'a str>,
    body_bytes: usize,
}
