import { isTrue } from '../api/conditions.ts'
import { durationMs } from '../api/duration.ts'
import type { Agent, Swarm } from '../api/objects.ts'
import { DEFAULT_ADAPTIVE, DEFAULT_CONSENSUS, type Consensus, type Routing } from '../api/routing.ts'
import type { SwarmMirror } from '../api/rollout-traffic.ts'
import { groupsOf } from '../api/swarm-group.ts'
import { DEFAULT_HEALTH_PATH, templateOf } from '../api/template.ts'
import type { AdaptiveRules } from '../routing/adaptive.ts'
import type { AgentFacts, Slot } from '../routing/slot.ts'
import { Fleet } from '../routing/fleet.ts'
import type { FleetRules } from '../routing/rules.ts'
import { RetryBudget } from '../routing/retry-budget.ts'
import { WaitQueue } from '../routing/wait-queue.ts'
import type { Topology } from '../api/topology.ts'
import type { Leadership } from '../topology/leader.ts'
import type { Succession } from '../topology/succession.ts'
import { stagesOf, type Stage } from '../topology/parts.ts'
import { Mirroring } from './mirroring.ts'
import type { TesterSettings } from './testers.ts'
import type { Sandbox } from '../api/address.ts'
import { Guarding, guardSettingsOf, type GuardSettings } from './guarding.ts'
import type { Host, ProbeRules } from './host.ts'

/** What a swarm says about its tasks, in milliseconds and numbers. */
export type Settings = {
  readonly timeoutMs: number
  readonly attempts: number
  /** Retries as a share of tasks. */
  readonly budgetPercent: number
  readonly maxPending: number
  readonly queueTimeoutMs: number
  readonly probe: ProbeRules
  /** How its agents work together, if they do. */
  readonly topology: Topology | undefined
  /** The stages of a ring in their order; none otherwise. */
  readonly stages: readonly Stage[]
  /** Who votes on a task, and how many must agree; it matters with the strategy Consensus only. */
  readonly consensus: Consensus
  /** Who leads as the operator has settled it. */
  readonly settled: Leadership
  /** The revision that is being rolled out, if one is, and when it gets no more tasks. */
  readonly guard: GuardSettings | undefined
  /** Whose tasks go to the revision that is being rolled out, if anybody's. */
  readonly testers: TesterSettings | undefined
  /** What is to be done a second time, if anything. */
  readonly mirror: SwarmMirror | undefined
  readonly rules: FleetRules
}

/** One swarm: its settings, agents and waiting tasks. `T` is what waits. */
export class SwarmEntry<T> {
  readonly namespace: string
  readonly name: string
  readonly fleet: Fleet
  /** Its agents, by name. */
  readonly hosts = new Map<string, Host>()
  readonly waiting = new WaitQueue<T>()
  readonly retries = new RetryBudget()
  /** Absent while there is no Swarm object: its agents may be seen before it, or after it. */
  settings: Settings | undefined
  /** What this router guards now. */
  guarding: Guarding | undefined
  /** What this router sends a second time now. */
  mirroring: Mirroring | undefined
  /** Traffic access tokens, by the name of the agent; some may come before it. */
  tokens: ReadonlyMap<string, string> = new Map()
  /** Who leads; kept when the Swarm object goes and comes again, so that its epochs never go down. */
  succession: Succession = { own: { epoch: 0 }, taken: { epoch: 0 } }
  /** Grows with every change that a live view would show. */
  version = 0
  /** Tasks that ended, by whether they ended well. */
  done = 0
  failed = 0

  constructor(namespace: string, name: string) {
    this.namespace = namespace
    this.name = name
    this.fleet = new Fleet(UNKNOWN_RULES)
  }

  /** Takes what is to be guarded: another run begins anew and by the weights; the same one goes on, and stays tripped if it has. */
  guard(wanted: GuardSettings | undefined): void {
    if (wanted?.run === this.guarding?.settings.run) return
    this.guarding = wanted && new Guarding(wanted)
    this.fleet.cutOff(undefined)
  }

