//! OpenTelemetry traces, exported over OTLP/HTTP when an endpoint is configured.
//!
//! Spans are made when a request is over, from the phases that were timed anyway: a request
//! that is not sampled costs one comparison.

use crate::error::ServerError;
use http::HeaderMap;
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use plimsoll_gateway::Answer;
use plimsoll_types::digest::unhex;
use plimsoll_types::{Clock, Phase, Time};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The exporter, or nothing.
#[derive(Debug)]
pub(crate) struct Traces {
    exporter: Option<Exporter>,
}

#[derive(Debug)]
struct Exporter {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    clock: Arc<dyn Clock>,
}

/// A request that is being traced.
pub(crate) struct Started {
    parent: Context,
    at: Time,
}

impl Traces {
    /// Traces to `endpoint`, a share of `ratio` of the requests; nothing without an endpoint.
    pub(crate) fn new(
        endpoint: Option<&str>,
        ratio: f64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ServerError> {
        let Some(endpoint) = endpoint else { return Ok(Self { exporter: None }) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(traces_url(endpoint)?)
            .build()
            .map_err(|error| ServerError::Traces(error.to_string()))?;
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(Resource::builder().with_service_name("plimsoll").build())
            .build();
        let tracer = provider.tracer("plimsoll");
        Ok(Self { exporter: Some(Exporter { provider, tracer, clock }) })
    }

    /// Notes the beginning of a request.
    pub(crate) fn begin(&self, headers: &HeaderMap) -> Option<Started> {
        let exporter = self.exporter.as_ref()?;
        let parent = headers.get("traceparent").and_then(|value| parent(value.to_str().ok()?));
        let parent =
            parent.map_or_else(Context::new, |span| Context::new().with_remote_span_context(span));
        Some(Started { parent, at: exporter.clock.now() })
    }

    /// Exports the request's span with one child per phase.
    pub(crate) fn end(&self, started: Started, deployment: &str, answer: &Answer) {
        let Some(exporter) = &self.exporter else { return };
        let mut at = system_time(started.at);
        let mut span = exporter
            .tracer
            .span_builder("infer")
            .with_kind(SpanKind::Server)
            .with_start_time(at)
            .with_attributes([
                KeyValue::new("plimsoll.deployment", deployment.to_owned()),
                KeyValue::new("plimsoll.decision_id", answer.id.to_string()),
                KeyValue::new("http.response.status_code", i64::from(answer.status)),
            ])
            .start_with_context(&exporter.tracer, &started.parent);
        if let Some(code) = answer.code {
            span.set_status(Status::error(code.as_str()));
        }
        let context = started.parent.with_remote_span_context(span.span_context().clone());
        for (phase, nanos) in Phase::ALL.iter().zip(answer.nanos).filter(|(_, nanos)| *nanos > 0) {
            let end = at + Duration::from_nanos(nanos.into());
            exporter
                .tracer
                .span_builder(phase.as_str())
                .with_start_time(at)
                .start_with_context(&exporter.tracer, &context)
                .end_with_timestamp(end);
            at = end;
        }
        span.end_with_timestamp(at);
    }

    /// Exports what is left.
    pub(crate) fn shutdown(&self) {
        if let Some(exporter) = &self.exporter
            && let Err(error) = exporter.provider.shutdown()
        {
            tracing::warn!(error = %error, "the last traces could not be exported");
        }
    }
}

/// The URL that traces are posted to: a collector's address without a path means its usual
/// path, as for `OTEL_EXPORTER_OTLP_ENDPOINT`.
fn traces_url(endpoint: &str) -> Result<String, ServerError> {
    let refuse = |reason: &str| ServerError::Traces(reason.to_owned());
    let url: http::Uri = endpoint.parse().map_err(|_| refuse("the endpoint is not a URL"))?;
    match url.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err(refuse(
                "this build exports over plain HTTP; name a collector on this machine",
            ));
        }
        _ => return Err(refuse("the endpoint must begin with http://")),
    }
    let is_bare = matches!(url.path(), "" | "/");
    Ok(if is_bare {
        format!("{}/v1/traces", endpoint.trim_end_matches('/'))
    } else {
        endpoint.to_owned()
    })
}

fn system_time(time: Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(time.as_micros())
}

/// A `traceparent` of W3C Trace Context, version 00.
fn parent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_bytes(unhex(trace)?),
        SpanId::from_bytes(unhex(span)?),
        TraceFlags::new(unhex::<1>(flags)?[0]),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_without_a_path_gets_the_usual_one() {
        let url = |text: &str| traces_url(text).ok();
        assert_eq!(
            url("http://localhost:4318").as_deref(),
            Some("http://localhost:4318/v1/traces")
        );
        assert_eq!(
            url("http://localhost:4318/").as_deref(),
            Some("http://localhost:4318/v1/traces")
        );
        assert_eq!(url("http://localhost/own").as_deref(), Some("http://localhost/own"));
        for bad in ["https://collector", "collector", "ftp://x", "", "http://a b"] {
            assert_eq!(url(bad), None, "{bad}");
        }
    }

    #[test]
    fn traceparent_is_read_strictly() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let span = parent(good).expect("valid");
        assert!(span.is_sampled() && span.is_remote());
        for bad in [
            "",
            "00",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        ] {
            assert!(parent(bad).is_none(), "{bad}");
        }
    }
}
