import { hostname } from 'node:os'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer as OtelTracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace'
import { Counter, type Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { AttemptSpan, Parent, TaskSpan, Trace, Tracer } from '../router/trace.ts'

/** Spans that wait to be sent; more are dropped. */
const MAX_QUEUED = 8_192

/** Spans of one request. */
const BATCH = 512

/** Longest wait before spans are sent, and for an answer. Milliseconds. */
const SEND_MS = { every: 2_000, timeout: 5_000 } as const

/** `endpoint` is the base address of a collector, as OTEL_EXPORTER_OTLP_ENDPOINT; `ratio` of the tasks that are part of no trace yet are recorded. */
export type TracingOptions = {
  readonly endpoint: string
  readonly ratio: number
  readonly log: Logger
  readonly registry: Registry
}

/** A tracer that sends what it records, and how to end it, which never rejects: spans that the collector does not take are lost. */
export type Tracing = { readonly tracer: Tracer; readonly stop: () => Promise<void> }

/** Records tasks by OpenTelemetry and sends them over OTLP/HTTP. Headers come from OTEL_EXPORTER_OTLP_HEADERS, more of the resource from OTEL_RESOURCE_ATTRIBUTES. */
export function startTracing({ endpoint, ratio, log, registry }: TracingOptions): Tracing {
  const exporter = watched(new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, timeoutMillis: SEND_MS.timeout }), log, registry)
  const own = resourceFromAttributes({ 'service.name': 'swarm-router', 'service.instance.id': hostname() })
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(own)
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [
      new BatchSpanProcessor({
        exporter,
        maxQueueSize: MAX_QUEUED,
        maxExportBatchSize: BATCH,
        scheduledDelayMillis: SEND_MS.every,
        exportTimeoutMillis: SEND_MS.timeout,
      }),
    ],
  })
  const tracer = provider.getTracer('swarm-operator')
  const stop = async () => {
    try {
      await provider.shutdown()
    } catch (error) {
      log.warn('the last traces cannot be sent', { error })
    }
  }
  return { tracer: { begin: (task, parent) => begin(tracer, task, parent) }, stop }
}

function begin(tracer: OtelTracer, { id, namespace, swarm }: Parameters<Tracer['begin']>[0], parent: Parent | undefined): Trace {
  const attributes = { 'swarmops.namespace': namespace, 'swarmops.swarm': swarm, 'swarmops.task.id': id }
  const span = tracer.startSpan('task', { kind: SpanKind.SERVER, attributes }, contextOf(parent))
  const { traceId, traceFlags } = span.spanContext()
  const place = { traceId, flags: traceFlags.toString(16).padStart(2, '0') }
  return span.isRecording() ? { ...place, span: taskSpan(tracer, span, attributes) } : place
}

const contextOf = (parent: Parent | undefined): Context =>
  parent
    ? trace.setSpanContext(ROOT_CONTEXT, {
        traceId: parent.traceId,
        spanId: parent.spanId,
        traceFlags: parseInt(parent.flags, 16),
        isRemote: true,
      })
    : ROOT_CONTEXT

function taskSpan(tracer: OtelTracer, span: Span, attributes: Readonly<Record<string, string>>): TaskSpan {
  const within = trace.setSpan(ROOT_CONTEXT, span)
  return {
    attempt: ({ agent, group, revision, number, call }) => {
      const more = { 'swarmops.agent': agent, 'swarmops.group': group, 'swarmops.revision': revision, 'swarmops.attempt': number }
      const part = call === '' ? {} : { 'swarmops.call': call }
      return attemptSpan(tracer.startSpan('attempt', { kind: SpanKind.CLIENT, attributes: { ...attributes, ...more, ...part } }, within))
    },
    end: (outcome, facts) => {
      if (facts)
        span.setAttributes({
          'swarmops.agent': facts.agent,
          'swarmops.group': facts.group,
          'swarmops.revision': facts.revision,
          'swarmops.queued_ms': facts.queuedMs,
        })
      finish(span, outcome)
    },
  }
}

function attemptSpan(span: Span): AttemptSpan {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`,
    end: (outcome, status) => {
      if (status !== undefined) span.setAttribute('http.response.status_code', status)
      finish(span, outcome)
    },
  }
}

function finish(span: Span, outcome: string): void {
  span.setAttribute('swarmops.outcome', outcome)
  if (outcome !== 'Done') span.setStatus({ code: SpanStatusCode.ERROR, message: outcome })
  span.end()
}

/** The exporter, with what becomes of its spans in a metric, and in the log whenever that changes. */
function watched(exporter: SpanExporter, log: Logger, registry: Registry): SpanExporter {
  const spans = new Counter({
    name: 'swarmops_router_spans_total',
    help: 'Spans of traces by whether the collector took them.',
    labelNames: ['result'] as const,
    registers: [registry],
  })
  for (const result of ['sent', 'failed']) spans.inc({ result }, 0)
  let isFailing = false
  return {
    export: (batch, done) =>
      exporter.export(batch, (result) => {
        const hasFailed = result.code !== 0 // ExportResultCode.SUCCESS
        spans.inc({ result: hasFailed ? 'failed' : 'sent' }, batch.length)
        if (hasFailed && !isFailing) log.warn('traces cannot be sent', { why: result.error?.message })
        if (!hasFailed && isFailing) log.info('traces are sent again')
        isFailing = hasFailed
        done(result)
      }),
    shutdown: async () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}
