//! Arguments as people write them, and what is wrong with them in plain words.

use std::num::NonZeroUsize;

use clap::builder::{OsStringValueParser, TypedValueParser};
use leafhold::explain::grouped;
use leafhold::run::MAX_THREADS;
use leafhold_datafusion::tpch;

/// An argument in UTF-8. By itself clap would not say which argument is not.
pub fn utf8<T: Clone + Send + Sync + 'static>(
    read: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T> {
    OsStringValueParser::new().try_map(move |text| match text.to_str() {
        Some(text) => read(text),
        None => Err("this is not UTF-8; a file whose name is not can be given by a link to it".to_owned()),
    })
}

/// Any text.
pub fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// How many threads or processes run tasks.
pub fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= MAX_THREADS);
    number.ok_or_else(|| format!("write a number from 1 to {}", grouped(MAX_THREADS as u64)))
}

/// A number of what there has to be one of.
pub fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "write a whole number, 1 or more".to_owned())
}

/// How many partitions one task merges.
pub fn fan_in(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number >= 2);
    number.ok_or_else(|| "write a whole number, 2 or more: of one partition there is nothing to merge".to_owned())
}

/// A scale factor of TPC-H.
pub fn scale(text: &str) -> Result<f64, String> {
    // Not a number fails this, too.
    let scale = text.parse().ok().filter(|scale| *scale > 0.0 && *scale <= tpch::LARGEST_SCALE);
    let most = grouped(tpch::LARGEST_SCALE as u64);
    scale.ok_or_else(|| format!("a scale factor is a number greater than 0 and at most {most}, such as 0.1"))
}

#[cfg(test)]
mod tests {
    use super::{fan_in, positive, scale, workers};

    #[test]
    fn numbers_have_bounds() {
        assert_eq!((workers("1").unwrap().get(), workers("1024").unwrap().get()), (1, 1_024));
        assert_eq!((positive("7").unwrap().get(), fan_in("2").unwrap(), scale("0.1").unwrap()), (7, 2, 0.1));
        assert!(["0", "1025", "-1", "two", ""].iter().all(|wrong| workers(wrong).is_err()));
        assert!(["0", "-1", "1.5"].iter().all(|wrong| positive(wrong).is_err() && fan_in(wrong).is_err()));
        assert!(["0", "-1", "nan", "inf", "1e300", "much"].iter().all(|wrong| scale(wrong).is_err()));
    }
}
