use std::collections::HashMap;

use super::columns::all;
use super::functions;
use super::predicates::{movable, stable};
use crate::expr::Literal;
use crate::rules::value::Value;
use crate::term::{ColumnId, ColumnSet, Extent, ProjectionId, ScalarId, Terms};

/// The columns that a projection computes from something else than themselves.
fn computed(terms: &Terms, projection: ProjectionId) -> HashMap<ColumnId, ScalarId> {
    let columns = terms.projection(projection).iter().copied();
    columns.filter(|(column, scalar)| terms.as_column(*scalar) != Some(*column)).collect()
}

/// The scalars over what a projection computes from; `None` where one would grow out of bounds.
fn substitute_all(
    terms: &mut Terms,
    scalars: impl IntoIterator<Item = ScalarId>,
    projection: ProjectionId,
) -> Option<Vec<ScalarId>> {
    let with = computed(terms, projection);
    let substitute = |scalar| {
        let facts = terms.scalar_facts(scalar);
        let (extent, columns) = (facts.extent, &facts.columns);
        // Told beforehand where it can be, so that nothing is made in vain.
        let deepest = columns.iter().filter_map(|column| Some(terms.scalar_facts(*with.get(&column)?).extent.depth));
        let depth = deepest.max().map_or(extent.depth, |deepest| extent.depth.saturating_add(deepest - 1));
        if !extent.may_become(Extent { depth, ..extent }) {
            return None;
        }
        let composed = terms.substitute(scalar, &|column| with.get(&column).copied());
        extent.may_become(terms.scalar_facts(composed).extent).then_some(composed)
    };
    scalars.into_iter().map(substitute).collect()
}

/// The columns as they are.
fn kept(terms: &mut Terms, columns: &ColumnSet) -> Vec<(ColumnId, ScalarId)> {
    columns.iter().map(|column| (column, terms.column_scalar(column))).collect()
}

functions! {
    fact "stable" (Projection) -> Bool, "Whether no column of a projection calls a volatile function.",
        |terms, args| {
            let columns = terms.projection(args.projection(0)?);
            Some(Value::Bool(columns.iter().all(|(_, scalar)| stable(terms, *scalar))))
        };
    fact "movable" (Projection) -> Bool, "Whether every column of a projection may be computed for other rows.",
        |terms, args| {
            let columns = terms.projection(args.projection(0)?);
            Some(Value::Bool(columns.iter().all(|(_, scalar)| movable(terms, *scalar))))
        };
    fact "identity" (Projection Rel) -> Bool, "Whether a projection of a relation is the relation itself.",
        |terms, args| Some(Value::Bool(terms.is_identity(args.projection(0)?, &args.rel(1)?.outputs)));
    fact "hidden" (Projection Rels) -> Columns, "The columns of some relations that a projection over them does not give.",
        |terms, args| {
            let given: ColumnSet = terms.projection(args.projection(0)?).iter().map(|(column, _)| *column).collect();
            Some(Value::Columns(all(args.rels(1)?).difference(&given)))
        };
    make "keep" (Columns) -> Projection, "The projection to these columns, which computes nothing.",
        |terms, args| {
            let columns = kept(terms, args.columns(0)?);
            Some(Value::Projection(terms.intern_projection(columns)))
        };
    make "extend" (Projection Columns) -> Projection, "The projection, and these columns beside what it gives.",
        |terms, args| {
            let projection = args.projection(0)?;
            let own: ColumnSet = terms.projection(projection).iter().map(|(column, _)| *column).collect();
            let mut columns = terms.projection(projection).to_vec();
            columns.extend(kept(terms, &args.columns(1)?.difference(&own)));
            Some(Value::Projection(terms.intern_projection(columns)))
        };
    make "with-nulls" (Columns Columns) -> Projection, "The first columns as they are, the second as nulls.",
        |terms, args| {
            let mut columns = kept(terms, args.columns(0)?);
            for column in args.columns(1)?.iter() {
                let null = Literal::null(&terms.column(column).data_type);
                columns.push((column, terms.literal(null)));
            }
            Some(Value::Projection(terms.intern_projection(columns)))
        };
    make "substitute" (Predicates Projection) -> Predicates, "The conjunction over what a projection computes from.",
        |terms, args| {
            let conjuncts = terms.predicates(args.predicates(0)?).to_vec();
            let conjuncts = substitute_all(terms, conjuncts, args.projection(1)?)?;
            Some(Value::Predicates(terms.intern_predicates(conjuncts)))
        };
    make "compose" (Projection Projection) -> Projection, "The first projection over what the second computes from.",
        |terms, args| {
            let (columns, scalars): (Vec<_>, Vec<_>) = terms.projection(args.projection(0)?).iter().copied().unzip();
            let scalars = substitute_all(terms, scalars, args.projection(1)?)?;
            Some(Value::Projection(terms.intern_projection(columns.into_iter().zip(scalars).collect())))
        };
}
