//! `leafhold rules guards`.

use leafhold::rules::{Registry, function_catalog, function_groups};
use serde_json::json;

use crate::error::{CliError, nearest};
use crate::output::Screen;

/// The functions that rules may call, for people or for programs.
pub fn guards(word: Option<&str>, as_json: bool) -> Result<(), CliError> {
    let registry = Registry::core();
    let word = word.unwrap_or_default();
    let groups = function_groups(&registry, word);
    if groups.is_empty() {
        let near = nearest(word, registry.functions().map(|function| function.name));
        let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(CliError::new(format!("no function is about `{word}`{hint}")));
    }
    if !as_json {
        return Screen::Stdout.say(function_catalog(&registry, word));
    }
    let functions: Vec<_> = groups
        .iter()
        .flat_map(|(_, group)| group)
        .map(|function| {
            json!({
                "name": function.name,
                "arguments": function.args.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "gives": function.gives.to_string(),
                "says": function.doc,
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "version": 1, "functions": functions })).map_err(CliError::of)?;
    Screen::Stdout.say(text)
}
