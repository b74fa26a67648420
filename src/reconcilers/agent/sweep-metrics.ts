import type { Counter, Registry } from 'prom-client'
import { metricFactory } from '../../metrics/factory.ts'

/** What is counted of the looks at all sandboxes. */
export type SweepMetrics = {
  /** Looks with one API key, by whether the provider told what there is. */
  readonly sweeps: Counter<'result'>
  /** Sandboxes that no agent owned and that were ended. */
  readonly orphans: Counter
}

/** Adds the metrics of sweeps to the registry. */
export function sweepMetrics(registry: Registry): SweepMetrics {
  const metrics = metricFactory(registry)
  const sweeps = metrics.counter({
    name: 'swarmops_operator_sweeps_total',
    help: 'Looks at all sandboxes of an API key, by result.',
    labelNames: ['result'] as const,
  })
  for (const result of ['done', 'failed']) sweeps.inc({ result }, 0)
  const orphans = metrics.counter({
    name: 'swarmops_operator_orphans_killed_total',
    help: 'Sandboxes that no agent owned, ended by a sweep.',
  })
  return { sweeps, orphans }
}
