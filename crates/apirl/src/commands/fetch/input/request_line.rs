//! The request that a line of input describes.

use std::collections::BTreeMap;

use api_ratelimiter::http::Method;
use api_ratelimiter_core::url::{check_dots, check_not_empty};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json_text::{error_in_line, kind};

/// Makes requests of lines. The flags `--method` and `--path` fill in what a line leaves out.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) method: Method,
    /// A path with `{}`, which a line replaces.
    pub(crate) path: Option<String>,
}

/// A request, read from a line.
#[derive(Debug)]
pub(crate) struct RequestLine {
    pub(crate) label: LineLabel,
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<RequestBody>,
}

/// Identifies the line of input in the lines of output.
#[derive(Debug, Clone)]
pub(crate) struct LineLabel {
    /// The number of the line, from 1.
    pub(crate) n: u64,
    /// JSON as it was written, so that long numbers do not change.
    pub(crate) id: Box<RawValue>,
    pub(crate) path: Option<String>,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Json(Box<RawValue>),
    /// The text of a JSON string.
    Text(String),
}

/// A line that describes no valid request.
#[derive(Debug)]
pub(crate) struct InvalidLine {
    pub(crate) label: LineLabel,
    pub(crate) problem: String,
}

/// The members of a line in JSON. `null` counts as absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonLine {
    id: Option<Box<RawValue>>,
    method: Option<Value>,
    path: Option<Value>,
    query: Option<Box<RawValue>>,
    headers: Option<Box<RawValue>>,
    body: Option<Box<RawValue>>,
}

/// The id of a line that has unknown members.
#[derive(Deserialize)]
struct JsonId {
    id: Option<Box<RawValue>>,
}

/// Characters that are percent-encoded in a path: all but those that RFC 3986 calls unreserved. So no line can add a
/// segment or a query.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Template {
    /// Returns the request of line `n`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the line, in one sentence.
    pub(crate) fn request(&self, n: u64, line: &[u8]) -> Result<RequestLine, InvalidLine> {
        let label = LineLabel::new(n);
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(label.invalid("the line is not UTF-8 text"));
        };
        let text = text.trim();
        if text.starts_with('{') {
            return self.json_request(label, text);
        }
        let path = match &self.path {
            Some(template) => fill(template, text),
            None => own_path(text.to_owned()),
        };
        let path = match path {
            Ok(path) => path,
            Err(problem) => return Err(label.invalid(problem)),
        };
        Ok(RequestLine {
            label: label.at(&path),
            path,
            method: self.method.clone(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        })
    }

    fn json_request(&self, mut label: LineLabel, text: &str) -> Result<RequestLine, InvalidLine> {
        // The members. If one is unknown, the error still shows the id of the line.
        let line: JsonLine = match serde_json::from_str(text) {
            Ok(line) => line,
            Err(error) => {
                let found = serde_json::from_str(text).unwrap_or(JsonId { id: None });
                if let Some(id) = found.id.filter(|id| plain(id).is_some()) {
                    label.id = id;
                }
                return Err(label.invalid(json_problem(&error)));
            }
        };

        // The id.
        let mut id_text = None;
        if let Some(id) = line.id {
            let Some(text) = plain(&id) else {
                return Err(label.invalid("id is neither a string nor a number"));
            };
            id_text = Some(text);
            label.id = id;
        }

        // The path: the line's own, or the template with the id in it.
        let path = match line.path.map(|path| text_of("path", path)).transpose() {
            Ok(path) => path,
            Err(problem) => return Err(label.invalid(problem)),
        };
        let path = match (path, &self.path, id_text) {
            (Some(path), _, _) => own_path(path),
            (None, Some(template), Some(id)) => fill(template, &id),
            (None, Some(_), None) => Err("the line has neither path nor id".to_owned()),
            (None, None, _) => Err("the line has no path".to_owned()),
        };
        let path = match path {
            Ok(path) => path,
            Err(problem) => return Err(label.invalid(problem)),
        };
        let label = label.at(&path);

        // Everything else.
        let method = match line.method {
            None => Ok(self.method.clone()),
            Some(value) => text_of("method", value).and_then(|text| {
                method(&text).ok_or("method is not a valid HTTP method".to_owned())
            }),
        };
        let query = query(line.query.as_deref());
        let headers = headers(line.headers.as_deref());
        let (method, query, headers) = match (method, query, headers) {
            (Ok(method), Ok(query), Ok(headers)) => (method, query, headers),
            (Err(problem), _, _) | (_, Err(problem), _) | (_, _, Err(problem)) => {
                return Err(label.invalid(problem));
            }
        };
        let body = line.body.map(|raw| match serde_json::from_str(raw.get()) {
            Ok(text) => RequestBody::Text(text),
            Err(_) => RequestBody::Json(raw),
        });
        Ok(RequestLine {
            label,
            path,
            method,
            query,
            headers,
            body,
        })
    }
}

