use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::lower;
use crate::lower::{FragmentOutput, TaskGraph};

/// The tasks of one fragment.
struct Stage<'a> {
    label: &'a str,
    output: &'a FragmentOutput,
    tasks: usize,
    /// Slot, what feeds it, and how many sources of that kind there are.
    sources: BTreeMap<(usize, Source), usize>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Stage(usize),
    Futures(String),
    Data,
}

impl Source {
    fn text(&self) -> String {
        match self {
            Source::Stage(stage) => format!("stage {stage}"),
            Source::Futures(leaf) => format!("futures of {leaf}"),
            Source::Data => "data at hand".to_owned(),
        }
    }
}

fn stages(graph: &TaskGraph) -> BTreeMap<usize, Stage<'_>> {
    let mut stages: BTreeMap<usize, Stage<'_>> = BTreeMap::new();
    for (id, task) in graph.ids().zip(graph.tasks()) {
        let stage = stages.entry(task.stage).or_insert_with(|| Stage {
            label: &task.fragment.label,
            output: &task.fragment.output,
            tasks: 0,
            sources: BTreeMap::new(),
        });
        stage.tasks += 1;
        for (slot, sources) in graph.slots(id).enumerate() {
            for source in sources {
                let source = match source {
                    lower::Source::Task { task, .. } => Source::Stage(graph[task].stage),
                    lower::Source::Future(future) => Source::Futures(future.leaf.name.to_string()),
                    lower::Source::Data(_) => Source::Data,
                };
                *stage.sources.entry((slot, source)).or_default() += 1;
            }
        }
    }
    stages
}

/// A task graph as JSON: `{"tasks", "edges", "stages": [{"stage", "label", "tasks", "ports", "inputs"}]}`.
pub fn tasks_json(graph: &TaskGraph) -> Value {
    let stages = stages(graph);
    let stage = |(number, stage): (&usize, &Stage<'_>)| {
        let inputs: Vec<_> = stage
            .sources
            .iter()
            .map(|((slot, source), count)| json!({"slot": slot, "from": source.text(), "sources": count}))
            .collect();
        json!({
            "stage": number,
            "label": stage.label,
            "tasks": stage.tasks,
            "ports": stage.output.ports(),
            "inputs": inputs,
        })
    };
    json!({
        "tasks": graph.len(),
        "edges": graph.edge_count(),
        "stages": stages.iter().map(stage).collect::<Vec<_>>(),
    })
}
