//! The structured form of limits: `RateLimit` and `RateLimit-Policy` from draft 08 on.
//!
//! draft-ietf-httpapi-ratelimit-headers-08 to -11: each field is a list of items (RFC 9651); an item is
//! a policy's name with parameters. Parsing is `sfv`'s, which is strict as the RFC wants it: a malformed
//! line yields nothing, "malformed fields MUST be ignored".

use std::convert::Infallible;
use std::time::Duration;

use sfv::visitor::{
    EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::policy::Unit;
use super::reset::LONGEST;
use crate::headers::lines::MOST_PARTS;

/// One item of either field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// The policy's name: a string, or a bare token in the drafts' older examples.
    pub(super) name: String,
    /// `pk`: whose share it is. Opaque; with another one it is another policy.
    pub(super) partition: Option<Vec<u8>>,
    /// `q`: how much is allowed in a window.
    pub(super) quota: Option<u64>,
    /// `qu`: what is counted.
    pub(super) unit: Option<Unit>,
    /// `w`: the window.
    pub(super) window: Option<Duration>,
    /// `r`: how much is left. Atlassian leaves it out while little is used.
    pub(super) remaining: Option<u64>,
    /// `t`: time until more is available; not the window's end, so no rate may be made of `r` and `t`.
    pub(super) reset: Option<Duration>,
    /// A parameter had a value that it must not have.
    malformed: bool,
}

impl Item {
    /// A policy without a name, as drafts before 08 have them.
    pub(super) fn unnamed(quota: Option<u64>, window: Option<Duration>) -> Self {
        Self {
            quota,
            window,
            ..Self::default()
        }
    }
}

/// The items of one line; `None` if it is malformed or holds something else.
pub(super) fn items(line: &str) -> Option<Vec<Item>> {
    let items = Parser::new(line)
        .parse_list_with_visitor(Items::default())
        .ok()?;
    let sound = items.iter().all(|item| !item.malformed);
    (sound && !items.is_empty()).then_some(items)
}

/// Collects the items of a list.
#[derive(Default)]
struct Items(Vec<Item>);

impl<'de> ListVisitor<'de> for Items {
    type Out = Vec<Item>;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        // What is beyond the bound is parsed like the rest and forgotten.
        self.0.truncate(MOST_PARTS);
        self.0.push(Item::default());
        Ok(self.0.last_mut().map(Collect))
    }

    fn finish(mut self) -> Result<Self::Out, Infallible> {
        self.0.truncate(MOST_PARTS);
        Ok(self.0)
    }
}

/// Fills one item from what the parser sees of it.
struct Collect<'a>(&'a mut Item);

impl<'de> EntryVisitor<'de> for Collect<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        self.0.malformed = true;
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Collect<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        name: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        match name {
            BareItemFromInput::String(name) => self.0.name = name.as_str().to_owned(),
            BareItemFromInput::Token(name) => self.0.name = name.as_str().to_owned(),
            _ => self.0.malformed = true,
        }
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Collect<'_> {
    type Out = ();
    type Error = Infallible;

    /// Takes a parameter that is known; of one that is there twice, the last (RFC 9651, section 3.1.2).
    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), Infallible> {
        let item = &mut *self.0;
        let number = || u64::try_from(i64::from(value.as_integer()?)).ok();
        let seconds = || number().map(|seconds| Duration::from_secs(seconds).min(LONGEST));
        let well = match key.as_str() {
            "q" => fill(&mut item.quota, number()),
            "w" => fill(&mut item.window, seconds()),
            "r" => fill(&mut item.remaining, number()),
            "t" => fill(&mut item.reset, seconds()),
            "qu" => fill(
                &mut item.unit,
                value.as_string().map(|unit| Unit::named(unit.as_str())),
            ),
            "pk" => fill(
                &mut item.partition,
                value.as_byte_sequence().map(<[u8]>::to_vec),
            ),
            _ => true,
        };
        item.malformed |= !well;
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// Sets a parameter, and says whether its value was of the right kind.
fn fill<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let well = value.is_some();
    *place = value;
    well
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parameters_are_read() {
        let items =
            items(r#""a \"b\"";q=100;w=10;qu="content-bytes";pk=:QUI=:;other=?1, c;r=0;t=5"#);
        let first = Item {
            name: "a \"b\"".to_owned(),
            partition: Some(b"AB".to_vec()),
            quota: Some(100),
            unit: Some(Unit::ContentBytes),
            window: Some(Duration::from_secs(10)),
            ..Item::default()
        };
        let second = Item {
            name: "c".to_owned(),
            remaining: Some(0),
            reset: Some(Duration::from_secs(5)),
            ..Item::default()
        };
        assert_eq!(items, Some(vec![first, second]));
    }

    #[test]
    fn a_malformed_line_yields_nothing() {
        let lines = [
            "",
            "limit=100, remaining=50",
            "\"a;r=0;t=10",
            "\"a\";r=abc",
            "\"a\";r=-1",
            "\"a\";r=1.5",
            "\"a\";t=\"5\"",
            "\"a\";r",
            "\"a\";r=1,",
            "(\"a\" \"b\");r=1",
            "12;w=1",
            "\"a\";R=1",
            "\"a\";r=1234567890123456",
            "\"a\";pk=QQ",
            "\"é\";r=1",
        ];
        for line in lines {
            assert_eq!(items(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_partition_key_with_stray_bits_is_kept() {
        // The draft's own examples are such.
        let items = items("\"peruser\";r=30000;pk=:sdfjLJUOUH==:").unwrap_or_default();
        assert!(items.iter().all(|item| item.partition.is_some()) && items.len() == 1);
    }

    #[test]
    fn the_number_of_items_is_bounded() {
        let line = vec!["a;r=1"; 1000].join(",");
        assert_eq!(items(&line).map(|items| items.len()), Some(MOST_PARTS));
    }
}
