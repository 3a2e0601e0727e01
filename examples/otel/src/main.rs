//! `cargo run -p otel`: a run that goes well and one that fails, as spans on standard output.

use opentelemetry::Context;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use otel::{Print, work};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let provider = SdkTracerProvider::builder().with_simple_exporter(Print).build();
    let tracer = provider.tracer("leafhold");
    for partitions in [[&[1, 2][..], &[3, 4]], [&[5], &[0]]] {
        work(&partitions)?.record_spans(&tracer, &Context::current());
        println!();
    }
    provider.shutdown()?;
    Ok(())
}
