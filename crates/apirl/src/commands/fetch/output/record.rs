//! The lines of output.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

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

/// A line of output. Members that do not apply are left out.
#[derive(Serialize)]
struct Record<'a> {
    n: u64,
    id: &'a RawValue,
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(flatten)]
    content: Content<'a>,
    attempts: u32,
    waited_seconds: f64,
    elapsed_seconds: f64,
    /// Whether this is the last line of output for its line of input.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
}

/// The response, or the error.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Content<'a> {
    Body(Box<RawValue>),
    BodyBase64(String),
    Item(&'a Value),
    /// The number of items in an empty collection, 0.
    Items(u64),
    Error(&'a str),
}

/// Returns the line of a response with any status.
pub(crate) fn response(label: &LineLabel, status: u16, body: Vec<u8>, effort: Effort) -> Vec<u8> {
    write(label, Some(status), content(body), None, effort)
}

/// Returns the line of a request without a response, or with a `status` other than a page's.
pub(crate) fn failed(
    label: &LineLabel,
    status: Option<u16>,
    error: &str,
    effort: Effort,
) -> Vec<u8> {
    write(label, status, Content::Error(error), None, effort)
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
    body: Box<RawValue>,
    position: PagePosition,
    effort: Effort,
) -> Vec<u8> {
    let body = Content::Body(compact(body));
    write(label, Some(status), body, Some(position), effort)
}

/// Returns the line of an item. `None` is for a collection without items.
pub(crate) fn item(
    label: &LineLabel,
    status: u16,
    item: Option<&Value>,
    position: PagePosition,
    effort: Effort,
) -> Vec<u8> {
    let item = item.map_or(Content::Items(0), Content::Item);
    write(label, Some(status), item, Some(position), effort)
}

fn write(
    label: &LineLabel,
    status: Option<u16>,
    content: Content<'_>,
    position: Option<PagePosition>,
    effort: Effort,
) -> Vec<u8> {
    let record = Record {
        n: label.n,
        id: &label.id,
        path: label.path.as_deref(),
        page: position.map(|position| position.page),
        status,
        content,
        attempts: effort.attempts,
        waited_seconds: seconds(effort.waited),
        elapsed_seconds: seconds(effort.elapsed),
        last: position.map(|position| position.last),
    };
    // Serialising this type can't fail: all its maps have strings as keys.
    let mut line = serde_json::to_vec(&record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Returns seconds, rounded to milliseconds.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// Returns the content of a body: JSON as it is, other text as a string, anything else in base64.
fn content(body: Vec<u8>) -> Content<'static> {
    let text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Content::BodyBase64(STANDARD.encode(error.as_bytes())),
    };
    // Some servers put a byte order mark before their JSON. Parsers need not accept it (RFC 8259, section 8.1).
    let bare = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let raw = match serde_json::from_str::<Box<RawValue>>(bare) {
        Ok(raw) => compact(raw),
        Err(_) => to_raw_value(&text).unwrap_or_default(),
    };
    Content::Body(raw)
}

/// Puts JSON on one line. Digits and the order of members stay as the server wrote them.
fn compact(raw: Box<RawValue>) -> Box<RawValue> {
    if !raw.get().contains(['\n', '\r']) {
        return raw;
    }
    let (mut in_text, mut escaped) = (false, false);
    let is_kept = |c: &char| {
        if in_text {
            in_text = escaped || *c != '"';
            escaped = !escaped && *c == '\\';
            return true;
        }
        in_text = *c == '"';
        !matches!(c, ' ' | '\n' | '\r' | '\t')
    };
    let text = raw.get().chars().filter(is_kept).collect();
    RawValue::from_string(text).unwrap_or(raw)
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

    fn text(line: Vec<u8>) -> String {
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
        let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
        let line = text(page(&label(), 200, raw("[1]"), position, Effort::default()));
        assert!(
            line.contains("\"page\":2,\"status\":200,\"body\":[1],"),
            "{line}"
        );
        assert!(line.ends_with("\"last\":true}\n"), "{line}");
        let line = text(item(&label(), 200, None, position, Effort::default()));
        assert!(line.contains("\"items\":0,"), "{line}");
    }
}
