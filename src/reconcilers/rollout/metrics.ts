import type { Gauge, Registry } from 'prom-client'
import { isTrue } from '../../api/conditions.ts'
import type { Rollout } from '../../api/objects.ts'
import { RolloutState, type Ended } from '../../api/rollout.ts'
import { metricFactory, type MetricFactory } from '../../metrics/factory.ts'
import type { Stores } from '../shared/stores.ts'

/** What is counted of rollouts. */
export type RolloutMetrics = { readonly ended: (rollout: Rollout, ended: Ended) => void }

const LABELS = ['namespace', 'kind', 'rollout', 'swarm'] as const
const ACTIVITIES = RolloutState.properties.activity.enum

const labelsOf = ({ kind, metadata, spec }: Rollout) => ({
  namespace: metadata.namespace,
  kind,
  rollout: metadata.name,
  swarm: spec.swarm,
})

/** Gauges of the rollouts that swarms follow, read when they are asked for, and a counter of those that have ended. */
export function rolloutMetrics(registry: Registry, stores: Pick<Stores, 'canaries' | 'blueGreens'>): RolloutMetrics {
  const metrics = metricFactory(registry)
  const all = () => [...stores.canaries.list(), ...stores.blueGreens.list()].filter(({ status }) => status?.state !== undefined)
  gauge(metrics, { name: 'rollout_weight', help: 'Percent of new tasks that the new revision is meant to have.' }, (it) => {
    for (const rollout of all()) it.set(labelsOf(rollout), rollout.status?.state?.weight ?? 0)
  })
  gauge(metrics, { name: 'rollout_step', help: 'Steps of the rollout that are done.' }, (it) => {
    for (const rollout of all()) it.set(labelsOf(rollout), rollout.status?.state?.step ?? 0)
  })
  gauge(metrics, { name: 'rollout_paused', help: '1 while the rollout waits for a person.' }, (it) => {
    for (const rollout of all()) it.set(labelsOf(rollout), Number(isTrue(rollout, 'Paused')))
  })
  const activity = metrics.gauge({
    name: 'swarmops_operator_rollout_activity',
    help: '1 for what the rollout does now, 0 for the rest.',
    labelNames: [...LABELS, 'activity'],
    collect() {
      activity.reset()
      for (const rollout of all())
        for (const each of ACTIVITIES)
          activity.set({ ...labelsOf(rollout), activity: each }, Number(rollout.status?.state?.activity === each))
    },
  })
  const ended = metrics.counter({
    name: 'swarmops_operator_rollouts_ended_total',
    help: 'Rollouts that have ended, by result and reason.',
    labelNames: [...LABELS, 'result', 'reason'],
  })
  return { ended: (rollout, { result, reason }) => ended.inc({ ...labelsOf(rollout), result, reason }) }
}

type About = { readonly name: string; readonly help: string }

function gauge(metrics: MetricFactory, { name, help }: About, collect: (it: Gauge<(typeof LABELS)[number]>) => void): void {
  metrics.gauge({
    name: `swarmops_operator_${name}`,
    help,
    labelNames: LABELS,
    collect() {
      this.reset()
      collect(this)
    },
  })
}
