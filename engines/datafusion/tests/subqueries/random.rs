//! Random subqueries over random tables: a plan gives what the subquery gives that is computed for every row.

use leafhold::optimize::PlanError;

use super::tables::{Cell, frame, meaning, run, session};

/// Numbers that a seed fixes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    fn table(&mut self) -> Vec<[Cell; 2]> {
        let mut cell = || (self.below(4) > 0).then(|| self.below(3) as i64);
        let rows = cell().unwrap_or(1) + 3;
        (0..rows).map(|_| [cell(), cell()]).collect()
    }

    /// What a subquery is asked for its rows.
    fn condition(&mut self) -> &'static str {
        self.pick(&[
            "",
            " where y = b",
            " where x = a",
            " where x = a and y > 0",
            " where y < b",
            " where x = a or y = b",
            " where x * 0 = a",
            " where y + 1 = b and x = a",
            " where a > 0",
            " where x = b and a is null",
            " where exists (select 1 from u w where w.x = u.x and w.y < b)",
            " where x < (select count(*) from u w where w.y > a)",
        ])
    }

    /// A subquery of one column.
    fn list(&mut self) -> String {
        let condition = self.condition();
        match self.below(10) {
            6 => format!("select x from u{condition} order by y, x limit 2"),
            7 => format!("select x from u{condition} union all select y from u{}", self.condition()),
            8 => format!("select y from u{condition} union select x + 1 from u{}", self.condition()),
            9 => format!("select sum(x) over (order by x, y) from u{condition}"),
            0 => format!("select max(x) from u{condition}"),
            1 => format!("select count(*) from u{condition}"),
            2 => format!("select y from u{condition} group by y having count(*) > 1"),
            3 => format!("select distinct x + 1 from u{condition}"),
            _ => format!("select x from u{condition}"),
        }
    }

    fn scalar(&mut self) -> String {
        let call = self.pick(&["max(x)", "count(x)", "sum(y) + 1", "coalesce(min(y), 7)"]);
        match self.below(4) {
            0 => format!("(select x from u{} order by x desc, y limit 1)", self.condition()),
            _ => format!("(select {call} from u{})", self.condition()),
        }
    }

    fn atom(&mut self) -> String {
        let value = self.pick(&["a", "b", "a + 1", "nullif(a, 1)"]);
        let list = self.list();
        match self.below(8) {
            0 => format!("exists ({list})"),
            1 => format!("not exists ({list})"),
            2 => format!("{value} in ({list})"),
            3 | 4 => format!("{value} not in ({list})"),
            5 => {
                let (op, all) = (self.pick(&["=", "<>", "<", ">="]), self.pick(&["all", "any"]));
                format!("{value} {op} {all} ({list})")
            }
            6 => format!("{value} = {}", self.scalar()),
            _ => format!("{value} > 0"),
        }
    }

    fn predicate(&mut self) -> String {
        let (one, other) = (self.atom(), self.atom());
        match self.below(7) {
            0 => format!("({one}) or ({other})"),
            1 => format!("({one}) and ({other})"),
            2 => format!("not ({one})"),
            3 => format!("({one}) is null"),
            4 => format!("case when {one} then {other} else b = 1 end"),
            _ => one,
        }
    }

    fn query(&mut self) -> String {
        match self.below(4) {
            0 => format!("select a, {} as s from t", self.predicate()),
            1 => format!("select b, {} as s from t where {}", self.scalar(), self.predicate()),
            _ => format!("select a, b from t where {}", self.predicate()),
        }
    }
}

const SEEDS: u64 = 1_500;

#[test]
fn random_subqueries_mean_what_they_say() {
    let mut refused = 0;
    for seed in 0..SEEDS {
        let mut dice = Dice(seed);
        let (t, u, sql) = (dice.table(), dice.table(), dice.query());
        let session = session(&[("t", ["a", "b"], &t), ("u", ["x", "y"], &u)], 1 + seed as usize % 3);
        let frame = frame(&session, &sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        match run(&frame) {
            Ok(found) => assert_eq!(found, meaning(&frame), "seed {seed}: {sql}\nt {t:?}\nu {u:?}"),
            Err(PlanError::Unsupported { .. }) => refused += 1,
            Err(error) => panic!("{sql}: {error}"),
        }
    }
    assert_eq!(refused, 0, "of {SEEDS} queries, all of which have a plan");
}
