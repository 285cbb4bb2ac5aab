//! The lines of output.

use std::io::{self, Write};
use std::time::Duration;

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::commands::fetch::input::request_line::LineLabel;

/// The requests and the time that a response took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    /// Number of requests that were sent.
    pub(crate) attempts: u32,
    /// Time spent waiting for permits.
    pub(crate) waited: Duration,
    /// Time in all.
    pub(crate) elapsed: Duration,
}

/// The members of a line of output before its content. Members that do not apply are left out.
#[derive(Serialize)]
struct Before<'a> {
    n: u64,
    id: &'a RawValue,
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

/// The members after the content.
#[derive(Serialize)]
struct After {
    attempts: u32,
    waited_seconds: f64,
    elapsed_seconds: f64,
    /// Whether this is the last line of output for its line of input.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
}

/// The response, or the error.
#[derive(Debug)]
enum Content {
    /// JSON on one line.
    Json(Vec<u8>),
    Text(String),
    Binary(Vec<u8>),
}

/// A line of output.
///
/// The content is kept as it arrived and takes its final form when it is written: a text of `NUL`s is six times
/// longer as JSON.
#[derive(Debug)]
pub(crate) struct Record {
    before: Vec<u8>,
    content: Content,
    after: Vec<u8>,
}

impl Record {
    /// Returns the number of bytes that it takes in memory.
    pub(crate) fn size(&self) -> usize {
        let content = match &self.content {
            Content::Json(bytes) | Content::Binary(bytes) => bytes.capacity(),
            Content::Text(text) => text.capacity(),
        };
        size_of::<Self>() + self.before.capacity() + content + self.after.capacity()
    }

    /// Writes the line, with its end.
    pub(crate) fn write(&self, mut out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.before)?;
        match &self.content {
            Content::Json(json) => out.write_all(json)?,
            Content::Text(text) => serde_json::to_writer(&mut out, text)?,
            Content::Binary(bytes) => {
                out.write_all(b"\"")?;
                let mut encoder = EncoderWriter::new(&mut out, &STANDARD);
                encoder.write_all(bytes)?;
                encoder.finish()?;
                drop(encoder);
                out.write_all(b"\"")?;
            }
        }
        out.write_all(&self.after)
    }
}

/// Returns the line of a response with any status.
pub(crate) fn response(label: &LineLabel, status: u16, body: Vec<u8>, effort: Effort) -> Record {
    let content = content(body);
    let name = match content {
        Content::Binary(_) => "body_base64",
        Content::Json(_) | Content::Text(_) => "body",
    };
    record(label, Some(status), (name, content), None, effort)
}

/// Returns the line of a request without a response, or with a `status` other than a page's.
pub(crate) fn failed(
    label: &LineLabel,
    status: Option<u16>,
    error: &str,
    effort: Effort,
) -> Record {
    let error = Content::Text(error.to_owned());
    record(label, status, ("error", error), None, effort)
}

/// Position of a line of output in its collection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PagePosition {
    pub(crate) page: u64,
    pub(crate) last: bool,
}

/// Returns the line of a page.
pub(crate) fn page(
    label: &LineLabel,
    status: u16,
    body: Vec<u8>,
    position: PagePosition,
    effort: Effort,
) -> Record {
    let body = ("body", content(body));
    record(label, Some(status), body, Some(position), effort)
}

/// Returns the line of an item, which is JSON. `None` is for a collection without items.
pub(crate) fn item(
    label: &LineLabel,
    status: u16,
    item: Option<String>,
    position: PagePosition,
    effort: Effort,
) -> Record {
    let (name, mut json) = match item {
        Some(item) => ("item", item.into_bytes()),
        None => ("items", b"0".to_vec()),
    };
    compact(&mut json);
    let content = (name, Content::Json(json));
    record(label, Some(status), content, Some(position), effort)
}

fn record(
    label: &LineLabel,
    status: Option<u16>,
    (name, content): (&str, Content),
    position: Option<PagePosition>,
    effort: Effort,
) -> Record {
    let before = Before {
        n: label.n,
        id: &label.id,
        path: label.path.as_deref(),
        page: position.map(|position| position.page),
        status,
    };
    let after = After {
        attempts: effort.attempts,
        waited_seconds: seconds(effort.waited),
        elapsed_seconds: seconds(effort.elapsed),
        last: position.map(|position| position.last),
    };
    // Serialising these types can't fail: all their maps have strings as keys.
    let mut before = serde_json::to_vec(&before).unwrap_or_default();
    let mut after = serde_json::to_vec(&after).unwrap_or_default();
    // Both are objects with members. The content stands between them.
    before.pop();
    before.extend_from_slice(format!(",\"{name}\":").as_bytes());
    if let Some(brace) = after.first_mut() {
        *brace = b',';
    }
    after.push(b'\n');
    Record {
        before,
        content,
        after,
    }
}

