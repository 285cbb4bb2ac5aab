//! A walk by a vendor's preset through a collection on the simulated API in that vendor's shape.

use std::time::Duration;

use api_ratelimiter::{API_RATE_CONFIGS, ApiRateConfig};
use api_ratelimiter_simulator::{SimulatedApi, SimulatedApiBuilder, Stats};
use serde::Deserialize;
use serde_json::json;

use super::front::{DynamicAPIClient, Pages};

/// Every vendor's item has an id: a number, or text with one.
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

/// What differs from the vendor: how much there is, how fast it goes and what is hidden.
pub(crate) struct Walk {
    pub(crate) vendor: &'static str,
    /// Beside the shape and the number of items, as [`SimulatedApiBuilder`] reads it.
    pub(crate) api: &'static str,
    pub(crate) items: usize,
    pub(crate) page_size: usize,
    pub(crate) initial_rate: f64,
    pub(crate) max_rate: f64,
    /// `None`: what the preset says.
    pub(crate) default_cooldown: Option<Duration>,
}

impl Walk {
    /// Walks the whole and checks that it is: each item once and in order, by what the client got and by
    /// what the server delivered; and that connections were cut on the way.
    pub(crate) fn run(&self, ask: impl FnOnce(&DynamicAPIClient, usize) -> Pages) -> Stats {
        let settings = format!("shape={} items={} {}", self.vendor, self.items, self.api);
        let builder: SimulatedApiBuilder = settings.parse().expect("settings");
        let api: SimulatedApi = builder.start().expect("a loopback port");
        let preset = API_RATE_CONFIGS.get(self.vendor).expect("a preset");
        // The preset's name, and with it its profile; its pagination and statuses.
        let client = DynamicAPIClient::builder(ApiRateConfig {
            base_url: api.base_url(),
            initial_rate: self.initial_rate,
            max_rate: self.max_rate,
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

        // The last answer is counted when its connection has ended, at the latest.
        api.stop();
        let stats = api.stats();
        let pages = self.items.div_ceil(self.page_size) as u64;
        let items = (stats.items_served, stats.items_served_twice);
        assert_eq!(items, (self.items as u64, 0), "{stats:?}");
        // Not one page more than there are, and each cut one was asked for once more.
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
