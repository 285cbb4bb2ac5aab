//! What the examples share: an API to talk to, and sizes from the environment.
#![allow(dead_code, reason = "each example uses a part of it")]

use std::env;
use std::error::Error;
use std::process::exit;
use std::str::FromStr;

use api_ratelimiter_simulator::{Limit, SimulatedApi, SimulatedApiBuilder};

/// The API that an example talks to.
pub(crate) struct Api {
    pub(crate) base_url: String,
    /// Stops when dropped.
    _simulated: Option<SimulatedApi>,
}

/// The API at `API_BASE_URL`; where that is not set, a simulated one on this machine.
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

/// The limit that the simulated API hides: `LIMIT`, like `fixed-window:100/60s`, or the default.
pub(crate) fn limit(default: &str) -> Result<Limit, Box<dyn Error>> {
    let text = env::var("LIMIT").unwrap_or_else(|_| default.to_owned());
    Ok(Limit::parse(&text)?)
}

/// Shows what stands at the head of an example's `source` to whoever asks for help or gives an option, and
/// ends the program: sizes and limits come from the environment.
pub(crate) fn help(source: &str) {
    let arguments = env::args_os().skip(1);
    let mut options = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let Some(option) = options.find(|option| option.starts_with('-')) else {
        return;
    };
    let head = source.lines().map_while(|line| line.strip_prefix("//!"));
    let head = head.filter(|line| !line.contains("```"));
    let head: Vec<&str> = head.map(|line| line.trim_start_matches(' ')).collect();
    if option == "-h" || option == "--help" {
        println!("{}", head.join("\n"));
        exit(0);
    }
    eprintln!("there is no option {option}\n\n{}", head.join("\n"));
    exit(2);
}

/// A number from the environment, or the default.
pub(crate) fn number<T: FromStr>(name: &str, default: T) -> Result<T, Box<dyn Error>> {
    match env::var(name) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("{name}={text} is not such a number as is expected").into()),
        Err(_) => Ok(default),
    }
}
