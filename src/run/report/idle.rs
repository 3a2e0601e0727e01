use super::recorded_event::RecordedEvent;

/// Tasks without an attempt that counts and ran.
#[derive(Default)]
pub(super) struct Idle {
    /// No attempt of these ran.
    pub(super) never_ran: Vec<u32>,
    /// Earlier attempts of these ran: they have slices.
    pub(super) not_again: Vec<u32>,
}

impl Idle {
    pub(super) fn add(&mut self, event: RecordedEvent<'_>) {
        let ran = event.attempts().iter().any(|attempt| attempt.started.is_some());
        let of_kind = if ran { &mut self.not_again } else { &mut self.never_ran };
        of_kind.push(event.task as u32);
    }
}
