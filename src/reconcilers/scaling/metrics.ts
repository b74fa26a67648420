import type { Histogram, Registry } from 'prom-client'
import type { ScalingPolicy } from '../../api/objects.ts'
import { metricFactory } from '../../metrics/factory.ts'

/** Metrics of scaling. */
export type ScalingMetrics = {
  readonly changed: (policy: ScalingPolicy, direction: 'up' | 'down') => void
  /** From the sample that decided, or what else made the policy look, to the answer of the API server. */
  readonly writeSeconds: Histogram
}

const labelNames = ['namespace', 'policy', 'swarm'] as const

const labelsOf = ({ metadata, spec }: ScalingPolicy) => ({
  namespace: metadata.namespace,
  policy: metadata.name,
  swarm: spec.target.swarm,
})

const has = ({ status }: ScalingPolicy, type: string, is: 'True' | 'False') =>
  Number(status?.conditions?.some((c) => c.type === type && c.status === is) ?? false)

/** Adds the metrics of scaling to the registry; gauges are read from the policies when they are asked for. */
export function scalingMetrics(registry: Registry, policies: () => readonly ScalingPolicy[]): ScalingMetrics {
  const metrics = metricFactory(registry)
  const gauge = (name: string, help: string, read: (policy: ScalingPolicy) => number | undefined) =>
    metrics.gauge({
      name: `swarmops_operator_scaling_${name}`,
      help,
      labelNames,
      collect() {
        this.reset()
        for (const policy of policies()) {
          const value = read(policy)
          if (value !== undefined) this.set(labelsOf(policy), value)
        }
      },
    })
  gauge('current_replicas', 'Replicas of the target of a ScalingPolicy before its last decision.', ({ status }) => status?.currentReplicas)
  gauge('wanted_replicas', 'Replicas that a ScalingPolicy has decided on.', ({ status }) => status?.wantedReplicas)
  gauge('limited', '1 while something limits what the metrics of a ScalingPolicy ask for.', (policy) =>
    has(policy, 'ScalingLimited', 'True'),
  )
  gauge('failing', '1 while a ScalingPolicy cannot set replicas: no target, no metric with a value, or a refused write.', (policy) =>
    has(policy, 'Ready', 'False'),
  )
  gauge('metrics_failing', '1 while some metric of a ScalingPolicy has no fresh value.', (policy) => has(policy, 'MetricsFailing', 'True'))
  gauge('forecast_unused', '1 while the forecast of a ScalingPolicy is not good enough to be used.', ({ spec, status }) =>
    spec.predictive.mode === 'Scale' && status?.forecast ? Number(!status.forecast.used) : undefined,
  )
  const changes = metrics.counter({
    name: 'swarmops_operator_scaling_changes_total',
    help: 'Changes of replicas by ScalingPolicies.',
    labelNames: [...labelNames, 'direction'],
  })
  return {
    changed: (policy, direction) => changes.inc({ ...labelsOf(policy), direction }),
    writeSeconds: metrics.histogram({
      name: 'swarmops_operator_scaling_write_seconds',
      help: 'Time from the sample that decided to the written replicas.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5],
    }),
  }
}
