//! Collections of Notion.

use serde::Deserialize;
use serde_json::json;

use super::collection::collection_page;
use super::cursor::CursorForm;
use super::page_size::PageSize;
use super::query::parameter;
use crate::http::response::ApiResponse;
use crate::http::shape::Shape;

/// Valid page sizes.
const PAGE_SIZE: PageSize = PageSize {
    parameter: "page_size",
    default: 100,
    max: 100,
};

/// Form of cursors.
const CURSOR: CursorForm = CursorForm("cursor-", "");

/// Body of a query.
#[derive(Debug, Default, Deserialize)]
struct NotionQuery {
    start_cursor: Option<String>,
    page_size: Option<usize>,
}

/// Returns the page that the body of a `POST` asks for.
pub(super) fn post(parent: &str, body: &[u8], items: usize) -> Result<ApiResponse, String> {
    let query = if body.is_empty() {
        NotionQuery::default()
    } else {
        serde_json::from_slice(body)
            .map_err(|_| "The body is not a valid query (expected JSON).")?
    };
    let size = PAGE_SIZE.read(query.page_size)?;
    list(parent, query.start_cursor.as_deref(), size, items)
}

/// Returns the page that the query of a `GET` asks for.
pub(super) fn get(query: &str, items: usize) -> Result<ApiResponse, String> {
    let size = PAGE_SIZE.read_query(query)?;
    let cursor = parameter(query, "start_cursor");
    list("items", cursor.as_deref(), size, items)
}

/// Returns the page that begins at the cursor `from`.
fn list(
    parent: &str,
    from: Option<&str>,
    size: usize,
    items: usize,
) -> Result<ApiResponse, String> {
    let start = CURSOR.start("start_cursor", from, items)?;
    let mut page = collection_page(Shape::Notion, parent, start, size, items);
    let results = std::mem::take(&mut page.rows);
    let next = page.more.then(|| CURSOR.cursor(page.range.end));
    let body =
        json!({"object": "list", "results": results, "has_more": page.more, "next_cursor": next});
    Ok(page.into_response(&body))
}
