//! `leafhold why` and `why-not`.

use leafhold::explain::{Replay, Why, WhyNot};
use serde_json::json;

use crate::args::{WhyArgs, WhyNotArgs};
use crate::error::CliError;
use crate::output::Screen;
use crate::plan::{Traced, prepare};
use crate::rules;

/// Fillings of the tables on which a replay compares each step.
const SAMPLES: usize = 100;

/// Shows how a plan came about, and perhaps takes its steps again.
pub fn why(args: &WhyArgs) -> Result<(), CliError> {
    let Traced { plan, mut trace, front_end } = prepare(&args.input)?.traced()?;
    let mut json = json!({});
    let mut text = String::new();
    match &plan {
        Ok(plan) => {
            let why = Why::new(&trace, plan).after(&front_end);
            match args.json {
                true => json = why.to_json(),
                false => text = why.to_string(),
            }
        }
        // Without a plan there still are steps, of which one may be the reason.
        Err(error) if !args.replay => return Err(CliError::of(error)),
        Err(_) => {}
    }
    let replay = args.replay.then(|| Replay::of(&mut trace, SAMPLES));
    if let Some(replay) = &replay {
        json["replay"] = replay.to_json();
        text.push_str(&format!("\n{replay}"));
        if !front_end.is_empty() {
            text.push_str("the steps of the front end, which are DataFusion's, are not replayed\n");
        }
    }
    Screen::Stdout.say(if args.json { json.to_string() } else { text })?;
    match replay.as_ref().and_then(Replay::blamed) {
        Some((at, by, _)) => Err(CliError::new(format!("step {at} `{by}` changes the result"))),
        None => plan.map(|_| ()).map_err(CliError::of),
    }
}

/// Shows why a rule has no part in a plan.
pub fn why_not(args: &WhyNotArgs) -> Result<(), CliError> {
    let known = rules::known(&args.input.setting)?;
    // A name that nobody knows is told before the query is planned.
    if known.get(&args.rule).is_none() {
        return Err(CliError::usage(known.unknown(&args.rule)));
    }
    let Traced { plan, trace, .. } = prepare(&args.input)?.traced()?;
    let answer = WhyNot::new(&trace, plan.as_ref(), &args.rule, &known).map_err(CliError::of)?;
    Screen::Stdout.say(if args.json { answer.to_json().to_string() } else { answer.to_string() })
}
