import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ScalingPolicy } from '../../api/objects.ts'

/** Metrics of scaling. */
export type ScalingMetrics = {
  readonly changes: Counter<'namespace' | 'policy' | 'direction'>
  /** From the sample that decided, or what else made the policy look, to the answer of the API server. */
  readonly writeSeconds: Histogram
}

const NAMES = ['current_replicas', 'wanted_replicas', 'limited', 'changes_total', 'write_seconds'] as const
const labelNames = ['namespace', 'policy'] as const

/** Adds the metrics of scaling to the registry; gauges are read from the policies when they are asked for. */
export function scalingMetrics(registry: Registry, policies: () => readonly ScalingPolicy[]): ScalingMetrics {
  const registers = [registry]
  for (const name of NAMES) registry.removeSingleMetric(`swarmops_operator_scaling_${name}`)
  const gauge = (name: (typeof NAMES)[number], help: string, read: (policy: ScalingPolicy) => number | undefined) =>
    new Gauge({
      name: `swarmops_operator_scaling_${name}`,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const policy of policies()) {
          const value = read(policy)
          if (value !== undefined) this.set({ namespace: policy.metadata.namespace, policy: policy.metadata.name }, value)
        }
      },
    })
  gauge('current_replicas', 'Replicas of the target of a ScalingPolicy before its last decision.', ({ status }) => status?.currentReplicas)
  gauge('wanted_replicas', 'Replicas that a ScalingPolicy has decided on.', ({ status }) => status?.wantedReplicas)
  gauge('limited', '1 while something limits what the metrics of a ScalingPolicy ask for.', ({ status }) =>
    Number(status?.conditions?.some((c) => c.type === 'ScalingLimited' && c.status === 'True') ?? false),
  )
  return {
    changes: new Counter({
      name: 'swarmops_operator_scaling_changes_total',
      help: 'Changes of replicas by ScalingPolicies.',
      labelNames: [...labelNames, 'direction'],
      registers,
    }),
    writeSeconds: new Histogram({
      name: 'swarmops_operator_scaling_write_seconds',
      help: 'Time from the sample that decided to the written replicas.',
      registers,
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5],
    }),
  }
}
