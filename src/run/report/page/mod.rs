//! Reports as a page for a browser.

mod data;
mod plan_line;
mod run_page;

pub use plan_line::PlanLine;
pub use run_page::RunPage;
