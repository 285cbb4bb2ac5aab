//! The lines of output.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::ask::Name;

/// What an answer took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    /// Requests that were sent.
    pub(crate) attempts: u32,
    /// Waiting for permits.
    pub(crate) waited: Duration,
    /// In all.
    pub(crate) elapsed: Duration,
}

/// A line of output; what does not apply is left out.
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
    /// Whether nothing more follows of this line of input.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<bool>,
}

/// What it is all about.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Content<'a> {
    Body(Box<RawValue>),
    BodyBase64(String),
    Item(&'a Value),
    /// Of a collection without any.
    Items(u64),
    Error(&'a str),
}

/// An answer of any status.
pub(crate) fn answered(name: &Name, status: u16, body: Vec<u8>, effort: Effort) -> Vec<u8> {
    write(name, Some(status), content(body), None, effort)
}

/// No answer, or one of `status` where a page was expected.
pub(crate) fn failed(name: &Name, status: Option<u16>, error: &str, effort: Effort) -> Vec<u8> {
    write(name, status, Content::Error(error), None, effort)
}

/// Where in a collection a line stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) page: u64,
    pub(crate) last: bool,
}

/// One page.
pub(crate) fn page(
    name: &Name,
    status: u16,
    body: Box<RawValue>,
    place: Place,
    effort: Effort,
) -> Vec<u8> {
    let body = Content::Body(compact(body));
    write(name, Some(status), body, Some(place), effort)
}

/// One item of a page; `None` where there is none in the whole collection.
pub(crate) fn item(
    name: &Name,
    status: u16,
    item: Option<&Value>,
    place: Place,
    effort: Effort,
) -> Vec<u8> {
    let item = item.map_or(Content::Items(0), Content::Item);
    write(name, Some(status), item, Some(place), effort)
}

fn write(
    name: &Name,
    status: Option<u16>,
    content: Content<'_>,
    place: Option<Place>,
    effort: Effort,
) -> Vec<u8> {
    let record = Record {
        n: name.n,
        id: &name.id,
        path: name.path.as_deref(),
        page: place.map(|place| place.page),
        status,
        content,
        attempts: effort.attempts,
        waited_seconds: seconds(effort.waited),
        elapsed_seconds: seconds(effort.elapsed),
        last: place.map(|place| place.last),
    };
    // Maps have texts as keys and nothing here fails by itself: it can always be written.
    let mut line = serde_json::to_vec(&record).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Milliseconds are enough.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

/// JSON as such, other text as a string, anything else in base64.
fn content(body: Vec<u8>) -> Content<'static> {
    let text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Content::BodyBase64(STANDARD.encode(error.as_bytes())),
    };
    // Which some servers put before their JSON, and no parser has to take (RFC 8259, section 8.1).
    let bare = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let raw = match serde_json::from_str::<Box<RawValue>>(bare) {
        Ok(raw) => compact(raw),
        Err(_) => to_raw_value(&text).unwrap_or_default(),
    };
    Content::Body(raw)
}

/// The same JSON in one line; digits and the order of members stay as the server wrote them.
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

    fn name() -> Name {
        Name {
            path: Some("/p".to_owned()),
            ..Name::new(3)
        }
    }

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).expect("text")
    }

    fn body_of(body: &[u8]) -> String {
        let line = text(answered(&name(), 200, body.to_vec(), Effort::default()));
        let (_, rest) = line.split_once("\"status\":200,").expect("a status");
        let (body, _) = rest.split_once(",\"attempts\"").expect("attempts");
        body.to_owned()
    }

    #[test]
    fn an_answer_has_its_fields_in_order() {
        let effort = Effort {
            attempts: 2,
            waited: Duration::from_micros(1_234_567),
            elapsed: Duration::from_secs(3),
        };
        assert_eq!(
            text(answered(&name(), 404, b"{}".to_vec(), effort)),
            "{\"n\":3,\"id\":3,\"path\":\"/p\",\"status\":404,\"body\":{},\"attempts\":2,\
             \"waited_seconds\":1.235,\"elapsed_seconds\":3.0}\n"
        );
        assert_eq!(
            text(failed(&Name::new(4), None, "broken", Effort::default())),
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
    fn json_stays_as_it_was_written_but_for_its_line_breaks() {
        assert_eq!(
            body_of(b"{\n \"z\" : 12345678901234567890123,\r\n\t\"a\": \"x \\\" y\\\\\"\n, \"b\": 1.50}\n"),
            "\"body\":{\"z\":12345678901234567890123,\"a\":\"x \\\" y\\\\\",\"b\":1.50}"
        );
        assert_eq!(body_of(b"{\"a\": 1}"), "\"body\":{\"a\": 1}");
    }

    #[test]
    fn the_lines_of_a_collection_say_whether_more_follow() {
        let place = Place {
            page: 2,
            last: true,
        };
        let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
        let line = text(page(&name(), 200, raw("[1]"), place, Effort::default()));
        assert!(
            line.contains("\"page\":2,\"status\":200,\"body\":[1],"),
            "{line}"
        );
        assert!(line.ends_with("\"last\":true}\n"), "{line}");
        let line = text(item(&name(), 200, None, place, Effort::default()));
        assert!(line.contains("\"items\":0,"), "{line}");
    }
}
