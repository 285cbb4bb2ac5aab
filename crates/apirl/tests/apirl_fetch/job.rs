//! A job for the built program: a directory, an input, an output.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::run::{self, Run};

/// A directory of one test. It is removed at the end.
pub(crate) struct Job {
    directory: PathBuf,
    base_url: String,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl Job {
    pub(crate) fn new(base_url: &str) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("apirl-fetch-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).expect("a directory");
        Self {
            directory,
            base_url: base_url.to_owned(),
        }
    }

    /// Returns a job with the numbers up to `count` as input.
    pub(crate) fn of_pages(base_url: &str, count: u32) -> Self {
        let job = Self::new(base_url);
        let ids: String = (1..=count).map(|id| format!("{id}\n")).collect();
        job.put("input", &ids);
        job
    }

    pub(crate) fn path(&self, name: &str) -> String {
        let path = self.directory.join(name);
        path.to_str().expect("text").to_owned()
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("written");
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Returns the command with the base URL and these flags. Unless they name a rate, it is high enough for tests not to
    /// wait.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let fixed = ["fetch", "--base-url", &self.base_url];
        let fast = ["--max-rate", "5000", "--initial-rate", "2000"];
        let is_paced = args.contains(&"--max-rate");
        let rates = if is_paced { &[][..] } else { &fast };
        let mut command = run::command(&[&fixed[..], rates, args].concat());
        for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(&self.command(args).output().expect("it runs"))
    }

    /// Starts a run from the file `input` to the file `output`.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        let (input, output) = (self.path("input"), self.path("output"));
        let files = ["--input", &input, "--output", &output];
        let child = self
            .command(&[&files, args].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        Running(Some(child))
    }

    pub(crate) fn run_files(&self, args: &[&str]) -> Run {
        self.start(args).wait()
    }

    /// Returns the lines of the output.
    pub(crate) fn output(&self) -> Vec<Value> {
        lines_of(&self.text("output"))
    }

    /// Returns how often each line of the input is in the output.
    pub(crate) fn times(&self) -> BTreeMap<u64, u32> {
        let mut times = BTreeMap::new();
        for line in self.output() {
            *times.entry(line["n"].as_u64().expect("n")).or_default() += 1;
        }
        times
    }

    /// Fails unless each of the lines up to `count` is in the output exactly once.
    pub(crate) fn has_each_once(&self, count: u64) {
        let expected: BTreeMap<u64, u32> = (1..=count).map(|n| (n, 1)).collect();
        assert_eq!(self.times(), expected);
    }

    /// Waits until the output has `count` lines.
    pub(crate) fn wait_for_lines(&self, count: usize) {
        wait_until("lines of output", || {
            self.text("output").matches('\n').count() >= count
        });
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub(crate) fn lines_of(text: &str) -> Vec<Value> {
    let lines = text.lines().map(serde_json::from_str);
    lines.map(|line| line.expect("a line of JSON")).collect()
}

/// A running program. It is killed at the end of the test, at the latest.
pub(crate) struct Running(Option<Child>);

impl Running {
    pub(crate) fn of(child: Child) -> Self {
        Self(Some(child))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("it runs")
    }

    pub(crate) fn wait(mut self) -> Run {
        let output: Output = self
            .0
            .take()
            .expect("it runs")
            .wait_with_output()
            .expect("it ends");
        Run::of(&output)
    }

    /// Kills the program, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        let mut child = self.0.take().expect("it runs");
        child.kill().expect("killed");
        child.wait().expect("it ends");
    }

    #[cfg(unix)]
    pub(crate) fn interrupt(&mut self) {
        let id = self.child().id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until a condition holds. The maximum is a minute, enough for slow machines.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no {what} within a minute");
}
