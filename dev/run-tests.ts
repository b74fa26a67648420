import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureControlPlaneBinaries } from './cluster/binaries.ts'

// Runs every check and every test, each step whatever became of the one before, and adds up what passed and failed.

const ROOT = join(import.meta.dirname, '..')
const MINUTE_MS = 60_000

type Outcome = { passed: number; failed: number; failures: readonly string[] }
type Step = { name: string; run(): Promise<Outcome> }

type RunOptions = { limitMs?: number; output?: 'shown' | 'shown at its end' }

/** Runs a command; false when it fails or takes too long. */
async function runs(command: string, args: readonly string[], options: RunOptions = {}): Promise<boolean> {
  const { limitMs = 10 * MINUTE_MS, output = 'shown' } = options
  const child = spawn(command, args, { cwd: ROOT, stdio: output === 'shown' ? 'inherit' : ['ignore', 'pipe', 'pipe'] })
  const written: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => written.push(chunk))
  const timer = setTimeout(() => {
    console.log(`${command} took longer than ${limitMs / MINUTE_MS} minutes and is ended`)
    child.kill('SIGKILL')
  }, limitMs)
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      console.log(`${command} cannot be run: ${error.message}`)
      resolve(1)
    })
    child.on('close', resolve)
  })
  clearTimeout(timer)
  process.stdout.write(Buffer.concat(written))
  return code === 0
}

/** One command that counts as one test. */
const check = (name: string, command: string, args: readonly string[], limitMs?: number): Step => ({
  name,
  run: async () =>
    (await runs(command, args, limitMs === undefined ? {} : { limitMs }))
      ? { passed: 1, failed: 0, failures: [] }
      : { passed: 0, failed: 1, failures: ['see above'] },
})

/** The tests in these files, in so many lanes side by side, each with a control plane of its own. */
const suite = (name: string, patterns: readonly string[], limitMs: number, lanes = 1): Step => ({
  name,
  run: async () => {
    const files = globSync([...patterns], { cwd: ROOT })
      .filter((file) => !file.includes('node_modules'))
      .sort()
    const outcomes = await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const mine = files.filter((_file, i) => i % lanes === lane)
        return runFiles(mine, { limitMs, output: lane === 0 ? 'shown' : 'shown at its end' })
      }),
    )
    return {
      passed: outcomes.reduce((n, { passed }) => n + passed, 0),
      failed: outcomes.reduce((n, { failed }) => n + failed, 0),
      failures: outcomes.flatMap(({ failures }) => failures),
    }
  },
})

/** Runs these files; a run that breaks off counts as one more failure. */
async function runFiles(files: readonly string[], options: RunOptions): Promise<Outcome> {
  if (files.length === 0) return { passed: 0, failed: 0, failures: [] }
  const directory = mkdtempSync(join(tmpdir(), 'swarm-tests-'))
  const report = join(directory, 'counts.json')
  const reporter = join(ROOT, 'dev/count-reporter.cjs')
  // A test that fails may leave something open, which must not keep the run from its end.
  const args = ['--exit', '--reporter', reporter, '--reporter-option', `output=${report}`, ...files]
  const isDone = await runs('mocha', args, options)
  const counts = readCounts(report)
  rmSync(directory, { recursive: true, force: true })
  return isDone || counts.failed > 0 ? counts : { ...counts, failed: counts.failed + 1, failures: ['the run broke off, see above'] }
}

function readCounts(report: string): Outcome {
  try {
    return JSON.parse(readFileSync(report, 'utf8')) as Outcome
  } catch {
    return { passed: 0, failed: 0, failures: [] }
  }
}

const PARTS = ['src', 'operator', 'dev', 'test', 'examples', 'bench'].filter(
  (part) => globSync(`${part}/**/*.ts`, { cwd: ROOT }).length > 0,
)
const UNIT = suite('unit tests', ['{src,operator,dev,bench,examples}/**/*.test.ts', 'test/architecture.test.ts'], 5 * MINUTE_MS)
const STEPS: readonly Step[] = [
  check('types', 'tsc', ['--noEmit', '-p', '.']),
  check('lint', 'oxlint', ['--type-aware', '--deny-warnings', ...PARTS]),
  check('format', 'prettier', ['--check', '--log-level', 'warn', '.']),
  check('CRDs match the schemas', process.execPath, ['dev/generate.ts', '--check']),
  UNIT,
  suite('integration tests', ['test/integration/**/*.test.ts'], 45 * MINUTE_MS, 2), // most of their time is waiting
  suite('conformance of e2b-local', ['test/conformance/**/*.test.ts'], 8 * MINUTE_MS),
  suite('fault tests', ['test/faults/**/*.test.ts'], 30 * MINUTE_MS),
  suite('end-to-end tests', ['test/e2e/**/*.test.ts'], 20 * MINUTE_MS),
]

/** What needs root, Debian packages and programs of others: a whole machine rather than a checkout. */
const INSTALLATION: readonly Step[] = [
  check('Debian packages', join(ROOT, 'dev/debian-packages.sh'), []),
  check('programs of others', process.execPath, ['dev/tools/prepare.ts'], 40 * MINUTE_MS),
  check('kustomize bases match the chart', process.execPath, ['dev/generate-config.ts', '--check']),
  suite('installation tests', ['test/install/**/*.test.ts'], 40 * MINUTE_MS),
]

const PARTS_OF: Readonly<Record<string, readonly Step[]>> = { unit: [UNIT], install: INSTALLATION }

async function main(): Promise<void> {
  const part = process.argv[2] ?? ''
  const steps = part === '' ? STEPS : PARTS_OF[part]
  if (!steps)
    throw new Error(`there is no part ${JSON.stringify(part)}: ${Object.keys(PARTS_OF).join(', ')}, or nothing for all but install`)
  if (part !== 'unit')
    await ensureControlPlaneBinaries((line) => console.log(`[cluster] ${line}`)).catch((error: unknown) => console.log(String(error)))
  const total = { passed: 0, failed: 0 }
  const failed: string[] = []
  const lines: string[] = []
  for (const step of steps) {
    console.log(`\n── ${step.name}`)
    const from = Date.now()
    const outcome = await step.run()
    total.passed += outcome.passed
    total.failed += outcome.failed
    failed.push(...outcome.failures.map((failure) => `✗ ${step.name}: ${failure}`))
    lines.push(
      `${outcome.failed > 0 ? '✗' : '✓'} ${step.name}: ${outcome.passed} passed, ${outcome.failed} failed, ${Math.round((Date.now() - from) / 1000)} s`,
    )
  }
  console.log(`\n${[...failed, ...lines].join('\n')}\n\n${total.passed} passed, ${total.failed} failed`)
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1
}

await main()
