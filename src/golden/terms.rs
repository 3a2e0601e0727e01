use std::sync::Arc;

use super::{Coverage, GoldenPlan, Level, Options};
use crate::explain::PlanText;
use crate::leaf::{ColumnStatistics, FromDelayed, Leaf, TableStatistics, value};
use crate::lower::lower;
use crate::optimize::trace::Trace;
use crate::optimize::{Plan, Planner};
use crate::rules::{ExampleFunctions, Phase, Refusal, Rule, RuleSet, print_alternative};
use crate::term::text::{Tables, parse, print, print_line};
use crate::term::{TermId, Terms, terms_in_order};

/// Rows of the first table of a rule, of the second, and so on.
const ROWS: [f64; 4] = [1_000.0, 20_000.0, 300.0, 5_000.0];

/// Plans golden cases whose queries are terms in the notation of plans, at all three levels.
///
/// The tables are those of the examples of rules, as two live partitions each and with statistics, so that cost has a
/// say: `t` of 1,000 rows, `u` of 20,000 and `v` of 300. A first line `; merge-sorts` says which rule a case is
/// about; then the tables that this rule declares are there, too.
///
/// ```
/// use leafhold::golden::{Options, TermPlanner};
/// use leafhold::rules::RuleSet;
///
/// let planner = TermPlanner::new(RuleSet::builtin());
/// let plan = planner.plan("filter true t", &Options::default())?;
/// assert!(plan.text.starts_with("read t"));
/// # Ok::<_, String>(())
/// ```
#[derive(Clone)]
pub struct TermPlanner {
    rules: Arc<RuleSet>,
    target_partitions: usize,
}

impl TermPlanner {
    /// A planner with these rules, for two partitions.
    pub fn new(rules: Arc<RuleSet>) -> Self {
        TermPlanner { rules, target_partitions: 2 }
    }

    /// The same for so many partitions.
    pub fn with_target_partitions(mut self, partitions: usize) -> Self {
        self.target_partitions = partitions;
        self
    }

    /// What a [`Runner`](super::Runner) asks for.
    ///
    /// # Errors
    /// The message of whatever fails: no such rule or stage, a query that is no term, no plan.
    pub fn plan(&self, query: &str, options: &Options) -> Result<GoldenPlan, String> {
        self.plan_covering(query, options, &mut Coverage::default())
    }

    /// The same, and notes what it covers.
    ///
    /// # Errors
    /// As [`TermPlanner::plan`].
    pub fn plan_covering(&self, query: &str, options: &Options, coverage: &mut Coverage) -> Result<GoldenPlan, String> {
        let mut rules = self.rules.without(&options.disabled).map_err(|error| error.to_string())?;
        if options.repetition > 0 {
            // Which rule of a priority is tried first must not matter.
            rules = rules.shuffled(options.repetition as u64);
        }
        let about = match &options.level {
            Level::Rule(name) => Some(name.as_str()),
            _ => subject(query),
        };
        let (mut terms, root) = self.parse(query, about)?;
        let planner = self.planner(Arc::new(rules.clone()));
        match &options.level {
            Level::Rule(name) => Ok(applied(rules.get(name), &mut terms, root, coverage)),
            Level::Stage(stage) if stage == "normalized" => {
                let (terms, root, fired) = planner.normalize_term(terms, root);
                let size = terms_in_order(&terms, root).len() as u64;
                let fired = fired.keys().cloned().collect();
                Ok(GoldenPlan { text: print(&terms, root).trim_end().to_owned(), fired, size })
            }
            Level::Stage(stage) if stage != "tasks" => {
                Err(format!("no stage `{stage}`; there are normalized and tasks"))
            }
            level => {
                let (plan, trace) = planner.plan_term_traced(terms, root);
                coverage.add(&trace);
                let plan = plan.map_err(|error| error.to_string())?;
                let text = match level {
                    Level::Plan => PlanText::new(&plan).body().to_string(),
                    _ => lower(&plan).map_err(|error| error.to_string())?.to_text(),
                };
                let fired = plan.fired.keys().cloned().collect();
                Ok(GoldenPlan { text: text.trim_end().to_owned(), fired, size: plan.size })
            }
        }
    }

