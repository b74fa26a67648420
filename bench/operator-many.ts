import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { costFigures, measureRise, peakFigures, type Rise } from './support/scaling.ts'
import { figureOf } from './support/statistics.ts'

export const operatorMany: Benchmark = {
  name: 'operator-many',
  what: 'Many new Swarms at once, each of a few agents; a create takes the provider 150 ms.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, say } = context
  const { swarms, agents, rounds } = quick ? { swarms: 5, agents: 3, rounds: 1 } : { swarms: 50, agents: 10, rounds: 3 }
  const bed = await Bed.start(context, { isLight: true, createLatency: '150ms' })
  await bed.apply('first', 1)
  await bed.haveReady(['first'], 1)
  const rises: Rise[] = []
  for (let round = 1; round <= rounds; round++) {
    const names = Array.from({ length: swarms }, (_, i) => `desk-${round}-${i}`)
    const scale = (replicas: number) => async () => void (await Promise.all(names.map((name) => bed.apply(name, replicas))))
    const rise = await measureRise(bed, swarms * agents, scale(agents), () => bed.haveReady(names, agents))
    rises.push(rise)
    say(`round ${round}: ${rise.seconds.toFixed(2)} s`)
    await scale(0)()
    await bed.haveAgents(1)
  }
  const label = `${swarms} × ${agents}`
  const seconds = rises.map((rise) => rise.seconds)
  return [
    figureOf(`${label}: all ready after`, 's', seconds, { note: `first round ${seconds[0]?.toFixed(2)} s` }),
    ...costFigures(label, rises),
    ...peakFigures(rises),
  ]
}
