use super::functions;
use crate::rules::value::Value;

functions! {
    fact "partition-keys" (Window) -> Columns, "The columns on which the rows that see each other agree.",
        |terms, args| Some(Value::Columns(terms.window(args.window(0)?).partition_by.iter().copied().collect()));
    fact "partition-wise" (Extension) -> Bool, "Whether an extension declares to work on each partition by itself.",
        |terms, args| {
            Some(Value::Bool(terms.extension(args.extension(0)?).extension.traits().is_partition_wise()))
        };
}
