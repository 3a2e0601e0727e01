use super::functions;
use crate::rules::value::Value;
use crate::term::{ColumnId, ScalarId, Terms, UnionId, UnionSpec};

/// What feeds the output columns of a union from one input.
fn sources(terms: &Terms, union: UnionId, input: Option<u64>) -> Option<Vec<(ColumnId, ColumnId)>> {
    let spec = terms.union_spec(union);
    let columns = spec.inputs.get(input? as usize)?;
    Some(spec.output.iter().copied().zip(columns.iter().copied()).collect())
}

functions! {
    make "through" (Predicates Union Count) -> Predicates, "The conjunction over one input of a union, by its place.",
        |terms, args| {
            let sources = sources(terms, args.union(1)?, args.count(2)?)?;
            let mut with: Vec<(ColumnId, ScalarId)> = Vec::with_capacity(sources.len());
            for (output, source) in sources {
                with.push((output, terms.column_scalar(source)));
            }
            let find = |column| with.iter().find(|(output, _)| *output == column).map(|(_, source)| *source);
            let conjuncts = terms.predicates(args.predicates(0)?).to_vec();
            let conjuncts: Vec<_> = conjuncts.into_iter().map(|one| terms.substitute(one, &find)).collect();
            Some(Value::Predicates(terms.intern_predicates(conjuncts)))
        };
    make "without" (Union Count) -> Union, "The union's mapping without the input at a place.",
        |terms, args| {
            let mut spec = terms.union_spec(args.union(0)?).clone();
            let place = args.count(1)?? as usize;
            spec.inputs.get(place)?;
            spec.inputs.remove(place);
            Some(Value::Union(terms.intern_union(spec)))
        };
    make "splice" (Union Union Count) -> Union, "The first union's mapping with the second in the place of an input.",
        |terms, args| {
            let (outer, inner) = (terms.union_spec(args.union(0)?), terms.union_spec(args.union(1)?));
            let place = args.count(2)?? as usize;
            let wanted = outer.inputs.get(place)?;
            let at: Option<Vec<usize>> =
                wanted.iter().map(|column| inner.output.iter().position(|output| output == column)).collect();
            let at = at?;
            let spliced = inner.inputs.iter().map(|columns| at.iter().map(|at| columns[*at]).collect());
            let mut inputs = outer.inputs.clone();
            inputs.splice(place..=place, spliced);
            let spec = UnionSpec { output: outer.output.clone(), inputs };
            Some(Value::Union(terms.intern_union(spec)))
        };
    make "as-projection" (Union Count) -> Projection, "What a union gives of the input at a place, as a projection.",
        |terms, args| {
            let sources = sources(terms, args.union(0)?, args.count(1)?)?;
            let mut columns = Vec::with_capacity(sources.len());
            for (output, source) in sources {
                columns.push((output, terms.column_scalar(source)));
            }
            Some(Value::Projection(terms.intern_projection(columns)))
        };
}
