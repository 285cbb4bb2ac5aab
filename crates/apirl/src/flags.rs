//! The flags of all commands, with their help texts.
//!
//! The doc comments in this file are what `--help` prints. What a flag's value may look like is in [`values`].

pub(crate) mod client;
pub(crate) mod discover;
pub(crate) mod values;

use std::path::PathBuf;
use std::time::Duration;

use api_ratelimiter_simulator::{Fault, Hint, Limit, Shape};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::quantity::{duration, size};
use client::ClientFlags;
use discover::DiscoverFlags;
use values::{Change, Pacing, limit, round_trip};

/// Call rate-limited APIs at the speed they allow.
#[derive(Debug, Parser)]
#[command(name = "apirl", version, propagate_version = true)]
#[command(after_help = "Examples:
  apirl fetch github --bearer-env GITHUB_TOKEN --path '/users/{}' --input names.txt --output users.jsonl
  curl -si https://api.github.com/rate_limit | apirl explain --api github
  apirl simulate --limit token-bucket:10/s,burst=20
  apirl serve --limit token-bucket:5/s,burst=10 --port 8080

`apirl COMMAND --help` shows the flags of a command and more examples.")]
pub(crate) struct Flags {
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Fetch(Box<FetchFlags>),
    Discover(Box<DiscoverFlags>),
    Explain(ExplainFlags),
    Simulate(SimulateFlags),
    Presets(PresetsFlags),
    Check(CheckFlags),
    Serve(ServeFlags),
    Fleet(FleetFlags),
    Completions(CompletionsFlags),
}

