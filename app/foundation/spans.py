"""OpenTelemetry: makes one span for each request and sends it to a collector, with no secret in it.

FastAPI makes the spans. What they quote of a request passes through `without_secrets` before it leaves the process:
addresses become route patterns, and of a query only what is known to be harmless is kept. Imported only where spans
are sent: the libraries behind it cost a start half a second.
"""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanContext, Status
from opentelemetry.util.types import AttributeValue

from app.foundation.redaction import REDACTED, redact_fields, redact_text
from app.foundation.settings import TelemetrySettings

# A collector that does not answer holds up the end of a process no longer than this.
_EXPORT_SECONDS = 5.0
_MAX_NAME_CHARACTERS = 200
_MAX_VALUE_CHARACTERS = 1024

_HARMLESS_PARAMETERS = frozenset(
    {
        "audience",
        "client_id",
        "code_challenge_method",
        "grant_type",
        "limit",
        "prompt",
        "response_mode",
        "response_type",
    }
    | {"scope", "transport", "ui_locales"}
)
# Secrets hold digits and capitals; whatever else stands where a name should is not shown.
_PARAMETER = re.compile(r"[a-z_]{1,32}")


def tracer_provider(settings: TelemetrySettings, *, version: str) -> TracerProvider:
    """What makes spans and sends them to the collector of the settings. `shutdown` sends the last ones."""
    if settings.otlp_endpoint is None:
        raise ValueError("there is no collector to send spans to")
    chosen = TraceIdRatioBased(settings.sample_ratio)
    provider = TracerProvider(
        # A caller's wish to be traced is not followed: it would let anyone fill the collector.
        sampler=ParentBased(chosen, remote_parent_sampled=chosen, remote_parent_not_sampled=ALWAYS_OFF),
        resource=Resource.create({"service.name": settings.service_name, "service.version": version}),
        span_limits=SpanLimits(max_attribute_length=_MAX_VALUE_CHARACTERS),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces", headers=settings.headers(), timeout=_EXPORT_SECONDS
    )
    provider.add_span_processor(BatchSpanProcessor(RedactingExporter(exporter)))
    return provider


class RedactingExporter(SpanExporter):
    """Takes what is secret out of spans before `exporter` sees them."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans."""
        return self._exporter.export([without_secrets(span) for span in spans])

    def shutdown(self) -> None:
        """Send nothing any more."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)


def without_secrets(span: ReadableSpan) -> ReadableSpan:
    """The same span as it may leave the process."""
    status = span.status
    return ReadableSpan(
        name=redact_text(span.name, limit=_MAX_NAME_CHARACTERS),
        context=_plain(span.context),
        parent=_plain(span.parent),
        resource=span.resource,
        attributes=_attributes(dict(span.attributes or {})),
        events=[Event(event.name, _attributes(dict(event.attributes or {})), event.timestamp) for event in span.events],
        kind=span.kind,
        status=Status(status.status_code, redact_text(status.description) if status.description else None),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def redact_query(query: str) -> str:
    """A query with the values of harmless parameters alone."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode(
        [
            (
                name if _PARAMETER.fullmatch(name) else REDACTED,
                redact_text(value) if name in _HARMLESS_PARAMETERS else REDACTED,
            )
            for name, value in pairs
        ]
    )


def _attributes(attributes: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    if "url.path" in attributes:
        # What no route knows may be a link that somebody copied badly, with its token.
        attributes["url.path"] = attributes.get("http.route", REDACTED)
    if "url.query" in attributes:
        attributes["url.query"] = redact_query(str(attributes["url.query"]))
    return {name: _value(value) for name, value in redact_fields(attributes).items()}


def _value(value: object) -> AttributeValue:
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list):
        return [str(item) for item in value]
    return str(value)


def _plain(context: SpanContext | None) -> SpanContext | None:
    """A context without `tracestate`, which callers fill as they like."""
    if context is None:
        return None
    return SpanContext(context.trace_id, context.span_id, is_remote=context.is_remote, trace_flags=context.trace_flags)
