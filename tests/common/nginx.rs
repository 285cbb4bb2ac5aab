//! An nginx server for tests that limits requests to 20 per second by `limit_req`, without hints.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An nginx server on a free port, stopped when dropped.
pub(crate) struct Nginx {
    child: Child,
    folder: PathBuf,
    pub(crate) base_url: String,
}

impl Nginx {
    /// Starts nginx with these parameters of `limit_req`, at 20 requests per second. Prints `SKIPPED` and returns
    /// `None` if nginx is not installed.
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

    /// Returns from nginx's log how often each page was served and how many requests were refused. Waits until
    /// the log has `requests` lines, because nginx logs a response shortly after it sends it.
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

/// Returns the configuration file.
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
