use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::sync::Once;

thread_local! {
    /// Whether this thread runs a task.
    static AT_WORK: Cell<bool> = const { Cell::new(false) };
    /// Where it panicked last.
    static TRACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A trace is no longer than this.
const LONGEST: usize = 1 << 14;

/// From now on, a panic of this thread leaves a trace with it, beside what panics do anyway.
pub(super) fn keep_panic_traces() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if AT_WORK.get() {
                TRACE.set(Some(cut_trace(format!("{panic}\n{}", Backtrace::force_capture()))));
            }
            before(panic);
        }));
    });
    AT_WORK.set(true);
}

/// A trace that is not longer than traces should be.
pub(super) fn cut_trace(mut trace: String) -> String {
    if trace.len() > LONGEST {
        trace.truncate(trace.floor_char_boundary(LONGEST));
        trace.push_str("\n..");
    }
    trace
}

/// The trace of the panic that was just caught on this thread, where traces are kept.
pub(super) fn panic_trace() -> Option<String> {
    TRACE.take()
}
