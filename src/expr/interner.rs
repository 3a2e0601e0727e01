//! The interner: every live node of the process, by token. Its laws, I1 to I4, are those of the
//! [weak table](super::weak_table).

use std::sync::LazyLock;

use super::weak_table::{Entry, Pending, WeakTable};
use super::{Expr, Node};
use crate::token::Token;

static INTERNER: LazyLock<WeakTable<Node>> = LazyLock::new(WeakTable::new);

/// The live node of this token, or the one that `make` makes.
pub(super) fn intern(token: Token, make: impl FnOnce() -> Node) -> Expr {
    Expr(INTERNER.intern(token, make))
}

/// How many nodes are alive in this process.
pub fn interned_nodes() -> usize {
    INTERNER.len()
}

impl Entry for Node {
    fn token(&self) -> Token {
        self.token
    }

    fn take_inputs(&mut self, to: &mut Pending<Node>) -> bool {
        if std::mem::replace(&mut self.dismantled, true) {
            return false;
        }
        std::mem::take(&mut self.inputs).into_iter().for_each(|Expr(input)| to.push(input));
        true
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        INTERNER.dismantle(self);
    }
}
