//! Classes of equal nodes: the smallest forest that is no arena of terms.

use std::sync::Arc;

use leafhold::expr::CoreFunctions;
use leafhold::rules::{Forest, Plant};
use leafhold::term::text::{Tables, parse};
use leafhold::term::{Facts, RelNode, Terms};

/// Classes of equal nodes, as an e-graph has them.
pub struct Classes {
    pub terms: Terms,
    pub nodes: Vec<Vec<RelNode<usize>>>,
    pub facts: Vec<Facts>,
}

impl Classes {
    /// A class per term of a text, and the class of the whole.
    pub fn of(text: &str) -> (Classes, usize) {
        let (terms, root) = parse(text, Tables::examples(), Arc::new(CoreFunctions)).unwrap();
        let mut classes = Classes { terms, nodes: Vec::new(), facts: Vec::new() };
        for at in 0..classes.terms.len() as u32 {
            let term = leafhold::term::TermId(at);
            let node = classes.terms.term(term);
            let node = RelNode::new(node.op, node.inputs.iter().map(|input| input.0 as usize));
            classes.facts.push(classes.terms.facts(term).clone());
            classes.nodes.push(vec![node]);
        }
        (classes, root.0 as usize)
    }
}

impl Forest for Classes {
    type Id = usize;

    fn terms(&self) -> &Terms {
        &self.terms
    }

    fn nodes(&self, id: usize) -> &[RelNode<usize>] {
        &self.nodes[id]
    }

    fn facts(&self, id: usize) -> &Facts {
        &self.facts[id]
    }
}

impl Plant for Classes {
    fn terms_mut(&mut self) -> &mut Terms {
        &mut self.terms
    }

    fn add(&mut self, node: RelNode<usize>) -> usize {
        if let Some(known) = self.nodes.iter().position(|nodes| nodes.contains(&node)) {
            return known;
        }
        let inputs: Vec<&Facts> = node.inputs.iter().map(|input| &self.facts[*input]).collect();
        let facts = self.terms.facts_of(&node, &inputs);
        self.facts.push(facts);
        self.nodes.push(vec![node]);
        self.nodes.len() - 1
    }
}
