//! In whose form a simulated API answers.

use std::fmt;
use std::str::FromStr;

use super::setting::SettingError;

/// The vendor in whose form a simulated API answers; as text by its name in small letters.
///
/// A vendor's shape answers every `GET` of a path that does not end in an item's id (a number, or
/// `item-` and one) with its collection, page by page, as that vendor's preset walks it:
///
/// | shape | position in | page size: default, at most | items | how it goes on | refusals |
/// |---|---|---|---|---|---|
/// | `echo` | as `notion`, under `/databases/{id}/query` alone | 100, 100 | `results` | as `notion` | 429 |
/// | `notion` | `start_cursor`: the query of a `GET`, the JSON body of a `POST` to `…/query` or `/search` | `page_size`: 100, 100 | `results` | `has_more`, `next_cursor` | 429, code `rate_limited` |
/// | `vanta` | `pageCursor` | `pageSize`: 10, 100 | `results.data` | `results.pageInfo.hasNextPage`, `.endCursor` | 429 |
/// | `fieldguide` | `page`, from 1 | `per_page`: 50, 200 | `data` | `_links.next.href` | 429 |
/// | `github` | `page`, from 1 | `per_page`: 30, 100 | the body itself | header `Link: …; rel="next"` | 403, with GitHub's message on primary or secondary limits |
///
/// A page size out of range is an error of status 400, but GitHub takes the nearest that is allowed, or
/// the default for none. What Vanta and Fieldguide say in errors is not documented: they have a
/// `message` here.
///
/// Sources: developers.notion.com (pagination, request limits), developer.vanta.com (overview), Fieldguide's
/// OpenAPI description, docs.github.com (REST: pagination, rate limits).
///
/// ```
/// use api_ratelimiter_simulator::Shape;
///
/// let shape: Shape = "github".parse()?;
/// assert_eq!(shape, Shape::GitHub);
/// assert_eq!(shape.to_string(), "github");
/// let error = "gitlab".parse::<Shape>().unwrap_err().to_string();
/// assert_eq!(error, r#""gitlab" is not a shape; it should be one of echo, notion, vanta, fieldguide, github"#);
/// # Ok::<(), api_ratelimiter_simulator::SettingError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// No vendor's: any path answers, most of them by a description of the request. The default.
    #[default]
    Echo,
    /// Notion's.
    Notion,
    /// Vanta's.
    Vanta,
    /// Fieldguide's.
    Fieldguide,
    /// GitHub's, of its REST API.
    GitHub,
}

impl Shape {
    const NAMES: [(&'static str, Self); 5] = [
        ("echo", Self::Echo),
        ("notion", Self::Notion),
        ("vanta", Self::Vanta),
        ("fieldguide", Self::Fieldguide),
        ("github", Self::GitHub),
    ];
}

impl FromStr for Shape {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        SettingError::named("a shape", text, &Self::NAMES)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::NAMES.iter().find(|(_, shape)| shape == self);
        f.pad(named.map_or("", |(name, _)| name))
    }
}
