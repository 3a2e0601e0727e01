//! The spans of a run, as an exporter gets them.

use std::collections::HashMap;
use std::time::Duration;

use leafhold::run::{RunReport, TaskAttempt, TaskError, TaskState};
use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use otel::work;
use serde_json::json;

/// The run's span, and those of its tasks by task.
fn spans(report: &RunReport) -> (SpanData, HashMap<usize, SpanData>) {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    report.record_spans(&provider.tracer("leafhold"), &Context::new());
    provider.force_flush().unwrap();
    let mut spans = exporter.get_finished_spans().unwrap();
    assert_eq!(spans.len(), 1 + report.tasks.len(), "one span for every planned task, and one of the run");
    let run = spans.remove(spans.iter().position(|span| span.name == "leafhold.run").unwrap());
    let task = |span: &SpanData| match attribute(span, "leafhold.task") {
        Some(Value::I64(task)) => task as usize,
        other => panic!("{other:?}"),
    };
    let by_task: HashMap<_, _> = spans.into_iter().map(|span| (task(&span), span)).collect();
    assert_eq!(by_task.len(), report.tasks.len());
    (run, by_task)
}

fn attribute(span: &SpanData, key: &str) -> Option<Value> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| attribute.value.clone())
}

fn text(value: &str) -> Option<Value> {
    Some(Value::String(value.to_owned().into()))
}

#[test]
fn each_task_has_one_span_with_the_times_of_the_run_and_links_to_what_it_read() {
    let report = work(&[&[1, 2], &[3, 4]]).unwrap();
    assert!(report.is_ok() && !report.flows.pairs.is_empty());
    let (run, tasks) = spans(&report);
    assert_eq!((run.start_time, run.end_time), (report.started, report.started + report.wall));
    assert_eq!(run.status, Status::Unset);
    for event in &report.tasks {
        let span = &tasks[&event.task];
        assert_eq!(span.name, &*event.label);
        assert_eq!(span.start_time, report.started + event.started.unwrap());
        assert_eq!(span.end_time, report.started + event.ended);
        assert_eq!((span.parent_span_id, &span.status), (run.span_context.span_id(), &Status::Ok));
        assert_eq!(span.span_context.trace_id(), run.span_context.trace_id());
        assert_eq!(attribute(span, "leafhold.worker"), text(event.worker.as_deref().unwrap()));
        let read = report.flows.pairs.iter().filter(|(_, consumer)| *consumer as usize == event.task);
        let read: Vec<_> = read.map(|(producer, _)| tasks[&(*producer as usize)].span_context.span_id()).collect();
        let links: Vec<_> = span.links.iter().map(|link| link.span_context.span_id()).collect();
        assert_eq!(links, read);
    }
}

#[test]
fn a_run_that_fails_says_so_in_its_spans() {
    let mut report = work(&[&[5], &[0]]).unwrap();
    let failed = report.tasks.iter().position(|event| event.state == TaskState::Failed).unwrap();
    let error = TaskError::new("compute", "division by zero").with_trace("line 1\nline 2");
    report.tasks[failed].error = Some(error.into());
    report.tasks[failed].attempt = 2;
    report.tasks[failed].attempts.push(TaskAttempt {
        number: 1,
        worker: Some("worker-1".into()),
        host: None,
        started: None,
        ended: Duration::from_micros(7),
        error: TaskError::new("worker-lost", "the worker is gone").into(),
        observed: [("cpu".into(), json!({"time_us": 3}))].into(),
    });
    report.tasks[failed].observed = [("cpu".into(), json!({"time_us": 12.5})), ("ports".into(), json!([1, 2]))].into();
    (report.peak_bytes, report.spilled_bytes) = (None, 7);
    let (run, tasks) = spans(&report);
    assert_eq!(run.status, Status::error("compute: division by zero"));
    assert_eq!(attribute(&run, "leafhold.spilled_bytes"), Some(Value::I64(7)));
    assert_eq!(attribute(&run, "leafhold.peak_bytes"), None);
    let span = &tasks[&failed];
    assert_eq!(span.status, Status::error("compute: division by zero"));
    let events: Vec<_> = span.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["attempt retried", "exception"]);
    assert_eq!(attribute(span, "leafhold.observed.cpu.time_us"), Some(Value::F64(12.5)));
    assert_eq!(attribute(span, "leafhold.observed.ports"), text("[1,2]"));
    let retried = &span.events[0].attributes;
    assert!(retried.contains(&KeyValue::new("leafhold.observed.cpu.time_us", 3)), "{retried:?}");
    let words = [("exception.type", "worker-lost"), ("exception.message", "the worker is gone")];
    for (key, value) in words {
        assert!(retried.contains(&KeyValue::new(key, value)), "{retried:?}");
    }
    assert_eq!(span.events[0].timestamp, report.started + Duration::from_micros(7));
    let said: Vec<_> =
        span.events[1].attributes.iter().map(|said| (said.key.as_str(), said.value.to_string())).collect();
    let expected = [
        ("exception.type", "compute"),
        ("exception.message", "division by zero"),
        ("exception.stacktrace", "line 1\nline 2"),
    ];
    assert_eq!(said, expected.map(|(key, value)| (key, value.to_owned())));
    let idle = report.tasks.iter().find(|event| event.started.is_none());
    if let Some(event) = idle {
        let span = &tasks[&event.task];
        assert_eq!((span.start_time, span.end_time), (report.started + event.ended, report.started + event.ended));
        assert_eq!(attribute(span, "leafhold.state"), text(event.state.name()));
    }
}
