//! Collections of Fieldguide.

use serde_json::json;

use super::collection::collection_page;
use super::numbered::Numbered;
use super::page_size::PageSize;
use crate::http::response::ApiResponse;
use crate::http::shape::Shape;

/// Valid page sizes.
const PAGE_SIZE: PageSize = PageSize {
    parameter: "per_page",
    default: 50,
    max: 200,
};

/// Returns the page that a query asks for, with links to other pages.
pub(super) fn get(path: &str, query: &str, items: usize) -> Result<ApiResponse, String> {
    let size = PAGE_SIZE.read_query(query)?;
    let invalid = || "page must be a number from 1.".to_owned();
    let numbered = Numbered::read(query, size, items).ok_or_else(invalid)?;
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
    let mut page = collection_page(Shape::Fieldguide, "", start, size, items);
    let data = std::mem::take(&mut page.rows);
    Ok(page.into_response(&json!({"data": data, "_links": links})))
}
