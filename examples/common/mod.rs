//! Code that the examples share: the API to use, and settings from environment variables.
#![allow(dead_code, reason = "each example uses only a part")]

use std::env;
use std::error::Error;
use std::process::exit;
use std::str::FromStr;

use api_ratelimiter_simulator::{Limit, SimulatedApi, SimulatedApiBuilder};

/// The API that an example uses.
pub(crate) struct Api {
    pub(crate) base_url: String,
    /// The simulated API stops when it is dropped.
    _simulated: Option<SimulatedApi>,
}

/// Returns the API at `API_BASE_URL`. Without that variable, starts the simulated API.
pub(crate) fn api(simulated: SimulatedApiBuilder) -> Result<Api, Box<dyn Error>> {
    if let Ok(base_url) = env::var("API_BASE_URL") {
        return Ok(Api {
            base_url,
            _simulated: None,
        });
    }
    let simulated = simulated.start()?;
    Ok(Api {
        base_url: simulated.base_url(),
        _simulated: Some(simulated),
    })
}

/// Returns the limit of the simulated API: `LIMIT`, like `fixed-window:100/60s`, or the default.
pub(crate) fn limit(default: &str) -> Result<Limit, Box<dyn Error>> {
    let text = env::var("LIMIT").unwrap_or_else(|_| default.to_owned());
    Ok(Limit::parse(&text)?)
}

/// Handles `--help`: prints the comment at the head of the example's `source` and ends the program. Any other
/// option is an error, because settings come from environment variables.
pub(crate) fn help(source: &str) {
    let arguments = env::args_os().skip(1);
    let mut options = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let Some(option) = options.find(|option| option.starts_with('-')) else {
        return;
    };
    // The head of the source, without the marks of comments and code blocks.
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    let head = head.filter(|line| !line.contains("```"));
    let head: Vec<&str> = head.map(|line| line.trim_start_matches(' ')).collect();
    if option == "-h" || option == "--help" {
        println!("{}", head.join("\n"));
        exit(0);
    }
    eprintln!("unknown option {option}\n\n{}", head.join("\n"));
    exit(2);
}

/// Reads a number from an environment variable, or returns the default.
pub(crate) fn number<T: FromStr>(name: &str, default: T) -> Result<T, Box<dyn Error>> {
    match env::var(name) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("{name}={text} is not a valid number").into()),
        Err(_) => Ok(default),
    }
}
