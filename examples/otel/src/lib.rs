//! A run whose report becomes OpenTelemetry spans. Leafhold needs the API crate alone; here the SDK stands behind it,
//! with an exporter that prints. One for a collector (`opentelemetry-otlp`) takes its place without another change.

mod print;
mod work;

pub use print::Print;
pub use work::work;
