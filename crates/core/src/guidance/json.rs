//! Visits the values at the start of a JSON text, each with its path, as far as the text goes.
//!
//! It is a visitor for `serde_json`. It keeps nothing and bounds the depth (128). A truncated text is an
//! error only after all values before its end were visited.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// Longest key, in bytes, that a path contains. No rule has a longer one.
pub(super) const LONGEST_KEY: usize = 64;

/// Key under which `serde_json` returns numbers if a crate in the build has enabled its feature
/// `arbitrary_precision`. The number's text is then the only value of an object with this key.
const EXACT_NUMBER: &str = "$serde_json::private::Number";

/// Calls `seen` for every value that is not a list or object, with its path: `errors.*.extensions.code`,
/// where `*` stands for any position in a list.
///
/// Returns whether the text is JSON as a whole.
pub(super) fn walk(text: &[u8], seen: &mut dyn FnMut(&str, &Scalar<'_>)) -> bool {
    let walk = Walker {
        path: &mut String::new(),
        seen,
    };
    // The text may be truncated or not be JSON. Values before the error count.
    walk.deserialize(&mut serde_json::Deserializer::from_slice(text))
        .is_ok()
}

/// Prefixes by which servers keep their JSON from being run as a script: Google's and Gerrit's, Facebook's.
const GUARDS: [&[u8]; 3] = [b")]}'", b"for(;;);", b"while(1);"];

/// Returns the beginning of a body as JSON text: from its first bracket, without a byte order mark and a guard
/// against scripts before it. Characters that are not UTF-8 are replaced, because words of ASCII can still be found
/// beside them.
///
/// # Errors
///
/// The problem of a body that is no object or list of JSON in UTF-8.
pub(super) fn text(body: &[u8]) -> Result<Cow<'_, str>, &'static str> {
    // ASCII in UTF-16 or UTF-32 has zeros among its first bytes.
    let first = &body[..body.len().min(4)];
    if first.contains(&0) || first.starts_with(b"\xfe\xff") || first.starts_with(b"\xff\xfe") {
        return Err("is not UTF-8");
    }
    let body = unguarded(body);
    match body.first() {
        Some(b'{' | b'[') => Ok(String::from_utf8_lossy(body)),
        _ => Err("is not JSON"),
    }
}

/// Returns whether a body that begins like this may be JSON of an object or list.
#[must_use]
pub fn may_be_json(beginning: &[u8]) -> bool {
    let rest = unguarded(beginning);
    let is_part_of_guard = GUARDS.iter().any(|guard| guard.starts_with(rest));
    is_part_of_guard || b"\xef\xbb\xbf".starts_with(rest) || matches!(rest[0], b'{' | b'[')
}

/// Returns a text without what may come before its JSON.
fn unguarded(body: &[u8]) -> &[u8] {
    // A parser may ignore a byte order mark (RFC 8259, section 8.1).
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let body = body.trim_ascii_start();
    let behind = GUARDS.iter().find_map(|guard| body.strip_prefix(*guard));
    behind.map_or(body, |rest| {
        let rest = rest.strip_prefix(b",").unwrap_or(rest);
        rest.trim_ascii_start()
    })
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

    #[test]
    fn the_text_of_a_body_begins_with_its_bracket() {
        for body in [
            &b"{\"a\":1}"[..],
            b"\xef\xbb\xbf \r\n\t{\"a\":1}",
            b")]}'\n{\"a\":1}",
            b")]}',\n{\"a\":1}",
            b"for(;;);{\"a\":1}",
        ] {
            assert_eq!(text(body).as_deref(), Ok(r#"{"a":1}"#));
            let is_open = (0..body.len()).all(|end| may_be_json(&body[..end]));
            assert!(is_open, "{}", body.escape_ascii());
        }
        assert_eq!(
            text(b"{\"a\":\"\xe9\"}").as_deref(),
            Ok("{\"a\":\"\u{fffd}\"}")
        );
        for (body, problem) in [
            (&b"<html>"[..], "is not JSON"),
            (b"", "is not JSON"),
            (b"\"text\"", "is not JSON"),
            (b"\xff\xfe{\0", "is not UTF-8"),
            (b"\0{\0\"", "is not UTF-8"),
            (b"{\0\"\0", "is not UTF-8"),
        ] {
            assert_eq!(text(body), Err(problem));
        }
        assert!(!may_be_json(b"<html>") && !may_be_json(b"data: {}") && !may_be_json(b"PK\x03"));
    }
}
