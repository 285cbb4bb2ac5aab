//! The answers of a server that works: method, path and body in, status and JSON out.

use std::ops::Range;

use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Value, json};

use super::fault::answer_status;
use super::shape::Shape;
use super::vendors;

/// A status and a body; an empty one is sent without a content type.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The items of the collection that are in it.
    pub(super) items: Range<usize>,
}

impl Answer {
    fn new(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body,
            items: 0..0,
        }
    }

    pub(super) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, body.to_string().into_bytes())
    }

    /// What is no JSON and no text: JSON's beginning, and bytes that are no UTF-8.
    pub(super) fn garbage() -> Self {
        Self::new(
            StatusCode::OK,
            b"{\"results\": [\xff\xfe\x00garbage".to_vec(),
        )
    }
}

/// The real answer to a request, over a collection of so many `items`.
pub(super) fn answer(shape: Shape, parts: &Parts, body: &[u8], items: usize) -> Answer {
    let path = parts.uri.path();
    let unversioned = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let segments: Vec<_> = unversioned.split('/').skip(1).collect();
    if let ["status", code] = segments.as_slice() {
        return status(shape, code);
    }
    vendors::answer(shape, parts, &segments, body, items)
        .unwrap_or_else(|| Answer::json(StatusCode::OK, &echo(parts, body)))
}

fn status(shape: Shape, code: &str) -> Answer {
    let Some(status) = code.parse().ok().and_then(answer_status) else {
        return shape.invalid("The status must be within 200 and 599.");
    };
    // By the protocol these have no body.
    if matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return Answer::new(status, Vec::new());
    }
    let message = status
        .canonical_reason()
        .unwrap_or("A status without a name.");
    shape.error(status, "as_asked", message)
}

/// What was received, without any value of a header: there may be credentials among them.
fn echo(parts: &Parts, body: &[u8]) -> Value {
    let mut headers: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
    headers.sort_unstable();
    json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "headers": headers,
        "body_bytes": body.len(),
    })
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn ask(method: Method, target: &str, body: &str, items: usize) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(target)
            .header("Authorization", "Bearer s3cret");
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let answer = answer(Shape::Echo, &parts, body.as_bytes(), items);
        (
            answer.status.as_u16(),
            serde_json::from_slice(&answer.body).unwrap_or(Value::Null),
        )
    }

    #[test]
    fn a_page_has_the_id_that_was_asked_for() {
        for target in [
            "/pages/42",
            "/v1/pages/42",
            "/pages/42?filter_properties=title",
        ] {
            let (status, page) = ask(Method::GET, target, "", 0);
            assert_eq!(
                (status, &page["object"], &page["id"]),
                (200, &json!("page"), &json!("42")),
                "{target}"
            );
        }
    }

    #[test]
    fn a_query_walks_the_collection_once() {
        let mut body = json!({"page_size": 30});
        let mut ids = Vec::new();
        loop {
            let (status, list) = ask(Method::POST, "/v1/databases/d/query", &body.to_string(), 75);
            assert_eq!(status, 200);
            let results = list["results"].as_array().expect("results");
            ids.extend(
                results
                    .iter()
                    .map(|page| page["id"].as_str().expect("id").to_owned()),
            );
            if list["has_more"] == json!(false) {
                assert_eq!(list["next_cursor"], Value::Null);
                break;
            }
            body["start_cursor"] = list["next_cursor"].clone();
        }
        let expected: Vec<_> = (0..75).map(|index| format!("item-{index}")).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn an_empty_query_gets_the_first_hundred() {
        let (_, list) = ask(Method::POST, "/databases/d/query", "", 1_000);
        assert_eq!(list["results"].as_array().map(Vec::len), Some(100));
        assert_eq!(list["has_more"], json!(true));
        let (_, list) = ask(
            Method::POST,
            "/databases/d/query",
            r#"{"start_cursor":null,"filter":{}}"#,
            0,
        );
        assert_eq!(
            (&list["results"], &list["has_more"]),
            (&json!([]), &json!(false))
        );
    }

    #[test]
    fn a_query_that_makes_no_sense_is_refused() {
        for body in [
            "{",
            "[]",
            r#"{"page_size":0}"#,
            r#"{"page_size":101}"#,
            r#"{"page_size":-1}"#,
            r#"{"start_cursor":"nonsense"}"#,
            r#"{"start_cursor":"cursor-10"}"#,
            r#"{"start_cursor":"cursor-18446744073709551615"}"#,
        ] {
            let (status, error) = ask(Method::POST, "/databases/d/query", body, 10);
            assert_eq!(
                (status, &error["code"]),
                (400, &json!("validation_error")),
                "{body}"
            );
        }
    }

    #[test]
    fn any_final_status_can_be_asked_for() {
        assert_eq!(ask(Method::GET, "/status/503", "", 0).0, 503);
        assert_eq!(
            ask(Method::PUT, "/status/404", "", 0).1["status"],
            json!(404)
        );
        assert_eq!(ask(Method::GET, "/status/204", "", 0), (204, Value::Null));
        for code in ["100", "600", "x", "99999", ""] {
            assert_eq!(
                ask(Method::GET, &format!("/status/{code}"), "", 0).0,
                400,
                "{code}"
            );
        }
    }

    #[test]
    fn everything_else_is_described_without_the_values_of_headers() {
        let (status, echo) = ask(Method::PATCH, "/v1/things/7?a=1&a=2", "12345", 0);
        assert_eq!(status, 200);
        let expected = json!({
            "method": "PATCH", "path": "/v1/things/7", "query": "a=1&a=2",
            "headers": ["authorization"], "body_bytes": 5,
        });
        assert_eq!(echo, expected);
    }
}
