//! Positions: where a page starts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::config::field_path::kind;
use crate::hash::Fnv64;

/// Where the next page of a walk starts: plain data that can be stored, to continue later.
///
/// The JSON contains the cursor, or the path and query of the URL, in full. An API may treat these as secret,
/// so store a position as you store the data. `Debug` shows a fingerprint only.
///
/// A position belongs to one path and one style of pagination; continuing elsewhere is an error. The API
/// decides how long a cursor stays valid.
///
/// ```
/// use api_ratelimiter_core::Position;
///
/// let stored = r#"{"style":"cursor","path":"/v1/users","page":3,"at":{"cursor":"c-3"}}"#;
/// let position: Position = serde_json::from_str(stored)?;
/// assert_eq!(serde_json::to_string(&position)?, stored);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Name of the style of pagination.
    pub(super) style: Box<str>,
    /// Path of the first request.
    pub(super) path: Box<str>,
    /// Number of the page, from 1.
    pub(super) page: u64,
    /// Contents of the request for the page.
    pub(super) at: PageStart,
}

/// Contents of the next request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PageStart {
    /// Nothing: the request as it was given.
    Start,
    /// A cursor of the server.
    Cursor(Cursor),
    /// The number of a page, or an offset.
    Number(u64),
    /// Path and query, relative to the origin.
    Url(Box<str>),
    /// Nothing: there is no next page.
    End,
}

/// The API's own name for the start of a page. A few APIs use numbers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Cursor {
    Text(Box<str>),
    Number(Number),
}

/// Maximum length of a cursor or URL, in bytes: as long as a URL that can be sent, and small enough for many
/// positions in memory.
pub(super) const LONGEST: usize = 64 * 1024;

impl Position {
    /// Returns the number of the page that starts here, counted from 1 in its walk.
    #[must_use]
    pub fn page(&self) -> u64 {
        self.page
    }

    /// Returns whether the walk has ended, so that no page follows.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.at == PageStart::End
    }
}

impl Cursor {
    /// Reads a JSON value as a cursor; an empty text is none.
    ///
    /// # Errors
    ///
    /// Says what the value is if it is neither a text nor a whole number, or too long.
    pub(super) fn of(value: &Value) -> Result<Option<Self>, String> {
        match value {
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) if text.len() > LONGEST => {
                Err(format!("is a text of {} bytes", text.len()))
            }
            Value::String(text) => Ok(Some(Self::Text(text.as_str().into()))),
            Value::Number(number) if !number.is_f64() => Ok(Some(Self::Number(number.clone()))),
            other => Err(format!("is {}", kind(other))),
        }
    }

    /// Returns the cursor as it stands in a query.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Number(number) => number.to_string(),
        }
    }

    /// Returns the cursor as it stands in a JSON body.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.to_string()),
            Self::Number(number) => Value::Number(number.clone()),
        }
    }
}

impl PageStart {
    /// Returns a number that tells two starts apart; `None` if the server did not name the start.
    pub(super) fn fingerprint(&self) -> Option<u64> {
        match self {
            Self::Cursor(cursor) => Some(Fnv64::of(cursor.text().as_bytes()).value()),
            Self::Url(url) => Some(Fnv64::of(url.as_bytes()).value()),
            Self::Start | Self::Number(_) | Self::End => None,
        }
    }
}

/// Shows a fingerprint in the place of cursors and queries, which may be secret. It tells two of them apart.
impl fmt::Display for PageStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, length) = match self {
            Self::Start => return f.write_str("the beginning"),
            Self::End => return f.write_str("the end"),
            Self::Number(number) => return write!(f, "{number}"),
            Self::Cursor(cursor) => ("cursor", cursor.text().len()),
            Self::Url(url) => ("URL", url.len()),
        };
        let fingerprint = self.fingerprint().unwrap_or_default() >> 32;
        write!(f, "{what} of {length} bytes ({fingerprint:08x})")
    }
}

impl fmt::Debug for PageStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Position")
            .field("style", &self.style)
            .field("path", &self.path)
            .field("page", &self.page)
            .field("at", &self.at)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(at: PageStart) -> Position {
        Position {
            style: "cursor".into(),
            path: "/v1/users".into(),
            page: 3,
            at,
        }
    }

    #[test]
    fn positions_are_plain_json() {
        for (at, text) in [
            (PageStart::Start, r#""start""#),
            (PageStart::End, r#""end""#),
            (
                PageStart::Number(u64::MAX),
                r#"{"number":18446744073709551615}"#,
            ),
            (
                PageStart::Cursor(Cursor::Text("c".into())),
                r#"{"cursor":"c"}"#,
            ),
            (
                PageStart::Cursor(Cursor::Number(7.into())),
                r#"{"cursor":7}"#,
            ),
            (
                PageStart::Url("/v1/users?a=b".into()),
                r#"{"url":"/v1/users?a=b"}"#,
            ),
        ] {
            let position = position(at);
            let json = serde_json::to_string(&position).expect("JSON");
            let expected =
                format!(r#"{{"style":"cursor","path":"/v1/users","page":3,"at":{text}}}"#);
            assert_eq!(json, expected);
            assert_eq!(
                serde_json::from_str::<Position>(&json).expect("a position"),
                position
            );
        }
        assert!(
            serde_json::from_str::<Position>(
                r#"{"style":"cursor","path":"/","page":1,"at":"start","x":1}"#
            )
            .is_err()
        );
    }

    #[test]
    fn debug_shows_no_cursor_and_no_query() {
        for at in [
            PageStart::Cursor(Cursor::Text("hunter2".into())),
            PageStart::Url("/v1/users?token=hunter2".into()),
        ] {
            let shown = format!("{:?} {:?} {at}", position(at.clone()), at);
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("bytes"), "{shown}");
        }
    }

    #[test]
    fn texts_and_whole_numbers_are_cursors_and_nothing_else_is() {
        use serde_json::json;
        for (value, expected) in [
            (json!("c"), Ok(Some("c".to_owned()))),
            (json!(""), Ok(None)),
            (json!(-7), Ok(Some("-7".to_owned()))),
            (json!(u64::MAX), Ok(Some(u64::MAX.to_string()))),
            (json!(1.5), Err(())),
            (json!(true), Err(())),
            (json!([]), Err(())),
            (json!({"a": 1}), Err(())),
            (json!("x".repeat(LONGEST + 1)), Err(())),
        ] {
            let found = Cursor::of(&value).map(|cursor| cursor.map(|cursor| cursor.text()));
            assert_eq!(found.map_err(drop), expected);
        }
    }
}
