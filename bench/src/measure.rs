//! How time is taken.

use std::time::Instant;

/// Milliseconds that a piece of work takes, and what it gives.
pub fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64), E> {
    let start = Instant::now();
    let value = work()?;
    Ok((value, start.elapsed().as_secs_f64() * 1e3))
}

/// The smallest of some times: what the work takes when nothing else disturbs it.
#[derive(Clone, Copy, Debug)]
pub struct Minimum(f64);

impl Default for Minimum {
    fn default() -> Self {
        Minimum(f64::INFINITY)
    }
}

impl Minimum {
    /// Takes one more time into account.
    pub fn add(&mut self, time: f64) {
        self.0 = self.0.min(time);
    }

    /// The smallest so far.
    pub fn get(self) -> f64 {
        self.0
    }
}
