//! A checker of traces in the trace-event format, which reads them as Perfetto does: events by time, slices of a
//! thread on a stack, and each end of an arrow bound to the slice on top.

use std::collections::{BTreeMap, BTreeSet};

use leafhold::run::work::Observed;
use leafhold::run::{RunReport, TaskEvent};
use serde_json::Value;

/// A thread: process and thread.
type Thread = (u64, u64);

/// What a sound trace has.
#[derive(Debug, Default)]
pub struct Checked {
    /// Arguments of all slices, with their category as `cat` and the name of their thread as `place`.
    pub slices: Vec<Value>,
    /// The same of all instants.
    pub instants: Vec<Value>,
    /// For each arrow, by id: the arguments of the slices that it leads from and to.
    pub arrows: BTreeMap<u64, (Value, Value)>,
    /// How many times each counter spoke.
    pub counters: usize,
    /// The names of processes and threads.
    pub names: Vec<String>,
}

struct Open {
    start: u64,
    end: u64,
    args: Value,
}

/// Checks a trace, or says what is wrong with it.
pub fn check(text: &str) -> Result<Checked, String> {
    let trace: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let events = trace["traceEvents"].as_array().ok_or("no traceEvents")?;
    let mut checked = Checked::default();
    let (mut processes, mut threads) = (BTreeSet::new(), BTreeMap::new());
    for event in events.iter().filter(|event| event["ph"] == "M") {
        let name = event["args"]["name"].as_str().ok_or("metadata without a name")?;
        checked.names.push(name.to_owned());
        let first = match event["name"].as_str() {
            Some("process_name") => processes.insert(whole(event, "pid")?),
            Some("thread_name") => {
                threads.insert((whole(event, "pid")?, whole(event, "tid")?), name.to_owned()).is_none()
            }
            other => return Err(format!("metadata {other:?}")),
        };
        if !first {
            return Err(format!("named twice: {event}"));
        }
    }
    let mut now = 0;
    let mut stacks: BTreeMap<Thread, Vec<Open>> = BTreeMap::new();
    let mut leaving: BTreeMap<u64, Value> = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] != "M") {
        let ts = nanos(event, "ts")?;
        if ts < now {
            return Err(format!("time runs back at {event}"));
        }
        now = ts;
        if event["name"].as_str().is_none_or(str::is_empty) {
            return Err(format!("no name: {event}"));
        }
        let pid = whole(event, "pid")?;
        if !processes.contains(&pid) {
            return Err(format!("a process without a name: {event}"));
        }
        if event["ph"] == "C" {
            checked.counters += 1;
            let counts = event["args"].as_object().ok_or("a counter without counts")?;
            if counts.is_empty() || counts.values().any(|count| !count.is_u64()) {
                return Err(format!("a counter of no numbers: {event}"));
            }
            continue;
        }
        let thread = (pid, whole(event, "tid")?);
        let Some(place) = threads.get(&thread) else { return Err(format!("a thread without a name: {event}")) };
        let stack = stacks.entry(thread).or_default();
        match event["ph"].as_str() {
            Some("X") => {
                let end = ts + nanos(event, "dur")?;
                stack.retain(|open| open.end > ts);
                if stack.iter().any(|open| open.end < end) {
                    return Err(format!("slices overlap at {event}"));
                }
                let args = described(event, place);
                checked.slices.push(args.clone());
                stack.push(Open { start: ts, end, args });
            }
            Some("i") if ["g", "p", "t"].contains(&event["s"].as_str().unwrap_or_default()) => {
                checked.instants.push(described(event, place));
            }
            Some(end @ ("s" | "f")) => {
                let id = whole(event, "id")?;
                // A slice is no longer around its own end, unless it has no length.
                let around = stack.last().filter(|open| ts < open.end.max(open.start + 1));
                let around = around.ok_or_else(|| format!("an arrow's end with no slice around it: {event}"))?;
                let args = around.args.clone();
                if end == "s" {
                    if leaving.insert(id, args).is_some() || checked.arrows.contains_key(&id) {
                        return Err(format!("an arrow leaves twice: {event}"));
                    }
                } else {
                    if event["bp"] != "e" {
                        return Err(format!("an arrow's head that waits for the next slice: {event}"));
                    }
                    let from = leaving.remove(&id).ok_or_else(|| format!("an arrow from nowhere: {event}"))?;
                    checked.arrows.insert(id, (from, args));
                }
            }
            _ => return Err(format!("an event of no known phase: {event}")),
        }
    }
    match leaving.is_empty() {
        true => Ok(checked),
        false => Err(format!("arrows to nowhere: {:?}", leaving.keys())),
    }
}

