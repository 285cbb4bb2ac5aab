//! The vendors' shapes: pages of a collection and single items. [`Shape`] lists the sources.

mod collection;
mod cursor;
mod fieldguide;
mod github;
mod notion;
mod numbered;
mod page_size;
mod query;
mod vanta;

use http::Method;
use http::request::Parts;

use super::response::ApiResponse;
use super::shape::Shape;
use collection::{index_of, single};

/// Returns the vendor's response to a request. The collection has `items` items. `None` if the request has
/// nothing to do with the collection.
pub(super) fn respond(
    shape: Shape,
    parts: &Parts,
    segments: &[&str],
    body: &[u8],
    items: usize,
) -> Option<ApiResponse> {
    let query = parts.uri.query().unwrap_or_default();
    let response = match (shape, &parts.method, segments) {
        (Shape::Echo | Shape::Notion, &Method::GET, ["pages", id]) if !id.is_empty() => {
            Ok(single(Shape::Notion, id, items))
        }
        (
            Shape::Echo | Shape::Notion,
            &Method::POST,
            ["databases" | "data_sources", parent, "query"],
        ) => notion::post(parent, body, items),
        (Shape::Notion, &Method::POST, [.., "query"] | ["search"]) => {
            notion::post("items", body, items)
        }
        // The echo shape has no other collections.
        (Shape::Echo, ..) => return None,
        (_, &Method::GET, [.., id]) if index_of(id).is_some() => Ok(single(shape, id, items)),
        (Shape::Notion, &Method::GET, _) => notion::get(query, items),
        (Shape::Vanta, &Method::GET, _) => vanta::get(query, items),
        (Shape::Fieldguide, &Method::GET, _) => fieldguide::get(parts.uri.path(), query, items),
        (Shape::GitHub, &Method::GET, _) => Ok(github::get(parts, query, items)),
        _ => return None,
    };
    Some(response.unwrap_or_else(|message| shape.invalid(&message)))
}
