//! One step: from the request and the answer of a page to where the next one starts.

use http::HeaderMap;
use serde_json::Value;

use super::link::next_links;
use super::params::path_and_query;
use super::position::{At, Cursor, LONGEST};
use crate::config::field_path::{FieldPath, kind};
use crate::config::pagination::{More, Pagination, Style};
use crate::request::RequestParts;
use crate::url::{Address, Shown};

/// A page as it came, with the request that it answers.
pub(super) struct Answer<'a> {
    pub(super) request: &'a RequestParts,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Value,
    pub(super) items: &'a [Value],
}

impl Pagination {
    /// Where the page starts that a request asks for as it was given.
    pub(super) fn start(&self, request: &RequestParts) -> Result<At, String> {
        match &self.next {
            Style::Cursor { parameter, .. } | Style::LastItem { parameter, .. } => {
                let given = self.place.get(request, parameter)?;
                let cursor = given.as_ref().map(Cursor::of).transpose();
                let cursor = cursor.map_err(|problem| format!("{parameter} {problem}"))?;
                Ok(cursor.flatten().map_or(At::Start, At::Cursor))
            }
            Style::PageNumber { parameter, first } => {
                self.number(request, parameter, *first).map(At::Number)
            }
            Style::Offset { parameter } => self.number(request, parameter, 0).map(At::Number),
            Style::LinkHeader | Style::Url { .. } => relative(&request.address),
        }
    }

    /// The request for the page that starts there; `template` is the request as it was given.
    pub(super) fn request(&self, template: &RequestParts, at: &At) -> Result<RequestParts, String> {
        let mut parts = template.clone();
        match (&self.next, at) {
            (_, At::Start) => {
                self.start(template)?;
            }
            (
                Style::Cursor { parameter, .. } | Style::LastItem { parameter, .. },
                At::Cursor(cursor),
            ) => self.place.set(&mut parts, parameter, cursor.json())?,
            (
                Style::PageNumber { parameter, .. } | Style::Offset { parameter },
                At::Number(number),
            ) => self.place.set(&mut parts, parameter, (*number).into())?,
            (Style::LinkHeader | Style::Url { .. }, At::Url(url)) => {
                parts.address = at_home(&template.address, url)?;
            }
            _ => return Err("is of another kind than the style of pagination".into()),
        }
        Ok(parts)
    }

    /// Where the page after an answer starts.
    pub(super) fn next(&self, answer: &Answer<'_>) -> Result<At, String> {
        let told = self.told(answer)?;
        if told == Some(false) {
            return Ok(At::End);
        }
        let missing = |what: &str, place: &dyn std::fmt::Display| match told {
            Some(_) => Err(format!(
                "says that more pages follow, but there is no {what} at {place}"
            )),
            None => Ok(At::End),
        };
        match &self.next {
            Style::Cursor { from, .. } => Ok(match cursor_at(answer.body, from)? {
                Some(cursor) if told.is_none() && cursor.json() == 0 => At::End,
                Some(cursor) => At::Cursor(cursor),
                None => missing("cursor", from)?,
            }),
            Style::LastItem { id, .. } => {
                let Some(last) = answer.items.last() else {
                    return missing("item", &self.items_place());
                };
                let id_of_last = cursor_at(last, id)?;
                Ok(At::Cursor(id_of_last.ok_or_else(|| {
                    format!("the last item has no {id}, from which the next page starts")
                })?))
            }
            Style::PageNumber { parameter, first } => {
                if told.is_none() && answer.items.is_empty() {
                    return Ok(At::End);
                }
                let number = self.number(answer.request, parameter, *first)?;
                let next = number.checked_add(1);
                Ok(At::Number(next.ok_or("is the last that can be numbered")?))
            }
            Style::Offset { parameter } => {
                if answer.items.is_empty() {
                    // The same request again would be the only way on.
                    return missing("item", &self.items_place());
                }
                let next = self.next_offset(answer, parameter)?;
                Ok(At::Number(next))
            }
            Style::LinkHeader => {
                for link in next_links(answer.headers)? {
                    let here = &answer.request.address;
                    let is_elsewhere = |anchor: &str| here.resolve(anchor).as_ref() != Ok(here);
                    // A link from another thing than this page (RFC 8288, section 3.2).
                    if link.anchor.as_deref().is_some_and(is_elsewhere) {
                        continue;
                    }
                    return relative(&at_home(here, &link.target)?);
                }
                missing("rel=\"next\"", &"the Link header")
            }
            Style::Url { from } => match from.find(answer.body)? {
                None => missing("URL", from),
                Some(Value::String(url)) if url.is_empty() => missing("URL", from),
                Some(Value::String(url)) => relative(&at_home(&answer.request.address, url)?),
                Some(other) => Err(format!("{from} is {}, not a URL", kind(other))),
            },
        }
    }

