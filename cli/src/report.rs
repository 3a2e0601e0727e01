//! What becomes of the report of a run: `--report`.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use leafhold::explain::{Actuals, PlanText};
use leafhold::optimize::Plan;
use leafhold::run::report::RunPage;
use leafhold::run::{RunFailure, RunReport};

use crate::args::InputArgs;
use crate::error::CliError;
use crate::file::Pending;
use crate::output::Screen;
use crate::place::place;

/// A form of the report, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportArg {
    /// A table, beside the result.
    Table,
    /// JSON lines, in a file.
    JsonLines(PathBuf),
    /// A trace for Perfetto and others, as JSON, in a file.
    Chrome(PathBuf),
    /// A trace in Perfetto's own format, in a file.
    Perfetto(PathBuf),
    /// A page for a browser, in a file.
    Html(PathBuf),
}

/// `table`, or `FORM=FILE`.
pub fn parse(text: &str) -> Result<ReportArg, String> {
    let (form, path) = match text.split_once('=') {
        Some((form, path)) if !path.is_empty() => (form, Some(PathBuf::from(path))),
        Some((form, _)) => (form, None),
        None => (text, None),
    };
    match (form, path) {
        ("table", None) if !text.contains('=') => Ok(ReportArg::Table),
        (_, Some(path)) if path.as_os_str() == "-" => Err(format!(
            "a report goes to a file: write {form}=/dev/stdout for standard output, where the result goes, too, or {form}=./- for \
             a file of that name"
        )),
        ("jsonl", Some(path)) => Ok(ReportArg::JsonLines(path)),
        ("chrome", Some(path)) => Ok(ReportArg::Chrome(path)),
        ("perfetto", Some(path)) => Ok(ReportArg::Perfetto(path)),
        ("html", Some(path)) => Ok(ReportArg::Html(path)),
        _ => Err("write table, jsonl=FILE, chrome=FILE, perfetto=FILE or html=FILE, such as html=run.html".to_owned()),
    }
}

impl ReportArg {
    fn path(&self) -> Option<&PathBuf> {
        match self {
            ReportArg::Table => None,
            ReportArg::JsonLines(path)
            | ReportArg::Chrome(path)
            | ReportArg::Perfetto(path)
            | ReportArg::Html(path) => Some(path),
        }
    }
}

fn apart(forms: &[ReportArg], input: &InputArgs) -> Result<(), CliError> {
    let mut taken: Vec<(PathBuf, Option<String>)> =
        input.files().map(|(what, path)| (place(path), Some(what))).collect();
    for path in forms.iter().filter_map(ReportArg::path) {
        let (own, path) = (place(path), path.display());
        let message = match taken.iter().find(|(other, _)| *other == own) {
            None => {
                taken.push((own, None));
                continue;
            }
            Some((_, None)) => format!("two reports would go to {path}; give each a file of its own"),
            Some((_, Some(what))) => format!("a report would replace {what}, {path}; give it another file"),
        };
        return Err(CliError::Usage(message));
    }
    Ok(())
}

/// The reports of a run that is still to come. Their files can be written, or there would be none.
pub struct Reports {
    forms: Vec<(ReportArg, Option<Pending>)>,
    title: String,
}

impl Reports {
    /// Makes sure that every file can be written, so that nobody waits for a run whose report has no place, and that none
    /// replaces another one, or what the run reads.
    pub fn prepare(forms: &[ReportArg], input: &InputArgs) -> Result<Self, CliError> {
        apart(forms, input)?;
        let pending = |form: &ReportArg| Ok((form.clone(), form.path().map(|path| Pending::new(path)).transpose()?));
        let forms = forms.iter().map(pending).collect::<Result<_, CliError>>()?;
        Ok(Reports { forms, title: input.title() })
    }

    /// Writes all forms, also when one fails. A file is there as a whole, or stays as it was.
    pub fn write(self, plan: &Plan, report: &RunReport, screen: Screen) -> Result<(), CliError> {
        let title = self.title;
        let outcomes = self.forms.into_iter().map(|(form, file)| match file {
            Some(file) => file.write(|file| write(&form, &title, plan, report, file)),
            None => screen.say(format!("\n{}", report.to_text())),
        });
        // All of them, before the first that failed is told.
        outcomes.collect::<Vec<_>>().into_iter().collect()
    }

    /// Writes all forms of a run that failed, and says why it did.
    pub fn failed(self, plan: &Plan, failure: &RunFailure, screen: Screen) -> CliError {
        match failure.report().map_or(Ok(()), |report| self.write(plan, report, screen)) {
            Ok(()) | Err(CliError::BrokenPipe) => CliError::of(failure),
            Err(problem) => CliError::new(format!("{failure}; and of its report, {}", problem.message())),
        }
    }
}

fn write(form: &ReportArg, title: &str, plan: &Plan, report: &RunReport, file: &mut File) -> io::Result<()> {
    match form {
        ReportArg::Table => file.write_all(report.to_text().as_bytes()),
        ReportArg::JsonLines(_) => report.write_json_lines(file),
        ReportArg::Chrome(_) => report.write_chrome_trace(file),
        ReportArg::Perfetto(_) => report.write_perfetto_trace(file),
        ReportArg::Html(_) => {
            let actuals = Actuals::new(report.node_rows.clone());
            let lines = PlanText::new(plan).with_actuals(&actuals).lines();
            let page = RunPage::new(report).with_title(title).with_plan(lines);
            file.write_all(page.to_string().as_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_word_and_its_file() {
        assert_eq!(parse("table"), Ok(ReportArg::Table));
        assert_eq!(parse("jsonl=a=b"), Ok(ReportArg::JsonLines("a=b".into())));
        assert_eq!(parse("chrome=x.json"), Ok(ReportArg::Chrome("x.json".into())));
        assert_eq!(parse("perfetto=x.pftrace"), Ok(ReportArg::Perfetto("x.pftrace".into())));
        assert_eq!(parse("html=x.html"), Ok(ReportArg::Html("x.html".into())));
        for wrong in ["", "html", "html=", "table=x", "json=x", "=x", "jsonl=-"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
