//! What a trace holds, as texts: relations, values, and the facts that guards asked for.

use serde_json::{Value as Json, json};

use super::tree::indent;
use crate::expr::JoinKind;
use crate::optimize::trace::{Call, Relation, Trace};
use crate::optimize::{Movement, Place};
use crate::rules::{Clause, Rule, Value, print_required};
use crate::term::text::{
    print_aggregate, print_columns, print_conjunction, print_operator, print_projection, print_scalar, print_sort,
    print_unnest, print_window, quoted,
};
use crate::term::{RelOp, Side};

/// Relations within a line are cut after so many characters.
const LINE: usize = 100;

/// A relation, one operator per line.
pub(super) fn tree(trace: &Trace, relation: &Relation) -> String {
    let operators = trace.operators(relation);
    let lines = operators.iter().map(|(depth, op)| format!("{}{}", indent(*depth), operator(trace, *op)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A relation on one line, cut where it is long.
pub(super) fn line(trace: &Trace, relation: &Relation) -> String {
    let mut text = String::new();
    let mut open = 0;
    for (depth, op) in trace.operators(relation) {
        while open >= depth && open > 0 {
            text.push(')');
            open -= 1;
        }
        if depth > 0 {
            text.push_str(" (");
            open += 1;
        }
        text.push_str(&operator(trace, op));
        if text.chars().count() > LINE {
            return format!("{}..", text.chars().take(LINE).collect::<String>());
        }
    }
    (0..open).for_each(|_| text.push(')'));
    text
}

pub(super) fn operator(trace: &Trace, op: RelOp) -> String {
    print_operator(trace.terms(), op)
}

/// A value of a rule's variable, or of a function.
pub(super) fn value<R>(trace: &Trace, value: &Value<R>, rel: &impl Fn(&R) -> String) -> String {
    let terms = trace.terms();
    let number = |count: &Option<u64>| count.map_or("all".to_owned(), |count| count.to_string());
    match value {
        Value::Unbound => "nothing".to_owned(),
        Value::Rel(id) => rel(id),
        Value::Rels(ids) => {
            format!("[{}]", ids.iter().map(|id| format!("({})", rel(id))).collect::<Vec<_>>().join(" "))
        }
        Value::Predicates(id) => print_conjunction(terms, terms.predicates(*id)),
        Value::Scalar(id) => print_scalar(terms, *id),
        Value::Columns(columns) => print_columns(terms, columns.iter()),
        Value::ColumnList(id) => print_columns(terms, terms.columns_of(*id).iter().copied()),
        Value::Keys(id) => {
            let keys = terms.keys(*id).iter();
            let keys = keys.map(|(a, b)| format!("({} = {})", print_scalar(terms, *a), print_scalar(terms, *b)));
            format!("[{}]", keys.collect::<Vec<_>>().join(" "))
        }
        Value::Projection(id) => print_projection(terms, *id),
        Value::Aggregates(id) => print_aggregate(terms, *id),
        Value::SortKeys(id) => print_sort(terms, *id),
        Value::Union(id) => print_operator(terms, RelOp::Union(*id)),
        Value::Kind(kind) => JoinKind::name(*kind).to_owned(),
        Value::Count(count) => number(count),
        Value::Get(id) => quoted(terms.get_spec(*id).leaf.name()),
        Value::Column(column) => quoted(&terms.column(*column).name),
        Value::Window(id) => print_window(terms, *id),
        Value::Unnest(spec) => print_unnest(terms, *spec),
        Value::Apply(form) => form.name().to_owned(),
        Value::Extension(id) => quoted(terms.extension(*id).extension.name()),
        Value::Bool(value) => value.to_string(),
        Value::Required(required) => print_required(terms, *required),
        Value::Side(Side::Left) => "build-left".to_owned(),
        Value::Side(Side::Right) => "build-right".to_owned(),
        Value::Phase(phase) => phase.to_string(),
        Value::Operator(operator) => operator.name().to_owned(),
        Value::ScalarOperator(operator) => operator.to_string(),
        Value::Type(data_type) => data_type.0.to_string(),
    }
}

/// As [`value`], where relations are places of the trace.
pub(super) fn placed(trace: &Trace, of: &Value<Place>) -> String {
    value(trace, of, &|place| line(trace, &Relation::from(*place)))
}

/// A call and what it gave: `(uses (x = 1)) = [x]`.
pub(super) fn call(trace: &Trace, call: &Call) -> String {
    let args: String = call.args.iter().map(|arg| format!(" {}", argument(placed(trace, arg)))).collect();
    let gives =
        call.gives.as_ref().map_or("no value".to_owned(), |gives| value(trace, gives, &|never| match *never {}));
    format!("({}{args}) = {gives}", call.function)
}

/// What has a blank in it stands in parentheses, unless it has brackets of its own.
fn argument(text: String) -> String {
    let bracketed = text.starts_with(['(', '[', '"']);
    if text.contains(' ') && !bracketed { format!("({text})") } else { text }
}

/// A clause of a rule as it was evaluated: what it says, and the facts that it asked for.
pub(super) struct Evaluated {
    /// `if (..)`, `when (..)`, `let ?x = value`, or `replace`.
    pub text: String,
    /// The calls.
    pub facts: Vec<String>,
    /// Whether it is a guard.
    pub guard: bool,
}

/// The clauses of a rule that were evaluated, in order, with the calls of each.
pub(super) fn evaluated(trace: &Trace, rule: &Rule, values: &[Value<Place>], calls: &[Call]) -> Vec<Evaluated> {
    let last = calls.iter().map(|call| call.clause).max();
    let clauses = rule.clauses().enumerate().map(|(at, clause)| {
        let mut facts: Vec<String> = Vec::new();
        for fact in calls.iter().filter(|call| call.clause == at).map(|asked| call(trace, asked)) {
            if !facts.contains(&fact) {
                facts.push(fact);
            }
        }
        let (text, guard) = match clause {
            Clause::Let(name) => {
                let slot = rule.variables().iter().position(|variable| variable == name);
                let value = slot.and_then(|slot| values.get(slot)).map(|value| placed(trace, value));
                (format!("let {name} = {}", value.unwrap_or_else(|| "nothing".to_owned())), false)
            }
            Clause::Guard { text, soundness, .. } => {
                (format!("{} {}", if soundness { "if" } else { "when" }, one_line(text)), true)
            }
        };
        (at, Evaluated { text, facts, guard })
    });
    let reached = |at: usize, clause: &Evaluated| !clause.facts.is_empty() || last.is_some_and(|last| at < last);
    clauses.filter(|(at, clause)| reached(*at, clause)).map(|(_, clause)| clause).collect()
}

pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The variables that a rule's author wrote and that have values, without the whole match.
pub(super) fn variables(trace: &Trace, rule: &Rule, values: &[Value<Place>]) -> Vec<(String, String)> {
    let named = rule.variables().iter().zip(values).skip(1);
    let bound = named.filter(|(name, value)| !name.is_empty() && **value != Value::Unbound);
    bound.map(|(name, value)| (name.clone(), placed(trace, value))).collect()
}

/// A movement of rows in texts.
pub(super) fn movement(movement: Movement) -> &'static str {
    match movement {
        Movement::Gather => "exchange single",
        Movement::Shuffle => "exchange hashed",
        Movement::Broadcast => "exchange replicated",
    }
}

pub(super) fn facts_json(clauses: &[Evaluated]) -> Json {
    clauses.iter().map(|clause| json!({"clause": clause.text, "guard": clause.guard, "facts": clause.facts})).collect()
}

/// Every line of a text, further to the right.
pub(super) fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{:by$}{line}\n", "")).collect()
}
