use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value as Json, json};

use super::line_diff::small_diff;
use super::number::estimate;
use super::plan::PlanText;
use super::tree::indent;
use crate::optimize::Plan;

/// What a plan diff compares of a plan: read from the JSON of `leafhold explain`, perhaps of another version, or
/// taken from a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRecord {
    /// The shape token.
    pub shape: String,
    /// The estimated cost; `None` where it is no number.
    pub cost: Option<f64>,
    /// The rules that fired, in canonical order.
    pub fired: Vec<String>,
    /// The text, without header.
    pub text: String,
}

/// Why a document is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanRecordError {
    /// Not JSON.
    #[error("this is no JSON: {0}")]
    Json(String),
    /// Something that every plan has is missing.
    #[error("this is no plan: `{0}` is missing; write one with `leafhold explain --format json`")]
    Missing(&'static str),
}

impl PlanRecord {
    /// Of a plan at hand.
    pub fn of(plan: &Plan) -> PlanRecord {
        PlanRecord {
            shape: plan.shape.to_string(),
            cost: Some(plan.root.cost).filter(|cost| cost.is_finite()),
            fired: plan.fired.keys().cloned().collect(),
            text: PlanText::new(plan).body().to_string(),
        }
    }

    /// From what [`PlanJson`](super::PlanJson) wrote.
    ///
    /// # Errors
    /// See [`PlanRecordError`].
    pub fn from_json(text: &str) -> Result<PlanRecord, PlanRecordError> {
        let json: Json = serde_json::from_str(text).map_err(|error| PlanRecordError::Json(error.to_string()))?;
        let shape = json["token"].as_str().ok_or(PlanRecordError::Missing("token"))?.to_owned();
        let fired = json["fired"].as_object().ok_or(PlanRecordError::Missing("fired"))?;
        let mut lines = String::new();
        let mut stack = vec![(&json["plan"], 0)];
        while let Some((node, depth)) = stack.pop() {
            let shared = node["shared"].as_u64();
            if let (Some("shared"), Some(number)) = (node["op"].as_str(), shared) {
                lines.push_str(&format!("{}@{number}\n", indent(depth)));
                continue;
            }
            let text = node["text"].as_str().ok_or(PlanRecordError::Missing("text"))?;
            let shared = shared.map(|number| format!("@{number} = ")).unwrap_or_default();
            let rows = node["est_rows"].as_f64().map_or("inf".to_owned(), estimate);
            let partitioning = node["partitioning"].as_str().ok_or(PlanRecordError::Missing("partitioning"))?;
            lines.push_str(&format!("{}{shared}{text}  ; rows {rows}  {partitioning}\n", indent(depth)));
            let children = node["children"].as_array().ok_or(PlanRecordError::Missing("children"))?;
            stack.extend(children.iter().rev().map(|child| (child, depth + 1)));
        }
        let fired = fired.keys().cloned().collect();
        Ok(PlanRecord { shape, cost: json["plan"]["cost"].as_f64(), fired, text: lines })
    }
}

/// The plans of one corpus, made in two ways: by two rule sets, or by two versions. `Display` writes what differs,
/// the costlier first.
///
/// ```
/// use std::collections::BTreeMap;
/// use leafhold::explain::{PlanDiff, PlanRecord};
/// use leafhold::golden::TermPlanner;
/// use leafhold::rules::RuleSet;
///
/// let all = RuleSet::builtin();
/// let fewer = all.without(&["push-filter-into-preserved-side"])?;
/// let plans = |rules| {
///     let (plan, _) = TermPlanner::new(rules).traced("filter (b = 2) (join left (a = x) t u)")?;
///     Ok::<_, String>(BTreeMap::from([("outer".to_owned(), PlanRecord::of(&plan))]))
/// };
/// let diff = PlanDiff::new("all", &plans(all)?, "fewer", &plans(fewer.into())?);
/// assert_eq!(diff.summary(), "plan diff over 1 plan: 1 changed, 1 costlier");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PlanDiff {
    names: [String; 2],
    corpus: Option<String>,
    /// What differs, the costlier first.
    pub changes: Vec<PlanChange>,
    /// Plans that only one side has.
    pub unmatched: [Vec<String>; 2],
    plans: usize,
}

/// Two plans of one query that differ.
#[derive(Clone, Debug)]
pub struct PlanChange {
    /// The query.
    pub name: String,
    /// The two plans.
    pub sides: [PlanRecord; 2],
}

impl PlanChange {
    /// Whether the shape differs, and not the estimates alone.
    pub fn is_changed(&self) -> bool {
        self.sides[0].shape != self.sides[1].shape
    }

    /// How many times as much the second plan costs.
    pub fn ratio(&self) -> Option<f64> {
        let [one, other] = [self.sides[0].cost?, self.sides[1].cost?];
        (one > 0.0).then_some(other / one)
    }

    /// Rules that fired for the second plan alone, and for the first alone.
    fn rules(&self) -> [Vec<&str>; 2] {
        let [one, other] = &self.sides;
        [alone(other, one), alone(one, other)]
    }
}

