//! What the vendors' own shapes differ in: pages of a collection, single items, refusals and errors.
//! Sources stand at [`Shape`].

mod numbered;

use std::ops::Range;

use http::header::{HOST, HeaderMap, HeaderValue, LINK, RETRY_AFTER};
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use super::hint::REMAINING;
use super::routes::Answer;
use super::shape::Shape;
use numbered::Numbered;

/// Cursors are these around the index of the first row of the next answer; Vanta's hold what a URL has to
/// encode, as Base64 does.
const NOTION_CURSOR: (&str, &str) = ("cursor-", "");
const VANTA_CURSOR: (&str, &str) = ("cursor+", "/=");

/// What the ids of items begin with in shapes where they are text.
const ITEM: &str = "item-";

/// How large a page may be.
struct Sizes {
    parameter: &'static str,
    default: usize,
    most: usize,
}

const fn sizes(parameter: &'static str, default: usize, most: usize) -> Sizes {
    Sizes {
        parameter,
        default,
        most,
    }
}

const NOTION_SIZES: Sizes = sizes("page_size", 100, 100);
const VANTA_SIZES: Sizes = sizes("pageSize", 10, 100);
const FIELDGUIDE_SIZES: Sizes = sizes("per_page", 50, 200);
const GITHUB_SIZES: Sizes = sizes("per_page", 30, 100);

impl Sizes {
    fn read(&self, wanted: Option<usize>) -> Result<usize, String> {
        let size = wanted.unwrap_or(self.default);
        if (1..=self.most).contains(&size) {
            return Ok(size);
        }
        let Self {
            parameter, most, ..
        } = self;
        Err(format!("{parameter} must be within 1 and {most}."))
    }

    fn read_query(&self, query: &str) -> Result<usize, String> {
        let number = parameter(query, self.parameter).map(|text| text.parse());
        let wrong = |_| format!("{} must be a number.", self.parameter);
        self.read(number.transpose().map_err(wrong)?)
    }
}

impl Shape {
    /// The status of refusals that the vendor prefers.
    pub(super) fn refusal_status(self) -> u16 {
        match self {
            Self::GitHub => 403,
            Self::Echo | Self::Notion | Self::Vanta | Self::Fieldguide => 429,
        }
    }

    /// A refusal beside such hints.
    pub(super) fn refusal(self, status: StatusCode, hints: &HeaderMap) -> Answer {
        match self {
            Self::Echo => {
                let message = "Too many requests. Please try again later.";
                self.error(status, "rate_limited", message)
            }
            Self::Notion => {
                let mut data = json!({"rate_limit_reason": "public_api_request_rate_limit"});
                // For clients that can't read headers: the same whole seconds, as text.
                let seconds = hints.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                if let Some(seconds) = seconds.filter(|text| text.parse::<u64>().is_ok()) {
                    data["retry_after"] = seconds.into();
                }
                let body = json!({
                    "object": "error", "status": status.as_u16(), "code": "rate_limited",
                    "message": "You have been rate limited. Please try again in a few minutes.",
                    "additional_data": data,
                });
                Answer::json(status, &body)
            }
            Self::Vanta | Self::Fieldguide => self.error(status, "", "Too many requests"),
            Self::GitHub => {
                let primary = hints.get(REMAINING).is_some_and(|left| left == "0");
                let message = if primary {
                    "API rate limit exceeded for user ID 1."
                } else {
                    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
                };
                self.error(status, "", message)
            }
        }
    }

    /// An error; only Notion tells its code.
    pub(super) fn error(self, status: StatusCode, code: &str, message: &str) -> Answer {
        let number = status.as_u16();
        let body = match self {
            Self::Echo | Self::Notion => {
                json!({"object": "error", "status": number, "code": code, "message": message})
            }
            Self::Vanta | Self::Fieldguide => json!({"message": message}),
            Self::GitHub => json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": number.to_string(),
            }),
        };
        Answer::json(status, &body)
    }

    pub(super) fn invalid(self, message: &str) -> Answer {
        self.error(StatusCode::BAD_REQUEST, "validation_error", message)
    }
}

