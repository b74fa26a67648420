import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'

/** A new registry with the metrics of the process itself (CPU, memory, event loop). */
export function createRegistry(options: { readonly processMetrics?: boolean } = {}): Registry {
  const registry = new Registry()
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry })
  return registry
}

/** What a queue's gauges are read from when the metrics are scraped. */
export interface QueueState {
  readonly depth: number
  readonly delayed: number
  readonly running: number
  readonly longestRunningMs: number
}

/** Metrics of the work queues, labelled by controller. */
export interface QueueMetrics {
  readonly adds: Counter<'controller'>
  readonly retries: Counter<'controller'>
  readonly latency: Histogram<'controller'>
  readonly work: Histogram<'controller'>
  /** Reads the gauges of this queue at every scrape. */
  watch(name: string, queue: QueueState): void
  forget(name: string): void
}

/** Metrics of the controller runtime. */
export interface RuntimeMetrics {
  readonly queue: QueueMetrics
  /** Passes by outcome: `ok`, `backoff`, `after` or `never`. */
  readonly reconciles: Counter<'controller' | 'outcome'>
  readonly requests: Counter<'verb' | 'kind' | 'code'>
  readonly requestSeconds: Histogram<'verb' | 'kind'>
  readonly informerObjects: Gauge<'kind'>
  readonly informerEvents: Counter<'kind' | 'type'>
  /** Lists made because a watch could not be continued, and watches started. */
  readonly informerLists: Counter<'kind'>
  readonly informerWatches: Counter<'kind'>
  readonly leader: Gauge<'lease'>
  readonly eventsDropped: Counter<'why'>
}

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

function queueMetrics(registry: Registry): QueueMetrics {
  const registers = [registry]
  const labelNames = ['controller'] as const
  const queues = new Map<string, QueueState>()
  const gauge = (name: string, help: string, read: (queue: QueueState) => number) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const [controller, queue] of queues) this.set({ controller }, read(queue))
      },
    })
  gauge('swarmops_workqueue_depth', 'Keys ready to be worked on.', (queue) => queue.depth)
  gauge('swarmops_workqueue_delayed', 'Keys that wait for a moment.', (queue) => queue.delayed)
  gauge('swarmops_workqueue_running', 'Keys being worked on.', (queue) => queue.running)
  gauge('swarmops_workqueue_longest_running_seconds', 'Age of the longest running pass.', (queue) => queue.longestRunningMs / 1000)
  return {
    adds: new Counter({ name: 'swarmops_workqueue_adds_total', help: 'Keys added.', labelNames, registers }),
    retries: new Counter({ name: 'swarmops_workqueue_retries_total', help: 'Keys added again after a failure.', labelNames, registers }),
    latency: new Histogram({
      name: 'swarmops_workqueue_latency_seconds',
      help: 'Time from ready to taken.',
      labelNames,
      registers,
      buckets: SECONDS,
    }),
    work: new Histogram({
      name: 'swarmops_workqueue_work_seconds',
      help: 'Time from taken to done.',
      labelNames,
      registers,
      buckets: SECONDS,
    }),
    watch: (name, queue) => void queues.set(name, queue),
    forget: (name) => void queues.delete(name),
  }
}

/** Adds the controller runtime's metrics to the registry; once per registry. */
export function runtimeMetrics(registry: Registry): RuntimeMetrics {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) => new Counter({ name, help, labelNames, registers })
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) => new Gauge({ name, help, labelNames, registers })
  return {
    queue: queueMetrics(registry),
    reconciles: counter('swarmops_reconciles_total', 'Passes by outcome.', 'controller', 'outcome'),
    requests: counter('swarmops_kube_requests_total', 'Requests to the API server; code 0 is no answer.', 'verb', 'kind', 'code'),
    requestSeconds: new Histogram({
      name: 'swarmops_kube_request_seconds',
      help: 'Duration of requests to the API server.',
      labelNames: ['verb', 'kind'] as const,
      registers,
      buckets: SECONDS,
    }),
    informerObjects: gauge('swarmops_informer_objects', 'Objects in the cache.', 'kind'),
    informerEvents: counter('swarmops_informer_events_total', 'Changes passed on.', 'kind', 'type'),
    informerLists: counter('swarmops_informer_lists_total', 'Lists, at the start and when a watch could not be continued.', 'kind'),
    informerWatches: counter('swarmops_informer_watches_total', 'Watches started.', 'kind'),
    leader: gauge('swarmops_leader', '1 while this process holds the lease.', 'lease'),
    eventsDropped: counter('swarmops_events_dropped_total', 'Events not recorded.', 'why'),
  }
}

/** Observes requests of a Kubernetes client. */
export function observeRequests(metrics: RuntimeMetrics) {
  return (request: { readonly verb: string; readonly kind: string; readonly code: number; readonly seconds: number }): void => {
    const { verb, kind, code, seconds } = request
    metrics.requests.inc({ verb, kind, code: String(code) })
    metrics.requestSeconds.observe({ verb, kind }, seconds)
  }
}
