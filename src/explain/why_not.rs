use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::number::estimate;
use super::plan::{PlanText, hit};
use super::traced::{Evaluated, evaluated, facts_json, indented, line, operator, tree, variables};
use crate::optimize::trace::{Mismatch, MismatchFound, RefusedMatch, Relation, RuleTrace, Trace};
use crate::optimize::{Place, Plan, PlanError};
use crate::rules::{Cause, Clause, Operator, Phase, Refusal, Rule, RuleSet, UnknownRule};
use crate::term::text::print_scalar;
use crate::term::{RelNode, Terms};

/// Why a rule has no part in a plan: the nearest partial match, the guard that said no with what it was given, the
/// cap that was hit, or what the plan would cost with it. `Display` writes it for people, [`WhyNot::to_json`] for
/// programs.
///
/// ```
/// use leafhold::explain::WhyNot;
/// use leafhold::golden::TermPlanner;
/// use leafhold::rules::RuleSet;
///
/// let rules = RuleSet::builtin();
/// let (plan, trace) = TermPlanner::new(rules.clone()).traced("filter (a = 1) t")?;
/// let why_not = WhyNot::new(&trace, Ok(&plan), "prune-never-true-filter", &rules).map_err(|error| error.to_string())?;
/// assert!(why_not.to_string().contains("(never (a = 1)) = false"));
/// # Ok::<_, String>(())
/// ```
#[derive(Clone, Debug)]
pub struct WhyNot {
    rule: Arc<Rule>,
    /// The answer.
    pub verdict: Verdict,
    /// How often the rule was tried, matched and fired.
    pub counts: Counts,
    /// The budgets that ran out, which may be the reason that it did not fire (more often).
    pub caps: Vec<String>,
    details: Details,
}

/// What a rule did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Nodes on which it was tried.
    pub tried: u64,
    /// Ways in which its pattern fitted.
    pub matched: u64,
    /// How often it fired.
    pub fired: u64,
}

/// Why a rule has no part in a plan, or that it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is not among the rules of this run.
    Disabled,
    /// It fired, and the plan rests on it.
    InPlan,
    /// It fired, and there is no plan at all.
    NoPlan {
        /// Why not.
        error: String,
    },
    /// It fired, but what it made is in no plan that is as cheap.
    NotChosen {
        /// The cost of the cheapest plan with it; `None` where no plan can have it.
        cost: Option<f64>,
        /// The cost of the plan.
        chosen: f64,
    },
    /// Its pattern fits, but guards say no, or parts have no value.
    Refused,
    /// Its pattern fits, but the graph was full before the match was tried.
    CutOff {
        /// Matches that were not tried.
        matches: u64,
    },
    /// Its pattern fits nowhere.
    NoMatch,
    /// No node has the operator of its pattern's root.
    NoOperator,
}

/// The texts that go with a verdict.
#[derive(Clone, Debug)]
enum Details {
    Nothing,
    Plans { with: Option<String>, chosen: String },
    Refused(Vec<RefusedText>),
    Near(Near),
    Operators { wanted: String, there: Vec<&'static str> },
}

#[derive(Clone, Debug)]
struct RefusedText {
    reason: String,
    times: u64,
    clauses: Vec<(String, bool, Vec<String>)>,
    variables: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
struct Near {
    place: String,
    asks: String,
    found: String,
    differs: String,
}

impl WhyNot {
    /// Asks a recorded run about a rule. `known` are the rules that there are, those that the run had disabled
    /// among them.
    ///
    /// # Errors
    /// When there is no such rule; the nearest name comes with it.
    pub fn new(
        trace: &Trace,
        plan: Result<&Plan, &PlanError>,
        rule: &str,
        known: &RuleSet,
    ) -> Result<WhyNot, UnknownRule> {
        let ran = trace.planner().rules().get(rule);
        let Some(found) = ran.or_else(|| known.get(rule)) else {
            return Err(known.unknown(rule));
        };
        let record = trace.rule(rule);
        let counts = record.map(|record| Counts { tried: record.tried, matched: record.matched, fired: record.fired });
        let counts = counts.unwrap_or_default();
        let (verdict, details) = match (ran, record) {
            (None, _) => (Verdict::Disabled, Details::Nothing),
            (_, None) => (Verdict::NoOperator, operators(trace, found)),
            (_, Some(record)) => judge(trace, plan, found, record),
        };
        let caps = hit(trace.caps());
        Ok(WhyNot { rule: found.clone(), verdict, counts, caps, details })
    }

