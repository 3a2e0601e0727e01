macro_rules! queries {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../queries/tpch/", $name, ".sql")))),*]
    };
}

/// The 22 queries of the benchmark, by name.
pub const QUERIES: [(&str, &str); 22] = queries![
    "q01", "q02", "q03", "q04", "q05", "q06", "q07", "q08", "q09", "q10", "q11", "q12", "q13", "q14", "q15", "q16",
    "q17", "q18", "q19", "q20", "q21", "q22",
];

/// The text of a query.
///
/// ```
/// assert!(leafhold_datafusion::tpch::query("q05").unwrap().contains("region"));
/// assert!(leafhold_datafusion::tpch::query("q23").is_none());
/// ```
pub fn query(name: &str) -> Option<&'static str> {
    QUERIES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}
