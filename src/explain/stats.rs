use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::number::grouped;
use crate::optimize::trace::Trace;
use crate::optimize::{Plan, PlanError, Planner};
use crate::rules::{Phase, RuleSet};

/// What the rules do over some queries: matches, refusals, fires, time, e-nodes, and their effect, which is what
/// becomes of the plans without each.
///
/// `Display` writes a table; [`RuleStats::without_times`] leaves out what differs from run to run.
#[derive(Clone, Debug, Default)]
pub struct RuleStats {
    rules: IndexMap<String, RuleUse>,
    queries: u64,
    caps: IndexMap<String, u64>,
    no_times: bool,
}

/// What one rule did over some queries.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleUse {
    /// Its phase.
    pub phase: Phase,
    /// Queries in which it fired.
    pub queries: u64,
    /// Nodes on which it was tried.
    pub tried: u64,
    /// Ways in which its pattern fitted.
    pub matched: u64,
    /// Matches that a guard refused.
    pub rejected: u64,
    /// How often it fired.
    pub fired: u64,
    /// E-nodes that it made.
    pub nodes: u64,
    /// Matches that were not tried because the graph was full.
    pub cut_off: u64,
    /// The time that it took.
    pub time: Duration,
    /// Queries whose plan is another one without it.
    pub changed: u64,
    /// Queries that have no plan without it.
    pub needed: u64,
    /// How many times as much those other plans cost: the least and the most of them.
    pub cost_ratios: Option<(f64, f64)>,
}

/// What becomes of a plan without a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Effect {
    Same,
    Other { ratio: f64 },
    NoPlan,
}

impl RuleStats {
    /// Numbers of no query yet: a row for each rule of a set.
    pub fn new(rules: &RuleSet) -> Self {
        let rules = rules.rules().iter().map(|rule| (rule.name().to_owned(), RuleUse::new(rule.phase())));
        RuleStats { rules: rules.collect(), ..RuleStats::default() }
    }

    /// Adds a query: `plan` plans it with a planner, traced. It is called once with the planner itself, and once
    /// without each rule that fired.
    ///
    /// # Errors
    /// When the query has no plan under all rules.
    pub fn add(
        &mut self,
        planner: &Planner,
        plan: impl Fn(&Planner) -> (Result<Plan, PlanError>, Trace),
    ) -> Result<(), PlanError> {
        let (chosen, trace) = plan(planner);
        let chosen = chosen?;
        self.queries += 1;
        for (name, cap) in &chosen.caps {
            *self.caps.entry(name.clone()).or_default() += u64::from(cap.hit);
        }
        for (name, record) in trace.rules() {
            let Some(row) = self.rules.get_mut(name) else { continue };
            row.tried += record.tried;
            row.matched += record.matched;
            row.rejected += record.rejections();
            row.fired += record.fired;
            row.nodes += record.nodes;
            row.cut_off += record.cut_off;
            row.time += record.time;
            if record.fired == 0 {
                continue;
            }
            row.queries += 1;
            let Ok(without) = planner.rules().without(&[name]) else { continue };
            let effect = match plan(&planner.clone().with_rules(without.into())).0 {
                Err(_) => Effect::NoPlan,
                Ok(other) if other.shape == chosen.shape => Effect::Same,
                Ok(other) => Effect::Other { ratio: other.root.cost / chosen.root.cost },
            };
            row.note(effect);
        }
        Ok(())
    }

    /// The rules that fired, those that change most plans first, then those that fired most often.
    pub fn fired(&self) -> Vec<(&str, &RuleUse)> {
        let mut rows: Vec<_> =
            self.rules.iter().filter(|(_, row)| row.fired > 0).map(|(name, row)| (name.as_str(), row)).collect();
        let key = |row: &RuleUse| (row.needed + row.changed, row.fired);
        rows.sort_by_key(|(_, row)| std::cmp::Reverse(key(row)));
        rows
    }

    /// The rules that did not fire, in canonical order.
    pub fn silent(&self) -> impl Iterator<Item = (&str, &RuleUse)> {
        self.rules.iter().filter(|(_, row)| row.fired == 0).map(|(name, row)| (name.as_str(), row))
    }

    /// The same without times: a text that is the same in every run.
    pub fn without_times(mut self) -> Self {
        self.no_times = true;
        self
    }

