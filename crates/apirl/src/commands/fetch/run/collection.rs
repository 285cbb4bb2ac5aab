//! Collections: followed from page to page, and written as they arrive.

use std::time::Instant;

use api_ratelimiter::{Error, RequestBuilder};

use super::job::{Job, effort};
use super::request::{FailedRequest, Sent};
use crate::commands::fetch::input::request_line::LineLabel;
use crate::commands::fetch::output::ordered_writer::LineOutcome;
use crate::commands::fetch::output::record::{self, Effort, PagePosition, Record};

/// Size in bytes at which items are handed to the writer. A page may have millions of them.
const CHUNK: usize = 64 * 1024;

impl Job {
    /// Follows a collection and writes each page as it arrives.
    pub(super) fn pages(
        &self,
        turn: u64,
        label: &LineLabel,
        request: RequestBuilder,
    ) -> Result<(), (FailedRequest, Instant)> {
        let mut began = Instant::now();
        for page in request.pages() {
            let page = page.map_err(|error| failed_page(error, began))?;
            let position = PagePosition {
                page: page.number(),
                last: page.position().is_end(),
            };
            let sent = Sent::default().plus(page.attempts(), page.waited());
            let status = page.status().as_u16();
            let effort = effort(sent, began);
            let record = record::page(label, status, page.into_body(), position, effort);
            match position.last {
                true => self.end(turn, Some(record), LineOutcome::Succeeded),
                false => self.hand_over(turn, vec![record]),
            }
            began = Instant::now();
        }
        Ok(())
    }

    /// Follows a collection and writes its items. One item is held back until it is known whether more follow, because
    /// the last one is marked.
    pub(super) fn items(
        &self,
        turn: u64,
        label: &LineLabel,
        request: RequestBuilder,
    ) -> Result<(), (FailedRequest, Instant)> {
        let mut began = Instant::now();
        let mut held_back: Option<CollectedItem> = None;
        for page in request.pages() {
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    // All that arrived is written before the error.
                    let last = held_back.map(|item| item.record(label, false));
                    self.hand_over(turn, last.into_iter().collect());
                    return Err(failed_page(error, began));
                }
            };
            let from = ItemSource {
                page: page.number(),
                status: page.status().as_u16(),
                effort: effort(Sent::default().plus(page.attempts(), page.waited()), began),
            };

            // All items of the page but its last.
            let (mut chunk, mut size) = (Vec::new(), 0);
            for item in page.item_texts() {
                let item = CollectedItem {
                    text: Some(item.to_owned()),
                    from,
                };
                let Some(earlier) = held_back.replace(item) else {
                    continue;
                };
                let record = earlier.record(label, false);
                size += record.size();
                chunk.push(record);
                if size >= CHUNK {
                    self.hand_over(turn, std::mem::take(&mut chunk));
                    size = 0;
                }
            }
            self.hand_over(turn, chunk);

            // At the end also the last item; an empty collection has one line that says so.
            if page.position().is_end() {
                let none = CollectedItem { text: None, from };
                let last = held_back.take().unwrap_or(none).record(label, true);
                self.end(turn, Some(last), LineOutcome::Succeeded);
            }
            began = Instant::now();
        }
        Ok(())
    }

    /// Writes a part of a collection.
    fn hand_over(&self, turn: u64, records: Vec<Record>) {
        if !records.is_empty() {
            self.writer.write(turn, records, None, &self.stop);
        }
    }
}

/// An item of a collection, and the page that it came with.
struct CollectedItem {
    /// JSON; `None` for the line of an empty collection.
    text: Option<String>,
    from: ItemSource,
}

#[derive(Clone, Copy)]
struct ItemSource {
    page: u64,
    status: u16,
    effort: Effort,
}

impl CollectedItem {
    fn record(self, label: &LineLabel, last: bool) -> Record {
        let ItemSource {
            page,
            status,
            effort,
        } = self.from;
        let position = PagePosition { page, last };
        record::item(label, status, self.text, position, effort)
    }
}

fn failed_page(error: Error, began: Instant) -> (FailedRequest, Instant) {
    let sent = Sent::default().plus(error.attempts(), error.waited());
    (FailedRequest { error, sent }, began)
}
