import type { Registry } from 'prom-client'
import { isTrue } from '../../api/conditions.ts'
import type { HealthCounts } from '../../api/health.ts'
import type { Account, Spent } from '../../scaling/account.ts'
import { dollarsOf } from '../../scaling/cost.ts'
import { metricFactory, type MetricFactory } from '../../metrics/factory.ts'
import type { Stores } from './stores.ts'

/** States of agents that are counted; a closed set, so that labels stay few. */
const STATES = ['ready', 'notReady', 'draining', 'paused', 'warm', 'lost', 'deleting'] as const

/** Gauges that are 1 while a swarm has a condition. */
const CONDITIONS = [
  ['mass_failure', 'MassFailure', 'so many agents of the swarm were lost within a minute that updates and scale-downs wait'],
  ['budget_exceeded', 'BudgetExceeded', 'the budget of the swarm, or a ResourceQuota of its namespace, holds agents back'],
  ['quota_exceeded', 'QuotaExceeded', 'the account of the swarm has no room for more sandboxes'],
  ['stalled', 'Stalled', 'the swarm cannot go on before a person changes something'],
] as const

/** Gauges of the fleet, counted when they are asked for. */
export function fleetMetrics(registry: Registry, stores: Pick<Stores, 'agents' | 'swarms'>): void {
  const metrics = metricFactory(registry)
  healthMetrics(metrics, stores)
  conditionMetrics(metrics, stores)
  const agents = metrics.gauge({
    name: 'swarmops_operator_agents',
    help: 'Agents by swarm and state.',
    labelNames: ['namespace', 'swarm', 'state'],
    collect() {
      agents.reset()
      for (const swarm of stores.swarms.list()) {
        for (const state of STATES) agents.set({ namespace: swarm.metadata.namespace, swarm: swarm.metadata.name, state }, 0)
      }
      for (const agent of stores.agents.list()) {
        agents.inc({ namespace: agent.metadata.namespace, swarm: agent.spec.swarm, state: stateOf(agent) })
      }
    },
  })
  const desired = metrics.gauge({
    name: 'swarmops_operator_agents_desired',
    help: 'Agents that are wanted of a swarm.',
    labelNames: ['namespace', 'swarm'],
    collect() {
      desired.reset()
      for (const { metadata, status } of stores.swarms.list())
        desired.set({ namespace: metadata.namespace, swarm: metadata.name }, status?.desiredReplicas ?? 0)
    },
  })
  const swarms = metrics.gauge({
    name: 'swarmops_operator_swarms',
    help: 'Swarms that the operator looks after.',
    collect() {
      swarms.set(stores.swarms.list().length)
    },
  })
}

/** What the swarms cost, counted up to the moment in which they are asked for. */
export function costMetrics(
  registry: Registry,
  all: () => Iterable<{ readonly namespace: string; readonly swarm: string; readonly account: Account }>,
): void {
  const metrics = metricFactory(registry)
  const gauge = (name: string, help: string, read: (spent: Spent) => number) =>
    metrics.gauge({
      name: `swarmops_operator_${name}`,
      help,
      labelNames: ['namespace', 'swarm', 'group'],
      collect() {
        this.reset()
        for (const { namespace, swarm, account } of all())
          for (const spent of account.spent(Date.now())) this.set({ namespace, swarm, group: spent.group }, read(spent))
      },
    })
  gauge(
    'cost_hourly_dollars',
    'Dollars an hour that the running sandboxes of a swarm cost.',
    ({ hourlyMicros }) => Number(hourlyMicros) / 1e6,
  )
  gauge('cost_accumulated_dollars', 'Dollars that the sandboxes of a swarm have cost, over restarts.', ({ units }) => dollarsOf(units))
}

/** What ResourceQuotas say of agents, and what is used of it. */
export function quotaMetrics(
  registry: Registry,
  uses: () => readonly { namespace: string; quota: string; resource: string; hard: number; used: number }[],
): void {
  metricFactory(registry).gauge({
    name: 'swarmops_operator_quota',
    help: 'What a ResourceQuota allows of agents, and what is used of it.',
    labelNames: ['namespace', 'quota', 'resource', 'type'],
    collect() {
      this.reset()
      for (const { hard, used, namespace, quota, resource } of uses()) {
        const labels = { namespace, quota, resource }
        this.set({ ...labels, type: 'hard' }, hard)
        this.set({ ...labels, type: 'used' }, used)
      }
    },
  })
}

/** The health of agents as the swarms tell it. */
function healthMetrics(metrics: MetricFactory, stores: Pick<Stores, 'swarms'>): void {
  const health = metrics.gauge({
    name: 'swarmops_operator_agents_health',
    help: 'Agents by swarm and health; those that were never ready and paused ones are left out.',
    labelNames: ['namespace', 'swarm', 'state'],
    collect() {
      health.reset()
      for (const { metadata, status } of stores.swarms.list())
        for (const state of HEALTH_COUNTS)
          health.set({ namespace: metadata.namespace, swarm: metadata.name, state }, status?.health?.[state] ?? 0)
    },
  })
}

/** What holds the swarms up, as they tell it. */
function conditionMetrics(metrics: MetricFactory, stores: Pick<Stores, 'swarms'>): void {
  for (const [name, condition, what] of CONDITIONS) {
    metrics.gauge({
      name: `swarmops_operator_${name}`,
      help: `1 while ${what}.`,
      labelNames: ['namespace', 'swarm'],
      collect() {
        this.reset()
        for (const swarm of stores.swarms.list()) {
          const { metadata } = swarm
          this.set({ namespace: metadata.namespace, swarm: metadata.name }, Number(isTrue(swarm, condition)))
        }
      },
    })
  }
}

const HEALTH_COUNTS: readonly (keyof HealthCounts)[] = ['healthy', 'degraded', 'critical', 'failed']

function stateOf(agent: ReturnType<Stores['agents']['list']>[number]): (typeof STATES)[number] {
  if (agent.metadata.deletionTimestamp) return 'deleting'
  if (agent.status?.failed) return 'lost'
  if (agent.spec.state === 'Draining') return 'draining'
  if (agent.spec.state === 'Paused') return 'paused'
  if (agent.spec.state === 'Warm') return 'warm'
  return isTrue(agent, 'Ready') ? 'ready' : 'notReady'
}
