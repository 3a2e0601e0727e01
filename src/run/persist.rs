use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Condvar, Mutex};

use super::names::{Claim, Making, Spec, claim};
use super::recovery::Recovery;
use super::{Executor, Run, RunCause, RunError, RunReport, RunWarning};
use crate::expr::{ExprError, Frame, Outline};
use crate::leaf::{Fault, FromDelayed, FutureHandle, HashPartitioning, Leaf, Origin, Promise};
use crate::lower::{HashFunctions, LowerError, lower_for};
use crate::optimize::{Plan, PlanError, Planner};

/// How to persist a frame.
#[derive(Clone, Debug)]
pub struct PersistOptions {
    /// What the outputs are called: their keys are this name and the partition. Without a name they carry
    /// the token of what is computed, so they mean the same everywhere.
    ///
    /// The same name for the same computation, while its outputs are alive, is the same outputs. For another
    /// computation it is a [`RunWarning::KeyCollision`], other keys, and the right result.
    pub name: Option<String>,
    /// Whether the new leaf owns the leaves that it was made from, so that data which get lost are made
    /// again (law L1b). Otherwise they are let go once all of the result is there.
    pub recoverable: bool,
}

impl Default for PersistOptions {
    fn default() -> Self {
        PersistOptions { name: None, recoverable: true }
    }
}

/// Why a frame could not be persisted.
#[derive(Debug, thiserror::Error)]
pub enum PersistError {
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan contradicts itself.
    #[error("lowering the plan: {0}")]
    Lower(#[from] LowerError),
    /// The result's schema makes no leaf.
    #[error(transparent)]
    Leaf(#[from] ExprError),
}

/// A frame over the futures of its own result, and the run that computes them in the background.
#[derive(Clone)]
pub struct Persisted {
    /// The frame.
    pub frame: Frame,
    /// The run; shared with others when the same computation was alive already.
    pub run: Arc<PersistRun>,
    /// What this call should know: the run's report says it, too, when this call has started the run.
    pub warnings: Vec<RunWarning>,
}

/// A run in the background. It holds no data and no futures: who wants the result holds the frame.
#[derive(Default)]
pub struct PersistRun {
    result: Mutex<Option<Result<RunReport, Box<RunError>>>>,
    ended: Condvar,
}

impl PersistRun {
    /// Waits for the end of the run.
    ///
    /// # Errors
    /// The first cause of failure, with the report inside. The futures of the frame failed with it.
    pub fn wait(&self) -> Result<RunReport, Box<RunError>> {
        let mut result = self.result.lock();
        loop {
            match &*result {
                Some(result) => return result.clone(),
                None => self.ended.wait(&mut result),
            }
        }
    }

    fn end(&self, result: Result<RunReport, Box<RunError>>) {
        self.result.lock().get_or_insert(result);
        self.ended.notify_all();
    }
}

impl fmt::Debug for PersistRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersistRun").field("ended", &self.result.lock().is_some()).finish()
    }
}

impl Frame {
    /// Computes the frame in the background: a frame over new futures, one per partition of the result.
    /// It owns what it was made from, so that lost data can be made again; see [`persist`] for more.
    ///
    /// # Errors
    /// No plan. What goes wrong in the run fails the futures, and whoever reads them hears it.
    pub fn persist<E>(&self, planner: &Planner, executor: &E) -> Result<Frame, PersistError>
    where
        E: Executor + Clone + 'static,
    {
        Ok(persist(self, planner, executor, PersistOptions::default())?.frame)
    }
}