/// Returns the keys and values of `query`.
fn query(raw: Option<&RawValue>) -> Result<Vec<(String, String)>, String> {
    let mut query = Vec::new();
    for (key, value) in members::<Box<RawValue>>("query", raw)? {
        add_query(&mut query, &key, &value)?;
    }
    Ok(query)
}

/// Returns the names and values of `headers`.
fn headers(raw: Option<&RawValue>) -> Result<Vec<(String, String)>, String> {
    let headers = members::<Value>("headers", raw)?.into_iter();
    headers
        .map(|(name, value)| {
            if NOT_FOR_LINES.contains(&name.to_ascii_lowercase().as_str()) {
                return Err(format!(
                    "headers, {name:?}: a line can't decide where its request goes and how it is framed"
                ));
            }
            let value = text_of(&format!("headers, {name:?}:"), value)?;
            Ok((name, value))
        })
        .collect()
}

/// Headers that decide which server, or which of its sites, gets the request with its credentials, or where the request
/// ends (RFC 9110, sections 7.2, 7.6.1 and 11.7.2; RFC 9112, section 6). Lines often come from others.
const NOT_FOR_LINES: [&str; 12] = [
    "host",
    ":authority",
    "connection",
    "proxy-connection",
    "proxy-authorization",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "http2-settings",
];

impl RequestLine {
    /// Whether the server may do something twice if it receives the request twice (RFC 9110, section 9.2.2, and
    /// RFC 5789). True for POST, PATCH and unknown methods.
    pub(crate) fn may_not_be_repeated(&self) -> bool {
        !self.method.is_idempotent()
    }
}

impl LineLabel {
    pub(crate) fn new(n: u64) -> Self {
        Self {
            n,
            id: serde_json::value::to_raw_value(&n).unwrap_or_default(),
            path: None,
        }
    }

    fn at(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    pub(crate) fn invalid(self, problem: impl Into<String>) -> InvalidLine {
        InvalidLine {
            label: self,
            problem: problem.into(),
        }
    }
}

/// Returns a valid HTTP method in capitals: `post` means POST.
pub(crate) fn method(text: &str) -> Option<Method> {
    text.to_ascii_uppercase().parse().ok()
}

fn json_problem(error: &serde_json::Error) -> String {
    format!("the line is not valid JSON: {}", error_in_line(error))
}

/// Returns the text of a member that must be a string.
fn text_of(member: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("{member} is {}, not a string", kind(&other))),
    }
}

/// Returns the members of a member that must be an object, in the order of their names.
fn members<T: DeserializeOwned>(
    member: &str,
    raw: Option<&RawValue>,
) -> Result<BTreeMap<String, T>, String> {
    let Some(raw) = raw else {
        return Ok(BTreeMap::new());
    };
    serde_json::from_str(raw.get()).map_err(|_| {
        let value = serde_json::from_str(raw.get()).unwrap_or_default();
        format!("{member} is {}, not an object", kind(&value))
    })
}

/// Replaces `{}` in the template.
///
/// # Errors
///
/// A value that would take its segment away: `/users/{}` would become `/users/`, all users.
fn fill(template: &str, value: &str) -> Result<String, String> {
    if check_not_empty(value).is_err() {
        return Err("the id is empty, so the request would go to another path".to_owned());
    }
    let encoded = utf8_percent_encode(value, SEGMENT).to_string();
    let path = template.replace("{}", &encoded);
    // In a query dots have no meaning.
    let segments = path.split(['?', '#']).next().unwrap_or_default();
    match segments.split('/').try_for_each(check_dots) {
        Ok(()) => Ok(path),
        Err(_) => Err(format!(
            "the id {value:?} makes a segment of dots, so the request would go to another path"
        )),
    }
}

