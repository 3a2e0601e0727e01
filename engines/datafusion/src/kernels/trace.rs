//! Where an error of DataFusion's was raised, as far as operators can tell that pull rows from one another.

use std::fmt::Write;

use datafusion::common::DataFusionError;
use leafhold::lower::Fragment;

/// The error in DataFusion's own words, with its stack where DataFusion keeps one (its feature `backtrace`), and what was at
/// work: the fragment, as the text of task graphs has it, with the rows that each node had given.
pub(super) fn trace(error: &DataFusionError, fragment: &Fragment, rows: &[Option<u64>]) -> String {
    let mut text = error.to_string();
    for (at, node) in fragment.nodes.iter().enumerate() {
        let _ = write!(text, "\n%{at} = {node}");
        if let Some(Some(rows)) = rows.get(at) {
            let _ = write!(text, "; {rows} rows so far");
        }
    }
    text
}
