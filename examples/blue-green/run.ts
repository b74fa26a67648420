import type { Answer, Task } from '../support/client.ts'
import { RolloutWatch, seenOf } from '../support/rollout.ts'
import { readPrices } from '../support/series.ts'
import { show } from '../support/shell.ts'
import { revisions, summary } from '../support/tables.ts'
import { Tour } from '../support/tour.ts'

// Releases a pipeline whose stages must not be mixed, goes back and forth, and has two bad releases stopped; clients send tasks all the time.

const CLIENTS = 4
const OBJECT = 'bluegreenrollout/blue-green'

type Scene = { readonly tour: Tour; readonly rollout: RolloutWatch; readonly tasks: readonly Task[] }

/** All shares at the end of each month, with the prices of a year. */
function tasksOf(prices: ReadonlyMap<string, readonly number[]>): Task[] {
  return [...prices].flatMap(([symbol, series]) =>
    series.slice(13).map((_, i) => ({ input: { symbol, prices: series.slice(i + 1, i + 14) } })),
  )
}

const stagesOf = ({ body }: Answer) => (body['stages'] ?? []) as { revision: string }[]
const isWhole = (answers: readonly Answer[]) => answers.every((a) => a.ok)
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
const approval = async (rollout: RolloutWatch) =>
  rollout.until('it waits for approval', (_, { step }) => step?.includes('pause until promoted') ?? false)

async function good({ tour, rollout, tasks }: Scene): Promise<void> {
  tour.step('A good release: r2 comes up beside r1')
  const load = tour.client.keepAsking(tasks, CLIENTS)
  await rollout.release('blue-green', 'RELEASE', 'r2')
  const { targetRevision: green } = await approval(rollout)
  await show('get', 'bluegreen', 'blue-green')
  await show('get', 'agents', '-l', 'swarmops.dev/swarm=blue-green')
  const before = load.answers.filter((a) => a.revision === green).length
  const preview = await tour.client.ask(tasks[0] ?? { input: {} }, { revision: green })
  tour.say(`\na preview with Swarm-Revision: ${green} answers ${JSON.stringify(preview.output)}`)
  tour.check(before === 0 && preview.ok, 'r2 has no tasks of clients yet, and can be tried out')
  await rollout.ask('Promote')
  const promoted = await rollout.end()
  const answers = await load.stop()
  tour.say(`${summary(answers).trim()}\n${revisions(answers)}`)
  tour.check(promoted.state.stableRevision === green, `r2 took all tasks over ${seconds(promoted.afterMs)} after the approval`)
  tour.check(isWhole(answers), 'no task was lost')
  const isPure = answers.every((answer) => stagesOf(answer).every(({ revision }) => revision === answer.revision))
  tour.check(isPure, 'every task had both stages of the same release')
}

async function backAndForth({ tour, rollout, tasks }: Scene): Promise<void> {
  tour.step('Back to r1 while its agents are still there, and to r2 again')
  for (const name of ['r1', 'r2']) {
    const load = tour.client.keepAsking(tasks, CLIENTS)
    const { targetRevision } = await rollout.release('blue-green', 'RELEASE', name)
    const { state, afterMs } = await rollout.end()
    const answers = await load.stop()
    const isBack = state.stableRevision === targetRevision
    tour.check(isBack && isWhole(answers), `${name} had all tasks after ${seconds(afterMs)}, in one step; no task was lost`)
  }
}

async function bad({ tour, rollout, tasks }: Scene): Promise<void> {
  tour.step('A bad release: r3 fails after years of losses, which the warm-up has not shown')
  const load = tour.client.keepAsking(tasks, CLIENTS)
  await rollout.release('blue-green', 'RELEASE', 'r3')
  await approval(rollout)
  await rollout.ask('Promote')
  const { state } = await rollout.end()
  const answers = await load.stop()
  const { attempts, failed, lastAfterMs } = await seenOf('blue-green', state.targetRevision, answers)
  tour.say(`${state.failure?.reason}: ${state.failure?.message}\n${summary(answers).trim()}`)
  tour.say(`agents of r3 were asked ${attempts} times and failed ${failed} of them`)
  tour.say(`from its first failure to the last task that it got: ${lastAfterMs.toFixed(0)} ms`)
  tour.check(state.activity === 'Aborted' && failed > 0, 'r3 went back by itself')
  tour.check(isWhole(answers), 'no task was lost')
}

async function worse({ tour, rollout, tasks }: Scene): Promise<void> {
  tour.step('A release that does not work at all: r4')
  const load = tour.client.keepAsking(tasks, CLIENTS)
  await rollout.release('blue-green', 'RELEASE', 'r4')
  const { state } = await rollout.end()
  const answers = await load.stop()
  tour.say(`${state.failure?.reason}: ${state.failure?.message}\n${summary(answers).trim()}`)
  const reached = answers.filter((a) => a.revision === state.targetRevision).length
  tour.check(state.activity === 'Aborted' && reached === 0, 'r4 was given up in the warm-up, before it got a task')
  tour.check(isWhole(answers), 'no task was lost')
}

await Tour.run(import.meta.filename, 'blue-green', async (tour) => {
  const rollout = new RolloutWatch(OBJECT)
  const scene = { tour, rollout, tasks: tasksOf(readPrices()) }
  try {
    await show('wait', OBJECT, '--for=condition=Ready', '--timeout=60s')
    for (const act of [good, backAndForth, bad, worse]) await act(scene)
    await show('events', '--for', OBJECT, '--types=Warning')
  } finally {
    await rollout.stop()
  }
})
