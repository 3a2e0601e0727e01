//! The driver's own work as `tracing` spans.

use std::fmt::Debug;
use std::num::NonZeroU64;
use std::sync::Arc;

use leafhold::expr::{Frame, col, lit};
use leafhold::optimize::Planner;
use leafhold::run::{Executor, LocalExecutor, collect};
use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::kernels::RowKernels;
use crate::plans::{Builder, numbers};

/// A span: its name, the one around it, and its fields as text.
#[derive(Clone, Debug)]
struct Seen {
    name: &'static str,
    parent: Option<&'static str>,
    fields: Vec<(&'static str, String)>,
    open: bool,
}

#[derive(Clone, Default)]
struct Watch(Arc<Mutex<(Vec<Seen>, Vec<usize>)>>);

struct Fields<'a>(&'a mut Vec<(&'static str, String)>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}")));
    }
}

impl Subscriber for Watch {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.target().starts_with("leafhold")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let (seen, stack) = &mut *self.0.lock();
        let parent = stack.last().map(|at| seen[*at].name);
        let mut fields = Vec::new();
        span.record(&mut Fields(&mut fields));
        seen.push(Seen { name: span.metadata().name(), parent, fields, open: true });
        Id::from_non_zero_u64(NonZeroU64::new(seen.len() as u64).unwrap())
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().0[span.into_u64() as usize - 1].fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, span: &Id) {
        self.0.lock().1.push(span.into_u64() as usize - 1);
    }

    fn exit(&self, span: &Id) {
        let (seen, stack) = &mut *self.0.lock();
        assert_eq!(stack.pop(), Some(span.into_u64() as usize - 1), "spans nest");
        seen[span.into_u64() as usize - 1].open = false;
    }
}

impl Watch {
    fn field(&self, name: &str, field: &str) -> Option<String> {
        let seen = self.0.lock().0.iter().find(|seen| seen.name == name)?.fields.clone();
        seen.into_iter().find(|(known, _)| *known == field).map(|(_, value)| value)
    }
}

#[test]
fn planning_lowering_submitting_and_waiting_are_spans() {
    let watch = Watch::default();
    tracing::subscriber::with_default(watch.clone(), || {
        let schema = crate::plans::two_columns();
        let frame = Frame::from_batches("t", schema, vec![crate::plans::batch(&numbers(0..5))]).unwrap();
        let frame = frame.filter(col("a").gt(lit(1i64))).unwrap();
        Planner::new(frame.functions().clone()).plan(frame.expr()).unwrap();
        let mut builder = Builder::default();
        let read = builder.delayed(&[numbers(0..3), numbers(3..6)]);
        let sorted = builder.sorted(&read, None);
        let executor = LocalExecutor::new(Arc::new(RowKernels::default()), 1);
        collect(&builder.plan(&sorted), &executor as &dyn Executor).unwrap();
    });
    let seen = watch.0.lock().0.clone();
    assert!(seen.iter().all(|seen| !seen.open), "{seen:?}");
    let outermost: Vec<_> = seen.iter().filter(|seen| seen.parent.is_none()).map(|seen| seen.name).collect();
    assert_eq!(outermost, ["plan", "lower", "submit", "wait"]);
    let phases: Vec<_> = seen.iter().filter(|seen| seen.parent == Some("plan")).map(|seen| seen.name).collect();
    assert_eq!(phases, ["decorrelate", "normalize", "order joins", "explore", "implement", "extract", "finish"]);
    assert_eq!(watch.field("lower", "tasks").as_deref(), Some("3"));
    assert_eq!(watch.field("submit", "tasks").as_deref(), Some("3"));
    assert_eq!(watch.field("wait", "ok").as_deref(), Some("true"));
    assert!(watch.field("plan", "e_nodes").is_some_and(|size| size != "0"));
}
