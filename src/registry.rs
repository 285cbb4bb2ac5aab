//! Registry of configurations by name.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;

use api_ratelimiter_core::config::{ApiRateConfig, overlaid};
use api_ratelimiter_core::error::{Error, Result};

use api_ratelimiter_core::presets;

/// The registry in which [`make_client_for`](crate::make_client_for) looks names up: the presets, and the
/// configurations that were inserted or merged.
///
/// ```
/// use api_ratelimiter::API_RATE_CONFIGS;
///
/// let notion = API_RATE_CONFIGS.get("notion").expect("a preset");
/// assert_eq!(notion.base_url, "https://api.notion.com/v1");
/// assert!(API_RATE_CONFIGS.names().contains(&"vanta".to_owned()));
/// ```
pub static API_RATE_CONFIGS: LazyLock<ApiRateConfigs> = LazyLock::new(ApiRateConfigs::with_presets);

/// Registry of configurations by name; the type of [`API_RATE_CONFIGS`].
#[derive(Debug)]
pub struct ApiRateConfigs {
    by_name: RwLock<BTreeMap<String, Arc<ApiRateConfig>>>,
}

impl ApiRateConfigs {
    fn with_presets() -> Self {
        let by_name = presets::all()
            .into_iter()
            .map(|config| (config.name.clone(), Arc::new(config)))
            .collect();
        Self {
            by_name: RwLock::new(by_name),
        }
    }

    /// Returns the configuration with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<ApiRateConfig>> {
        self.by_name.read().get(name).cloned()
    }

    /// Adds a configuration, or replaces the one with the same name and returns the old one.
    ///
    /// Existing clients keep the configuration that they were built with.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if the name is empty or a value breaks a rule. Then nothing changes.
    pub fn insert(&self, config: ApiRateConfig) -> Result<Option<Arc<ApiRateConfig>>> {
        named(&config)?;
        config.validate()?;
        Ok(self
            .by_name
            .write()
            .insert(config.name.clone(), Arc::new(config)))
    }

    /// Returns the registered names, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.by_name.read().keys().cloned().collect()
    }

    /// Returns the registered configurations, sorted by name. Later changes don't affect the iterator.
    pub fn iter(&self) -> impl Iterator<Item = Arc<ApiRateConfig>> + use<> {
        self.by_name
            .read()
            .values()
            .cloned()
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// Merges a JSON object of entries by name, `{"notion": {"max_rate": 25}, "mine": {"base_url": …}}`.
    /// The given fields replace those of the entry. A new name creates an entry with the defaults.
    ///
    /// After an error the registry is unchanged.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] with entry and field.
    ///
    /// ```
    /// use api_ratelimiter::API_RATE_CONFIGS;
    ///
    /// API_RATE_CONFIGS.merge_json(r#"{"airtable": {"max_rate": 4.5}}"#)?;
    /// assert_eq!(API_RATE_CONFIGS.get("airtable").unwrap().max_rate, 4.5);
    ///
    /// let error = API_RATE_CONFIGS.merge_json(r#"{"airtable": {"max_rate": -1}}"#).unwrap_err();
    /// assert!(error.to_string().contains("\"airtable\", max_rate: -1"));
    /// # Ok::<(), api_ratelimiter::Error>(())
    /// ```
    pub fn merge_json(&self, text: &str) -> Result<()> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| Error::config("", "JSON", error))?;
        let serde_json::Value::Object(entries) = value else {
            return Err(Error::config(
                "",
                "JSON",
                "is not a valid registry (expected an object of entries by name)",
            ));
        };
        let mut by_name = self.by_name.write();
        let mut merged = by_name.clone();
        for (name, fields) in entries {
            let base = merged
                .get(&name)
                .map(|config| ApiRateConfig::clone(config))
                .unwrap_or_default();
            let mut config = overlaid(&name, base, fields)?;
            if !config.name.is_empty() && config.name != name {
                return Err(Error::config(
                    &name,
                    "name",
                    format_args!("{:?} differs from the entry's key", config.name),
                ));
            }
            config.name.clone_from(&name);
            named(&config)?;
            config.validate()?;
            merged.insert(name, Arc::new(config));
        }
        *by_name = merged;
        Ok(())
    }

    /// Returns the configuration with this name, or an error that lists the names and suggests the nearest one.
    pub(crate) fn known(&self, name: &str) -> Result<Arc<ApiRateConfig>> {
        self.get(name).ok_or_else(|| {
            let names = self.names();
            Error::unknown_api(name, &names, nearest(name, &names))
        })
    }
}

fn named(config: &ApiRateConfig) -> Result<()> {
    if config.name.trim().is_empty() {
        return Err(Error::config(&config.name, "name", "must not be empty"));
    }
    Ok(())
}

/// Returns the name that needs the fewest edits, if they change at most a third of its letters and not all
/// of them.
fn nearest<'a>(name: &str, names: &'a [String]) -> Option<&'a str> {
    let name = name.trim().to_lowercase().replace('-', "_");
    names
        .iter()
        .map(|known| (edits(&name, known), known))
        .filter(|(edits, known)| *edits <= known.len().div_ceil(3) && *edits < known.len())
        .min()
        .map(|(_, known)| known.as_str())
}

