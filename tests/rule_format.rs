//! One layout of rule files: formatting twice is formatting once, and changes no rule.

use leafhold::rules::{Registry, RuleSet, format, format_diff};
use proptest::prelude::*;
use proptest::sample::Index;

#[test]
fn the_shipped_files_are_formatted() {
    for (file, text) in RuleSet::builtin_files() {
        let formatted = format(file, text).unwrap();
        if std::env::var_os("LEAFHOLD_UPDATE").is_some() {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("planner-rules").join(file);
            std::fs::write(path, &formatted).unwrap();
        } else {
            assert!(formatted == *text, "{}", format_diff(file, text, &formatted));
        }
    }
}

#[test]
fn comments_stay_where_they_are() {
    let text = "; Of the file.   \n\n\n\n;; Why.\n(rule merge-sorts ; here\n (phase   normalize); there\n;; alone\n (match \
                (sort ?k ; inside\n  (sort _ ?r)) ; late\n) (replace (sort ?k:( a b ) ?r))\n; last\n) ; behind\n;; Next.\n(rule \
                x)\n; end";
    let expected = "; Of the file.

;; Why.
(rule merge-sorts ; here
  (phase normalize) ; there
  ;; alone
  (match   (sort ?k ; inside
             (sort _ ?r)) ; late
           )
  (replace (sort ?k:(a b) ?r))
  ; last
) ; behind

;; Next.
(rule x)

; end
";
    let formatted = format("comments.rules", text).unwrap();
    assert_eq!(formatted, expected);
    assert_eq!(format("comments.rules", &formatted).unwrap(), expected);
}

#[test]
fn long_lines_are_broken_and_texts_are_not_touched() {
    let long = "(both (uses ?predicates) (outputs ?relation))";
    let text = format!(
        "(rule a (if (subset {long} (both {long} {long}))) (tables (w (p Decimal128(15, 2)) (l List(Int64)))) (not \"sort   \
         [a]\n t\"))"
    );
    let expected = "(rule a
  (if      (subset (both (uses ?predicates) (outputs ?relation))
             (both (both (uses ?predicates) (outputs ?relation)) (both (uses ?predicates) (outputs ?relation)))))
  (tables  (w (p Decimal128(15, 2)) (l List(Int64))))
  (not \"sort   [a]\n t\"))
";
    assert_eq!(format("long.rules", &text).unwrap(), expected);
}

#[test]
fn brackets_that_do_not_pair_are_errors() {
    let errors = format("broken.rules", "(rule a\n  (match\n").unwrap_err();
    assert_eq!(errors.0[0].code(), "R006");
    assert_eq!(format("empty.rules", "").unwrap(), "");
}

/// A change of layout at a place that is no comment and no text.
#[derive(Clone, Debug)]
enum Layout {
    Newline,
    Spaces,
    Join,
    Comment,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_layout_becomes_one_that_stays(
        file in 0..RuleSet::builtin_files().len(),
        changes in prop::collection::vec(
            (any::<Index>(), prop_oneof![
                Just(Layout::Newline), Just(Layout::Spaces), Just(Layout::Join), Just(Layout::Comment),
            ]),
            0..40,
        ),
    ) {
        let (name, text) = RuleSet::builtin_files()[file];
        let mut text = text.to_owned();
        for (place, change) in changes {
            // Blanks between two parts of a rule: outside of texts, comments and the lines of laws.
            let blanks = blanks(&text);
            let (start, end) = blanks[place.index(blanks.len())];
            let with = match change {
                // A bracket that begins a line begins a rule.
                Layout::Newline => "\n ",
                Layout::Spaces => "   ",
                Layout::Join => " ",
                Layout::Comment => " ; a comment\n ",
            };
            text.replace_range(start..end, with);
        }
        let formatted = format(name, &text).unwrap();
        prop_assert_eq!(&format(name, &formatted).unwrap(), &formatted);
        prop_assert!(formatted.lines().all(|line| !line.ends_with(' ')));
        let parse = |text: &str| RuleSet::empty().with_more(&[(name, text)], &Registry::core());
        let (before, after) = (parse(&text), parse(&formatted));
        prop_assert_eq!(before.unwrap().token(), after.unwrap().token());
    }
}

/// The blanks within rules of a file.
fn blanks(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut depth) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b';' => at += text[at..].find('\n').unwrap_or(text.len() - at),
            b'"' => at += 2 + text[at + 1..].find('"').unwrap(),
            b' ' | b'\n' if depth > 0 => {
                let start = at;
                while matches!(bytes[at], b' ' | b'\n') {
                    at += 1;
                }
                // What follows a comment stays on its own line, and a comment within a type is no comment.
                let line = text[..start].rsplit('\n').next().unwrap_or_default();
                if !line.contains(';') && !line.ends_with(',') {
                    found.push((start, at));
                }
            }
            b'(' => (at, depth) = (at + 1, depth + 1),
            b')' => (at, depth) = (at + 1, depth - 1),
            _ => at += 1,
        }
    }
    found
}
