//! What peers were measured at, as data.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

const C_OUT: &str = include_str!("../data/tpch_c_out.csv");

/// C_out of the peers for one query at scale factor 0.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeerQuality {
    pub duckdb: f64,
    pub datafusion: f64,
}

/// The scale factor at which the peers were measured.
pub const SCALE: f64 = 0.1;

/// The peers' C_out by query.
pub fn c_out() -> anyhow::Result<BTreeMap<&'static str, PeerQuality>> {
    let lines = C_OUT.lines().filter(|line| !line.starts_with('#')).skip(1);
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split(',').collect();
        ensure!(cells.len() == 3, "bench/data/tpch_c_out.csv: expected 3 cells in {line:?}");
        let number = |at: usize| cells[at].parse::<f64>().with_context(|| format!("{line:?}"));
        Ok((cells[0], PeerQuality { duckdb: number(1)?, datafusion: number(2)? }))
    };
    lines.map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_the_published_ones() {
        let peers = c_out().unwrap();
        assert_eq!(peers.len(), 22);
        assert_eq!(peers.values().map(|peer| peer.duckdb).sum::<f64>(), 399_498.0);
        assert_eq!(peers.values().map(|peer| peer.datafusion).sum::<f64>(), 2_782_249.0);
    }
}
