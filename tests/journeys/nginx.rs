//! A real server with a limit of its own: nginx's `limit_req` at 20 r/s, burst 20, no hint.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient};

const THREADS: usize = 8;
const PER_SECOND: f64 = 20.0;
const BURST: f64 = 20.0;

/// No page may take longer, or the job stands still.
const STANDSTILL: Duration = Duration::from_secs(120);

#[test]
#[ignore = "full size; needs nginx"]
fn eight_threads_with_clones_of_one_client_fetch_every_page() {
    let Some(nginx) = Nginx::start() else { return };
    let client = client(&nginx);
    fetch(&nginx, "one client, eight threads", pages(), |_| {
        client.clone()
    });
}

#[test]
#[ignore = "full size; needs nginx"]
fn eight_threads_with_a_client_each_fetch_every_page() {
    let Some(nginx) = Nginx::start() else { return };
    fetch(&nginx, "eight clients, eight threads", pages(), |_| {
        client(&nginx)
    });
}

/// Pages to fetch: 800, or what the environment says.
fn pages() -> usize {
    std::env::var("PAGES")
        .ok()
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(800)
}

fn client(nginx: &Nginx) -> DynamicAPIClient {
    let config = ApiRateConfig {
        name: "nginx".into(),
        base_url: nginx.base_url.clone(),
        initial_rate: 2.0,
        max_rate: 100.0,
        ..Default::default()
    };
    DynamicAPIClient::builder(config)
        .no_proxy()
        .retry_transport(3)
        .build()
        .expect("a client")
}

fn fetch(nginx: &Nginx, name: &str, pages: usize, client: impl Fn(usize) -> DynamicAPIClient) {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let attempts: u32 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (client, next) = (client(thread), &next);
                scope.spawn(move || {
                    let mut attempts = 0;
                    loop {
                        let page = next.fetch_add(1, Ordering::Relaxed);
                        if page >= pages {
                            return attempts;
                        }
                        let answer = client
                            .get(format!("/pages/{page}"))
                            .deadline(STANDSTILL)
                            .send();
                        let answer = answer
                            .and_then(api_ratelimiter::Response::error_for_status)
                            .expect("a page");
                        attempts += answer.attempts();
                        assert_eq!(answer.text().expect("a body"), "{\"object\":\"page\"}");
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"))
            .sum()
    });
    let took = began.elapsed().as_secs_f64();
    let (served, refused) = nginx.counts(attempts as usize);
    assert_eq!(served.len(), pages, "nothing lost");
    assert!(served.values().all(|&times| times == 1), "nothing doubled");
    assert_eq!(
        attempts as usize,
        pages + refused,
        "every request is accounted for"
    );
    let allowed = (pages as f64 - BURST) / PER_SECOND;
    println!(
        "nginx, {name}: {pages} pages in {took:.1} s, {:.2} times what the limit allows ({allowed:.1} s); {refused} of {attempts} \
         requests refused ({:.1}%)",
        took / allowed,
        100.0 * refused as f64 / f64::from(attempts)
    );
}

/// A server of our own on a free port, ended when dropped.
pub(crate) struct Nginx {
    child: Child,
    folder: PathBuf,
    pub(crate) base_url: String,
}

impl Nginx {
    /// `None`, with a line that says so, where nginx is not installed.
    fn start() -> Option<Self> {
        Self::start_with("burst=20 nodelay")
    }

    /// With these parameters of `limit_req`, at 20 requests per second.
    pub(crate) fn start_with(parameters: &str) -> Option<Self> {
        let Some(program) = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
            .into_iter()
            .find(|path| Path::new(path).exists())
        else {
            println!("SKIPPED: nginx is not installed");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let folder = std::env::temp_dir().join(format!(
            "api-ratelimiter-nginx-{}-{port}",
            std::process::id()
        ));
        fs::create_dir_all(folder.join("www")).expect("a folder");
        fs::write(folder.join("www/page.json"), "{\"object\":\"page\"}").expect("a page");
        fs::write(
            folder.join("nginx.conf"),
            configuration(&folder, port, parameters),
        )
        .expect("a configuration");
        let child = Command::new(program)
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(folder.join("nginx.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self {
            child,
            folder,
            base_url: format!("http://127.0.0.1:{port}"),
        };
        for _ in 0..1200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(nginx);
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        panic!(
            "nginx does not listen: {}",
            fs::read_to_string(nginx.folder.join("error.log")).unwrap_or_default()
        );
    }

    /// How often each page was served, and how many requests were refused, by nginx's own log, which
    /// tells of an answer a moment after the client has it.
    pub(crate) fn counts(&self, requests: usize) -> (BTreeMap<String, u32>, usize) {
        let mut log = String::new();
        for _ in 0..200 {
            log = fs::read_to_string(self.folder.join("access.log")).expect("a log");
            if log.lines().count() >= requests {
                break;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        let (mut served, mut refused) = (BTreeMap::new(), 0);
        for line in log.lines() {
            match line.split_once(' ') {
                Some(("200", page)) => *served.entry(page.to_owned()).or_default() += 1,
                Some(("429", _)) => refused += 1,
                other => panic!("unexpected in the log: {other:?}"),
            }
        }
        (served, refused)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master process ends its worker on SIGTERM, not on SIGKILL.
        let _ = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn configuration(folder: &Path, port: u16, parameters: &str) -> String {
    let folder = folder.display();
    format!(
        "user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
    log_format counts '$status $request_uri';
    access_log {folder}/access.log counts;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    keepalive_requests 1000000;
    limit_req_zone $server_addr zone=all:1m rate=20r/s;
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            limit_req zone=all {parameters};
            root {folder}/www;
            try_files /page.json =404;
        }}
    }}
}}
"
    )
}
