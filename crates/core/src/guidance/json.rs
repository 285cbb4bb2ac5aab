//! Visits the values at the start of a JSON text, each with its path, as far as the text goes.
//!
//! It is a visitor for `serde_json`. It keeps nothing and bounds the depth (128). A truncated text is an
//! error only after all values before its end were visited.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Longest key, in bytes, that a path contains. No rule has a longer one.
const LONGEST_KEY: usize = 64;

/// Key under which `serde_json` returns numbers if a crate in the build has enabled its feature
/// `arbitrary_precision`. The number's text is then the only value of an object with this key.
const EXACT_NUMBER: &str = "$serde_json::private::Number";

/// Calls `seen` for every value that is not a list or object, with its path: `errors.*.extensions.code`,
/// where `*` stands for any position in a list.
pub(super) fn walk(text: &[u8], seen: &mut dyn FnMut(&str, &Scalar<'_>)) {
    let walk = Walker {
        path: &mut String::new(),
        seen,
    };
    // The text may be truncated or not be JSON. Values before the error count.
    let _ = walk.deserialize(&mut serde_json::Deserializer::from_slice(text));
}

/// A value that is not a list or object.
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(f64),
    Whole(u64),
    Flag(bool),
}

impl Scalar<'_> {
    /// Returns the value as text; a number as its digits, however it was written.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text.trim()),
            Self::Number(number) => Cow::Owned(number.to_string()),
            Self::Whole(number) => Cow::Owned(number.to_string()),
            Self::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        }
    }

    /// Returns the value as a number, if it is one.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Whole(number) => Some(*number as f64),
            Self::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Flag(_) => None,
        }
    }
}

/// Visits the value at a path.
struct Walker<'a> {
    path: &'a mut String,
    seen: &'a mut dyn FnMut(&str, &Scalar<'_>),
}

impl<'de> DeserializeSeed<'de> for Walker<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walker<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        (self.seen)(self.path, &Scalar::Flag(flag));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        (self.seen)(self.path, &Scalar::Number(number as f64));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        (self.seen)(self.path, &Scalar::Whole(number));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        (self.seen)(self.path, &Scalar::Number(number));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        (self.seen)(self.path, &Scalar::Text(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let length = self.path.len();
        self.path.push_str(if length > 0 { ".*" } else { "*" });
        while list
            .next_element_seed(Walker {
                path: &mut *self.path,
                seen: &mut *self.seen,
            })?
            .is_some()
        {}
        self.path.truncate(length);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let length = self.path.len();
        while map.next_key_seed(Key(&mut *self.path))?.is_some() {
            map.next_value_seed(Walker {
                path: &mut *self.path,
                seen: &mut *self.seen,
            })?;
            self.path.truncate(length);
        }
        Ok(())
    }
}

/// Appends an object's key to the path.
struct Key<'a>(&'a mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        if key == EXACT_NUMBER {
            return Ok(());
        }
        if !self.0.is_empty() {
            self.0.push('.');
        }
        // A key that no rule can contain must not look like the steps of a path.
        let known = key.len() <= LONGEST_KEY && !key.contains(['.', '*']);
        self.0.push_str(if known { key } else { "?" });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        walk(text.as_bytes(), &mut |path, value| {
            seen.push(format!("{path}={}", value.text()))
        });
        seen
    }

    #[test]
    fn every_value_is_seen_with_its_path() {
        let text = r#"{"a":1,"b":{"c":["x",{"d":true}],"e":null},"f":-2.5,"g":[[0.529]]}"#;
        assert_eq!(
            seen(text),
            ["a=1", "b.c.*=x", "b.c.*.d=true", "f=-2.5", "g.*.*=0.529"]
        );
        assert_eq!(seen("[7]"), ["*=7"]);
        assert_eq!(seen("7"), ["=7"]);
    }

    #[test]
    fn a_text_that_breaks_off_is_seen_up_to_there() {
        assert_eq!(seen(r#"{"a":1,"b":{"c":2,"d":"unfini"#), ["a=1", "b.c=2"]);
        assert_eq!(seen(r#"{"a":1} and more"#), ["a=1"]);
        assert_eq!(seen("<html>"), Vec::<String>::new());
        assert_eq!(seen(&"[".repeat(60_000)), Vec::<String>::new());
    }

    #[test]
    fn a_key_cannot_pretend_to_be_a_path() {
        assert_eq!(seen(r#"{"error.code":"x","*":1}"#), ["?=x", "?=1"]);
        assert_eq!(seen(&format!(r#"{{"{}":1}}"#, "k".repeat(1000))), ["?=1"]);
    }

    #[test]
    fn exact_numbers_are_numbers() {
        assert_eq!(
            seen(r#"{"a":{"$serde_json::private::Number":"1.5"}}"#),
            ["a=1.5"]
        );
    }
}
