//! The body of a page: the few values that a walk needs, and the items as text.
//!
//! A tree of the whole body would take up to eighty times the memory of its text (an object with one member
//! takes 600 bytes, and 8 as text), and a server chooses the text.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::config::field_path::FieldPath;
use crate::config::pagination::Pagination;
use crate::hash::Fnv64;

/// A body that is valid JSON.
#[derive(Debug)]
pub(super) struct PageBody<'a> {
    /// The values at the places that the style of pagination names. Lists and objects among them are empty.
    pub(super) fields: Value,
    /// The list of items, if there is one.
    pub(super) items: Option<ItemList<'a>>,
}

/// A list of items, as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemList<'a> {
    text: &'a str,
    /// Number of items.
    pub(super) count: usize,
    /// The last item.
    pub(super) last: Option<&'a RawValue>,
    /// Whether an item is a list or an object. Numbers and texts may well repeat.
    pub(super) has_records: bool,
}

impl<'a> PageBody<'a> {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// The error of a body that is not JSON, or that is nested too deeply to be read as a [`Value`].
    pub(super) fn read(body: &'a [u8], pagination: &Pagination) -> serde_json::Result<Self> {
        serde_json::from_slice::<Readable>(body)?;
        let raw: &RawValue = serde_json::from_slice(body)?;
        let places = pagination.places();
        let paths: Vec<&[String]> = places.iter().map(FieldPath::keys).collect();
        let items = at(raw, pagination.items_place().keys());
        Ok(Self {
            fields: outline(raw, &paths),
            items: items.and_then(ItemList::of),
        })
    }
}

impl<'a> ItemList<'a> {
    /// Returns the list that a value is; `None` if it is something else.
    fn of(raw: &'a RawValue) -> Option<Self> {
        let text = raw.get();
        text.starts_with('[').then(|| {
            let mut list = Self {
                text,
                count: 0,
                last: None,
                has_records: false,
            };
            for item in ItemTexts::of(text.as_bytes()) {
                list.count += 1;
                list.last = Some(item);
                list.has_records |= item.get().starts_with(['{', '[']);
            }
            list
        })
    }

    /// Returns where the list stands in the body that it was read from.
    pub(super) fn within(&self, body: &[u8]) -> Range<usize> {
        let start = self.text.as_ptr().addr() - body.as_ptr().addr();
        start..start + self.text.len()
    }

    /// Returns a fingerprint of the items; `None` if there are none.
    pub(super) fn fingerprint(&self) -> Option<u64> {
        let hash = || Fnv64::of(self.text.as_bytes()).value();
        (self.count > 0).then(hash)
    }
}

/// Returns the value at a path, without its contents if it is a list or an object.
pub(super) fn outline_at(raw: &RawValue, path: &FieldPath) -> Value {
    outline(raw, &[path.keys()])
}

/// Returns a value with nothing in it but the members on these paths.
fn outline(raw: &RawValue, paths: &[&[String]]) -> Value {
    match raw.get().as_bytes().first() {
        Some(b'[') => Value::Array(Vec::new()),
        Some(b'{') => {
            let mut fields = Map::new();
            for key in paths.iter().filter_map(|path| path.first()) {
                let below = paths.iter().filter_map(|path| path.split_first());
                let below: Vec<&[String]> = below
                    .filter(|(first, _)| *first == key)
                    .map(|(_, rest)| rest)
                    .collect();
                if let Some(value) = member(raw, key) {
                    fields.insert(key.clone(), outline(value, &below));
                }
            }
            Value::Object(fields)
        }
        _ => serde_json::from_str(raw.get()).unwrap_or_default(),
    }
}

/// Returns the value at a path.
fn at<'a>(raw: &'a RawValue, path: &[String]) -> Option<&'a RawValue> {
    path.iter().try_fold(raw, |raw, key| member(raw, key))
}

/// Returns a member of an object. If the object has the key several times, the last one counts, as in a [`Value`].
fn member<'a>(raw: &'a RawValue, key: &str) -> Option<&'a RawValue> {
    struct WantedMember<'k>(&'k str);
    impl<'de> Visitor<'de> for WantedMember<'_> {
        type Value = Option<&'de RawValue>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = None;
            while let Some(key) = map.next_key::<String>()? {
                if key == self.0 {
                    found = Some(map.next_value()?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(found)
        }
    }
    let mut text = serde_json::Deserializer::from_str(raw.get());
    text.deserialize_map(WantedMember(key)).ok().flatten()
}

/// The items of a list as text, one after the other.
pub(super) struct ItemTexts<'a> {
    rest: &'a [u8],
}

