//! The commands of README.md, so that they cannot rot.

/// The `cargo` commands in the ```` ```sh ```` blocks of a Markdown text, split into words. `cargo xtask` is
/// left out: it is what runs this.
pub fn commands(markdown: &str) -> Vec<Vec<String>> {
    let mut commands = Vec::new();
    let mut in_block = false;
    for line in markdown.lines() {
        match line.trim() {
            "```sh" => in_block = true,
            "```" => in_block = false,
            command if in_block => commands.push(words(command)),
            _ => {}
        }
    }
    commands.retain(|words| {
        words.first().is_some_and(|program| program == "cargo") && words.get(1).is_some_and(|task| task != "xtask")
    });
    commands
}

/// Words by spaces, with quotes, up to a comment.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for at in command.chars() {
        match (at, quote) {
            (at, Some(open)) if at == open => quote = None,
            (at, Some(_)) => word.get_or_insert_default().push(at),
            ('"' | '\'', None) => {
                quote = Some(at);
                word.get_or_insert_default();
            }
            ('#', None) if word.is_none() => break,
            (' ' | '\t', None) => words.extend(word.take()),
            (at, None) => word.get_or_insert_default().push(at),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn only_cargo_commands_of_shell_blocks_are_taken() {
        let markdown = "cargo nothing\n```sh\ncargo run -- run -c \"select 1\"   # why\ncargo xtask test\nls\n```\n\
                        ```text\ncargo output\n```\n";
        assert_eq!(commands(markdown), [["cargo", "run", "--", "run", "-c", "select 1"]]);
    }
}
