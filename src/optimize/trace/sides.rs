use std::sync::Arc;

use arrow_schema::{Field, Schema};

use super::{By, NativeStep, Trace};
use crate::leaf::{Leaf, Values};
use crate::term::{ApplyForm, ColumnId, ColumnSet, GetSpec, RelNode, RelOp, TermId, Terms, free_columns};

impl Trace {
    /// What a step replaced and what came of it, as terms that have a meaning of their own: where they read the left
    /// row of an `apply` around them, both stand below an `apply` to a table of such rows. The run is over, so
    /// the arena may grow.
    ///
    /// # Panics
    /// When there is no step of this number.
    pub fn sides(&mut self, step: usize) -> (TermId, TermId) {
        let step = self.steps()[step].clone();
        let (before, after) = (self.term_of(&step.before), self.term_of(&step.after));
        // Afterwards there are no applies to read anything of.
        if !matches!(step.by, By::Native(NativeStep::Decorrelate)) {
            return (before, after);
        }
        let terms = self.run.graph.terms_mut_after_run();
        let mut outer = free_columns(terms, before);
        outer.extend(&free_columns(terms, after));
        if outer.is_empty() {
            return (before, after);
        }
        let rows = rows_of(terms, &outer);
        let always = terms.intern_predicates([]);
        let mut below = |side| terms.add(RelNode::new(RelOp::Apply(ApplyForm::Inner, always), [rows, side]));
        (below(before), below(after))
    }
}

/// A table of these columns.
fn rows_of(terms: &mut Terms, columns: &ColumnSet) -> TermId {
    let columns: Vec<ColumnId> = columns.iter().collect();
    let fields = columns.iter().map(|column| {
        let column = terms.column(*column);
        Field::new(&*column.name, column.data_type.clone(), true)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let leaf = Leaf::Values(Values::new("outer", schema, Vec::new()));
    let get = terms.add_get(GetSpec { leaf, index: terms.gets().len(), columns });
    terms.add(RelNode::new(RelOp::Get(get), []))
}