    /// The items of an answer.
    pub(super) fn items_of<'a>(&self, body: &'a Value) -> Result<&'a [Value], String> {
        let place = self.items_place();
        match place.find(body)? {
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(format!("{place} is {}, not an array of items", kind(other))),
            None if self.may_lack_items && body.is_object() => Ok(&[]),
            None => Err(format!("there is no array of items at {place}")),
        }
    }

    /// Whether positions are made up by the client, so that a server that does not know the parameter
    /// would give the first page for ever.
    pub(super) fn counts(&self) -> bool {
        matches!(self.next, Style::PageNumber { .. } | Style::Offset { .. })
    }

    pub(super) fn items_place(&self) -> FieldPath {
        self.items.clone().unwrap_or_else(|| FieldPath::from(""))
    }

    /// Whether the answer says that more pages follow; `None` if it is silent.
    fn told(&self, answer: &Answer<'_>) -> Result<Option<bool>, String> {
        let flag = |path: &FieldPath| match path.find(answer.body)? {
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(format!("{path} is {}, not true or false", kind(other))),
            None => Err(format!("there is no true or false at {path}")),
        };
        Ok(Some(match &self.more {
            None => return Ok(None),
            Some(More::Flag(path)) => flag(path)?,
            Some(More::LastFlag(path)) => !flag(path)?,
            Some(More::Present(path)) => match path.find(answer.body)? {
                None => false,
                Some(Value::Bool(flag)) => *flag,
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Array(_)) => return Err(format!("{path} is an array")),
                Some(_) => true,
            },
            Some(More::Total(path)) => {
                let total = path.find(answer.body)?.and_then(Value::as_u64);
                let total = total.ok_or_else(|| format!("there is no whole number at {path}"))?;
                self.counted(answer)? < total
            }
            Some(More::ShortPage(size)) => {
                let asked = self.place.get(answer.request, size)?;
                let asked = asked.as_ref().and_then(whole_number).unwrap_or(1);
                (answer.items.len() as u64) >= asked.max(1)
            }
        }))
    }

    /// How much of the total is there with this page: pages, or items.
    fn counted(&self, answer: &Answer<'_>) -> Result<u64, String> {
        match &self.next {
            Style::PageNumber { parameter, first } => {
                let number = self.number(answer.request, parameter, *first)?;
                Ok(number.saturating_sub(*first).saturating_add(1))
            }
            Style::Offset { parameter } => self.next_offset(answer, parameter),
            _ => Err("has a total that counts nothing".into()),
        }
    }

    fn next_offset(&self, answer: &Answer<'_>, parameter: &FieldPath) -> Result<u64, String> {
        let offset = self.number(answer.request, parameter, 0)?;
        let next = offset.checked_add(answer.items.len() as u64);
        next.ok_or_else(|| "is the last that can be numbered".into())
    }

    /// The page's number, or the offset, that a request asks for.
    fn number(
        &self,
        request: &RequestParts,
        parameter: &FieldPath,
        default: u64,
    ) -> Result<u64, String> {
        match self.place.get(request, parameter)? {
            None => Ok(default),
            Some(value) => whole_number(&value)
                .ok_or_else(|| format!("the request's {parameter} is no whole number")),
        }
    }
}

fn whole_number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    }
}

fn cursor_at(value: &Value, path: &FieldPath) -> Result<Option<Cursor>, String> {
    let found = path.find(value)?.map(Cursor::of).transpose();
    let found = found.map_err(|problem| format!("{path} {problem}, which is no cursor"))?;
    Ok(found.flatten())
}

/// What a link leads to, which must be the same origin: the credential goes with the request.
fn at_home(from: &Address, link: &str) -> Result<Address, String> {
    let target = from
        .resolve(link)
        .map_err(|problem| format!("the link to the next page {problem}"))?;
    if target.origin() != from.origin() {
        let origin = target.origin().to_string();
        return Err(format!(
            "the link to the next page leads to {}; only {} is asked",
            Shown(&origin),
            from.origin()
        ));
    }
    Ok(target)
}

fn relative(address: &Address) -> Result<At, String> {
    let (path, query) = path_and_query(address)?;
    let url = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };
    if url.len() > LONGEST {
        return Err(format!("the next page's URL has {} bytes", url.len()));
    }
    Ok(At::Url(url.into()))
}
