//! Reports in the trace-event format.

mod event_text;
mod json_text;
mod mark;
mod trace;
