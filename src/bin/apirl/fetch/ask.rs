//! What a line of input asks for.

use std::collections::BTreeMap;

use api_ratelimiter::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// What the flags say about all lines.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) method: Method,
    /// A path with `{}` where the line goes.
    pub(crate) template: Option<String>,
}

/// A request, read from a line.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) name: Name,
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
}

/// What the lines of output say about whose they are.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    /// The line of input, counted from 1.
    pub(crate) n: u64,
    /// JSON as it was given, so that long numbers stay what they are.
    pub(crate) id: Box<RawValue>,
    pub(crate) path: Option<String>,
}

/// What is sent.
#[derive(Debug)]
pub(crate) enum Body {
    Json(Box<RawValue>),
    /// A JSON string stands for its text.
    Text(String),
}

/// A line that asks for nothing that could be sent.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) name: Name,
    pub(crate) problem: String,
}

/// The members of a line in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<Box<RawValue>>,
    method: Option<String>,
    path: Option<String>,
    #[serde(default)]
    query: BTreeMap<String, Value>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Box<RawValue>>,
}

/// What stays as it is when a line is put into a path: what RFC 3986 calls unreserved. So no line can
/// add a segment or a query.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Form {
    /// The request that line `n` asks for.
    ///
    /// # Errors
    ///
    /// What is wrong with the line, in one sentence.
    pub(crate) fn read(&self, n: u64, line: &[u8]) -> Result<Ask, Unreadable> {
        let unnamed = Name::new(n);
        let Ok(text) = std::str::from_utf8(line) else {
            return Err(unnamed.unreadable("the line is not text in UTF-8"));
        };
        let text = text.trim();
        if text.starts_with('{') {
            return self.read_json(unnamed, text);
        }
        let path = match &self.template {
            Some(template) => fill(template, text),
            None => text.to_owned(),
        };
        Ok(Ask {
            name: unnamed.at(&path),
            path,
            method: self.method.clone(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
        })
    }

    fn read_json(&self, mut name: Name, text: &str) -> Result<Ask, Unreadable> {
        let line: Line =
            serde_json::from_str(text).map_err(|error| name.clone().unreadable(broken(&error)))?;
        let mut id_text = None;
        if let Some(id) = line.id {
            let Some(text) = plain(&id) else {
                return Err(name.unreadable("id is neither a text nor a number"));
            };
            id_text = Some(text);
            name.id = id;
        }
        let path = match (line.path, &self.template, id_text) {
            (Some(path), _, _) => path,
            (None, Some(template), Some(id)) => fill(template, &id),
            (None, Some(_), None) => {
                return Err(name.unreadable("the line has neither path nor id"));
            }
            (None, None, _) => return Err(name.unreadable("the line has no path")),
        };
        let name = name.at(&path);
        let method = match line.method {
            None => self.method.clone(),
            Some(text) => match method(&text) {
                Some(method) => method,
                None => return Err(name.unreadable("method is not a method of HTTP")),
            },
        };
        let mut query = Vec::new();
        for (key, value) in line.query {
            if let Err(problem) = add_query(&mut query, &key, value) {
                return Err(name.unreadable(problem));
            }
        }
        let body = line.body.map(|raw| match serde_json::from_str(raw.get()) {
            Ok(text) => Body::Text(text),
            Err(_) => Body::Json(raw),
        });
        Ok(Ask {
            name,
            path,
            method,
            query,
            headers: line.headers.into_iter().collect(),
            body,
        })
    }
}

impl Ask {
    /// Whether sending it twice may do something twice (RFC 9110, section 9.2.2, and RFC 5789): POST,
    /// PATCH, and whatever method is not known.
    pub(crate) fn may_not_be_repeated(&self) -> bool {
        !self.method.is_idempotent()
    }
}

impl Name {
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

    pub(crate) fn unreadable(self, problem: impl Into<String>) -> Unreadable {
        Unreadable {
            name: self,
            problem: problem.into(),
        }
    }
}

/// A method of HTTP, in capitals as they all are: `post` would be another than POST.
pub(crate) fn method(text: &str) -> Option<Method> {
    text.to_ascii_uppercase().parse().ok()
}

/// What is wrong with a line's JSON: of its place only the column tells something.
fn broken(error: &serde_json::Error) -> String {
    let text = error.to_string();
    format!(
        "the line's JSON: {}",
        text.replace(" at line 1 column ", " at column ")
    )
}

/// The template with `{}` replaced.
fn fill(template: &str, value: &str) -> String {
    let value = utf8_percent_encode(value, SEGMENT).to_string();
    template.replace("{}", &value)
}

/// The text of a JSON string, or a number as it was written.
fn plain(raw: &RawValue) -> Option<String> {
    match raw.get().bytes().next()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'-' | b'0'..=b'9' => Some(raw.get().to_owned()),
        _ => None,
    }
}

