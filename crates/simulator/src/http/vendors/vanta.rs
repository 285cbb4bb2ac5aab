//! Collections of Vanta.

use serde_json::json;

use super::collection::collection_page;
use super::cursor::CursorForm;
use super::page_size::PageSize;
use super::query::parameter;
use crate::http::response::ApiResponse;
use crate::http::shape::Shape;

/// Valid page sizes.
const PAGE_SIZE: PageSize = PageSize {
    parameter: "pageSize",
    default: 10,
    max: 100,
};

/// Form of cursors. It contains characters that a URL must encode, as Base64 does.
const CURSOR: CursorForm = CursorForm("cursor+", "/=");

/// Returns the page that a query asks for.
pub(super) fn get(query: &str, items: usize) -> Result<ApiResponse, String> {
    let size = PAGE_SIZE.read_query(query)?;
    let from = parameter(query, "pageCursor");
    let start = CURSOR.start("pageCursor", from.as_deref(), items)?;
    let mut page = collection_page(Shape::Vanta, "", start, size, items);
    let info = json!({
        "startCursor": CURSOR.cursor(page.range.start),
        "endCursor": CURSOR.cursor(page.range.end),
        "hasNextPage": page.more,
        "hasPreviousPage": start > 0,
    });
    let data = std::mem::take(&mut page.rows);
    Ok(page.into_response(&json!({"results": {"data": data, "pageInfo": info}})))
}
