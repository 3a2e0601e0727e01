//! Task graphs as drawings and for programs.

use leafhold::explain::{TaskDiagram, tasks_json};
use leafhold::lower::{TaskGraph, lower};
use leafhold::optimize::{Partitioning, Plan};
use serde_json::json;

use crate::plans::{Builder, numbers};

/// A broadcast join, shuffled, summed and merged by a tree.
fn graph(partitions: usize) -> TaskGraph {
    let mut builder = Builder::default();
    let left = builder.delayed(&(0..partitions as i64).map(|at| numbers(at..at + 2)).collect::<Vec<_>>());
    let right = builder.values(&[numbers(0..9)]);
    let join = builder.join(&left, &builder.exchange(&right, Partitioning::Replicated));
    let shuffled = builder.hashed(&join);
    let sums = builder.sums(&shuffled);
    lower(&Plan { target_partitions: partitions, fan_in: 2, ..builder.plan(&sums) }).unwrap()
}

#[test]
fn small_graphs_are_drawn_task_by_task() {
    let graph = graph(2);
    let expected = r#"digraph tasks {
  node [shape=box fontname="sans-serif"];
  subgraph cluster_0 {
    label="stage 0: 1 task";
    t0 [label="read\npartition 0"];
  }
  subgraph cluster_1 {
    label="stage 1: 2 tasks";
    t1 [label="hash-join > project\npartition 0"];
    t2 [label="hash-join > project\npartition 1"];
  }
  subgraph cluster_2 {
    label="stage 2: 2 tasks";
    t3 [label="hash-aggregate\npartition 0"];
    t4 [label="hash-aggregate\npartition 1"];
  }
  subgraph cluster_3 {
    label="stage 3: 1 task";
    t5 [label="hash-aggregate > project\npartition 0"];
  }
  l0 [label="values" shape=cylinder];
  l1 [label="future delayed[0]" shape=cylinder];
  l2 [label="future delayed[1]" shape=cylinder];
  result [label="result" shape=ellipse];
  l0 -> t0;
  l1 -> t1;
  t0 -> t1;
  l2 -> t2;
  t0 -> t2;
  t1 -> t3 [label="port 0"];
  t2 -> t3 [label="port 0"];
  t1 -> t4 [label="port 1"];
  t2 -> t4 [label="port 1"];
  t3 -> t5;
  t4 -> t5;
  t5 -> result;
}
"#;
    assert_eq!(TaskDiagram::new(&graph).to_dot(), expected);
}

#[test]
fn large_graphs_are_drawn_stage_by_stage() {
    let graph = graph(6);
    let expected = r#"flowchart TB
  s0["read<br/>stage 0: 1 task"]
  s1["hash-join #62; project<br/>stage 1: 6 tasks"]
  s2["hash-aggregate<br/>stage 2: 6 tasks"]
  s3["hash-aggregate<br/>stage 3: 3 tasks"]
  s4["hash-aggregate<br/>stage 4: 2 tasks"]
  s5["hash-aggregate #62; project<br/>stage 5: 1 task"]
  l0[("values")]
  l1[("futures delayed")]
  result(["result"])
  l0 -->|"forward 1 each"| s0
  l1 -->|"forward 1 each"| s1
  s0 -->|"broadcast 1 each"| s1
  s1 -->|"shuffle 6 each"| s2
  s2 -->|"reduce 2 each"| s3
  s3 -->|"reduce 3"| s4
  s4 -->|"gather 2 each"| s5
  s5 --> result
"#;
    assert_eq!(TaskDiagram::new(&graph).to_mermaid(), expected);
    // Each of them can be asked for.
    assert_eq!(TaskDiagram::by_task(&graph).to_mermaid().matches("partition 5").count(), 2);
}

#[test]
fn programs_read_stages_and_movements() {
    let json = tasks_json(&graph(6));
    assert_eq!((&json["tasks"], &json["shuffles"]), (&json!(19), &json!(1)));
    let read = json!([{"slot": 0, "from": "stage 1", "sources": 36, "movement": "shuffle"}]);
    assert_eq!((&json["stages"][2]["inputs"], &json["stages"][5]["result"]), (&read, &json!(true)));
    assert!(json["stages"][1]["nodes"][2].as_str().unwrap().starts_with("hash-join %0 %1: "), "{}", json["stages"][1]);
    assert!(json.get("by_task").is_none(), "there are many");
}

#[test]
fn programs_read_each_task_of_a_small_graph() {
    let json = tasks_json(&graph(2));
    assert_eq!(json["by_task"].as_array().map(Vec::len), Some(6));
    let inputs = json!([{"slot": 0, "leaf": "delayed", "partition": 1}, {"slot": 1, "task": 0, "port": 0}]);
    assert_eq!(json["by_task"][2], json!({"task": 2, "stage": 1, "partition": 1, "inputs": inputs}));
    let inputs = json!([{"slot": 0, "task": 1, "port": 1}, {"slot": 0, "task": 2, "port": 1}]);
    assert_eq!(json["by_task"][4], json!({"task": 4, "stage": 2, "partition": 1, "inputs": inputs}));
    assert_eq!(json["by_task"][0]["inputs"], json!([{"slot": 0}]));
}

#[test]
fn leaves_of_one_name_are_drawn_apart_and_a_leaf_that_is_read_twice_once() {
    for (same, leaves, futures) in [(false, 2, 4), (true, 1, 2)] {
        let mut builder = Builder::default();
        let left = builder.delayed(&[numbers(0..2), numbers(2..4)]);
        let other = builder.delayed(&[numbers(0..2), numbers(2..4)]);
        let (one, two) = (builder.hashed(&left), builder.hashed(if same { &left } else { &other }));
        let join = builder.join(&one, &two);
        let graph = lower(&Plan { target_partitions: 2, ..builder.plan(&join) }).unwrap();
        assert_eq!(TaskDiagram::by_stage(&graph).to_dot().matches("futures delayed").count(), leaves);
        assert_eq!(TaskDiagram::by_task(&graph).to_dot().matches("future delayed").count(), futures);
    }
}
