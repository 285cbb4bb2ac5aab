//! Limits in structured fields: `RateLimit` and `RateLimit-Policy` from draft 08 on.
//!
//! In draft-ietf-httpapi-ratelimit-headers-08 to -11 each field is a list of items (RFC 9651), and an item is
//! a policy's name with parameters. `sfv` parses them strictly, as the RFC demands: an invalid line has no
//! items, because "malformed fields MUST be ignored".

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
    /// `pk`: the partition that the amounts are for. It is opaque; another key is another policy.
    pub(super) partition: Option<Vec<u8>>,
    /// `q`: amount that is allowed per window.
    pub(super) quota: Option<u64>,
    /// `qu`: what is counted.
    pub(super) unit: Option<Unit>,
    /// `w`: the window.
    pub(super) window: Option<Duration>,
    /// `r`: amount that is left. Atlassian omits it while little is used.
    pub(super) remaining: Option<u64>,
    /// `t`: time until more is available. It is not the end of the window, so `r` divided by `t` is not a
    /// rate.
    pub(super) reset: Option<Duration>,
    /// Whether a parameter has an invalid value.
    malformed: bool,
}

impl Item {
    /// Returns a policy without a name, as drafts before 08 have them.
    pub(super) fn unnamed(quota: Option<u64>, window: Option<Duration>) -> Self {
        Self {
            quota,
            window,
            ..Self::default()
        }
    }
}

/// Parses the items of one line; `None` if it is invalid or contains something else.
pub(super) fn items(line: &str) -> Option<Vec<Item>> {
    let items = Parser::new(line)
        .parse_list_with_visitor(Items::default())
        .ok()?;
    let sound = items.iter().all(|item| !item.malformed);
    (sound && !items.is_empty()).then_some(items)
}

/// Collects the items of a list. The associated types `Out` are those of `sfv`'s traits.
#[derive(Default)]
struct Items(Vec<Item>);

impl<'de> ListVisitor<'de> for Items {
    type Out = Vec<Item>;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        // Items beyond the bound are parsed and dropped.
        self.0.truncate(MOST_PARTS);
        self.0.push(Item::default());
        Ok(self.0.last_mut().map(Collect))
    }

    fn finish(mut self) -> Result<Self::Out, Infallible> {
        self.0.truncate(MOST_PARTS);
        Ok(self.0)
    }
}

/// Fills one item with what the parser visits.
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

    /// Sets a known parameter. If it occurs twice, the last one counts (RFC 9651, section 3.1.2).
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

/// Sets a parameter, and returns whether its value had the right type.
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
        // The draft's own examples look like this.
        let items = items("\"peruser\";r=30000;pk=:sdfjLJUOUH==:").unwrap_or_default();
        assert!(items.iter().all(|item| item.partition.is_some()) && items.len() == 1);
    }

    #[test]
    fn the_number_of_items_is_bounded() {
        let line = vec!["a;r=1"; 1000].join(",");
        assert_eq!(items(&line).map(|items| items.len()), Some(MOST_PARTS));
    }
}
