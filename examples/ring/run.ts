import { readFileSync } from 'node:fs'
import type { Answer, Task } from '../support/client.ts'
import { PRICES_FILE } from '../support/series.ts'
import { shares, summary, table } from '../support/tables.ts'
import { Tour } from '../support/tour.ts'

// Sends raw CSV lines through the stages clean, features, signal and risk; then kills an agent of one stage.

/** What the last stage answers. */
type Position = { symbol: string; price: number; signal: string; score: number; positionPercent: number; dropped: number }
type Stage = { stage: string; agent: string; queuedMs: number; agentMs: number; totalMs: number }

const STAGES = ['clean', 'features', 'signal', 'risk']
const MONTHS = 24

const stagesOf = ({ body }: Answer) => (body['stages'] ?? []) as Stage[]

/** The lines of each share, up to so many months before the last one. */
function tasksFrom(csv: string): Task[] {
  const lines = csv.trim().split('\n').slice(1)
  const shares = Object.values(Object.groupBy(lines, (line) => line.split(',')[0] ?? ''))
  return Array.from({ length: MONTHS }, (_, back) =>
    shares.map((own = []) => ({ input: { csv: own.slice(0, own.length - back).join('\n') } })),
  ).flat()
}

await Tour.run(import.meta.filename, 'ring', async (tour) => {
  const tasks = tasksFrom(readFileSync(PRICES_FILE, 'utf8'))

  tour.step(`${tasks.length} tasks through ${STAGES.length} stages: raw lines in, a position out`)
  const answers = await tour.client.askAll(tasks, { parallel: 4 })
  const rows = answers.slice(0, 5).map((answer) => {
    const { symbol, price, signal, score, positionPercent } = answer.output as Position
    return [symbol, price.toFixed(2), score.toFixed(2), signal, `${positionPercent.toFixed(1)} %`, ...stagesOf(answer).map((s) => `${s.agentMs.toFixed(1)} ms`)] // prettier-ignore
  })
  tour.say(table(['share', 'price', 'score', 'signal', 'position', ...STAGES], rows))
  tour.say(`\n${summary(answers).trim()}`)
  tour.check(
    answers.every((a) => a.ok),
    'every task was done',
  )
  tour.check(
    answers.every((a) => stagesOf(a).map((s) => s.stage).join() === STAGES.join()), // prettier-ignore
    'every task went through the stages in their order',
  )

  tour.step('More than a stage can do: what would only wait is refused at once')
  const flood = await tour.client.askAll([...tasks, ...tasks], { parallel: 32 })
  const full = flood.filter((a) => a.body.code === 'StageFull')
  tour.say(
    `${flood.filter((a) => a.ok).length} done, ${full.length} refused with StageFull and Retry-After${full[0] ? `, such as: ${full[0].body.detail}` : ''}`,
  )
  tour.check(
    flood.every((a) => a.ok || a.status === 429),
    'every task was done or refused before it began',
  )

  tour.step('Kill an agent of one stage under load: its spare goes on')
  const [victim] = await tour.ready('signal')
  if (!victim) return
  const { answers: during } = await tour.kill({ victims: [victim], tasks, parallel: 4 })
  const worked = during.flatMap((a) => stagesOf(a).filter((s) => s.stage === 'signal').map((s) => ({ ...a, agent: s.agent }))) // prettier-ignore
  tour.say(`Who did the stage signal meanwhile:\n${shares(worked)}`)

  tour.step('Kill both agents of the stage: new tasks are refused at once, and the pipeline heals by itself')
  const newcomer = async () => {
    const { body, ok, ms } = await tour.client.ask({ input: tasks[0]?.input })
    tour.say(`a new task, after ${ms.toFixed(0)} ms: ${ok ? 'done' : `${body.code}, ${body.detail}`}`)
  }
  const victims = await tour.ready('signal')
  const { answers: broken } = await tour.kill({ victims, tasks, parallel: 4, fine: ['StageBroken'], meanwhile: newcomer })
  const resumed = broken.filter((a) => a.ok && stagesOf(a).some((s) => s.stage === 'signal' && s.queuedMs > 0))
  tour.say(`${resumed.length} tasks that were on their way waited for the stage, and went on from there`)
})
