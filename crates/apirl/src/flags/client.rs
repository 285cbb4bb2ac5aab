//! The flags of a client, for every command that sends requests to an API.

use std::path::PathBuf;

use clap::Args;

/// Headers, credentials and pace of all requests.
#[derive(Debug, Args)]
pub(crate) struct ClientFlags {
    /// Header of all requests; repeatable.
    #[arg(long, help_heading = "Requests", value_name = "NAME: VALUE")]
    pub(crate) header: Vec<String>,
    /// Header whose value is in an environment variable; repeatable.
    #[arg(long, help_heading = "Requests", value_name = "NAME=VAR")]
    pub(crate) header_env: Vec<String>,
    /// Environment variable with the token for `Authorization: Bearer`.
    #[arg(long, help_heading = "Requests", value_name = "VAR")]
    pub(crate) bearer_env: Option<String>,
    /// Maximum number of requests in flight.
    #[arg(long, help_heading = "Pace", value_name = "N", default_value_t = 8, allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) concurrency: u16,
    /// Requests per second at the start. Default: the preset's, else 2.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        allow_negative_numbers = true
    )]
    pub(crate) initial_rate: Option<f64>,
    /// Maximum requests per second. Default: the preset's, else 100.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "RATE",
        allow_negative_numbers = true
    )]
    pub(crate) max_rate: Option<f64>,
    /// Part of an announced limit of more than five minutes that is kept for the time until its reset, from 0 to 1; 0
    /// spends all of it at once. Default: the preset's, else 0.1.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "PART",
        allow_negative_numbers = true
    )]
    pub(crate) reserve: Option<f64>,
    /// Status that means "slow down", in place of the API's own; repeatable, or separated by commas.
    #[arg(
        long,
        help_heading = "Pace",
        value_name = "CODE",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    pub(crate) backoff_status: Vec<u16>,
    /// File with settings of the API, see `apirl check`.
    #[arg(long, help_heading = "Pace", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}
