import type { Rollout, Swarm } from '../../src/api/objects.ts'
import { Informer } from '../../src/kube/informer.ts'
import { createLog } from '../../src/log.ts'
import { BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { SWARM, type RolloutSystem } from './rollout-system.ts'

/** Every state that a rollout goes through, as the API server tells it. */
export class RolloutJournal {
  /** `activity step weight` of each change of one of these, in their order. */
  readonly entries: string[] = []
  /** Percent of the tasks that revisions other than the first one had, in their order. */
  readonly weights: number[] = []
  /** Called at each new entry, in the moment in which it is heard of. */
  onEntry: () => void = () => undefined
  readonly #informers: { start(): void; stop(): Promise<void> }[]

  private constructor(here: RolloutSystem, stable: string) {
    const { client, namespace } = here.system
    const common = { client, namespaces: [namespace], log: createLog({ level: 'error', shape: 'text' }) }
    const swarms = new Informer<Swarm>({ ...common, kind: SWARMS })
    swarms.onChange((_type, { metadata, status }) => {
      if (metadata.name !== SWARM) return
      const others = (status?.traffic ?? []).filter(({ revision }) => revision !== stable)
      const percent = others.reduce((sum, share) => sum + share.percent, 0)
      if (this.weights.at(-1) !== percent) this.weights.push(percent)
    })
    const seen = (_type: string, rollout: Rollout) => this.#see(rollout)
    const canaries = new Informer<Extract<Rollout, { kind: 'CanaryRollout' }>>({ ...common, kind: CANARY_ROLLOUTS })
    canaries.onChange(seen)
    const blueGreens = new Informer<Extract<Rollout, { kind: 'BlueGreenRollout' }>>({ ...common, kind: BLUE_GREEN_ROLLOUTS })
    blueGreens.onChange(seen)
    this.#informers = [swarms, canaries, blueGreens]
  }

  /** Begins to write down; `stable` is the revision that has all tasks at first. */
  static start(here: RolloutSystem, stable: string): RolloutJournal {
    const journal = new RolloutJournal(here, stable)
    for (const informer of journal.#informers) informer.start()
    return journal
  }

  /** It was under way, and is not any more. */
  get isOver(): boolean {
    return this.entries.length > 1 && (this.entries.at(-1) ?? '').startsWith('Idle')
  }

  #see({ status }: Rollout): void {
    if (!status?.state) return
    const { activity, step, weight } = status.state
    const entry = `${activity} ${step} ${weight}`
    if (entry === this.entries.at(-1)) return
    this.entries.push(entry)
    this.onEntry()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#informers.map(async (informer) => informer.stop()))
  }
}
