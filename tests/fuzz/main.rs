//! A bounded run of the fuzz targets: mutated rule files and golden files, and random guards. No input makes them panic.
//!
//! `cargo fuzz run rules` (also `golden`, `guards`) in `fuzz/` runs the same targets for as long as one likes.

mod targets;

use std::sync::LazyLock;

use leafhold::rules::RuleSet;
use proptest::prelude::*;
use proptest::sample::Index;

/// One rule with its law each, so that a mutation meets a small text.
static RULES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let rules = RuleSet::builtin().rules().to_vec();
    rules.iter().map(|rule| format!(";; A law.\n{}\n", rule.source()).into_bytes()).collect()
});

const GOLDEN: &[u8] = b"# why\n\nquery\nfilter (a = 1) t\n----\nexpect: push-a, merge-b\nexpect-not: split-c\nbudget: 9\n\
    fired: push-a, merge-b\nsize: 7\nfilter (a = 1)\n  read t [a]\n\nrule push-a\nt\n----\n\nstage normalized\nt\n----\n";

/// What a mutation puts into a text: what such files are made of, and what no file should hold.
const PIECES: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "\\",
    ";; x\n",
    "..",
    "?x",
    "_",
    "?root",
    "(rule ",
    "(match ",
    "all",
    "18446744073709551616",
    "-1",
    "\u{0}",
    "\u{feff}",
    "é",
    "\n----\n",
    "query\n",
    "fired:",
];

/// A change of a text.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, usize),
    Remove(Index, usize),
    Byte(Index, u8),
    Repeat(Index, usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (any::<Index>(), 0..PIECES.len()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<Index>(), 1usize..24).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
        (any::<Index>(), 1usize..200).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ];
    proptest::collection::vec(edit, 1..5)
}

fn edited(text: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut text = text.to_vec();
    for edit in edits {
        if text.is_empty() {
            break;
        }
        match edit {
            Edit::Insert(at, piece) => {
                let at = at.index(text.len());
                text.splice(at..at, PIECES[*piece].bytes());
            }
            Edit::Remove(at, length) => {
                let at = at.index(text.len());
                let end = (at + length).min(text.len());
                text.drain(at..end);
            }
            Edit::Byte(at, byte) => {
                let at = at.index(text.len());
                text[at] = *byte;
            }
            Edit::Repeat(at, length) => {
                let at = at.index(text.len());
                let piece = text[at..(at + length).min(text.len())].to_vec();
                text.splice(at..at, piece);
            }
        }
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_rule_file_makes_the_parser_panic(rule in any::<Index>(), edits in edits()) {
        targets::rules(&edited(&RULES[rule.index(RULES.len())], &edits));
    }

    #[test]
    fn no_golden_file_makes_the_parser_panic(edits in edits()) {
        targets::golden(&edited(GOLDEN, &edits));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_guard_is_total(data in proptest::collection::vec(any::<u8>(), 1..40)) {
        targets::guards(&data);
    }
}

#[test]
fn the_targets_reach_what_they_fuzz() {
    RULES.iter().for_each(|rule| targets::rules(rule));
    targets::golden(GOLDEN);
    // Bytes of every kind: most make a guard that loads, and is asked of every example.
    let asked = (0..100u32).filter(|seed| {
        let data: Vec<u8> =
            (0..24).map(|at| (seed.wrapping_mul(2_654_435_761) >> (at % 24)) as u8 ^ at as u8).collect();
        targets::guards(&data) > 100
    });
    let asked = asked.count();
    assert!(asked >= 50, "{asked} of 100 guards load");
}
