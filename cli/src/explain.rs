//! `leafhold explain`.

use leafhold::explain::{Actuals, PlanJson, PlanText, TaskDiagram, caps_hit, expr_text, rules_fired, tasks_json};
use leafhold::lower::lower;
use leafhold::run::Executor;
use serde_json::json;

use crate::args::{ExplainArgs, ExplainFormat, Stage};
use crate::error::CliError;
use crate::interrupt;
use crate::output::Screen;
use crate::plan::{Prepared, prepare};
use crate::report::Reports;
use crate::run::{execute, executor};

/// Shows what becomes of a query.
pub fn explain(args: &ExplainArgs) -> Result<(), CliError> {
    if args.analyze && args.stage != Stage::Plan {
        return Err(CliError::Usage("--analyze runs the plan: it goes with --stage plan".to_owned()));
    }
    let draws = matches!(args.format, ExplainFormat::Dot | ExplainFormat::Mermaid);
    if draws && args.stage != Stage::Tasks {
        return Err(CliError::Usage("dot and mermaid draw task graphs: they go with --stage tasks".to_owned()));
    }
    let given = args.execution.given();
    if !args.analyze && !given.is_empty() {
        let given = given.join(", ");
        let message = format!("explain runs nothing without --analyze, so {given} would say nothing; add --analyze");
        return Err(CliError::Usage(message));
    }
    if args.analyze {
        interrupt::listen();
    }
    let executor = executor(&args.execution)?;
    let reports = Reports::prepare(&args.execution.reports, &args.input)?;
    let prepared = prepare(&args.input)?;
    let text = match args.stage {
        Stage::Expr => written("expr", expr_text(&prepared.expr()?), args.format),
        Stage::Normalized => written("normalized", prepared.normalized()?, args.format),
        Stage::Plan => return plan(&prepared, args, &*executor, reports),
        Stage::Tasks => {
            let graph = lower(&prepared.plan()?.0).map_err(CliError::of)?;
            match args.format {
                ExplainFormat::Text => graph.to_text(),
                ExplainFormat::Json => tasks_json(&graph).to_string(),
                ExplainFormat::Dot => TaskDiagram::new(&graph).to_dot(),
                ExplainFormat::Mermaid => TaskDiagram::new(&graph).to_mermaid(),
            }
        }
    };
    Screen::Stdout.say(text)
}

fn written(stage: &str, text: String, format: ExplainFormat) -> String {
    match format {
        ExplainFormat::Json => json!({"stage": stage, "text": text}).to_string(),
        _ => text,
    }
}

fn plan(prepared: &Prepared, args: &ExplainArgs, executor: &dyn Executor, reports: Reports) -> Result<(), CliError> {
    // What is not the plan goes where it does not disturb programs.
    let screen = match args.format {
        ExplainFormat::Json => Screen::Stderr,
        _ => Screen::Stdout,
    };
    let (plan, planning_us) = prepared.plan()?;
    interrupt::planned();
    let report = match args.analyze.then(|| execute(&plan, executor)) {
        None => None,
        Some(Ok(collected)) => Some(collected.report),
        Some(Err(failure)) => return Err(reports.failed(&plan, &failure, screen)),
    };
    let actuals = report.as_ref().map(|report| Actuals::new(report.node_rows.clone()));
    let text = match args.format {
        ExplainFormat::Json => {
            let json = PlanJson::new(&plan).with_planning_us(planning_us);
            actuals.as_ref().map_or(json, |actuals| json.with_actuals(actuals)).to_string()
        }
        _ => {
            let text = PlanText::new(&plan);
            let text = actuals.as_ref().map_or(text, |actuals| text.with_actuals(actuals));
            format!("{text}; rules fired: {}\n; caps hit: {}\n", rules_fired(&plan), caps_hit(&plan))
        }
    };
    let printed = Screen::Stdout.say(text);
    printed.and(report.map_or(Ok(()), |report| reports.write(&plan, &report, screen)))
}