    /// The same for programs: `{"queries", "caps", "rules": [..]}`, all rules in canonical order.
    pub fn to_json(&self) -> Json {
        let rules = self.rules.iter().map(|(name, row)| {
            json!({
                "rule": name,
                "phase": row.phase.name(),
                "queries": row.queries,
                "tried": row.tried,
                "matched": row.matched,
                "rejected": row.rejected,
                "fired": row.fired,
                "nodes": row.nodes,
                "cut_off": row.cut_off,
                "time_us": (!self.no_times).then_some(row.time.as_micros() as u64),
                "plans_changed": row.changed,
                "plans_needed": row.needed,
                "cost_ratios": row.cost_ratios.map(|(least, most)| [least, most]),
            })
        });
        json!({"queries": self.queries, "caps": self.caps, "rules": rules.collect::<Vec<_>>()})
    }
}

impl RuleUse {
    fn new(phase: Phase) -> Self {
        RuleUse {
            phase,
            queries: 0,
            tried: 0,
            matched: 0,
            rejected: 0,
            fired: 0,
            nodes: 0,
            cut_off: 0,
            time: Duration::ZERO,
            changed: 0,
            needed: 0,
            cost_ratios: None,
        }
    }

    fn note(&mut self, effect: Effect) {
        match effect {
            Effect::Same => {}
            Effect::NoPlan => self.needed += 1,
            Effect::Other { ratio } => {
                self.changed += 1;
                let (least, most) = self.cost_ratios.unwrap_or((ratio, ratio));
                self.cost_ratios = Some((least.min(ratio), most.max(ratio)));
            }
        }
    }

    fn effect(&self) -> String {
        let mut parts = Vec::new();
        if self.needed > 0 {
            parts.push(format!("needed in {}", self.needed));
        }
        if let Some((least, most)) = self.cost_ratios {
            let (least, most) = (times(least), times(most));
            let ratios = if least == most { least } else { format!("{least} to {most}") };
            parts.push(format!("changes {}, cost {ratios} without", self.changed));
        }
        if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
    }
}

/// How many times as much, in as many digits as say something.
fn times(ratio: f64) -> String {
    match ratio {
        ratio if ratio < 100.0 => format!("x{ratio:.2}"),
        ratio if ratio < 1e6 => format!("x{}", grouped(ratio.round() as u64)),
        ratio => format!("x{ratio:.0e}"),
    }
}

impl fmt::Display for RuleStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fired = self.fired();
        let width = fired.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("rule".len());
        let plural = if self.queries == 1 { "query" } else { "queries" };
        let caps: Vec<_> = self.caps.iter().filter(|(_, hits)| **hits > 0).collect();
        let caps: Vec<_> = caps.into_iter().map(|(name, hits)| format!("{name} in {hits}")).collect();
        let caps = if caps.is_empty() { "none".to_owned() } else { caps.join(", ") };
        writeln!(f, "; {} {plural}  {} of {} rules fired  caps {caps}", self.queries, fired.len(), self.rules.len())?;
        let time = if self.no_times { "" } else { "   time us" };
        writeln!(
            f,
            "{:<width$}  {:<9}  queries    tried  matched  rejected    fired  e-nodes{time}  effect on plans",
            "rule", "phase"
        )?;
        for (name, row) in fired {
            let time = match self.no_times {
                true => String::new(),
                false => format!("  {:>8}", grouped(row.time.as_micros() as u64)),
            };
            writeln!(
                f,
                "{name:<width$}  {:<9}  {:>7}  {:>7}  {:>7}  {:>8}  {:>7}  {:>7}{time}  {}",
                row.phase.name(),
                row.queries,
                grouped(row.tried),
                grouped(row.matched),
                grouped(row.rejected),
                grouped(row.fired),
                grouped(row.nodes),
                row.effect()
            )?;
        }
        let list = |f: &mut fmt::Formatter<'_>, what: &str, rows: Vec<&str>| match rows.is_empty() {
            true => Ok(()),
            false => writeln!(f, "; {what}: {}", rows.join(", ")),
        };
        let silent: Vec<_> = self.silent().collect();
        let some = |wanted: &dyn Fn(&RuleUse) -> bool| {
            silent.iter().filter(|(_, row)| wanted(row)).map(|(name, _)| *name).collect::<Vec<_>>()
        };
        list(f, "matched, but did not fire", some(&|row| row.matched > 0))?;
        list(f, "tried, but matched nothing", some(&|row| row.matched == 0 && row.tried > 0))?;
        list(f, "never tried", some(&|row| row.tried == 0))
    }
}