impl<'a> ItemTexts<'a> {
    /// Returns the items of a list that is valid JSON, or of its rest after a whole item.
    pub(super) fn of(list: &'a [u8]) -> Self {
        Self { rest: list }
    }

    /// Returns the rest of the list.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for ItemTexts<'a> {
    type Item = &'a RawValue;

    fn next(&mut self) -> Option<Self::Item> {
        // Before an item stands the beginning of the list, or a comma.
        let rest = self.rest.trim_ascii_start();
        let rest = rest.strip_prefix(b"[").or(rest.strip_prefix(b","))?;
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter();
        let item = values.next()?.ok()?;
        self.rest = &rest[values.byte_offset()..];
        Some(item)
    }
}

/// JSON that can be read as a [`Value`]; none is made.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ReadableVisitor)
    }
}

struct ReadableVisitor;

impl<'de> Visitor<'de> for ReadableVisitor {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E>(self, _: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Readable, A::Error> {
        while let Some(Readable) = list.next_element()? {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Readable, A::Error> {
        while let Some(key) = map.next_key::<MemberKey>()? {
            // `serde_json` gives this key a meaning of its own, and reads no `Value` from such an object.
            if key.is_private {
                return Err(A::Error::custom("a key that stands for raw text"));
            }
            map.next_value::<Readable>()?;
        }
        Ok(Readable)
    }
}

/// A key of an object.
struct MemberKey {
    /// Whether it is one that `serde_json` uses itself.
    is_private: bool,
}

impl<'de> Deserialize<'de> for MemberKey {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = MemberKey;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<MemberKey, E> {
                let is_private = key.starts_with("$serde_json::private::");
                Ok(MemberKey { is_private })
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(body: &'a str, pagination: &Pagination) -> PageBody<'a> {
        PageBody::read(body.as_bytes(), pagination).expect("JSON")
    }

    fn texts(list: &str) -> Vec<&str> {
        ItemTexts::of(list.as_bytes()).map(RawValue::get).collect()
    }

    #[test]
    fn items_are_taken_as_they_were_written() {
        assert_eq!(
            texts("[ 1.50 ,\n{\"b\":1, \"a\":[2,3]},null, \"],\" ,-1e2,[],true]"),
            [
                "1.50",
                "{\"b\":1, \"a\":[2,3]}",
                "null",
                "\"],\"",
                "-1e2",
                "[]",
                "true"
            ]
        );
        assert!(texts("[]").is_empty() && texts(" [ \n] ").is_empty());
    }

    #[test]
    fn only_the_named_fields_are_read() {
        let pagination = Pagination::cursor("c", "meta.next").more_if("meta.more");
        let pagination = pagination.items("data.items");
        let body = r#"{"meta": {"next": "x", "more": true, "other": {"a": 1}}, "big": [[[]]],
            "d\u0061ta": {"items": [{"id": 1}, 2]}}"#;
        let read = read(body, &pagination);
        let expected = serde_json::json!({
            "meta": {"next": "x", "more": true},
            "data": {"items": []},
        });
        assert_eq!(read.fields, expected);
        let items = read.items.expect("a list");
        assert_eq!((items.count, items.last.map(RawValue::get)), (2, Some("2")));
        assert_eq!(&body[items.within(body.as_bytes())], "[{\"id\": 1}, 2]");
    }

    #[test]
    fn the_last_of_several_members_with_one_key_counts() {
        let pagination = Pagination::cursor("c", "next").items("items");
        let body = r#"{"items": [1], "next": "a", "items": [2, 3], "next": "b"}"#;
        let read = read(body, &pagination);
        assert_eq!(read.fields["next"], "b");
        assert_eq!(read.items.expect("a list").count, 2);
    }

    #[test]
    fn a_body_is_valid_where_it_can_be_read_as_a_value() {
        let pagination = Pagination::link_header();
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        for body in [
            "",
            "nonsense",
            "[1",
            "[1,]",
            "{\"a\":1e400}",
            "[\"\\ud800\"]",
            "[1] 2",
            "{\"a\":1,}",
            "[\"\u{1}\"]",
            "{\"\\ud800\":1}",
            "{\"$serde_json::private::RawValue\":1}",
            &deep(100),
            &deep(127),
            &deep(128),
            &deep(100_000),
            "[1, 2.5, null, true, \"\u{fc}\", {\"a\": {}}]",
        ] {
            let is_readable = PageBody::read(body.as_bytes(), &pagination).is_ok();
            let is_value = serde_json::from_str::<Value>(body).is_ok();
            assert_eq!(is_readable, is_value, "{:.40}", body);
        }
    }
}
