//! What is wrong with a rule file is reported at once, with code, place and way out. `LEAFHOLD_UPDATE=1`
//! rewrites the expected texts.

use std::fs;
use std::path::{Path, PathBuf};

use leafhold::rules::{Registry, RuleErrors, RuleSet, codes, explain, read_rule_files, rule_text, title};
use proptest::prelude::*;

/// The files `*.rules` of a folder below `tests/rules`.
fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rules"));
    files.sort();
    files
}

/// What is wrong with a file, read as the command line reads it but known by its name alone.
fn load(path: &Path) -> Result<RuleSet, RuleErrors> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let text = rule_text(name, fs::read(path).unwrap())?;
    RuleSet::parse(&[(name, &text)])
}

/// Compares a message with the golden beside its file.
fn golden(path: &Path, found: &str) {
    let golden = path.with_extension("txt");
    if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
        fs::write(&golden, found).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(found, expected, "{}: LEAFHOLD_UPDATE=1 takes the new text", path.display());
}

#[test]
fn every_broken_file_has_the_code_of_its_name() {
    for path in fixtures("fail") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let errors = load(&path).expect_err(name);
        for error in &errors.0 {
            assert!(name.starts_with(&format!("{}-", error.code())), "{name} has another error, too:\n{error}");
        }
        golden(&path, &format!("{errors}\n"));
    }
}

#[test]
fn all_errors_of_a_file_are_reported_with_their_places() {
    let files = fixtures("several");
    assert!(files.len() >= 3);
    for path in files {
        let errors = load(&path).unwrap_err();
        assert!(errors.0.len() > 3);
        golden(&path, &format!("{errors}\n"));
    }
}

#[test]
fn every_good_file_loads_and_does_what_it_shows() {
    let files = fixtures("pass");
    assert!(files.len() >= 5);
    for path in files {
        let rules = load(&path).unwrap_or_else(|errors| panic!("{}\n{errors}", path.display()));
        for rule in rules.rules() {
            assert_eq!(rule.check_examples(), [], "{}", path.display());
        }
    }
}

/// Codes of loading whose wrong files are made by the tests below, being large, missing or no files.
const MADE_HERE: [&str; 4] = ["R002", "R004", "R005", "R034"];

#[test]
fn every_code_of_loading_has_a_wrong_file() {
    let files: Vec<String> =
        fixtures("fail").iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    for code in codes().filter(|code| *code < "R050") {
        let shown = files.iter().any(|file| file.starts_with(code));
        assert!(shown || MADE_HERE.contains(&code), "{code} has no file in tests/rules/fail");
    }
}

#[test]
fn every_page_shows_a_wrong_rule_and_the_mended_one() {
    for code in codes().filter(|code| *code < "R050") {
        let page = explain(code).unwrap();
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(!title(code).unwrap().is_empty());
        let blocks: Vec<&str> = page.split("```\n").skip(1).step_by(2).collect();
        if let [wrong, mended] = blocks.as_slice() {
            let errors = RuleSet::parse(&[("wrong.rules", wrong)]).expect_err(code);
            assert!(errors.0.iter().all(|error| error.code() == code), "{errors}");
            let rules = RuleSet::parse(&[("mended.rules", mended)]).unwrap_or_else(|errors| panic!("{code}\n{errors}"));
            assert!(rules.rules().iter().all(|rule| rule.check_examples().is_empty()), "{code}");
        } else {
            assert!(blocks.is_empty(), "{code}: a wrong rule, and the mended one");
        }
    }
    assert_eq!(explain("r012"), explain("R012"));
    assert_eq!(explain("R999"), None);
}

#[test]
fn a_huge_file_is_refused_by_its_size() {
    let ten_megabytes = vec![b'x'; 10 << 20];
    let error = rule_text("huge.rules", ten_megabytes.clone()).unwrap_err();
    assert_eq!(error.0[0].code(), "R002");
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
    // The library says the same of a text, and a path to such a file is not even read to its end.
    let text = String::from_utf8(ten_megabytes).unwrap();
    assert_eq!(RuleSet::parse(&[("huge.rules", &text)]).unwrap_err().0[0].code(), "R002");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("huge.rules");
    fs::write(&path, text).unwrap();
    assert_eq!(read_rule_files(&[&path]).unwrap_err().0[0].code(), "R002");
}

#[test]
fn the_largest_files_are_read_in_one_pass() {
    // Words, rules and brackets up to the limit: each would hang if a place were counted from the start.
    let limit = 1 << 20;
    for piece in ["word ", "(rule x)\n", "(", ")\n", "; comment\n", "\"", "[ ] { } 'x' "] {
        let text = piece.repeat(limit / piece.len());
        let errors = RuleSet::parse(&[("large.rules", &text)]).unwrap_err();
        assert!(errors.0.len() <= 101, "{piece:?}: {}", errors.0.len());
    }
}

#[test]
fn after_a_hundred_errors_the_rest_is_not_looked_at() {
    let rule = "(rule do-it)\n\n";
    let errors = RuleSet::parse(&[("many.rules", &rule.repeat(200))]).unwrap_err();
    assert_eq!(errors.0.len(), 101);
    assert_eq!(errors.0[100].code(), "R034");
}

#[test]
fn paths_without_rules_are_errors() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-rules-here");
    fs::create_dir_all(&folder).unwrap();
    let missing = folder.join("missing.rules");
    let errors = read_rule_files(&[&folder, &missing]).unwrap_err();
    let codes: Vec<_> = errors.0.iter().map(|error| error.code()).collect();
    assert_eq!(codes, ["R004", "R005"], "all paths are looked at");
    assert!(errors.0.iter().all(|error| error.to_string().contains("no-rules-here")), "{errors}");
}

#[test]
fn an_unclosed_quote_costs_its_own_rule_alone() {
    let (_, text) = RuleSet::builtin_files()[4];
    let broken = text.replacen("\"filter (and (a = 1) false) t\"", "\"filter (and (a = 1) false) t", 1);
    assert_ne!(text, broken);
    let errors = RuleSet::parse(&[("quote.rules", &broken)]).unwrap_err();
    let codes: Vec<_> = errors.0.iter().map(|error| error.code()).collect();
    assert_eq!(codes, ["R006"], "{errors}");
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

    /// No bytes are too bad either.
    #[test]
    fn no_bytes_are_too_bad(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        match rule_text("bytes.rules", bytes.clone()) {
            Ok(text) => prop_assert_eq!(text.into_bytes(), bytes),
            Err(error) => {
                prop_assert_eq!(error.0[0].code(), "R001");
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }
}
