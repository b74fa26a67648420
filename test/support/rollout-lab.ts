import type { Request, RolloutState } from '../../src/api/rollout.ts'
import type { Course } from '../../src/rollouts/course.ts'
import { planRollout } from '../../src/rollouts/machine.ts'
import type { GroupWanted, Plan, Verdict, World } from '../../src/rollouts/world.ts'

/** When a lab begins, in Unix milliseconds. */
export const START_MS = Date.parse('2026-01-01T00:00:00.000Z')

/** A course with one weight and nothing else, and what is said besides. */
const course = (over: Partial<Course> = {}): Course => ({
  steps: [{ do: 'setWeight', percent: 50 }],
  onInconclusive: 'Pause',
  rollbackWindow: 2,
  abortScaleDownDelayMs: 30_000,
  scaleDownDelayMs: 60_000,
  deadlineMs: 600_000,
  paused: false,
  dynamicStableScale: false,
  ...over,
})

/** A swarm, its routers and its analyses around a rollout: plans are carried out when a test says so, and not before. */
export class RolloutLab {
  course: Course
  nowMs = START_MS
  template = 'v1'
  groups: readonly GroupWanted[] = [{ name: '', replicas: 4 }]
  ready: Record<string, Record<string, number>> = { v1: { '': 4 } }
  inForce: Record<string, { least: number; most: number }> = { v1: { least: 100, most: 100 } }
  verdicts = new Map<string, Verdict>()
  trips: { run: string; message: string }[] = []
  request: Request | undefined
  state: RolloutState | undefined
  plan: Plan
  events: Plan['events'][number][] = []
  #requests = 0

  constructor(which: Partial<Course> = {}, over: Partial<RolloutLab> = {}) {
    this.course = course(which)
    Object.assign(this, over)
    this.plan = this.pass()
  }

  get world(): World {
    return {
      nowMs: this.nowMs,
      templateRevision: this.template,
      currentRevision: 'v1',
      groups: this.groups,
      ready: this.ready,
      inForce: this.inForce,
      checks: [...this.verdicts].map(([run, verdict]) => ({ run, verdict })),
      trips: this.trips,
      revisions: ['v1', 'v2', 'v3', 'v4', this.template],
      ...(this.request && { request: this.request }),
    }
  }

  /** One pass, whose state is stored as JSON. */
  pass(): Plan {
    this.plan = planRollout(this.course, this.state, this.world)
    this.state = JSON.parse(JSON.stringify(this.plan.state)) as RolloutState
    this.events.push(...this.plan.events)
    return this.plan
  }

  /** Agents that are asked for become ready, and those that nobody asks for are gone. */
  agentsCome(): this {
    const kept = this.plan.kept.map((revision): [string, Record<string, number>] => [revision, this.ready[revision] ?? {}])
    const asked = this.plan.sides.map(({ revision, groups }): [string, Record<string, number>] => [
      revision,
      Object.fromEntries(groups.map(({ name, replicas }) => [name, replicas])),
    ])
    this.ready = Object.fromEntries([...kept, ...asked])
    return this
  }

  /** All routers follow the weights. */
  routersFollow(): this {
    this.inForce = Object.fromEntries(this.plan.weights.map(({ revision, percent }) => [revision, { least: percent, most: percent }]))
    return this
  }

  /** The checks that are asked for come out like this. */
  checksSay(state: Verdict['state']): this {
    for (const { run } of this.plan.checks) this.verdicts.set(run, { state, message: `it is ${state}` })
    return this
  }

  later(ms: number): this {
    this.nowMs += ms
    return this
  }

  /** A person asks for something. */
  asks(action: Request['action'], revision?: string): this {
    this.request = { id: `r${(this.#requests += 1)}`, action, ...(revision !== undefined && { revision }) }
    return this
  }

  /** The swarm and the routers do what they are asked for until nothing changes. */
  settle(): Plan {
    for (let i = 0, before = ''; i < 200; i += 1) {
      this.pass()
      const seen = JSON.stringify([this.state, this.ready, this.inForce])
      if (seen === before) return this.plan
      before = seen
      this.agentsCome().routersFollow()
    }
    throw new Error(`does not settle: ${JSON.stringify(this.state)}`)
  }

  weightOf(revision: string): number {
    return this.plan.weights.find((share) => share.revision === revision)?.percent ?? 0
  }

  sizeOf(revision: string): number | undefined {
    return this.plan.sides.find((side) => side.revision === revision)?.groups.reduce((sum, group) => sum + group.replicas, 0)
  }

  get reasons(): string[] {
    return this.events.map(({ reason }) => reason)
  }
}
