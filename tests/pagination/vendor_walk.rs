//! A walk by a vendor's preset through a collection of the simulated API in that vendor's format.

use std::time::Duration;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use api_ratelimiter_simulator::{SimulatedApi, SimulatedApiBuilder, Stats};
use serde::Deserialize;
use serde_json::json;

use super::front::{DynamicAPIClient, Pages};

/// Returns the id of an item: every vendor's items have one, a number or text with a number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(usize),
    Text(String),
}

#[derive(Debug, Deserialize)]
struct Item {
    id: Id,
}

impl Item {
    fn index(&self) -> usize {
        match &self.id {
            Id::Number(index) => *index,
            Id::Text(id) => {
                let index = id.strip_prefix("item-").expect("an item's id");
                index.parse().expect("an item's number")
            }
        }
    }
}

/// Differences from the vendor's real API: number of items, rates, and faults.
pub(crate) struct Walk {
    pub(crate) vendor: &'static str,
    /// Further settings for [`SimulatedApiBuilder`], besides format and number of items.
    pub(crate) api: &'static str,
    pub(crate) items: usize,
    pub(crate) page_size: usize,
    pub(crate) initial_rate: f64,
    pub(crate) max_rate: f64,
    /// `None`: the preset's value.
    pub(crate) default_cooldown: Option<Duration>,
}

impl Walk {
    /// Walks through the collection. Checks that the client got each item once and in order, that the server
    /// delivered each once, and that connections were cut.
    pub(crate) fn run(&self, ask: impl FnOnce(&DynamicAPIClient, usize) -> Pages) -> Stats {
        let settings = format!("shape={} items={} {}", self.vendor, self.items, self.api);
        let builder: SimulatedApiBuilder = settings.parse().expect("settings");
        let api: SimulatedApi = builder.start().expect("a loopback port");
        let preset = API_RATE_CONFIGS.get(self.vendor).expect("a preset");
        // The preset's name, which selects its profile, its pagination and its statuses.
        let client = DynamicAPIClient::builder(ApiRateConfig {
            base_url: api.base_url(),
            initial_rate: self.initial_rate,
            max_rate: self.max_rate,
            // Those of the real API.
            limits: Vec::new(),
            default_cooldown: self.default_cooldown.or(preset.default_cooldown),
            ..(*preset).clone()
        })
        .no_proxy()
        .retry_transport(3)
        .build()
        .expect("a valid client");

        let items = ask(&client, self.page_size).items::<Item>();
        let found: Vec<usize> = items.map(|item| item.expect("an item").index()).collect();
        assert!(
            found.iter().copied().eq(0..self.items),
            "each once, in order: {found:?}"
        );

        // The last response is counted when its connection has ended, at the latest.
        api.stop();
        let stats = api.stats();
        let pages = self.items.div_ceil(self.page_size) as u64;
        let items = (stats.items_served, stats.items_served_twice);
        assert_eq!(items, (self.items as u64, 0), "{stats:?}");
        // Each page was requested once, and once more after each cut.
        assert_eq!((stats.served, stats.served_twice), (pages, 0), "{stats:?}");
        assert!(stats.faults_injected > 0, "{stats:?}");
        assert_eq!(stats.accepted, pages + stats.faults_injected, "{stats:?}");
        stats
    }
}

/// Notion's query of a database, by POST.
pub(crate) fn notion_query(client: &DynamicAPIClient, page_size: usize) -> Pages {
    client
        .post("/databases/tasks/query")
        .json(&json!({"page_size": page_size}))
        .pages()
}

pub(crate) fn notion_users(client: &DynamicAPIClient, page_size: usize) -> Pages {
    client.get("/users").query("page_size", page_size).pages()
}

pub(crate) fn vanta_tests(client: &DynamicAPIClient, page_size: usize) -> Pages {
    client.get("/tests").query("pageSize", page_size).pages()
}

pub(crate) fn fieldguide_clients(client: &DynamicAPIClient, page_size: usize) -> Pages {
    client
        .get("/v1/clients")
        .query("per_page", page_size)
        .pages()
}

pub(crate) fn github_repos(client: &DynamicAPIClient, page_size: usize) -> Pages {
    client
        .get("/orgs/octo-org/repos")
        .query("per_page", page_size)
        .pages()
}
