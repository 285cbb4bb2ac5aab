//! Everything between input and output: the client, the workers that send the requests, and the progress that a
//! person sees.

pub(crate) mod collection;
pub(crate) mod dry_run;
pub(crate) mod ending;
pub(crate) mod job;
pub(crate) mod live_page;
pub(crate) mod reading_posts;
pub(crate) mod request;
pub(crate) mod settings;
pub(crate) mod silent_limit;
pub(crate) mod store_status;
pub(crate) mod traffic;
pub(crate) mod watch;
