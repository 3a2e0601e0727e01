//! Native simplification of scalars: constants fold, common conjuncts leave a disjunction, and a
//! disjunction over several relations says what it implies for one of them.

use smallvec::SmallVec;

use crate::expr::{Literal, ScalarOp, Volatility};
use crate::term::{ColumnSet, ScalarId, Terms};

/// The scalar in its simplest form that this module knows. Idempotent.
pub fn simplify(terms: &mut Terms, scalar: ScalarId) -> ScalarId {
    let node = terms.node(scalar).clone();
    if node.args.is_empty() {
        return scalar;
    }
    let args: SmallVec<[ScalarId; 3]> = node.args.iter().map(|arg| simplify(terms, *arg)).collect();
    let changed = if args == node.args { scalar } else { terms.scalar(node.op, args) };
    let node = terms.node(changed).clone();
    if node.op == ScalarOp::Or {
        return factor(terms, &node.args).unwrap_or(changed);
    }
    fold(terms, changed).unwrap_or(changed)
}

/// The value of an immutable operator over constants, when the engine can tell.
fn fold(terms: &mut Terms, scalar: ScalarId) -> Option<ScalarId> {
    let node = terms.node(scalar);
    let args: Vec<Literal> = node.args.iter().map(|arg| terms.as_literal(*arg).cloned()).collect::<Option<_>>()?;
    if args.is_empty() || terms.scalar_facts(scalar).volatility != Volatility::Immutable {
        return None;
    }
    let op = node.op.try_map(&mut |_| Err(())).ok()?;
    let value = terms.functions().evaluate(&op, &args)?;
    // A constant of another type would be a change of schema: leave the work to run time.
    (*value.data_type() == terms.scalar_facts(scalar).data_type).then(|| terms.literal(value))
}

/// `(a and b) or (a and c)` is `a and (b or c)`: sound in three-valued logic, where AND and OR distribute.
fn factor(terms: &mut Terms, arms: &[ScalarId]) -> Option<ScalarId> {
    let arms: Vec<Vec<ScalarId>> = arms.iter().map(|arm| conjuncts(terms, *arm)).collect();
    let usable = |conjunct: &ScalarId| !terms.stays(*conjunct);
    let mut common = arms[0].clone();
    common.retain(|conjunct| usable(conjunct) && arms[1..].iter().all(|arm| arm.contains(conjunct)));
    if common.is_empty() {
        return None;
    }
    let rest: Vec<ScalarId> = arms
        .into_iter()
        .map(|arm| {
            let arm: Vec<_> = arm.into_iter().filter(|conjunct| !common.contains(conjunct)).collect();
            terms.scalar(ScalarOp::And, arm)
        })
        .collect();
    let rest = terms.scalar(ScalarOp::Or, rest);
    common.push(rest);
    Some(terms.scalar(ScalarOp::And, common))
}

/// What a disjunction implies for the columns of one relation: the disjunction of what each arm says
/// of them, if each arm says something. Only immutable parts that cannot fail take part.
pub fn implied(terms: &mut Terms, scalar: ScalarId, columns: &ColumnSet) -> Option<ScalarId> {
    let node = terms.node(scalar).clone();
    if node.op != ScalarOp::Or || terms.scalar_facts(scalar).columns.is_subset(columns) {
        return None;
    }
    let mut arms = Vec::with_capacity(node.args.len());
    for arm in node.args {
        let own: Vec<ScalarId> = conjuncts(terms, arm)
            .into_iter()
            .filter(|conjunct| {
                let facts = terms.scalar_facts(*conjunct);
                let harmless = facts.volatility == Volatility::Immutable && !facts.can_fail;
                harmless && !facts.columns.is_empty() && facts.columns.is_subset(columns)
            })
            .collect();
        if own.is_empty() {
            return None;
        }
        arms.push(terms.scalar(ScalarOp::And, own));
    }
    Some(terms.scalar(ScalarOp::Or, arms))
}

fn conjuncts(terms: &Terms, scalar: ScalarId) -> Vec<ScalarId> {
    let node = terms.node(scalar);
    match node.op {
        ScalarOp::And => node.args.to_vec(),
        _ => vec![scalar],
    }
}
