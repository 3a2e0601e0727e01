use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use arrow_schema::SchemaRef;
use smallvec::SmallVec;

use super::{Op, interner};
use crate::token::{Determinism, Token, Tokenizer};

/// An immutable relational expression: a shared, hash-consed [`Node`].
///
/// Equality is pointer equality, which by law I1 is equality of tokens.
#[derive(Clone)]
pub struct Expr(pub(super) Arc<Node>);

/// One node of an expression: an operator, its inputs, and what follows from them.
pub struct Node {
    pub(super) token: Token,
    pub(super) op: Op,
    pub(super) inputs: Inputs,
    pub(super) schema: SchemaRef,
    /// Of nodes with identity alone, when somebody has asked. Boxed: few are ever asked.
    shape: OnceLock<Box<Token>>,
    determinism: Determinism,
    /// Whether the drop has taken the inputs.
    pub(super) dismantled: bool,
}

/// Most nodes have one input or two, which lie in the node itself.
pub(super) type Inputs = SmallVec<[Expr; 2]>;

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

    /// The token with futures replaced by their schema and position: what texts and ties use. It is the
    /// [`token`](Node::token) itself where that stands for content; else it is made when first asked for.
    pub fn shape(&self) -> Token {
        self.known_shape().unwrap_or_else(|| {
            // Inputs first, from a list instead of the stack (law I4).
            let mut stack: Vec<&Node> = vec![self];
            while let Some(node) = stack.last() {
                let open = stack.len();
                let unknown = node.inputs.iter().filter(|input| input.known_shape().is_none());
                let unknown: SmallVec<[&Node; 2]> = unknown.map(|input| &**input).collect();
                stack.extend(unknown);
                if stack.len() == open
                    && let Some(node) = stack.pop()
                {
                    node.shape.get_or_init(|| Box::new(node.shape_over_known_inputs()));
                }
            }
            self.known_shape().unwrap_or(self.token)
        })
    }

    fn known_shape(&self) -> Option<Token> {
        match self.determinism {
            Determinism::Content => Some(self.token),
            Determinism::Identity => self.shape.get().map(|shape| **shape),
        }
    }

    fn shape_over_known_inputs(&self) -> Token {
        let mut tokenizer = Tokenizer::new("expr-shape");
        self.op.tokenize(&mut tokenizer, true);
        tokenizer.put_sequence(self.inputs.len());
        self.inputs.iter().for_each(|input| tokenizer.put_token(input.shape()));
        tokenizer.finish()
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
    pub(super) fn intern(op: Op, inputs: impl IntoIterator<Item = Expr>, schema: SchemaRef) -> Expr {
        let mut list = Inputs::new();
        inputs.into_iter().for_each(|input| list.push(input));
        let inputs = list;
        let mut tokenizer = Tokenizer::new("expr");
        op.tokenize(&mut tokenizer, false);
        tokenizer.put_sequence(inputs.len());
        for input in &inputs {
            tokenizer.put_token(input.token);
            tokenizer.set_determinism(input.determinism);
        }
        let determinism = tokenizer.determinism();
        let token = tokenizer.finish();
        interner::intern(token, || Node {
            token,
            op,
            inputs,
            schema,
            shape: OnceLock::new(),
            determinism,
            dismantled: false,
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
