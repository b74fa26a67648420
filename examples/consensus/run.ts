import type { Answer, Task } from '../support/client.ts'
import { pricesUntil, readPrices } from '../support/series.ts'
import { table } from '../support/tables.ts'
import { Tour } from '../support/tour.ts'

// Three models vote on every share in every month; then one of them is too slow, and one is killed.

type Vote = { agent: string; choice?: string; weight?: number; outcome: string }

/** Months that are asked about; before them, one of the shares was not traded yet. */
const MONTHS = 30
const MODELS = ['momentum', 'reversion', 'pairs']

const votesOf = ({ body }: Answer) => (body['votes'] ?? []) as Vote[]
const modelOf = ({ agent }: Vote) => MODELS.find((model) => agent.includes(`-${model}-`)) ?? ''
const voteOf = (answer: Answer, model: string) => votesOf(answer).find((vote) => modelOf(vote) === model)

/** One row: how each model voted, and what follows. */
function rowOf(symbol: string, answer: Answer): string[] {
  const votes = MODELS.map((model) => {
    const vote = voteOf(answer, model)
    return vote?.choice ? `${vote.choice} ${vote.weight?.toFixed(2)}` : (vote?.outcome ?? 'none')
  })
  return [
    symbol,
    ...votes,
    answer.ok ? String(answer.output) : `no consensus: ${String(answer.body['reason'])}`,
    `${answer.ms.toFixed(0)} ms`,
  ]
}

/** How often each outcome came. */
function outcomes(answers: readonly Answer[]): string {
  const counts = new Map<string, number>()
  for (const { ok, output, body } of answers) {
    const outcome = ok ? String(output) : `no consensus: ${String(body['reason'])}`
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }
  return [...counts].map(([outcome, count]) => `${count} × ${outcome}`).join(', ')
}

await Tour.run(import.meta.filename, 'consensus', async (tour) => {
  const prices = readPrices()
  const symbols = [...prices.keys()]
  const tasks: Task[] = Array.from({ length: MONTHS }, (_, back) =>
    symbols.map((symbol) => ({ input: { symbol, prices: pricesUntil(prices, back) } })),
  ).flat()

  tour.step(`${tasks.length} votes: five shares in ${MONTHS} months`)
  const answers = await tour.client.askAll(tasks, { parallel: 4 })
  const head = ['share', ...MODELS, 'decision', 'took']
  tour.say(`The last month:\n${table(head, answers.slice(0, symbols.length).map((answer, i) => rowOf(symbols[i] ?? '', answer)))}`) // prettier-ignore
  tour.say(`\nAll months: ${outcomes(answers)}`)
  tour.check(
    answers.every((a) => a.ok || a.body.code === 'NoConsensus'),
    'every task was decided, or the answer says why not',
  )
  tour.check(
    answers.every((a) => votesOf(a).length === 3 && votesOf(a).every((vote) => ['Done', 'Cancelled'].includes(vote.outcome))),
    'every answer lists what became of all three votes (Cancelled: it was decided without)',
  )

  tour.step('A model that is too slow: the votes that are there decide when the time of the task is up')
  const agreed = answers.findIndex((a) => a.ok && voteOf(a, 'momentum')?.choice === a.output && voteOf(a, 'reversion')?.choice === a.output)
  const slow = await tour.client.ask({ input: { ...(tasks[agreed]?.input as object), thinkMs: { pairs: 5000 } }, timeout: '500ms' })
  tour.say(table(head, [rowOf(symbols[agreed % symbols.length] ?? '', slow)]))
  tour.check(slow.ok && voteOf(slow, 'pairs')?.outcome === 'Timeout', 'two of three votes are enough')

  tour.step('Kill the agent of one model under load')
  const [victim] = await tour.ready('pairs')
  if (!victim) return
  const { answers: during } = await tour.kill({ victims: [victim], tasks, parallel: 4, fine: ['NoConsensus'] })
  const short = during.filter((a) => votesOf(a).filter((vote) => vote.outcome === 'Done').length < 3)
  tour.say(`without all three votes: ${outcomes(short)}`)
})