/// Checks the trace of a report: it is sound, and says of each task what the report does.
pub fn check_report(report: &RunReport) {
    let checked = check(&report.to_chrome_trace()).unwrap_or_else(|fault| panic!("{fault}"));
    let ran = report.tasks.iter().filter(|event| event.started.is_some()).count();
    let attempts =
        report.tasks.iter().flat_map(|event| &event.attempts).filter(|attempt| attempt.started.is_some()).count();
    assert_eq!(checked.slices.len(), 1 + ran + attempts, "the run, what ran, and the attempts before it that began");
    assert_eq!(checked.instants.len(), report.tasks.len() - ran);
    for instant in &checked.instants {
        let event = &report.tasks[instant["task"].as_u64().unwrap() as usize];
        assert_eq!(instant["place"], idle_place(event));
    }
    assert_eq!(checked.counters > 0, ran + attempts > 0);
    let observed = |args: &Value| match args["observed"].clone() {
        Value::Null => Observed::new(),
        said => serde_json::from_value(said).unwrap(),
    };
    for slice in checked.slices.iter().chain(&checked.instants).filter(|args| !args["task"].is_null()) {
        let event = &report.tasks[slice["task"].as_u64().unwrap() as usize];
        assert_eq!((&slice["stage"], &slice["partition"]), (&event.stage.into(), &event.partition.into()));
        let number = slice["attempt"].as_u64().unwrap() as u32;
        if let "retried" | "given-up" = slice["cat"].as_str().unwrap() {
            assert_eq!(slice["cat"] == "retried", number < event.attempt, "whether another one followed");
            let attempt = event.attempts.iter().find(|attempt| attempt.number == number).unwrap();
            assert_eq!(observed(slice), attempt.observed);
            assert_eq!(slice["error"], attempt.error.to_string());
            assert_eq!(slice["trace"].as_str(), attempt.error.trace.as_deref());
            continue;
        }
        assert_eq!(number, event.attempt);
        assert_eq!(observed(slice), event.observed);
        assert_eq!(slice["cat"], event.state.name());
        let whole = [("rows", event.rows), ("bytes_in", event.bytes_in), ("bytes_out", event.bytes_out)];
        whole.iter().for_each(|(field, number)| assert_eq!(slice[field], *number));
        match event.started {
            Some(_) => assert_eq!(nanos(slice, "queued_us").unwrap() as u128, event.queued().as_nanos()),
            None => assert!(slice["queued_us"].is_null(), "it did not wait for a worker that took it"),
        }
        let transfer = slice.get("transfer_us").map_or(0, |_| nanos(slice, "transfer_us").unwrap());
        assert_eq!(u128::from(transfer), event.transfer.as_nanos());
        assert_eq!(slice["peak_memory"].as_u64(), event.peak_memory);
        assert_eq!(slice["peak_execution_memory"].as_u64(), event.peak_execution_memory);
        assert_eq!(slice["spilled_bytes"].as_u64().unwrap_or(0), event.spilled_bytes);
        assert_eq!(slice["critical"] == true, report.critical_path.contains(&event.task) && event.started.is_some());
        let said = slice["error"].as_str().map(str::to_owned);
        assert_eq!(said, event.error.as_ref().map(|error| error.to_string()));
    }
    let has_ends = |(producer, consumer): &(u32, u32)| {
        [producer, consumer].iter().all(|task| report.tasks[**task as usize].started.is_some())
    };
    let flows: Vec<_> = report.flows.pairs.iter().copied().enumerate().filter(|(_, pair)| has_ends(pair)).collect();
    assert_eq!(checked.arrows.len(), flows.len());
    for (id, (producer, consumer)) in flows {
        let (from, to) = &checked.arrows[&(id as u64)];
        assert_eq!((&from["task"], &to["task"]), (&producer.into(), &consumer.into()));
        // The attempt that counted, not an earlier one.
        assert!(from["why"].is_null() && to["why"].is_null());
    }
}

