import type { Cluster } from '../dev/cluster/cluster.ts'
import type { Ends } from './support/ends.ts'

/** One measured quantity: the median of its samples, with the least and the most of them when there were several. */
export type Figure = {
  readonly name: string
  readonly unit: string
  readonly value: number
  readonly least?: number
  readonly most?: number
  /** What it is to be read against, in the same unit. */
  readonly beside?: Readonly<Record<string, number>>
  readonly note?: string
}

/** What a benchmark is given. Whatever it starts it hands to `ends`, which is closed after it, however it ends. */
export type Context = {
  /** Small sizes: shows that everything works, says little about speed. */
  readonly quick: boolean
  /** Ends when the benchmark has to stop. */
  readonly signal: AbortSignal
  readonly ends: Ends
  /** Where our programs write CPU profiles; they are slower meanwhile. */
  readonly profileDir: string | undefined
  /** The control plane that all benchmarks of a run share, started for the first that asks. */
  readonly controlPlane: () => Promise<Cluster>
  /** Tells a person how far it has come. */
  readonly say: (line: string) => void
}

/** One subject. It measures and never judges: only what does not work at all makes it throw. */
export type Benchmark = {
  readonly name: string
  readonly what: string
  readonly run: (context: Context) => Promise<readonly Figure[]>
}
