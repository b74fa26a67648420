import type { Agent } from '../../api/objects.ts'
import type { SandboxUsage } from '../../e2b/types.ts'

/** Age from which what a sandbox used says nothing about now, in milliseconds: the provider measures every five seconds. */
const OLD_MS = 30_000

type Used = SandboxUsage & { readonly atMs: number }

/** What agents use on the average, of how many of them that is known, and when the newest of it was measured, by the operator's clock. */
export type MeanUsage = { readonly cpuPercent: number; readonly memoryPercent: number; readonly known: number; readonly atMs: number }

/** What the sandboxes of agents used when the provider last told. In memory only. */
export class Usages {
  readonly #byUid = new Map<string, Used>()

  /** The provider has measured the sandbox of an agent; the same measurement again is no news. */
  used({ metadata: { uid } }: Agent, usage: SandboxUsage, nowMs: number): boolean {
    if (this.#byUid.get(uid)?.measuredMs === usage.measuredMs) return false
    this.#byUid.set(uid, { ...usage, atMs: nowMs })
    return true
  }

  /** The mean over these agents; undefined while nothing is known of any. */
  mean(agents: readonly Agent[], nowMs: number): MeanUsage | undefined {
    const sum = { cpuPercent: 0, memoryPercent: 0, known: 0, atMs: 0 }
    for (const { metadata } of agents) {
      const used = this.#byUid.get(metadata.uid)
      if (!used || nowMs - used.atMs > OLD_MS) continue
      sum.cpuPercent += used.cpuPercent
      sum.memoryPercent += used.memoryPercent
      sum.known += 1
      sum.atMs = Math.max(sum.atMs, used.atMs)
    }
    const { known, atMs } = sum
    return known === 0 ? undefined : { cpuPercent: sum.cpuPercent / known, memoryPercent: sum.memoryPercent / known, known, atMs }
  }

  /** The agent is gone. */
  forget(uid: string): void {
    this.#byUid.delete(uid)
  }
}