/// Where a task is shown of which no attempt counts and ran.
pub fn idle_place(event: &TaskEvent) -> &'static str {
    match event.attempts.iter().any(|attempt| attempt.started.is_some()) {
        true => "tasks that did not run again",
        false => "tasks that never ran",
    }
}

fn described(event: &Value, place: &str) -> Value {
    let mut args = event["args"].clone();
    if let Some(args) = args.as_object_mut() {
        args.insert("cat".to_owned(), event["cat"].clone());
        args.insert("place".to_owned(), place.into());
    }
    args
}

fn whole(event: &Value, field: &str) -> Result<u64, String> {
    event[field].as_u64().ok_or_else(|| format!("no {field}: {event}"))
}

/// Microseconds as Perfetto reads them: whole nanoseconds.
fn nanos(event: &Value, field: &str) -> Result<u64, String> {
    let micros = event[field].as_f64().filter(|micros| *micros >= 0.0);
    micros.map(|micros| (micros * 1e3).round() as u64).ok_or_else(|| format!("no {field}: {event}"))
}

mod tests {
    use super::check;

    const NAMES: &str = "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"p\"}},\
                         {\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":1,\"args\":{\"name\":\"t\"}}";

    fn slice(ts: u32, dur: u32) -> String {
        format!("{{\"ph\":\"X\",\"name\":\"x\",\"pid\":1,\"tid\":1,\"ts\":{ts},\"dur\":{dur}}}")
    }

    fn arrow(end: &str, ts: u32) -> String {
        format!("{{\"ph\":\"{end}\",\"bp\":\"e\",\"id\":1,\"name\":\"a\",\"pid\":1,\"tid\":1,\"ts\":{ts}}}")
    }

    fn outcome(events: &[String]) -> Result<usize, String> {
        let events = events.join(",");
        check(&format!("{{\"traceEvents\":[{NAMES},{events}]}}")).map(|checked| checked.slices.len())
    }

    #[test]
    fn sound_traces_pass_and_each_fault_is_found() {
        let sound = [slice(0, 10), slice(2, 3), arrow("s", 4), slice(10, 0), slice(10, 5), arrow("f", 12)];
        assert_eq!(outcome(&sound), Ok(4));
        let faults: [(&[String], &str); 8] = [
            (&[slice(5, 1), slice(0, 1)], "time runs back"),
            (&[slice(0, 10), slice(5, 10)], "slices overlap"),
            (&[slice(0, 10), arrow("s", 10)], "no slice around"),
            (&[slice(0, 10), arrow("s", 1)], "to nowhere"),
            (&[slice(0, 10), arrow("f", 1)], "from nowhere"),
            (&[slice(0, 10), arrow("s", 1), arrow("s", 1)], "leaves twice"),
            (&[slice(0, 1).replace("\"tid\":1", "\"tid\":2")], "thread without a name"),
            (&[slice(0, 1).replace("\"ts\":0", "\"ts\":-1")], "no ts"),
        ];
        for (events, fault) in faults {
            let found = outcome(events).unwrap_err();
            assert!(found.contains(fault), "{found}");
        }
    }
}