/// What the vendor answers to a request, over a collection of so many `items`; `None` for requests that
/// have to do with none of them.
pub(super) fn answer(
    shape: Shape,
    parts: &Parts,
    segments: &[&str],
    body: &[u8],
    items: usize,
) -> Option<Answer> {
    let query = parts.uri.query().unwrap_or_default();
    let answer = match (shape, &parts.method, segments) {
        (Shape::Echo | Shape::Notion, &Method::GET, ["pages", id]) if !id.is_empty() => {
            Ok(single(Shape::Notion, id, items))
        }
        (
            Shape::Echo | Shape::Notion,
            &Method::POST,
            ["databases" | "data_sources", parent, "query"],
        ) => notion_post(parent, body, items),
        (Shape::Notion, &Method::POST, [.., "query"] | ["search"]) => {
            notion_post("items", body, items)
        }
        (Shape::Echo, ..) => return None,
        (_, &Method::GET, [.., id]) if index_of(id).is_some() => Ok(single(shape, id, items)),
        (Shape::Notion, &Method::GET, _) => notion_get(query, items),
        (Shape::Vanta, &Method::GET, _) => vanta(query, items),
        (Shape::Fieldguide, &Method::GET, _) => fieldguide(parts.uri.path(), query, items),
        (Shape::GitHub, &Method::GET, _) => Ok(github(parts, query, items)),
        _ => return None,
    };
    Some(answer.unwrap_or_else(|message| shape.invalid(&message)))
}

/// The item that an id means: a number, or one after `item-`.
fn index_of(id: &str) -> Option<usize> {
    let number = id.strip_prefix(ITEM).unwrap_or(id);
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if digits { number.parse().ok() } else { None }
}

fn single(shape: Shape, id: &str, items: usize) -> Answer {
    let mut answer = Answer::json(StatusCode::OK, &item(shape, id, "items"));
    if let Some(index) = index_of(id).filter(|index| *index < items) {
        answer.items = index..index + 1;
    }
    answer
}

fn item(shape: Shape, id: &str, parent: &str) -> Value {
    let name = format!("Item {}", id.strip_prefix(ITEM).unwrap_or(id));
    match shape {
        Shape::Echo | Shape::Notion => page(id, parent),
        Shape::Vanta => json!({"id": id, "name": name, "status": "OK"}),
        Shape::Fieldguide => json!({"id": index_of(id), "name": name}),
        Shape::GitHub => {
            json!({"id": index_of(id), "name": id, "full_name": format!("octo-org/{id}")})
        }
    }
}

fn page(id: &str, parent: &str) -> Value {
    json!({
        "object": "page",
        "id": id,
        "created_time": "2026-01-01T00:00:00.000Z",
        "last_edited_time": "2026-01-01T00:00:00.000Z",
        "archived": false,
        "parent": {"type": "database_id", "database_id": parent},
        "properties": {
            "Name": {
                "id": "title",
                "type": "title",
                "title": [{"type": "text", "text": {"content": format!("Page {id}")}, "plain_text": format!("Page {id}")}],
            },
        },
        "url": format!("https://notion.example/{id}"),
    })
}

/// One page of the collection: which items, as JSON, and whether there are more.
struct Rows {
    range: Range<usize>,
    rows: Vec<Value>,
    more: bool,
}

fn rows(shape: Shape, parent: &str, start: usize, size: usize, items: usize) -> Rows {
    let end = items.min(start.saturating_add(size));
    let range = start.min(end)..end;
    let row = |index| item(shape, &format!("{ITEM}{index}"), parent);
    Rows {
        rows: range.clone().map(row).collect(),
        more: end < items,
        range,
    }
}

impl Rows {
    fn answer(self, body: &Value) -> Answer {
        Answer {
            items: self.range,
            ..Answer::json(StatusCode::OK, body)
        }
    }
}

fn cursor((before, after): (&str, &str), index: usize) -> String {
    format!("{before}{index}{after}")
}

/// Where the page of that cursor begins; the first if there is none.
fn start(
    (before, after): (&str, &str),
    parameter: &str,
    cursor: Option<&str>,
    items: usize,
) -> Result<usize, String> {
    let Some(cursor) = cursor else { return Ok(0) };
    let index = cursor
        .strip_prefix(before)
        .and_then(|rest| rest.strip_suffix(after));
    index
        .and_then(|index| index.parse().ok())
        .filter(|index| *index < items)
        .ok_or_else(|| format!("{parameter} is not a cursor of this collection."))
}

#[derive(Debug, Default, Deserialize)]
struct NotionQuery {
    start_cursor: Option<String>,
    page_size: Option<usize>,
}

