import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { figureOf, percentile } from './support/statistics.ts'
import { Team, type TeamAnswer, type TeamSpec } from './support/team.ts'

/** What was asked and answered in one round, and how long all of it took. */
type Round = { readonly answers: readonly TeamAnswer[]; readonly ms: number }

/** One pattern: its swarm, the tasks of a round, which are sent at once, and what comes of it. */
type Pattern = {
  readonly name: string
  readonly spec: TeamSpec
  readonly tasks: readonly object[]
  /** One after the other instead. */
  readonly isSerial?: boolean
  /** Whether an answer is what this pattern gives; all that are 200 when left out. */
  readonly isWhole?: (answer: TeamAnswer) => boolean
  readonly figures: (rounds: readonly Round[]) => readonly Figure[]
}

/** Figures of a published analysis whose tests were simulated; see docs/benchmarks.md. */
const REPORTED = { meshDone: 92, meshMs: 847, spread: 5, mostOfFifty: 24, accuracy: 100, ringMs: 1950, hopMs: 104, starDone: 94 } as const

export const topologies: Benchmark = {
  name: 'topologies',
  what: 'Every topology with real agents that answer at once: what the router adds, and how evenly it spreads. Beside: reported by others, from simulations.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, signal, say } = context
  const bed = await Bed.start(context, { isLight: false, hasRouter: true })
  const figures: Figure[] = []
  for (const { name, spec, tasks, isSerial = false, isWhole = () => true, figures: figuresFrom } of PATTERNS) {
    const swarm = name.replaceAll(/[^a-z0-9]+/g, '-')
    const team = await Team.start(bed, swarm, spec)
    const rounds: Round[] = []
    const send = async () => wholeOf(await roundOf(team, tasks, isSerial), isWhole)
    const failed = (await send()).answers.find((answer) => !answer.isDone)
    if (failed) say(`${name}: the first task that failed: ${failed.problem ?? 'something is missing in its answer'}`)
    for (let n = 0; n < (quick ? 2 : 20); n++) {
      signal.throwIfAborted()
      rounds.push(await send())
    }
    await Team.end(bed, swarm)
    figures.push(...figuresFrom(rounds).map((figure) => ({ ...figure, name: `${name}: ${figure.name}` })))
    say(`${name}: done`)
  }
  return figures
}

async function roundOf(team: Team, tasks: readonly object[], isSerial: boolean): Promise<Round> {
  const started = performance.now()
  const answers: TeamAnswer[] = []
  if (isSerial) for (const task of tasks) answers.push(await team.ask(task))
  else answers.push(...(await Promise.all(tasks.map(async (task) => team.ask(task)))))
  return { answers, ms: performance.now() - started }
}

/** Counts only those answers as done that are what the pattern gives. */
const wholeOf = ({ answers, ms }: Round, isWhole: (answer: TeamAnswer) => boolean): Round => ({
  answers: answers.map((answer) => ({ ...answer, isDone: answer.isDone && isWhole(answer) })),
  ms,
})

const many = (count: number, task: object) => Array.from({ length: count }, () => task)
const COORDINATOR = { name: 'lead', role: 'Coordinator', replicas: 1 }
const subtasks = (count: number, capabilityOf: (i: number) => string | undefined = () => undefined) => ({
  input: {
    subtasks: Array.from({ length: count }, (_, i) => {
      const capability = capabilityOf(i)
      return { input: {}, ...(capability !== undefined && { capability }) }
    }),
  },
})

/** Who did the subtasks of a task, as its coordinator has counted. */
const workersOf = ({ output }: TeamAnswer) => (output as { done?: { agent: string; group: string }[] } | undefined)?.done ?? []

const doneFigure = (rounds: readonly Round[], beside: Record<string, number>): Figure => {
  const answers = rounds.flatMap((round) => round.answers)
  return { name: 'done', unit: '%', value: (answers.filter((a) => a.isDone).length * 100) / answers.length, beside }
}

const timeFigure = (rounds: readonly Round[], beside: Record<string, number> = {}): Figure =>
  figureOf('time for all', 'ms', rounds.map((round) => round.ms), { beside }) // prettier-ignore

/** How many each of `agents` got. */
function countsOf(names: readonly string[], agents: number): number[] {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts.values(), ...Array.from({ length: Math.max(0, agents - counts.size) }, () => 0)]
}

/** The share of `names` that are as `expected`, in percent. */
const accuracyFigure = (rounds: readonly Round[], rightOf: (answers: readonly TeamAnswer[]) => readonly boolean[]): Figure => {
  const all = rounds.flatMap((round) => rightOf(round.answers))
  const value = (all.filter(Boolean).length * 100) / all.length
  return { name: 'reached an agent with the capability', unit: '%', value, beside: { reported: REPORTED.accuracy, target: 100 } }
}

/** Standard deviation of the counts, in percent of their mean. */
function spreadOf(counts: readonly number[]): number {
  const mean = counts.reduce((total, n) => total + n, 0) / counts.length
  return (Math.sqrt(counts.reduce((total, n) => total + (n - mean) ** 2, 0) / counts.length) * 100) / mean
}

/** Agents that take so many tasks at once that nothing but the choice of an agent spreads them. */
const ROOMY = { maxConcurrentTasks: 64 }

