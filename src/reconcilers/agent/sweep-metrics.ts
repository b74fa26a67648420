import { Counter, type Registry } from 'prom-client'

/** What is counted of the looks at all sandboxes. */
export type SweepMetrics = {
  /** Looks with one API key, by whether the provider told what there is. */
  readonly sweeps: Counter<'result'>
  /** Sandboxes that no agent owned and that were ended. */
  readonly orphans: Counter
}

/** Adds the metrics of sweeps to the registry. */
export function sweepMetrics(registry: Registry): SweepMetrics {
  const [sweepsName, orphansName] = ['swarmops_operator_sweeps_total', 'swarmops_operator_orphans_killed_total']
  for (const name of [sweepsName, orphansName]) registry.removeSingleMetric(name)
  const registers = [registry]
  const sweeps = new Counter({
    name: sweepsName,
    help: 'Looks at all sandboxes of an API key, by result.',
    labelNames: ['result'] as const,
    registers,
  })
  for (const result of ['done', 'failed']) sweeps.inc({ result }, 0)
  return { sweeps, orphans: new Counter({ name: orphansName, help: 'Sandboxes that no agent owned, ended by a sweep.', registers }) }
}