  /** Takes what is to be done a second time: counts begin anew with another run. */
  mirror(wanted: SwarmMirror | undefined): void {
    if (wanted && wanted.run === this.mirroring?.settings.run) this.mirroring.settings = wanted
    else this.mirroring = wanted && new Mirroring(wanted)
  }

  /** An attempt ended that says something about its agent. Returns true when its revision is cut off for that from now on. */
  judge({ facts }: Slot, hasFailed: boolean, nowMs: number): boolean {
    const { guarding } = this
    if (!guarding || guarding.settings.revision !== facts.revision || !guarding.ended(hasFailed, nowMs)) return false
    this.fleet.cutOff(guarding.settings)
    return true
  }

  /** Whether nothing is known of it any more, so that it need not be kept. */
  get isEmpty(): boolean {
    return !this.settings && this.hosts.size === 0 && this.tokens.size === 0
  }
}

const UNKNOWN_RULES: FleetRules = {
  strategy: 'LeastLoaded',
  shares: [],
  groups: new Map(),
  breaker: { consecutiveFailures: 5, openForMs: 5_000 },
}

/** How agents are probed before their Swarm has been seen. */
export const UNKNOWN_PROBE: ProbeRules = { path: DEFAULT_HEALTH_PATH, timeoutMs: 250, intervalMs: 250, failureThreshold: 3 }

/** Reads the settings of a Swarm that the API server has validated. */
export function settingsOf({ spec, status }: Swarm): Settings {
  const { routing, template } = spec
  const { path, timeout, interval, failureThreshold } = template.readiness
  return {
    timeoutMs: durationMs(routing.timeout),
    attempts: routing.retries.attempts,
    budgetPercent: routing.retries.budgetPercent,
    maxPending: routing.queue.maxPending,
    queueTimeoutMs: durationMs(routing.queue.timeout),
    probe: { path, timeoutMs: durationMs(timeout), intervalMs: durationMs(interval), failureThreshold },
    topology: spec.topology,
    stages: spec.topology?.type === 'Ring' ? stagesOf(groupsOf(spec)) : [],
    consensus: routing.consensus ?? DEFAULT_CONSENSUS,
    settled: { epoch: status?.topology?.epoch ?? 0, ...(status?.topology?.leader !== undefined && { leader: status.topology.leader }) },
    testers: status?.testers && { ...status.testers, header: status.testers.header.toLowerCase() },
    mirror: status?.mirror,
    guard: status?.guard && guardSettingsOf(status.guard),
    rules: {
      strategy: routing.strategy,
      adaptive: adaptiveOf(routing),
      topology: spec.topology,
      shares: status?.traffic ?? [],
      groups: new Map(
        groupsOf(spec).map((group) => [
          group.name,
          { capabilities: group.capabilities, limit: templateOf(template, group.template).maxConcurrentTasks, role: group.role },
        ]),
      ),
      breaker: {
        consecutiveFailures: routing.circuitBreaker.consecutiveFailures,
        openForMs: durationMs(routing.circuitBreaker.openFor),
      },
    },
  }
}

function adaptiveOf({ strategy, adaptive = DEFAULT_ADAPTIVE }: Routing): AdaptiveRules | undefined {
  if (strategy !== 'Adaptive') return undefined
  return { explorationPercent: adaptive.explorationPercent, halfLifeMs: durationMs(adaptive.halfLife) }
}

/** What the routing needs to know of an Agent. */
export function factsOf(agent: Agent): AgentFacts {
  const { metadata, spec, status } = agent
  const isDraining = spec.state !== 'Running' || metadata.deletionTimestamp !== undefined
  return {
    namespace: metadata.namespace,
    swarm: spec.swarm,
    name: metadata.name,
    uid: metadata.uid,
    group: spec.group,
    place: spec.place,
    revision: spec.revision,
    isCandidate: isTrue(agent, 'Ready') && !isDraining && status?.sandbox?.state === 'Running',
    isDraining,
  }
}

/** The sandbox of an Agent, once it has one. */
export function sandboxOf({ status }: Agent): Sandbox | undefined {
  const sandbox = status?.sandbox
  return sandbox && { id: sandbox.id, port: sandbox.port, ...(sandbox.domain !== undefined && { domain: sandbox.domain }) }
}