    /// The answer in one line.
    pub fn summary(&self) -> String {
        match &self.verdict {
            Verdict::Disabled => "it is disabled".to_owned(),
            Verdict::InPlan => "it fired, and it is in the plan".to_owned(),
            Verdict::NoPlan { error } => format!("it fired, but there is no plan: {error}"),
            Verdict::NotChosen { cost: Some(cost), chosen } => {
                format!("fired; not chosen: cost {} > {}", estimate(*cost), estimate(*chosen))
            }
            Verdict::NotChosen { cost: None, .. } => "fired; not chosen: no complete plan has what it made".to_owned(),
            Verdict::Refused => match &self.details {
                Details::Refused(refused) => {
                    let reasons: Vec<_> = refused.iter().map(|refused| refused.reason.as_str()).collect();
                    format!("its pattern fits, but {}", reasons.join("; "))
                }
                _ => "its pattern fits, but a guard says no".to_owned(),
            },
            Verdict::CutOff { matches } => {
                format!("its pattern fits, but the cap on e-nodes was hit before {matches} matches were tried")
            }
            Verdict::NoMatch => "its pattern fits nowhere".to_owned(),
            Verdict::NoOperator => "no node has the operator of its pattern".to_owned(),
        }
    }

    /// The name of the verdict in JSON.
    fn kind(&self) -> &'static str {
        match self.verdict {
            Verdict::Disabled => "disabled",
            Verdict::InPlan => "in-plan",
            Verdict::NoPlan { .. } => "no-plan",
            Verdict::NotChosen { .. } => "not-chosen",
            Verdict::Refused => "refused",
            Verdict::CutOff { .. } => "cut-off",
            Verdict::NoMatch => "no-match",
            Verdict::NoOperator => "no-operator",
        }
    }

    /// The same for programs: `{"rule", "verdict", "summary", "tried", "matched", "fired", "caps", ..}`, and what
    /// goes with the verdict: `refused` (by whom, how often, the facts and variables of the first), `nearest`
    /// (the node that differs), `cost` and `chosen_cost` with both plans, or the `operators` that there are.
    pub fn to_json(&self) -> Json {
        let Counts { tried, matched, fired } = self.counts;
        let mut json = json!({
            "rule": self.rule.name(),
            "verdict": self.kind(),
            "summary": self.summary(),
            "tried": tried,
            "matched": matched,
            "fired": fired,
            "caps": self.caps,
        });
        if let Verdict::NotChosen { cost, chosen } = self.verdict {
            json["cost"] = json!(cost);
            json["chosen_cost"] = json!(chosen);
        }
        match &self.details {
            Details::Nothing => {}
            Details::Plans { with, chosen } => {
                json["plan_with"] = json!(with);
                json["plan"] = json!(chosen);
            }
            Details::Refused(refused) => {
                let refused = refused.iter().map(|refused| {
                    let clauses = refused.clauses.iter().map(|(text, guard, facts)| {
                        let (text, facts) = (text.clone(), facts.clone());
                        Evaluated { text, facts, guard: *guard }
                    });
                    let variables: serde_json::Map<String, Json> =
                        refused.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                    json!({
                        "by": refused.reason,
                        "times": refused.times,
                        "clauses": facts_json(&clauses.collect::<Vec<_>>()),
                        "variables": variables,
                    })
                });
                json["refused"] = refused.collect();
            }
            Details::Near(Near { place, asks, found, differs }) => {
                json["nearest"] = json!({"place": place, "asks": asks, "found": found, "differs": differs});
            }
            Details::Operators { wanted, there } => {
                json["operator"] = json!(wanted);
                json["operators"] = json!(there);
            }
        }
        json
    }
}

fn judge(trace: &Trace, plan: Result<&Plan, &PlanError>, rule: &Rule, record: &RuleTrace) -> (Verdict, Details) {
    if record.fired > 0 {
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return (Verdict::NoPlan { error: error.to_string() }, Details::Nothing),
        };
        if trace.is_in_plan(rule.name()) {
            return (Verdict::InPlan, Details::Nothing);
        }
        let with = trace.cheapest_with(rule.name());
        let body = |plan: &Plan| PlanText::new(plan).body().to_string();
        let verdict = Verdict::NotChosen {
            cost: with.as_ref().map(|(cost, _)| *cost),
            chosen: trace.cost().unwrap_or(plan.root.cost),
        };
        let with = with.and_then(|(_, plan)| plan).map(|plan| body(&plan));
        return (verdict, Details::Plans { with, chosen: body(plan) });
    }
    let refused: Vec<RefusedText> =
        record.refused().map(|(refusal, times, first)| refused(trace, rule, refusal, times, first)).collect();
    if !refused.is_empty() {
        return (Verdict::Refused, Details::Refused(refused));
    }
    if record.cut_off > 0 {
        return (Verdict::CutOff { matches: record.cut_off }, Details::Nothing);
    }
    let near = record.nearest.as_ref().map(|nearest| Details::Near(near(trace, rule, nearest)));
    (Verdict::NoMatch, near.unwrap_or(Details::Nothing))
}

