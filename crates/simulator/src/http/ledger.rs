//! What the server has done so far, and for which requests.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::time::Duration;

use http::Method;
use http::request::Parts;

use api_ratelimiter_core::Time;

/// Counts of what a simulated API has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Requests that the limits let through, faulty ones included.
    pub accepted: u64,
    /// Requests that were answered with the refusal status.
    pub refused: u64,
    /// Accepted requests whose real answer was handed to the operating system to the last byte.
    ///
    /// Those that a fault gave another status or cut are not among them, those it stalled are, once
    /// the stall is over and the rest was sent.
    pub served: u64,
    /// Served requests beyond the first with the same method, path, query and body.
    pub served_twice: u64,
    /// Different items of the collection in served answers.
    ///
    /// A client that says it has all of them got all if this is their number.
    pub items_served: u64,
    /// Items in served answers beyond the first time of each.
    pub items_served_twice: u64,
    /// Accepted requests that were struck by a fault.
    pub faults_injected: u64,
    /// Requests that came during an outage, refused ones included.
    pub met_outage: u64,
    /// Connections that were accepted.
    pub connections: u64,
}

/// What makes two requests the same request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    method: Method,
    /// Path and query as they were sent.
    target: Box<str>,
    /// A hash of the body: bodies may be large, and a collision would only miscount.
    body: u64,
}

impl Identity {
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

    /// Whether `GET /path?query`, or `/path?query` for every method, means this request.
    fn is_meant_by(&self, text: &str) -> bool {
        match text.split_once(' ') {
            Some((method, target)) => self.method == method && *self.target == *target,
            None => *self.target == *text,
        }
    }
}

/// A request whose real answer goes out, and the items of the collection in that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) identity: Identity,
    pub(super) items: Range<usize>,
}

/// The counts, the accepted and the served requests one by one.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stats: Stats,
    /// When, in order.
    accepted: Vec<Time>,
    served: HashMap<Identity, u64>,
    items: HashSet<usize>,
}

impl Ledger {
    /// At a time that is not before the one of the last.
    pub(super) fn accept(&mut self, now: Time) {
        self.stats.accepted += 1;
        self.accepted.push(now);
    }

    /// The most that were accepted in any stretch of that length, its end left out.
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

    pub(super) fn served(&self, text: &str) -> u64 {
        let meant = self
            .served
            .iter()
            .filter(|(identity, _)| identity.is_meant_by(text));
        meant.map(|(_, count)| count).sum()
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
    fn requests_are_the_same_by_method_path_query_and_body() {
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
    fn a_path_is_looked_up_with_its_method_or_for_all() {
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
    fn items_are_counted_one_by_one() {
        let mut ledger = Ledger::default();
        for (target, items) in [("/a", 0..10), ("/a?b=1", 10..15), ("/a?c=1", 8..12)] {
            ledger.serve(delivery(Method::GET, target, "", items));
        }
        let stats = ledger.stats;
        assert_eq!((stats.items_served, stats.items_served_twice), (15, 4));
    }

    #[test]
    fn the_busiest_stretch_is_found_wherever_it_begins() {
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
