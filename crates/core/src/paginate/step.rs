//! One step: from a page's request and response to the start of the next page. Errors are the end of a
//! sentence that begins with the page.

use http::HeaderMap;
use serde_json::Value;

use super::body::{ItemList, PageBody, outline_at};
use super::link::next_links;
use super::params::path_and_query;
use super::position::{Cursor, LONGEST, PageStart};
use crate::config::field_path::{FieldPath, kind};
use crate::config::pagination::{More, Pagination, Style};
use crate::request::RequestParts;
use crate::url::{Address, Shown};

/// A page that was received, with its request.
pub(super) struct ReceivedPage<'a> {
    /// The request of the page.
    pub(super) request: &'a RequestParts,
    /// Headers of the response.
    pub(super) headers: &'a HeaderMap,
    /// Body of the response, with the fields that the style names.
    pub(super) body: &'a Value,
    /// Items of the body; `None` if it has no list of them.
    pub(super) items: Option<ItemList<'a>>,
}

impl ReceivedPage<'_> {
    /// Returns the number of items.
    fn count(&self) -> usize {
        self.items.map_or(0, |items| items.count)
    }
}

impl Pagination {
    /// Returns where the page starts that a request, as it was given, asks for.
    pub(super) fn start(&self, request: &RequestParts) -> Result<PageStart, String> {
        match &self.next {
            Style::Cursor { parameter, .. } | Style::LastItem { parameter, .. } => {
                let given = self.place.get(request, parameter)?;
                let cursor = given.as_ref().map(Cursor::of).transpose();
                let cursor = cursor.map_err(|problem| format!("{parameter} {problem}"))?;
                Ok(cursor.flatten().map_or(PageStart::Start, PageStart::Cursor))
            }
            Style::PageNumber { parameter, first } => self
                .number(request, parameter, *first)
                .map(PageStart::Number),
            Style::Offset { parameter } => {
                self.number(request, parameter, 0).map(PageStart::Number)
            }
            Style::LinkHeader | Style::Url { .. } => relative(&request.address),
        }
    }

    /// Returns the request for the page that starts at `at`; `template` is the request as it was given.
    pub(super) fn request(
        &self,
        template: &RequestParts,
        at: &PageStart,
    ) -> Result<RequestParts, String> {
        let mut parts = template.clone();
        match (&self.next, at) {
            (_, PageStart::Start) => {
                self.start(template)?;
            }
            (
                Style::Cursor { parameter, .. } | Style::LastItem { parameter, .. },
                PageStart::Cursor(cursor),
            ) => self.place.set(&mut parts, parameter, cursor.json())?,
            (
                Style::PageNumber { parameter, .. } | Style::Offset { parameter },
                PageStart::Number(number),
            ) => self.place.set(&mut parts, parameter, (*number).into())?,
            (Style::LinkHeader | Style::Url { .. }, PageStart::Url(url)) => {
                parts.address = at_home(&template.address, url)?;
            }
            _ => return Err("does not fit the style of pagination".into()),
        }
        Ok(parts)
    }

    /// Returns where the page after a received one starts.
    pub(super) fn next(&self, page: &ReceivedPage<'_>) -> Result<PageStart, String> {
        let more = self.announces_more(page)?;
        if more == Some(false) {
            return Ok(PageStart::End);
        }
        let missing = |what: &str, place: &dyn std::fmt::Display| match more {
            Some(_) => Err(format!(
                "says that more pages follow, but there is no {what} at {place}"
            )),
            None => Ok(PageStart::End),
        };
        match &self.next {
            Style::Cursor { from, .. } => Ok(match cursor_at(page.body, from)? {
                Some(cursor) if more.is_none() && cursor.json() == 0 => PageStart::End,
                Some(cursor) => PageStart::Cursor(cursor),
                None => missing("cursor", from)?,
            }),
            Style::LastItem { id, .. } => {
                let Some(last) = page.items.and_then(|items| items.last) else {
                    return missing("item", &self.items_place());
                };
                let id_of_last = cursor_at(&outline_at(last, id), id)?;
                Ok(PageStart::Cursor(id_of_last.ok_or_else(|| {
                    format!("the last item has no {id}, where the next page starts")
                })?))
            }
            Style::PageNumber { parameter, first } => {
                if more.is_none() && page.count() == 0 {
                    return Ok(PageStart::End);
                }
                let number = self.number(page.request, parameter, *first)?;
                let next = number.checked_add(1);
                Ok(PageStart::Number(
                    next.ok_or("has the largest possible number")?,
                ))
            }
            Style::Offset { parameter } => {
                if page.count() == 0 {
                    // Without items the next request would be identical.
                    return missing("item", &self.items_place());
                }
                let next = self.next_offset(page, parameter)?;
                Ok(PageStart::Number(next))
            }
            Style::LinkHeader => {
                for link in next_links(page.headers)? {
                    let here = &page.request.address;
                    let is_elsewhere = |anchor: &str| here.resolve(anchor).as_ref() != Ok(here);
                    // A link from something else than this page (RFC 8288, section 3.2).
                    if link.anchor.as_deref().is_some_and(is_elsewhere) {
                        continue;
                    }
                    return relative(&at_home(here, &link.target)?);
                }
                missing("rel=\"next\"", &"the Link header")
            }
            Style::Url { from } => match from.find(page.body)? {
                None => missing("URL", from),
                Some(Value::String(url)) if url.is_empty() => missing("URL", from),
                Some(Value::String(url)) => relative(&at_home(&page.request.address, url)?),
                Some(other) => Err(format!("{from} is {} (expected a URL)", kind(other))),
            },
        }
    }

