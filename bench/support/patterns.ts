import type { Figure } from '../benchmark.ts'
import { numberText, tableLines, type Report } from './report.ts'

/** Reads a figure of a run; throws when the run does not have it. */
type Read = (benchmark: string, figure: string) => Figure

/** One pattern: what was reported from simulations, what ours is to show, and what it has shown. */
type Pattern = { readonly name: string; readonly reported: string; readonly target: string; readonly measured: (read: Read) => string }

const value = ({ value: number, unit }: Figure) => `${numberText(number)}${unit && ` ${unit}`}`

/** How many there were in all, as the note of a figure says. */
const totalOf = ({ note }: Figure) => /^of (\d+)/.exec(note ?? '')?.[1] ?? '?'

/** How long after the deciding response a revision got tasks, in words. */
function wayBack(read: Read, benchmark: string, name: string): string {
  const of = (share: string) => value(read(benchmark, `${name}: deciding response to last task, ${share}`))
  return `${of('p50')} (p99 ${of('p99')})`
}

/** What a fault has cost, in words. */
const failure =
  (scenario: string, { isLed = false } = {}) =>
  (read: Read): string => {
    const of = (what: string) => read('failover', `${scenario}: ${what}`)
    const lost = of('tasks lost')
    const rerouted = isLed ? [] : [`rerouted in ${value(of('rerouted after the failed contact'))}`]
    return [
      `${numberText(lost.value)} of ${totalOf(lost)} tasks lost`,
      `detected in ${value(of('detected'))}`,
      ...rerouted,
      `longest pause for the clients ${value(of('longest time without an answer'))}`,
      `whole again in ${value(of('whole again, with a fresh sandbox'))}`,
    ].join(', ')
  }

