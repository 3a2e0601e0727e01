use std::panic::{AssertUnwindSafe, catch_unwind};

use super::divide::divide;
use super::native::{partition_function, run_partition_function};
use super::panics::{cut_trace, panic_trace};
use super::work::UnknownObserver;
use super::{KernelError, Kernels, SlotData, TaskContext, TaskOutput};
use crate::leaf::panic_text;
use crate::lower::{Fragment, FragmentOutput};

/// Why a fragment gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// The engine's error.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The engine's code panicked.
    #[error("the engine panicked: {0}")]
    Panic(String),
    /// The worker does not know an observer that the run wants; nothing has run.
    #[error(transparent)]
    Observer(#[from] UnknownObserver),
}

impl FragmentError {
    /// The error, and where it was raised on this thread just now, if that is known.
    pub(super) fn split_trace(self) -> (Self, Option<String>) {
        // Before anybody else may panic here.
        let panicked = panic_trace();
        let (error, trace) = match self {
            FragmentError::Kernel(error) => {
                let (error, trace) = error.split_trace();
                (error.into(), trace)
            }
            error => (error, None),
        };
        (error, trace.map(cut_trace).or(panicked))
    }
}

/// Runs one fragment on this thread: all that a worker needs who got the fragment as bytes and the data
/// of its slots. A panic of the kernels is an error, and so are slots or ports of the wrong number.
///
/// `inputs` has the data of each slot: one entry per source, in order. `context` says which partition it
/// is. The output has the batches of each port. A [`partition_function`] runs beside the kernels.
///
/// # Errors
/// What the kernels say, or how they broke their contract.
pub fn run_fragment(
    kernels: &dyn Kernels,
    fragment: &Fragment,
    inputs: Vec<SlotData>,
    context: &TaskContext,
) -> Result<TaskOutput, FragmentError> {
    let contradiction = |reason: String| KernelError::Unsupported { operator: fragment.label.clone(), reason };
    if inputs.len() != fragment.inputs {
        let reason = format!("it was given {} slots instead of {}", inputs.len(), fragment.inputs);
        return Err(contradiction(reason).into());
    }
    fragment.check_partition(context.partition).map_err(contradiction)?;
    if let FragmentOutput::Hashed { function: Some(wanted), .. } = &fragment.output
        && kernels.hash_function() != Some(wanted)
    {
        let own = kernels.hash_function().map_or_else(|| "a hash without a name".to_owned(), |own| format!("`{own}`"));
        let reason = format!(
            "its rows are to lie hashed by `{wanted}`, and these kernels have {own}; run it on kernels that have that one, \
             or, where leaves lie so, plan it with `Planner::with_leaf_partitioning(false)`"
        );
        return Err(contradiction(reason).into());
    }
    let boundaries = match &fragment.output {
        FragmentOutput::Ranged { boundaries, .. } => inputs.get(*boundaries).cloned(),
        _ => None,
    };
    // Rows are divided with the engine's arrays, and belong in here, too.
    let run = || {
        let mut output = match partition_function(fragment) {
            Some(function) => run_partition_function(fragment, function, &inputs)?,
            None => kernels.run(fragment, inputs, context)?,
        };
        let (found, expected) = (output.ports.len(), fragment.output.kernel_ports());
        if found != expected {
            return Err(contradiction(format!("it gave {found} ports instead of {expected}")));
        }
        if !matches!(fragment.output, FragmentOutput::Whole | FragmentOutput::Hashed { .. }) {
            output.ports = divide(&fragment.output, output.ports.pop().unwrap_or_default(), boundaries)?;
        }
        Ok(output)
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Ok(result?),
        Err(panic) => Err(FragmentError::Panic(panic_text(&*panic))),
    }
}
