use super::counterexample::rows;
use super::draws::{distribution, with_functions};
use super::fill::Filling;
use crate::expr::Semantics;
use crate::rules::{Keeps, Phase, Rule};
use crate::term::interpret::{Equivalence, EvalError, Relation, Row, Tables, Verdict, interpret, is_sorted, preserves};
use crate::term::{RelOp, SortId, TermId, Terms, is_volatile, reads};

/// A term and what is said to mean the same.
pub(super) struct Pair<'a> {
    pub terms: &'a Terms,
    pub before: TermId,
    pub after: TermId,
    pub keeps: Keeps,
    /// The order that the term before promises, beside what `keeps` says.
    sorted: Option<SortId>,
    volatile: bool,
    /// Whether each stands for the other: then errors may not go, either.
    mutual: bool,
}

/// What a comparison tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Same,
    /// Not followed: too many draws of volatile functions.
    Skipped,
    /// Results that differ.
    Different,
    /// Results of one distribution are needed, and these have two.
    OtherDistribution,
    /// The interpreter cannot tell.
    Unknown(EvalError),
}

impl Outcome {
    /// Whether it is a counterexample.
    pub fn refutes(&self) -> bool {
        matches!(self, Outcome::Different | Outcome::OtherDistribution)
    }
}

impl<'a> Pair<'a> {
    pub fn new(terms: &'a Terms, before: TermId, after: TermId, keeps: Keeps) -> Self {
        let volatile = [before, after].into_iter().any(|root| is_volatile(terms, root));
        let sorted = (keeps == Keeps::Bag).then(|| promised_order(terms, before)).flatten();
        Pair { terms, before, after, keeps, sorted, volatile, mutual: false }
    }

    /// A term and what a rule makes of it. What a rule of `explore` finds equal is one class, of which any may be
    /// taken for any other.
    pub fn of_rule(rule: &Rule, terms: &'a Terms, before: TermId, after: TermId) -> Self {
        Pair { mutual: rule.phase() == Phase::Explore, ..Pair::new(terms, before, after, rule.keeps()) }
    }

    /// What both terms give over a filling, as texts: for volatile ones each result and how often it comes.
    pub fn shown(&self, filling: &Filling, semantics: &Semantics) -> [String; 2] {
        [self.before, self.after].map(|term| {
            let run = |tables: &Tables| interpret(self.terms, term, semantics, tables);
            if self.volatile
                && let Some(results) = distribution(&filling.tables(), run, |relation| self.form(relation))
            {
                let all: u64 = results.values().sum();
                let mut columns: Vec<_> = self.terms.facts(term).outputs.iter().collect();
                columns.sort();
                let shown = results.into_iter().map(|(result, times)| {
                    let relation = Relation { columns: columns.clone(), rows: result };
                    format!("in {times} of {all} draws\n{}", rows(self.terms, &relation))
                });
                return shown.collect();
            }
            match run(&with_functions(filling.tables())) {
                Ok(relation) => rows(self.terms, &relation),
                Err(error) => format!("  error: {error}\n"),
            }
        })
    }

