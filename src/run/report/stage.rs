use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::lower::TaskDag;

/// A stage of a run: the tasks of one fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Its number, in topological order.
    pub stage: usize,
    /// What its tasks do, in a few words.
    pub label: Arc<str>,
    /// How many tasks are planned.
    pub tasks: usize,
    /// The nodes of the plan that it computes: indices into `Plan::post_order`. Nodes that lowering added have none.
    pub nodes: Vec<usize>,
}

/// The stages of a graph, by number. Linear in the tasks.
pub fn stages_of(graph: &TaskDag) -> Vec<Stage> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut places: Vec<Option<usize>> = Vec::new();
    for task in graph.tasks() {
        if places.len() <= task.stage {
            places.resize(task.stage + 1, None);
        }
        let place = *places[task.stage].get_or_insert_with(|| {
            let nodes = task.fragment.nodes.iter().filter_map(|node| node.plan_node).collect();
            stages.push(Stage { stage: task.stage, label: task.fragment.label.as_str().into(), tasks: 0, nodes });
            stages.len() - 1
        });
        stages[place].tasks += 1;
    }
    for alias in graph.aliases() {
        let nodes = &mut stages[places[graph.task(alias.task).stage].expect("the task was counted")].nodes;
        if !nodes.contains(&(alias.plan_node as usize)) {
            nodes.push(alias.plan_node as usize);
        }
    }
    stages.sort_by_key(|stage| stage.stage);
    stages
}
