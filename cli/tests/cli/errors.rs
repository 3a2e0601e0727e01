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
    for command in ["run", "explain", "why"] {
        leafhold(&[command]).fails(2, &["<QUERY|", "-c", "Usage: leafhold"]);
    }
}

#[test]
fn numbers_out_of_bounds_are_told_in_plain_words() {
    for option in ["--threads", "--isolate"] {
        for wrong in ["0", "1025", "100000", "many"] {
            leafhold(&["run", "tpch/q06", option, wrong]).fails(2, &[option, "write a number from 1 to 1,024"]);
        }
        assert!(leafhold(&["run", "--help"]).ok().out.contains("1,024 at most"));
    }
    leafhold(&["rules", "verify", "--threads", "100000"]).fails(2, &["from 1 to 1,024"]);
    leafhold(&["explain", "tpch/q06", "--partitions", "0"]).fails(2, &["--partitions", "a whole number, 1 or more"]);
    for wrong in ["0", "1", "-1"] {
        let fan_in = format!("--fan-in={wrong}");
        leafhold(&["explain", "tpch/q06", &fan_in]).fails(2, &["--fan-in", "a whole number, 2 or more"]);
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_not_utf8_is_named() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use crate::process::{command, from};

    let run = |before: &[&str], wrong: &[u8]| from(command(before).arg(OsStr::from_bytes(wrong)).output().unwrap());
    run(&["run", "tpch/q06", "--table"], b"t=\xff.csv").fails(2, &["--table <NAME=PATH>", "not UTF-8"]);
    run(&["run", "tpch/q06", "--report"], b"html=\xff").fails(2, &["--report <FORM[=FILE]>", "not UTF-8"]);
    run(&["run"], b"\xff.sql").fails(2, &["[QUERY]", "not UTF-8"]);
    run(&["run", "-c"], b"select '\xff'").fails(2, &["--command <SQL>", "not UTF-8"]);
}

#[test]
fn unknown_names_come_with_suggestions() {
    leafhold(&["run", "tpch/q99"]).fails(2, &["no query `tpch/q99`", "did you mean `tpch/q", "q01 to tpch/q22"]);
    let sql = |sql| leafhold(&["run", "-c", sql, "--tpch", "0.001"]);
    sql("select 1 from lineitm").fails(1, &["no table `lineitm`; did you mean `lineitem`?", "line 1, column 15"]);
    sql("select l_pric from lineitem").fails(1, &["no column `l_pric`"]);
    sql("select l_taxx from lineitem").fails(1, &["no column `l_taxx`; did you mean `l_tax`?"]);
    let without = |rule| leafhold(&["run", "tpch/q06", "--tpch", "0.001", "--disable-rule", rule]);
    without("fly-away").fails(2, &["no rule `fly-away`"]);
    without("merge-onions").fails(2, &["no rule `merge-onions`; did you mean `merge-unions`?"]);
    leafhold(&["rules", "show", "fly-away"]).fails(2, &["no rule `fly-away`"]);
}

#[test]
fn bad_sql_names_the_place() {
    leafhold(&["run", "-c", "select from where"]).fails(1, &["line 1, column"]);
    with_input(&["explain", "-"], "").fails(1, &["error: "]);
}

#[test]
fn one_query_runs_and_nothing_else() {
    let run = |sql| leafhold(&["run", "-c", sql, "--tpch", "0.001"]);
    run("drop table t").fails(1, &["only queries (SELECT, WITH or VALUES) run here, not DROP TABLE"]);
    run("insert into nation select * from nation").fails(1, &["only queries (SELECT, WITH or VALUES) run here"]);
    run("begin").fails(1, &["only queries (SELECT, WITH or VALUES) run here, not BEGIN"]);
    run("select 1; select 2").fails(1, &["there is more than one query here; give one at a time"]);
    run("select 1;").ok();
}

#[test]
fn scale_factors_are_more_than_nothing() {
    for scale in ["0", "-1", "nan", "inf", "1e300", "much"] {
        for command in [&["run", "tpch/q01"][..], &["diff", "shipped", "shipped"], &["rules", "test", "x.golden"]] {
            let args = [command, &["--tpch", scale]].concat();
            leafhold(&args).fails(2, &["--tpch", "scale factor", "greater than 0 and at most 100,000"]);
        }
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
fn a_csv_file_with_a_doubled_name_or_an_open_quote_is_named() {
    let run = |content: &str, query: &str| {
        let file = TempFile::new("bad.csv", content);
        leafhold(&["run", "-c", query, "--table", &format!("t={}", file.path()), "--output", "csv"])
    };
    run("a,b,a\n1,2,3\n", "select b from t").fails(1, &["bad.csv: two columns are called `a`"]);
    run("a,,\n1,2,3\n", "select a from t").fails(1, &["bad.csv: two columns have no name"]);
    let open = run("a,b\n1,\"x\n2,y\n", "select a from t");
    open.fails(1, &["bad.csv", "it ends inside quotes that begin in line 2 and are never closed"]);
    assert_eq!(run("a,b\n1,\"x\n2,y\"\n3,5\" z\n", "select count(*) as n from t").ok().out, "n\n2\n");
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
