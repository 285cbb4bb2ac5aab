//! Worker threads.

use crate::failure::Failure;

/// Starts this number of threads that do the same work. They are not joined: one may wait for something that never comes.
///
/// # Errors
///
/// If the system allows no more threads.
pub(crate) fn start(number: u16, work: impl Fn() + Clone + Send + 'static) -> Result<(), Failure> {
    for _ in 0..number {
        let started = std::thread::Builder::new().spawn(work.clone());
        started.map_err(|error| {
            Failure::failed(format_args!("could not start {number} threads: {error}"))
                .hint("use a lower --concurrency")
        })?;
    }
    Ok(())
}
