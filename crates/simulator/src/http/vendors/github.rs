//! Collections of GitHub.

use http::header::{HOST, HeaderValue, LINK};
use http::request::Parts;
use serde_json::Value;

use super::collection::collection_page;
use super::numbered::Numbered;
use super::page_size::PageSize;
use super::query::parameter;
use crate::http::response::ApiResponse;
use crate::http::shape::Shape;

/// Valid page sizes.
const PAGE_SIZE: PageSize = PageSize {
    parameter: "per_page",
    default: 30,
    max: 100,
};

/// Returns the page that a query asks for, with a `Link` header.
pub(super) fn get(parts: &Parts, query: &str, items: usize) -> ApiResponse {
    // GitHub replaces an invalid size or page by the nearest valid one.
    let size = parameter(query, PAGE_SIZE.parameter).and_then(|text| text.parse().ok());
    let size = size
        .filter(|size| *size > 0)
        .unwrap_or(PAGE_SIZE.default)
        .min(PAGE_SIZE.max);
    let numbered = Numbered::read(query, size, items)
        .or_else(|| Numbered::read("", size, items))
        .unwrap_or(Numbered { number: 1, last: 1 });
    let mut page = collection_page(Shape::GitHub, "", numbered.start(size), size, items);
    let data = Value::Array(std::mem::take(&mut page.rows));
    let mut response = page.into_response(&data);

    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    // Without a `Host` header the links are relative.
    let origin = host.map_or(String::new(), |host| format!("http://{host}"));
    // One link for each page that exists.
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
    // Host and target came in a request, so they are valid in a header.
    if let (false, Ok(value)) = (links.is_empty(), HeaderValue::try_from(links.join(", "))) {
        response.headers.insert(LINK, value);
    }
    response
}
