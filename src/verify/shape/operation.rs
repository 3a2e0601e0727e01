//! Scalars that a pattern fits.

use std::str::FromStr;

use arrow_schema::DataType;

use super::{Labelled, Maker, labelled};
use crate::expr::{DataTypeKey, Functions, Literal, ScalarOp, ScalarType, infer_op};
use crate::rules::{ExampleFunctions, ScalarOperator, Takes, Value};
use crate::term::text::{Datum, DatumKind};
use crate::term::{ColumnId, ScalarId, TermId};

/// The functions of examples of which a pattern of any function may find a call.
const FUNCTIONS: [&str; 3] = ["coalesce", "checked", "drawn"];

/// What `like` compares with.
const TEXT_PATTERNS: [&str; 6] = ["%", "a", "a%", "_", "b", ""];

impl Maker<'_> {
    /// A scalar of a type, as far as the pattern leaves that open.
    pub fn scalar(&mut self, part: Labelled<'_>, inputs: &[TermId], kind: &DataType) -> Option<ScalarId> {
        let made = self.unnamed(part.datum, inputs, kind)?;
        if let Some(label) = part.label {
            self.bind(label, Value::Scalar(made));
        }
        Some(made)
    }

    pub fn unnamed(&mut self, datum: &Datum, inputs: &[TermId], kind: &DataType) -> Option<ScalarId> {
        let scope = self.scope(inputs);
        match &datum.kind {
            DatumKind::Word(word) if word.starts_with('?') || word == "_" => {
                return self.variable(word, inputs, &scope, kind);
            }
            DatumKind::Word(word) => return self.constant_of(word, kind),
            DatumKind::Text(text) => return Some(self.terms.literal(Literal::from(text.as_str()))),
            _ => {}
        }
        // What is compared is of a column's type, mostly numbers.
        let operand = match self.dice.pick(&scope) {
            Some(column) => self.terms.column(*column).data_type.clone(),
            None => DataType::Int64,
        };
        let items = labelled(datum.list('(')?);
        if let [left, operator, right] = items.as_slice()
            && let Some(ScalarOperator::Binary(op)) = self.operator(*operator)
        {
            let kind = match op.is_comparison() {
                true => written(left.datum).or_else(|| written(right.datum)).unwrap_or(operand),
                false if kind.is_numeric() => kind.clone(),
                false => DataType::Int64,
            };
            let args = [self.scalar(*left, inputs, &kind)?, self.scalar(*right, inputs, &kind)?];
            return self.make(ScalarOp::Binary(op), args.to_vec());
        }
        let (head, rest) = items.split_first()?;
        let operator = self.operator(*head)?;
        let args = match (operator.takes(), rest) {
            (Takes::Operands(_), rest) => {
                let kind = match operator {
                    ScalarOperator::Not | ScalarOperator::IsTrue => DataType::Boolean,
                    ScalarOperator::Negate if kind.is_numeric() => kind.clone(),
                    ScalarOperator::Like { .. } => DataType::Utf8,
                    _ => operand,
                };
                let mut args = Vec::new();
                for (at, part) in rest.iter().enumerate() {
                    let pattern = at == 1 && part.datum.word().is_some_and(|word| self.bound(word).is_none());
                    args.push(match pattern && matches!(operator, ScalarOperator::Like { .. }) {
                        true => self.text_pattern(part.datum.word()?, &scope),
                        false => self.scalar(*part, inputs, &kind)?,
                    });
                }
                args
            }
            (Takes::Set, [list]) => self.operand_list(list.datum, inputs, &[DataType::Boolean])?,
            (Takes::List, [first, list]) => {
                let kind = written(first.datum).unwrap_or(operand);
                let first = self.scalar(*first, inputs, &kind)?;
                std::iter::once(first).chain(self.operand_list(list.datum, inputs, &[kind])?).collect()
            }
            (Takes::Arms { operand: with, .. }, parts) => {
                let (before, arms) = parts.split_at_checked(usize::from(with))?;
                let (arms, last) = arms.split_first()?;
                let compared = if with { operand } else { DataType::Boolean };
                let mut args = Vec::new();
                for part in before {
                    args.push(self.scalar(*part, inputs, &compared)?);
                }
                args.extend(self.operand_list(arms.datum, inputs, &[compared, kind.clone()])?);
                for part in last {
                    args.push(self.scalar(*part, inputs, kind)?);
                }
                args
            }
            (Takes::Typed, [from, to @ ..]) => return self.cast(operator, *from, to, inputs, &operand),
            (Takes::Named, [name, args @ ..]) => return self.call_like(name.datum, args, inputs, kind),
            _ => return None,
        };
        self.make(operator.op()?, args)
    }

    fn variable(&mut self, word: &str, inputs: &[TermId], scope: &[ColumnId], kind: &DataType) -> Option<ScalarId> {
        if let Some(Value::Scalar(known)) = self.bound(word) {
            return Some(known);
        }
        let scalar = match kind {
            DataType::Boolean => self.condition(inputs),
            kind if self.dice.once_in(4) => self.value(scope, kind, 1),
            kind => match self.of_type(scope, kind) {
                Some(column) => self.terms.column_scalar(column),
                None => self.value(scope, kind, 0),
            },
        };
        self.bind(word, Value::Scalar(scalar));
        Some(scalar)
    }

    fn constant_of(&mut self, word: &str, kind: &DataType) -> Option<ScalarId> {
        Some(match word {
            "true" => self.terms.literal(true),
            "false" => self.terms.literal(false),
            "null" => self.terms.literal(Literal::null(kind)),
            word if *kind == DataType::Float64 => self.terms.literal(word.parse::<f64>().ok()?),
            word => self.terms.literal(word.parse::<i64>().ok()?),
        })
    }

    /// The operator that stands in a pattern: one of several in turn, so that each comes.
    fn operator(&mut self, part: Labelled<'_>) -> Option<ScalarOperator> {
        let of_names = |names: &[Datum]| -> Vec<ScalarOperator> {
            names.iter().filter_map(|name| ScalarOperator::from_name(name.word()?)).collect()
        };
        let (label, among) = match (part.datum.list('{'), part.datum.word()) {
            (Some(names), _) => (part.label, of_names(names)),
            (None, Some(word)) => match word.split_once(':') {
                Some((name, class)) => (Some(name), ScalarOperator::class(class)?.collect()),
                None => match self.bound(word) {
                    Some(Value::ScalarOperator(known)) => return Some(known),
                    _ => (None, vec![ScalarOperator::from_name(word)?]),
                },
            },
            _ => return None,
        };
        let operator = *self.in_turn(&among)?;
        if let Some(label) = label {
            self.bind(label, Value::ScalarOperator(operator));
        }
        Some(operator)
    }

    /// The elements of a list: those of the pattern, and others where it leaves that open. An element is of as many
    /// scalars as there are types.
    fn operand_list(&mut self, datum: &Datum, inputs: &[TermId], kinds: &[DataType]) -> Option<Vec<ScalarId>> {
        let items = labelled(datum.list('[')?);
        let dots = |part: Option<&Labelled<'_>>| part.is_some_and(|part| part.datum.word() == Some(".."));
        let (before, after) = match (dots(items.first()), dots(items.last())) {
            (true, true) => (self.dice.below(2), self.dice.below(2)),
            (false, true) => (0, self.dice.below(2)),
            _ => (0, 0),
        };
        let mut elements = Vec::new();
        for _ in 0..before {
            self.any_element(inputs, kinds, &mut elements);
        }
        for item in items.iter().filter(|item| item.datum.word() != Some("..")) {
            match (kinds, item.datum.form()) {
                ([when_kind, then_kind], Some(("when", parts))) => {
                    let [when, then] = labelled(parts)[..] else { return None };
                    elements.push(self.scalar(when, inputs, when_kind)?);
                    elements.push(self.scalar(then, inputs, then_kind)?);
                }
                ([kind], _) => elements.push(self.scalar(*item, inputs, kind)?),
                _ => return None,
            }
        }
        for _ in 0..after {
            self.any_element(inputs, kinds, &mut elements);
        }
        Some(elements)
    }

    fn any_element(&mut self, inputs: &[TermId], kinds: &[DataType], elements: &mut Vec<ScalarId>) {
        let scope = self.scope(inputs);
        for kind in kinds {
            elements.push(match kind {
                DataType::Boolean => self.truth(&scope, 0),
                kind => self.value(&scope, kind, 0),
            });
        }
    }

    /// `(cast ?x Int64)`, `(cast ?x ?type)`
    fn cast(
        &mut self,
        operator: ScalarOperator,
        from: Labelled<'_>,
        to: &[Labelled<'_>],
        inputs: &[TermId],
        operand: &DataType,
    ) -> Option<ScalarId> {
        let arg = self.scalar(from, inputs, operand)?;
        let word = to.first()?.datum.word()?;
        let to = match self.bound(word) {
            Some(Value::Type(known)) => known,
            _ if word.starts_with(['?', '_']) => {
                let own = self.terms.scalar_facts(arg).data_type.clone();
                let kinds = [DataType::Int64, DataType::Float64, DataType::Int32, own];
                let kind = DataTypeKey(kinds[self.dice.below(kinds.len())].clone());
                self.bind(word, Value::Type(kind.clone()));
                kind
            }
            word_type => {
                debug_assert!(word_type.is_none(), "a type is no scalar");
                DataTypeKey(DataType::from_str(word).ok()?)
            }
        };
        let safe = operator == ScalarOperator::Cast { safe: true };
        self.make(ScalarOp::Cast { to, safe }, vec![arg])
    }

    /// A call of the function of a name, or of one of the examples' functions.
    fn call_like(
        &mut self,
        name: &Datum,
        args: &[Labelled<'_>],
        inputs: &[TermId],
        kind: &DataType,
    ) -> Option<ScalarId> {
        let function = match name.word()? {
            "_" => *self.in_turn(&FUNCTIONS)?,
            name => name,
        };
        let kind = if function == "coalesce" { kind } else { &DataType::Int64 };
        let args = match args {
            [only] if only.datum.list('[').is_some() => {
                self.operand_list(only.datum, inputs, std::slice::from_ref(kind))?
            }
            args => args.iter().map(|arg| self.scalar(*arg, inputs, kind)).collect::<Option<_>>()?,
        };
        let types: Vec<_> = args.iter().map(|arg| self.terms.scalar_facts(*arg).data_type.clone()).collect();
        let info = ExampleFunctions.function(function, &types)?;
        self.make(ScalarOp::Call(info.into()), args)
    }

    /// What `like` compares with: a constant pattern, or another text.
    fn text_pattern(&mut self, word: &str, scope: &[ColumnId]) -> ScalarId {
        let scalar = match self.dice.below(TEXT_PATTERNS.len() + 1) {
            0 => self.value(scope, &DataType::Utf8, 0),
            at => self.terms.literal(Literal::from(TEXT_PATTERNS[at - 1])),
        };
        self.bind(word, Value::Scalar(scalar));
        scalar
    }

    /// A scalar in normal form; `None` where its operands do not go together.
    pub fn make(&mut self, op: ScalarOp<ColumnId>, args: Vec<ScalarId>) -> Option<ScalarId> {
        let types: Vec<ScalarType> = args
            .iter()
            .map(|arg| {
                let facts = self.terms.scalar_facts(*arg);
                ScalarType::new(facts.data_type.clone(), facts.nullable)
            })
            .collect();
        infer_op(&op, &types, &ExampleFunctions).ok()?;
        Some(self.terms.scalar(op, args))
    }
}

/// The type of a constant that stands in a pattern.
fn written(datum: &Datum) -> Option<DataType> {
    match &datum.kind {
        DatumKind::Text(_) => Some(DataType::Utf8),
        DatumKind::Word(word) if word.contains('.') && word.parse::<f64>().is_ok() => Some(DataType::Float64),
        DatumKind::Word(word) if word.parse::<i64>().is_ok() => Some(DataType::Int64),
        DatumKind::Word(word) if matches!(word.as_str(), "true" | "false") => Some(DataType::Boolean),
        _ => None,
    }
}
