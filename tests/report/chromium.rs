//! A headless Chromium, driven over its debugging pipe: no driver program and no network in between.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Far more than anything here takes: it ends a test whose browser hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page. It goes when this is dropped.
pub struct Chromium {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    profile: PathBuf,
    session: Option<String>,
    next: u64,
    /// What the page complained about: exceptions, refused resources.
    pub complaints: Vec<String>,
    /// The addresses that the page asked for.
    pub requests: Vec<String>,
}

impl Chromium {
    /// Starts the program in `LEAFHOLD_CHROMIUM`, or `chromium`, with a page.
    pub fn open(page: &Path) -> Self {
        let program = std::env::var("LEAFHOLD_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{:x}", rand()));
        let mut command = Command::new("sh");
        // The browser listens on 3 and answers on 4.
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null </dev/null", &program]);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.args(["--disable-dev-shm-usage", "--window-size=1400,900", "--remote-debugging-pipe"]);
        command.arg(format!("--user-data-dir={}", profile.display())).arg("about:blank");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("a shell");
        let (commands, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("the browser speaks JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let (complaints, requests) = Default::default();
        let mut chromium =
            Chromium { child, commands, messages, profile, session: None, next: 0, complaints, requests };
        let target = chromium.send("Target.createTarget", json!({"url": "about:blank"}))["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = chromium.send("Target.attachToTarget", attach)["sessionId"].as_str().unwrap().to_owned();
        chromium.session = Some(session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            chromium.send(&format!("{domain}.enable"), json!({}));
        }
        chromium.go(&format!("file://{}", page.display()));
        chromium
    }

    /// Opens an address, and waits until the page's script has run.
    pub fn go(&mut self, address: &str) {
        self.send("Page.navigate", json!({"url": address}));
        self.wait_for("document.readyState === 'complete' && typeof leafholdPlace === 'function'");
    }

    /// Waits until an expression is true in the page.
    pub fn wait_for(&mut self, condition: &str) {
        let start = Instant::now();
        while self.eval(condition) != true {
            assert!(start.elapsed() < PATIENCE, "{condition} does not come; {:?}", self.complaints);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The value of an expression in the page.
    pub fn eval(&mut self, expression: &str) -> Value {
        let answer = self.send("Runtime.evaluate", json!({"expression": expression, "returnByValue": true}));
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The text of an element, as people see it.
    pub fn text(&mut self, selector: &str) -> String {
        let text = self.eval(&format!("document.querySelector({}).innerText", json!(selector)));
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Presses and lets go of the left button.
    pub fn click(&mut self, x: f64, y: f64) {
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({"type": kind, "x": x, "y": y, "button": button, "buttons": buttons, "clickCount": 1});
            self.send("Input.dispatchMouseEvent", event);
        }
    }

    /// Presses a key, by its name.
    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        self.send("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": key, "text": text}));
        self.send("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key}));
    }

    /// One command, and its answer.
    pub fn send(&mut self, method: &str, params: Value) -> Value {
        self.next += 1;
        let mut message = json!({"id": self.next, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let sent = self.commands.write_all(format!("{message}\0").as_bytes()).and_then(|()| self.commands.flush());
        sent.expect("the browser listens: is it installed?");
        loop {
            let message = self.messages.recv_timeout(PATIENCE);
            let mut message =
                message.unwrap_or_else(|error| panic!("no answer to {method}: {error}; is Chromium installed?"));
            if message["id"] == self.next {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            match message["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.complaints.push(message["params"].to_string()),
                Some("Log.entryAdded") if message["params"]["entry"]["level"] == "error" => {
                    self.complaints.push(message["params"]["entry"]["text"].to_string())
                }
                Some("Page.javascriptDialogOpening") => self.complaints.push(message["params"].to_string()),
                Some("Network.requestWillBeSent") => {
                    self.requests.push(message["params"]["request"]["url"].as_str().unwrap_or_default().to_owned());
                }
                _ => {}
            }
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let bye = json!({"id": 0, "method": "Browser.close"});
        let _ = self.commands.write_all(format!("{bye}\0").as_bytes()).and_then(|()| self.commands.flush());
        let start = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

/// A number that no other test of this moment has.
fn rand() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id())
}
