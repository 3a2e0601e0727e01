//! What every suite gives: rows of ours beside theirs, and a summary as ratios.

use std::fmt;

use serde::Serialize;

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured: `tpch/q05`.
    pub case: String,
    /// In which unit of what: `planning_ms`.
    pub metric: &'static str,
    /// Our figure.
    pub ours: f64,
    /// Beside whom; `None` for a figure that stands alone.
    pub peer: Option<&'static str>,
    /// Their figure.
    pub theirs: Option<f64>,
    /// Ours by theirs; `None` where theirs is nothing.
    pub ratio: Option<f64>,
}

impl Row {
    /// A figure beside a peer's.
    pub fn new(case: String, metric: &'static str, ours: f64, peer: &'static str, theirs: f64) -> Row {
        let ratio = match (ours, theirs) {
            (0.0, 0.0) => Some(1.0),
            (_, 0.0) => None,
            _ => Some(ours / theirs),
        };
        Row { case, metric, ours, peer: Some(peer), theirs: Some(theirs), ratio }
    }

    /// A figure beside a peer's, where the peer could be measured.
    pub fn beside(case: String, metric: &'static str, ours: f64, peer: &'static str, theirs: Option<f64>) -> Row {
        match theirs {
            Some(theirs) => Row::new(case, metric, ours, peer, theirs),
            None => Row::alone(case, metric, ours),
        }
    }

    /// A figure that no peer has.
    pub fn alone(case: String, metric: &'static str, ours: f64) -> Row {
        Row { case, metric, ours, peer: None, theirs: None, ratio: None }
    }
}

/// All rows of one metric beside one peer.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The metric.
    pub metric: &'static str,
    /// The peer.
    pub peer: &'static str,
    /// The geometric mean of the ratios, where both figures are more than nothing.
    pub ratio_geomean: Option<f64>,
    /// The sum of ours by the sum of theirs.
    pub ratio_sum: Option<f64>,
}

/// The outcome of a suite.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Every measurement.
    pub rows: Vec<Row>,
    /// The rows, by metric and peer.
    pub summary: Vec<Summary>,
}

impl Report {
    /// Sums up rows.
    pub fn new(rows: Vec<Row>) -> Report {
        let mut summary: Vec<Summary> = Vec::new();
        for row in &rows {
            let Some(peer) = row.peer else { continue };
            if summary.iter().any(|known| known.metric == row.metric && known.peer == peer) {
                continue;
            }
            let of = || rows.iter().filter(|other| other.metric == row.metric && other.peer == Some(peer));
            let logs: Vec<f64> = of().filter_map(|row| row.ratio).filter(|ratio| *ratio > 0.0).map(f64::ln).collect();
            let (ours, theirs) =
                (of().map(|row| row.ours).sum::<f64>(), of().filter_map(|row| row.theirs).sum::<f64>());
            summary.push(Summary {
                metric: row.metric,
                peer,
                ratio_geomean: (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp()),
                ratio_sum: (theirs > 0.0).then_some(ours / theirs),
            });
        }
        Report { rows, summary }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
        writeln!(f, "{:<15} {:<19} {:>14} {:>14} {:>8}  peer", "case", "metric", "ours", "theirs", "ratio")?;
        for row in &self.rows {
            let (ours, theirs, ratio) = (number(Some(row.ours)), number(row.theirs), number(row.ratio));
            let line = format!(
                "{:<15} {:<19} {ours:>14} {theirs:>14} {ratio:>8}  {}",
                row.case,
                row.metric,
                row.peer.unwrap_or("")
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        let sum = |metric: &str| {
            // A metric is counted once, however many peers stand beside it.
            let peer = self.rows.iter().find(|row| row.metric == metric).and_then(|row| row.peer);
            self.rows.iter().filter(|row| row.metric == metric && row.peer == peer).map(|row| row.ours).sum::<f64>()
        };
        for summary in &self.summary {
            writeln!(
                f,
                "{}: sum {} is {} of {} (geometric mean of the ratios: {})",
                summary.metric,
                number(Some(sum(summary.metric))),
                number(summary.ratio_sum),
                summary.peer,
                number(summary.ratio_geomean),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_by_metric_and_peer() {
        let row = |case: &str, ours, peer, theirs| Row::new(case.to_owned(), "c_out", ours, peer, theirs);
        let report = Report::new(vec![
            row("a", 2.0, "x", 1.0),
            row("b", 8.0, "x", 1.0),
            row("c", 0.0, "x", 0.0),
            row("a", 2.0, "y", 4.0),
            row("d", 5.0, "y", 0.0),
            Row::alone("a".to_owned(), "other", 3.0),
        ]);
        let [x, y] = report.summary.as_slice() else { panic!("two peers: {:?}", report.summary) };
        assert_eq!((x.peer, x.ratio_sum), ("x", Some(5.0)));
        assert!((x.ratio_geomean.unwrap() - 16f64.powf(1.0 / 3.0)).abs() < 1e-12);
        assert_eq!((y.ratio_geomean, y.ratio_sum), (Some(0.5), Some(1.75)));
        assert_eq!(report.rows[4].ratio, None, "nothing to compare with");
    }
}
