//! How an API splits collections into pages, as data.

use serde::{Deserialize, Serialize};

use super::field_path::FieldPath;

/// How an API splits a collection into pages: where the items stand, where the next page begins and
/// what says that there is one.
///
/// Places in an answer are [`FieldPath`]s: `"response_metadata.next_cursor"`. In JSON it is a plain
/// object; unknown fields are refused.
///
/// # Default
///
/// The items' place is not known (give it here or by [`Pages::items_at`](crate::Pages::items_at)); the
/// position travels in the query of a GET and in the JSON body of anything else; a walk ends where an
/// answer names no next page or, for styles that count, with the first empty page.
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
    pub(crate) place: Place,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) may_lack_items: bool,
}

/// What the next page's position is, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Style {
    Cursor {
        parameter: FieldPath,
        from: FieldPath,
    },
    LastItem {
        parameter: FieldPath,
        /// In the item.
        id: FieldPath,
    },
    PageNumber {
        parameter: FieldPath,
        #[serde(default = "one")]
        first: u64,
    },
    Offset {
        parameter: FieldPath,
    },
    LinkHeader,
    Url {
        from: FieldPath,
    },
}

/// What in an answer says whether pages follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum More {
    /// `true` here: more follow.
    Flag(FieldPath),
    /// `true` here: this is the last.
    LastFlag(FieldPath),
    /// Anything here: more follow.
    Present(FieldPath),
    /// How many pages, or items by offset, there are in all.
    Total(FieldPath),
    /// A page shorter than this parameter of the request asks for is the last.
    ShortPage(FieldPath),
}

/// Where in a request the position goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    #[default]
    ByMethod,
    Query,
    Body,
}

const fn one() -> u64 {
    1
}

impl Pagination {
    fn new(next: Style) -> Self {
        Self {
            next,
            items: None,
            more: None,
            place: Place::default(),
            may_lack_items: false,
        }
    }

    /// Each answer names a cursor at `from`, which the next request carries as `parameter`. No cursor
    /// there, `null` or an empty one is the end, and so is the number 0 where nothing else says that pages follow.
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

    /// The next request carries the last item's `id` as `parameter`; an empty page is the end.
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

    /// Pages are numbered from 1, or from the number that the first request carries; an empty page is
    /// the end.
    ///
    /// A page whose items are the same objects as the page before is an error: then the API does not
    /// know the parameter.
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

    /// The next request says how many items to skip: those of the pages before, however many each of
    /// them had. An empty page is the end.
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

    /// Each answer links to the next by the header `Link: <…>; rel="next"` (RFC 8288); the items are
    /// the body itself unless another place is given.
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

    /// Each answer holds the next page's URL at `from`. No URL there, `null` or an empty one is the
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

    /// Where in an answer the array of items stands; `""` is the body itself. Defaults to unknown,
    /// for APIs where it depends on the path.
    #[must_use]
    pub fn items(mut self, at: impl Into<FieldPath>) -> Self {
        self.items = Some(at.into());
        self
    }

    /// An object without anything at the items' place, or with `null`, is an empty page; by default it is
    /// an error. For servers that leave empty lists out: Google's, whose JSON is made of protocol buffers
    /// (protobuf.dev, ProtoJSON), and many that are written in Go.
    ///
    /// Not for APIs that report errors with 200: such an answer would be an empty page.
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

    /// `true` there says that more pages follow, `false` that none does; anything else is an error.
    #[must_use]
    pub fn more_if(self, at: impl Into<FieldPath>) -> Self {
        self.told_by(More::Flag(at.into()))
    }

    /// `true` there says that the page is the last, `false` that it is not; anything else is an error.
    #[must_use]
    pub fn last_if(self, at: impl Into<FieldPath>) -> Self {
        self.told_by(More::LastFlag(at.into()))
    }

    /// A link, object, text or number there says that more pages follow; nothing, `null`, `false` or
    /// an empty text that none does.
    #[must_use]
    pub fn more_if_present(self, at: impl Into<FieldPath>) -> Self {
        self.told_by(More::Present(at.into()))
    }

    /// The number there is how many pages there are in all or, where positions are offsets, how many
    /// items. Only for [`page_number`](Self::page_number) and [`offset`](Self::offset).
    #[must_use]
    pub fn total(self, at: impl Into<FieldPath>) -> Self {
        self.told_by(More::Total(at.into()))
    }

    /// A page with fewer items than the request asks for by this parameter is the last. Only for
    /// styles that count.
    ///
    /// It saves the request that would find an empty page. **Ask for no more than the API gives at
    /// once:** where it gives 100 of the 200 asked for, the walk would end after the first page.
    ///
    /// ```
    /// use api_ratelimiter_core::Pagination;
    ///
    /// let style = Pagination::page_number("page").until_short_page("per_page").items("data");
    /// ```
    #[must_use]
    pub fn until_short_page(self, size_parameter: impl Into<FieldPath>) -> Self {
        self.told_by(More::ShortPage(size_parameter.into()))
    }

    /// The number of the first page, where that is not 1. Only for [`page_number`](Self::page_number).
    #[must_use]
    pub fn first_page(mut self, number: u64) -> Self {
        if let Style::PageNumber { first, .. } = &mut self.next {
            *first = number;
        }
        self
    }

    /// The position travels in the query string whatever the method.
    #[must_use]
    pub fn in_query(mut self) -> Self {
        self.place = Place::Query;
        self
    }

    /// The position travels in the JSON body whatever the method; a parameter `"variables.after"`
    /// stands inside of the object `variables` there.
    #[must_use]
    pub fn in_body(mut self) -> Self {
        self.place = Place::Body;
        self
    }

    fn told_by(mut self, more: More) -> Self {
        self.more = Some(more);
        self
    }

    /// Which rule it breaks, as the end of a sentence that begins with its name.
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
    /// As positions remember it.
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
