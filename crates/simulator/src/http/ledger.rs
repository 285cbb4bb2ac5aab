//! Record of what the server has done, in total and per request.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::time::Duration;

use http::Method;
use http::request::Parts;

use api_ratelimiter_core::Time;

/// Counts of a simulated API since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that the limits accepted, including those that a fault struck.
    pub accepted: u64,
    /// Requests that the limits refused.
    pub refused: u64,
    /// Accepted requests whose normal response was sent completely to the operating system.
    ///
    /// Requests that a fault cut or gave another status are not counted. Stalled ones are counted once the
    /// rest of the response is sent.
    pub served: u64,
    /// Repeated served requests: those with the method, path, query and body of an earlier one.
    pub served_twice: u64,
    /// Distinct items of the collection in served responses.
    ///
    /// It equals the size of the collection if the client received every item.
    pub items_served: u64,
    /// Repeated items in served responses: those that an earlier response contained.
    pub items_served_twice: u64,
    /// Accepted requests that a fault struck.
    pub faults_injected: u64,
    /// Requests that arrived during an outage, including refused ones.
    pub met_outage: u64,
    /// Accepted connections.
    pub connections: u64,
}

/// Identity of a request: equal for a request and its repetition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    method: Method,
    /// Path and query as they were sent.
    target: Box<str>,
    /// Hash of the body. A body may be large, and a collision would only change a count.
    body: u64,
}

impl Identity {
    /// Returns the identity of a request.
    pub(super) fn new(parts: &Parts, body: &[u8]) -> Self {
        let target = parts
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        Self {
            method: parts.method.clone(),
            target: target.into(),
            body: hasher.finish(),
        }
    }

    /// Returns whether `GET /path?query`, or `/path?query` for any method, matches this request.
    fn matches(&self, text: &str) -> bool {
        match text.split_once(' ') {
            Some((method, target)) => self.method == method && *self.target == *target,
            None => *self.target == *text,
        }
    }
}

/// A request whose normal response is sent, with the items of the collection in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) identity: Identity,
    pub(super) items: Range<usize>,
}

/// Counts, times of accepted requests, and counts per served request.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stats: Stats,
    /// Times of accepted requests, in order.
    accepted: Vec<Time>,
    served: HashMap<Identity, u64>,
    items: HashSet<usize>,
}

impl Ledger {
    /// Records an accepted request. Times must not decrease.
    pub(super) fn accept(&mut self, now: Time) {
        self.stats.accepted += 1;
        self.accepted.push(now);
    }

    /// Returns the maximum number of requests accepted in any stretch of that length, without its end.
    pub(super) fn most_accepted_in(&self, window: Duration) -> usize {
        let mut first = 0;
        let lengths = self.accepted.iter().enumerate().map(|(last, &now)| {
            while first < last && now.saturating_since(self.accepted[first]) >= window {
                first += 1;
            }
            last + 1 - first
        });
        lengths.max().unwrap_or(0)
    }

    /// Records a served request and its items.
    pub(super) fn serve(&mut self, Delivery { identity, items }: Delivery) {
        for item in items {
            let first = self.items.insert(item);
            self.stats.items_served += u64::from(first);
            self.stats.items_served_twice += u64::from(!first);
        }
        let count = self.served.entry(identity).or_insert(0);
        *count += 1;
        self.stats.served += 1;
        self.stats.served_twice += u64::from(*count > 1);
    }

    /// Returns how often a request was served.
    pub(super) fn served(&self, text: &str) -> u64 {
        let matching = self
            .served
            .iter()
            .filter(|(identity, _)| identity.matches(text));
        matching.map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(method: Method, target: &str, body: &str, items: Range<usize>) -> Delivery {
        let request = http::Request::builder().method(method).uri(target);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let identity = Identity::new(&parts, body.as_bytes());
        Delivery { identity, items }
    }

    fn identity(method: Method, target: &str, body: &str) -> Delivery {
        delivery(method, target, body, 0..0)
    }

    #[test]
    fn requests_are_equal_by_method_path_query_and_body() {
        let mut ledger = Ledger::default();
        ledger.serve(identity(Method::GET, "/a", ""));
        ledger.serve(identity(Method::GET, "/a?b=1", ""));
        ledger.serve(identity(Method::POST, "/a", "one"));
        ledger.serve(identity(Method::POST, "/a", "two"));
        assert_eq!((ledger.stats.served, ledger.stats.served_twice), (4, 0));
        ledger.serve(identity(Method::POST, "/a", "two"));
        ledger.serve(identity(Method::POST, "/a", "two"));
        assert_eq!((ledger.stats.served, ledger.stats.served_twice), (6, 2));
    }

    #[test]
    fn served_matches_one_method_or_all() {
        let mut ledger = Ledger::default();
        ledger.serve(identity(Method::GET, "/a?b=1", ""));
        ledger.serve(identity(Method::POST, "/a?b=1", "x"));
        ledger.serve(identity(Method::POST, "/a?b=1", "y"));
        assert_eq!(ledger.served("/a?b=1"), 3);
        assert_eq!(ledger.served("POST /a?b=1"), 2);
        assert_eq!(ledger.served("PUT /a?b=1"), 0);
        assert_eq!(ledger.served("/a"), 0);
    }

    #[test]
    fn each_item_is_counted() {
        let mut ledger = Ledger::default();
        for (target, items) in [("/a", 0..10), ("/a?b=1", 10..15), ("/a?c=1", 8..12)] {
            ledger.serve(delivery(Method::GET, target, "", items));
        }
        let stats = ledger.stats;
        assert_eq!((stats.items_served, stats.items_served_twice), (15, 4));
    }

    #[test]
    fn the_busiest_stretch_is_found_at_any_start() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.most_accepted_in(Duration::from_secs(1)), 0);
        for millis in [0, 400, 900, 1_000, 1_399, 1_400, 5_000] {
            ledger.accept(Time::ZERO + Duration::from_millis(millis));
        }
        assert_eq!(ledger.most_accepted_in(Duration::from_secs(1)), 4);
        assert_eq!(ledger.most_accepted_in(Duration::from_millis(1)), 1);
        assert_eq!(ledger.most_accepted_in(Duration::ZERO), 1);
        assert_eq!(ledger.most_accepted_in(Duration::MAX), 7);
    }
}