/// Returns the path that a line gives itself.
fn own_path(path: String) -> Result<String, String> {
    match path.trim().is_empty() {
        true => Err("the path is empty: write / for the base URL itself".to_owned()),
        false => Ok(path),
    }
}

/// Returns the text of a JSON string, or a number as it was written.
fn plain(raw: &RawValue) -> Option<String> {
    match raw.get().bytes().next()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'-' | b'0'..=b'9' => Some(raw.get().to_owned()),
        _ => None,
    }
}

/// Adds a member of `query`. A list adds its key once for each element, `null` adds nothing, and numbers stay as they
/// were written.
fn add_query(query: &mut Vec<(String, String)>, key: &str, value: &RawValue) -> Result<(), String> {
    let text = match value.get().bytes().next() {
        Some(b'n') => return Ok(()),
        Some(b'{') => return Err(format!("query, {key:?}: an object can't be a query value")),
        Some(b'[') => {
            let values: Vec<Box<RawValue>> =
                serde_json::from_str(value.get()).map_err(|error| json_problem(&error))?;
            return values.iter().try_for_each(|value| match value.get() {
                list if list.starts_with('[') => {
                    Err(format!("query, {key:?}: a list can't be inside a list"))
                }
                _ => add_query(query, key, value),
            });
        }
        _ => plain(value).unwrap_or_else(|| value.get().to_owned()),
    };
    query.push((key.to_owned(), text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(path: Option<&str>) -> Template {
        Template {
            method: Method::GET,
            path: path.map(str::to_owned),
        }
    }

    fn request(line: &str) -> RequestLine {
        template(None)
            .request(7, line.as_bytes())
            .expect("a request")
    }

    fn problem(path: Option<&str>, line: &[u8]) -> String {
        let invalid = template(path).request(7, line);
        invalid.expect_err("it is invalid").problem
    }

    #[test]
    fn a_plain_line_is_a_path_and_its_number_the_id() {
        let request = request(" /pages/1?full=yes \r");
        assert_eq!(
            (request.path.as_str(), request.label.id.get()),
            ("/pages/1?full=yes", "7")
        );
        assert_eq!(request.method, Method::GET);
    }

    #[test]
    fn a_json_line_describes_a_whole_request() {
        let request = request(
            r#"{"id": 12345678901234567890123, "method": "PATCH", "path": "/a", "headers": {"X-A": "1"},
                "query": {"a": [1.50, true, null], "b": "x y", "c": null, "d": 12345678901234567890123}, "body": {"z": 1, "a": 1e400}}"#,
        );
        assert_eq!(request.label.id.get(), "12345678901234567890123");
        assert_eq!(request.method, Method::PATCH);
        assert!(request.may_not_be_repeated());
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            request.query,
            [
                pair("a", "1.50"),
                pair("a", "true"),
                pair("b", "x y"),
                pair("d", "12345678901234567890123")
            ]
        );
        assert_eq!(request.headers, [pair("X-A", "1")]);
        let Some(RequestBody::Json(body)) = request.body else {
            panic!("{request:?}")
        };
        assert_eq!(body.get(), r#"{"z": 1, "a": 1e400}"#);
    }

    #[test]
    fn methods_become_capitals_and_only_idempotent_ones_may_be_repeated() {
        let request = |method: &str| request(&format!(r#"{{"path": "/", "method": "{method}"}}"#));
        assert_eq!(request("post").method, Method::POST);
        for (method, may_not) in [
            ("get", false),
            ("DELETE", false),
            ("Patch", true),
            ("LOCK", true),
        ] {
            assert_eq!(request(method).may_not_be_repeated(), may_not, "{method}");
        }
    }

    #[test]
    fn a_string_as_body_is_sent_as_its_text_and_null_is_no_body() {
        let body = |line| request(line).body;
        assert!(
            matches!(body(r#"{"path": "/", "body": "a=1\n"}"#), Some(RequestBody::Text(text)) if text == "a=1\n")
        );
        assert!(body(r#"{"path": "/", "body": null}"#).is_none());
    }

    #[test]
    fn a_template_puts_lines_and_ids_into_one_segment_of_the_path() {
        let template = template(Some("/pages/{}/x"));
        let path = |line: &str| {
            template
                .request(1, line.as_bytes())
                .expect("a request")
                .path
        };
        assert_eq!(path("12"), "/pages/12/x");
        assert_eq!(path("a/b?c#d%é "), "/pages/a%2Fb%3Fc%23d%25%C3%A9/x");
        assert_eq!(path(r#"{"id": 5, "method": "PUT"}"#), "/pages/5/x");
        assert_eq!(path(r#"{"id": "a b"}"#), "/pages/a%20b/x");
        assert_eq!(path(r#"{"path": "/other"}"#), "/other");
    }

    #[test]
    fn an_id_that_takes_its_segment_away_is_refused() {
        for id in [
            "",
            " ",
            "\u{a0}",
            "\\u0000",
            "\\t",
            ".",
            "..",
            "%2e",
            "%2E%2e",
            ".%2e",
            "%252e",
            "%25252E.",
            "%20",
            "%00",
            " . ",
            "%25%32%65",
            "..%2f",
            "../x",
            "..\\\\x",
            "..;x",
            "..?",
            ".#",
        ] {
            let line = format!(r#"{{"id": "{id}", "method": "DELETE"}}"#);
            let problem = problem(Some("/users/{}"), line.as_bytes());
            assert!(problem.contains("another path"), "{id:?}: {problem}");
        }
        for (template, line) in [
            ("/users/{}/keys", "."),
            ("/users/.{}", "."),
            ("/users/{}{}", "."),
            ("/users/{}?x=1", ".."),
            ("/users?id={}", "\u{a0}"),
        ] {
            assert!(
                problem(Some(template), line.as_bytes()).contains("another path"),
                "{template}"
            );
        }
        let path = |path: &str, line: &str| {
            template(Some(path))
                .request(1, line.as_bytes())
                .expect("a request")
                .path
        };
        assert_eq!(path("/files/{}.txt", "."), "/files/..txt");
        assert_eq!(path("/find?q={}", ".."), "/find?q=..");
        assert_eq!(path("/users/{}", "..."), "/users/...");
        assert_eq!(path("/users/{}", "%"), "/users/%25");
        assert_eq!(path("/users/{}", r#"{"id": "", "path": "/all"}"#), "/all");
        for line in ["\u{a0}", r#"{"path": ""}"#, r#"{"path": " "}"#] {
            assert!(
                problem(None, line.as_bytes()).contains("the path is empty"),
                "{line}"
            );
        }
    }

    #[test]
    fn headers_that_decide_where_a_request_goes_are_refused() {
        for name in [
            "Host",
            "hOST",
            "Connection",
            "Transfer-Encoding",
            "Content-Length",
            "Proxy-Authorization",
        ] {
            let line = format!(r#"{{"path": "/", "headers": {{"{name}": "x"}}}}"#);
            let problem = problem(None, line.as_bytes());
            assert!(
                problem.contains("where its request goes"),
                "{name}: {problem}"
            );
        }
    }

    #[test]
    fn an_invalid_line_gets_a_sentence_and_keeps_its_id_and_path() {
        for (line, part) in [
            (
                "{\"path\": ",
                "the line is not valid JSON: EOF while parsing a value at column 8",
            ),
            ("{}", "no path"),
            (
                r#"{"path": "/", "id": [1]}"#,
                "neither a string nor a number",
            ),
            (
                r#"{"path": "/", "method": "G T"}"#,
                "not a valid HTTP method",
            ),
            (
                r#"{"path": "/", "query": {"a": {}}}"#,
                "an object can't be a query value",
            ),
            (
                r#"{"path": "/", "query": {"a": [[1]]}}"#,
                "a list can't be inside a list",
            ),
            (r#"{"path": "/", "pth": 1}"#, "unknown field `pth`"),
        ] {
            let problem = problem(None, line.as_bytes());
            assert!(problem.contains(part), "{line}: {problem}");
        }
        assert!(problem(None, b"/\xff").contains("UTF-8"));
        assert!(problem(Some("/{}"), b"{}").contains("neither path nor id"));
        let invalid = template(None).request(7, br#"{"id": "x", "path": "/p", "method": "?"}"#);
        let label = invalid.expect_err("it is invalid").label;
        assert_eq!(
            (label.id.get(), label.path.as_deref()),
            ("\"x\"", Some("/p"))
        );
    }
}
