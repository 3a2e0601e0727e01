use serde_json::{Value, json};

use super::TaskDiagram;
use crate::lower::{Source, StageRead, StageSource, StageSummary, TaskGraph, TaskId};

/// A task graph as JSON, by stage: `{"tasks", "edges", "shuffles", "stages": [{"stage", "label", "tasks", "ports",
/// "result", "nodes", "inputs": [{"slot", "from", "sources", "movement"}]}]}`. A node is what the text of the graph says of
/// it: `filter %0: (c1 > 10)`.
///
/// While there are at most [`TaskDiagram::MOST`] tasks and arrows, each task is there, too: `"by_task": [{"task", "stage",
/// "partition", "inputs": [..]}]`, where an input has the `slot`, and the `task` and `port`, the `leaf` and `partition` of a
/// future, or neither for data at hand.
pub fn tasks_json(graph: &TaskGraph) -> Value {
    let stages = graph.stages();
    let mut json = json!({
        "tasks": graph.len(),
        "edges": graph.edge_count(),
        "shuffles": graph.shuffles(),
        "stages": stages.iter().map(stage).collect::<Vec<_>>(),
    });
    if TaskDiagram::shows_tasks(graph) {
        json["by_task"] = graph.ids().map(|id| task(graph, id)).collect();
    }
    json
}

fn stage(stage: &StageSummary<'_>) -> Value {
    json!({
        "stage": stage.stage,
        "label": stage.fragment.label,
        "tasks": stage.tasks.len(),
        "ports": stage.fragment.output.ports(),
        "result": stage.is_result,
        "nodes": stage.fragment.nodes.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "inputs": stage.reads.iter().map(read).collect::<Vec<_>>(),
    })
}

fn read(read: &StageRead<'_>) -> Value {
    let from = match read.from {
        StageSource::Stage(stage) => format!("stage {stage}"),
        StageSource::Futures { name, .. } => format!("futures of {name}"),
        StageSource::Data => "data at hand".to_owned(),
    };
    json!({"slot": read.slot, "from": from, "sources": read.sources, "movement": read.movement.name()})
}

fn task(graph: &TaskGraph, id: TaskId) -> Value {
    let slots = graph.slots(id).enumerate();
    let inputs = slots.flat_map(|(slot, sources)| {
        sources.map(move |source| match source {
            Source::Task { task, port } => json!({"slot": slot, "task": task.index(), "port": port}),
            Source::Future(future) => json!({"slot": slot, "leaf": *future.leaf.name, "partition": future.partition}),
            Source::Data(_) => json!({"slot": slot}),
        })
    });
    let (stage, partition) = (graph[id].stage, graph[id].partition);
    json!({"task": id.index(), "stage": stage, "partition": partition, "inputs": inputs.collect::<Vec<_>>()})
}