/// Fetch a list: send one request for each line of input, write one line of JSON for each response.
///
/// All requests share one limiter, which learns the API's limit from its responses. Refused requests are
/// retried.
///
/// A line of output is JSON with n, id, path, status, body (or body_base64), attempts, waited_seconds and
/// elapsed_seconds. If there is no response, it has error instead of a body. n is the number of the line of
/// input. id is n unless the input gives one.
#[derive(Debug, Args)]
#[command(override_usage = "apirl fetch [OPTIONS] <API | --base-url URL>")]
#[command(group = clap::ArgGroup::new("store").args(["fleet", "fleet_env"]))]
#[command(after_help = "A line of input is one of
  /pages/123   a path, or a URL of the same origin
  123          with --path '/pages/{}': the text that replaces {}
  {\"id\": …, \"method\": …, \"path\": …, \"query\": {…}, \"headers\": {…}, \"body\": …}

Examples:
  apirl fetch notion --bearer-env NOTION_TOKEN --header 'Notion-Version: 2022-06-28' \\
      --path '/pages/{}' --input ids.txt --output pages.jsonl
  apirl fetch notion … --input ids.txt --output pages.jsonl --resume
  apirl fetch --base-url https://api.example.com --max-rate 50 < paths.txt > responses.jsonl
  echo /orgs/rust-lang/repos | apirl fetch github --items
  apirl fetch notion … --fleet redis://10.0.0.5:6379 --fleet-key notion/workspace-42

Interruptions: Ctrl-C finishes the requests in flight; a second Ctrl-C stops at once. The same command with \
--resume continues, also after a kill: lines that the output contains are not fetched again, unless they failed and \
--retry-failed is given. Each response is written once. The server may receive a request twice, but never a POST or \
PATCH, also not with --paginate or --items: if its outcome is unknown, it becomes an error, unless --idempotent says \
that it may be sent again, or the settings of the API mark it as one that only reads or give it an idempotency key. The \
file OUTPUT.apirl keeps the data that --resume needs.

Limits: a server may refuse requests over its limit with a status that means something else, such as 403. If nothing \
but such responses follow a stretch of successes, a warning and the summary say so. --backoff-status 403,429 then waits \
as for any refusal, and --resume --retry-failed fetches the failed lines again.

Exit codes: 0 all succeeded, 1 some failed (an error, or a status of 400 or more; failed lines of an earlier run \
count), 2 wrong usage, 130 interrupted.")]
pub(crate) struct FetchFlags {
    /// Name of the API's preset; `apirl presets` lists them.
    #[arg(required_unless_present_any = ["base_url", "config"])]
    pub(crate) api: Option<String>,
    /// Address of the API, if it has no preset or the preset names no host.
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// File with the lines to fetch, `-` for standard input.
    #[arg(
        long,
        help_heading = "Input and output",
        short,
        value_name = "FILE",
        default_value = "-"
    )]
    pub(crate) input: PathBuf,
    /// File for the responses, `-` for standard output.
    #[arg(
        long,
        help_heading = "Input and output",
        short,
        value_name = "FILE",
        default_value = "-"
    )]
    pub(crate) output: PathBuf,
    /// Continue where an earlier run with this output ended.
    #[arg(long, help_heading = "Input and output", conflicts_with = "dry_run")]
    pub(crate) resume: bool,
    /// With --resume: fetch lines that failed again. A POST or PATCH is sent again if it got a response, or no
    /// connection.
    #[arg(long, help_heading = "Input and output", requires = "resume")]
    pub(crate) retry_failed: bool,
    /// Write responses as they arrive, not in the order of the input.
    #[arg(long, help_heading = "Input and output")]
    pub(crate) unordered: bool,
    /// Also write the summary as JSON to this file; `-` for standard output.
    #[arg(long, help_heading = "Input and output", value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,
    /// Path of all requests; each line, percent-encoded, replaces its {}.
    #[arg(long, help_heading = "Requests", value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// Method for lines that name none.
    #[arg(long, help_heading = "Requests", default_value = "GET")]
    pub(crate) method: String,
    #[command(flatten)]
    pub(crate) client: ClientFlags,
    /// Follow each collection from page to page and write one line for each page.
    #[arg(long, help_heading = "Requests", conflicts_with = "items")]
    pub(crate) paginate: bool,
    /// Follow each collection from page to page and write one line for each item.
    #[arg(long, help_heading = "Requests")]
    pub(crate) items: bool,
    /// Allow sending any request twice, also POST and PATCH.
    #[arg(long, help_heading = "Requests")]
    pub(crate) idempotent: bool,
    /// Maximum length of a response's body, decoded. Responses that wait for their turn in the order of the input take as
    /// much memory in all.
    #[arg(long, help_heading = "Requests", value_name = "SIZE", default_value = "64MiB", value_parser = size)]
    pub(crate) max_body: u64,
    /// Directory that keeps the learned limit for the next run.
    #[arg(long, help_heading = "Pace", value_name = "DIR")]
    pub(crate) learned: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// Stop at the first line that fails.
    #[arg(long, help_heading = "Run")]
    pub(crate) fail_fast: bool,
    /// Print the requests on standard output and send nothing.
    #[arg(long, help_heading = "Run")]
    pub(crate) dry_run: bool,
    /// Print no progress and no summary on standard error.
    #[arg(long, help_heading = "Run", short)]
    pub(crate) quiet: bool,
    /// Show a live page about the run, by default on http://127.0.0.1:9465/; port 0 takes a free one.
    #[arg(long, help_heading = "Run", value_name = "ADDRESS", num_args = 0..=1, require_equals = true, default_missing_value = "127.0.0.1:9465")]
    pub(crate) dashboard: Option<String>,
}

/// The store that workers of `apirl fetch` share.
#[derive(Debug, Args)]
pub(crate) struct StoreFlags {
    /// Share the limit with all workers that name the same store and key. The store is Redis or Valkey:
    /// redis://HOST:PORT, or rediss:// for TLS.
    #[arg(
        long,
        help_heading = "Fleet",
        value_name = "URL",
        requires = "fleet_key",
        conflicts_with = "fleet_env"
    )]
    pub(crate) fleet: Option<String>,
    /// Environment variable with the URL of the store, for a URL with a password.
    #[arg(
        long,
        help_heading = "Fleet",
        value_name = "VAR",
        requires = "fleet_key"
    )]
    pub(crate) fleet_env: Option<String>,
    /// Key of the shared limit: a name for the API and the credential, such as notion/workspace-42. The store
    /// receives only a hash of it.
    #[arg(long, help_heading = "Fleet", value_name = "KEY", requires = "store")]
    pub(crate) fleet_key: Option<String>,
}

