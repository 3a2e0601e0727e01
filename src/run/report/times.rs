//! How reports write durations: in microseconds, with the nanoseconds as a fraction. Exact up to 52 days.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Whole nanoseconds: for what is longer, as many as a number with a sign can be.
#[inline]
pub(super) fn nanos(time: Duration) -> u64 {
    const LARGEST: u64 = i64::MAX as u64;
    let nanos = time.as_secs().saturating_mul(1_000_000_000).saturating_add(time.subsec_nanos().into());
    nanos.min(LARGEST)
}

pub(super) fn number(time: &Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

fn duration<E: Error>(microseconds: f64) -> Result<Duration, E> {
    // The cast saturates; what does not fit is refused before.
    match (0.0..1.8e16).contains(&microseconds) {
        true => Ok(Duration::from_nanos((microseconds * 1e3).round() as u64)),
        false => Err(E::custom(format!("{microseconds} is no time in microseconds since the start of a run"))),
    }
}

pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    number(time).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    duration(f64::deserialize(deserializer)?)
}

/// The same where there may be none.
pub(super) mod optional {
    use super::*;

    pub(in crate::run::report) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.as_ref().map(number).serialize(serializer)
    }

    pub(in crate::run::report) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(deserializer)?.map(duration).transpose()
    }
}

/// A moment of the calendar, as microseconds since 1970.
pub(super) mod calendar {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    pub(in crate::run::report) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX).serialize(serializer)
    }

    pub(in crate::run::report) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let since = Duration::from_micros(u64::deserialize(deserializer)?);
        UNIX_EPOCH.checked_add(since).ok_or_else(|| D::Error::custom("no calendar goes that far"))
    }
}
