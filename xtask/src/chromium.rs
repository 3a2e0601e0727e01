//! The steps that need a browser: report pages in a headless Chromium.

use std::process::{Command, Stdio};

use crate::step::{Program, Step};

/// The names that the browser goes by.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The test, after the browser's installation where it is missing and can be installed; or a step that fails and says
/// what is missing.
pub fn steps() -> Vec<Step> {
    let test = |browser: &str| {
        Step::cargo("report pages in a browser", "test -p leafhold --features otel --test report -- --ignored")
            .env("LEAFHOLD_CHROMIUM", browser)
    };
    if let Some(browser) = NAMES.iter().find(|name| answers(name, &["--version"])) {
        return vec![test(browser)];
    }
    match is_root() && answers("apt-get", &["--version"]) {
        true => {
            let apt =
                |args: &[&'static str]| Step::new("Chromium", Program::Path("apt-get".into()), args.iter().copied());
            let install = ["install", "--yes", "--no-install-recommends", "chromium"];
            vec![apt(&["update"]), apt(&install).env("DEBIAN_FRONTEND", "noninteractive"), test("chromium")]
        }
        false => {
            let reason = "report pages are tested in Chromium, which is not in PATH; install it (`apt-get install chromium`), or leave \
                          this step out with `cargo xtask test --no-browser`";
            vec![Step::new("report pages in a browser", Program::Missing(reason.to_owned()), [])]
        }
    }
}

fn answers(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