const PATTERNS: readonly Pattern[] = [
  {
    name: 'Mesh: 5 agents, 20 tasks at once',
    reported: '92 % done, 847 ms',
    target: '100 %; within 1 task of an equal share',
    measured: (read) => {
      const of = (what: string) => value(read('topologies', `mesh of 5, 20 tasks at once, RoundRobin: ${what}`))
      return `${of('done')} done, ${of('time for all')}; at most ${of('furthest from an equal share')} from an equal share`
    },
  },
  {
    name: 'Mesh: consensus of 3 voters',
    reported: '1.2 s',
    target: '25 ms after the deciding vote',
    measured: (read) => {
      const of = (share: string) => value(read('consensus', `3 voters, one never votes: deciding vote to decision, ${share}`))
      return `${of('p50')} (p99 ${of('p99')}) after the deciding vote, one voter silent`
    },
  },
  {
    name: 'Mesh: the process of 1 of 4 agents killed',
    reported: 'detected <1 s, back in <3 s',
    target: '0 lost; rerouted <100 ms',
    measured: failure('mesh of 4, a process killed'),
  },
  {
    name: 'Mesh: 1 of 4 sandboxes frozen',
    reported: '–',
    target: '0 lost; detected <1 s',
    measured: failure('mesh of 4, a sandbox frozen'),
  },
  {
    name: 'Mesh: 3 of 4 sandboxes killed',
    reported: 'survives n − 2',
    target: '0 lost; survives n − 1',
    measured: failure('mesh of 4, 3 sandboxes killed'),
  },
  {
    name: 'Hierarchical: 16 subtasks on 4 workers',
    reported: 'spread <5 %',
    target: 'the same',
    measured: (read) => `spread ${value(read('topologies', 'hierarchical, 16 subtasks on 4 workers: spread of the workers’ shares'))}`,
  },
  {
    name: 'Hierarchical: 50 subtasks on 5 workers',
    reported: 'busiest 24 %',
    target: 'the same',
    measured: (read) => `busiest ${value(read('topologies', 'hierarchical, 50 subtasks on 5 workers: share of the busiest'))}`,
  },
  {
    name: 'Hierarchical: capabilities',
    reported: '100 % right',
    target: '100 %',
    measured: (read) => `${value(read('topologies', 'hierarchical, capabilities: reached an agent with the capability'))} right`,
  },
  {
    name: 'Hierarchical: the coordinator killed',
    reported: 'by hand, <8 s',
    target: '0 lost; <1.5 s by itself',
    measured: failure('hierarchical, the coordinator killed', { isLed: true }),
  },
  {
    name: 'Hierarchical: the coordinator frozen',
    reported: '–',
    target: '0 lost; <1.5 s by itself',
    measured: failure('hierarchical, the coordinator frozen', { isLed: true }),
  },
  {
    name: 'Ring: 4 stages',
    reported: '1.95 s a task, 104 ms a hop',
    target: 'the router adds <5 ms (p99) to a hop',
    measured: (read) => {
      const of = (what: string) => value(read('topologies', `ring of 4 stages, one task at a time: ${what}`))
      return `${of('a task, p50')} a task, ${of('a hop with its agent, p50')} a hop; the router adds ${of('a hop without its agent, p99')} (p99)`
    },
  },
  {
    name: 'Ring: a stage with a spare killed',
    reported: 'breaker <500 ms, then by hand',
    target: '0 lost; breaker <100 ms, healed <1.5 s',
    measured: failure('ring of 4 with a spare, its stage killed', { isLed: true }),
  },
  {
    name: 'Ring: a stage without a spare killed',
    reported: 'by hand',
    target: '0 lost; healed with a fresh sandbox',
    measured: failure('ring of 4 without a spare, a stage killed', { isLed: true }),
  },
  {
    name: 'Star: 1 + 6, 24 tasks at once',
    reported: '94 % done',
    target: '100 %',
    measured: (read) => `${value(read('topologies', 'star of 1 + 6, 24 tasks at once with 6 subtasks each: done'))} done`,
  },
  {
    name: 'Star: the hub killed',
    reported: 'by hand',
    target: '0 lost; <1.5 s by itself',
    measured: failure('star, the hub killed', { isLed: true }),
  },
  {
    name: 'Strategies: 2 + 2 + 1 agents, 10 / 8 / 5 tasks',
    reported: '–',
    target: 'all reach the right group',
    measured: (read) =>
      `${value(read('topologies', 'strategies, 2 + 2 + 1 agents, 10 / 8 / 5 tasks at once: reached an agent with the capability'))} did`,
  },
  {
    name: 'Blue-green: 3 + 3 agents, 100 to 0 % blue',
    reported: '100 tasks, 0 errors',
    target: '0 failed under continuous load',
    measured: (read) => {
      const failed = read('rollouts', 'blue-green, 3 + 3 agents, from 100 to 0 % blue: tasks failed')
      return `${numberText(failed.value)} of ${totalOf(failed)} tasks failed`
    },
  },
  {
    name: 'Blue-green: 30 % of green’s tasks fail',
    reported: 'back in <1 s',
    target: 'p99 <100 ms after the deciding response',
    measured: (read) => wayBack(read, 'rollouts', 'blue-green, 3 + 3 agents, 30 % of green’s tasks fail'),
  },
  {
    name: 'Canary: 5 + 1 agents, 5 % of 100 tasks',
    reported: '5 %; back in <30 s',
    target: 'exactly 5; back <1 s after the deciding response',
    measured: (read) => {
      const share = read('rollouts', 'canary, 5 + 1 agents: tasks of 100 at weight 5')
      const back = read('rollouts', 'canary, 5 + 1 agents, compared by the operator: deciding response to last task')
      const failed = read('rollouts', 'canary, 5 + 1 agents, a good one from 5 to 100 %: tasks failed')
      const longest = back.most === undefined ? '' : ` (longest ${numberText(back.most)} ms)`
      const shares =
        share.least === share.most ? numberText(share.value) : `${numberText(share.least ?? NaN)} to ${numberText(share.most ?? NaN)}`
      return `${shares} tasks; back in ${value(back)}${longest}; a good one: ${numberText(failed.value)} of ${totalOf(failed)} tasks failed`
    },
  },
  {
    name: 'Canary: half of its tasks fail, guards of 1 and 3 routers',
    reported: 'Flagger 10 s and more',
    target: 'p99 <100 ms after the deciding response',
    measured: (read) => `${wayBack(read, 'rollback', 'guard, 1 router')}; ${wayBack(read, 'rollback', 'guard, 3 routers')}`,
  },
  {
    name: 'Canary: the same without guards, 1 and 3 routers',
    reported: 'Argo Rollouts 137 to 782 ms',
    target: 'p99 <400 ms after the deciding response',
    measured: (read) =>
      `${wayBack(read, 'rollback', 'operator alone, 1 router')}; ${wayBack(read, 'rollback', 'operator alone, 3 routers')}`,
  },
]

/** The benchmarks whose figures the table needs. */
const PATTERN_BENCHMARKS = ['topologies', 'consensus', 'failover', 'rollouts', 'rollback'] as const

/** The table of patterns as Markdown, from a run that has their benchmarks. */
export function patternTable(report: Report): string {
  const read: Read = (benchmark, figure) => {
    const found = report.results.find(({ name }) => name === benchmark)?.figures.find(({ name }) => name === figure)
    if (!found) throw new Error(`the run has no figure "${figure}" of ${benchmark}; run: node bench/run.ts ${PATTERN_BENCHMARKS.join(' ')}`)
    return found
  }
  const rows = PATTERNS.map(({ name, reported, target, measured }) => [name, reported, target, measured(read)])
  const { date, cores, cpu } = report
  const from = `Measured ${date.slice(0, 10)} on ${cores} × ${cpu}, everything on one machine, real sandboxes of e2b-local; medians of repeated rounds. Frozen sandboxes are replaced after \`readiness.replaceAfter\`, here 3 s.`
  return [...tableLines(['pattern', 'reported', 'target', 'measured'], rows, { isText: true }), '', from].join('\n')
}

const BEGIN = '<!-- patterns: written by bench/patterns.ts -->'
const END = '<!-- end of patterns -->'

/** The page with another table between its marks. */
export function withTable(page: string, table: string): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from < 0 || to < from) throw new Error(`the page has no place for the table: write the lines ${BEGIN} and ${END}`)
  return `${page.slice(0, from + BEGIN.length)}\n\n${table}\n\n${page.slice(to)}`
}
