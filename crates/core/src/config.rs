//! The configuration of one API: plain data, which is checked when a client or a limiter is built from it.

mod api_rate_config;
mod bucket;
mod by_route;
mod check;
mod dialect;
pub(crate) mod field_path;
mod idempotency;
mod json;
mod limit;
pub(crate) mod pagination;
mod pattern;
mod scope;
#[cfg(test)]
mod tests;

pub use api_rate_config::ApiRateConfig;
pub use bucket::BucketConfig;
pub use by_route::ByRouteConfig;
pub use dialect::{BodyThrottle, DialectConfig};
pub use field_path::FieldPath;
pub use idempotency::{Idempotency, IdempotencyConfig};
pub use json::overlaid;
pub use limit::{LimitConfig, ResetConfig};
pub use pagination::Pagination;
pub use pattern::ScopeRule;
pub(crate) use pattern::narrowest;
pub use scope::ScopeConfig;