fn notion_post(parent: &str, body: &[u8], items: usize) -> Result<Answer, String> {
    let query = if body.is_empty() {
        NotionQuery::default()
    } else {
        serde_json::from_slice(body).map_err(|_| "The body is not a query in JSON.")?
    };
    let size = NOTION_SIZES.read(query.page_size)?;
    notion(parent, query.start_cursor.as_deref(), size, items)
}

fn notion_get(query: &str, items: usize) -> Result<Answer, String> {
    let size = NOTION_SIZES.read_query(query)?;
    let cursor = parameter(query, "start_cursor");
    notion("items", cursor.as_deref(), size, items)
}

fn notion(parent: &str, from: Option<&str>, size: usize, items: usize) -> Result<Answer, String> {
    let start = start(NOTION_CURSOR, "start_cursor", from, items)?;
    let mut page = rows(Shape::Notion, parent, start, size, items);
    let results = std::mem::take(&mut page.rows);
    let next = page.more.then(|| cursor(NOTION_CURSOR, page.range.end));
    let body =
        json!({"object": "list", "results": results, "has_more": page.more, "next_cursor": next});
    Ok(page.answer(&body))
}

fn vanta(query: &str, items: usize) -> Result<Answer, String> {
    let size = VANTA_SIZES.read_query(query)?;
    let from = parameter(query, "pageCursor");
    let start = start(VANTA_CURSOR, "pageCursor", from.as_deref(), items)?;
    let mut page = rows(Shape::Vanta, "", start, size, items);
    let info = json!({
        "startCursor": cursor(VANTA_CURSOR, page.range.start),
        "endCursor": cursor(VANTA_CURSOR, page.range.end),
        "hasNextPage": page.more,
        "hasPreviousPage": start > 0,
    });
    let data = std::mem::take(&mut page.rows);
    Ok(page.answer(&json!({"results": {"data": data, "pageInfo": info}})))
}

fn fieldguide(path: &str, query: &str, items: usize) -> Result<Answer, String> {
    let size = FIELDGUIDE_SIZES.read_query(query)?;
    let wrong = || "page must be a number from 1.".to_owned();
    let numbered = Numbered::read(query, size, items).ok_or_else(wrong)?;
    let link = |number| json!({"href": Numbered::target(path, query, number)});
    let mut links = json!({
        "self": link(numbered.number), "first": link(1), "last": link(numbered.last),
    });
    for (name, number) in [("previous", numbered.previous()), ("next", numbered.next())] {
        if let Some(number) = number {
            links[name] = link(number);
        }
    }
    let start = numbered.start(size);
    let mut page = rows(Shape::Fieldguide, "", start, size, items);
    let data = std::mem::take(&mut page.rows);
    Ok(page.answer(&json!({"data": data, "_links": links})))
}

fn github(parts: &Parts, query: &str, items: usize) -> Answer {
    // It refuses no size and no page: it takes what is nearest.
    let size = parameter(query, GITHUB_SIZES.parameter).and_then(|text| text.parse().ok());
    let size = size
        .filter(|size| *size > 0)
        .unwrap_or(GITHUB_SIZES.default)
        .min(GITHUB_SIZES.most);
    let numbered = Numbered::read(query, size, items)
        .or_else(|| Numbered::read("", size, items))
        .unwrap_or(Numbered { number: 1, last: 1 });
    let mut page = rows(Shape::GitHub, "", numbered.start(size), size, items);
    let data = Value::Array(std::mem::take(&mut page.rows));
    let mut answer = page.answer(&data);

    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    // Without a host the links are relative.
    let origin = host.map_or(String::new(), |host| format!("http://{host}"));
    let link = |(relation, number): (&str, Option<usize>)| {
        let target = Numbered::target(parts.uri.path(), query, number?);
        Some(format!("<{origin}{target}>; rel=\"{relation}\""))
    };
    let (next, previous) = (numbered.next(), numbered.previous());
    let links: Vec<_> = [
        ("prev", previous),
        ("next", next),
        ("last", next.map(|_| numbered.last)),
        ("first", previous.map(|_| 1)),
    ]
    .into_iter()
    .filter_map(link)
    .collect();
    // Host and target came in headers, so they fit into one.
    if let (false, Ok(value)) = (links.is_empty(), HeaderValue::try_from(links.join(", "))) {
        answer.headers.insert(LINK, value);
    }
    answer
}

/// The first parameter of that name, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}
