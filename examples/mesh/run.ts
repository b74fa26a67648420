import type { Task } from '../support/client.ts'
import { readPrices } from '../support/series.ts'
import { kubectl, until } from '../support/shell.ts'
import { shares, summary, table } from '../support/tables.ts'
import { Tour } from '../support/tour.ts'

// Backtests every pair of moving averages on every share, by whichever agent is next; then kills one of the agents.

/** What an agent answers. */
type Tested = { symbol: string; fast: number; slow: number; totalReturnPercent: number; holdReturnPercent: number; sharpe: number; betterThanLuckPercent: number; luckFrom: string; neighbours: number } // prettier-ignore

const FAST = [1, 2, 3, 4, 5, 6]
const SLOW = [8, 10, 12, 15, 18]

function tasksOf(prices: ReadonlyMap<string, readonly number[]>): Task[] {
  return [...prices].flatMap(([symbol, series]) =>
    FAST.flatMap((fast) => SLOW.map((slow) => ({ input: { symbol, prices: series, fast, slow } }))),
  )
}

const percent = (n: number) => `${n.toFixed(1)} %`

await Tour.run(import.meta.filename, 'mesh', async (tour) => {
  const prices = readPrices()
  const tasks = tasksOf(prices)
  const lonely = { symbol: 'flat', prices: Array.from({ length: 12 }, () => 1), fast: 1, slow: 2 }
  await until('all agents know all others', async () => {
    const answers = await tour.client.askAll(Array.from({ length: 5 }, () => ({ input: lonely })))
    const knowing = answers.filter((answer) => (answer.output as Tested | undefined)?.neighbours === 4)
    return new Set(knowing.map((answer) => answer.agent)).size === 5 ? true : undefined
  })
  const links = await kubectl('get', 'swarm/mesh', '-o', 'jsonpath={.status.topology.links}')
  tour.check(links === '10', `each of the 5 agents knows the 4 others: ${links} links`)

  tour.step(`${tasks.length} backtests: ${FAST.length * SLOW.length} strategies on each of ${prices.size} shares`)
  const answers = await tour.client.askAll(tasks)
  const tested = answers.map((answer) => answer.output as Tested)
  const best = [...prices.keys()].flatMap((symbol) => tested.filter((t) => t.symbol === symbol).sort((a, b) => b.sharpe - a.sharpe).slice(0, 1)) // prettier-ignore
  tour.say('The best strategy for each share:')
  tour.say(
    table(
      ['share', 'means of', 'return', 'just held', 'Sharpe', 'better than luck in', 'luck worked out by'],
      best.map((t) => [
        t.symbol,
        `${t.fast} and ${t.slow} months`,
        percent(t.totalReturnPercent),
        percent(t.holdReturnPercent),
        t.sharpe.toFixed(2),
        percent(t.betterThanLuckPercent),
        t.luckFrom,
      ]),
    ),
  )
  tour.say(`\nShare of each agent:\n${shares(answers)}\n\n${summary(answers)}`)
  tour.check(
    answers.every((a) => a.ok),
    'every task was done',
  )
  const sources = new Set(tested.map((t) => `${t.symbol} by ${t.luckFrom}`))
  tour.check(sources.size === prices.size, `luck was worked out once for each share, and asked for by the others: ${sources.size} times`)

  tour.step('Kill one of the agents under load')
  const [victim] = await tour.ready()
  if (victim) await tour.kill({ victims: [victim], tasks })
})
