use super::functions;
use crate::rules::value::Value;
use crate::term::{ColumnId, ColumnSet, Facts, ScalarId, Terms};

/// The columns that some scalars read.
pub(super) fn uses(terms: &Terms, scalars: impl IntoIterator<Item = ScalarId>) -> ColumnSet {
    let mut columns = ColumnSet::new();
    scalars.into_iter().for_each(|scalar| columns.extend(&terms.scalar_facts(scalar).columns));
    columns
}

/// The columns that some relations give.
pub(super) fn all(rels: &[&Facts]) -> ColumnSet {
    let mut columns = ColumnSet::new();
    rels.iter().for_each(|facts| columns.extend(&facts.outputs));
    columns
}

functions! {
    fact "outputs" (Rel) -> Columns, "The columns that a relation gives.",
        |_, args| Some(Value::Columns(args.rel(0)?.outputs.clone()));
    fact "outputs" (Rels) -> Columns, "The columns that some relations give.",
        |_, args| Some(Value::Columns(all(args.rels(0)?)));
    fact "not-null" (Rel) -> Columns, "The columns of a relation that are never null.",
        |_, args| Some(Value::Columns(args.rel(0)?.not_null.clone()));
    fact "uses" (Scalar) -> Columns, "The columns that a scalar reads.",
        |terms, args| Some(Value::Columns(uses(terms, [args.scalar(0)?])));
    fact "uses" (Predicates) -> Columns, "The columns that a conjunction reads.",
        |terms, args| Some(Value::Columns(uses(terms, terms.predicates(args.predicates(0)?).iter().copied())));
    fact "uses" (Projection) -> Columns, "The columns that a projection reads.",
        |terms, args| Some(Value::Columns(uses(terms, terms.projection(args.projection(0)?).iter().map(|(_, s)| *s))));
    fact "uses" (SortKeys) -> Columns, "The columns that sort keys read.",
        |terms, args| Some(Value::Columns(uses(terms, terms.sort_keys(args.sort_keys(0)?).iter().map(|key| key.scalar))));
    fact "uses" (Aggregates) -> Columns, "The columns that an aggregate's calls read, without its group.",
        |terms, args| {
            let calls = &terms.aggregate(args.aggregates(0)?).aggregates;
            Some(Value::Columns(uses(terms, calls.iter().flat_map(|(_, call)| call.scalars()))))
        };
    fact "group" (Aggregates) -> Columns, "The columns that an aggregate groups by.",
        |terms, args| Some(Value::Columns(terms.aggregate(args.aggregates(0)?).group.iter().copied().collect()));
    fact "subset" (Columns Columns) -> Bool, "Whether all of the first columns are among the second.",
        |_, args| Some(Value::Bool(args.columns(0)?.is_subset(args.columns(1)?)));
    fact "disjoint" (Columns Columns) -> Bool, "Whether no column is in both.",
        |_, args| Some(Value::Bool(!args.columns(0)?.intersects(args.columns(1)?)));
    fact "empty" (Columns) -> Bool, "Whether there is no column.",
        |_, args| Some(Value::Bool(args.columns(0)?.is_empty()));
    fact "empty" (ColumnList) -> Bool, "Whether there is no column.",
        |terms, args| Some(Value::Bool(terms.columns_of(args.column_list(0)?).is_empty()));
    fact "both" (Columns Columns) -> Columns, "The columns of either set.",
        |_, args| Some(Value::Columns(args.columns(0)?.union(args.columns(1)?)));
    fact "common" (Columns Columns) -> Columns, "The columns in both sets.",
        |_, args| Some(Value::Columns(args.columns(0)?.intersection(args.columns(1)?)));
    make "layout" (Columns) -> ColumnList, "The columns as a list, in the query's order.",
        |terms, args| {
            let columns: Vec<ColumnId> = args.columns(0)?.iter().collect();
            Some(Value::ColumnList(terms.intern_columns(columns)))
        };
    fact "key" (Rel Columns) -> Bool, "Whether no two rows of a relation agree on the columns.",
        |_, args| Some(Value::Bool(args.rel(0)?.is_key(args.columns(1)?)));
}
