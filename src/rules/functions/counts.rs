use super::functions;
use crate::rules::value::Value;
use crate::term::Facts;

fn at_most(facts: &Facts, rows: Option<u64>) -> bool {
    rows.is_none_or(|rows| facts.max_rows.is_some_and(|most| most <= rows))
}

functions! {
    fact "add" (Count Count) -> Count, "The sum; all, if either is.",
        |_, args| Some(Value::Count(args.count(0)?.zip(args.count(1)?).map(|(a, b)| a.saturating_add(b))));
    fact "minus" (Count Count) -> Count, "The difference, at least 0; all, if the first is.",
        |_, args| {
            let (from, count) = (args.count(0)?, args.count(1)?);
            Some(Value::Count(from.map(|from| count.map_or(0, |count| from.saturating_sub(count)))))
        };
    fact "least" (Count Count) -> Count, "The smaller one.",
        |_, args| Some(Value::Count(args.count(0)?.into_iter().chain(args.count(1)?).min()));
    fact "bounded" (Count) -> Bool, "Whether it is a number, not all.",
        |_, args| Some(Value::Bool(args.count(0)?.is_some()));
    fact "at-most" (Rel Count) -> Bool, "Whether a relation is proved to have at most so many rows.",
        |_, args| Some(Value::Bool(at_most(args.rel(0)?, args.count(1)?)));
    fact "at-most" (Rels Count) -> Bool, "Whether each relation is proved to have at most so many rows.",
        |_, args| {
            let count = args.count(1)?;
            Some(Value::Bool(args.rels(0)?.iter().all(|facts| at_most(facts, count))))
        };
}
