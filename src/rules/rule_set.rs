use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use super::compile::compile;
use super::diagnostic::{RuleError, RuleErrors};
use super::error::{RuleErrorKind, UnknownRule};
use super::phase::Phase;
use super::registry::Registry;
use super::rule::Rule;
use crate::expr::nearest;
use crate::token::{Token, Tokenizer, tokenize};

/// The rules of an optimizer, in canonical order: by file, then as written.
#[derive(Clone, Debug)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    token: Token,
    /// Of a shuffled set: what the order within a priority follows from.
    seed: Option<u64>,
}

/// The rule base that ships.
const BUILTIN: [(&str, &str); 14] = [
    ("aggregate.rules", include_str!("../../planner-rules/aggregate.rules")),
    ("barrier.rules", include_str!("../../planner-rules/barrier.rules")),
    ("distinct.rules", include_str!("../../planner-rules/distinct.rules")),
    ("empty.rules", include_str!("../../planner-rules/empty.rules")),
    ("filter.rules", include_str!("../../planner-rules/filter.rules")),
    ("join.rules", include_str!("../../planner-rules/join.rules")),
    ("limit.rules", include_str!("../../planner-rules/limit.rules")),
    ("project.rules", include_str!("../../planner-rules/project.rules")),
    ("scalars.rules", include_str!("../../planner-rules/scalars.rules")),
    ("semi-join.rules", include_str!("../../planner-rules/semi-join.rules")),
    ("sort.rules", include_str!("../../planner-rules/sort.rules")),
    ("union.rules", include_str!("../../planner-rules/union.rules")),
    ("unnest.rules", include_str!("../../planner-rules/unnest.rules")),
    ("window.rules", include_str!("../../planner-rules/window.rules")),
];

impl RuleSet {
    /// The rules that ship, compiled once.
    ///
    /// # Panics
    /// When a shipped rule file is wrong: a bug that every test finds.
    pub fn builtin() -> Arc<RuleSet> {
        static SET: LazyLock<Arc<RuleSet>> = LazyLock::new(|| match RuleSet::parse(&BUILTIN) {
            Ok(rules) => Arc::new(rules),
            Err(errors) => panic!("{errors}"),
        });
        SET.clone()
    }

    /// The names and texts of the files that ship.
    pub fn builtin_files() -> &'static [(&'static str, &'static str)] {
        &BUILTIN
    }

    /// No rules.
    pub fn empty() -> RuleSet {
        RuleSet::of(Vec::new())
    }

    /// The rules of some files, given by name and text.
    ///
    /// # Errors
    /// All that is wrong with all files: see [`RuleErrorKind`].
    pub fn parse(files: &[(&str, &str)]) -> Result<RuleSet, RuleErrors> {
        RuleSet::parse_with(files, &Registry::core())
    }

    /// The rules of some files that may call the functions of a registry.
    ///
    /// # Errors
    /// As [`RuleSet::parse`].
    pub fn parse_with(files: &[(&str, &str)], registry: &Registry) -> Result<RuleSet, RuleErrors> {
        RuleSet::empty().with_more(files, registry)
    }

    /// These rules and those of more files.
    ///
    /// # Errors
    /// As [`RuleSet::parse`]; a name that is taken is an error, too.
    pub fn with_more(&self, files: &[(&str, &str)], registry: &Registry) -> Result<RuleSet, RuleErrors> {
        let mut rules = self.rules.clone();
        let mut errors: Vec<RuleError> = Vec::new();
        let mut names: HashSet<Arc<str>> = rules.iter().map(|rule| rule.name.clone()).collect();
        for (file, text) in files {
            for (rule, span) in compile(file, text, registry, &mut errors) {
                if !names.insert(rule.name.clone()) {
                    let kind = RuleErrorKind::DuplicateRule(rule.name.to_string());
                    errors.push(RuleError::new(file, text, span, kind));
                } else {
                    rules.push(Arc::new(rule));
                }
            }
        }
        if errors.is_empty() { Ok(RuleSet::of(rules)) } else { Err(RuleErrors(errors)) }
    }

    /// These rules without some, by name.
    ///
    /// # Errors
    /// When there is no rule of a name.
    pub fn without(&self, names: &[impl AsRef<str>]) -> Result<RuleSet, UnknownRule> {
        for name in names {
            let name = name.as_ref();
            if self.get(name).is_none() {
                return Err(self.unknown(name));
            }
        }
        let kept = self.rules.iter().filter(|rule| !names.iter().any(|name| name.as_ref() == rule.name()));
        Ok(RuleSet { seed: self.seed, ..RuleSet::of(kept.cloned().collect()) })
    }

    /// The same rules, tried in another order within each priority, which follows from a seed. An aid for tests: where no cap is hit, that order decides no plan. Canonical order, and
    /// the token, stay what they are.
    ///
    /// ```
    /// use leafhold::rules::{Phase, RuleSet};
    ///
    /// let rules = RuleSet::builtin();
    /// let shuffled = rules.shuffled(7);
    /// let names = |rules: &RuleSet| rules.by_phase(Phase::Normalize).iter().map(|rule| rule.name().to_owned()).collect::<Vec<_>>();
    /// assert_ne!(names(&rules), names(&shuffled));
    /// assert_eq!(rules.token(), shuffled.token());
    /// ```
    pub fn shuffled(&self, seed: u64) -> RuleSet {
        RuleSet { seed: Some(seed), ..self.clone() }
    }

    /// That there is no rule of a name, and which name is near.
    pub fn unknown(&self, name: &str) -> UnknownRule {
        let suggestion = nearest(name, self.rules.iter().map(|rule| rule.name())).map(str::to_owned);
        UnknownRule { name: name.to_owned(), suggestion }
    }

    /// All rules, in canonical order.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rules of a phase: those of higher priority first, otherwise in canonical order, or as they were
    /// [shuffled](RuleSet::shuffled).
    pub fn by_phase(&self, phase: Phase) -> Vec<Arc<Rule>> {
        let mut rules: Vec<_> = self.rules.iter().filter(|rule| rule.phase == phase).cloned().collect();
        if let Some(seed) = self.seed {
            rules.sort_by_cached_key(|rule| tokenize(&(seed, rule.name())).low_u64());
        }
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        rules
    }

    /// The rule of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Rule>> {
        self.rules.iter().find(|rule| rule.name() == name)
    }

    /// The identity of this set: what its rules say, in order. Laws, layout and file names do not count.
    pub fn token(&self) -> Token {
        self.token
    }

    fn of(rules: Vec<Arc<Rule>>) -> RuleSet {
        let mut tokenizer = Tokenizer::new("rule-set");
        tokenizer.put_sequence(rules.len());
        rules.iter().for_each(|rule| tokenizer.put_token(rule.token));
        RuleSet { rules, token: tokenizer.finish(), seed: None }
    }
}
