use std::collections::HashMap;

use crate::lower::{FutureInput, Source, StageRead, StageSource, StageSummary, TaskGraph};

/// A task graph as boxes and arrows: a box per task while that can be read, else one per stage.
///
/// ```
/// # use std::sync::Arc;
/// # use arrow_schema::{DataType, Field, Schema};
/// # use leafhold::{expr::{Frame, col}, lower::lower, optimize::Planner};
/// use leafhold::explain::TaskDiagram;
/// # let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// # let frame = Frame::from_batches("t", schema, vec![])?.sort([col("a").asc()])?;
/// # let graph = lower(&Planner::new(frame.functions().clone()).plan(frame.expr())?)?;
/// let diagram = TaskDiagram::new(&graph);
/// assert!(diagram.to_dot().starts_with("digraph tasks {"));
/// assert!(diagram.to_mermaid().starts_with("flowchart TB\n"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskDiagram {
    /// By stage; one group without a name when each stage is a box.
    pub(super) groups: Vec<Group>,
    pub(super) arrows: Vec<Arrow>,
}

/// Boxes that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: Option<String>,
    pub(super) nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// A letter and a number.
    pub(super) id: String,
    pub(super) lines: Vec<String>,
    pub(super) kind: NodeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NodeKind {
    Work,
    Leaf,
    Result,
}

/// From a producer to a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) label: String,
}

impl TaskDiagram {
    /// The most tasks and the most arrows that are drawn one by one.
    pub const MOST: usize = 40;

    /// Draws each task if there are at most [`MOST`](TaskDiagram::MOST) of them and of arrows, else each stage.
    pub fn new(graph: &TaskGraph) -> Self {
        match TaskDiagram::shows_tasks(graph) {
            true => TaskDiagram::by_task(graph),
            false => TaskDiagram::by_stage(graph),
        }
    }

    /// Whether there are few enough tasks and arrows to look at each.
    pub(super) fn shows_tasks(graph: &TaskGraph) -> bool {
        graph.len().max(graph.edge_count() + graph.leaf_inputs().len()) <= TaskDiagram::MOST
    }

    /// Draws each task, however many there are.
    pub fn by_task(graph: &TaskGraph) -> Self {
        let (mut groups, mut arrows) = (Vec::new(), Vec::new());
        let mut leaves = Leaves::default();
        for stage in graph.stages() {
            let mut nodes = Vec::new();
            for task in &stage.tasks {
                let id = format!("t{}", task.index());
                for source in graph.sources(*task) {
                    let (from, label) = match source {
                        Source::Task { task, port } => {
                            let label = if graph[task].fragment.output.ports() > 1 {
                                format!("port {port}")
                            } else {
                                String::new()
                            };
                            (format!("t{}", task.index()), label)
                        }
                        Source::Future(FutureInput { handle, leaf, partition }) => {
                            let line = format!("future {}[{partition}]", leaf.name);
                            (leaves.id(handle.generation().to_string(), line), String::new())
                        }
                        Source::Data(data) => (leaves.id(data.token.to_string(), "values".to_owned()), String::new()),
                    };
                    arrows.push(Arrow { from, to: id.clone(), label });
                }
                let lines = vec![stage.fragment.label.clone(), format!("partition {}", graph[*task].partition)];
                nodes.push(Node { id, lines, kind: NodeKind::Work });
            }
            groups.push(Group { name: Some(stage_line(&stage)), nodes });
        }
        let mut ends = leaves.nodes;
        ends.push(result());
        groups.push(Group { name: None, nodes: ends });
        let to_result = |output: &crate::lower::TaskId| arrow_to_result(format!("t{}", output.index()));
        arrows.extend(graph.outputs.iter().map(to_result));
        TaskDiagram { groups, arrows }
    }

    /// Draws each stage.
    pub fn by_stage(graph: &TaskGraph) -> Self {
        let (mut nodes, mut arrows, mut to_result) = (Vec::new(), Vec::new(), Vec::new());
        let mut leaves = Leaves::default();
        for stage in graph.stages() {
            let id = format!("s{}", stage.stage);
            for read in &stage.reads {
                let from = match read.from {
                    StageSource::Stage(stage) => format!("s{stage}"),
                    StageSource::Futures { leaf, name } => leaves.id(leaf.to_string(), format!("futures {name}")),
                    StageSource::Data => leaves.id(format!("{id}.{}", read.slot), "values".to_owned()),
                };
                arrows.push(Arrow { from, to: id.clone(), label: movement(read, stage.tasks.len()) });
            }
            if stage.is_result {
                to_result.push(arrow_to_result(id.clone()));
            }
            nodes.push(Node {
                id,
                lines: vec![stage.fragment.label.clone(), stage_line(&stage)],
                kind: NodeKind::Work,
            });
        }
        nodes.append(&mut leaves.nodes);
        nodes.push(result());
        arrows.append(&mut to_result);
        TaskDiagram { groups: vec![Group { name: None, nodes }], arrows }
    }
}

/// The boxes of leaves, each once.
#[derive(Default)]
struct Leaves {
    known: HashMap<String, String>,
    nodes: Vec<Node>,
}

impl Leaves {
    /// The box of a leaf: what identifies it, and what is said of it.
    fn id(&mut self, identity: String, line: String) -> String {
        let next = format!("l{}", self.nodes.len());
        let id = self.known.entry(identity).or_insert_with(|| next.clone()).clone();
        if id == next {
            self.nodes.push(Node { id: next, lines: vec![line], kind: NodeKind::Leaf });
        }
        id
    }
}

fn result() -> Node {
    Node { id: "result".to_owned(), lines: vec!["result".to_owned()], kind: NodeKind::Result }
}

fn arrow_to_result(from: String) -> Arrow {
    Arrow { from, to: "result".to_owned(), label: String::new() }
}

fn stage_line(stage: &StageSummary<'_>) -> String {
    let count = stage.tasks.len();
    format!("stage {}: {count} task{}", stage.stage, if count == 1 { "" } else { "s" })
}

fn movement(read: &StageRead<'_>, readers: usize) -> String {
    match read.sources % readers {
        0 => format!("{} {} each", read.movement.name(), read.sources / readers),
        _ => format!("{} {}", read.movement.name(), read.sources),
    }
}