/// Returns seconds, rounded to milliseconds.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// Returns the content of a body: JSON as it is, other text as a string, anything else in base64. It makes no copy.
fn content(body: Vec<u8>) -> Content {
    let mut text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Content::Binary(shrunk(error.into_bytes())),
    };
    // Some servers put a byte order mark before their JSON. Parsers need not accept it (RFC 8259, section 8.1).
    let bare = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let Ok(json) = serde_json::from_str::<&RawValue>(bare) else {
        text.shrink_to_fit();
        return Content::Text(text);
    };
    // White space around the JSON is not a part of it.
    let length = json.get().len();
    let start = json.get().as_ptr().addr() - text.as_ptr().addr();
    let mut json = text.into_bytes();
    json.truncate(start + length);
    json.drain(..start);
    compact(&mut json);
    Content::Json(shrunk(json))
}

fn shrunk(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.shrink_to_fit();
    bytes
}

/// Puts JSON on one line. Digits and the order of members stay as the server wrote them.
fn compact(json: &mut Vec<u8>) {
    if !json.contains(&b'\n') && !json.contains(&b'\r') {
        return;
    }
    let (mut in_text, mut escaped) = (false, false);
    json.retain(|byte| {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            return true;
        }
        in_text = *byte == b'"';
        !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label() -> LineLabel {
        LineLabel {
            path: Some("/p".to_owned()),
            ..LineLabel::new(3)
        }
    }

    fn text(record: Record) -> String {
        let mut line = Vec::new();
        record.write(&mut line).expect("memory has room");
        String::from_utf8(line).expect("text")
    }

    fn body_of(body: &[u8]) -> String {
        let line = text(response(&label(), 200, body.to_vec(), Effort::default()));
        let (_, rest) = line.split_once("\"status\":200,").expect("a status");
        let (body, _) = rest.split_once(",\"attempts\"").expect("attempts");
        body.to_owned()
    }

    #[test]
    fn a_response_has_its_fields_in_order() {
        let effort = Effort {
            attempts: 2,
            waited: Duration::from_micros(1_234_567),
            elapsed: Duration::from_secs(3),
        };
        assert_eq!(
            text(response(&label(), 404, b"{}".to_vec(), effort)),
            "{\"n\":3,\"id\":3,\"path\":\"/p\",\"status\":404,\"body\":{},\"attempts\":2,\
             \"waited_seconds\":1.235,\"elapsed_seconds\":3.0}\n"
        );
        assert_eq!(
            text(failed(
                &LineLabel::new(4),
                None,
                "broken",
                Effort::default()
            )),
            "{\"n\":4,\"id\":4,\"path\":null,\"error\":\"broken\",\"attempts\":0,\
             \"waited_seconds\":0.0,\"elapsed_seconds\":0.0}\n"
        );
    }

    #[test]
    fn a_body_is_json_or_text_or_base64() {
        assert_eq!(body_of(b"null"), "\"body\":null");
        assert_eq!(body_of(b""), "\"body\":\"\"");
        assert_eq!(body_of(b"two\nlines"), "\"body\":\"two\\nlines\"");
        assert_eq!(body_of(b"{broken"), "\"body\":\"{broken\"");
        assert_eq!(body_of("\u{feff}[1]".as_bytes()), "\"body\":[1]");
        assert_eq!(body_of(b"\xff\x00"), "\"body_base64\":\"/wA=\"");
        assert_eq!(body_of(b" [1] \n"), "\"body\":[1]");
        assert_eq!(body_of(b"\0"), "\"body\":\"\\u0000\"");
    }

    #[test]
    fn a_text_takes_no_more_memory_than_it_has_bytes() {
        let body = vec![0; 1 << 20];
        let record = response(&label(), 200, body, Effort::default());
        assert!(record.size() < (1 << 20) + 1024, "{}", record.size());
    }

    #[test]
    fn json_stays_as_it_was_written_except_for_line_breaks() {
        assert_eq!(
            body_of(b"{\n \"z\" : 12345678901234567890123,\r\n\t\"a\": \"x \\\" y\\\\\"\n, \"b\": 1.50}\n"),
            "\"body\":{\"z\":12345678901234567890123,\"a\":\"x \\\" y\\\\\",\"b\":1.50}"
        );
        assert_eq!(body_of(b"{\"a\": 1}"), "\"body\":{\"a\": 1}");
    }

    #[test]
    fn lines_of_a_collection_say_whether_more_follow() {
        let position = PagePosition {
            page: 2,
            last: true,
        };
        let body = b"[1]".to_vec();
        let line = text(page(&label(), 200, body, position, Effort::default()));
        assert!(
            line.contains("\"page\":2,\"status\":200,\"body\":[1],"),
            "{line}"
        );
        assert!(line.ends_with("\"last\":true}\n"), "{line}");
        let line = text(item(&label(), 200, None, position, Effort::default()));
        assert!(line.contains("\"items\":0,"), "{line}");
        let written = Some("{\"b\":\n1.50}".to_owned());
        let line = text(item(&label(), 200, written, position, Effort::default()));
        assert!(line.contains("\"item\":{\"b\":1.50},"), "{line}");
    }
}
