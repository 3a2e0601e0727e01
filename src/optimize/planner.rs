use std::sync::Arc;

use arrow_schema::{Field, Schema, SchemaRef};
use indexmap::IndexMap;

use super::cost::{CostModel, DefaultCost};
use super::estimate::Estimator;
use super::explore::{build, explore, implement};
use super::extract::Extractor;
use super::finish::finish;
use super::graph::{Graph, terms_in_order};
use super::join_order::JoinUse;
use super::leaves::read_leaves;
use super::normalize::{RuleIndex, normalize};
use super::plan::{Plan, PlanColumn};
use super::resolve::{Resolved, resolve};
use super::shape::plan_shape;
use super::trace::{Budgets, Fired, cap};
use crate::expr::{Expr, Functions, Name};
use crate::rules::{Phase, RuleSet};
use crate::term::{ColumnId, RelOp, TermId, Terms};

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// No implementation rule covers some operator.
    #[error("no implementation rule covers `{operator}`; is one of its rules disabled?")]
    NotImplemented {
        /// The operator.
        operator: String,
    },
    /// An operator that has a meaning, but no plan yet.
    #[error("no plan for `{operator}`: {reason}")]
    Unsupported {
        /// The operator.
        operator: &'static str,
        /// What is in the way, and what to do.
        reason: String,
    },
    /// A tripwire: a rule proved two relations equal that have different columns.
    #[error("the optimizer stopped: {0}; this is a bug of a rule, disable it and report it")]
    Tripwire(String),
    /// A number of partitions that makes no sense.
    #[error("cannot plan for {0} partitions; use 1 or more")]
    Partitions(usize),
}

/// Turns expressions into plans. Everything that may influence a plan is in here or in the
/// expression: rules, functions, cost model, partitions and budgets.
///
/// ```
/// use std::sync::Arc;
/// use arrow_schema::{DataType, Field, Schema};
/// use leafhold::expr::{col, lit, Frame};
/// use leafhold::optimize::Planner;
///
/// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
/// let frame = Frame::from_batches("t", schema, vec![])?.filter(col("a").gt(lit(1i64)))?;
/// let plan = Planner::new(frame.functions().clone()).plan(frame.expr())?;
/// assert_eq!(plan.root.op.name(), "filter");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Planner {
    functions: Arc<dyn Functions>,
    rules: Arc<RuleSet>,
    phases: Arc<Phases>,
    cost: Arc<dyn CostModel>,
    target_partitions: usize,
    budgets: Budgets,
}

/// The rules of each phase, indexed once per rule set.
struct Phases {
    normalize: RuleIndex,
    explore: RuleIndex,
    implement: RuleIndex,
}

impl Phases {
    fn of(rules: &RuleSet) -> Arc<Self> {
        let index = |phase| RuleIndex::new(rules, phase);
        Arc::new(Phases {
            normalize: index(Phase::Normalize),
            explore: index(Phase::Explore),
            implement: index(Phase::Implement),
        })
    }
}

/// Partitions that hashed exchanges make when nobody says otherwise. A constant, never the number of cores:
/// the same query has the same plan on every machine.
pub const DEFAULT_PARTITIONS: usize = 4;

impl Planner {
    /// A planner with the shipped rules and default prices.
    pub fn new(functions: Arc<dyn Functions>) -> Self {
        let rules = RuleSet::builtin();
        Planner {
            functions,
            phases: Phases::of(&rules),
            rules,
            cost: Arc::new(DefaultCost),
            target_partitions: DEFAULT_PARTITIONS,
            budgets: Budgets::default(),
        }
    }

    /// The same planner with other rules.
    pub fn with_rules(mut self, rules: Arc<RuleSet>) -> Self {
        self.phases = Phases::of(&rules);
        self.rules = rules;
        self
    }

    /// The same planner with other prices.
    pub fn with_cost(mut self, cost: Arc<dyn CostModel>) -> Self {
        self.cost = cost;
        self
    }

    /// The same planner for so many partitions.
    pub fn with_target_partitions(mut self, partitions: usize) -> Self {
        self.target_partitions = partitions;
        self
    }

    /// The same planner with other budgets.
    pub fn with_budgets(mut self, budgets: Budgets) -> Self {
        self.budgets = budgets;
        self
    }

    /// The rules.
    pub fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// The normal form of an expression: what the e-graph starts from. For people.
    pub fn normalize(&self, expr: &Expr) -> (Terms, TermId) {
        let mut terms = Terms::new(self.functions.clone());
        let resolved = resolve(expr, &mut terms);
        let (terms, root, _) = self.normalize_term(terms, resolved.root);
        (terms, root)
    }

    /// The normal form of a term, and how often each rule fired on the way, in canonical order.
    pub fn normalize_term(&self, mut terms: Terms, root: TermId) -> (Terms, TermId, IndexMap<String, u64>) {
        let mut fired = Fired::default();
        let normal = normalize(&mut terms, root, &self.phases.normalize, self.budgets.rewrites, &mut fired);
        (terms, normal.root, fired.in_order(&self.rules))
    }

