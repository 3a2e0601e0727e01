//! Reports in the trace-event format.

mod counters;
mod trace;
mod trace_event;
