import type { Condition } from '../../src/api/condition.ts'
import type { ScalingPolicy } from '../../src/api/objects.ts'
import type { ScalingPolicyStatus } from '../../src/api/scaling-policy.ts'
import { SCALING_POLICIES, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { keepAsking, type Load } from './load.ts'
import { System, type SystemOptions } from './system.ts'
import { eventually } from './wait.ts'

/** A whole system, and what tests of scaling do with it. */
export class ScalingLab {
  readonly system: System

  private constructor(system: System) {
    this.system = system
  }

  static async start(options: SystemOptions): Promise<ScalingLab> {
    return new ScalingLab(await System.start(options))
  }

  async stop(): Promise<void> {
    await this.system.stop()
  }

  /** A swarm of agents that take one task at a time, with room for everybody who waits. */
  async swarm(name: string, replicas: number, more: object = {}): Promise<void> {
    // The number belongs to nobody afterwards, as with a manifest that leaves it out.
    await this.system.apply(name, {
      template: { maxConcurrentTasks: 1 },
      routing: { queue: { maxPending: 1_000, timeout: '30s' } },
      ...more,
    })
    if (replicas !== 1) await this.system.scale(name, replicas)
    if (replicas > 0) await this.system.settled(name)
  }

  /** Applies a policy for the swarm of its name. */
  async policy(name: string, spec: object): Promise<ScalingPolicy> {
    const { namespace } = this.system
    const manifest = { metadata: { name, namespace }, spec: { target: { swarm: name }, ...spec } }
    return this.system.client.apply(SCALING_POLICIES, manifest, { fieldManager: 'test', force: true })
  }

  async get(name: string): Promise<ScalingPolicy | undefined> {
    return this.system.client.get(SCALING_POLICIES, { namespace: this.system.namespace, name })
  }

  async remove(name: string): Promise<void> {
    await this.system.client.delete(SCALING_POLICIES, { namespace: this.system.namespace, name })
  }

  async annotate(name: string, annotations: Record<string, string | null>): Promise<void> {
    await this.system.client.mergePatch(SCALING_POLICIES, { namespace: this.system.namespace, name }, { metadata: { annotations } })
  }

  /** Whether the policy is older than so many milliseconds, by the clock of the API server, whose times have whole seconds. */
  async isOlder(name: string, ms: number): Promise<boolean> {
    const made = (await this.get(name))?.metadata.creationTimestamp
    return made !== undefined && Date.now() - Date.parse(made) > ms
  }

  /** Waits until a policy has decided this. */
  async decided(name: string, is: (status: ScalingPolicyStatus) => boolean): Promise<ScalingPolicy> {
    return eventually(
      `policy ${name} has decided`,
      async () => {
        const policy = await this.get(name)
        if (policy?.status && is(policy.status)) return policy
        throw new Error(JSON.stringify(policy?.status))
      },
      { timeoutMs: 40_000 },
    )
  }

  /** Waits for a condition of a policy. */
  async tells(name: string, type: string, status: Condition['status']): Promise<Condition> {
    return eventually(
      `policy ${name} is ${type}`,
      async () => {
        const conditions = (await this.get(name))?.status?.conditions
        const found = conditions?.find((c) => c.type === type && c.status === status)
        if (found) return found
        throw new Error(JSON.stringify(conditions))
      },
      { timeoutMs: 40_000 },
    )
  }

  /** Waits until a swarm is asked for so many agents. */
  async replicas(swarm: string, replicas: number): Promise<void> {
    await eventually(
      `swarm ${swarm} is asked for ${replicas} agents`,
      async () => {
        const seen = (await this.system.swarm(swarm))?.spec.replicas
        if (seen === replicas) return true
        throw new Error(JSON.stringify({ seen, policy: (await this.get(swarm))?.status }))
      },
      { timeoutMs: 60_000 },
    )
  }

  /** The field manager that set the replicas of a swarm last. */
  async setBy(swarm: string): Promise<string | undefined> {
    const object: unknown = await this.system.client.get(SWARMS, { namespace: this.system.namespace, name: swarm })
    const { managedFields = [] } = (object as { metadata: { managedFields?: { manager: string; fieldsV1?: object }[] } }).metadata
    return managedFields.findLast(
      ({ fieldsV1 }) => JSON.stringify(fieldsV1).includes('"f:replicas"') && JSON.stringify(fieldsV1).includes('"f:spec"'),
    )?.manager
  }

  /** Sends tasks without end. */
  keepAsking(swarm: string, clients: number, input: unknown, more: object): Load {
    return keepAsking(async () => this.system.task(swarm, input, more), clients)
  }

  /** The bucket into which the slowest write of replicas falls, in milliseconds. */
  async slowestWriteMs(): Promise<number> {
    const lines = (await this.system.metrics())
      .split('\n')
      .filter((line) => line.startsWith('swarmops_operator_scaling_write_seconds_bucket'))
    const buckets = lines.map((line) => ({
      le: Number(/le="([^"]+)"/.exec(line)?.[1]?.replace('+Inf', 'Infinity')),
      count: Number(line.split(' ').at(-1)),
    }))
    const all = buckets.at(-1)?.count ?? 0
    return (buckets.find(({ count }) => count === all)?.le ?? Infinity) * 1_000
  }
}