/// Explain what a response announces about limits, and what a client does with it.
///
/// The response is read from a file or standard input, as `curl -i` prints it, or taken from --status, --header
/// and --body. If there are several heads in a row, as after redirects, the last one counts.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  curl -si https://api.github.com/rate_limit | apirl explain --api github
  apirl explain --status 429 --header 'Retry-After: 30'
  apirl explain response.txt --profile openai --json
  apirl explain response.txt --config mine.json
  apirl explain --json-lines responses.jsonl

--json prints wait_s, limit, remaining, window_s, reset_at_unix, retryable and policies; null means unknown.
least_wait_s is the minimum that the vendor documents, if the response names no wait.")]
pub(crate) struct ExplainFlags {
    /// File with the response, or with --json-lines the responses; `-` or nothing for standard input.
    pub(crate) file: Option<PathBuf>,
    /// Status of the response, in place of a file.
    #[arg(
        long,
        value_name = "CODE",
        conflicts_with_all = ["file", "json_lines"],
        allow_negative_numbers = true
    )]
    pub(crate) status: Option<u16>,
    /// Header of the response; repeatable.
    #[arg(long, value_name = "NAME: VALUE", requires = "status")]
    pub(crate) header: Vec<String>,
    /// Body of the response.
    #[arg(long, value_name = "TEXT", requires = "status")]
    pub(crate) body: Option<String>,
    /// The vendor whose headers and bodies these are. Default: that of --api, else only common headers are read.
    #[arg(long, value_name = "NAME", conflicts_with = "json_lines")]
    pub(crate) profile: Option<String>,
    /// The client's time in seconds since 1970, if the response is an old one.
    #[arg(
        long,
        value_name = "UNIX",
        conflicts_with = "json_lines",
        allow_negative_numbers = true
    )]
    pub(crate) now: Option<f64>,
    /// Preset with the client's settings. Default: the preset with the name of the profile.
    #[arg(long, value_name = "NAME", conflicts_with = "json_lines")]
    pub(crate) api: Option<String>,
    /// File with the client's settings, see `apirl check`. Its dialect may name headers and body values to read.
    #[arg(long, value_name = "FILE", conflicts_with = "json_lines")]
    pub(crate) config: Option<PathBuf>,
    /// Print the result as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Read one JSON object per line (id, status, headers, body, now_unix, profile) and print one per line.
    #[arg(long, conflicts_with = "json")]
    pub(crate) json_lines: bool,
}

/// Test settings against hidden limits in virtual time: hours take seconds, and no server is called.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apirl simulate --limit token-bucket:10/s,burst=20
  apirl simulate --api notion --limit fixed-window:180/60s --hint seconds --workers 8
  apirl simulate --limit pacing:10/s --change 200s=4/s --duration 10m --svg run.svg
  apirl simulate --limit sliding-window:50/10s --clients 4 --warmup 5m --duration 30m --json
  apirl simulate --limit fixed-window:5000/1h,from=first --hint headers --requests 4500
  apirl simulate --limit fixed-window:5000/1h --limit pacing:15/s --hint headers --announce 1 --requests 300

Limits: token-bucket:10/s,burst=20 | fixed-window:100/60s | fixed-window:100/60s,from=first | \
sliding-window:50/10s | pacing:10/s | concurrency:5

The simulated clients always have something to send, or --requests each. Without --work, half of the shortest round trip is the \
server's work. Runs with the same seed print the same figures.

With --requests the run ends when the last client has all its answers. --json then prints seconds (time of the \
job; null: not finished within --duration), fastest_seconds (time of a client that knows the limits and is never \
refused), utilisation (fastest_seconds / seconds), refused_ratio, accepted and refused.