/// Returns the number of letters to insert, remove or replace to get from one word to the other
/// (Levenshtein distance).
fn edits(from: &str, to: &str) -> usize {
    // Names are short: a longer text is truncated, so that a wrong name costs little.
    let to: Vec<char> = to.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use api_ratelimiter_core::LimitConfig;

    use super::*;

    #[test]
    fn every_preset_is_valid_and_says_what_is_documented() {
        let registry = ApiRateConfigs::with_presets();
        for config in registry.iter() {
            config.validate().expect("a preset is valid");
            let text = config.documented_limit_desc.as_deref().unwrap_or_default();
            assert!(
                text.contains("ocumented") && text.to_lowercase().contains("guess"),
                "{}: {text}",
                config.name
            );
        }
    }

    /// Name, highest rate, known limits, backoff statuses, profile, scopes, and whether each customer has a host of their own.
    type Facts = (
        &'static str,
        f64,
        &'static str,
        &'static [u16],
        &'static str,
        &'static str,
        bool,
    );

    #[rustfmt::skip]
    const FACTS: &[Facts] = &[
        ("airtable", 5.0, "", &[429], "airtable", "", false),
        ("anthropic", 10.0, "", &[429, 529], "anthropic", "", false),
        ("asana", 50.0, "150 per 60 s", &[429], "asana", "search", false),
        ("asana_paid", 50.0, "1500 per 60 s", &[429], "asana", "search", false),
        ("datadog", 50.0, "", &[429], "datadog", "", false),
        ("discord", 50.0, "", &[429], "discord", "", false),
        ("eve", 20.0, "", &[420, 429], "eve", "", false),
        ("fieldguide", 8.0, "", &[429], "fieldguide", "", false),
        ("github", 200.0, "900 per 60 s", &[429], "github", "search,code_search,writes,graphql", false),
        ("github_anonymous", 200.0, "900 per 60 s", &[429], "github", "search,code_search,writes,graphql", false),
        ("github_enterprise", 200.0, "900 per 60 s", &[429], "github", "search,code_search,writes,graphql", false),
        ("google", 50.0, "300 per 60 s", &[429, 503], "google", "", true),
        ("hubspot", 50.0, "100 per 10 s, 250000 per 86400 s", &[429], "hubspot", "search", false),
        ("hubspot_professional", 50.0, "190 per 10 s, 625000 per 86400 s", &[429], "hubspot", "search", false),
        ("intercom", 166.6, "1666 per 10 s", &[429], "intercom", "", false),
        ("jira", 100.0, "", &[429, 503], "jira", "put,delete", true),
        ("linear", 50.0, "", &[429], "linear", "", false),
        ("monday", 50.0, "1000 per 60 s", &[429], "monday", "", false),
        ("msgraph", 20.0, "10000 per 600 s", &[429, 503, 504], "msgraph", "", false),
        ("notion", 50.0, "180 per 60 s", &[429, 529], "notion", "", false),
        ("notion_business", 50.0, "600 per 60 s", &[429, 529], "notion", "", false),
        ("okta", 50.0, "", &[429], "okta", "", true),
        ("openai", 10.0, "", &[429, 503], "openai", "", false),
        ("pagerduty", 50.0, "960 per 60 s", &[429], "pagerduty", "", false),
        ("reddit", 50.0, "1000 per 600 s", &[429], "reddit", "", false),
        ("salesforce", 50.0, "100000 per 86400 s", &[429, 503], "salesforce", "", true),
        ("servicenow", 20.0, "", &[429], "servicenow", "", true),
        ("shopify", 2.0, "", &[429], "shopify", "", true),
        ("shopify_advanced", 4.0, "", &[429], "shopify", "", true),
        ("shopify_graphql", 10.0, "", &[429], "shopify", "", true),
        ("shopify_plus", 20.0, "", &[429], "shopify", "", true),
        ("slack", 50.0, "", &[429], "slack", "chat.postMessage,chat.update,chat.delete,conversations.list,conversations.history,conversations.replies,conversations.info,conversations.members,users.list,users.info,users.conversations,usergroups.list,files.list,reactions.add,search.messages,team.info", false),
        ("stripe", 100.0, "", &[429], "stripe", "search,file_reads,file_writes", false),
        ("stripe_sandbox", 25.0, "", &[429], "stripe", "search,file_reads,file_writes", false),
        ("twilio", 20.0, "", &[429], "twilio", "", false),
        ("vanta", 20.0, "50 per 60 s", &[429], "vanta", "oauth_token", false),
        ("vanta_auditor", 20.0, "250 per 60 s", &[429], "vanta", "oauth_token,writes", false),
        ("vanta_integrations", 20.0, "20 per 60 s", &[429], "vanta", "oauth_token", false),
        ("x", 5.0, "", &[429], "x", "", false),
        ("youtube", 100.0, "10000 per day from 00:00 America/Los_Angeles", &[429, 503], "google", "", false),
        ("zapier", 20.0, "60 per 60 s", &[429], "zapier", "", false),
        ("zendesk", 50.0, "200 per 60 s", &[429, 503], "zendesk", "incremental_export", true),
        ("zendesk_enterprise", 50.0, "700 per 60 s", &[429, 503], "zendesk", "incremental_export", true),
        ("zendesk_enterprise_plus", 50.0, "2500 per 60 s", &[429, 503], "zendesk", "incremental_export", true),
        ("zendesk_professional", 50.0, "400 per 60 s", &[429, 503], "zendesk", "incremental_export", true),
    ];

    #[test]
    fn each_preset_holds_what_its_vendor_documents() {
        let registry = ApiRateConfigs::with_presets();
        let known: Vec<_> = FACTS.iter().map(|facts| facts.0.to_owned()).collect();
        assert_eq!(registry.names(), known);
        for (name, most, limits, statuses, profile, scopes, own_host) in FACTS {
            let config = registry.get(name).expect("a preset");
            assert!(
                (config.max_rate - most).abs() < 1e-9,
                "{name}: {}",
                config.max_rate
            );
            let known: Vec<_> = config.limits.iter().map(LimitConfig::to_string).collect();
            assert_eq!(known.join(", "), *limits, "{name}");
            assert_eq!(config.backoff_status_codes, *statuses, "{name}");
            let reader = config.reader().expect("a profile");
            assert_eq!(reader.profile().name(), *profile, "{name}");
            let names: Vec<_> = config
                .scopes
                .iter()
                .map(|scope| scope.name.as_str())
                .collect();
            assert_eq!(names.join(","), *scopes, "{name}");
            assert_eq!(config.base_url.is_empty(), *own_host, "{name}");
            let again = ApiRateConfig::from_json(&config.to_json()).expect("it reads back");
            assert_eq!(again, *config, "{name}");
        }
    }

    #[test]
    fn presets_say_which_vendors_count_by_route() {
        let registry = ApiRateConfigs::with_presets();
        let by_route: Vec<_> = registry
            .iter()
            .filter(|config| config.by_route.is_some())
            .map(|config| config.name.clone())
            .collect();
        assert_eq!(
            by_route.join(" "),
            "datadog discord eve okta slack x zendesk zendesk_enterprise zendesk_enterprise_plus zendesk_professional"
        );
    }

    #[test]
    fn a_name_that_was_mistyped_is_suggested() {
        let names = ApiRateConfigs::with_presets().names();
        for (typed, meant) in [
            ("notoin", "notion"),
            ("Git-Hub", "github"),
            ("OPENAI", "openai"),
            ("vnta", "vanta"),
        ] {
            assert_eq!(nearest(typed, &names), Some(meant));
        }
        for unlike in ["quickbooks", "", "xx", "s3"] {
            assert_eq!(nearest(unlike, &names), None, "{unlike:?}");
        }
    }

    #[test]
    fn a_new_entry_lies_over_the_defaults_and_an_override_over_the_entry() {
        let registry = ApiRateConfigs::with_presets();
        registry
            .merge_json(r#"{"notion": {"initial_rate": 1, "max_rate": 2}, "mine": {"base_url": "http://localhost:1"}}"#)
            .expect("both are valid");
        let notion = registry.get("notion").expect("still there");
        assert_eq!(
            (notion.max_rate, notion.base_url.as_str()),
            (2.0, "https://api.notion.com/v1")
        );
        assert_eq!(registry.get("mine").expect("new").initial_rate, 2.0);
    }

    #[test]
    fn an_error_anywhere_leaves_the_registry_as_it_was() {
        let registry = ApiRateConfigs::with_presets();
        for (text, expected) in [
            (
                r#"{"airtable": {"max_rate": 1, "initial_rate": 1}, "vanta": {"speed": 1}}"#,
                "\"vanta\", speed: unknown field",
            ),
            (
                r#"{"airtable": {"name": "other"}}"#,
                "\"airtable\", name: \"other\" differs",
            ),
            (r#"{"": {"max_rate": 20}}"#, "name: must not be empty"),
            (
                r#"{"airtable": 5}"#,
                "\"airtable\", JSON: is not a valid configuration",
            ),
            ("nonsense", "JSON"),
        ] {
            let before = registry.get("airtable");
            let shown = registry
                .merge_json(text)
                .expect_err("it is bad")
                .to_string();
            assert!(
                shown.contains(expected),
                "{shown:?} should contain {expected:?}"
            );
            assert_eq!(registry.get("airtable"), before);
        }
    }

    #[test]
    fn inserting_returns_what_was_replaced() {
        let registry = ApiRateConfigs::with_presets();
        let mine = ApiRateConfig {
            name: "mine".into(),
            ..Default::default()
        };
        assert_eq!(registry.insert(mine.clone()).expect("valid"), None);
        assert_eq!(
            registry.insert(mine.clone()).expect("valid").as_deref(),
            Some(&mine)
        );
        assert!(
            registry.insert(ApiRateConfig::default()).is_err(),
            "a name is needed"
        );
    }
}
