use std::sync::Arc;

use indexmap::IndexMap;
use tracing::field::Empty;
use tracing::{debug_span, info_span};

use super::cost::{CostModel, DefaultCost};
use super::counts::{Budgets, Fired, cap, cap_cycles};
use super::decorrelate::decorrelate;
use super::estimate::Estimator;
use super::explore::{build, explore};
use super::extract::{Extraction, Extractor};
use super::finish::finish;
use super::graph::Graph;
use super::hashed_leaves::HashedLeaves;
use super::implement::implement;
use super::join_order::JoinUse;
use super::leaves::read_leaves;
use super::normalize::normalize;
use super::observer::Observer;
use super::plan::{CapUse, Plan, PlanColumn};
use super::plan_error::PlanError;
use super::query::Query;
use super::resolve::resolve;
use super::rule_index::RuleIndex;
use super::shape::plan_shape;
use super::supported::{kept, supported};
use super::trace::{Recorder, Trace};
use crate::expr::{Expr, Functions, Semantics};
use crate::rules::{Phase, RuleSet};
use crate::term::{TermId, Terms};

/// Turns expressions into plans. Everything that may influence a plan is in here or in the
/// expression: rules, functions, semantics, cost model, partitions and budgets.
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
    semantics: Semantics,
    rules: Arc<RuleSet>,
    phases: Arc<Phases>,
    cost: Arc<dyn CostModel>,
    target_partitions: usize,
    fan_in: usize,
    leaf_partitioning: bool,
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

/// How many partitions one task merges when nobody says otherwise.
pub const DEFAULT_FAN_IN: usize = 16;

impl Planner {
    /// A planner with the shipped rules and default prices.
    pub fn new(functions: Arc<dyn Functions>) -> Self {
        let rules = RuleSet::builtin();
        Planner {
            functions,
            semantics: Semantics::default(),
            phases: Phases::of(&rules),
            rules,
            cost: Arc::new(DefaultCost),
            target_partitions: DEFAULT_PARTITIONS,
            fan_in: DEFAULT_FAN_IN,
            leaf_partitioning: true,
            budgets: Budgets::default(),
        }
    }

    /// The same planner with other rules.
    pub fn with_rules(mut self, rules: Arc<RuleSet>) -> Self {
        self.phases = Phases::of(&rules);
        self.rules = rules;
        self
    }

    /// The same planner for plans that mean something else where engines differ. The default follows DataFusion.
    ///
    /// Under strict errors no plan raises an error that the expression as it is written does not raise: what can fail
    /// stays where it is, behind what protects it.
    ///
    /// ```
    /// use leafhold::expr::{CoreFunctions, Errors, Semantics};
    /// use leafhold::optimize::Planner;
    ///
    /// let strict = Semantics { errors: Errors::Strict, ..Semantics::default() };
    /// let planner = Planner::new(std::sync::Arc::new(CoreFunctions)).with_semantics(strict);
    /// assert!(planner.semantics().is_strict());
    /// ```
    pub fn with_semantics(mut self, semantics: Semantics) -> Self {
        self.semantics = semantics;
        self
    }

