import type { Counter, Registry } from 'prom-client'
import type { Logger } from 'winston'
import { MEASURED, SOURCES, sourceOf } from '../../api/analysis.ts'
import { metricFactory } from '../../metrics/factory.ts'
import { Sources } from '../../sources/sources.ts'
import { addLatencies } from '../../stats/latency.ts'
import type { EndedTasks } from '../agent/vitals.ts'
import type { RouterView, Stores } from '../shared/stores.ts'
import { after } from '../../time/clock.ts'
import { Analyst } from './analyst.ts'
import { measureOutside, type OutsideDeps } from './outside.ts'
import { RouterTasks, type Routers } from './router-tasks.ts'
import { readSecret } from './secrets.ts'
import { warmUp } from './warm-up.ts'

/** What rollouts are measured with. `wake` asks for a pass over a swarm, `namespace/name`. */
export type MeasuringOptions = {
  readonly stores: Pick<Stores, 'client' | 'agents' | 'now'> & { readonly routers: Pick<RouterView, 'isConnected'> }
  /** Where tasks are sent to warm up agents. */
  readonly entrances: Routers
  readonly registry: Registry
  /** Hosts that metrics and webhooks may name; all when there is none. */
  readonly sourceHosts?: readonly string[] | undefined
  readonly log: Logger
  readonly wake: (key: string) => void
}

/** The analyst, and what is connected to it. */
export type Measuring = {
  readonly analyst: Analyst
  /** To be told of attempts that routers have seen the end of. */
  readonly tasksEnded: (ended: readonly EndedTasks[]) => void
  readonly stop: () => Promise<void>
}

/** Connects an analyst to routers, sources, Secrets and metrics. */
export function measuring({ stores, entrances, sourceHosts, registry, log, wake }: MeasuringOptions): Measuring {
  const sources = new Sources({ hosts: sourceHosts })
  const tasks = new RouterTasks(entrances)
  const measurements = measurementsOf(registry)
  const deps: OutsideDeps = { sources, tasks, readSecret: async (ref, signal) => readSecret(stores.client, ref, signal) }
  const { now } = stores
  const analyst = new Analyst({
    now,
    after,
    wake,
    isHeard: () => stores.routers.isConnected(),
    measure: async (metric, asking, signal) => measureOutside(metric, asking, deps, signal),
    warmUp: async (spec, asking, going) => warmUp(spec, asking, going, { tasks, now }),
    onMeasured: (metric, { result }) => measurements.inc({ kind: sourceOf(metric), result }),
    log,
  })
  return {
    analyst,
    tasksEnded: (ended) => {
      for (const [key, sums] of sumsOf(ended, stores.agents, (key) => analyst.follows(key))) analyst.tasksEnded(key, sums)
    },
    stop: async () => {
      analyst.stop()
      await Promise.all([sources.close(), tasks.close()])
    },
  }
}

type Sum = { done: number; failed: number; readonly latency: number[] }

/** What one router has told at once, by swarm and revision, so that it is judged once; swarms that nobody measures are passed over. */
function sumsOf(
  ended: readonly EndedTasks[],
  agents: Stores['agents'],
  isWanted: (key: string) => boolean,
): ReadonlyMap<string, ReadonlyMap<string, Sum>> {
  const sums = new Map<string, Map<string, Sum>>()
  for (const { namespace, agent: name, uid, done, failed, latency } of ended) {
    const agent = agents.get({ namespace, name })
    if (agent?.metadata.uid !== uid) continue
    const key = `${namespace}/${agent.spec.swarm}`
    if (!isWanted(key)) continue
    const revisions = sums.get(key) ?? new Map<string, Sum>()
    sums.set(key, revisions)
    const sum = revisions.get(agent.spec.revision) ?? { done: 0, failed: 0, latency: [] }
    revisions.set(agent.spec.revision, sum)
    sum.done += done
    sum.failed += failed
    addLatencies(sum.latency, latency)
  }
  return sums
}

function measurementsOf(registry: Registry): Counter<'kind' | 'result'> {
  const measurements = metricFactory(registry).counter({
    name: 'swarmops_operator_measurements_total',
    help: 'Measurements of metrics of rollouts, by source and result.',
    labelNames: ['kind', 'result'] as const,
  })
  for (const kind of SOURCES) for (const result of MEASURED) measurements.inc({ kind, result }, 0)
  return measurements
}
