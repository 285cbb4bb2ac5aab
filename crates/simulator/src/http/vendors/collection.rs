//! The collection of items, in each vendor's form.

use std::ops::Range;

use http::StatusCode;
use serde_json::{Value, json};

use crate::http::response::ApiResponse;
use crate::http::shape::Shape;

/// Prefix of item ids in shapes where ids are text.
const ITEM: &str = "item-";

/// Returns the index that an id stands for: a number, or a number after `item-`.
pub(super) fn index_of(id: &str) -> Option<usize> {
    let number = id.strip_prefix(ITEM).unwrap_or(id);
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    if digits { number.parse().ok() } else { None }
}

/// Returns the response with one item.
pub(super) fn single(shape: Shape, id: &str, items: usize) -> ApiResponse {
    let mut response = ApiResponse::json(StatusCode::OK, &item(shape, id, "items"));
    if let Some(index) = index_of(id).filter(|index| *index < items) {
        response.items = index..index + 1;
    }
    response
}

/// Returns one item in the vendor's form.
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

/// Returns a page as Notion describes it.
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

/// One page of the collection: which items, the items as JSON, and whether more follow.
pub(super) struct CollectionPage {
    pub(super) range: Range<usize>,
    pub(super) rows: Vec<Value>,
    pub(super) more: bool,
}

/// Returns the page of `size` items from `start` on.
pub(super) fn collection_page(
    shape: Shape,
    parent: &str,
    start: usize,
    size: usize,
    items: usize,
) -> CollectionPage {
    let end = items.min(start.saturating_add(size));
    let range = start.min(end)..end;
    let row = |index| item(shape, &format!("{ITEM}{index}"), parent);
    CollectionPage {
        rows: range.clone().map(row).collect(),
        more: end < items,
        range,
    }
}

impl CollectionPage {
    /// Returns the response that carries this page.
    pub(super) fn into_response(self, body: &Value) -> ApiResponse {
        ApiResponse {
            items: self.range,
            ..ApiResponse::json(StatusCode::OK, body)
        }
    }
}
