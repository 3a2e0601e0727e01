//! What one optimization did, as the run itself recorded it.
//!
//! A recorder watches the phases; when the plan is there, or the error, what it heard becomes a [`Trace`].
//! There is no second code path that could disagree. Times are recorded for statistics alone.

mod choice;
mod provenance;
mod recorder;
mod relation;
mod rule_trace;
mod sides;
mod step;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

pub use choice::{Choice, Way};
use provenance::Origins;
pub(super) use recorder::Recorder;
pub use relation::Relation;
pub use rule_trace::{Mismatch, MismatchFound, RefusedMatch, RuleTrace};
pub use step::{By, Call, NativeStep, Step};

use super::extract::Extraction;
use super::graph::{ClassId, Graph};
use super::planner::{Planner, Run};
use super::query::Query;
use super::{CapUse, Plan};
use crate::rules::Refusal;
use crate::term::{RelNode, TermId, Terms};

/// One optimization: every rewrite, every rule's matches and refusals, every choice of the extraction.
///
/// It holds the leaves of the query, with their futures, as the plan does.
pub struct Trace {
    planner: Planner,
    recorder: Recorder,
    run: Run,
    query: Query,
    origins: OnceLock<Origins>,
    chosen: OnceLock<HashMap<ClassId, RelNode<ClassId>>>,
}

impl Trace {
    /// What a recorder heard of a run, and what the run left.
    pub(super) fn new(planner: Planner, recorder: Recorder, run: Run, query: Query) -> Trace {
        Trace { planner, recorder, run, query, origins: OnceLock::new(), chosen: OnceLock::new() }
    }

    /// The arena of the query.
    pub fn terms(&self) -> &Terms {
        self.run.graph.terms()
    }

    /// The planner that ran.
    pub fn planner(&self) -> &Planner {
        &self.planner
    }

    /// The query as it was written, resolved.
    pub fn written(&self) -> TermId {
        self.query.root
    }

    /// Its normal form; `None` where the query was refused before.
    pub fn normal(&self) -> Option<TermId> {
        self.run.normal
    }

    /// Every rewrite of terms and every equality that exploration found, in order.
    pub fn steps(&self) -> &[Step] {
        &self.recorder.steps
    }

    /// What was used of every budget.
    pub fn caps(&self) -> &IndexMap<String, CapUse> {
        &self.run.caps
    }

    /// What each rule did, in canonical rule order; rules at whose operator the query has no node are not there.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &RuleTrace)> {
        let rules = self.planner.rules().rules().iter();
        rules.filter_map(|rule| Some((rule.name(), self.recorder.rules.get(rule.name())?)))
    }

    /// What a rule did; `None` where it was never tried, because no node has its operator.
    pub fn rule(&self, name: &str) -> Option<&RuleTrace> {
        self.recorder.rules.get(name)
    }

    /// The guards that said no to a match, by the rule's name: their places in
    /// [`Rule::guards`](crate::rules::Rule::guards), ascending. In canonical rule order.
    pub fn rejected(&self) -> IndexMap<String, Vec<usize>> {
        let guards = |rule: &RuleTrace| {
            let mut guards: Vec<usize> = rule
                .refused()
                .filter_map(|(refusal, ..)| match refusal {
                    Refusal::Guard(at) => Some(at),
                    _ => None,
                })
                .collect();
            guards.sort_unstable();
            guards
        };
        let rules = self.rules().map(|(name, rule)| (name.to_owned(), guards(rule)));
        rules.filter(|(_, guards)| !guards.is_empty()).collect()
    }

    fn origins(&self) -> &Origins {
        self.origins.get_or_init(|| Origins::of(self))
    }

    /// The e-node by which the plan computes each class.
    fn chosen_nodes(&self) -> &HashMap<ClassId, RelNode<ClassId>> {
        self.chosen.get_or_init(|| self.choose_nodes())
    }

    fn graph(&self) -> &Graph {
        &self.run.graph
    }

    fn plan_of(&self, extraction: &Extraction) -> Plan {
        let fired = self.run.fired.in_order(self.planner.rules());
        self.planner.assemble(self.graph(), extraction, &self.query, fired, self.run.caps.clone())
    }
}

impl std::fmt::Debug for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trace").field("steps", &self.steps().len()).finish_non_exhaustive()
    }
}

/// A rule, shared.
type SharedRule = Arc<crate::rules::Rule>;
