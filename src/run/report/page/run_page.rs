use std::fmt;

use super::PlanLine;
use super::data::Data;
use crate::run::RunReport;

/// The page's script: one scope, a file for each noun.
const SCRIPT: &str = concat!(
    include_str!("script/data.js"),
    include_str!("script/chart.js"),
    include_str!("script/moving.js"),
    include_str!("script/selection.js"),
    include_str!("script/tables.js"),
    include_str!("script/hands.js"),
);

/// A report as one HTML page that needs nothing else: no network, no files, no server.
///
/// It shows what every worker did over time, with the waiting for the worker lighter, the critical path outlined and
/// errors marked; the stages as a table; and, if it is told, the plan. A click on a task, the arrow keys, or
/// `#task=3` at the end of the address select a task: its details and its stage in the plan are shown. What is
/// narrower than a pixel is drawn together, so 100,000 tasks stay usable. `Display` writes the page; nothing in a
/// report becomes markup or code.
///
/// ```
/// use leafhold::run::RunReport;
/// use leafhold::run::report::RunPage;
///
/// let page = RunPage::new(&RunReport::default()).with_title("orders < 3").to_string();
/// assert!(page.contains("<title>orders &lt; 3</title>"));
/// assert!(!page.contains("http://") && !page.contains("https://"));
/// ```
#[derive(Clone, Debug)]
pub struct RunPage<'a> {
    report: &'a RunReport,
    title: String,
    plan: Vec<PlanLine>,
}

impl<'a> RunPage<'a> {
    /// The page of a report.
    pub fn new(report: &'a RunReport) -> Self {
        RunPage { report, title: "Leafhold run".to_owned(), plan: Vec::new() }
    }

    /// Names the run.
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// Adds the plan that was run: `PlanText::lines` of [`explain`](crate::explain).
    pub fn with_plan(mut self, lines: impl IntoIterator<Item = PlanLine>) -> Self {
        self.plan.extend(lines);
        self
    }
}

impl fmt::Display for RunPage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A `<` in JSON stands in strings alone, where it can be written otherwise: the data cannot end the script.
        let data = serde_json::to_string(&Data::new(self.report, &self.plan)).map_err(|_| fmt::Error)?;
        let data = data.replace('<', "\\u003c");
        let (title, css) = (markup(&self.title), include_str!("page.css"));
        write!(f, include_str!("page.html"), title = title, css = css, js = SCRIPT, data = data)
    }
}

impl RunReport {
    /// The report as a page for a browser: see [`RunPage`], which also takes a title and the plan.
    pub fn to_html(&self) -> String {
        RunPage::new(self).to_string()
    }
}

/// Text as HTML has it.
fn markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for at in text.chars() {
        match at {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\0' => escaped.push('\u{fffd}'),
            at => escaped.push(at),
        }
    }
    escaped
}
