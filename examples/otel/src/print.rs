//! An exporter that prints a line for each span.

use std::time::Duration;

use opentelemetry::Value;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Prints spans as they end.
#[derive(Debug)]
pub struct Print;

impl SpanExporter for Print {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            let took = span.end_time.duration_since(span.start_time).unwrap_or(Duration::ZERO);
            let state = span.attributes.iter().find(|attribute| attribute.key.as_str() == "leafhold.state");
            let state = state.map_or_else(
                || "run".into(),
                |attribute| match &attribute.value {
                    Value::String(state) => state.to_string(),
                    other => other.to_string(),
                },
            );
            let (id, parent) = (span.span_context.span_id(), span.parent_span_id);
            println!("{id} below {parent}  {:<16} {state:<16} {took:>12.1?}  reads {}", span.name, span.links.len());
            for event in span.events.iter() {
                println!("    {}: {:?}", event.name, event.attributes);
            }
        }
        Ok(())
    }
}
