use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

use super::{Flavour, Maker};
use crate::expr::JoinKind;
use crate::leaf::{Leaf, Values};
use crate::rules::Value;
use crate::term::text::Datum;
use crate::term::{AggregateSpec, ColumnId, GetSpec, RelNode, RelOp, TermId};

/// The tables of shapes; small, so that all their fillings can be tried.
const TABLES: [(&str, [&str; 2]); 4] = [("t", ["a", "b"]), ("u", ["x", "y"]), ("v", ["d", "e"]), ("w", ["p", "q"])];

impl Maker<'_> {
    /// What a variable for a relation stands for: at size 0 mostly a table.
    pub fn relation(&mut self, size: usize) -> TermId {
        if size == 0 {
            // Small relations of which something is proved: a key, no nulls, at most one row, or none.
            return match self.dice.below(9) {
                0 => self.keyed(),
                1 => self.one_row(),
                2 if self.dice.once_in(3) => self.nothing(),
                _ => self.table(),
            };
        }
        let size = self.dice.below(size);
        match self.dice.below(11) {
            0..=2 => self.relation(0),
            3 => {
                let input = self.relation(size);
                let predicates = self.conjunction(&[input]);
                self.build(RelOp::Filter(predicates), vec![input])
            }
            4 => {
                let input = self.relation(size);
                let projection = self.projection(input);
                self.build(RelOp::Project(projection), vec![input])
            }
            5 => {
                let input = self.relation(size);
                let aggregate = self.aggregate(input);
                self.build(RelOp::Aggregate(aggregate), vec![input])
            }
            6 => self.keyed(),
            7 => {
                let input = self.relation(size);
                let keys = self.sort_keys(input);
                self.build(RelOp::Sort(keys), vec![input])
            }
            8 => self.one_row(),
            9 => {
                let (left, right) = (self.table(), self.relation(0));
                let kinds = [JoinKind::Left, JoinKind::Semi, JoinKind::Anti, JoinKind::Full];
                let kind = kinds[self.dice.below(kinds.len())];
                let on = self.condition_of_join(left, right);
                self.build(RelOp::Join(kind, on), vec![left, right])
            }
            _ => {
                let inputs = vec![self.table(), self.relation(0)];
                let union = self.union(&inputs);
                match union {
                    Some(union) => self.build(RelOp::Union(union), inputs),
                    None => inputs[0],
                }
            }
        }
    }

    /// A reading of a table.
    pub fn table(&mut self) -> TermId {
        let at = self.readings % TABLES.len();
        let (name, columns) = TABLES[at];
        let copy = self.readings / TABLES.len() + 1;
        self.readings += 1;
        let suffix = if copy == 1 { String::new() } else { format!(":{copy}") };
        let fields = columns.iter().enumerate().map(|(at, column)| {
            let float = self.flavour == Flavour::Floats && (at == 0 || self.dice.once_in(2));
            let text = self.flavour == Flavour::Texts && (at == 0 || self.dice.once_in(2));
            let kind = match (float, text) {
                (true, _) => DataType::Float64,
                (_, true) => DataType::Utf8,
                _ => DataType::Int64,
            };
            Field::new(format!("{column}{suffix}"), kind, !self.dice.once_in(6))
        });
        let fields: Vec<Field> = fields.collect();
        self.read(&format!("{name}{suffix}"), fields)
    }

    fn read(&mut self, name: &str, fields: Vec<Field>) -> TermId {
        let columns: Vec<ColumnId> = fields
            .iter()
            .map(|field| self.terms.add_column(field.name(), field.data_type().clone(), field.is_nullable()))
            .collect();
        let leaf = Leaf::Values(Values::new(name, Arc::new(Schema::new(fields)), Vec::new()));
        let index = self.terms.gets().len();
        let get = self.terms.add_get(GetSpec { leaf, index, columns });
        self.terms.add(RelNode::new(RelOp::Get(get), []))
    }

    /// A relation of which no two rows agree on some columns.
    fn keyed(&mut self) -> TermId {
        let input = self.table();
        if self.dice.once_in(4) {
            return self.terms.add(RelNode::new(RelOp::Distinct, [input]));
        }
        let columns: Vec<_> = self.terms.facts(input).outputs.iter().collect();
        let mut spec = AggregateSpec { group: vec![columns[0]], aggregates: Vec::new() };
        if self.dice.once_in(2) {
            spec.aggregates.extend(self.call(input));
        }
        let aggregate = self.terms.intern_aggregate(spec);
        self.terms.add(RelNode::new(RelOp::Aggregate(aggregate), [input]))
    }

    /// A relation of at most one row.
    fn one_row(&mut self) -> TermId {
        let input = self.table();
        if self.dice.once_in(2) {
            return self.terms.add(RelNode::new(RelOp::Limit { offset: 0, fetch: Some(1) }, [input]));
        }
        let mut spec = AggregateSpec { group: Vec::new(), aggregates: Vec::new() };
        spec.aggregates.extend(self.call(input));
        let aggregate = self.terms.intern_aggregate(spec);
        self.terms.add(RelNode::new(RelOp::Aggregate(aggregate), [input]))
    }

    /// A relation of a table's columns without rows.
    pub fn nothing(&mut self) -> TermId {
        let table = self.table();
        let columns = self.terms.facts(table).outputs.iter().collect();
        let columns = self.terms.intern_columns(columns);
        self.terms.add(RelNode::new(RelOp::Empty(columns), []))
    }

    /// What a variable stands for that must have a column of lists.
    pub fn with_list(&mut self, datum: &Datum) -> Option<TermId> {
        let word = datum.word()?;
        if let Some(Value::Rel(known)) = self.bound(word) {
            return Some(known);
        }
        let list = DataType::new_list(DataType::Int64, true);
        let fields = vec![Field::new("k", DataType::Int64, true), Field::new("l", list, true)];
        let relation = self.read("lists", fields);
        self.bind(word, Value::Rel(relation));
        Some(relation)
    }

    /// The columns of some relations, and those of applies around.
    pub fn scope(&self, inputs: &[TermId]) -> Vec<ColumnId> {
        let mut columns: Vec<ColumnId> = Vec::new();
        inputs.iter().for_each(|input| columns.extend(self.terms.facts(*input).outputs.iter()));
        columns.extend(&self.outer);
        columns
    }

    /// A name for a computed column.
    pub fn fresh(&mut self, kind: DataType) -> ColumnId {
        self.made += 1;
        self.terms.add_column(&format!("k{}", self.made), kind, true)
    }
}