    /// What plans mean.
    pub fn semantics(&self) -> &Semantics {
        &self.semantics
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

    /// The same planner whose plans merge at most so many partitions in one task: aggregates, limits and sorted
    /// partitions over more are reduced by a tree of tasks.
    pub fn with_fan_in(mut self, fan_in: usize) -> Self {
        self.fan_in = fan_in;
        self
    }

    /// The same planner whose plans rely on how leaves declare that their rows lie, or do not; they do unless told otherwise.
    /// Where they do not, any kernels can run them, whatever their [hash function](crate::run::Kernels::hash_function).
    pub fn with_leaf_partitioning(mut self, relied_on: bool) -> Self {
        self.leaf_partitioning = relied_on;
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
        let mut terms = self.terms();
        let resolved = resolve(expr, &mut terms);
        let (terms, root, _) = self.normalize_term(terms, resolved.root);
        (terms, root)
    }

    /// The normal form of a term, and how often each rule fired on the way, in canonical order.
    pub fn normalize_term(&self, mut terms: Terms, root: TermId) -> (Terms, TermId, IndexMap<String, u64>) {
        let mut fired = Fired::default();
        let (rules, budget) = (&self.phases.normalize, self.budgets.rewrites);
        let root = decorrelate(&mut terms, root, &mut ());
        let normal = normalize(&mut terms, root, rules, budget, &mut fired, &mut ());
        (terms, normal.root, fired.in_order(&self.rules))
    }

    /// The cheapest plan that is found.
    ///
    /// # Errors
    /// See [`PlanError`]; an expression that was built at all has a plan under the shipped rules, unless an
    /// `apply` in it is [refused](PlanError::Unsupported).
    pub fn plan(&self, expr: &Expr) -> Result<Plan, PlanError> {
        let (terms, query) = self.query(expr);
        self.run(terms, &query, &mut ()).0
    }

    /// The same plan, or error, and a record of how it came about. At most three times as slow; the plan cannot
    /// differ, as one run makes both.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow_schema::{DataType, Field, Schema};
    /// use leafhold::expr::{col, lit, Frame};
    /// use leafhold::optimize::Planner;
    ///
    /// let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    /// let frame = Frame::from_batches("t", schema, vec![])?.filter(lit(false))?;
    /// let (plan, trace) = Planner::new(frame.functions().clone()).plan_traced(frame.expr());
    /// assert_eq!(plan?.root.op.name(), "empty");
    /// assert_eq!(trace.steps()[0].by.name(), "prune-never-true-filter");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan_traced(&self, expr: &Expr) -> (Result<Plan, PlanError>, Trace) {
        let (terms, query) = self.query(expr);
        self.run_traced(terms, query)
    }

