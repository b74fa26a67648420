import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

/** What is asked of the provider. */
const OPERATIONS = ['create', 'connect', 'kill', 'get', 'list', 'timeout', 'pause', 'files', 'start', 'exit', 'usage'] as const

/** One of the closed set of operations. */
export type Operation = (typeof OPERATIONS)[number]

const OUTCOMES = ['ok', 'gone', 'refused', 'rejected', 'rate-limited', 'quota', 'unavailable', 'ambiguous', 'aborted'] as const

/** What came of a call. */
export type Outcome = (typeof OUTCOMES)[number]

/** Metrics of the provider's calls. */
export type ProviderMetrics = {
  /** Counts a call that was sent and how long it took. */
  observe(operation: Operation, outcome: Outcome, seconds: number): void
  /** Counts a probe; a probe is too frequent for a histogram. */
  probed(outcome: string): void
}

/** Adds the provider's metrics to the registry; once per registry. `waiting` is read when the metrics are scraped. */
export function providerMetrics(registry: Registry, waiting: () => number): ProviderMetrics {
  const registers = [registry]
  const calls = new Counter({
    name: 'swarmops_provider_calls_total',
    help: 'Calls to E2B by operation and outcome.',
    labelNames: ['operation', 'outcome'] as const,
    registers,
  })
  const seconds = new Histogram({
    name: 'swarmops_provider_call_seconds',
    help: 'Duration of calls to E2B, the wait for a turn not counted.',
    labelNames: ['operation'] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers,
  })
  const probes = new Counter({
    name: 'swarmops_provider_probes_total',
    help: 'Checks of agents by outcome.',
    labelNames: ['outcome'] as const,
    registers,
  })
  for (const operation of OPERATIONS) calls.inc({ operation, outcome: 'ok' }, 0)
  new Gauge({
    name: 'swarmops_provider_waiting',
    help: 'Calls that wait for a turn under the limits of E2B.',
    registers,
    collect() {
      this.set(waiting())
    },
  })
  return {
    observe: (operation, outcome, took) => {
      calls.inc({ operation, outcome })
      seconds.observe({ operation }, took)
    },
    probed: (outcome) => probes.inc({ outcome }),
  }
}
