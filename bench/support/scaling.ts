import type { Figure } from '../benchmark.ts'
import type { Bed } from './bed.ts'
import { countsText, growth, providerUsageOf, totalOf, usageOf, type ProviderUsage } from './cost.ts'
import { figureOf } from './statistics.ts'

/** What it took to bring agents up. */
export type Rise = {
  readonly agents: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly peakBytes: number | undefined
  readonly apiRequests: Readonly<Record<string, number>>
  readonly provider: ProviderUsage
  /** How often the operator became leader meanwhile: it should not have to. */
  readonly elections: number
}

/** Measures from the moment `change` is asked for until `isDone` says that all agents are ready. */
export async function measureRise(bed: Bed, agents: number, change: () => Promise<void>, isDone: () => Promise<void>): Promise<Rise> {
  const before = await usageOf(bed.operator)
  const electionsBefore = electionsOf(bed)
  const providerBefore = await providerUsageOf(bed.e2b)
  const started = performance.now()
  await Promise.all([change(), isDone()])
  const seconds = (performance.now() - started) / 1000
  const provider = await providerUsageOf(bed.e2b)
  const after = await usageOf(bed.operator)
  return {
    agents,
    seconds,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    peakBytes: after.peakBytes,
    apiRequests: growth(before.apiRequests, after.apiRequests),
    provider: { api: provider.api - providerBefore.api, sandbox: provider.sandbox - providerBefore.sandbox },
    elections: electionsOf(bed) - electionsBefore,
  }
}

const electionsOf = ({ operator }: Bed) => operator.log.split('"became leader"').length

/** What it cost, as figures for each agent. */
export function costFigures(label: string, rises: readonly Rise[]): Figure[] {
  const of = (name: string, unit: string, value: (rise: Rise) => number, note?: string) =>
    figureOf(`${label}: ${name}`, unit, rises.map(value), note === undefined ? {} : { note })
  const last = rises.at(-1)
  const kinds = last && countsText(last.apiRequests, last.agents)
  return [
    of('requests to the API server per agent', '', (rise) => totalOf(rise.apiRequests) / rise.agents, kinds),
    of('requests to the provider API per agent', '', (rise) => rise.provider.api / rise.agents),
    of('requests into sandboxes per agent', '', (rise) => rise.provider.sandbox / rise.agents, 'files, command, health'),
    of('operator CPU', 's', (rise) => rise.cpuSeconds),
    of('operator CPU per agent', 'ms', (rise) => (rise.cpuSeconds * 1000) / rise.agents),
    ...(rises.some((rise) => rise.elections > 0)
      ? [of('the operator lost its lease and became leader again', 'times', (rise) => rise.elections)]
      : []),
  ]
}

/** The most memory that the operator had, where the system tells it. */
export function peakFigures(rises: readonly Rise[]): Figure[] {
  const peaks = rises.flatMap((rise) => rise.peakBytes ?? [])
  return peaks.length === 0 ? [] : [{ name: 'operator, peak RSS', unit: 'MB', value: Math.max(...peaks) / 1e6 }]
}
