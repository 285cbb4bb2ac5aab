//! How an API splits collections into pages, as data.

use serde::{Deserialize, Serialize};

use super::field_path::FieldPath;

/// Describes how an API splits a collection into pages: where the items are, where the next page begins, and
/// what announces that there is one.
///
/// Locations in a response are [`FieldPath`]s, such as `"response_metadata.next_cursor"`. In JSON a style is
/// a plain object; unknown fields are an error.
///
/// # Default
///
/// Each constructor leaves these defaults:
///
/// - The location of the items is unknown. Give it here by [`items`](Self::items), or for one walk by the
///   `items_at` of the library's `Pages`.
/// - The position travels in the query of a GET, and in the JSON body of every other method.
/// - The walk ends with a response that names no next page or, for styles that count, with the first empty
///   page.
///
/// ```
/// use api_ratelimiter_core::Pagination;
///
/// let style = Pagination::cursor("start_cursor", "next_cursor").more_if("has_more").items("results");
/// let json = serde_json::to_string(&style).unwrap();
/// assert_eq!(
///     json,
///     r#"{"next":{"cursor":{"parameter":"start_cursor","from":"next_cursor"}},"items":"results","more":{"flag":"has_more"},"place":"by_method"}"#
/// );
/// assert_eq!(serde_json::from_str::<Pagination>(&json).unwrap(), style);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pagination {
    pub(crate) next: Style,
    #[serde(default)]
    pub(crate) items: Option<FieldPath>,
    #[serde(default)]
    pub(crate) more: Option<More>,
    #[serde(default)]
    pub(crate) place: ParameterLocation,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) may_lack_items: bool,
}

/// Kind of the next page's position, and its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Style {
    /// A cursor that the response contains.
    Cursor {
        parameter: FieldPath,
        from: FieldPath,
    },
    /// The id of the page's last item.
    LastItem {
        parameter: FieldPath,
        /// Location in the item.
        id: FieldPath,
    },
    /// The number of the page.
    PageNumber {
        parameter: FieldPath,
        #[serde(default = "one")]
        first: u64,
    },
    /// The number of items in the pages before.
    Offset { parameter: FieldPath },
    /// The URL in the header `Link`.
    LinkHeader,
    /// A URL that the body contains.
    Url { from: FieldPath },
}

/// The value in a response that says whether more pages follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum More {
    /// `true` here: more pages follow.
    Flag(FieldPath),
    /// `true` here: this page is the last.
    LastFlag(FieldPath),
    /// Any value here: more pages follow.
    Present(FieldPath),
    /// The number of pages in all; for offsets, of items in all.
    Total(FieldPath),
    /// A page with fewer items than this parameter of the request asks for is the last.
    ShortPage(FieldPath),
}

/// Where in a request the position goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ParameterLocation {
    /// In the query of a GET, in the body of every other method.
    #[default]
    ByMethod,
    /// In the query string.
    Query,
    /// In the JSON body.
    Body,
}

/// Number of the first page unless an API counts from another.
const fn one() -> u64 {
    1
}

impl Pagination {
    /// Creates a style with all defaults.
    fn new(next: Style) -> Self {
        Self {
            next,
            items: None,
            more: None,
            place: ParameterLocation::default(),
            may_lack_items: false,
        }
    }

    /// Continues with a cursor: each response contains one at `from`, and the next request carries it as
    /// `parameter`.
    ///
    /// No cursor there, `null` or an empty text is the end. So is the number 0, if nothing else says that
    /// pages follow.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let slack = Pagination::cursor("cursor", "response_metadata.next_cursor").in_query();
    /// let vanta = Pagination::cursor("pageCursor", "results.pageInfo.endCursor")
    ///     .more_if("results.pageInfo.hasNextPage")
    ///     .items("results.data");
    /// ```
    #[must_use]
    pub fn cursor(parameter: impl Into<FieldPath>, from: impl Into<FieldPath>) -> Self {
        Self::new(Style::Cursor {
            parameter: parameter.into(),
            from: from.into(),
        })
    }

    /// Continues after the last item: the next request carries the last item's `id` as `parameter`. An empty
    /// page is the end.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let stripe = Pagination::last_item("starting_after", "id").more_if("has_more").items("data");
    /// ```
    #[must_use]
    pub fn last_item(parameter: impl Into<FieldPath>, id: impl Into<FieldPath>) -> Self {
        Self::new(Style::LastItem {
            parameter: parameter.into(),
            id: id.into(),
        })
    }

    /// Counts pages from 1, or from the number that the first request carries. An empty page is the end.
    ///
    /// If a page has the same objects as the page before, the walk ends with an error, because the API does
    /// not know the parameter.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let fieldguide = Pagination::page_number("page").more_if_present("_links.next").items("data");
    /// ```
    #[must_use]
    pub fn page_number(parameter: impl Into<FieldPath>) -> Self {
        Self::new(Style::PageNumber {
            parameter: parameter.into(),
            first: one(),
        })
    }

    /// Counts items: the next request carries the number of items in all pages before as `parameter`. An
    /// empty page is the end.
    ///
    /// Pages may differ in size.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let jira = Pagination::offset("startAt").total("total").items("issues");
    /// ```
    #[must_use]
    pub fn offset(parameter: impl Into<FieldPath>) -> Self {
        Self::new(Style::Offset {
            parameter: parameter.into(),
        })
    }