    /// The cheapest plan that is found.
    ///
    /// # Errors
    /// See [`PlanError`]; an expression that was built at all has a plan under the shipped rules, unless an
    /// `apply` in it is [refused](PlanError::Unsupported).
    pub fn plan(&self, expr: &Expr) -> Result<Plan, PlanError> {
        let mut terms = Terms::new(self.functions.clone());
        let resolved = resolve(expr, &mut terms);
        self.plan_resolved(terms, resolved, expr.schema().clone())
    }

    /// The cheapest plan of a term, such as one that was read from text: its columns in the order of their
    /// ids, under the names that texts give them.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan_term(&self, terms: Terms, root: TermId) -> Result<Plan, PlanError> {
        let facts = terms.facts(root);
        let output: Vec<(Name, ColumnId)> =
            facts.outputs.iter().map(|column| (terms.column(column).name.clone(), column)).collect();
        let fields = output.iter().map(|(name, column)| {
            let data_type = terms.column(*column).data_type.clone();
            Field::new(&**name, data_type, !facts.not_null.contains(*column))
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        self.plan_resolved(terms, Resolved { root, output }, schema)
    }

    fn plan_resolved(&self, mut terms: Terms, resolved: Resolved, schema: SchemaRef) -> Result<Plan, PlanError> {
        if self.target_partitions == 0 {
            return Err(PlanError::Partitions(0));
        }
        let (mut fired, mut caps) = (Fired::default(), IndexMap::new());
        let Resolved { root, output } = resolved;
        supported(&terms, root)?;

        let normal = normalize(&mut terms, root, &self.phases.normalize, self.budgets.rewrites, &mut fired);
        cap(&mut caps, "rewrites", normal.steps, self.budgets.rewrites, normal.exhausted);

        let mut estimator = Estimator::new(&terms);
        estimator.learn(&terms, &[]);
        let mut graph = Graph::new(terms, estimator);
        let mut joins = JoinUse::default();
        let root = build(&mut graph, normal.root, &self.budgets, &mut joins);
        cap(&mut caps, "join-pairs", joins.pairs as u64, self.budgets.join_pairs as u64, joins.exceeded);

        let explored = explore(&mut graph, &self.phases.explore, &self.budgets, &mut fired);
        cap(
            &mut caps,
            "rounds",
            explored.rounds,
            self.budgets.rounds,
            explored.exhausted && explored.rounds >= self.budgets.rounds,
        );
        let size = graph.size();
        cap(&mut caps, "e-nodes", size as u64, self.budgets.nodes as u64, size >= self.budgets.nodes);

        let alternatives = implement(&mut graph, &self.phases.implement, &mut fired);
        if let Some(violation) = graph.violation() {
            return Err(PlanError::Tripwire(violation.to_owned()));
        }
        let missing = alternatives.iter().find(|(_, alternatives)| alternatives.is_empty());
        let operator = missing.map(|(class, _)| {
            let nodes = crate::rules::Forest::nodes(&graph, *class);
            nodes.first().map_or("nothing", |node| node.op.name()).to_owned()
        });
        let extractor = Extractor::new(&graph, &*self.cost, self.target_partitions, alternatives);
        let Some(extraction) = extractor.extract(root) else {
            return Err(PlanError::NotImplemented { operator: operator.unwrap_or_else(|| "a cycle".to_owned()) });
        };
        let columns: Vec<_> = output.iter().map(|(_, column)| *column).collect();
        let terms = graph.terms();
        let plan_root = finish(terms, &extraction, &columns);
        let leaves: Vec<_> = terms.gets().iter().map(|spec| spec.leaf.clone()).collect();
        let (plan_root, leaves) = read_leaves(plan_root, leaves);
        let columns = terms.columns().iter();
        let columns: Vec<_> = columns
            .map(|column| PlanColumn { name: column.name.clone(), data_type: column.data_type.clone() })
            .collect();
        Ok(Plan {
            shape: plan_shape(&plan_root, &output, &leaves),
            root: plan_root,
            output,
            schema,
            columns,
            leaves,
            target_partitions: self.target_partitions,
            ruleset: self.rules.token(),
            fired: fired.in_order(&self.rules),
            caps,
            size: size as u64,
        })
    }
}

/// Refuses what only the reference interpreter knows.
fn supported(terms: &Terms, root: TermId) -> Result<(), PlanError> {
    if let Some(outer) = terms.unbound() {
        let reason = format!("nothing binds `{}`; it belongs on the right side of an `apply`", outer.name);
        return Err(PlanError::Unsupported { operator: "outer", reason });
    }
    let applied = terms_in_order(terms, root).into_iter().find_map(|term| match terms.term(term).op {
        RelOp::Apply(form, _) => Some(form),
        _ => None,
    });
    match applied {
        Some(form) => {
            let reason = format!(
                "the right side of an `apply {}` depends on the left row in another way than by conditions that can \
                 move up, or equalities below an aggregate over all rows; write it as a join",
                form.name()
            );
            Err(PlanError::Unsupported { operator: "apply", reason })
        }
        None => Ok(()),
    }
}
