//! Two runs with one output: the second is refused until the first has ended, in whatever way.

use crate::job::{Job, Running, wait_until};
use crate::server::Server;

const PATH: [&str; 2] = ["--path", "/pages/{}"];
const RESUME: [&str; 3] = ["--path", "/pages/{}", "--resume"];

/// Starts a run that waits for its first response.
fn waiting(server: &Server) -> (Job, Running) {
    let job = Job::of_pages(&server.base_url, 100);
    let running = job.start(&PATH);
    wait_until("a request", || server.requests() > 0);
    (job, running)
}

#[test]
fn a_second_run_with_one_output_is_refused_until_the_first_has_ended() {
    let server = Server::with_a_slow_first_page();
    let (job, running) = waiting(&server);
    for args in [&PATH[..], &RESUME] {
        job.run_files(args).refuses(2, "another run is writing to");
    }
    assert_eq!(job.text("output"), "");
    running.kill();
    server.open();
    let run = job.run_files(&RESUME);
    assert_eq!(run.code, Some(0), "{run:?}");
    job.has_each_once(100);
}

#[cfg(unix)]
#[test]
fn an_output_is_locked_under_all_its_names() {
    let server = Server::with_a_slow_first_page();
    let (job, running) = waiting(&server);
    let (input, link) = (job.path("input"), job.path("link"));
    std::os::unix::fs::symlink(job.path("output"), &link).expect("a link");
    let files = ["--input", &input, "--output", &link];
    job.run(&[&RESUME[..], &files].concat())
        .refuses(2, "another run is writing to");
    running.kill();
}
