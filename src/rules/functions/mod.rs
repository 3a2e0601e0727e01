//! The functions that ship: what guards and computed parts may ask and make.
//!
//! Each is total over the facts: where there is no answer, it gives none and the rule does not
//! apply. None sees an estimate.

mod aggregates;
mod columns;
mod counts;
mod eager;
mod joins;
mod predicates;
mod projections;
mod scalars;
mod unions;
mod windows;

use super::registry::Function;

/// All of them, by topic.
pub(super) fn core() -> Vec<Function> {
    let topics = [
        columns::functions(),
        predicates::functions(),
        scalars::functions(),
        projections::functions(),
        joins::functions(),
        aggregates::functions(),
        eager::functions(),
        counts::functions(),
        unions::functions(),
        windows::functions(),
    ];
    topics.concat()
}

/// Declares functions: `fact` reads, `make` interns.
macro_rules! functions {
    ($($kind:ident $name:literal ($($arg:ident)*) -> $gives:ident, $doc:literal, $body:expr;)*) => {
        pub(super) fn functions() -> Vec<$crate::rules::Function> {
            use $crate::rules::{Body, Function, Sort};
            vec![$(Function {
                name: $name,
                args: &[$(Sort::$arg),*],
                gives: Sort::$gives,
                doc: $doc,
                body: functions!(@body $kind $body),
            }),*]
        }
    };
    (@body fact $body:expr) => { Body::Fact($body) };
    (@body make $body:expr) => { Body::Make($body) };
}

use functions;
