//! `leafhold rules explain`.

use leafhold::rules::{codes, explain as page, title};

use crate::error::{CliError, nearest};
use crate::output::Screen;

/// What a code means, or all codes.
pub fn explain(code: Option<&str>) -> Result<(), CliError> {
    let Some(code) = code else {
        let line = |code| format!("{code}  {}\n", title(code).unwrap_or_default());
        return Screen::Stdout.say(codes().map(line).collect::<String>());
    };
    match page(code) {
        Some(page) => Screen::Stdout.say(page),
        None => {
            let near = nearest(&code.to_uppercase(), codes());
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            Err(CliError::new(format!("no code `{code}`{hint}\n`leafhold rules explain` lists all codes")))
        }
    }
}
