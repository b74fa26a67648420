#!/usr/bin/env node
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import type { Benchmark, Figure } from './benchmark.ts'
import { consensus } from './consensus.ts'
import { failover } from './failover.ts'
import { hotPaths } from './hot-paths.ts'
import { operatorIdle } from './operator-idle.ts'
import { operatorMany } from './operator-many.ts'
import { operatorScale } from './operator-scale.ts'
import { provisioning } from './provisioning.ts'
import { ring } from './ring.ts'
import { rollback } from './rollback.ts'
import { rollouts } from './rollouts.ts'
import { routerAgents } from './router-agents.ts'
import { router } from './router.ts'
import { ready } from './ready.ts'
import { scaling } from './scaling.ts'
import { topologies } from './topologies.ts'
import { Ends } from './support/ends.ts'
import { Lab } from './support/lab.ts'
import { reportText, type Report, type Result } from './support/report.ts'

const BENCHMARKS: readonly Benchmark[] = [
  hotPaths,
  router,
  routerAgents,
  topologies,
  ring,
  consensus,
  operatorScale,
  operatorMany,
  operatorIdle,
  scaling,
  ready,
  provisioning,
  failover,
  rollouts,
  rollback,
]
const RESULTS = join(import.meta.dirname, 'results')

/** Longest time of one benchmark, in milliseconds. */
const LIMIT_MS = 420_000

const USAGE = `Usage: node bench/run.ts [--quick] [--profile DIR] [name ...]

Measures; results go to bench/results/latest.json and latest.md. Names choose some of:

${BENCHMARKS.map(({ name, what }) => `  ${name.padEnd(16)} ${what}`).join('\n')}

  --quick          small sizes: shows that everything works, says little about speed
  --profile DIR    operator and router write CPU profiles there; they are slower meanwhile
`

type Wanted = { readonly benchmarks: readonly Benchmark[]; readonly quick: boolean; readonly profileDir: string | undefined }

class UsageError extends Error {}

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  profile: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function wantedOf(args: string[]): Wanted | undefined {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  const unknown = positionals.find((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name))
  if (unknown !== undefined) throw new UsageError(`there is no benchmark ${unknown}; there are ${BENCHMARKS.map((b) => b.name).join(', ')}`)
  const benchmarks = positionals.length === 0 ? BENCHMARKS : BENCHMARKS.filter(({ name }) => positionals.includes(name))
  return { benchmarks, quick: values.quick, profileDir: values.profile }
}

/** Runs one benchmark and ends whatever it has started, however it went. */
async function runOne(benchmark: Benchmark, wanted: Wanted, lab: Lab, interrupted: AbortSignal): Promise<Result> {
  const { name, what, run } = benchmark
  const say = (line: string) => console.log(`[${name}] ${line}`)
  const ends = new Ends()
  const signal = AbortSignal.any([interrupted, AbortSignal.timeout(LIMIT_MS)])
  const started = performance.now()
  const { quick, profileDir } = wanted
  say('begins')
  let figures: readonly Figure[] = []
  const failures: unknown[] = []
  try {
    const running = run({ quick, profileDir, signal, ends, say, controlPlane: () => lab.controlPlane() })
    figures = await Promise.race([running, failing(signal)])
  } catch (error) {
    failures.push(error)
  }
  failures.push(...(await ends.close()))
  const seconds = (performance.now() - started) / 1000
  if (failures.length === 0) return { name, what, seconds, figures }
  const error = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure))).join('; ')
  say(`failed: ${error}`)
  return { name, what, seconds, figures, error }
}

/** Rejects when the signal ends. */
async function failing(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const fail = () => reject(signal.reason)
  signal.addEventListener('abort', fail, { once: true })
  if (signal.aborted) fail()
  return promise
}

async function main(wanted: Wanted): Promise<number> {
  const interrupted = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      console.log(`${name}: ending what was started; once more to end at once`)
      interrupted.abort(new Error(`ended by ${name}`))
      process.once(name, () => process.exit(1))
    })
  }
  const lab = new Lab((line) => console.log(`[control plane] ${line}`))
  const machine = { node: process.version, cpu: cpus()[0]?.model.trim() ?? 'unknown', cores: cpus().length, loadBefore: loadavg()[0] ?? 0 }
  const date = new Date().toISOString()
  const results: Result[] = []
  for (const benchmark of wanted.benchmarks) {
    if (interrupted.signal.aborted) break
    results.push(await runOne(benchmark, wanted, lab, interrupted.signal))
  }
  await lab.close()
  write({ date, ...machine, quick: wanted.quick, results })
  return interrupted.signal.aborted || results.some(({ error }) => error !== undefined) ? 1 : 0
}

function write(report: Report): void {
  const text = reportText(report)
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(join(RESULTS, 'latest.json'), `${JSON.stringify(report, undefined, 2)}\n`)
  writeFileSync(join(RESULTS, 'latest.md'), text)
  console.log(`\n${text}\nwritten to ${relative(process.cwd(), RESULTS)}`)
}

try {
  const wanted = wantedOf(process.argv.slice(2))
  // Kept connections and whatever a failed benchmark has left must not hold the process.
  if (wanted) process.exit(await main(wanted))
  console.log(USAGE)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
