//! What operators are given, as texts write it: conditions, definitions of columns, keys, calls.

use arrow_schema::DataType;

use super::datum::{Datum, DatumKind};
use super::error::{NotationError, NotationErrorKind};
use super::parser::Builder;
use super::syntax::Syntax;
use crate::expr::{ExprError, NullLists, element};
use crate::term::{
    ApplyForm, ColumnId, ColumnSet, PredicatesId, ProjectionId, SortId, TermId, TermSortKey, UnionId, UnionSpec,
    UnnestSpec, WindowId, WindowSpec,
};

impl Builder<'_> {
    pub(super) fn conjunction(&mut self, datum: &Datum, scope: &ColumnSet) -> Result<PredicatesId, NotationError> {
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

    pub(super) fn form(&mut self, payload: &[Datum], right: TermId) -> Result<ApplyForm, NotationError> {
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

    pub(super) fn window(&mut self, payload: &[Datum], scope: &ColumnSet) -> Result<WindowId, NotationError> {
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

    pub(super) fn unnest(&mut self, payload: &[Datum], scope: &ColumnSet) -> Result<UnnestSpec, NotationError> {
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

    pub(super) fn items<'b>(&self, datum: &'b Datum) -> Result<&'b [Datum], NotationError> {
        datum.list('[').ok_or_else(|| self.expected("`[..]`", datum))
    }

    pub(super) fn count(&self, datum: &Datum) -> Result<u64, NotationError> {
        datum.word().and_then(|word| word.parse().ok()).ok_or_else(|| self.expected("a number of rows", datum))
    }

    /// `name`s and `name := value`s.
    pub(super) fn definitions<'b>(
        &self,
        datum: &'b Datum,
    ) -> Result<Vec<(&'b Datum, Option<&'b Datum>)>, NotationError> {
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
    pub(super) fn define(
        &mut self,
        name: &Datum,
        data_type: DataType,
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

    pub(super) fn projection(
        &mut self,
        datum: &Datum,
        scope: &ColumnSet,
        input: TermId,
    ) -> Result<ProjectionId, NotationError> {
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

    pub(super) fn sort(&mut self, datum: &Datum, scope: &ColumnSet) -> Result<SortId, NotationError> {
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

    pub(super) fn union(&mut self, syntax: &Syntax, inputs: &[TermId]) -> Result<UnionId, NotationError> {
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
    pub(super) fn declared(&mut self, name: &str, datum: &Datum) -> Result<ColumnId, NotationError> {
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
