//! Locations in a JSON body.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A location in a JSON body: the keys that lead there.
///
/// It is made from a text with dots between the keys, `"results.data"`, or from a list if a key contains a
/// dot, `["@odata.nextLink"]`. `""` is the body itself. In JSON it is the text or the list.
///
/// ```
/// use api_ratelimiter_core::FieldPath;
///
/// assert_eq!(FieldPath::from("a.b"), FieldPath::from(["a", "b"]));
/// assert_ne!(FieldPath::from("a.b"), FieldPath::from(["a.b"]));
/// assert_eq!(serde_json::to_string(&FieldPath::from(["a.b"])).unwrap(), r#"["a.b"]"#);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// Returns the keys, outermost first.
    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }

    /// Returns the value at this location; `None` if there is none, or `null`.
    ///
    /// # Errors
    ///
    /// Says what is wrong if a value on the way has no keys.
    pub(crate) fn find<'a>(&self, body: &'a Value) -> Result<Option<&'a Value>, String> {
        let mut found = body;
        for key in &self.0 {
            let Value::Object(fields) = found else {
                return Err(format!(
                    "{self} can't be reached: {} is on the way",
                    kind(found)
                ));
            };
            match fields.get(key) {
                None | Some(Value::Null) => return Ok(None),
                Some(value) => found = value,
            }
        }
        Ok((!found.is_null()).then_some(found))
    }

    /// Sets the value at this location, and creates missing objects on the way.
    ///
    /// # Errors
    ///
    /// Says what is wrong if the body, or a value on the way, is not an object.
    pub(crate) fn put(&self, body: &mut Value, value: Value) -> Result<(), String> {
        let mut place = body;
        for key in &self.0 {
            if place.is_null() {
                *place = Value::Object(serde_json::Map::new());
            }
            let Value::Object(fields) = place else {
                return Err(format!(
                    "{self} can't be set: {} is on the way",
                    kind(place)
                ));
            };
            place = fields.entry(key.clone()).or_insert(Value::Null);
        }
        *place = value;
        Ok(())
    }

    /// Returns the name of the parameter in a query string.
    pub(crate) fn name(&self) -> String {
        self.0.join(".")
    }
}

/// Names the type of a value, without its contents.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the body itself");
        }
        write!(f, "`{}`", self.name())
    }
}

impl fmt::Debug for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl From<&str> for FieldPath {
    fn from(text: &str) -> Self {
        if text.is_empty() {
            return Self(Vec::new());
        }
        Self(text.split('.').map(str::to_owned).collect())
    }
}

impl From<String> for FieldPath {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl<const N: usize> From<[&str; N]> for FieldPath {
    fn from(keys: [&str; N]) -> Self {
        Self(keys.into_iter().map(str::to_owned).collect())
    }
}

impl From<Vec<String>> for FieldPath {
    fn from(keys: Vec<String>) -> Self {
        Self(keys)
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = self.name();
        if Self::from(text.as_str()) == *self {
            text.serialize(to)
        } else {
            self.0.serialize(to)
        }
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a path (a text with dots, or a list of keys)")]
        enum Form {
            Text(String),
            Keys(Vec<String>),
        }
        Ok(match Form::deserialize(from)? {
            Form::Text(text) => text.into(),
            Form::Keys(keys) => keys.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_finds_the_value_and_distinguishes_nothing_from_something_else() {
        let body = json!({"a": {"b": [1], "none": null}, "x.y": 2, "text": "t"});
        for (path, expected) in [
            (FieldPath::from("a.b"), Ok(Some(json!([1])))),
            (FieldPath::from(["x.y"]), Ok(Some(json!(2)))),
            (FieldPath::from("x.y"), Ok(None)),
            (FieldPath::from("a.none"), Ok(None)),
            (FieldPath::from("a.none.deeper"), Ok(None)),
            (FieldPath::from(""), Ok(Some(body.clone()))),
            (FieldPath::from("text.deeper"), Err(())),
            (FieldPath::from("a.b.0"), Err(())),
        ] {
            let found = path.find(&body).map(|found| found.cloned()).map_err(drop);
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn putting_makes_the_objects_on_the_way() {
        let mut body = json!({"query": "q", "variables": {"first": 10}});
        FieldPath::from("variables.after")
            .put(&mut body, json!("c"))
            .expect("there is a place");
        FieldPath::from("new.deep")
            .put(&mut body, json!(1))
            .expect("there is a place");
        assert_eq!(
            body,
            json!({"query": "q", "variables": {"first": 10, "after": "c"}, "new": {"deep": 1}})
        );
        assert!(
            FieldPath::from("query.after")
                .put(&mut body, json!(1))
                .is_err()
        );
        assert!(FieldPath::from("a").put(&mut json!([]), json!(1)).is_err());
    }

    #[test]
    fn paths_go_through_json_as_texts_where_they_can() {
        for (path, text) in [
            (FieldPath::from("a.b"), r#""a.b""#),
            (FieldPath::from(""), r#""""#),
            (
                FieldPath::from(["@odata.nextLink"]),
                r#"["@odata.nextLink"]"#,
            ),
            (FieldPath::from([""]), r#"[""]"#),
        ] {
            assert_eq!(serde_json::to_string(&path).expect("JSON"), text);
            assert_eq!(
                serde_json::from_str::<FieldPath>(text).expect("a path"),
                path
            );
        }
        assert!(serde_json::from_str::<FieldPath>("7").is_err());
    }
}
