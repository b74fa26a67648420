import type { Logger } from 'winston'
import { VERDICTS } from '../routing/verdict.ts'
import { isLed } from '../topology/parts.ts'
import type { Call } from './call.ts'
import type { AttemptEnd, Dispatcher, DispatchObserver } from './dispatcher.ts'
import type { Host } from './host.ts'
import type { LeaderChange, Leaders } from './leadership.ts'
import type { LiveViews } from './live-view.ts'
import type { RouterMetrics } from './metrics.ts'
import type { Prober } from './prober.ts'
import type { StatsHub } from './stats-hub.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import type { Tasks } from './tasks.ts'
import type { Listener } from './world.ts'

/** The parts of a router that must hear of what happens in the others. */
export type ReactionsOptions = {
  readonly dispatcher: Dispatcher
  readonly tasks: Tasks
  readonly prober: Prober
  readonly leaders: Leaders
  readonly stats: StatsHub
  readonly views: LiveViews
  readonly metrics: RouterMetrics
  readonly log: Logger
  readonly now: () => number
}

/**
 * What follows for the other parts of a router from what happens in one: in the world, in an attempt, in a check of an agent, in the
 * leadership.
 */
export class Reactions implements Listener<Call>, DispatchObserver {
  readonly #o: ReactionsOptions

  constructor(options: ReactionsOptions) {
    this.#o = options
  }

  /** An agent is new, or its object or sandbox has changed. */
  agentChanged(entry: SwarmEntry<Call>, host: Host): void {
    const { prober, leaders, stats } = this.#o
    entry.version += 1
    prober.know(entry, host)
    leaders.look(entry)
    prober.lead(host, isLed(entry.settings?.topology) && entry.succession.own.leader === host.slot.facts.name)
    stats.agentChanged(entry, host)
  }

  /** The object of an agent is gone. */
  agentGone(entry: SwarmEntry<Call>, host: Host): void {
    const { prober, leaders, stats } = this.#o
    entry.version += 1
    prober.forget(host)
    leaders.look(entry)
    stats.agentGone(entry, host)
  }

  /** A swarm is new, or has other settings. */
  swarmChanged(entry: SwarmEntry<Call>): void {
    const { prober, leaders, stats } = this.#o
    entry.version += 1
    leaders.look(entry)
    const leader = entry.hosts.get(entry.succession.own.leader ?? '')
    if (leader) prober.lead(leader, isLed(entry.settings?.topology))
    stats.swarmChanged(entry)
  }

  /** The Swarm object is gone; its agents may still be there. */
  swarmGone(entry: SwarmEntry<Call>): void {
    const { dispatcher, tasks, stats, views, metrics } = this.#o
    dispatcher.swarmGone(entry)
    tasks.swarmGone(entry)
    stats.swarmGone(entry)
    views.swarmGone(entry)
    metrics.forget(entry.namespace, entry.name)
  }

  /** Tasks that wait may have an agent now. */
  mayPlace(entry: SwarmEntry<Call>): void {
    this.#o.dispatcher.pump(entry)
  }

  /** An agent has one more task. */
  attemptBegan(entry: SwarmEntry<Call>, host: Host): void {
    const { prober, stats } = this.#o
    entry.version += 1
    prober.began(entry, host)
    stats.agentChanged(entry, host)
  }

  /** An agent is rid of a task. */
  attemptEnded(entry: SwarmEntry<Call>, host: Host, ended: AttemptEnd): void {
    const { prober, leaders, stats, metrics, log } = this.#o
    const { namespace, name: swarm } = entry
    const { group, revision, name: agent } = host.slot.facts
    const { outcome, openedCircuit, trippedGuard, willRetry, isOverBudget } = ended
    const { isSignOfLife } = VERDICTS[outcome]
    entry.version += 1
    prober.ended(entry, host, isSignOfLife)
    stats.attemptEnded(entry, host, ended)
    if (!isSignOfLife || openedCircuit || trippedGuard) leaders.look(entry)
    if (trippedGuard) this.#guardTripped(entry)
    if (!entry.settings) return // its metrics are gone, and would come back for ever
    metrics.attempts.inc({ namespace, swarm, group, revision, outcome })
    if (willRetry) metrics.retries.inc({ namespace, swarm })
    if (isOverBudget) metrics.overBudget.inc({ namespace, swarm })
    if (openedCircuit) {
      metrics.circuitOpens.inc({ namespace, swarm })
      log.warn('circuit opened', { namespace, swarm, agent, outcome })
    }
  }

  /** One task more waits, or one less. */
  queueChanged(entry: SwarmEntry<Call>): void {
    entry.version += 1
    this.#o.stats.swarmChanged(entry)
  }

  /** An agent was asked whether it is there. */
  probed({ namespace, name: swarm, settings }: SwarmEntry<Call>, isFound: boolean): void {
    if (settings) this.#o.metrics.probes.inc({ namespace, swarm, result: isFound ? 'found' : 'missed' })
  }

  /** An agent is out, or back. */
  healthChanged(entry: SwarmEntry<Call>, host: Host): void {
    const { dispatcher, leaders, log } = this.#o
    const { isUnreachable, facts } = host.slot
    entry.version += 1
    const fields = { namespace: entry.namespace, swarm: entry.name, agent: facts.name }
    if (isUnreachable) log.warn('agent does not answer', fields)
    else log.info('agent answers again', fields)
    leaders.look(entry)
    dispatcher.pump(entry)
  }

  /** Another agent leads, or the same one in another epoch. */
  leaderChanged(entry: SwarmEntry<Call>, { before, after, cause }: LeaderChange): void {
    const { dispatcher, prober, metrics, log, now } = this.#o
    const { namespace, name: swarm, hosts } = entry
    const isOther = before.leader !== after.leader
    const [old, next] = [before.leader, after.leader].map((leader) => (leader === undefined ? undefined : hosts.get(leader)))
    entry.version += 1
    if (old && isOther) prober.lead(old, false)
    if (next) prober.lead(next, true)
    const lastSign = old && isOther && old.aliveMs > 0 && { oldLeaderSilentMs: Math.round(now() - old.aliveMs) }
    const fields = { namespace, swarm, epoch: after.epoch, leader: after.leader, oldEpoch: before.epoch, oldLeader: before.leader }
    const message = !isOther ? 'epoch has changed' : before.leader === undefined ? 'swarm has a leader' : 'another agent leads'
    log.info(message, { ...fields, cause, ...lastSign })
    if (isOther && before.leader !== undefined) metrics.leaderChanges.inc({ namespace, swarm, cause })
    // Not at once: who asks for the leader may be looking through those who wait.
    setImmediate(() => dispatcher.pump(entry))
  }

  #guardTripped(entry: SwarmEntry<Call>): void {
    const { stats, metrics, log } = this.#o
    const { namespace, name: swarm, guarding } = entry
    if (!guarding) return
    const { run, revision, inFavourOf: stable } = guarding.settings
    metrics.guardTrips.inc({ namespace, swarm })
    log.warn('guard tripped', { namespace, swarm, run, revision, stable, ...guarding.seen, why: guarding.message })
    stats.tell(entry)
  }
}
