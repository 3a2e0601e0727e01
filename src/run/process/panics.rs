use std::backtrace::Backtrace;
use std::cell::Cell;
use std::sync::Once;

thread_local! {
    /// Where this thread panicked last.
    static TRACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// A trace is no longer than this.
const LONGEST: usize = 1 << 14;

/// From now on, a panic of this process leaves a trace with the thread, as well as what it did before.
pub(super) fn keep_panic_traces() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let mut trace = format!("{panic}\n{}", Backtrace::force_capture());
            if trace.len() > LONGEST {
                trace.truncate(trace.floor_char_boundary(LONGEST));
                trace.push_str("\n..");
            }
            TRACE.set(Some(trace));
            before(panic);
        }));
    });
}

/// The trace of the panic that was just caught on this thread, where traces are kept.
pub(super) fn panic_trace() -> Option<String> {
    TRACE.take()
}
