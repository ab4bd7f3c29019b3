//! Carries a plugin's events and spans to the host's log.
//!
//! Each plugin has its own copy of `tracing`, whose events would go nowhere. This subscriber hands
//! them to the host with level, target, fields, spans and the present call's trace and execution.
//! One atomic shared with the host says which levels anything listens to.

use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::abi::{Host, HostHandle, LogRecord};
use crate::call::Call;

/// Makes this copy of `tracing` speak to `host` in the name of `plugin`. Once per copy; later calls
/// change nothing.
pub(crate) fn install(plugin: &str, host: HostHandle) {
    let gate = host.log_gate();
    let layer = LogBridge::new(plugin, gate, move |record| host.log(record));
    // Fails when there is a subscriber already, as in a host's own tests, where it is right to
    // leave that one in place.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
}

/// A layer that turns events into [`LogRecord`]s.
pub struct LogBridge<F> {
    plugin: String,
    gate: &'static AtomicU8,
    sink: F,
}

impl<F: Fn(LogRecord) + Send + Sync + 'static> LogBridge<F> {
    /// Gives `sink` the events whose level `gate` lets through (1 error to 5 trace), as coming
    /// from `plugin`.
    pub fn new(plugin: &str, gate: &'static AtomicU8, sink: F) -> Self {
        Self { plugin: plugin.to_owned(), gate, sink }
    }

    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        level_number(*metadata.level()) <= self.gate.load(Ordering::Relaxed)
    }
}

fn level_number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// A span's name and fields as they are shown.
struct SpanText(String);

impl<S, F> Layer<S> for LogBridge<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Fn(LogRecord) + Send + Sync + 'static,
{
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The gate may move at any time, so it is asked each time.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.passes(metadata)
    }

    fn on_new_span(
        &self,
        attributes: &tracing::span::Attributes<'_>,
        id: &tracing::span::Id,
        context: Context<'_, S>,
    ) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            let mut text = span.name().to_owned();
            if !fields.map.is_empty() {
                let _ = write!(text, "{}", Value::Object(fields.map));
            }
            span.extensions_mut().insert(SpanText(text));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut spans = String::new();
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if !spans.is_empty() {
                    spans.push(':');
                }
                match span.extensions().get::<SpanText>() {
                    Some(SpanText(text)) => spans.push_str(text),
                    None => spans.push_str(span.name()),
                }
            }
        }
        let call = Call::current();
        (self.sink)(LogRecord {
            level: level_number(*event.metadata().level()),
            plugin: self.plugin.clone(),
            target: event.metadata().target().to_owned(),
            file: event.metadata().file().unwrap_or_default().to_owned(),
            line: event.metadata().line().unwrap_or_default(),
            message: fields.message,
            fields: if fields.map.is_empty() {
                String::new()
            } else {
                Value::Object(fields.map).to_string()
            },
            spans,
            trace: call.trace,
            execution: call.execution.map_or(0, crate::model::Id::as_u128),
        });
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    map: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.map.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(field, Value::String(format!("{value:?}")));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.put(field, value.into());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}
