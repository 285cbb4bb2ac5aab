//! The live page in a real browser, controlled by chromedriver (Debian's `chromium-driver`).

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use api_ratelimiter::{ApiRateConfig, DynamicAPIClient, Timeouts, dashboard};
use api_ratelimiter_simulator::{Limit, SimulatedApi};
use serde_json::{Value, json};

/// Timeout for the start of a browser on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(150);

/// A browser, closed when dropped.
struct Browser {
    driver: Child,
    http: DynamicAPIClient,
    session: String,
}

impl Browser {
    /// Starts a browser. Returns `None` if chromedriver is not installed.
    fn start() -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let config = ApiRateConfig {
            name: "chromedriver".into(),
            base_url: format!("http://127.0.0.1:{port}"),
            initial_rate: 20.0,
            max_rate: 20.0,
            ..Default::default()
        };
        let timeouts = Timeouts::default().first_byte(STARTS_WITHIN);
        let http = DynamicAPIClient::builder(config).timeouts(timeouts);
        let http = http.build().expect("valid");
        let mut browser = Self {
            driver,
            http,
            session: String::new(),
        };
        let up = (0..1000).any(|_| browser.http.get("/status").send().is_ok());
        assert!(up, "chromedriver does not listen");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--window-size=900,700",
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = browser.request("/session", &capabilities);
        browser.session = made["sessionId"].as_str().expect("a session").to_owned();
        Some(browser)
    }

    /// Sends a command and returns its value.
    fn request(&self, path: &str, body: &Value) -> Value {
        let response = self.http.post(path).json(body).send().expect("a response");
        let response = response.error_for_status().expect("done");
        let value: Value = response.json().expect("JSON");
        value["value"].clone()
    }

    /// Sends a command of the session.
    fn command(&self, command: &str, body: &Value) -> Value {
        self.request(&format!("/session/{}/{command}", self.session), body)
    }

    /// Returns the text of an element.
    fn text_of(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.textContent ?? ''";
        let found = self.command(
            "execute/sync",
            &json!({"script": script, "args": [selector]}),
        );
        found.as_str().expect("a text").to_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let session = format!("/session/{}", self.session);
        let _ = self.http.delete(session).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

#[test]
#[ignore = "needs chromedriver"]
fn figures_on_the_live_page_change_during_a_job_without_errors() {
    let Some(browser) = Browser::start() else {
        println!("SKIPPED: chromedriver is not installed");
        return;
    };
    let limit = Limit::token_bucket(20.0, 5.0).expect("valid");
    let api = SimulatedApi::builder()
        .limit(limit)
        .start()
        .expect("it starts");
    let config = ApiRateConfig {
        name: "live".into(),
        base_url: api.base_url(),
        initial_rate: 10.0,
        max_rate: 100.0,
        ..Default::default()
    };
    let client = DynamicAPIClient::builder(config).build().expect("valid");
    let page = dashboard::serve("127.0.0.1:0", &client).expect("it starts");
    let job = {
        let client = client.clone();
        thread::spawn(move || {
            while client
                .get("/pages/1")
                .send()
                .and_then(|response| response.bytes())
                .is_ok()
            {}
        })
    };
    browser.command("url", &json!({"url": page.url()}));
    let granted = || {
        browser
            .text_of(".granted-figure")
            .replace(',', "")
            .parse::<u64>()
            .unwrap_or(0)
    };
    // The figure on the page must rise.
    let mut seen = Vec::new();
    for _ in 0..240 {
        thread::sleep(Duration::from_millis(250));
        seen.push(granted());
        if seen.iter().filter(|granted| **granted > seen[0]).count() > 10 {
            break;
        }
    }
    println!("granted on the page: {seen:?}");
    assert!(
        seen.last() > seen.first(),
        "the figures do not change: {seen:?}"
    );
    assert_eq!(browser.text_of("#link"), "live");
    let errors = browser.command("se/log", &json!({"type": "browser"}));
    assert_eq!(errors, json!([]), "the browser's console");
    for scheme in ["light", "dark"] {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let emulate =
            json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        browser.command("goog/cdp/execute", &emulate);
        let shot = json!({"cmd": "Page.captureScreenshot", "params": {}});
        let picture = browser.command("goog/cdp/execute", &shot);
        let picture = picture["data"].as_str().expect("a picture in base64");
        let file = std::env::temp_dir().join(format!("live-page-{scheme}.png.base64"));
        std::fs::write(file, picture).expect("written");
    }
    let _ = client.close();
    job.join().expect("the job ends");
}
