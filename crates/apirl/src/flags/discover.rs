//! The flags of `apirl discover`.

use std::time::Duration;

use clap::Args;

use super::client::ClientFlags;
use crate::quantity::duration;

/// Measure the limit of an API: send requests until it is known what the API allows, and stop after few refusals.
///
/// The requests are GETs of one address. Their responses are not kept. The run ends as soon as the limit is known, at
/// the latest after the time of --for or after --most-refusals, and says what it has found, what it has not, and
/// settings for the next programs.
#[derive(Debug, Args)]
#[command(
    override_usage = "apirl discover [OPTIONS] --url <URL>\n       apirl discover [OPTIONS] --path <PATH> <API | --base-url URL>"
)]
#[command(after_help = "Examples:
  apirl discover --url https://api.example.com/v1/pages/1 --bearer-env TOKEN
  apirl discover github --bearer-env GITHUB_TOKEN --path /rate_limit --for 2m
  apirl discover --url https://api.example.com/ping --max-rate 50 --json > found.json

Choose an address that costs the API little and that counts like those that you need: some APIs have other limits for \
other addresses. All of the limit is used up now and then, so programs with the same credential may be refused meanwhile.

The run ends when
  a limit in windows, or of requests at once, was seen three times; or two tests in a row found a learned rate where it was,
  an announced limit of at most five minutes has held for three windows,
  a tenth of an announced limit of more than five minutes is spent, or less than a tenth was left,
  the server asks for a pause that goes on after the end: it is not waited for,
  the time of --for is over, or the number of refusals that --most-refusals allows is reached,
  the first response is an error other than a refusal, or three in a row are,
  you press Ctrl-C; a second one stops at once.

Pauses that the server asks for are kept. Where it names none, the first pause is 4 s, unless the settings name one, \
and twice as long as long as requests are refused: few refusals show much that way. At first one request is in flight, \
then one more for each 200 accepted in a row, up to --concurrency; after a refusal half as many.

--json prints one object: api, url (without its query), ended (known, announced, time, refusals, interrupted, pause or \
failure), why (that in words), seconds, requests, accepted, refused, failed, in_flight (the most at one time), announced \
(a list of name, unit, limit, window_seconds, longest_reset_seconds, fewest_left), limit (the windows, or the number of requests at once, that was found: \
kind, count, most, window_seconds, begins, seen, certainty; else null), rate (per_second, from, to, estimates, tests; \
else null), average (accepted requests per second from the first refusal to the last; else null), busiest_second (accepted requests), before_refusal (requests, seconds; else null), longest_refusal (from, to \
in seconds; else null), found and unknown (sentences), config (as for --config), rust.

Exit codes: 0 measured, 1 a failure other than a refusal, 2 wrong usage, 130 interrupted. In all cases but 2 it prints what \
is known.")]
pub(crate) struct DiscoverFlags {
    /// Name of the API's preset; `apirl presets` lists them.
    #[arg(required_unless_present_any = ["url", "base_url", "config"])]
    pub(crate) api: Option<String>,
    /// Address to send requests to.
    #[arg(long, value_name = "URL", conflicts_with_all = ["base_url", "path"])]
    pub(crate) url: Option<String>,
    /// Address of the API, if it has no preset or the preset names no host.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Path to send requests to.
    #[arg(
        long,
        help_heading = "Requests",
        value_name = "PATH",
        required_unless_present = "url"
    )]
    pub(crate) path: Option<String>,
    #[command(flatten)]
    pub(crate) client: ClientFlags,
    /// Longest time, from 1s to 1d.
    #[arg(long = "for", help_heading = "Run", value_name = "TIME", default_value = "5m", value_parser = time, allow_negative_numbers = true)]
    pub(crate) time: Duration,
    /// Number of refused requests that ends the run. No more are refused.
    #[arg(long, help_heading = "Run", value_name = "N", default_value_t = 10, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) most_refusals: u32,
    /// Print the result as one JSON object.
    #[arg(long, help_heading = "Run")]
    pub(crate) json: bool,
    /// Print no progress on standard error.
    #[arg(long, help_heading = "Run", short)]
    pub(crate) quiet: bool,
}

/// Longest and shortest time of a run. A shorter one shows nothing, and after a day something else is wrong.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const SHORTEST: Duration = Duration::from_secs(1);

/// Reads a time for a run.
fn time(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    match (SHORTEST..=LONGEST).contains(&time) {
        true => Ok(time),
        false => Err("it must be from 1s to 1d".to_owned()),
    }
}
