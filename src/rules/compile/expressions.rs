use super::super::error::{Named, RuleErrorKind};
use super::super::expression::Expression;
use super::super::value::{Sort, Value};
use super::scalar_patterns::constant as scalar_constant;
use super::scope::{Compiler, ListOf, between_dots};
use crate::expr::JoinKind;
use crate::term::text::Datum;
use crate::term::{AggregatePhase, Required, Side};

impl Compiler<'_> {
    /// A computed part, and its sort. With `expected`, another sort is an error.
    pub fn expression(&mut self, datum: &Datum, expected: Option<Sort>) -> Option<(Expression, Sort)> {
        let (expression, sort) = self.any_expression(datum, expected)?;
        match expected.filter(|expected| *expected != sort) {
            None => Some((expression, sort)),
            Some(expected) => {
                self.error(datum.span, RuleErrorKind::Sort { what: datum.describe(), expected, found: sort });
                None
            }
        }
    }

    fn any_expression(&mut self, datum: &Datum, expected: Option<Sort>) -> Option<(Expression, Sort)> {
        if let Some(word) = datum.word() {
            if word.starts_with('?') {
                // A variable of unknown sort had an error where it was made.
                let (slot, sort) = self.bound(datum)?;
                return Some((Expression::Slot(slot), sort?));
            }
            if expected == Some(Sort::Scalar)
                && let Some(constant) = scalar_constant(datum)
            {
                return Some((Expression::Literal(constant.literal()), Sort::Scalar));
            }
            let constant = constant(word, expected);
            if constant.is_none() && expected == Some(Sort::Kind) {
                self.unknown(datum.span, Named::Word("kind of join"), word, JoinKind::ALL.map(JoinKind::name));
            } else if constant.is_none() {
                self.expected("a variable, a number, or `(function ..)`", datum);
            }
            return constant.map(|(value, sort)| (Expression::Constant(value), sort));
        }
        if let Some(elements) = between_dots(datum) {
            let list = self.matched_list(datum, ListOf::Predicates)?;
            return self.around(list, &elements).map(|around| (Expression::Around(around), Sort::Predicates));
        }
        if let Some(scalar) = self.scalar_expression(datum) {
            return scalar.map(|expression| (expression, Sort::Scalar));
        }
        let Some((name, args)) = datum.form() else {
            self.expected("a variable, a number, or `(function ..)`", datum);
            return None;
        };
        if name.starts_with('?') {
            // An operator that is not bound had an error in the pattern.
            if !self.incomplete {
                self.expected("`(function ..)`, or a scalar such as `(?x = ?y)`", datum);
            }
            return None;
        }
        if matches!(name, "and" | "or" | "not") && self.is_scalar(expected, args) {
            return self.connective(datum, name, args).map(|expression| (expression, Sort::Scalar));
        }
        match (name, args) {
            ("and" | "or", parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.expression(part, Some(Sort::Bool))).collect();
                let parts = parts.into_iter().map(|part| Some(part?.0)).collect::<Option<Vec<_>>>()?;
                let expression = if name == "and" { Expression::And(parts) } else { Expression::Or(parts) };
                Some((expression, Sort::Bool))
            }
            ("not", [part]) => {
                Some((Expression::Not(Box::new(self.expression(part, Some(Sort::Bool))?.0)), Sort::Bool))
            }
            ("hashed-by", [list]) => {
                let list = self.expression(list, Some(Sort::ColumnList))?.0;
                Some((Expression::HashedBy(Box::new(list)), Sort::Required))
            }
            ("place", []) => {
                let list = self.matched_list(datum, ListOf::Rels)?;
                Some((Expression::Slot(list.places[0]), Sort::Count))
            }
            ("place", [item]) => {
                let (_, sort) = self.bound(item)?;
                let name = item.word()?;
                match self.find(&place_name(name)) {
                    Some((slot, _)) => Some((Expression::Slot(slot), Sort::Count)),
                    None => {
                        let what =
                            format!("{} (sort {})", item.describe(), sort.map_or("unknown".into(), |s| s.to_string()));
                        let kind =
                            RuleErrorKind::Expected { expected: "the variable of an `each`".into(), found: what };
                        self.error(item.span, kind);
                        None
                    }
                }
            }
            ("not" | "hashed-by" | "place", args) => {
                self.arity(datum.span, name, "one part", args.len());
                None
            }
            _ => self.call(datum, name, args),
        }
    }

    fn call(&mut self, datum: &Datum, name: &str, args: &[Datum]) -> Option<(Expression, Sort)> {
        let registry = self.registry;
        let known: Vec<_> = registry.named(name).collect();
        if known.is_empty() {
            let names = registry.functions().map(|function| function.name);
            self.unknown(datum.span, Named::Function, name, names.chain(["and", "or", "not", "hashed-by", "place"]));
            return None;
        }
        // All arguments are looked at, so that each one's errors are found.
        let typed: Vec<_> = args.iter().map(|arg| self.expression(arg, None)).collect();
        let typed: Vec<_> = typed.into_iter().collect::<Option<_>>()?;
        let (args, sorts): (Vec<_>, Vec<Sort>) = typed.into_iter().unzip();
        match known.iter().find(|function| function.args == sorts) {
            Some(function) => Some((Expression::Call(function.name, function.body, args), function.gives)),
            None => {
                let found = sorts.iter().map(Sort::to_string).collect::<Vec<_>>().join(" ");
                let known = known.iter().map(|function| function.to_string()).collect();
                self.error(datum.span, RuleErrorKind::Arguments { name: name.to_owned(), found, known });
                None
            }
        }
    }
}

/// The variable that holds the position of an `each`'s element; no rule can write its name.
pub(super) fn place_name(item: &str) -> String {
    format!("{item} place")
}

fn constant(word: &str, expected: Option<Sort>) -> Option<(Value<super::super::value::Never>, Sort)> {
    let phase = |phase| (Value::Phase(phase), Sort::Phase);
    let required = |required| (Value::Required(required), Sort::Required);
    let side = |side| (Value::Side(side), Sort::Side);
    Some(match word {
        "true" => (Value::Bool(true), Sort::Bool),
        "false" => (Value::Bool(false), Sort::Bool),
        "all" => (Value::Count(None), Sort::Count),
        "single" if expected == Some(Sort::Phase) => phase(AggregatePhase::Single),
        "partial" => phase(AggregatePhase::Partial),
        "final" => phase(AggregatePhase::Final),
        "any" => required(Required::Any),
        "single" => required(Required::Single),
        "replicated" => required(Required::Replicated),
        "build-left" => side(Side::Left),
        "build-right" => side(Side::Right),
        word => match (JoinKind::from_name(word), word.parse().ok()) {
            (Some(kind), _) => (Value::Kind(kind), Sort::Kind),
            (_, Some(number)) => (Value::Count(Some(number)), Sort::Count),
            _ => return None,
        },
    })
}
