//! What a line of input asks for.

use std::collections::BTreeMap;

use api_ratelimiter::http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::check::kind;
use crate::input::in_line;

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

/// The members of a line in JSON; `null` is as if they were not there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<Box<RawValue>>,
    method: Option<Value>,
    path: Option<Value>,
    query: Option<Box<RawValue>>,
    headers: Option<Box<RawValue>>,
    body: Option<Box<RawValue>>,
}

/// What is looked for in a line that has members of other names.
#[derive(Deserialize)]
struct Named {
    id: Option<Box<RawValue>>,
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
        let line: Line = match serde_json::from_str(text) {
            Ok(line) => line,
            Err(error) => {
                let named = serde_json::from_str(text).unwrap_or(Named { id: None });
                if let Some(id) = named.id.filter(|id| plain(id).is_some()) {
                    name.id = id;
                }
                return Err(name.unreadable(broken(&error)));
            }
        };
        let mut id_text = None;
        if let Some(id) = line.id {
            let Some(text) = plain(&id) else {
                return Err(name.unreadable("id is neither a text nor a number"));
            };
            id_text = Some(text);
            name.id = id;
        }
        let path = match line.path.map(|path| text_of("path", path)).transpose() {
            Ok(path) => path,
            Err(problem) => return Err(name.unreadable(problem)),
        };
        let path = match (path, &self.template, id_text) {
            (Some(path), _, _) => path,
            (None, Some(template), Some(id)) => fill(template, &id),
            (None, Some(_), None) => {
                return Err(name.unreadable("the line has neither path nor id"));
            }
            (None, None, _) => return Err(name.unreadable("the line has no path")),
        };
        let name = name.at(&path);
        let method = match line.method {
            None => Ok(self.method.clone()),
            Some(value) => text_of("method", value)
                .and_then(|text| method(&text).ok_or("method is not a method of HTTP".to_owned())),
        };
        let query = query(line.query.as_deref());
        let headers = headers(line.headers.as_deref());
        let (method, query, headers) = match (method, query, headers) {
            (Ok(method), Ok(query), Ok(headers)) => (method, query, headers),
            (Err(problem), _, _) | (_, Err(problem), _) | (_, _, Err(problem)) => {
                return Err(name.unreadable(problem));
            }
        };
        let body = line.body.map(|raw| match serde_json::from_str(raw.get()) {
            Ok(text) => Body::Text(text),
            Err(_) => Body::Json(raw),
        });
        Ok(Ask {
            name,
            path,
            method,
            query,
            headers,
            body,
        })
    }
}

fn query(raw: Option<&RawValue>) -> Result<Vec<(String, String)>, String> {
    let mut query = Vec::new();
    for (key, value) in members::<Box<RawValue>>("query", raw)? {
        add_query(&mut query, &key, &value)?;
    }
    Ok(query)
}

fn headers(raw: Option<&RawValue>) -> Result<Vec<(String, String)>, String> {
    let headers = members::<Value>("headers", raw)?.into_iter();
    headers
        .map(|(name, value)| {
            let value = text_of(&format!("headers, {name:?}:"), value)?;
            Ok((name, value))
        })
        .collect()
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

fn broken(error: &serde_json::Error) -> String {
    format!("the line's JSON: {}", in_line(error))
}

/// A member that has to be a text.
fn text_of(member: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(format!("{member} is {}, not a text", kind(&other))),
    }
}

/// The members of a member that has to be an object, in the order of their names.
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

/// A list gives its key once for each element, `null` leaves it out; numbers stay as they were written.
fn add_query(query: &mut Vec<(String, String)>, key: &str, value: &RawValue) -> Result<(), String> {
    let text = match value.get().bytes().next() {
        Some(b'n') => return Ok(()),
        Some(b'{') => return Err(format!("query, {key:?}: an object has no form in a URL")),
        Some(b'[') => {
            let values: Vec<Box<RawValue>> =
                serde_json::from_str(value.get()).map_err(|error| broken(&error))?;
            return values.iter().try_for_each(|value| match value.get() {
                list if list.starts_with('[') => {
                    Err(format!("query, {key:?}: a list within a list"))
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
                "query": {"a": [1.50, true, null], "b": "x y", "c": null, "d": 12345678901234567890123}, "body": {"z": 1, "a": 1e400}}"#,
        );
        assert_eq!(ask.name.id.get(), "12345678901234567890123");
        assert_eq!(ask.method, Method::PATCH);
        assert!(ask.may_not_be_repeated());
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            ask.query,
            [
                pair("a", "1.50"),
                pair("a", "true"),
                pair("b", "x y"),
                pair("d", "12345678901234567890123")
            ]
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
