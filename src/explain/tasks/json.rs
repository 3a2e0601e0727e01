use serde_json::{Value, json};

use crate::lower::{StageRead, StageSource, StageSummary, TaskGraph};

/// A task graph as JSON, by stage: `{"tasks", "edges", "shuffles", "stages": [{"stage", "label", "tasks", "ports",
/// "result", "inputs": [{"slot", "from", "sources", "movement"}]}]}`.
pub fn tasks_json(graph: &TaskGraph) -> Value {
    let input = |read: &StageRead<'_>| {
        let from = match read.from {
            StageSource::Stage(stage) => format!("stage {stage}"),
            StageSource::Futures(leaf) => format!("futures of {leaf}"),
            StageSource::Data => "data at hand".to_owned(),
        };
        json!({"slot": read.slot, "from": from, "sources": read.sources, "movement": read.movement.name()})
    };
    let stage = |stage: &StageSummary<'_>| {
        json!({
            "stage": stage.stage,
            "label": stage.fragment.label,
            "tasks": stage.tasks.len(),
            "ports": stage.fragment.output.ports(),
            "result": stage.is_result,
            "inputs": stage.reads.iter().map(input).collect::<Vec<_>>(),
        })
    };
    json!({
        "tasks": graph.len(),
        "edges": graph.edge_count(),
        "shuffles": graph.shuffles(),
        "stages": graph.stages().iter().map(stage).collect::<Vec<_>>(),
    })
}