Without it --json prints utilisation (accepted / ideal), refused_ratio, accepted, refused, ideal (requests that the limits \
allow in the long run), seconds_to_90 (time until 90% of that gets through, in ten seconds or the longest window and \
again in the next; null: never), cuts (times that a client's rate fell by more than a tenth) and jain (fairness between \
clients, 1 is fair).")]
pub(crate) struct SimulateFlags {
    /// Hidden limit; repeatable, all hold at once.
    #[arg(long, value_name = "LIMIT", required = true, value_parser = limit)]
    pub(crate) limit: Vec<Limit>,
    /// Announcements about the limits in responses.
    #[arg(long, value_enum, default_value_t = SimulatedHint::None)]
    pub(crate) hint: SimulatedHint,
    /// Announce only the N-th --limit; refusals by the others name no reset. Default: the limit with the fewest
    /// requests left.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) announce: Option<u32>,
    /// Run one job: so many requests by each client, as fast as it can. Default: endless demand.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "warmup")]
    pub(crate) requests: Option<u64>,
    /// Change during the run: a new rate for the one limit that has a rate, or a limit in place of all limits;
    /// repeatable.
    #[arg(long, value_name = "TIME=LIMIT", value_parser = Change::parse)]
    pub(crate) change: Vec<Change>,
    /// Maximum number of requests that each client has in flight.
    #[arg(long, default_value_t = 16, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) workers: u32,
    /// Number of clients with a limiter each, all under the same limits; each starts 10 s after the one before.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) clients: u32,
    /// Time that an accepted request takes, evenly distributed.
    #[arg(long, value_name = "MIN..MAX", default_value = "80ms..250ms", value_parser = round_trip)]
    pub(crate) rtt: (Duration, Duration),
    /// Time that the server works on an accepted request, evenly distributed, on top of --rtt. Default: half of the
    /// shortest --rtt, as a part of it.
    #[arg(long, value_name = "MIN..MAX", value_parser = round_trip)]
    pub(crate) work: Option<(Duration, Duration)>,
    /// Length of the run; with --requests, the longest time that the job may take. Default: 10m, and 366d with
    /// --requests.
    #[arg(long, value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Length of the beginning that the figures leave out.
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub(crate) warmup: Duration,
    /// Seed for random round trips and pauses.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    pub(crate) seed: u64,
    /// How clients pace: `learned`, as real clients do; `aimd`, without learning; `fixed:8.5`, a fixed number of
    /// requests per second.
    #[arg(long, default_value = "learned", value_parser = Pacing::parse)]
    pub(crate) strategy: Pacing,
    /// Preset with the settings. Default: the library's defaults.
    #[arg(long, value_name = "NAME")]
    pub(crate) api: Option<String>,
    /// File with the settings, see `apirl check`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Part of an announced limit of more than five minutes that is kept for the time until its reset, from 0 to 1; 0
    /// spends all of it at once. Default: the preset's, else 0.1.
    #[arg(long, value_name = "PART", allow_negative_numbers = true)]
    pub(crate) reserve: Option<f64>,
    /// File for a picture of rate, limit and refusals over time.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print the figures as one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Announcements in simulated responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SimulatedHint {
    /// Nothing.
    None,
    /// Retry-After in seconds on refusals.
    Seconds,
    /// Remaining requests and time of the reset, on every response.
    Headers,
    /// As `headers`, with the seconds until the reset rounded down.
    HeadersDown,
    /// As `headers`, and Retry-After in seconds on refusals, as a GCRA sends them.
    HeadersWait,
    /// As `headers-wait`, with all seconds rounded down: many waits are 0.
    HeadersWaitDown,
}

/// List the presets, or show one of them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apirl presets
  apirl presets notion
  apirl presets github --json > mine.json")]
pub(crate) struct PresetsFlags {
    /// Name of the preset to show.
    pub(crate) name: Option<String>,
    /// Print configurations as JSON, as `--config` and `apirl check` read them.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Check a file of configurations: one, a list of them, or overrides by name.
///
/// Exit code 0: all entries are valid. 1: some are invalid; each is printed with its field, its value and the
/// rule. 2: the file can't be read.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apirl check overrides.json
  echo '{\"notion\": {\"max_rate\": 25}}' | apirl check -")]
pub(crate) struct CheckFlags {
    /// File to check, `-` for standard input.
    pub(crate) file: PathBuf,
}

/// Run a simulated API with hidden limits on this machine, to test against; Ctrl-C stops it.
///
/// It listens on 127.0.0.1 only. Every path has a response: `/pages/ID` a page, `/status/CODE` that status, any
/// other path a description of the request or, with a vendor's shape, a collection in pages.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apirl serve --limit token-bucket:5/s,burst=10 --hint seconds --port 8080
  curl -i http://127.0.0.1:8080/anything
  apirl serve --limit fixed-window:100/60s --limit concurrency:5 --rtt 100ms
  apirl serve --shape github --hint vendor --limit fixed-window:60/1h --fault status:502:1%
  apirl serve --limit fixed-window:5000/1h,from=first --limit pacing:15/s --hint headers --announce 1

Limits: token-bucket:10/s,burst=20 | fixed-window:100/60s | fixed-window:100/60s,from=first | \
sliding-window:50/10s | pacing:10/s | concurrency:5

Faults: cut:2% | cut-in-body:2% | reset:2% | reset-in-body:2% | slow:200ms:10% | slow-in-body:5s:1% | \
status:503:1% | garbage:1% | outage:60s+30s; all but the last can have a time, as in cut:100%@60s+30s")]
pub(crate) struct ServeFlags {
    /// Limit; repeatable, all hold at once.
    #[arg(long, value_name = "LIMIT", value_parser = limit)]
    pub(crate) limit: Vec<Limit>,
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) port: u16,
    /// Announcements about the limits in responses: none, seconds, date, headers, ietf, or vendor (that of --shape).
    #[arg(long, default_value_t = Hint::None)]
    pub(crate) hint: Hint,
    /// Announce only the N-th --limit; refusals by the others name no reset. Default: the limit with the fewest
    /// requests left.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) announce: Option<u32>,
    /// Form of the responses: echo, notion, vanta, fieldguide or github.
    #[arg(long, default_value_t = Shape::Echo)]
    pub(crate) shape: Shape,
    /// Fault that hits some accepted requests; repeatable, see below.
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<Fault>,
    /// Time that a response takes.
    #[arg(long, default_value = "0s", value_parser = duration)]
    pub(crate) rtt: Duration,
    /// Status of refusals. Default: that of the shape, 403 for github, else 429.
    #[arg(long, value_name = "CODE", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(200..=599))]
    pub(crate) refusal_status: Option<u16>,
    /// Number of items in the collection.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1000,
        allow_negative_numbers = true
    )]
    pub(crate) items: usize,
    /// Seed for random faults.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) seed: u64,
}

