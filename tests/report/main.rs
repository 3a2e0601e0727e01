//! The report of a run and its forms, over random reports and over those of real runs.

mod browser;
mod chrome;
mod chromium;
mod driver_spans;
mod json;
mod json_lines;
#[path = "../common/kernels.rs"]
mod kernels;
mod page;
mod perfetto;
mod perfetto_format;
mod perfetto_schema;
#[path = "../common/plans.rs"]
#[allow(dead_code, reason = "shared with tests that use more of it")]
mod plans;
mod reports;
mod runs;
mod text;
#[path = "../common/trace_format.rs"]
mod trace_format;
