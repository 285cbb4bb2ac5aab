//! `--dry-run`: the requests that would be sent.

use api_ratelimiter::{DynamicAPIClient, Error};
use serde::Serialize;
use serde_json::value::RawValue;

use super::request;
use super::settings::Settings;
use crate::commands::fetch::input::input_lines::{InputLine, InputLines, TOO_LONG};
use crate::commands::fetch::input::request_line::{
    InvalidLine, LineLabel, RequestBody, RequestLine, Template,
};
use crate::commands::fetch::output::record::{self, Effort};
use crate::commands::fetch::stop_reason::StopReason;
use crate::failure::Failure;
use crate::quantity::counted;
use crate::terminal::{print, say};

/// Reads all lines and sends nothing: the client is closed, so it checks each request and sends none.
pub(crate) fn run(
    client: &DynamicAPIClient,
    settings: &Settings,
    mut lines: InputLines,
    is_quiet: bool,
) -> Result<(), Failure> {
    client.close();
    let (mut valid, mut invalid) = (0_u64, 0_u64);
    while let Some(line) = lines.next().map_err(StopReason::into_input_failure)? {
        match check(client, &settings.template, &line) {
            Ok(text) => {
                valid += 1;
                print(&text)?;
            }
            Err(InvalidLine { label, problem }) => {
                invalid += 1;
                let record = record::failed(&label, None, &problem, Effort::default());
                let mut text = Vec::new();
                // Writing to memory can't fail.
                let _ = record.write(&mut text);
                print(&String::from_utf8_lossy(&text))?;
            }
        }
    }
    if !is_quiet {
        say(&format!(
            "Dry run: {} would go to {}, {} can't be used; nothing was sent.",
            counted(valid, "request"),
            settings.client.config.base_url,
            counted(invalid, "line"),
        ));
    }
    match invalid {
        0 => Ok(()),
        _ => Err(Failure::already_reported()),
    }
}

/// Returns the request of a line as text. The closed client refuses to send it, but only after it has found it valid.
fn check(
    client: &DynamicAPIClient,
    template: &Template,
    line: &InputLine,
) -> Result<String, InvalidLine> {
    let Some(text) = &line.text else {
        return Err(LineLabel::new(line.n).invalid(TOO_LONG));
    };
    let request = template.request(line.n, text)?;
    let (label, shown) = (request.label.clone(), shown(&request));
    match request::build(client, &request, false).send() {
        Err(Error::Closed { .. }) => Ok(shown),
        Err(error) => Err(label.invalid(error.to_string())),
        Ok(_) => Err(label.invalid("it was sent although the client was closed")),
    }
}

/// Returns the request as a line of JSON. Of headers and body it has only names and a length: the rest may be secret.
fn shown(request: &RequestLine) -> String {
    let shown = ShownRequest {
        n: request.label.n,
        id: &request.label.id,
        method: request.method.as_str(),
        path: &request.path,
        query: &request.query,
        headers: request
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect(),
        body_bytes: request.body.as_ref().map_or(0, |body| match body {
            RequestBody::Json(raw) => raw.get().len(),
            RequestBody::Text(text) => text.len(),
        }),
    };
    // Serialising this type can't fail.
    format!("{}\n", serde_json::to_string(&shown).unwrap_or_default())
}

/// A line of output.
#[derive(Serialize)]
struct ShownRequest<'a> {
    n: u64,
    id: &'a RawValue,
    method: &'a str,
    path: &'a str,
    query: &'a [(String, String)],
    headers: Vec<&'a str>,
    body_bytes: usize,
}