/// A list gives its key once for each element, `null` leaves it out.
fn add_query(query: &mut Vec<(String, String)>, key: &str, value: Value) -> Result<(), String> {
    let text = match value {
        Value::Null => return Ok(()),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Array(values) => {
            return values.into_iter().try_for_each(|value| match value {
                Value::Array(_) => Err(format!("query, {key:?}: a list within a list")),
                value => add_query(query, key, value),
            });
        }
        Value::Object(_) => return Err(format!("query, {key:?}: an object has no form in a URL")),
    };
    query.push((key.to_owned(), text));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(template: Option<&str>) -> Form {
        Form {
            method: Method::GET,
            template: template.map(str::to_owned),
        }
    }

    fn ask(line: &str) -> Ask {
        form(None).read(7, line.as_bytes()).expect("a request")
    }

    fn problem(template: Option<&str>, line: &[u8]) -> String {
        form(template).read(7, line).expect_err("it is bad").problem
    }

    #[test]
    fn a_plain_line_is_a_path_and_its_number_the_id() {
        let ask = ask(" /pages/1?full=yes \r");
        assert_eq!(
            (ask.path.as_str(), ask.name.id.get()),
            ("/pages/1?full=yes", "7")
        );
        assert_eq!(ask.method, Method::GET);
    }

    #[test]
    fn json_says_everything_about_a_request() {
        let ask = ask(
            r#"{"id": 12345678901234567890123, "method": "PATCH", "path": "/a", "headers": {"X-A": "1"},
                "query": {"a": [1, true, null], "b": "x y", "c": null}, "body": {"z": 1, "a": 1e400}}"#,
        );
        assert_eq!(ask.name.id.get(), "12345678901234567890123");
        assert_eq!(ask.method, Method::PATCH);
        assert!(ask.may_not_be_repeated());
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            ask.query,
            [pair("a", "1"), pair("a", "true"), pair("b", "x y")]
        );
        assert_eq!(ask.headers, [pair("X-A", "1")]);
        let Some(Body::Json(body)) = ask.body else {
            panic!("{ask:?}")
        };
        assert_eq!(body.get(), r#"{"z": 1, "a": 1e400}"#);
    }

    #[test]
    fn methods_are_in_capitals_and_only_known_ones_may_be_repeated() {
        let ask = |method: &str| ask(&format!(r#"{{"path": "/", "method": "{method}"}}"#));
        assert_eq!(ask("post").method, Method::POST);
        for (method, may_not) in [
            ("get", false),
            ("DELETE", false),
            ("Patch", true),
            ("LOCK", true),
        ] {
            assert_eq!(ask(method).may_not_be_repeated(), may_not, "{method}");
        }
    }

    #[test]
    fn a_text_as_body_is_sent_as_it_is_and_null_is_none() {
        let body = |line| ask(line).body;
        assert!(
            matches!(body(r#"{"path": "/", "body": "a=1\n"}"#), Some(Body::Text(text)) if text == "a=1\n")
        );
        assert!(body(r#"{"path": "/", "body": null}"#).is_none());
    }

    #[test]
    fn a_template_takes_plain_lines_and_ids_without_letting_them_out_of_their_segment() {
        let form = form(Some("/pages/{}/x"));
        let path = |line: &str| form.read(1, line.as_bytes()).expect("a request").path;
        assert_eq!(path("12"), "/pages/12/x");
        assert_eq!(path("a/b?c#d%é "), "/pages/a%2Fb%3Fc%23d%25%C3%A9/x");
        assert_eq!(path(r#"{"id": 5, "method": "PUT"}"#), "/pages/5/x");
        assert_eq!(path(r#"{"id": "a b"}"#), "/pages/a%20b/x");
        assert_eq!(path(r#"{"path": "/other"}"#), "/other");
    }

    #[test]
    fn a_bad_line_is_told_in_a_sentence_with_what_is_known_of_it() {
        for (line, part) in [
            (
                "{\"path\": ",
                "the line's JSON: EOF while parsing a value at column 8",
            ),
            ("{}", "no path"),
            (r#"{"path": "/", "id": [1]}"#, "neither a text nor a number"),
            (r#"{"path": "/", "method": "G T"}"#, "not a method"),
            (r#"{"path": "/", "query": {"a": {}}}"#, "no form in a URL"),
            (
                r#"{"path": "/", "query": {"a": [[1]]}}"#,
                "list within a list",
            ),
            (r#"{"path": "/", "pth": 1}"#, "unknown field `pth`"),
        ] {
            let problem = problem(None, line.as_bytes());
            assert!(problem.contains(part), "{line}: {problem}");
        }
        assert!(problem(None, b"/\xff").contains("UTF-8"));
        assert!(problem(Some("/{}"), b"{}").contains("neither path nor id"));
        let named = form(None).read(7, br#"{"id": "x", "path": "/p", "method": "?"}"#);
        let name = named.expect_err("it is bad").name;
        assert_eq!((name.id.get(), name.path.as_deref()), ("\"x\"", Some("/p")));
    }
}
