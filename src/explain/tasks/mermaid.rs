use std::fmt::Write;

use super::diagram::{NodeKind, TaskDiagram};

impl TaskDiagram {
    /// The drawing in Mermaid's language, as Markdown shows it.
    pub fn to_mermaid(&self) -> String {
        let mut mermaid = "flowchart TB\n".to_owned();
        for (at, group) in self.groups.iter().enumerate() {
            let indent = match &group.name {
                Some(name) => {
                    let _ = writeln!(mermaid, "  subgraph g{at}[\"{}\"]", escaped(name));
                    "    "
                }
                None => "  ",
            };
            for node in &group.nodes {
                let lines: Vec<String> = node.lines.iter().map(|line| escaped(line)).collect();
                let (open, close) = match node.kind {
                    NodeKind::Work => ("[", "]"),
                    NodeKind::Leaf => ("[(", ")]"),
                    NodeKind::Result => ("([", "])"),
                };
                let _ = writeln!(mermaid, "{indent}{}{open}\"{}\"{close}", node.id, lines.join("<br/>"));
            }
            if group.name.is_some() {
                mermaid.push_str("  end\n");
            }
        }
        for arrow in &self.arrows {
            let label = match arrow.label.is_empty() {
                true => String::new(),
                false => format!("|\"{}\"|", escaped(&arrow.label)),
            };
            let _ = writeln!(mermaid, "  {} -->{label} {}", arrow.from, arrow.to);
        }
        mermaid
    }
}

/// Mermaid writes what has a meaning of its own as the character's number between `#` and `;`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '#' | '<' | '>' | '&' | '`' | '\\' => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
            '\n' => escaped.push_str("<br/>"),
            other => escaped.push(other),
        }
    }
    escaped
}