    /// Returns the items of a body; `None` if it may lack them.
    pub(super) fn items_of<'a>(&self, body: &PageBody<'a>) -> Result<Option<ItemList<'a>>, String> {
        let place = self.items_place();
        match place.find(&body.fields)? {
            Some(Value::Array(_)) => Ok(body.items),
            Some(other) => Err(format!(
                "{place} is {} (expected an array of items)",
                kind(other)
            )),
            None if self.may_lack_items && body.fields.is_object() => Ok(None),
            None => Err(format!("there is no array of items at {place}")),
        }
    }

    /// Returns the places in a body that decide on the next page, and the place of the items.
    pub(super) fn places(&self) -> Vec<FieldPath> {
        let mut places = vec![self.items_place()];
        if let Style::Cursor { from, .. } | Style::Url { from } = &self.next {
            places.push(from.clone());
        }
        if let Some(
            More::Flag(place) | More::LastFlag(place) | More::Present(place) | More::Total(place),
        ) = &self.more
        {
            places.push(place.clone());
        }
        places
    }

    /// Returns whether the client makes up positions by counting. A server that does not know the parameter
    /// would return the first page forever.
    pub(super) fn counts(&self) -> bool {
        matches!(self.next, Style::PageNumber { .. } | Style::Offset { .. })
    }

    /// Returns the location of the items; the body itself by default.
    pub(super) fn items_place(&self) -> FieldPath {
        self.items.clone().unwrap_or_else(|| FieldPath::from(""))
    }

    /// Returns whether the response announces more pages; `None` if it announces nothing.
    fn announces_more(&self, page: &ReceivedPage<'_>) -> Result<Option<bool>, String> {
        let flag = |path: &FieldPath| match path.find(page.body)? {
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(format!(
                "{path} is {} (expected true or false)",
                kind(other)
            )),
            None => Err(format!("there is no true or false at {path}")),
        };
        Ok(Some(match &self.more {
            None => return Ok(None),
            Some(More::Flag(path)) => flag(path)?,
            Some(More::LastFlag(path)) => !flag(path)?,
            Some(More::Present(path)) => match path.find(page.body)? {
                None => false,
                Some(Value::Bool(flag)) => *flag,
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Array(_)) => {
                    return Err(format!(
                        "{path} is an array (expected a link, text or number)"
                    ));
                }
                Some(_) => true,
            },
            Some(More::Total(path)) => {
                let total = path.find(page.body)?.and_then(Value::as_u64);
                let total = total.ok_or_else(|| format!("there is no whole number at {path}"))?;
                self.counted(page)? < total
            }
            Some(More::ShortPage(size)) => {
                let asked = self.place.get(page.request, size)?;
                let asked = asked.as_ref().and_then(whole_number).unwrap_or(1);
                (page.count() as u64) >= asked.max(1)
            }
        }))
    }

    /// Returns how many pages, or items, there are up to this page.
    fn counted(&self, page: &ReceivedPage<'_>) -> Result<u64, String> {
        match &self.next {
            Style::PageNumber { parameter, first } => {
                let number = self.number(page.request, parameter, *first)?;
                Ok(number.saturating_sub(*first).saturating_add(1))
            }
            Style::Offset { parameter } => self.next_offset(page, parameter),
            _ => Err("has a total that this style does not count".into()),
        }
    }

    /// Returns the offset of the page after a received one.
    fn next_offset(&self, page: &ReceivedPage<'_>, parameter: &FieldPath) -> Result<u64, String> {
        let offset = self.number(page.request, parameter, 0)?;
        let next = offset.checked_add(page.count() as u64);
        next.ok_or_else(|| "has the largest possible number".into())
    }

    /// Returns the page's number, or the offset, that a request asks for.
    fn number(
        &self,
        request: &RequestParts,
        parameter: &FieldPath,
        default: u64,
    ) -> Result<u64, String> {
        match self.place.get(request, parameter)? {
            None => Ok(default),
            Some(value) => whole_number(&value)
                .ok_or_else(|| format!("the request's {parameter} is not a whole number")),
        }
    }
}

/// Reads a whole number, also from a text.
fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

/// Reads the cursor at a path; `None` if there is none.
fn cursor_at(value: &Value, path: &FieldPath) -> Result<Option<Cursor>, String> {
    let found = path.find(value)?.map(Cursor::of).transpose();
    let found = found.map_err(|problem| format!("{path} {problem} (expected a cursor)"))?;
    Ok(found.flatten())
}

/// Resolves a link. It must have the same origin, because the credential goes with the request.
fn at_home(from: &Address, link: &str) -> Result<Address, String> {
    let target = from
        .resolve(link)
        .map_err(|problem| format!("the link to the next page {problem}"))?;
    if target.origin() != from.origin() {
        let origin = target.origin().to_string();
        return Err(format!(
            "the link to the next page leads to {} (expected {})",
            Shown(&origin),
            from.origin()
        ));
    }
    Ok(target)
}

/// Returns an address as a start, without its origin.
fn relative(address: &Address) -> Result<PageStart, String> {
    let (path, query) = path_and_query(address)?;
    let url = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };
    if url.len() > LONGEST {
        return Err(format!("the next page's URL has {} bytes", url.len()));
    }
    Ok(PageStart::Url(url.into()))
}
