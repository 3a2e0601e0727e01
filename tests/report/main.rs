//! The report of a run and its forms, over random reports and over those of real runs.

mod json;
mod reports;
