import type { Task } from '../support/client.ts'
import { pricesUntil, readPrices } from '../support/series.ts'
import { kubectl, show } from '../support/shell.ts'
import { summary, table } from '../support/tables.ts'
import { firstBy, Tour } from '../support/tour.ts'

// The leading manager splits universes of shares among analysts and ranks them; then it is killed, and the one that stands by leads.

/** What the manager answers. */
type Ranked = { ranking: { symbol: string; score: number; momentum: number; pairs: number }[]; analysts: string[]; missing: number }

/** What the router tells of a subtask. */
type Subtask = { agent?: string; capability?: string; outcome: string; totalMs: number }

/** Months that are asked about; before them, one of the shares was not traded yet. */
const MONTHS = 30

const leaderOf = async () => kubectl('get', 'swarm/hierarchical', '-o', 'jsonpath={.status.topology.leader}')

await Tour.run(import.meta.filename, 'hierarchical', async (tour) => {
  const prices = readPrices()
  const tasks: Task[] = Array.from({ length: MONTHS }, (_, back) => ({ input: { universe: pricesUntil(prices, back) } }))
  await show('get', 'swarm/hierarchical', '-o', 'jsonpath={.status.topology}')

  tour.step(`Rank ${prices.size} shares in ${MONTHS} months: each task becomes 9 subtasks`)
  const answers = await tour.client.askAll(tasks, { parallel: 4 })
  const ranked = answers.map((answer) => answer.output as Ranked)
  tour.say('The ranking of the last month:')
  const rows = (ranked[0]?.ranking ?? []).map((r) => [r.symbol, ...[r.score, r.momentum, r.pairs].map((n) => n.toFixed(3).padStart(6))])
  tour.say(table(['share', 'score', 'momentum', 'pairs'], rows))
  const subtasks = (answers[0]?.body['subtasks'] ?? []) as Subtask[]
  const done = subtasks.map((s) => [s.capability ?? '', s.agent ?? '', s.outcome, `${s.totalMs.toFixed(1)} ms`])
  tour.say(`\nWho did the subtasks of that task:\n${table(['capability', 'agent', 'outcome', 'took'], done)}`)
  tour.say(`\n${summary(answers).trim()}`)
  tour.check(
    answers.every((a) => a.ok),
    'every task was done',
  )
  tour.check(
    subtasks.length === 9 && subtasks.every((s) => s.agent?.includes(`-${s.capability}-`)),
    'analysts got what they are able to do',
  )
  const analysts = new Set(ranked.flatMap((r) => r.analysts))
  tour.check(analysts.size === 4, `all four analysts had work: ${[...analysts].sort().join(', ')}`) // prettier-ignore
  tour.check(
    ranked.every((r) => r.missing === 0),
    'no subtask was missing in a ranking',
  )
  const leader = await leaderOf()
  tour.check(
    answers.every((a) => a.agent === leader),
    `all rankings are by the manager that leads, ${leader}`,
  )

  tour.step('What is not worth splitting, the manager answers itself')
  const [single] = await tour.client.askAll([{ input: { universe: { IBM: prices.get('IBM') } } }])
  tour.say(JSON.stringify(single?.output))
  tour.check(single?.ok === true && single.agent === leader, 'one share: no subtasks')

  tour.step('Kill the manager that leads under load')
  const victim = (await tour.ready('manager')).find((agent) => agent.metadata.name === leader)
  if (!victim) throw new Error(`agent ${leader} leads and is not ready`)
  const { answers: during, killedMs } = await tour.kill({ victims: [victim], tasks, parallel: 4 })
  const first = firstBy(during, killedMs, leader)
  tour.say(`${first?.agent} led ${first?.afterMs.toFixed(0)} ms after the kill: its first ranking; it stood by before`)
  tour.check(first !== undefined && first.agent === (await leaderOf()), 'the operator agrees on who leads')
  await show('get', 'swarm/hierarchical', '-o', 'jsonpath={.status.topology}')
  await show(
    'get',
    'events',
    '--field-selector',
    'involvedObject.kind=Swarm,involvedObject.name=hierarchical,reason=LeaderElected',
    '--sort-by=.lastTimestamp',
  )
})