fn refused(trace: &Trace, rule: &Rule, refusal: Refusal, times: u64, first: &RefusedMatch) -> RefusedText {
    let reason = match refusal {
        Refusal::Guard(at) => {
            let guard = rule.guards().nth(at);
            let (text, soundness) = guard.unwrap_or_default();
            let text = super::traced::one_line(text);
            format!("guard {} says no: ({} {text})", at + 1, if soundness { "if" } else { "when" })
        }
        Refusal::Let(at) => match rule.clauses().nth(at) {
            Some(Clause::Let(name)) => format!("`let {name}` has no value"),
            _ => "a `let` has no value".to_owned(),
        },
        Refusal::Replacement => "a part of the right side has no value".to_owned(),
        Refusal::Unchanged => "the result is the relation itself".to_owned(),
        Refusal::Phase => format!("it has no right side for {}", rule.phase()),
    };
    let clauses = evaluated(trace, rule, &first.values, &first.calls);
    let clauses = clauses.into_iter().map(|clause| (clause.text, clause.guard, clause.facts)).collect();
    RefusedText { reason, times, clauses, variables: variables(trace, rule, &first.values) }
}

fn near(trace: &Trace, rule: &Rule, nearest: &Mismatch) -> Near {
    let node = |node: &RelNode<Place>| {
        let inputs = node.inputs.iter().map(|input| format!(" ({})", line(trace, &Relation::from(*input))));
        format!("{}{}", operator(trace, node.op), inputs.collect::<String>())
    };
    let (found, name) = match &nearest.found {
        MismatchFound::Node(found) => (node(found), Some(found)),
        MismatchFound::Rel(place) => (line(trace, &Relation::from(*place)), None),
        MismatchFound::Conjunct(scalar) => (print_scalar(trace.terms(), *scalar), None),
        MismatchFound::Nothing => ("nothing".to_owned(), None),
    };
    let differs = match (nearest.cause, name) {
        (Cause::Operator, Some(found)) => format!("the operator is `{}`", found.op.name()),
        (Cause::Operator, None) => "the operator differs".to_owned(),
        (Cause::Part(at), Some(found)) => {
            let sort = Operator::of(found.op).payload().get(at).map(ToString::to_string).unwrap_or_default();
            format!("what it is given differs: its {sort}")
        }
        (Cause::Part(_), None) => "what it is given differs".to_owned(),
        (Cause::Inputs, _) => "its inputs differ".to_owned(),
        (Cause::Element, _) => "no input of the list is like that".to_owned(),
        (Cause::Operands, _) => "the scalar has other operands".to_owned(),
        (Cause::Conjunct, _) => "no conjunct of the list is like that".to_owned(),
    };
    let place = tree(trace, &Relation::from(nearest.place));
    Near { place, asks: rule.pattern_text(nearest.step).to_owned(), found, differs }
}

/// The operators that there are where the rule is tried.
fn operators(trace: &Trace, rule: &Rule) -> Details {
    let terms: &Terms = trace.terms();
    let there: BTreeSet<&'static str> = match (rule.phase(), trace.normal()) {
        // Every term that normalization met.
        (Phase::Normalize, _) | (_, None) => {
            (0..terms.len()).map(|at| terms.term(crate::term::TermId(at as u32)).op.name()).collect()
        }
        _ => trace.graph_operators().into_iter().map(|op| op.name()).collect(),
    };
    let wanted: Vec<_> = rule.root_operators().iter().map(|operator| operator.name()).collect();
    Details::Operators { wanted: wanted.join(" or "), there: there.into_iter().collect() }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { tried, matched, fired } = self.counts;
        writeln!(f, "{}: {}", self.rule.name(), self.summary())?;
        writeln!(f, "; tried on {tried}, matched {matched}, fired {fired}")?;
        if !self.caps.is_empty() {
            writeln!(f, "; caps hit: {}", self.caps.join(", "))?;
        }
        match &self.details {
            Details::Nothing => Ok(()),
            Details::Plans { with, chosen } => {
                match with {
                    Some(with) => write!(f, "\nthe cheapest plan with it\n{}", indented(with, 2))?,
                    None => writeln!(f, "\nno complete plan with it")?,
                }
                write!(f, "\nthe plan\n{}", indented(chosen, 2))
            }
            Details::Refused(refused) => refused.iter().try_for_each(|refused| {
                let times = if refused.times == 1 { "once".to_owned() } else { format!("{} times", refused.times) };
                writeln!(f, "\n{}  ; {times}", refused.reason)?;
                for (text, _, facts) in &refused.clauses {
                    writeln!(f, "  {text}")?;
                    facts.iter().try_for_each(|fact| writeln!(f, "    {fact}"))?;
                }
                writeln!(f, "  where")?;
                refused.variables.iter().try_for_each(|(name, value)| writeln!(f, "    {name} = {value}"))
            }),
            Details::Near(Near { place, asks, found, differs }) => {
                write!(f, "\nthe nearest to a match is\n{}", indented(place, 2))?;
                writeln!(f, "the pattern asks for\n  {asks}\nwhere there is\n  {found}\n{differs}")
            }
            Details::Operators { wanted, there } => {
                writeln!(f, "\nthe pattern begins with `{wanted}`; there are {}", there.join(", "))
            }
        }
    }
}
