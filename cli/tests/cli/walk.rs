//! The walk of `planner-rules/README.md`: what it says to type is typed, and what it shows is shown.

use std::path::{Path, PathBuf};

use crate::process::{command, from};

const HEADING: &str = "## Your first rule, in ten minutes";

/// What the walk does next.
#[derive(Debug)]
enum Step {
    /// A file is written.
    Write { file: String, text: String },
    /// A command is typed: its words, lines that its output has, in order, and its exit code.
    Type { words: Vec<String>, shows: Vec<String>, code: i32 },
}

/// The fenced blocks of a section: ```` ```rules FILE ```` is a file, ```` ```console ```` a session.
fn steps(readme: &str) -> Vec<Step> {
    let (_, section) = readme.split_once(HEADING).expect("the walk");
    let section = section.split("\n## ").next().unwrap();
    let mut steps = Vec::new();
    let mut lines = section.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match kind.split_once(' ') {
            Some(("rules", file)) => {
                steps.push(Step::Write { file: file.to_owned(), text: block.join("\n") + "\n" });
            }
            _ => {
                assert_eq!(kind, "console", "a block of another kind");
                steps.extend(session(&block));
            }
        }
    }
    steps
}

/// `$ leafhold ..`, what it shows (`..` stands for anything), and `(exit code 1)` where it fails.
fn session(block: &[&str]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block {
        if let Some(typed) = line.strip_prefix("$ leafhold ") {
            steps.push(Step::Type { words: words(typed), shows: Vec::new(), code: 0 });
            continue;
        }
        let Some(Step::Type { shows, code, .. }) = steps.last_mut() else { panic!("{line} before any command") };
        match line.strip_prefix("(exit code ").and_then(|rest| rest.strip_suffix(')')) {
            Some(number) => *code = number.parse().unwrap(),
            None if *line == ".." || line.is_empty() => {}
            None => shows.push((*line).to_owned()),
        }
    }
    steps
}

/// Words as a shell takes them; one quoted text at most.
fn words(typed: &str) -> Vec<String> {
    match typed.split_once('"') {
        None => typed.split_whitespace().map(str::to_owned).collect(),
        Some((before, rest)) => {
            let (quoted, after) = rest.split_once('"').expect("a closing quote");
            let mut words = words(before);
            words.push(quoted.to_owned());
            words.extend(self::words(after));
            words
        }
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_walk_of_the_readme_holds() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../planner-rules/README.md");
    let steps = steps(&std::fs::read_to_string(readme).unwrap());
    let folder = Folder(std::env::temp_dir().join(format!("leafhold-walk-{}", std::process::id())));
    let (mut written, mut refuted, mut fine) = (0, 0, 0);
    for step in &steps {
        match step {
            Step::Write { file, text } => {
                let path = folder.0.join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
                written += 1;
            }
            Step::Type { words, shows, code } => {
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let said = from(command(&words).current_dir(&folder.0).output().unwrap());
                let all = format!("{}{}", said.out, said.err);
                assert_eq!(said.code, *code, "{words:?} says\n{all}");
                let mut rest = all.as_str();
                for line in shows {
                    let at = rest.find(line.trim_end()).unwrap_or_else(|| panic!("{words:?}: no {line:?} in\n{all}"));
                    rest = &rest[at + line.trim_end().len()..];
                }
                refuted += usize::from(all.contains("counterexample"));
                fine += usize::from(*code == 0);
            }
        }
    }
    assert!(written >= 2 && refuted >= 1 && fine >= 2, "a walk writes, is refuted, mends, and sees it fire: {steps:?}");
}
