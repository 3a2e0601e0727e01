use std::fmt;

use serde_json::{Value as Json, json};

use super::line_diff::small_diff;
use super::number::estimate;
use super::plan::PlanText;
use super::traced::{Evaluated, evaluated, facts_json, indented, movement, tree};
use crate::optimize::Plan;
use crate::optimize::trace::{By, Choice, NativeStep, Relation, Step, Trace, Way};
use crate::rules::{print_physical, print_required};

/// How a plan came about: the chain of rewrites from the written query to it, then the physical choices with
/// their costs. `Display` writes it for people, [`Why::to_json`] for programs; neither has a time in it.
///
/// ```
/// use leafhold::explain::Why;
/// use leafhold::golden::TermPlanner;
/// use leafhold::rules::RuleSet;
///
/// let (plan, trace) = TermPlanner::new(RuleSet::builtin()).traced("filter (and (a = 1) false) t")?;
/// let text = Why::new(&trace, &plan).to_string();
/// assert!(text.contains("1. prune-never-true-filter"));
/// # Ok::<_, String>(())
/// ```
#[derive(Clone, Copy)]
pub struct Why<'a> {
    trace: &'a Trace,
    plan: &'a Plan,
    front_end: &'a [FrontEndStep],
}

/// What a front end, such as one for SQL, did to a query before the planner saw it. Its texts are in its own
/// notation, and a replay does not know what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontEndStep {
    /// The front end's rule.
    pub by: String,
    /// The query as it was.
    pub before: String,
    /// The query that stands for it.
    pub after: String,
}

/// Ways that were not chosen are listed up to this many.
const MOST_WAYS: usize = 3;

impl<'a> Why<'a> {
    /// How `plan` came about, which is the plan of the run that `trace` recorded.
    pub fn new(trace: &'a Trace, plan: &'a Plan) -> Self {
        Why { trace, plan, front_end: &[] }
    }

    /// The same chain, which begins with these steps: then the written query is what the first of them was given.
    pub fn after(self, front_end: &'a [FrontEndStep]) -> Self {
        Why { front_end, ..self }
    }

    /// The same for programs: `{"token", "cost", "front_end", "written", "steps", "normal", "choices", "plan"}`. A
    /// step has `by`, `native`, `phase`, `before`, `after` and `clauses`, one of the front end `by`, `before` and
    /// `after`; a choice has `required` and `ways`, the chosen one first. `written` is what the planner was given.
    pub fn to_json(&self) -> Json {
        let Why { trace, plan, front_end } = self;
        let front_end = front_end.iter();
        let front_end = front_end.map(|step| json!({"by": step.by, "before": step.before, "after": step.after}));
        let steps = self.steps().map(|step| {
            let (before, after) = self.sides(step);
            json!({
                "by": step.by.name(),
                "native": matches!(step.by, By::Native(_)),
                "phase": step.phase.name(),
                "before": before,
                "after": after,
                "clauses": facts_json(&self.clauses(step)),
            })
        });
        let choices = trace.choices().into_iter().map(|choice| {
            let ways = choice.ways.iter().map(|way| {
                json!({"operator": self.operator(way), "rule": way.rule, "own_cost": way.own_cost, "cost": way.cost})
            });
            json!({"required": print_required(trace.terms(), choice.required), "ways": ways.collect::<Vec<_>>()})
        });
        json!({
            "token": plan.shape,
            "cost": trace.cost(),
            "front_end": front_end.collect::<Vec<_>>(),
            "written": tree(trace, &Relation::Term(trace.written())),
            "steps": steps.collect::<Vec<_>>(),
            "normal": trace.normal().map(|normal| tree(trace, &Relation::Term(normal))),
            "choices": choices.collect::<Vec<_>>(),
            "plan": PlanText::new(plan).body().to_string(),
        })
    }