/// Computes a frame in the background, into futures of this process, and gives a frame over them.
///
/// Where the result lies hashed by columns, because somebody wished so
/// ([`Repartitioning::Hash`](crate::expr::Repartitioning::Hash)) or because the plan ends so, and the executor's kernels have a
/// [`hash_function`](super::Kernels::hash_function), its leaf declares it: joins, aggregates and windows by these
/// columns, planned for as many partitions, read it as it lies. Kernels with another hash function than the executor says
/// do not run the tasks that put rows there. Rows that nothing moves lie by the function by which they lay before.
///
/// The frame can be used at once: what reads it waits for its futures. When nobody needs any of them any
/// more, the run is cancelled. Futures that the run adopts live until the last of the new ones goes.
///
/// # Errors
/// No plan. What goes wrong in the run fails the futures, and whoever reads them hears it;
/// [`PersistRun::wait`] gives the report.
pub fn persist<E>(
    frame: &Frame,
    planner: &Planner,
    executor: &E,
    options: PersistOptions,
) -> Result<Persisted, PersistError>
where
    E: Executor + Clone + 'static,
{
    let plan = planner.plan(frame.expr())?;
    let graph = lower_for(&plan, executor.hash_function())?;
    let hashed = hash_partitioning(&plan, executor.hash_function())?;
    let spec = Spec { outline: Outline::of(frame.expr()), partitions: plan.target_partitions };
    let token = frame.token();
    let called = options.name.clone().unwrap_or_else(|| "persisted".to_owned());
    let name = options.name.unwrap_or_else(|| format!("{}-{token}", frame.expr().op().name()));
    let recovery = || Arc::new(Recovery::new(name.clone(), plan.clone(), executor.clone())) as Arc<dyn Origin>;
    let origin = options.recoverable.then(recovery);
    let made = Making { outputs: graph.outputs.len(), hashed, origin };
    let Claim { handles, made, run, promises, warning } = claim(&name, &format!("{name}-{token}"), spec, made);
    if let Some(warning) = &warning {
        tracing::warn!(key = %name, "{warning}");
    }
    let mut leaf = FromDelayed::new(called, plan.schema.clone(), handles).map_err(ExprError::from)?;
    if let Some(partitioning) = made.hashed {
        leaf = leaf.with_hash_partitioning(partitioning).map_err(ExprError::from)?;
    }
    if let Some(origin) = made.origin {
        leaf = leaf.with_origin(origin);
    }
    let frame = Frame::new(crate::expr::Expr::leaf(Leaf::FromDelayed(leaf))?, frame.functions().clone());
    // Nothing runs of which there is no leaf.
    if let Some(promises) = promises {
        start(executor.submit(graph), promises, run.clone(), warning.clone());
    }
    Ok(Persisted { frame, run, warnings: warning.into_iter().collect() })
}

/// How the rows of a plan's result lie, once kernels with this hash function have run it.
fn hash_partitioning(plan: &Plan, own: Option<&str>) -> Result<Option<HashPartitioning>, LowerError> {
    let Some(result) = plan.hashed_result() else { return Ok(None) };
    // What moved them last is the exchange for the result, or one that must agree with leaves whose rows its own meet, or
    // nothing: then they lie as such a leaf does.
    let function = if plan.moves_for_result() { own } else { HashFunctions::of(plan)?.of_root().or(own) };
    Ok(function.map(|function| HashPartitioning { function: function.to_owned(), columns: result.hashed }))
}

/// Keeps promises with the result of a run, in the background.
pub(super) fn start(run: Run, promises: Vec<Promise>, ended: Arc<PersistRun>, warning: Option<RunWarning>) {
    let wanted = Arc::new(AtomicUsize::new(promises.len()));
    for promise in &promises {
        let (wanted, canceller) = (wanted.clone(), run.canceller());
        promise.on_release(move || {
            if wanted.fetch_sub(1, Ordering::AcqRel) == 1 {
                canceller.cancel();
            }
        });
    }
    let keeper = Keeper { promises, ended };
    // Without a thread, the run is dropped, which cancels it, and so is the keeper.
    let started = std::thread::Builder::new().name("leafhold-persist".into()).spawn(move || {
        let result = run.wait();
        keeper.keep(result, warning);
    });
    drop(started);
}

struct Keeper {
    promises: Vec<Promise>,
    ended: Arc<PersistRun>,
}

impl Keeper {
    fn keep(mut self, result: Result<super::Outcome, Box<RunError>>, warning: Option<RunWarning>) {
        let promises = std::mem::take(&mut self.promises);
        match result {
            Ok(mut outcome) => {
                outcome.report.warnings.extend(warning);
                let adopted: Arc<[FutureHandle]> = outcome.adopted.into();
                for (promise, data) in promises.into_iter().zip(outcome.partitions) {
                    promise.adopt(adopted.clone());
                    promise.resolve(data);
                }
                self.ended.end(Ok(outcome.report));
            }
            Err(mut error) => {
                error.report.warnings.extend(warning);
                for promise in promises {
                    promise.resolve(Err::<crate::leaf::PartitionData, _>(match error.cause {
                        RunCause::Cancelled => Fault::cancelled(&error),
                        _ => Fault::failed(&error),
                    }));
                }
                self.ended.end(Err(error));
            }
        }
    }
}

impl Drop for Keeper {
    /// Whoever waits hears of the end, whatever it was. The promises say the same to the futures.
    fn drop(&mut self) {
        let cause = RunCause::Worker("the executor went away without a result".to_owned());
        self.ended.end(Err(Box::new(RunError { cause, report: RunReport::default() })));
    }
}