    /// The cheapest plan of a term, such as one that was read from text: its columns in the order of their
    /// ids, under the names that texts give them. It means what the semantics of the term's arena say.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan_term(&self, terms: Terms, root: TermId) -> Result<Plan, PlanError> {
        let query = Query::of_term(&terms, root);
        self.run(terms, &query, &mut ()).0
    }

    /// As [`Planner::plan_term`], recorded as by [`Planner::plan_traced`].
    pub fn plan_term_traced(&self, terms: Terms, root: TermId) -> (Result<Plan, PlanError>, Trace) {
        let query = Query::of_term(&terms, root);
        self.run_traced(terms, query)
    }

    fn terms(&self) -> Terms {
        Terms::new(self.functions.clone()).with_semantics(self.semantics)
    }

    fn query(&self, expr: &Expr) -> (Terms, Query) {
        let mut terms = self.terms();
        let query = Query::of(expr, &mut terms);
        (terms, query)
    }

    fn run_traced(&self, terms: Terms, query: Query) -> (Result<Plan, PlanError>, Trace) {
        let mut recorder = Recorder::default();
        let (plan, run) = self.run(terms, &query, &mut recorder);
        (plan, Trace::new(self.clone(), recorder, run, query))
    }

    /// One optimization, and what it leaves.
    fn run<O: Observer>(&self, mut terms: Terms, query: &Query, observer: &mut O) -> (Result<Plan, PlanError>, Run) {
        let span = info_span!("plan", partitions = self.target_partitions, e_nodes = Empty).entered();
        let joined = debug_span!("decorrelate").in_scope(|| decorrelate(&mut terms, query.root, observer));
        let refused = match self.target_partitions {
            0 => Err(PlanError::Partitions(0)),
            _ if self.fan_in < 2 => Err(PlanError::FanIn(self.fan_in)),
            _ => kept(terms.semantics()).and_then(|()| supported(&terms, joined)),
        };
        if let Err(error) = refused {
            let estimator = Estimator::new(&terms);
            let graph = Graph::new(terms, estimator);
            return (Err(error), Run { graph, normal: None, fired: Fired::default(), caps: IndexMap::new() });
        }
        let (mut fired, mut caps) = (Fired::default(), IndexMap::new());
        let budget = self.budgets.rewrites;
        let normal = debug_span!("normalize")
            .in_scope(|| normalize(&mut terms, joined, &self.phases.normalize, budget, &mut fired, observer));
        let most = || fired.most(&self.rules, Phase::Normalize);
        cap(&mut caps, "rewrites", normal.steps, budget, normal.exhausted, most);
        cap_cycles(&mut caps, &terms, &normal.cycles);

        let mut estimator = Estimator::new(&terms);
        estimator.learn(&terms, &[]);
        let graph = Graph::new(terms, estimator);
        let mut run = Run { graph, normal: Some(normal.root), fired, caps };
        let extraction = self.search(&mut run, normal.root, observer);
        let plan = extraction.map(|extraction| {
            let fired = run.fired.in_order(&self.rules);
            debug_span!("finish").in_scope(|| self.assemble(&run.graph, &extraction, query, fired, run.caps.clone()))
        });
        span.record("e_nodes", run.graph.size());
        (plan, run)
    }

    /// The cheapest way to compute a normalized term.
    fn search<O: Observer>(&self, run: &mut Run, normal: TermId, observer: &mut O) -> Result<Extraction, PlanError> {
        let Run { graph, fired, caps, .. } = run;
        let mut joins = JoinUse::default();
        let root = debug_span!("order joins").in_scope(|| build(graph, normal, &self.budgets, &mut joins, observer));
        cap(caps, "join-pairs", joins.pairs as u64, self.budgets.join_pairs as u64, joins.exceeded, || None);

        let explored =
            debug_span!("explore").in_scope(|| explore(graph, &self.phases.explore, &self.budgets, fired, observer));
        graph.settle_rows();
        let most = || explored.added.most(&self.rules, Phase::Explore);
        let out_of_rounds = explored.exhausted && explored.rounds >= self.budgets.rounds;
        cap(caps, "rounds", explored.rounds, self.budgets.rounds, out_of_rounds, most);
        let size = graph.size();
        cap(caps, "e-nodes", size as u64, self.budgets.nodes as u64, size >= self.budgets.nodes, most);

        let alternatives =
            debug_span!("implement").in_scope(|| implement(graph, &self.phases.implement, fired, observer));
        if let Some(violation) = graph.violation() {
            return Err(PlanError::Tripwire(violation.to_owned()));
        }
        let missing = alternatives.iter().find(|(_, alternatives)| alternatives.is_empty());
        let operator = missing.map(|(class, _)| {
            let nodes = crate::rules::Forest::nodes(graph, *class);
            nodes.first().map_or("nothing", |node| node.op.name()).to_owned()
        });
        let hashed = self.hashed_leaves(graph.terms());
        let extractor = Extractor::new(graph, &*self.cost, self.target_partitions, hashed, alternatives);
        let not_implemented =
            || PlanError::NotImplemented { operator: operator.unwrap_or_else(|| "a cycle".to_owned()) };
        debug_span!("extract").in_scope(|| extractor.extract(root, observer)).ok_or_else(not_implemented)
    }

    fn hashed_leaves(&self, terms: &Terms) -> HashedLeaves {
        match self.leaf_partitioning {
            true => HashedLeaves::of(terms, self.target_partitions),
            false => HashedLeaves::default(),
        }
    }

    /// The plan of an extraction.
    pub(super) fn assemble(
        &self,
        graph: &Graph,
        extraction: &Extraction,
        query: &Query,
        fired: IndexMap<String, u64>,
        caps: IndexMap<String, CapUse>,
    ) -> Plan {
        let terms = graph.terms();
        let columns: Vec<_> = query.output.iter().map(|(_, column)| *column).collect();
        let (root, made) = finish(terms, extraction, &self.hashed_leaves(terms), &columns);
        let leaves: Vec<_> = terms.gets().iter().map(|spec| spec.leaf.clone()).collect();
        let (root, leaves) = read_leaves(root, leaves);
        let columns = terms.columns().iter();
        let columns = columns
            .map(|column| PlanColumn { name: column.name.clone(), data_type: column.data_type.clone() })
            .chain(made)
            .collect();
        Plan {
            shape: plan_shape(&root, &query.output, &leaves),
            root,
            output: query.output.clone(),
            schema: query.schema.clone(),
            columns,
            leaves,
            target_partitions: self.target_partitions,
            fan_in: self.fan_in,
            semantics: *terms.semantics(),
            result: query.result.clone(),
            repartitions_left_out: query.repartitions_left_out,
            ruleset: self.rules.token(),
            fired,
            caps,
            size: graph.size() as u64,
        }
    }
}

/// What an optimization leaves behind, with a plan or without.
pub(super) struct Run {
    pub graph: Graph,
    /// The normal form; `None` where the query was refused before.
    pub normal: Option<TermId>,
    pub fired: Fired,
    pub caps: IndexMap<String, CapUse>,
}
