//! `leafhold rules fmt`.

use std::io::Read;
use std::path::{Path, PathBuf};

use leafhold::rules::{format, format_diff, rule_text};

use super::files::{broken, read};
use crate::error::CliError;
use crate::output::Screen;

/// Where rules stand in a project like this one.
const DEFAULT_FOLDER: &str = "planner-rules";

/// Brings rule files into their one layout, or says which are not.
pub fn fmt(paths: &[PathBuf], check: bool) -> Result<(), CliError> {
    let from_stdin = |path: &PathBuf| path.as_os_str() == "-";
    if paths.iter().any(from_stdin) {
        return match paths {
            [_] => fmt_stdin(check),
            _ => Err(CliError::Usage("`-` stands alone".to_owned())),
        };
    }
    let default = [PathBuf::from(DEFAULT_FOLDER)];
    let paths = match paths {
        [] if Path::new(DEFAULT_FOLDER).is_dir() => &default,
        [] => return Err(CliError::Usage(format!("which files? There is no folder `{DEFAULT_FOLDER}` here"))),
        paths => paths,
    };
    let files = read(paths)?;
    let mut diffs = Vec::new();
    let mut changed = 0;
    // Nothing is written when one of the files is broken.
    let formatted = files.iter().map(|(name, text)| format(name, text)).collect::<Result<Vec<_>, _>>();
    for ((name, text), new) in files.iter().zip(formatted.map_err(broken)?) {
        if *text == new {
            continue;
        }
        changed += 1;
        match check {
            true => diffs.push(format_diff(name, text, &new)),
            false => std::fs::write(name, new).map_err(|error| CliError::new(format!("{name}: {error}")))?,
        }
    }
    let all = files.len();
    match diffs.is_empty() {
        true if check => {
            let files = if all == 1 { "file is" } else { "files are" };
            Screen::Stdout.say(format!("{all} {files} formatted"))
        }
        true => Screen::Stdout.say(format!("{changed} of {all} files changed")),
        false => Err(CliError::new(format!(
            "{changed} of {all} files are not formatted; `leafhold rules fmt` does it\n\n{}",
            diffs.join("\n")
        ))),
    }
}

fn fmt_stdin(check: bool) -> Result<(), CliError> {
    const NAME: &str = "standard input";
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).map_err(|error| CliError::new(format!("{NAME}: {error}")))?;
    let text = rule_text(NAME, bytes).map_err(broken)?;
    let new = format(NAME, &text).map_err(broken)?;
    match check {
        true if text == new => Ok(()),
        true => Err(CliError::new(format!("not formatted\n\n{}", format_diff(NAME, &text, &new)))),
        false => Screen::Stdout.say(new),
    }
}
