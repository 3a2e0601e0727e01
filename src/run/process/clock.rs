use std::time::{Duration, Instant};

/// Where a worker's clock stands on the driver's time line (law T2).
///
/// Both are monotonic and tick alike; only where they start differs. A question and its answer bound that:
/// the worker read its clock somewhere between, so the middle is wrong by half of the round trip at most. Of
/// several rounds the shortest counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockOffset {
    /// Some moment of the worker's clock, and the driver's for it.
    worker: Duration,
    driver: Instant,
    round_trip: Duration,
}

impl ClockOffset {
    /// From one round trip: the driver asked and heard, and between the worker read its clock.
    pub(super) fn of_round_trip(asked: Instant, worker: Duration, heard: Instant) -> Self {
        let round_trip = heard.saturating_duration_since(asked);
        ClockOffset { worker, driver: asked + round_trip / 2, round_trip }
    }

    /// The better of two estimates.
    pub(super) fn better(self, other: Self) -> Self {
        if other.round_trip < self.round_trip { other } else { self }
    }

    /// The time from `start` to `ended`, by the worker's clock, on the driver's time line. The duration stays
    /// exactly that; where the estimate would put it outside of what the driver knows (it sent the task before,
    /// and had the answer after), it is moved inside.
    pub(super) fn place(
        &self,
        (started, ended): (Duration, Duration),
        (sent, received): (Instant, Instant),
    ) -> (Instant, Instant) {
        let duration = ended.saturating_sub(started);
        let at = match started.checked_sub(self.worker) {
            Some(after) => self.driver + after,
            None => self.driver.checked_sub(self.worker - started).unwrap_or(sent),
        };
        let latest = received.checked_sub(duration).unwrap_or(sent);
        let at = at.min(latest).max(sent);
        (at, at + duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn law_t2_durations_stay_and_places_are_estimated() {
        let start = Instant::now();
        // The worker's clock is 5 s ahead of the driver's.
        let slow = ClockOffset::of_round_trip(start, 5000 * MS + 30 * MS, start + 40 * MS);
        let quick = ClockOffset::of_round_trip(start + 50 * MS, 5051 * MS, start + 52 * MS);
        let offset = slow.better(quick);
        let (at, end) = offset.place((5100 * MS, 5130 * MS), (start + 90 * MS, start + 200 * MS));
        assert_eq!((at, end), (start + 100 * MS, start + 130 * MS));
        let before = offset.place((4951 * MS, 4952 * MS), (start - 100 * MS, start));
        assert_eq!(before, (start - 49 * MS, start - 48 * MS), "also before the clocks were compared");
    }

    #[test]
    fn law_t2_a_task_never_starts_before_it_was_sent_nor_ends_after_its_answer() {
        let start = Instant::now();
        let offset = ClockOffset::of_round_trip(start, 20 * MS, start + 40 * MS);
        let early = offset.place((20 * MS, 60 * MS), (start + 30 * MS, start + 80 * MS));
        assert_eq!(early, (start + 30 * MS, start + 70 * MS));
        let late = offset.place((60 * MS, 90 * MS), (start + 30 * MS, start + 80 * MS));
        assert_eq!(late, (start + 50 * MS, start + 80 * MS));
    }
}
