use std::sync::Arc;

use arrow_schema::DataType;

use super::datum::{Datum, DatumKind};
use super::error::{NotationError, NotationErrorKind};
use super::lexer::Span;
use super::scalar::Scalars;
use super::syntax::{Syntax, split_copy, unknown_table};
use super::tables::Tables;
use crate::expr::{AggregateFunction, ExprError, Functions, JoinKind};
use crate::term::{AggregateSpec, ColumnSet, GetId, GetSpec, RelNode, RelOp, TermId, Terms};

/// The term that a text describes, in a new arena.
///
/// # Errors
/// When the text is not a relation over the tables: see [`NotationErrorKind`].
///
/// ```
/// use std::sync::Arc;
/// use leafhold::expr::CoreFunctions;
/// use leafhold::term::text::{parse, print, Tables};
///
/// let (terms, term) = parse("filter (a = 1) (join left (a = x) t u)", Tables::examples(), Arc::new(CoreFunctions)).unwrap();
/// assert_eq!(print(&terms, term), "filter (a = 1)\n  join left (a = x)\n    t\n    u");
/// ```
pub fn parse(text: &str, tables: &Tables, functions: Arc<dyn Functions>) -> Result<(Terms, TermId), NotationError> {
    let mut terms = Terms::new(functions);
    let term = parse_into(&mut terms, text, tables)?;
    Ok((terms, term))
}

/// The term that a text describes, in an arena that may hold others: readings of tables and columns
/// that exist under their names are taken, not made again.
///
/// # Errors
/// As [`parse`].
pub fn parse_into(terms: &mut Terms, text: &str, tables: &Tables) -> Result<TermId, NotationError> {
    let syntax = Syntax::read(text, tables)?;
    let mut builder =
        Builder { text, terms, tables, read: Vec::new(), gets: Vec::new(), next_get: 0, outer: ColumnSet::new() };
    builder.read_tables(&syntax)?;
    builder.relation(&syntax)
}

/// Builds the term of a text.
pub(super) struct Builder<'a> {
    pub(super) text: &'a str,
    pub(super) terms: &'a mut Terms,
    pub(super) tables: &'a Tables,
    /// Readings that the text has used so far.
    read: Vec<GetId>,
    /// The readings of the text, in written order.
    gets: Vec<GetId>,
    next_get: usize,
    /// Columns of the left sides of the applies around the place that is read.
    outer: ColumnSet,
}

