//! Subqueries of SQL: what they mean is computed row by row, by hand and by the reference interpreter.

mod answers;
mod random;
mod tables;
