//! Normal responses: from method, path and body to status and JSON.

use http::request::Parts;
use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use super::response::{ApiResponse, final_status};
use super::shape::Shape;
use super::vendors;

/// Returns the response to an accepted request. The collection has `items` items.
pub(super) fn respond(shape: Shape, parts: &Parts, body: &[u8], items: usize) -> ApiResponse {
    let path = parts.uri.path();
    // Each path is also valid under `/v1`.
    let unversioned = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let segments: Vec<_> = unversioned.split('/').skip(1).collect();
    if let ["status", code] = segments.as_slice() {
        return status(shape, code);
    }
    vendors::respond(shape, parts, &segments, body, items)
        .unwrap_or_else(|| ApiResponse::json(StatusCode::OK, &echo(parts, body)))
}

/// Returns a response with the status that the path names.
fn status(shape: Shape, code: &str) -> ApiResponse {
    let Some(status) = code.parse().ok().and_then(final_status) else {
        return shape.invalid("The status must be within 200 and 599.");
    };
    // By the protocol, responses with these statuses have no body.
    if matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    ) {
        return ApiResponse::new(status, Vec::new());
    }
    let message = status
        .canonical_reason()
        .unwrap_or("A status without a reason phrase.");
    shape.error(status, "as_asked", message)
}

/// Describes a request, without the values of its headers: some may be credentials.
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

    fn request(method: Method, target: &str, body: &str, items: usize) -> (u16, Value) {
        let built = http::Request::builder()
            .method(method)
            .uri(target)
            .header("Authorization", "Bearer s3cret");
        let (parts, ()) = built.body(()).expect("a request").into_parts();
        let response = respond(Shape::Echo, &parts, body.as_bytes(), items);
        (
            response.status.as_u16(),
            serde_json::from_slice(&response.body).unwrap_or(Value::Null),
        )
    }

    #[test]
    fn a_page_has_the_requested_id() {
        for target in [
            "/pages/42",
            "/v1/pages/42",
            "/pages/42?filter_properties=title",
        ] {
            let (status, page) = request(Method::GET, target, "", 0);
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
            let (status, list) =
                request(Method::POST, "/v1/databases/d/query", &body.to_string(), 75);
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
    fn an_empty_query_returns_the_first_hundred_items() {
        let (_, list) = request(Method::POST, "/databases/d/query", "", 1_000);
        assert_eq!(list["results"].as_array().map(Vec::len), Some(100));
        assert_eq!(list["has_more"], json!(true));
        let (_, list) = request(
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
    fn an_invalid_query_is_an_error() {
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
            let (status, error) = request(Method::POST, "/databases/d/query", body, 10);
            assert_eq!(
                (status, &error["code"]),
                (400, &json!("validation_error")),
                "{body}"
            );
        }
    }

    #[test]
    fn any_final_status_can_be_requested() {
        assert_eq!(request(Method::GET, "/status/503", "", 0).0, 503);
        assert_eq!(
            request(Method::PUT, "/status/404", "", 0).1["status"],
            json!(404)
        );
        assert_eq!(
            request(Method::GET, "/status/204", "", 0),
            (204, Value::Null)
        );
        for code in ["100", "600", "x", "99999", ""] {
            assert_eq!(
                request(Method::GET, &format!("/status/{code}"), "", 0).0,
                400,
                "{code}"
            );
        }
    }

    #[test]
    fn other_requests_are_echoed_without_header_values() {
        let (status, echo) = request(Method::PATCH, "/v1/things/7?a=1&a=2", "12345", 0);
        assert_eq!(status, 200);
        let expected = json!({
            "method": "PATCH", "path": "/v1/things/7", "query": "a=1&a=2",
            "headers": ["authorization"], "body_bytes": 5,
        });
        assert_eq!(echo, expected);
    }
}
