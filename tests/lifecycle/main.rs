//! The protocol of runs as a state machine: its laws, whatever the order, loss, lateness or repetition of messages.

mod exhaustive;
mod orders;
mod world;
