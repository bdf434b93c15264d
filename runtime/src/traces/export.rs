//! Export of spans: a bounded queue, and counters of what is lost.

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use opentelemetry::Context;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor},
};

use crate::metrics::{self, SpanLoss};

/// Number of spans that wait for their export, unless `OTEL_BSP_MAX_QUEUE_SIZE` sets another.
const DEFAULT_QUEUE_SIZE: usize = 2048;

/// Creates the processor that passes spans to a thread, which exports them in batches.
pub(super) fn processor(exporter: opentelemetry_otlp::SpanExporter) -> impl SpanProcessor + 'static {
    let size = env::var("OTEL_BSP_MAX_QUEUE_SIZE").ok().and_then(|value| value.trim().parse().ok());
    let max = size.filter(|&size| size > 0).unwrap_or(DEFAULT_QUEUE_SIZE);
    let waiting = Arc::new(AtomicUsize::new(0));
    let exporter = CountingExporter { exporter, waiting: Arc::clone(&waiting), has_failed: AtomicBool::new(false) };
    let config = BatchConfigBuilder::default().with_max_queue_size(max).build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    BoundedProcessor { processor, waiting, max }
}

/// Processor that counts the spans for which the queue has no room. That of the SDK discards them silently.
#[derive(Debug)]
struct BoundedProcessor {
    processor: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    max: usize,
}

impl SpanProcessor for BoundedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.processor.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.max {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            metrics::spans_lost(SpanLoss::QueueFull, 1);
            return;
        }
        self.processor.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

/// Exporter that counts spans, and logs the beginning and the end of an outage.
#[derive(Debug)]
struct CountingExporter {
    exporter: opentelemetry_otlp::SpanExporter,
    waiting: Arc<AtomicUsize>,
    has_failed: AtomicBool,
}

impl SpanExporter for CountingExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => {
                metrics::spans_exported(spans as u64);
                if self.has_failed.swap(false, Ordering::Relaxed) {
                    tracing::info!("traces are exported again");
                }
            }
            Err(error) => {
                metrics::spans_lost(SpanLoss::ExportFailed, spans as u64);
                if !self.has_failed.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "cannot export traces: spans are lost until the receiver that OTEL_EXPORTER_OTLP_ENDPOINT names \
                         responds"
                    );
                }
            }
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
