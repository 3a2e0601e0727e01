//! What is wrong with a rule file is reported at once, with place and way out. `LEAFHOLD_BLESS=1`
//! rewrites the expected texts.

use std::fs;
use std::path::Path;

use leafhold::rules::{Registry, RuleSet};
use proptest::prelude::*;

#[test]
fn all_errors_of_a_file_are_reported_with_their_places() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules/fail");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rules"));
    files.sort();
    assert!(files.len() >= 3);
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let found = format!("{}\n", RuleSet::parse(&[(name, &text)]).unwrap_err());
        let golden = path.with_extension("txt");
        if std::env::var_os("LEAFHOLD_BLESS").is_some() {
            fs::write(&golden, &found).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(found, expected, "{name}: LEAFHOLD_BLESS=1 takes the new text");
    }
}

#[test]
fn a_name_is_taken_once_over_all_files() {
    let (name, text) = RuleSet::builtin_files()[0];
    let errors = RuleSet::builtin().with_more(&[(name, text)], &Registry::core()).unwrap_err();
    assert!(errors.0.iter().all(|error| error.kind.to_string().starts_with("a second rule")), "{errors}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Cut, doubled or noisy rule files give errors or rules, never a panic.
    #[test]
    fn no_text_is_too_bad(
        file in 0..RuleSet::builtin_files().len(),
        cut in any::<prop::sample::Index>(),
        length in 0..60usize,
        noise in "[\\PC\n]{0,12}",
    ) {
        let text = RuleSet::builtin_files()[file].1;
        let start = text.floor_char_boundary(cut.index(text.len()));
        let end = text.floor_char_boundary((start + length).min(text.len()));
        let broken = format!("{}{noise}{}", &text[..start], &text[end..]);
        if let Err(errors) = RuleSet::parse(&[("broken.rules", &broken)]) {
            prop_assert!(!errors.to_string().is_empty());
        }
    }
}
