import type { Task } from '../support/client.ts'
import { pricesUntil, readPrices } from '../support/series.ts'
import { kubectl, show } from '../support/shell.ts'
import { summary, table } from '../support/tables.ts'
import { firstBy, Tour } from '../support/tour.ts'

// The hub adds up the reports of three regions; then a region is asked for that is not there, and the hub is killed.

/** What the hub answers. */
type Report = {
  value: number
  worstMonth: number
  exposure: Record<string, number>
  regions: { region: string; by: string; value: number; worstMonth: number }[]
  missing: { region: string; error: unknown }[]
}

const MONTHS = 24

const money = (n: number) => `${Math.round(n).toLocaleString('en-GB')} $`.padStart(11)
const leaderOf = async () => kubectl('get', 'swarm/star', '-o', 'jsonpath={.status.topology.leader}')

await Tour.run(import.meta.filename, 'star', async (tour) => {
  const prices = readPrices()
  const tasks: Task[] = Array.from({ length: MONTHS }, (_, back) => ({ input: { prices: pricesUntil(prices, back) } }))

  const links = await kubectl('get', 'swarm/star', '-o', 'jsonpath={.status.topology.links}')
  tour.check(links === '13', `spokes know the two hubs only: ${links} links, and not the 28 of all to all`)

  tour.step(`A risk report for each of ${MONTHS} months: the hub asks three regions`)
  const answers = await tour.client.askAll(tasks, { parallel: 4 })
  const reports = answers.map((answer) => answer.output as Report)
  const [last] = reports
  if (!last) return
  const rows = last.regions.map((r) => [r.region, money(r.value), money(r.worstMonth), r.by])
  tour.say(table(['region', 'value', 'worst month', 'reported by'], [...rows, ['all', money(last.value), money(last.worstMonth), answers[0]?.agent ?? '']])) // prettier-ignore
  tour.say(
    `\n${table(
      ['share', 'exposure'],
      Object.entries(last.exposure).map(([symbol, value]) => [symbol, money(value)]),
    )}`,
  )
  tour.say(`\n${summary(answers).trim()}`)
  tour.check(answers.every((a) => a.ok) && reports.every((r) => r.missing.length === 0), 'every region is in every report')
  tour.check(
    reports.every((r) => Math.abs(r.value - r.regions.reduce((sum, { value }) => sum + value, 0)) < 0.01),
    'the value of all is the sum of the regions',
  )
  const spokes = new Set(reports.flatMap((r) => r.regions.map(({ by }) => by)))
  tour.check(spokes.size === 6, `all six spokes have reported`)

  tour.step('A region that nobody covers: the report says so, and has the others')
  const partial = await tour.client.ask({ input: { prices: pricesUntil(prices), regions: ['europe', 'africa'] } })
  const { regions = [], missing = [] } = (partial.output ?? {}) as Partial<Report>
  tour.say(JSON.stringify({ regions: regions.map((r) => r.region), missing }))
  tour.check(partial.ok && regions.length === 1 && missing[0]?.region === 'africa', 'the hub merges what there is')

  tour.step('Kill the hub under load')
  const hub = await leaderOf()
  const victim = (await tour.ready('hub')).find((agent) => agent.metadata.name === hub)
  if (!victim) throw new Error(`agent ${hub} leads and is not ready`)
  const { answers: during, killedMs } = await tour.kill({ victims: [victim], tasks, parallel: 4 })
  const first = firstBy(during, killedMs, hub)
  tour.say(`${first?.agent} was the hub ${first?.afterMs.toFixed(0)} ms after the kill: its first report`)
  tour.check(first !== undefined && first.agent === (await leaderOf()), 'the operator agrees on who is the hub')
  await show('get', 'swarm/star', '-o', 'jsonpath={.status.topology}')
})