    fn steps(&self) -> impl Iterator<Item = &'a Step> {
        let steps = self.trace.steps();
        self.trace.path().into_iter().map(move |at| &steps[at])
    }

    fn sides(&self, step: &Step) -> (String, String) {
        let after = match (&step.by, &step.after) {
            // Of all the trees of a join-set, the one that the plan has.
            (By::Native(NativeStep::OrderJoins), Relation::Made(class)) => Relation::Chosen(*class),
            (_, after) => after.clone(),
        };
        (tree(self.trace, &step.before), tree(self.trace, &after))
    }

    fn clauses(&self, step: &Step) -> Vec<Evaluated> {
        match &step.by {
            By::Rule(rule) => evaluated(self.trace, rule, &step.values, &step.calls),
            By::Native(_) => Vec::new(),
        }
    }

    fn operator(&self, way: &Way) -> String {
        let terms = self.trace.terms();
        match way.operator {
            Err(rows) => movement(rows).to_owned(),
            Ok(op) => {
                let inputs = way.inputs.iter().map(|input| format!(" ({})", print_required(terms, *input)));
                format!("{}{}", print_physical(terms, op), inputs.collect::<String>())
            }
        }
    }

    fn way(&self, way: &Way) -> String {
        let rule = way.rule.as_ref().map(|rule| format!("  {rule}")).unwrap_or_default();
        format!("{}  ; cost {}{rule}", self.operator(way), estimate(way.cost))
    }

    fn write_choice(&self, f: &mut fmt::Formatter<'_>, choice: &Choice) -> fmt::Result {
        let Some((chosen, others)) = choice.ways.split_first() else { return Ok(()) };
        writeln!(f, "  {}", self.way(chosen))?;
        for other in others.iter().take(MOST_WAYS) {
            writeln!(f, "    not {}", self.way(other))?;
        }
        match others.len().saturating_sub(MOST_WAYS) {
            0 => Ok(()),
            more => writeln!(f, "    nor {more} more"),
        }
    }
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Why { trace, plan, front_end } = self;
        let cost = trace.cost().map_or("unknown".to_owned(), estimate);
        let steps: Vec<&Step> = self.steps().collect();
        let plural = if steps.len() == 1 { "" } else { "s" };
        let before =
            if front_end.is_empty() { String::new() } else { format!("{} of the front end, then ", front_end.len()) };
        writeln!(f, "; plan {}  {before}{} step{plural}  cost {cost}", plan.shape.short(), steps.len())?;
        let written = front_end.first().map(|step| step.before.clone());
        let written = written.unwrap_or_else(|| tree(trace, &Relation::Term(trace.written())));
        writeln!(f, "\nwritten\n{}", indented(&written, 2))?;
        for step in front_end.iter() {
            writeln!(f, "{}  (front end)", step.by)?;
            writeln!(f, "{}", indented(&small_diff(&step.before, &step.after), 2))?;
        }
        if !front_end.is_empty() {
            writeln!(f, "given to the planner\n{}", indented(&tree(trace, &Relation::Term(trace.written())), 2))?;
        }
        for (at, step) in steps.iter().enumerate() {
            let native = if matches!(step.by, By::Native(_)) { "native, " } else { "" };
            writeln!(f, "{}. {}  ({native}{})", at + 1, step.by.name(), step.phase.name())?;
            for clause in self.clauses(step) {
                writeln!(f, "  {}", clause.text)?;
                clause.facts.iter().filter(|_| clause.guard).try_for_each(|fact| writeln!(f, "    {fact}"))?;
            }
            let (before, after) = self.sides(step);
            writeln!(f, "{}", indented(&small_diff(&before, &after), 2))?;
        }
        let choices = trace.choices();
        let open: Vec<_> = choices.iter().filter(|choice| choice.ways.len() > 1).collect();
        if !open.is_empty() {
            writeln!(f, "choices")?;
            open.into_iter().try_for_each(|choice| self.write_choice(f, choice))?;
            writeln!(f)?;
        }
        write!(f, "plan\n{}", indented(&PlanText::new(plan).body().to_string(), 2))
    }
}
