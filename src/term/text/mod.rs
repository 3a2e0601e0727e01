//! The text notation of terms: one printer, one parser.
//!
//! A relation is an operator, what it is given, and its inputs. On one line, inputs that have inputs
//! stand in parentheses; on several, every input has its own line, indented below its operator. The
//! parser takes both, also mixed; `;` starts a comment.
//!
//! ```text
//! filter (a = 1) (join left (a = x) t u)      filter (a = 1)
//!                                               join left (a = x)
//!                                                 t
//!                                                 u
//! ```
//!
//! | operator | notation |
//! |---|---|
//! | a table | `t`, or `t:2` for its second reading, whose columns are `a:2`, `b:2`; `get t` always works |
//! | no rows | `empty [a b]` |
//! | project | `project [a b := (c + 1)] t` |
//! | filter | `filter (and (a = 1) (is-null b)) t` |
//! | join | `join left (a = x) t u`; without a condition `join inner true t u` |
//! | join-set | `join-set (and (a = x) (x = d)) [t u v]` |
//! | aggregate | `aggregate [a] [n := (count) s := (sum distinct b where (c = 1))] t` |
//! | distinct | `distinct t` |
//! | sort | `sort [a desc, b nulls-first] t` |
//! | limit | `limit 3 offset 2 t`, `limit all offset 2 t` |
//! | top-k | `top-k 3 offset 2 [a] t` |
//! | union | `union [o := [a x]] [t u]`: `o` is `a` of the first input, `x` of the second |
//! | mark-join | `mark-join m (a = x) t u`: the boolean `m` says whether a row of `u` matches |
//! | apply | `apply semi true t (filter (a = x) u)`, `apply mark m (a = x) t u`, `apply scalar [o := x] true t u`: the right side reads columns of the left one |
//! | window | `window [a] [b desc] [n := (row-number) s := (sum c over (rows 1-preceding current-row))] t` |
//! | unnest | `unnest [e := l] preserve-nulls t`: `e` are the elements of the list `l` |
//! | extension | `barrier window [w] [[a b]] t` (printed only: its content is the engine's) |
//!
//! Names that are no plain words stand in double quotes: `"sum(price)"`.

mod datum;
mod error;
mod lexer;
mod parser;
mod payloads;
mod printer;
mod scalar;
mod syntax;
mod tables;

pub use error::{NotationError, NotationErrorKind};
pub use parser::{parse, parse_into};
pub use printer::{
    print, print_aggregate, print_columns, print_conjunction, print_line, print_operator, print_projection,
    print_scalar, print_sort, print_unnest, print_window, quoted,
};
pub use tables::Tables;

pub(crate) use datum::{Datum, DatumError, DatumKind, MAX_DEPTH, read};
pub(crate) use lexer::{Lexeme, LexemeKind, Span, lex, place};
