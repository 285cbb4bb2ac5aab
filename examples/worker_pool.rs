//! A pool of workers that take jobs from a channel, each with a clone of one client.
//!
//! The clones share one limiter and its connections. Any number of workers together is as fast as the API
//! allows. Waiting requests are sent in order of arrival.
//!
//! ```text
//! cargo run --example worker_pool
//! PAGES=300 THREADS=16 LIMIT=token-bucket:50/s,burst=50 cargo run --example worker_pool
//! ```
//!
//! Set `API_BASE_URL` to use a real API. Without it, the example starts a simulated API that enforces
//! `LIMIT` without announcing it.

use std::error::Error;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Result};
use api_ratelimiter_simulator::SimulatedApi;
use serde_json::Value;

mod common;

fn main() -> Result<(), Box<dyn Error>> {
    common::help(include_str!("worker_pool.rs"));
    let pages: u32 = common::number("PAGES", 100)?;
    let threads: usize = common::number("THREADS", 4)?;
    let limit = common::limit("token-bucket:10/s,burst=10")?;
    let api = common::api(SimulatedApi::builder().limit(limit))?;

    let client = DynamicAPIClient::builder(ApiRateConfig {
        name: "worker_pool".into(),
        base_url: api.base_url.clone(),
        initial_rate: 10.0,
        max_rate: 50.0,
        ..Default::default()
    })
    .build()?;

    let (job_sender, jobs) = mpsc::channel();
    let jobs = Mutex::new(jobs);
    let (result_sender, results) = mpsc::channel();

    thread::scope(|scope| {
        for worker in 1..=threads {
            let (client, jobs, result_sender) = (client.clone(), &jobs, result_sender.clone());
            scope.spawn(move || {
                while let Some(id) = next_job(jobs) {
                    if result_sender.send((worker, fetch(&client, id))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(result_sender);

        // Send all jobs, then collect the results.
        for id in 1..=pages {
            job_sender.send(id)?;
        }
        drop(job_sender); // Without a sender, the workers end after the last job.

        let mut fetched_by = vec![0; threads];
        for (worker, page) in results {
            page?;
            fetched_by[worker - 1] += 1;
        }
        for (index, count) in fetched_by.iter().enumerate() {
            println!("worker {}: {count} pages", index + 1);
        }
        println!("{} pages fetched", fetched_by.iter().sum::<u32>());
        Ok(())
    })
}

/// Waits for the next job. Returns `None` after the last one.
fn next_job(jobs: &Mutex<Receiver<u32>>) -> Option<u32> {
    jobs.lock().ok()?.recv().ok()
}

/// Fetches one page.
fn fetch(client: &DynamicAPIClient, id: u32) -> Result<Value> {
    client
        .get(format!("/pages/{id}"))
        .send()?
        .error_for_status()?
        .json()
}