    /// Follows the header `Link: <…>; rel="next"` (RFC 8288). The items are the body itself unless
    /// [`items`](Self::items) names another location.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let github = Pagination::link_header();
    /// ```
    #[must_use]
    pub fn link_header() -> Self {
        Self::new(Style::LinkHeader).items("")
    }

    /// Follows the URL that each response contains at `from`. No URL there, `null` or an empty text is the
    /// end.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let graph = Pagination::next_url(["@odata.nextLink"]).items("value");
    /// ```
    #[must_use]
    pub fn next_url(from: impl Into<FieldPath>) -> Self {
        Self::new(Style::Url { from: from.into() })
    }

    /// Sets the location of the array of items in a response; `""` is the body itself. Defaults to unknown,
    /// for APIs where the location depends on the path.
    #[must_use]
    pub fn items(mut self, at: impl Into<FieldPath>) -> Self {
        self.items = Some(at.into());
        self
    }

    /// Accepts an object without a value, or with `null`, at the location of the items as an empty page. By
    /// default that is an error.
    ///
    /// For servers that leave out empty lists: Google's, whose JSON is made from protocol buffers
    /// (protobuf.dev, ProtoJSON), and many that are written in Go. Not for APIs that report errors with
    /// status 200, because such a response would count as an empty page.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let gmail = Pagination::cursor("pageToken", "nextPageToken").items("messages").may_lack_items();
    /// ```
    #[must_use]
    pub fn may_lack_items(mut self) -> Self {
        self.may_lack_items = true;
        self
    }

    /// Continues while the value at `at` is `true`, and ends with `false`. Any other value is an error.
    #[must_use]
    pub fn more_if(self, at: impl Into<FieldPath>) -> Self {
        self.ends_by(More::Flag(at.into()))
    }

    /// Ends when the value at `at` is `true`, and continues with `false`. Any other value is an error.
    #[must_use]
    pub fn last_if(self, at: impl Into<FieldPath>) -> Self {
        self.ends_by(More::LastFlag(at.into()))
    }

    /// Continues while there is a link, object, text or number at `at`. No value, `null`, `false` or an empty
    /// text is the end.
    #[must_use]
    pub fn more_if_present(self, at: impl Into<FieldPath>) -> Self {
        self.ends_by(More::Present(at.into()))
    }

    /// Ends after the number of pages at `at` or, for [`offset`](Self::offset), after that number of items.
    /// Only for [`page_number`](Self::page_number) and [`offset`](Self::offset).
    #[must_use]
    pub fn total(self, at: impl Into<FieldPath>) -> Self {
        self.ends_by(More::Total(at.into()))
    }

    /// Ends with a page that has fewer items than the request asks for by `size_parameter`. Only for
    /// [`page_number`](Self::page_number), [`offset`](Self::offset) and [`last_item`](Self::last_item).
    ///
    /// This saves the request that would find an empty page. **Do not ask for more items than the API returns
    /// at once:** if it returns 100 of the 200 items asked for, the walk ends after the first page.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let style = Pagination::page_number("page").until_short_page("per_page").items("data");
    /// ```
    #[must_use]
    pub fn until_short_page(self, size_parameter: impl Into<FieldPath>) -> Self {
        self.ends_by(More::ShortPage(size_parameter.into()))
    }

    /// Sets the number of the first page, if it is not 1. Only for [`page_number`](Self::page_number).
    #[must_use]
    pub fn first_page(mut self, number: u64) -> Self {
        if let Style::PageNumber { first, .. } = &mut self.next {
            *first = number;
        }
        self
    }

    /// Sends the position in the query string, whatever the method.
    #[must_use]
    pub fn in_query(mut self) -> Self {
        self.place = ParameterLocation::Query;
        self
    }

    /// Sends the position in the JSON body, whatever the method. A parameter `"variables.after"` goes into
    /// the object `variables` there.
    #[must_use]
    pub fn in_body(mut self) -> Self {
        self.place = ParameterLocation::Body;
        self
    }

    /// Sets the value that announces the end.
    fn ends_by(mut self, more: More) -> Self {
        self.more = Some(more);
        self
    }

    /// Checks the style.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks, as the end of a sentence that begins with its name.
    pub(crate) fn check(&self) -> Result<(), String> {
        let counts = matches!(self.next, Style::PageNumber { .. } | Style::Offset { .. });
        match &self.more {
            Some(More::Total(_)) if !counts => {
                return Err(
                    "counts neither pages nor items (`total` is for page_number and offset)".into(),
                );
            }
            Some(More::ShortPage(_)) if !counts && !matches!(self.next, Style::LastItem { .. }) => {
                return Err(
                    "does not count (a short page ends only page_number, offset and last_item)"
                        .into(),
                );
            }
            _ => {}
        }
        // The parameter that carries the position needs a name.
        let (Style::Cursor { parameter, .. }
        | Style::LastItem { parameter, .. }
        | Style::PageNumber { parameter, .. }
        | Style::Offset { parameter }) = &self.next
        else {
            return Ok(());
        };
        if parameter.keys().iter().any(String::is_empty) || parameter.keys().is_empty() {
            return Err("has an empty parameter name".into());
        }
        Ok(())
    }
}

impl Style {
    /// Returns the name by which a position remembers the style.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Cursor { .. } => "cursor",
            Self::LastItem { .. } => "last_item",
            Self::PageNumber { .. } => "page_number",
            Self::Offset { .. } => "offset",
            Self::LinkHeader => "link_header",
            Self::Url { .. } => "url",
        }
    }
}
