use std::convert::Infallible;
use std::fmt::Write;

use arrow_schema::DataType;

use super::super::{
    AggregateId, ApplyForm, ColumnId, GetId, ProjectionId, RelOp, ScalarId, SortId, TermId, TermSortKey, Terms,
    UnionId, UnnestSpec, WindowId,
};
use crate::expr::{AggregateCall, DataTypeKey, Literal, Scalar, ScalarOp, SortKey};

/// The term on several lines: one operator per line, inputs indented by two.
pub fn print(terms: &Terms, term: TermId) -> String {
    let mut text = String::new();
    let mut seen = Vec::new();
    let mut stack = vec![(term, 0)];
    while let Some((term, depth)) = stack.pop() {
        let node = terms.term(term);
        if !text.is_empty() {
            text.push('\n');
        }
        (0..depth).for_each(|_| text.push_str("  "));
        text.push_str(&operator(terms, node.op, &mut seen));
        stack.extend(node.inputs.iter().rev().map(|input| (*input, depth + 1)));
    }
    text
}

/// The term on one line, inputs in parentheses.
pub fn print_line(terms: &Terms, term: TermId) -> String {
    enum Piece {
        Term { term: TermId, root: bool },
        Text(&'static str),
    }
    let mut text = String::new();
    let mut seen = Vec::new();
    let mut stack = vec![Piece::Term { term, root: true }];
    while let Some(piece) = stack.pop() {
        let (term, root) = match piece {
            Piece::Text(piece) => {
                text.push_str(piece);
                continue;
            }
            Piece::Term { term, root } => (term, root),
        };
        let node = terms.term(term);
        let line = operator(terms, node.op, &mut seen);
        let plain = matches!(node.op, RelOp::Get(_)) && !line.contains(' ');
        if !root && !plain {
            text.push('(');
            stack.push(Piece::Text(")"));
        }
        text.push_str(&line);
        let list = matches!(node.op, RelOp::JoinSet(_) | RelOp::Union(_));
        if list {
            text.push_str(" [");
            stack.push(Piece::Text("]"));
        }
        for (at, input) in node.inputs.iter().enumerate().rev() {
            stack.push(Piece::Term { term: *input, root: false });
            if !list || at > 0 {
                stack.push(Piece::Text(" "));
            }
        }
    }
    text
}

/// An operator and what it is given, without inputs. A table is printed by its reading (`t:2`).
pub fn print_operator(terms: &Terms, op: RelOp) -> String {
    operator(terms, op, &mut Vec::new())
}

fn operator(terms: &Terms, op: RelOp, seen: &mut Vec<GetId>) -> String {
    let offset_text = |offset: u64| if offset == 0 { String::new() } else { format!(" offset {offset}") };
    match op {
        RelOp::Get(get) => reading(terms, get, seen),
        RelOp::Empty(columns) => format!("empty {}", print_columns(terms, terms.columns_of(columns).iter().copied())),
        RelOp::Project(projection) => format!("project {}", print_projection(terms, projection)),
        RelOp::Filter(predicates) => format!("filter {}", print_conjunction(terms, terms.predicates(predicates))),
        RelOp::Join(kind, on) => format!("join {kind} {}", print_conjunction(terms, terms.predicates(on))),
        RelOp::JoinSet(on) => format!("join-set {}", print_conjunction(terms, terms.predicates(on))),
        RelOp::MarkJoin(mark, on) => {
            format!("mark-join {} {}", name(terms, mark), print_conjunction(terms, terms.predicates(on)))
        }
        RelOp::Apply(form, on) => {
            let column = match form {
                ApplyForm::Mark(mark) => format!(" {}", name(terms, mark)),
                ApplyForm::Scalar { value, output } => {
                    format!(" [{} := {}]", name(terms, output), name(terms, value))
                }
                _ => String::new(),
            };
            format!("apply {}{column} {}", form.name(), print_conjunction(terms, terms.predicates(on)))
        }
        RelOp::Window(window) => format!("window {}", print_window(terms, window)),
        RelOp::Unnest(spec) => format!("unnest {}", print_unnest(terms, spec)),
        RelOp::Aggregate(spec) => format!("aggregate {}", print_aggregate(terms, spec)),
        RelOp::Distinct => "distinct".to_owned(),
        RelOp::Sort(keys) => format!("sort {}", print_sort(terms, keys)),
        RelOp::Limit { offset, fetch } => {
            let fetch = fetch.map_or("all".to_owned(), |fetch| fetch.to_string());
            format!("limit {fetch}{}", offset_text(offset))
        }
        RelOp::TopK { keys, offset, fetch } => {
            format!("top-k {fetch}{} {}", offset_text(offset), print_sort(terms, keys))
        }
        RelOp::Union(union) => format!("union {}", union_text(terms, union)),
        RelOp::Extension(extension) => {
            let spec = terms.extension(extension);
            let inputs = spec.inputs.iter().map(|columns| print_columns(terms, columns.iter().copied()));
            let output = print_columns(terms, spec.output.iter().copied());
            let head = spec.extension.operator();
            format!("{head} {} {output} [{}]", quoted(spec.extension.name()), inputs.collect::<Vec<_>>().join(" "))
        }
    }
}

/// A leaf by name, and by which of its readings it is. The first one prints bare where the parser
/// would take a bare name for it.
fn reading(terms: &Terms, get: GetId, seen: &mut Vec<GetId>) -> String {
    let name = terms.get_spec(get).leaf.name();
    let earlier = terms.gets()[..get.0 as usize].iter().filter(|spec| spec.leaf.name() == name).count();
    let fresh = !seen.iter().any(|known| terms.get_spec(*known).leaf.name() == name);
    seen.push(get);
    let plain = quoted(name);
    let word = match earlier == 0 && fresh {
        true => plain,
        false if plain.starts_with('"') => quoted(&format!("{name}:{}", earlier + 1)),
        false => format!("{name}:{}", earlier + 1),
    };
    // A table may be called like an operator.
    if OPERATORS.contains(&name) { format!("get {word}") } else { word }
}

/// The words that begin a relation.
pub(super) const OPERATORS: [&str; 17] = [
    "get",
    "empty",
    "project",
    "filter",
    "join",
    "join-set",
    "aggregate",
    "distinct",
    "sort",
    "limit",
    "top-k",
    "union",
    "extension",
    "mark-join",
    "apply",
    "window",
    "unnest",
];

/// A name as texts write it: bare where it is a plain word, else in double quotes.
pub fn quoted(name: &str) -> String {
    let mut parts = name.chars();
    let starts = parts.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let plain = starts && name.chars().all(|c| c.is_alphanumeric() || "_.:#".contains(c));
    let keyword = matches!(name, "null" | "true" | "false" | "date" | "desc" | "where" | "offset" | "all" | "distinct");
    match plain && !keyword && !name.ends_with(':') {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

fn name(terms: &Terms, column: ColumnId) -> String {
    quoted(&terms.column(column).name)
}

fn named(terms: &Terms, scalar: &Scalar<ColumnId>) -> Scalar<String> {
    let named: Result<_, Infallible> = scalar.try_map(&mut |column| Ok(name(terms, *column)));
    typed_nulls(named.unwrap_or_else(|never| match never {}))
}

/// Nulls with their types, as the parser reads them: a bare `null` is of no type.
fn typed_nulls(mut scalar: Scalar<String>) -> Scalar<String> {
    match &scalar.op {
        ScalarOp::Literal(literal) if literal.is_null() && *literal.data_type() != DataType::Null => {
            let to = DataTypeKey(literal.data_type().clone());
            let null = Scalar::literal(Literal::null(&DataType::Null));
            Scalar::new(ScalarOp::Cast { to, safe: false }, [null])
        }
        _ => {
            scalar.args = scalar.args.into_iter().map(typed_nulls).collect();
            scalar
        }
    }
}

/// A scalar with column names.
pub fn print_scalar(terms: &Terms, scalar: ScalarId) -> String {
    named(terms, &terms.tree(scalar)).to_string()
}

/// Conjuncts as one scalar: `true` for none.
pub fn print_conjunction(terms: &Terms, conjuncts: &[ScalarId]) -> String {
    match conjuncts {
        [] => "true".to_owned(),
        [only] => print_scalar(terms, *only),
        many => {
            let args = many.iter().map(|conjunct| named(terms, &terms.tree(*conjunct)));
            Scalar::new(ScalarOp::And, args.collect::<Vec<_>>()).to_string()
        }
    }
}

/// Columns by name: `[a b]`.
pub fn print_columns(terms: &Terms, columns: impl IntoIterator<Item = ColumnId>) -> String {
    let names: Vec<_> = columns.into_iter().map(|column| name(terms, column)).collect();
    format!("[{}]", names.join(" "))
}

/// Computed columns: `[a b := (c + 1)]`.
pub fn print_projection(terms: &Terms, projection: ProjectionId) -> String {
    let columns = terms.projection(projection).iter().map(|(column, scalar)| {
        let kept = terms.as_column(*scalar) == Some(*column);
        let name = name(terms, *column);
        if kept { name } else { format!("{name} := {}", print_scalar(terms, *scalar)) }
    });
    format!("[{}]", columns.collect::<Vec<_>>().join(" "))
}

/// The keys and calls of an aggregate: `[a] [s := (sum b)]`.
pub fn print_aggregate(terms: &Terms, spec: AggregateId) -> String {
    let spec = terms.aggregate(spec);
    let calls = spec.aggregates.iter().map(|(column, call)| {
        let args = call.args.iter().map(|arg| named(terms, &terms.tree(*arg)));
        let call = AggregateCall {
            function: call.function.clone(),
            args: args.collect(),
            distinct: call.distinct,
            filter: call.filter.map(|filter| named(terms, &terms.tree(filter))),
        };
        format!("{} := {call}", name(terms, *column))
    });
    let calls = calls.collect::<Vec<_>>().join(" ");
    format!("{} [{calls}]", print_columns(terms, spec.group.iter().copied()))
}

/// A window: `[a] [b desc] [n := (row-number)]`.
pub fn print_window(terms: &Terms, window: WindowId) -> String {
    let spec = terms.window(window);
    let calls = spec.calls.iter().map(|(column, call)| {
        let call = terms.window_call_tree(call).try_map(&mut |column| Ok::<_, Infallible>(name(terms, *column)));
        let mut call = call.unwrap_or_else(|never| match never {});
        call.args = call.args.into_iter().map(typed_nulls).collect();
        format!("{} := {call}", name(terms, *column))
    });
    let calls = calls.collect::<Vec<_>>().join(" ");
    let keys = print_columns(terms, spec.partition_by.iter().copied());
    format!("{keys} {} [{calls}]", sort_text(terms, &spec.order_by))
}

/// How a list becomes rows: `[e := l] drop-nulls`.
pub fn print_unnest(terms: &Terms, spec: UnnestSpec) -> String {
    format!("[{} := {}] {}", name(terms, spec.element), name(terms, spec.list), spec.nulls.name())
}

/// Sort keys: `[a desc, b]`.
pub fn print_sort(terms: &Terms, keys: SortId) -> String {
    sort_text(terms, terms.sort_keys(keys))
}

fn sort_text(terms: &Terms, keys: &[TermSortKey]) -> String {
    let keys = keys.iter().map(|key| {
        let scalar = named(terms, &terms.tree(key.scalar));
        SortKey { scalar, descending: key.descending, nulls_first: key.nulls_first }.to_string()
    });
    format!("[{}]", keys.collect::<Vec<_>>().join(", "))
}

fn union_text(terms: &Terms, union: UnionId) -> String {
    let spec = terms.union_spec(union);
    let mut text = String::from("[");
    for (at, output) in spec.output.iter().enumerate() {
        let sources = print_columns(terms, spec.inputs.iter().map(|columns| columns[at]));
        let space = if at == 0 { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(text, "{space}{} := {sources}", name(terms, *output));
    }
    text + "]"
}