/// Show a fleet: workers that share one limit through Redis or Valkey.
#[derive(Debug, Args)]
pub(crate) struct FleetFlags {
    #[command(subcommand)]
    pub(crate) command: FleetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    Status(FleetStatusFlags),
}

/// Show what the store holds about a fleet: its workers, rate, ceiling and pause.
///
/// It only reads. Exit code 0: the fleet is shown, or there is none. 1: the store can't be reached. 2: wrong
/// usage.
#[derive(Debug, Args)]
#[command(allow_missing_positional = true)]
#[command(
    override_usage = "apirl fleet status [OPTIONS] <URL> <KEY>\n       apirl fleet status [OPTIONS] --fleet-env <VAR> <KEY>"
)]
#[command(after_help = "Examples:
  apirl fleet status redis://127.0.0.1:6379 notion/workspace-42
  apirl fleet status --fleet-env FLEET_URL notion/workspace-42 --json")]
pub(crate) struct FleetStatusFlags {
    /// URL of the store, as in --fleet of `apirl fetch`.
    #[arg(required_unless_present = "fleet_env", conflicts_with = "fleet_env")]
    pub(crate) url: Option<String>,
    /// Key of the fleet, as in --fleet-key of `apirl fetch`.
    pub(crate) key: String,
    /// Environment variable with the URL of the store, for a URL with a password.
    #[arg(long, value_name = "VAR")]
    pub(crate) fleet_env: Option<String>,
    /// Print the fleet as JSON; null if there is none.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  apirl completions bash > ~/.local/share/bash-completion/completions/apirl
  apirl completions fish > ~/.config/fish/completions/apirl.fish
  apirl completions zsh > ~/.zfunc/_apirl")]
pub(crate) struct CompletionsFlags {
    /// The shell.
    pub(crate) shell: Shell,
}