    /// The plan of a query, and how it came about.
    ///
    /// # Errors
    /// The message of whatever fails: a query that is no term, no plan.
    pub fn traced(&self, query: &str) -> Result<(Plan, Trace), String> {
        let (terms, root) = self.parse(query, subject(query).filter(|name| self.rules.get(name).is_some()))?;
        let (plan, trace) = self.planner(self.rules.clone()).plan_term_traced(terms, root);
        Ok((plan.map_err(|error| error.to_string())?, trace))
    }

    fn planner(&self, rules: Arc<RuleSet>) -> Planner {
        Planner::new(Arc::new(ExampleFunctions)).with_rules(rules).with_target_partitions(self.target_partitions)
    }

    /// A query over the tables of the examples, and those of the rule that it is about.
    fn parse(&self, query: &str, about: Option<&str>) -> Result<(Terms, TermId), String> {
        let known = |name| self.rules.get(name).ok_or_else(|| unknown(&self.rules, name));
        let about = about.map(known).transpose()?;
        parse(query, &tables(about), Arc::new(ExampleFunctions)).map_err(|error| error.to_string())
    }
}

/// The rule that a case is about, from its first line.
fn subject(query: &str) -> Option<&str> {
    query.lines().next()?.strip_prefix("; ").map(str::trim)
}

fn unknown(rules: &RuleSet, name: &str) -> String {
    match rules.without(&[name]) {
        Err(error) => error.to_string(),
        Ok(_) => format!("no rule `{name}`"),
    }
}

/// What one application of a rule gives, anywhere in a term: a line for each. Where it gives nothing, what stopped it.
fn applied(rule: Option<&Arc<Rule>>, terms: &mut Terms, root: TermId, coverage: &mut Coverage) -> GoldenPlan {
    let Some(rule) = rule else {
        return GoldenPlan { text: "nothing, as the rule is disabled".to_owned(), fired: Vec::new(), size: 0 };
    };
    let (lines, size): (Vec<String>, usize) = match rule.phase() {
        Phase::Implement => {
            let proposed = rule.alternatives(terms, root);
            (proposed.iter().map(|alternative| print_alternative(terms, alternative)).collect(), proposed.len())
        }
        _ => {
            let results = rule.rewrites(terms, root);
            let size = results.iter().map(|result| terms_in_order(terms, *result).len()).sum();
            (results.iter().map(|result| print_line(terms, *result)).collect(), size)
        }
    };
    let guards: Vec<&str> = rule.guards().map(|(guard, _)| guard).collect();
    let mut reasons: Vec<String> = Vec::new();
    for refusal in rule.refusals(terms, root) {
        let reason = match refusal {
            Refusal::Guard(at) => {
                coverage.add_rejected(rule, at);
                format!("nothing, as {} says no", guards[at])
            }
            _ => "nothing, as a part has no value, or nothing would change".to_owned(),
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    if lines.is_empty() {
        if reasons.is_empty() {
            reasons.push("nothing, as the pattern does not fit".to_owned());
        }
        return GoldenPlan { text: reasons.join("\n"), fired: Vec::new(), size: 0 };
    }
    coverage.add_fired(rule);
    GoldenPlan { text: lines.join("\n"), fired: vec![rule.name().to_owned()], size: size as u64 }
}

/// The tables of the examples, and those of a rule: columns of 10, 100 and as many values as there are rows.
fn tables(rule: Option<&Arc<Rule>>) -> Tables {
    let declared = rule.map_or_else(|| Tables::examples().clone(), |rule| rule.tables());
    let mut tables = Tables::new();
    for (name, rows) in declared.names().zip(ROWS.into_iter().cycle()) {
        let Some(leaf) = declared.get(name) else { continue };
        let schema = leaf.schema().clone();
        let distinct = [10.0, 100.0, rows].into_iter().cycle();
        let column = |distinct| ColumnStatistics { distinct: Some(distinct), ..ColumnStatistics::default() };
        let columns = distinct.take(schema.fields().len()).map(column).collect();
        let statistics = TableStatistics { rows: Some(rows), bytes: None, columns };
        let futures = ["0", "1"].map(|part| value(format!("{name}-{part}"), Vec::new()));
        // Two futures of one engine are a leaf.
        if let Ok(leaf) = FromDelayed::new(name, schema, futures.to_vec()) {
            tables.add(Leaf::FromDelayed(leaf.with_statistics(statistics)));
        }
    }
    tables
}
