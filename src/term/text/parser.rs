use std::sync::Arc;

use arrow_schema::DataType;

use super::datum::{Datum, DatumKind};
use super::error::{NotationError, NotationErrorKind};
use super::lexer::Span;
use super::scalar::Scalars;
use super::syntax::{Syntax, split_copy, unknown_table};
use super::tables::Tables;
use crate::expr::{AggregateFunction, ExprError, Functions, JoinKind, NullLists, element};
use crate::term::{
    AggregateSpec, ApplyForm, ColumnId, ColumnSet, GetId, GetSpec, RelNode, RelOp, TermId, TermSortKey, Terms,
    UnionSpec, UnnestSpec, WindowSpec,
};

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

struct Builder<'a> {
    text: &'a str,
    terms: &'a mut Terms,
    tables: &'a Tables,
    /// Readings that the text has used so far.
    read: Vec<GetId>,
    /// The readings of the text, in written order.
    gets: Vec<GetId>,
    next_get: usize,
    /// Columns of the left sides of the applies around the place that is read.
    outer: ColumnSet,
}

impl Builder<'_> {
    fn error(&self, span: Span, kind: impl Into<NotationErrorKind>) -> NotationError {
        NotationError::new(self.text, span, kind)
    }

    fn expected(&self, expected: &str, found: &Datum) -> NotationError {
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

    fn table(&mut self, datum: &Datum) -> Result<GetId, NotationError> {
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

    fn scalars<'b>(&'b self, scope: &'b ColumnSet) -> Scalars<'b> {
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

    fn conjunction(&mut self, datum: &Datum, scope: &ColumnSet) -> Result<crate::term::PredicatesId, NotationError> {
        let condition = self.scalars(scope).condition(datum)?;
        let conjuncts: Vec<_> =
            condition.conjuncts().iter().map(|conjunct| self.terms.intern_scalar(conjunct)).collect();
        Ok(self.terms.intern_predicates(conjuncts))
    }

    /// `[name := column]`.
    fn renaming<'b>(&self, datum: &'b Datum, scope: &ColumnSet) -> Result<(&'b Datum, ColumnId), NotationError> {
        match self.definitions(datum)?.as_slice() {
            [(name, Some(column))] => Ok((name, self.scalars(scope).column(column)?)),
            _ => Err(self.expected("`[name := column]`", datum)),
        }
    }

    fn form(&mut self, payload: &[Datum], right: TermId) -> Result<ApplyForm, NotationError> {
        Ok(match payload[0].word() {
            Some("inner") => ApplyForm::Inner,
            Some("left") => ApplyForm::Left,
            Some("semi") => ApplyForm::Semi,
            Some("anti") => ApplyForm::Anti,
            Some("mark") => ApplyForm::Mark(self.define(&payload[1], DataType::Boolean, true)?),
            Some("scalar") => {
                let scope = self.terms.facts(right).outputs.clone();
                let (name, value) = self.renaming(&payload[1], &scope)?;
                let kind = self.terms.column(value).data_type.clone();
                ApplyForm::Scalar { value, output: self.define(name, kind, true)? }
            }
            _ => {
                let expected = "a kind of apply (inner, left, semi, anti, mark, scalar)";
                return Err(self.expected(expected, &payload[0]));
            }
        })
    }

    fn window(&mut self, payload: &[Datum], scope: &ColumnSet) -> Result<crate::term::WindowId, NotationError> {
        let keys = self.items(&payload[0])?.iter().map(|key| self.scalars(scope).column(key));
        let partition_by = keys.collect::<Result<Vec<_>, _>>()?;
        let order_by = self.sort(&payload[1], scope)?;
        let order_by = self.terms.sort_keys(order_by).to_vec();
        let mut calls = Vec::new();
        for (name, value) in self.definitions(&payload[2])? {
            let Some(value) = value else { return Err(self.expected("`name := (function ..)`", name)) };
            let (call, kind) = self.scalars(scope).window_call(value)?;
            let column = self.define(name, kind.data_type, kind.nullable)?;
            calls.push((column, self.terms.intern_window_call(&call)));
        }
        Ok(self.terms.intern_window(WindowSpec { partition_by, order_by, calls }))
    }

    fn unnest(&mut self, payload: &[Datum], scope: &ColumnSet) -> Result<UnnestSpec, NotationError> {
        let (name, list) = self.renaming(&payload[0], scope)?;
        let found = self.terms.column(list).data_type.clone();
        let Some(item) = element(&found) else {
            let column = self.terms.column(list).name.to_string();
            return Err(self.error(payload[0].span, ExprError::NotAList { column, found }));
        };
        let nulls = [NullLists::Preserve, NullLists::Drop].into_iter();
        let nulls = nulls.into_iter().find(|nulls| payload[1].word() == Some(nulls.name()));
        let nulls = nulls.ok_or_else(|| self.expected("`preserve-nulls` or `drop-nulls`", &payload[1]))?;
        Ok(UnnestSpec { list, element: self.define(name, item.data_type().clone(), true)?, nulls })
    }

    fn items<'b>(&self, datum: &'b Datum) -> Result<&'b [Datum], NotationError> {
        datum.list('[').ok_or_else(|| self.expected("`[..]`", datum))
    }

    fn count(&self, datum: &Datum) -> Result<u64, NotationError> {
        datum.word().and_then(|word| word.parse().ok()).ok_or_else(|| self.expected("a number of rows", datum))
    }

    /// `name`s and `name := value`s.
    fn definitions<'b>(&self, datum: &'b Datum) -> Result<Vec<(&'b Datum, Option<&'b Datum>)>, NotationError> {
        let mut definitions = Vec::new();
        let mut rest = self.items(datum)?;
        while let Some((name, more)) = rest.split_first() {
            if more.first().and_then(Datum::word) == Some(":=") {
                let value = more.get(1).ok_or_else(|| self.expected("a value after `:=`", &more[0]))?;
                definitions.push((name, Some(value)));
                rest = &more[2..];
            } else {
                definitions.push((name, None));
                rest = more;
            }
        }
        Ok(definitions)
    }

    /// The column of a definition: the one that has this name, or a new one.
    fn define(
        &mut self,
        name: &Datum,
        data_type: arrow_schema::DataType,
        nullable: bool,
    ) -> Result<ColumnId, NotationError> {
        let (DatumKind::Word(text) | DatumKind::Quoted(text)) = &name.kind else {
            return Err(self.expected("a column's name", name));
        };
        match self.terms.column_named(text) {
            Some(column) if self.terms.column(column).data_type == data_type => Ok(column),
            Some(_) => Err(self.error(name.span, NotationErrorKind::OtherColumn(text.clone()))),
            None => Ok(self.terms.add_column(text, data_type, nullable)),
        }
    }

    fn projection(
        &mut self,
        datum: &Datum,
        scope: &ColumnSet,
        input: TermId,
    ) -> Result<crate::term::ProjectionId, NotationError> {
        let mut columns = Vec::new();
        for (name, value) in self.definitions(datum)? {
            let Some(value) = value else {
                let column = self.scalars(scope).column(name)?;
                columns.push((column, self.terms.column_scalar(column)));
                continue;
            };
            let (scalar, kind) = self.scalars(scope).scalar(value)?;
            let scalar = self.terms.intern_scalar(&scalar);
            let nullable = !self.terms.never_null(scalar, &self.terms.facts(input).not_null);
            columns.push((self.define(name, kind.data_type, nullable)?, scalar));
        }
        Ok(self.terms.intern_projection(columns))
    }

    fn sort(&mut self, datum: &Datum, scope: &ColumnSet) -> Result<crate::term::SortId, NotationError> {
        let mut keys = Vec::new();
        let mut rest = self.items(datum)?;
        while let Some((key, more)) = rest.split_first() {
            let (scalar, _) = self.scalars(scope).scalar(key)?;
            rest = more;
            let mut take = |word: &str| {
                let taken = rest.first().and_then(Datum::word) == Some(word);
                rest = &rest[usize::from(taken)..];
                taken
            };
            let descending = take("desc");
            let nulls_first = match (take("nulls-first"), take("nulls-last")) {
                (false, false) => descending,
                (first, _) => first,
            };
            keys.push(TermSortKey { scalar: self.terms.intern_scalar(&scalar), descending, nulls_first });
        }
        Ok(self.terms.intern_sort(keys))
    }

    fn union(&mut self, syntax: &Syntax, inputs: &[TermId]) -> Result<crate::term::UnionId, NotationError> {
        let mut spec = UnionSpec { output: Vec::new(), inputs: vec![Vec::new(); inputs.len()] };
        for (name, sources) in self.definitions(&syntax.payload[0])? {
            let sources = match sources {
                Some(sources) => self.items(sources)?,
                None => return Err(self.expected("`name := [column ..]`", name)),
            };
            if sources.len() != inputs.len() || inputs.is_empty() {
                let found = NotationErrorKind::Expected {
                    expected: format!("one column of each of the {} inputs", inputs.len()),
                    found: sources.len().to_string(),
                };
                return Err(self.error(name.span, found));
            }
            let mut columns = Vec::new();
            for (source, input) in sources.iter().zip(inputs) {
                columns.push(self.scalars(&self.terms.facts(*input).outputs).column(source)?);
            }
            let data_type = self.terms.column(columns[0]).data_type.clone();
            for (at, column) in columns.iter().enumerate() {
                let found = &self.terms.column(*column).data_type;
                if *found != data_type {
                    let (found, expected) = (found.to_string(), data_type.to_string());
                    return Err(self.error(sources[at].span, ExprError::UnionMismatch { input: at, found, expected }));
                }
            }
            let nullable = columns.iter().any(|column| self.terms.column(*column).nullable);
            spec.output.push(self.define(name, data_type, nullable)?);
            spec.inputs.iter_mut().zip(columns).for_each(|(list, column)| list.push(column));
        }
        Ok(self.terms.intern_union(spec))
    }

    /// A column that exists, or that a declared table will have when it is first read.
    fn declared(&mut self, name: &str, datum: &Datum) -> Result<ColumnId, NotationError> {
        if let Some(column) = self.terms.column_named(name) {
            return Ok(column);
        }
        let table = self.tables.names().find(|table| {
            let leaf = self.tables.get(table);
            leaf.is_some_and(|leaf| leaf.schema().fields().iter().any(|field| field.name() == name))
        });
        match table.map(str::to_owned) {
            Some(table) => {
                let datum = Datum { kind: DatumKind::Word(table), span: datum.span };
                self.table(&datum)?;
                self.declared(name, &datum)
            }
            None => {
                let names: Vec<_> = self.terms.columns().iter().map(|column| column.name.clone()).collect();
                Err(self.error(datum.span, ExprError::unknown_column(name, names.iter().map(|name| &**name))))
            }
        }
    }
}
