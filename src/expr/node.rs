use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use arrow_schema::SchemaRef;

use super::{Op, interner};
use crate::token::{Determinism, Token, Tokenizer};

/// An immutable relational expression: a shared, hash-consed [`Node`].
///
/// Equality is pointer equality, which by law I1 is equality of tokens.
#[derive(Clone)]
pub struct Expr(pub(super) Arc<Node>);

/// One node of an expression: an operator, its inputs, and what follows from them.
pub struct Node {
    pub(super) op: Op,
    pub(super) inputs: Vec<Expr>,
    pub(super) token: Token,
    pub(super) shape: Token,
    pub(super) determinism: Determinism,
    pub(super) schema: SchemaRef,
}

impl Node {
    /// What the node does.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// The inputs, in order.
    pub fn inputs(&self) -> &[Expr] {
        &self.inputs
    }

    /// The identity of the node and everything below it, futures included.
    pub fn token(&self) -> Token {
        self.token
    }

    /// The token with futures replaced by their schema and position: what texts and ties use.
    pub fn shape(&self) -> Token {
        self.shape
    }

    /// Whether the token stands for content, or for live instances.
    pub fn determinism(&self) -> Determinism {
        self.determinism
    }

    /// The columns; names are unique.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Expr {
    /// Interns a checked node.
    pub(super) fn intern(op: Op, inputs: Vec<Expr>, schema: SchemaRef) -> Expr {
        let mut identity = Tokenizer::new("expr");
        op.tokenize(&mut identity, false);
        let mut shape = Tokenizer::new("expr-shape");
        op.tokenize(&mut shape, true);
        identity.put_sequence(inputs.len());
        shape.put_sequence(inputs.len());
        for input in &inputs {
            identity.put_token(input.token);
            identity.set_determinism(input.determinism);
            shape.put_token(input.shape);
        }
        let determinism = identity.determinism();
        interner::intern(identity.finish(), |token| Node {
            op,
            inputs,
            token,
            shape: shape.finish(),
            determinism,
            schema,
        })
    }

    /// Whether both are the same node.
    pub fn same(&self, other: &Expr) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Every distinct node once, inputs before the nodes that use them. O(nodes), no recursion.
    pub fn post_order(&self) -> Vec<Expr> {
        let mut seen = std::collections::HashSet::new();
        let mut order = Vec::new();
        let mut stack = vec![(self.clone(), false)];
        while let Some((expr, inputs_done)) = stack.pop() {
            if inputs_done {
                order.push(expr);
            } else if seen.insert(Arc::as_ptr(&expr.0)) {
                stack.push((expr.clone(), true));
                stack.extend(expr.inputs.iter().rev().map(|input| (input.clone(), false)));
            }
        }
        order
    }
}

impl Deref for Expr {
    type Target = Node;
    fn deref(&self) -> &Node {
        &self.0
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
    }
}

impl Eq for Expr {}

impl Hash for Expr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.token.hash(state);
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expr({} {})", self.op.name(), self.token.short())
    }
}

impl Drop for Node {
    /// Takes the inputs apart from a list instead of the stack (law I4).
    fn drop(&mut self) {
        interner::forget(self.token, self);
        let mut pending = std::mem::take(&mut self.inputs);
        while let Some(Expr(input)) = pending.pop() {
            // Until its entry is gone, a weak reference keeps the address from being used again.
            let address = Arc::downgrade(&input);
            // Of all that let go at the same time, the last one gets the node.
            if let Some(mut node) = Arc::into_inner(input) {
                interner::forget(node.token, address.as_ptr());
                pending.append(&mut node.inputs);
            }
        }
    }
}
