use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Event, Link, Span, SpanBuilder, SpanContext, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use serde_json::Value;

use super::observed::fields;
use super::{RunReport, TaskError, TaskEvent, TaskState};
use crate::run::work::Observed;

impl RunReport {
    /// Tells an OpenTelemetry tracer of the run (feature `otel`): a span of the run below `parent`, and below that one
    /// span per planned task, with links to the tasks that it read as far as [`flows`](RunReport::flows) has them.
    ///
    /// Times are those of the run, not of this call; a task that never ran has a span of no length where that was known.
    /// What work-side observers said stands in attributes such as `leafhold.observed.cpu.time_us`. Earlier attempts are events (`attempt retried`, or `attempt given-up` where none followed) and so is an error (`exception`), both with
    /// its type, message and remote trace. Spans are
    /// named by what a task does; which one it is stands in its attributes. Needs the API crate alone: which exporter
    /// gets the spans is the tracer's matter. `examples/otel` is a program that does this.
    pub fn record_spans<T>(&self, tracer: &T, parent: &Context)
    where
        T: Tracer,
        T::Span: Send + Sync + 'static,
    {
        let mut run = SpanBuilder::from_name("leafhold.run")
            .with_start_time(self.started)
            .with_attributes(self.attributes())
            .start_with_context(tracer, parent);
        if let Some(cause) = self.tasks.iter().find_map(|event| event.error.as_ref()) {
            run.set_status(Status::error(cause.to_string()));
        } else if !self.is_ok() {
            run.set_status(Status::error("cancelled"));
        }
        let below = parent.with_span(run);
        let mut producers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (producer, consumer) in &self.flows.pairs {
            producers.entry(*consumer as usize).or_default().push(*producer as usize);
        }
        // A link names a span that was made before: what a task reads started before it.
        let mut order: Vec<&TaskEvent> = self.tasks.iter().collect();
        order.sort_by_key(|event| (event.started.unwrap_or(event.ended), event.task));
        let mut made: HashMap<usize, SpanContext> = HashMap::new();
        for event in order {
            let read = producers.get(&event.task).into_iter().flatten().filter_map(|task| made.get(task));
            let links = read.map(|context| Link::new(context.clone(), Vec::new(), 0)).collect();
            let mut span = SpanBuilder::from_name(event.name().to_owned())
                .with_start_time(self.moment(event.started.unwrap_or(event.ended)))
                .with_attributes(attributes(event))
                .with_events(self.events(event))
                .with_links(links)
                .start_with_context(tracer, &below);
            if let Some(status) = status(event) {
                span.set_status(status);
            }
            made.insert(event.task, span.span_context().clone());
            span.end_with_timestamp(self.moment(event.ended));
        }
        below.span().end_with_timestamp(self.moment(self.wall));
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![count("leafhold.tasks", self.tasks.len()), count("leafhold.workers", self.workers)];
        attributes.extend(self.peak_bytes.map(|bytes| amount("leafhold.peak_bytes", bytes)));
        attributes.extend((self.spilled_bytes > 0).then(|| amount("leafhold.spilled_bytes", self.spilled_bytes)));
        attributes
    }

    fn moment(&self, since: Duration) -> SystemTime {
        // Only a report that somebody made up goes beyond the calendar.
        self.started.checked_add(since).unwrap_or(self.started)
    }

    fn events(&self, event: &TaskEvent) -> Vec<Event> {
        let attempts = event.attempts.iter().map(|attempt| {
            let mut attributes = exception(&attempt.error);
            attributes.push(count("leafhold.attempt", attempt.number as usize));
            attributes.extend(attempt.worker.as_deref().map(|worker| word("leafhold.worker", worker)));
            attributes.extend(attempt.host.as_deref().map(|host| word("host.name", host)));
            attributes.extend(observations(&attempt.observed));
            Event::new(format!("attempt {}", attempt.outcome(event.attempt)), self.moment(attempt.ended), attributes, 0)
        });
        let error =
            event.error.as_ref().map(|error| Event::new("exception", self.moment(event.ended), exception(error), 0));
        attempts.chain(error).collect()
    }
}

fn status(event: &TaskEvent) -> Option<Status> {
    match (&event.error, event.state) {
        (Some(error), _) => Some(Status::error(error.to_string())),
        (None, state) if state.is_well() => Some(Status::Ok),
        // It is told what happened, and no error is its own.
        (None, TaskState::Cancelled | TaskState::UpstreamFailed) => None,
        (None, state) => Some(Status::error(state.name())),
    }
}

fn exception(error: &TaskError) -> Vec<KeyValue> {
    let mut attributes = vec![word("exception.type", &error.kind), word("exception.message", &error.message)];
    attributes.extend(error.trace.as_deref().map(|trace| word("exception.stacktrace", trace)));
    attributes
}

fn attributes(event: &TaskEvent) -> Vec<KeyValue> {
    let mut attributes = vec![
        count("leafhold.task", event.task),
        count("leafhold.stage", event.stage),
        count("leafhold.partition", event.partition),
        word("leafhold.state", event.state.name()),
        count("leafhold.attempt", event.attempt as usize),
        amount("leafhold.rows", event.rows),
        amount("leafhold.bytes_in", event.bytes_in),
        amount("leafhold.bytes_out", event.bytes_out),
        time("leafhold.queued_us", event.queued()),
        time("leafhold.transfer_us", event.transfer),
    ];
    attributes.extend(event.worker.as_deref().map(|worker| word("leafhold.worker", worker)));
    attributes.extend(event.host.as_deref().map(|host| word("host.name", host)));
    attributes.extend(event.peak_memory.map(|bytes| amount("leafhold.peak_memory", bytes)));
    let execution = event.peak_execution_memory;
    attributes.extend(execution.map(|bytes| amount("leafhold.peak_execution_memory", bytes)));
    attributes.extend((event.spilled_bytes > 0).then(|| amount("leafhold.spilled_bytes", event.spilled_bytes)));
    attributes.extend(observations(&event.observed));
    attributes
}

/// What work-side observers said: numbers, words and truth values as such, anything else as JSON.
fn observations(observed: &Observed) -> impl Iterator<Item = KeyValue> {
    fields(observed).map(|(path, value)| {
        let key = format!("leafhold.observed.{path}");
        match value {
            Value::Bool(truth) => KeyValue::new(key, *truth),
            Value::String(text) => KeyValue::new(key, text.clone()),
            Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => KeyValue::new(key, whole),
                (None, Some(fraction)) => KeyValue::new(key, fraction),
                (None, None) => KeyValue::new(key, number.to_string()),
            },
            other => KeyValue::new(key, other.to_string()),
        }
    })
}

fn word(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, value.to_owned())
}

fn amount(key: &'static str, value: u64) -> KeyValue {
    KeyValue::new(key, i64::try_from(value).unwrap_or(i64::MAX))
}

fn count(key: &'static str, value: usize) -> KeyValue {
    amount(key, value as u64)
}

fn time(key: &'static str, value: Duration) -> KeyValue {
    KeyValue::new(key, value.as_nanos() as f64 / 1e3)
}
