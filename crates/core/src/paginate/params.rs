//! Parameters of a request: in its query string or in its JSON body.

use std::sync::Arc;

use http::{HeaderValue, Method, header};
use serde_json::Value;

use crate::config::field_path::FieldPath;
use crate::config::pagination::ParameterLocation;
use crate::request::RequestParts;
use crate::url::{Address, form_encode};

impl ParameterLocation {
    /// Returns whether the parameter goes into the body.
    fn is_body(self, method: &Method) -> bool {
        match self {
            Self::Query => false,
            Self::Body => true,
            Self::ByMethod => !matches!(*method, Method::GET | Method::HEAD),
        }
    }

    /// Returns the value of a parameter in a request.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the body.
    pub(super) fn get(
        self,
        parts: &RequestParts,
        name: &FieldPath,
    ) -> Result<Option<Value>, String> {
        if self.is_body(&parts.method) {
            return Ok(name.find(&json_body(parts)?)?.cloned());
        }
        let (_, query) = path_and_query(&parts.address)?;
        let wanted = name.name();
        let found = pairs(&query).find(|pair| decoded(key(pair)) == wanted);
        Ok(found.map(|pair| {
            let value = pair.split_once('=').map_or("", |(_, value)| value);
            Value::String(decoded(value))
        }))
    }

    /// Sets a parameter of a request, exactly once.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the body, or with the resulting address.
    pub(super) fn set(
        self,
        parts: &mut RequestParts,
        name: &FieldPath,
        value: Value,
    ) -> Result<(), String> {
        if self.is_body(&parts.method) {
            let mut body = json_body(parts)?;
            name.put(&mut body, value)?;
            parts.body = Some(Arc::from(body.to_string().into_bytes()));
            parts
                .headers
                .entry(header::CONTENT_TYPE)
                .or_insert(HeaderValue::from_static("application/json"));
            return Ok(());
        }
        let (_, query) = path_and_query(&parts.address)?;
        let wanted = name.name();
        let mut changed = String::from("?");
        for pair in pairs(&query).filter(|pair| decoded(key(pair)) != wanted) {
            changed.push_str(pair);
            changed.push('&');
        }
        form_encode(&mut changed, &wanted);
        changed.push('=');
        form_encode(
            &mut changed,
            &match value {
                Value::String(text) => text,
                other => other.to_string(),
            },
        );
        parts.address = parts.address.resolve(&changed)?;
        Ok(())
    }
}

/// Returns the path and the query of an address, as they are sent.
pub(super) fn path_and_query(address: &Address) -> Result<(String, String), String> {
    let uri = address.to_uri()?;
    Ok((
        uri.path().to_owned(),
        uri.query().unwrap_or_default().to_owned(),
    ))
}

/// Parses the body as a JSON object; an empty body is an empty object.
///
/// # Errors
///
/// If the body is something else: a position can only be set in an object.
fn json_body(parts: &RequestParts) -> Result<Value, String> {
    let body = parts.body.as_deref().unwrap_or_default();
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
        _ => Err(
            "the body is not a JSON object, so it can't contain the position of the next page"
                .into(),
        ),
    }
}

/// Splits a query into its pairs.
fn pairs(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|pair| !pair.is_empty())
}

fn key(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(key, _)| key)
}

/// Decodes `application/x-www-form-urlencoded`. Bytes that are not UTF-8 are replaced, as servers do.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
        let escaped = hex(at + 1)
            .zip(hex(at + 2))
            .and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let (byte, length) = match (byte, escaped) {
            (b'%', Some(escaped)) => (escaped, 3),
            (b'+', _) => (b' ', 1),
            _ => (byte, 1),
        };
        out.push(byte);
        at += length;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::step_tests::parts;
    use super::*;

    #[test]
    fn a_parameter_of_the_query_is_replaced_and_the_others_stay_as_they_are() {
        for (url, name, value, expected) in [
            ("http://h/a", "page", json!(2), "http://h/a?page=2"),
            (
                "http://h/a?page=1&x=%C3%BC",
                "page",
                json!(2),
                "http://h/a?x=%C3%BC&page=2",
            ),
            (
                "http://h/a?page=1&&page=7",
                "page",
                json!(2),
                "http://h/a?page=2",
            ),
            (
                "http://h/a?p%61ge=1&pages=3",
                "page",
                json!(2),
                "http://h/a?pages=3&page=2",
            ),
            (
                "http://h/a?page[size]=5",
                "page[after]",
                json!("a&b=c #d+e/é"),
                "http://h/a?page[size]=5&page%5Bafter%5D=a%26b%3Dc%20%23d%2Be%2F%C3%A9",
            ),
            (
                "http://h/a?flag",
                "cursor",
                json!(-5),
                "http://h/a?flag&cursor=-5",
            ),
        ] {
            let mut parts = parts(Method::GET, url, None);
            ParameterLocation::ByMethod
                .set(&mut parts, &FieldPath::from([name]), value)
                .expect("it can be set");
            assert_eq!(parts.address.to_uri().expect("valid").to_string(), expected);
        }
    }

    #[test]
    fn a_parameter_of_the_query_is_read_decoded() {
        let parts = parts(Method::GET, "http://h/a?x=1&q=a+b%2Bc%zz&q=2&empty", None);
        for (name, expected) in [
            ("x", Some(json!("1"))),
            ("q", Some(json!("a b+c%zz"))),
            ("empty", Some(json!(""))),
            ("none", None),
        ] {
            let found = ParameterLocation::Query
                .get(&parts, &name.into())
                .expect("a query");
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn a_parameter_of_the_body_stands_beside_the_others() {
        for (body, expected) in [
            (None, json!({"at": {"cursor": "c"}})),
            (Some(""), json!({"at": {"cursor": "c"}})),
            (
                Some(r#"{"size": 5, "at": {"cursor": "b"}}"#),
                json!({"size": 5, "at": {"cursor": "c"}}),
            ),
        ] {
            let mut parts = parts(Method::POST, "http://h/a?x=1", body);
            let name = FieldPath::from("at.cursor");
            ParameterLocation::ByMethod
                .set(&mut parts, &name, json!("c"))
                .expect("it can be set");
            let body: Value =
                serde_json::from_slice(parts.body.as_deref().expect("a body")).expect("JSON");
            assert_eq!(body, expected);
            assert_eq!(parts.headers[header::CONTENT_TYPE], "application/json");
            assert_eq!(
                parts.address.to_uri().expect("valid").to_string(),
                "http://h/a?x=1"
            );
        }
    }

    #[test]
    fn a_body_that_is_no_object_cannot_carry_a_position() {
        for body in ["[1]", "a=b", "7", r#"{"at": 7}"#] {
            let mut parts = parts(Method::POST, "http://h/a", Some(body));
            let name = FieldPath::from("at.cursor");
            assert!(
                ParameterLocation::ByMethod
                    .set(&mut parts, &name, json!("c"))
                    .is_err(),
                "{body}"
            );
        }
    }
}
