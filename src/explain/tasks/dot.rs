use std::fmt::Write;

use super::diagram::{Node, NodeKind, TaskDiagram};

impl TaskDiagram {
    /// The drawing in the language of Graphviz.
    pub fn to_dot(&self) -> String {
        let mut dot = "digraph tasks {\n  node [shape=box fontname=\"sans-serif\"];\n".to_owned();
        for (at, group) in self.groups.iter().enumerate() {
            let indent = match &group.name {
                Some(name) => {
                    let _ = writeln!(dot, "  subgraph cluster_{at} {{\n    label={};", quoted(name));
                    "    "
                }
                None => "  ",
            };
            for node in &group.nodes {
                let _ = writeln!(dot, "{indent}{} [label={}{}];", node.id, quoted(&node.lines.join("\n")), shape(node));
            }
            if group.name.is_some() {
                dot.push_str("  }\n");
            }
        }
        for arrow in &self.arrows {
            let label = match arrow.label.is_empty() {
                true => String::new(),
                false => format!(" [label={}]", quoted(&arrow.label)),
            };
            let _ = writeln!(dot, "  {} -> {}{label};", arrow.from, arrow.to);
        }
        dot.push_str("}\n");
        dot
    }
}

fn shape(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Work => "",
        NodeKind::Leaf => " shape=cylinder",
        NodeKind::Result => " shape=ellipse",
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}