    /// Compares both terms over a filling.
    pub fn compare(&self, filling: &Filling, semantics: &Semantics) -> Outcome {
        if self.volatile {
            return self.compare_distributions(filling, semantics);
        }
        let tables = with_functions(filling.tables());
        let results = [self.before, self.after].map(|term| interpret(self.terms, term, semantics, &tables));
        let all = match self.keeps {
            Keeps::OneOf => self.unlimited(semantics, &tables),
            _ => None,
        };
        let equivalence = match (self.keeps, &all) {
            (Keeps::OneOf, Some(all)) => Equivalence::OneOf(all),
            (Keeps::Bag | Keeps::OneOf, _) => Equivalence::Bag,
            (Keeps::Ordered | Keeps::Value, _) => Equivalence::Ordered,
            (Keeps::Set, _) => Equivalence::Set,
        };
        if let (Some(keys), Ok(before), Ok(after)) = (self.sorted, &results[0], &results[1])
            && matches!(is_sorted(self.terms, before, keys, semantics, &tables), Ok(true))
            && matches!(is_sorted(self.terms, after, keys, semantics, &tables), Ok(false))
        {
            return Outcome::Different;
        }
        match &results {
            // What has a meaning became what has none, such as a term that reads a column it lacks.
            [Ok(_), Err(error)] if !error.is_of_the_plan() => return Outcome::Different,
            [Err(error), Ok(_)] if self.mutual && semantics.is_strict() && error.is_of_the_plan() => {
                return Outcome::Different;
            }
            _ => {}
        }
        match preserves(&results[0], &results[1], equivalence, semantics) {
            Verdict::Same => Outcome::Same,
            Verdict::Different => Outcome::Different,
            Verdict::Unknown => match results.into_iter().find_map(Result::err) {
                Some(error) => Outcome::Unknown(error),
                None => Outcome::Same,
            },
        }
    }

    fn compare_distributions(&self, filling: &Filling, semantics: &Semantics) -> Outcome {
        if self.keeps == Keeps::OneOf {
            return Outcome::Skipped;
        }
        let tables = filling.tables();
        let of = |term| {
            let run = |tables: &Tables| interpret(self.terms, term, semantics, tables);
            distribution(&tables, run, |relation| self.form(relation))
        };
        let (Some(before), after) = (of(self.before), of(self.after)) else { return Outcome::Skipped };
        match after {
            Some(after) if before == after => Outcome::Same,
            Some(_) => Outcome::OtherDistribution,
            None => {
                // A term that reads a column it lacks has no distribution, and no meaning.
                let result = interpret(self.terms, self.after, semantics, &with_functions(tables));
                match result {
                    Err(error) if !error.is_of_the_plan() => Outcome::Different,
                    Err(_) if semantics.is_strict() => Outcome::Different,
                    _ => Outcome::Skipped,
                }
            }
        }
    }

    /// The form of a result in which equal ones are identical.
    fn form(&self, relation: Relation) -> Vec<Row> {
        let mut columns = relation.columns.clone();
        columns.sort();
        let mut rows = relation.select(&columns).map(|relation| relation.rows).unwrap_or_default();
        if !matches!(self.keeps, Keeps::Ordered | Keeps::Value) {
            rows.sort();
        }
        if self.keeps == Keeps::Set {
            rows.dedup();
        }
        rows
    }

    /// The rows among which a limit at the root chooses.
    fn unlimited(&self, semantics: &Semantics, tables: &Tables) -> Option<Relation> {
        let node = self.terms.term(self.before);
        match node.op {
            RelOp::Limit { .. } | RelOp::TopK { .. } => interpret(self.terms, node.inputs[0], semantics, tables).ok(),
            _ => None,
        }
    }
}

/// The order that a term gives its rows in: a sort's, also below what keeps the order of rows.
fn promised_order(terms: &Terms, root: TermId) -> Option<SortId> {
    let mut place = root;
    loop {
        let node = terms.term(place);
        match node.op {
            RelOp::Sort(keys) | RelOp::TopK { keys, .. } => {
                let outputs = &terms.facts(root).outputs;
                let read = reads(terms, node.op);
                return read.is_subset(outputs).then_some(keys);
            }
            RelOp::Filter(_) | RelOp::Limit { .. } => place = node.inputs[0],
            RelOp::Project(projection) => {
                // Only where no column is given another value under its name.
                let kept = |(column, scalar): &(_, _)| {
                    terms.as_column(*scalar) == Some(*column) || !terms.facts(node.inputs[0]).outputs.contains(*column)
                };
                if !terms.projection(projection).iter().all(kept) {
                    return None;
                }
                place = node.inputs[0];
            }
            _ => return None,
        }
    }
}