/// The rules that fired for one plan and not for another.
fn alone<'a>(of: &'a PlanRecord, other: &PlanRecord) -> Vec<&'a str> {
    of.fired.iter().filter(|rule| !other.fired.contains(rule)).map(String::as_str).collect()
}

/// Costs that differ by less are equal: the sums may be taken in another order.
const SAME_COST: f64 = 1e-9;

impl PlanDiff {
    /// Compares the plans of equal names of two sides.
    pub fn new(
        first: &str,
        plans: &BTreeMap<String, PlanRecord>,
        second: &str,
        others: &BTreeMap<String, PlanRecord>,
    ) -> PlanDiff {
        let mut changes: Vec<PlanChange> = Vec::new();
        let mut compared = 0;
        for (name, one) in plans {
            let Some(other) = others.get(name) else { continue };
            compared += 1;
            let change = PlanChange { name: name.clone(), sides: [one.clone(), other.clone()] };
            if change.is_changed() || one.text != other.text || change.ratio().is_some_and(is_other_cost) {
                changes.push(change);
            }
        }
        let rank = |change: &PlanChange| change.ratio().unwrap_or(1.0);
        changes.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then_with(|| a.name.cmp(&b.name)));
        let only = |of: &BTreeMap<String, PlanRecord>, other: &BTreeMap<String, PlanRecord>| {
            of.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
        };
        let unmatched = [only(plans, others), only(others, plans)];
        PlanDiff { names: [first.to_owned(), second.to_owned()], corpus: None, changes, unmatched, plans: compared }
    }

    /// The same, where the plans are those of a corpus that has a name.
    pub fn over(self, corpus: impl Into<String>) -> Self {
        PlanDiff { corpus: Some(corpus.into()), ..self }
    }

    /// How many plans changed, became costlier or cheaper, in one line.
    pub fn summary(&self) -> String {
        let count = |wanted: &dyn Fn(&PlanChange) -> bool| self.changes.iter().filter(|change| wanted(change)).count();
        let changed = count(&PlanChange::is_changed);
        let costlier = count(&|change| change.ratio().is_some_and(|ratio| is_other_cost(ratio) && ratio > 1.0));
        let cheaper = count(&|change| change.ratio().is_some_and(|ratio| is_other_cost(ratio) && ratio < 1.0));
        let estimated = self.changes.len() - changed;
        let mut parts = vec![format!("{changed} changed")];
        let mut part = |count: usize, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        part(costlier, "costlier");
        part(cheaper, "cheaper");
        part(estimated, "with other estimates");
        part(self.unmatched[0].len(), &format!("only in {}", self.names[0]));
        part(self.unmatched[1].len(), &format!("only in {}", self.names[1]));
        let plural = if self.plans == 1 { "" } else { "s" };
        let corpus = self.corpus.clone().unwrap_or_else(|| format!("{} plan{plural}", self.plans));
        format!("plan diff over {corpus}: {}", parts.join(", "))
    }

    /// The same for programs: `{"summary", "plans", "changes": [{"name", "changed", "costs", "ratio", "added",
    /// "gone", "texts"}], "unmatched"}`.
    pub fn to_json(&self) -> Json {
        let changes = self.changes.iter().map(|change| {
            let [added, gone] = change.rules();
            let [one, other] = &change.sides;
            json!({
                "name": change.name,
                "changed": change.is_changed(),
                "costs": [one.cost, other.cost],
                "ratio": change.ratio(),
                "added": added,
                "gone": gone,
                "texts": [one.text, other.text],
            })
        });
        json!({
            "summary": self.summary(),
            "plans": self.plans,
            "changes": changes.collect::<Vec<_>>(),
            "unmatched": self.unmatched,
        })
    }
}

fn is_other_cost(ratio: f64) -> bool {
    (ratio - 1.0).abs() > SAME_COST
}

impl fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for change in &self.changes {
            let [one, other] = &change.sides;
            let cost = |record: &PlanRecord| record.cost.map_or("unknown".to_owned(), estimate);
            let ratio = change.ratio().map(|ratio| format!(" (x{ratio:.2})")).unwrap_or_default();
            writeln!(f, "\n{}: cost {} to {}{ratio}", change.name, cost(one), cost(other))?;
            let [added, gone] = change.rules();
            if !added.is_empty() {
                writeln!(f, "; fired only for {}: {}", self.names[1], added.join(", "))?;
            }
            if !gone.is_empty() {
                writeln!(f, "; fired only for {}: {}", self.names[0], gone.join(", "))?;
            }
            writeln!(f, "{}", small_diff(one.text.trim_end(), other.text.trim_end()))?;
        }
        for (name, plans) in self.names.iter().zip(&self.unmatched) {
            if !plans.is_empty() {
                writeln!(f, "\n; only in {name}: {}", plans.join(", "))?;
            }
        }
        Ok(())
    }
}
