import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { createDirectly, writeDirectly } from './support/lower-bounds.ts'
import { costFigures, measureRise, peakFigures, type Rise } from './support/scaling.ts'
import { figureOf } from './support/statistics.ts'

/** Seconds that a Go controller took for comparable work on this kind of machine, by agents. */
const GO_CONTROLLER: Readonly<Record<number, number>> = { 100: 2.8, 300: 9.2 }

/** All that was measured for one size. */
type Size = {
  readonly agents: number
  readonly rises: Rise[]
  readonly falls: number[]
  readonly creates: number[]
  readonly writes: number[]
}

export const operatorScale: Benchmark = {
  name: 'operator-scale',
  what: 'One Swarm from 1 to many agents; a create takes the provider 150 ms, nothing else limits the rate.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, signal, say } = context
  const sizes = (quick ? [10, 30] : [300, 100]).map((agents): Size => ({ agents, rises: [], falls: [], creates: [], writes: [] }))
  const bed = await Bed.start(context, { isLight: true, createLatency: '150ms' })
  await bed.apply('desk', 1)
  await bed.haveReady(['desk'], 1)
  for (let round = 1; round <= (quick ? 1 : 3); round++) {
    for (const size of sizes) {
      const { agents } = size
      const up = () => bed.apply('desk', agents)
      const rise = await measureRise(bed, agents - 1, up, () => bed.haveReady(['desk'], agents))
      size.rises.push(rise)
      size.falls.push(await fall(bed))
      size.creates.push(await createDirectly(bed, agents, signal))
      size.writes.push(await writeDirectly(bed.client, agents))
      say(`round ${round}, ${agents} agents: ${rise.seconds.toFixed(2)} s`)
    }
  }
  return [...sizes.toSorted((a, b) => a.agents - b.agents).flatMap(figuresOf), ...peakFigures(sizes.flatMap(({ rises }) => rises))]
}

async function fall(bed: Bed): Promise<number> {
  const started = performance.now()
  await bed.apply('desk', 1)
  await bed.haveAgents(1)
  const seconds = (performance.now() - started) / 1000
  await bed.haveReady(['desk'], 1)
  return seconds
}

function figuresOf({ agents, rises, falls, creates, writes }: Size): Figure[] {
  const go = GO_CONTROLLER[agents]
  const [first] = rises
  const label = `1 to ${agents}`
  return [
    figureOf(
      `${label}: all ready after`,
      's',
      rises.map((rise) => rise.seconds),
      go === undefined ? {} : { beside: { 'Go controller': go, target: go / 2 }, note: `first round ${first?.seconds.toFixed(2)} s` },
    ),
    figureOf(`${label}: the same creates with the e2b package alone`, 's', creates, { note: 'lower bound, 128 at once' }),
    figureOf(`${label}: as many Agents written to the API server alone`, 's', writes, {
      note: 'lower bound: create and status, 16 at once',
    }),
    figureOf(`${agents} to 1: all gone after`, 's', falls),
    ...costFigures(label, rises),
  ]
}
