//! Bad input gives a message with the place, exit code 1 (2 for usage), and nothing else.

use crate::process::{TempFile, leafhold, with_input};

#[test]
fn usage() {
    let wrong: [&[&str]; 9] = [
        &["run"],
        &["fly"],
        &["run", "tpch/q01", "--fly"],
        &["run", "tpch/q01", "-c", "select 1"],
        &["run", "tpch/q01", "--table", "t"],
        &["run", "tpch/q01", "--tpch", "much"],
        &["run", "tpch/q01", "--threads", "0"],
        &["run", "tpch/q01", "--partitions", "0"],
        &["explain", "tpch/q01", "--stage", "expr", "--analyze"],
    ];
    for args in wrong {
        leafhold(args).fails(2, &["error: "]);
    }
}

#[test]
fn unknown_names_come_with_suggestions() {
    leafhold(&["run", "tpch/q99"]).fails(1, &["no query `tpch/q99`", "did you mean `tpch/q", "q01 to tpch/q22"]);
    let sql = |sql| leafhold(&["run", "-c", sql, "--tpch", "0.001"]);
    sql("select 1 from lineitm").fails(1, &["no table `lineitm`; did you mean `lineitem`?", "line 1, column 15"]);
    sql("select l_pric from lineitem").fails(1, &["no column `l_pric`"]);
    sql("select l_taxx from lineitem").fails(1, &["no column `l_taxx`; did you mean `l_tax`?"]);
    leafhold(&["run", "tpch/q06", "--tpch", "0.001", "--disable-rule", "fly-away"]).fails(1, &["no rule `fly-away`"]);
    leafhold(&["rules", "show", "fly-away"]).fails(1, &["no rule `fly-away`"]);
}

#[test]
fn bad_sql_names_the_place() {
    leafhold(&["run", "-c", "select from where"]).fails(1, &["line 1, column"]);
    with_input(&["explain", "-"], "").fails(1, &["error: "]);
    leafhold(&["run", "-c", "drop table t"]).fails(1, &["only queries can be planned"]);
}

#[test]
fn scale_factors_are_more_than_nothing() {
    for scale in ["0", "-1", "nan", "inf"] {
        leafhold(&["run", "tpch/q01", "--tpch", scale]).fails(1, &["scale factor", "greater than 0"]);
    }
}

#[test]
fn files_that_are_missing_or_corrupt() {
    leafhold(&["run", "missing.sql"]).fails(1, &["missing.sql: "]);
    leafhold(&["run", "-c", "select 1 from t", "--table", "t=missing.parquet"]).fails(1, &["missing.parquet"]);
    let corrupt = TempFile::new("corrupt.parquet", "PAR1 this is no Parquet file PAR1");
    let table = format!("t={}", corrupt.path());
    leafhold(&["run", "-c", "select 1 from t", "--table", &table]).fails(1, &["corrupt.parquet"]);
    let binary = TempFile::new("binary.sql", [0xff, 0xfe, 0x00]);
    leafhold(&["run", binary.path()]).fails(1, &["binary.sql"]);
}

#[test]
fn bad_rule_files_name_file_line_and_column() {
    let rules =
        TempFile::new("bad.rules", ";; A rule that does not parse.\n(rule push-nothing\n  (phase normalise))\n");
    leafhold(&["rules", "check", rules.path()]).fails(1, &["bad.rules:3:"]);
    let folder = rules.0.parent().unwrap().to_str().unwrap();
    leafhold(&["run", "tpch/q06", "--tpch", "0.001", "--rules", folder]).fails(1, &["bad.rules:3:"]);
    leafhold(&["rules", "check", "missing.rules"]).fails(1, &["missing.rules"]);
}
