//! Any collection, in pages of any sizes, is returned whole and in order, whatever the style, and whatever
//! page the walk is interrupted and resumed after.

use http::{HeaderMap, Method, StatusCode, header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::params::path_and_query;
use super::step_tests::request;
use super::{Position, Walk};
use crate::config::pagination::{Pagination, ParameterLocation};
use crate::request::RequestParts;

/// The way a vendor paginates.
#[derive(Debug, Clone, Copy)]
enum Vendor {
    CursorInQuery,
    CursorInBody,
    SilentCursor,
    NumberedCursor,
    LastItem,
    SilentLastItem,
    PageWithLink,
    PageWithTotal,
    PageUntilEmpty,
    LinkHeader,
    NextUrl,
    Offset,
    OffsetWithTotal,
}

const VENDORS: [Vendor; 13] = [
    Vendor::CursorInQuery,
    Vendor::CursorInBody,
    Vendor::SilentCursor,
    Vendor::NumberedCursor,
    Vendor::LastItem,
    Vendor::SilentLastItem,
    Vendor::PageWithLink,
    Vendor::PageWithTotal,
    Vendor::PageUntilEmpty,
    Vendor::LinkHeader,
    Vendor::NextUrl,
    Vendor::Offset,
    Vendor::OffsetWithTotal,
];

impl Vendor {
    fn style(self) -> Pagination {
        match self {
            Self::CursorInQuery => Pagination::cursor("c", "next").more_if("more"),
            Self::CursorInBody => Pagination::cursor("c", "next").last_if("last"),
            Self::SilentCursor | Self::NumberedCursor => Pagination::cursor("c", "next"),
            Self::LastItem => Pagination::last_item("after", "id").more_if("more"),
            Self::SilentLastItem => Pagination::last_item("after", "id"),
            Self::PageWithLink => Pagination::page_number("page").more_if_present("next"),
            Self::PageWithTotal => Pagination::page_number("page").total("pages"),
            Self::PageUntilEmpty => Pagination::page_number("page"),
            Self::LinkHeader => Pagination::link_header(),
            Self::NextUrl => Pagination::next_url("next"),
            Self::Offset => Pagination::offset("offset"),
            Self::OffsetWithTotal => Pagination::offset("offset").total("total"),
        }
        .items("deep.items")
    }

    fn request(self) -> RequestParts {
        match self {
            Self::CursorInBody => request(Method::POST, "/a?x=1", Some(&json!({"size": 3}))),
            _ => request(Method::GET, "/a?x=1", None),
        }
    }

    /// Returns the response to a request over `count` items; `ends` are where the pages end.
    fn answer(self, parts: &RequestParts, ends: &[u64], count: u64) -> (HeaderMap, Value) {
        let said = |name: &str| {
            let value = ParameterLocation::ByMethod
                .get(parts, &name.into())
                .expect("readable")?;
            value.as_u64().or_else(|| value.as_str()?.parse().ok())
        };
        let (_, query) = path_and_query(&parts.address).expect("an address");
        assert!(
            query.contains("x=1"),
            "what the caller asked for is kept: {query}"
        );
        let start = match self {
            Self::LastItem | Self::SilentLastItem => said("after").map_or(0, |id| id - 999),
            Self::PageWithLink | Self::PageWithTotal | Self::PageUntilEmpty => {
                let page = said("page").unwrap_or(1) as usize;
                // A page past the end is empty.
                *[0].iter().chain(ends).nth(page - 1).unwrap_or(&count)
            }
            Self::Offset | Self::OffsetWithTotal => said("offset").unwrap_or(0),
            _ => said("c").unwrap_or(0),
        };
        let end = *ends.iter().find(|end| **end > start).unwrap_or(&count);
        let items: Vec<_> = (start..end)
            .map(|index| json!({"id": index + 1000}))
            .collect();
        let mut headers = HeaderMap::new();
        let mut body = json!({"deep": {"items": items}});
        let more = end < count;
        match self {
            Self::CursorInQuery => body["more"] = more.into(),
            Self::CursorInBody => body["last"] = (!more).into(),
            Self::LastItem => body["more"] = more.into(),
            Self::PageWithTotal => body["pages"] = ends.len().into(),
            Self::OffsetWithTotal => body["total"] = count.into(),
            _ => {}
        }
        if more {
            let url = format!("?x=1&c={end}");
            match self {
                Self::LinkHeader => {
                    let link = format!("<{url}>; rel=next")
                        .parse()
                        .expect("a header value");
                    headers.insert(header::LINK, link);
                }
                Self::NextUrl => body["next"] = url.into(),
                Self::NumberedCursor => body["next"] = end.into(),
                _ => body["next"] = end.to_string().into(),
            }
        }
        (headers, body)
    }
}

/// Returns all ids of a walk that is interrupted and resumed after the pages in `breaks`.
fn walked(vendor: Vendor, sizes: &[u64], breaks: &[bool]) -> (Vec<u64>, u64) {
    let ends: Vec<u64> = sizes
        .iter()
        .scan(0, |sum, size| {
            *sum += size;
            Some(*sum)
        })
        .collect();
    let count = ends.last().copied().unwrap_or_default();
    let mut walk = Walk::new(Some(vendor.style()), Ok(vendor.request()));
    let (mut ids, mut requests) = (Vec::new(), 0);
    while let Some(parts) = walk.request() {
        let parts = parts.expect("a request");
        let (headers, body) = vendor.answer(&parts, &ends, count);
        let page = walk
            .arrived(StatusCode::OK, headers, body.to_string().into_bytes())
            .expect("a page");
        requests += 1;
        assert_eq!(page.number(), requests);
        assert_eq!(page.position(), walk.position());
        ids.extend(
            page.items()
                .iter()
                .map(|item| item["id"].as_u64().expect("an id") - 1000),
        );
        if breaks
            .get(requests as usize - 1)
            .copied()
            .unwrap_or_default()
        {
            let json = serde_json::to_string(walk.position()).expect("JSON");
            let position: Position = serde_json::from_str(&json).expect("a position");
            walk = Walk::new(Some(vendor.style()), Ok(vendor.request()));
            walk.resume(position);
        }
        assert!(requests <= sizes.len() as u64 + 2, "it does not end");
    }
    (ids, count)
}

proptest! {
    #[test]
    fn every_item_comes_once_and_in_order(
        vendor in prop::sample::select(&VENDORS[..]),
        sizes in prop::collection::vec(1..8_u64, 0..12),
        breaks in prop::collection::vec(any::<bool>(), 0..14),
    ) {
        let (ids, count) = walked(vendor, &sizes, &breaks);
        prop_assert_eq!(ids, (0..count).collect::<Vec<_>>());
    }

    /// Whatever a server sends: no panic, and an error or the end is final.
    #[test]
    fn no_answer_does_harm(
        vendor in prop::sample::select(&VENDORS[..]),
        link in "[ -~]{0,40}",
        next in "\\PC{0,40}",
        kind in 0..6,
        raw in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut walk = Walk::new(Some(vendor.style()), Ok(vendor.request()));
        for _ in 0..3 {
            let Some(parts) = walk.request() else { break };
            // The page was good, and does not say where the next one starts.
            let Ok(parts) = parts else {
                prop_assert!(walk.is_over() && walk.request().is_none());
                break;
            };
            prop_assert_eq!(parts.address.origin().to_string(), "https://h.example");
            let mut headers = HeaderMap::new();
            headers.insert(header::LINK, link.parse().expect("a header value"));
            let value = match kind {
                0 => json!(next.clone()),
                1 => json!(u64::MAX),
                2 => json!(1e300),
                3 => json!([next.clone()]),
                4 => json!(null),
                _ => json!(true),
            };
            let body = json!({"deep": {"items": [{"id": value}]}, "next": value, "more": value, "last": value, "pages": value, "total": value});
            let body = if kind == 5 { raw.clone() } else { body.to_string().into_bytes() };
            if walk.arrived(StatusCode::OK, headers, body).is_err() {
                prop_assert!(walk.request().is_none());
            }
        }
    }
}
