import type { Answer, Task } from '../support/client.ts'
import { RolloutWatch, seenOf } from '../support/rollout.ts'
import { readPrices } from '../support/series.ts'
import { show } from '../support/shell.ts'
import { revisions, summary } from '../support/tables.ts'
import { Tour } from '../support/tour.ts'

// Releases a good version of a model, two bad ones, and goes back to the first one; clients send tasks all the time.

const CLIENTS = 4
const OBJECT = 'canaryrollout/canary'

/** Versions that go back by themselves, with what they do, and why. */
const BAD = [
  ['v3', 'fails for shares with a short history', 'GuardTripped'],
  ['v4', 'is right, and slow', 'AnalysisFailed'],
] as const

type Scene = { readonly tour: Tour; readonly rollout: RolloutWatch; readonly tasks: readonly Task[] }

/** All shares at the end of each month, some with a history of two years, some with more, up to six. */
function tasksOf(prices: ReadonlyMap<string, readonly number[]>): Task[] {
  return [...prices].flatMap(([symbol, series]) =>
    series.slice(24).map((_, month) => {
      const months = 24 + ((month * 17) % 49)
      return { input: { symbol, prices: series.slice(Math.max(0, month + 24 - months), month + 24) } }
    }),
  )
}

const isWhole = (answers: readonly Answer[]) => answers.every((a) => a.ok)
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

async function good({ tour, rollout, tasks }: Scene): Promise<void> {
  tour.step('A good version: v2')
  const load = tour.client.keepAsking(tasks, CLIENTS)
  const { targetRevision } = await rollout.release('canary', 'MODEL', 'v2')
  const { state, afterMs } = await rollout.end()
  const answers = await load.stop()
  tour.say(`${summary(answers).trim()}\n${revisions(answers)}`)
  tour.check(state.stableRevision === targetRevision, `v2 was promoted ${seconds(afterMs)} after the change`)
  tour.check(isWhole(answers), 'no task was lost')
}

async function bad({ tour, rollout, tasks }: Scene, [version, what, reason]: (typeof BAD)[number]): Promise<void> {
  tour.step(`A bad version: ${version} ${what}`)
  const load = tour.client.keepAsking(tasks, CLIENTS)
  await rollout.release('canary', 'MODEL', version)
  const { state } = await rollout.end()
  const answers = await load.stop()
  const { attempts, failed, lastAfterMs } = await seenOf('canary', state.targetRevision, answers)
  tour.say(`${state.failure?.reason}: ${state.failure?.message}\n${summary(answers).trim()}`)
  tour.say(`${version} was asked ${attempts} times and failed ${failed} of them`)
  if (failed > 0) tour.say(`from its first failure to the last task that it got: ${lastAfterMs.toFixed(0)} ms`)
  tour.check(state.activity === 'Aborted' && state.failure?.reason === reason, `${version} went back by itself: ${reason}`)
  tour.check(isWhole(answers), 'no task was lost')
}

async function back({ tour, rollout, tasks }: Scene, revision: string): Promise<void> {
  tour.step('A person goes back to v1, one step')
  const load = tour.client.keepAsking(tasks, CLIENTS)
  await rollout.ask('RollbackTo', { revision })
  const { state, afterMs } = await rollout.end()
  const answers = await load.stop()
  tour.say(summary(answers).trim())
  tour.check(state.stableRevision === revision, `v1 is stable again after ${seconds(afterMs)}`)
  tour.check(isWhole(answers), 'no task was lost')
}

await Tour.run(import.meta.filename, 'canary', async (tour) => {
  const rollout = new RolloutWatch(OBJECT)
  const scene = { tour, rollout, tasks: tasksOf(readPrices()) }
  try {
    await show('wait', OBJECT, '--for=condition=Ready', '--timeout=60s')
    const first = await rollout.until('v1 is stable', ({ activity }) => activity === 'Idle')
    await good(scene)
    for (const version of BAD) await bad(scene, version)
    await show('get', 'canary', 'canary')
    await back(scene, first.stableRevision ?? '')
    await show('events', '--for', OBJECT, '--types=Warning')
  } finally {
    await rollout.stop()
  }
})