impl Builder<'_> {
    pub(super) fn error(&self, span: Span, kind: impl Into<NotationErrorKind>) -> NotationError {
        NotationError::new(self.text, span, kind)
    }

    pub(super) fn expected(&self, expected: &str, found: &Datum) -> NotationError {
        let kind = NotationErrorKind::Expected { expected: expected.to_owned(), found: found.describe() };
        self.error(found.span, kind)
    }

    /// Reads all tables before any column is computed, so that their columns get the plain names.
    fn read_tables(&mut self, syntax: &Syntax) -> Result<(), NotationError> {
        if syntax.op == "get" {
            let get = self.table(&syntax.payload[0])?;
            self.gets.push(get);
        }
        syntax.inputs.iter().try_for_each(|input| self.read_tables(input))
    }

    pub(super) fn table(&mut self, datum: &Datum) -> Result<GetId, NotationError> {
        let (DatumKind::Word(word) | DatumKind::Quoted(word)) = &datum.kind else {
            return Err(self.expected("a table", datum));
        };
        let (name, copy) = split_copy(word);
        let Some(leaf) = self.tables.get(name) else {
            return Err(self.error(datum.span, unknown_table(name, self.tables, &[])));
        };
        let of_table = |terms: &Terms| -> Vec<GetId> {
            let gets = terms.gets().iter().enumerate().filter(|(_, spec)| spec.leaf.name() == name);
            gets.map(|(at, _)| GetId(at as u32)).collect()
        };
        let known = of_table(self.terms);
        // A bare name is the first reading that this text has not used.
        let wanted = copy
            .map(|copy| copy - 1)
            .unwrap_or_else(|| known.iter().position(|get| !self.read.contains(get)).unwrap_or(known.len()));
        while of_table(self.terms).len() <= wanted {
            let leaf = leaf.clone();
            let same = self.terms.gets().iter().find(|spec| spec.leaf.name() == name).map(|spec| spec.index);
            let next = self.terms.gets().iter().map(|spec| spec.index + 1).max().unwrap_or(0);
            let fields: Vec<_> = leaf.schema().fields().iter().cloned().collect();
            let columns = fields
                .iter()
                .map(|field| self.terms.add_column(field.name(), field.data_type().clone(), field.is_nullable()))
                .collect();
            self.terms.add_get(GetSpec { leaf, index: same.unwrap_or(next), columns });
        }
        let get = of_table(self.terms)[wanted];
        self.read.push(get);
        Ok(get)
    }

    pub(super) fn scalars<'b>(&'b self, scope: &'b ColumnSet) -> Scalars<'b> {
        Scalars { text: self.text, terms: self.terms, scope }
    }

    fn relation(&mut self, syntax: &Syntax) -> Result<TermId, NotationError> {
        let mut inputs = Vec::with_capacity(syntax.inputs.len());
        for (at, input) in syntax.inputs.iter().enumerate() {
            let outer = self.outer.clone();
            if at == 1 && syntax.op == "apply" {
                self.outer.extend(&self.terms.facts(inputs[0]).outputs);
            }
            inputs.push(self.relation(input)?);
            self.outer = outer;
        }
        let mut scope = self.outer.clone();
        inputs.iter().for_each(|input| scope.extend(&self.terms.facts(*input).outputs));
        let payload = &syntax.payload;
        let op = match syntax.op.as_str() {
            "get" => {
                self.next_get += 1;
                RelOp::Get(self.gets[self.next_get - 1])
            }
            "empty" => {
                let mut columns = Vec::new();
                for item in self.items(&payload[0])? {
                    let (DatumKind::Word(name) | DatumKind::Quoted(name)) = &item.kind else {
                        return Err(self.expected("a column", item));
                    };
                    // An empty relation has the columns of what it stands for; a table of the
                    // declared ones tells their types.
                    columns.push(self.declared(name, item)?);
                }
                // Outputs are sets: one order stands for all.
                columns.sort();
                RelOp::Empty(self.terms.intern_columns(columns))
            }
            "project" => RelOp::Project(self.projection(&payload[0], &scope, inputs[0])?),
            "filter" => {
                let condition = self.scalars(&scope).condition(&payload[0])?;
                let conjuncts: Vec<_> =
                    condition.conjuncts().iter().map(|conjunct| self.terms.intern_scalar(conjunct)).collect();
                return Ok(self.terms.filter(inputs[0], conjuncts));
            }
            "join" | "join-set" => {
                let on = payload.last().unwrap_or(&payload[0]);
                let condition = self.scalars(&scope).condition(on)?;
                let conjuncts: Vec<_> =
                    condition.conjuncts().iter().map(|conjunct| self.terms.intern_scalar(conjunct)).collect();
                if syntax.op == "join-set" {
                    if inputs.is_empty() {
                        let expected = "one or more inputs";
                        return Err(self.error(syntax.span, ExprError::Inputs { operator: "join-set", expected }));
                    }
                    return Ok(self.terms.join_set(inputs, conjuncts));
                }
                let kind = payload[0].word().and_then(JoinKind::from_name).ok_or_else(|| {
                    let kinds = JoinKind::ALL.map(JoinKind::name).join(", ");
                    self.expected(&format!("a kind of join ({kinds})"), &payload[0])
                })?;
                RelOp::Join(kind, self.terms.intern_predicates(conjuncts))
            }
            "aggregate" => {
                let scalars = self.scalars(&scope);
                let group = self.items(&payload[0])?.iter().map(|key| scalars.column(key));
                let group = group.collect::<Result<Vec<_>, _>>()?;
                let mut aggregates = Vec::new();
                for (name, value) in self.definitions(&payload[1])? {
                    let Some(value) = value else { return Err(self.expected("`name := (function ..)`", name)) };
                    let (call, data_type) = self.scalars(&scope).call(value)?;
                    let nullable = call.function != AggregateFunction::Count;
                    let column = self.define(name, data_type, nullable)?;
                    aggregates.push((column, self.terms.intern_call(&call)));
                }
                RelOp::Aggregate(self.terms.intern_aggregate(AggregateSpec { group, aggregates }))
            }
            "mark-join" => {
                let on = self.conjunction(&payload[1], &scope)?;
                RelOp::MarkJoin(self.define(&payload[0], DataType::Boolean, true)?, on)
            }
            "apply" => {
                let on = self.conjunction(&payload[payload.len() - 1], &scope)?;
                RelOp::Apply(self.form(payload, inputs[1])?, on)
            }
            "window" => RelOp::Window(self.window(payload, &scope)?),
            "unnest" => RelOp::Unnest(self.unnest(payload, &scope)?),
            "distinct" => RelOp::Distinct,
            "sort" => RelOp::Sort(self.sort(&payload[0], &scope)?),
            "limit" => {
                let fetch = match payload[0].word() {
                    Some("all") => None,
                    _ => Some(self.count(&payload[0])?),
                };
                RelOp::Limit { offset: payload.get(1).map_or(Ok(0), |offset| self.count(offset))?, fetch }
            }
            "top-k" => RelOp::TopK {
                keys: self.sort(&payload[0], &scope)?,
                fetch: self.count(&payload[1])?,
                offset: payload.get(2).map_or(Ok(0), |offset| self.count(offset))?,
            },
            _ => RelOp::Union(self.union(syntax, &inputs)?),
        };
        Ok(self.terms.add(RelNode::new(op, inputs)))
    }
}
