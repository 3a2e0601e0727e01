//! What lowering made of a plan, for programs and as drawings. Its text is the task graph's own.

mod diagram;
mod dot;
mod json;
mod mermaid;

pub use diagram::TaskDiagram;
pub use json::tasks_json;