const MESH: readonly Pattern[] = ['RoundRobin', 'LeastLoaded'].map((strategy) => ({
  name: `mesh of 5, 20 tasks at once, ${strategy}`,
  spec: { ...ROOMY, replicas: 5, topology: { type: 'Mesh' }, routing: { strategy } },
  tasks: many(20, { input: {} }),
  figures: (rounds) => [
    doneFigure(rounds, { reported: REPORTED.meshDone, target: 100 }),
    timeFigure(rounds, { reported: REPORTED.meshMs }),
    figureOf(
      'furthest from an equal share',
      'tasks',
      rounds.map(({ answers }) => Math.max(...countsOf(answers.map((a) => a.agent), 5).map((n) => Math.abs(n - 4)))), // prettier-ignore
      { beside: { target: 1 } },
    ),
  ],
}))

const LED = (workers: readonly object[], type = 'Hierarchical') => ({ groups: [COORDINATOR, ...workers], topology: { type } })

const HIERARCHICAL: readonly Pattern[] = [
  ...[{}, ROOMY].map((room) => ({
    name: `hierarchical, 16 subtasks on 4 workers${room === ROOMY ? ' with room for all' : ''}`,
    spec: { ...room, ...LED([{ name: 'work', replicas: 4 }]) },
    tasks: [subtasks(16)],
    isWhole: (answer: TeamAnswer) => workersOf(answer).length === 16,
    figures: (rounds: readonly Round[]) => [
      doneFigure(rounds, { target: 100 }),
      timeFigure(rounds),
      figureOf('spread of the workers’ shares', '%', rounds.map(({ answers }) => spreadOf(countsOf(answers.flatMap(workersOf).map((w) => w.agent), 4))), { beside: { reported: REPORTED.spread } }), // prettier-ignore
    ],
  })),
  {
    name: 'hierarchical, 50 subtasks on 5 workers',
    spec: LED([{ name: 'work', replicas: 5 }]),
    tasks: [subtasks(50)],
    isWhole: (answer) => workersOf(answer).length === 50,
    figures: (rounds) => [
      doneFigure(rounds, { target: 100 }),
      timeFigure(rounds),
      figureOf('share of the busiest', '%', rounds.map(({ answers }) => Math.max(...countsOf(answers.flatMap(workersOf).map((w) => w.agent), 5)) * 2), { beside: { reported: REPORTED.mostOfFifty } }), // prettier-ignore
    ],
  },
  {
    name: 'hierarchical, capabilities',
    spec: LED(['a', 'b'].map((name) => ({ name, replicas: 2, capabilities: [name] }))),
    tasks: [subtasks(20, (i) => (i % 2 ? 'a' : 'b'))],
    figures: (rounds) => [accuracyFigure(rounds, (answers) => answers.flatMap(workersOf).map(({ group }, i) => group === (i % 2 ? 'a' : 'b')))], // prettier-ignore
  },
]

const RING: Pattern = {
  name: 'ring of 4 stages, one task at a time',
  spec: { groups: ['one', 'two', 'three', 'four'].map((name) => ({ name })), topology: { type: 'Ring' } },
  tasks: many(25, { input: { isPassedOn: true } }),
  isSerial: true,
  isWhole: ({ stages }) => stages.length === 4,
  figures: (rounds) => {
    const answers = rounds.flatMap((round) => round.answers)
    const times = answers.map((a) => a.totalMs)
    const hops = answers.filter((a) => a.isDone).map(({ totalMs, stages }) => (totalMs - stages.reduce((sum, s) => sum + s.agentMs, 0)) / 4)
    return [
      doneFigure(rounds, { target: 100 }),
      { name: 'a task, p50', unit: 'ms', value: percentile(times, 0.5), beside: { reported: REPORTED.ringMs } },
      { name: 'a hop with its agent, p50', unit: 'ms', value: percentile(times, 0.5) / 4, beside: { reported: REPORTED.hopMs } },
      { name: 'a hop with its agent, p99', unit: 'ms', value: percentile(times, 0.99) / 4, beside: { target: 5 } },
      { name: 'a hop without its agent, p99', unit: 'ms', value: percentile(hops, 0.99), beside: { target: 5 } },
    ]
  },
}

const STAR: Pattern = {
  name: 'star of 1 + 6, 24 tasks at once with 6 subtasks each',
  spec: LED([{ name: 'spoke', replicas: 6 }], 'Star'),
  tasks: many(24, subtasks(6)),
  isWhole: (answer) => workersOf(answer).length === 6,
  figures: (rounds) => [doneFigure(rounds, { reported: REPORTED.starDone, target: 100 }), timeFigure(rounds)],
}

/** Agents and tasks of each strategy. */
const DESK = { momentum: [2, 10], pairs: [2, 8], arbitrage: [1, 5] } as const

const STRATEGIES: Pattern = {
  name: 'strategies, 2 + 2 + 1 agents, 10 / 8 / 5 tasks at once',
  spec: { groups: Object.entries(DESK).map(([name, [replicas]]) => ({ name, replicas, capabilities: [name] })) },
  tasks: Object.entries(DESK).flatMap(([capability, [, count]]) => many(count, { input: {}, capability })),
  figures: (rounds) => [
    doneFigure(rounds, { target: 100 }),
    timeFigure(rounds),
    accuracyFigure(rounds, (answers) => answers.map(({ group }, i) => group === (i < 10 ? 'momentum' : i < 18 ? 'pairs' : 'arbitrage'))),
  ],
}

const PATTERNS: readonly Pattern[] = [...MESH, ...HIERARCHICAL, RING, STAR, STRATEGIES]
