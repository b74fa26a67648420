import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, arch, platform } from 'node:os'
import { join } from 'node:path'
import { withLock } from '../cluster/lock.ts'
import { outputOf } from '../cluster/output-of.ts'

const PROGRESS_EVERY_MS = 15_000

/** A Go module of ours whose one binary is several programs of others, by the name that it is called by. */
export interface GoModule {
  /** Part of the name of its directory in the cache. */
  readonly name: string
  /** What it is, and how long it takes, for people. */
  readonly what: string
  readonly directory: string
  /** The files that it consists of: when one changes it is built anew. */
  readonly files: readonly string[]
  /** Names that the binary is called by. */
  readonly programs: readonly string[]
  /** For the linker, besides those that leave out what debuggers need. */
  readonly ldflags?: string
  /** What is done about a machine without Go. */
  readonly otherwise: string
}

/** Where the programs of a module are or will be: another version gets another directory. */
export function cachedAt({ name, directory, files }: GoModule): string {
  const hash = createHash('sha256').update(`${platform()}-${arch()}`)
  for (const file of files) hash.update(readFileSync(join(directory, file)))
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(cache, 'swarm-operator', `${name}-${hash.digest('hex').slice(0, 16)}`)
}

/** Builds a module unless it is built; the directory that it returns appears whole or not at all. `say` gets lines about the progress. */
export async function ensureGoModule(module: GoModule, say: (line: string) => void): Promise<string> {
  const target = cachedAt(module)
  await withLock(
    `${target}.lock`,
    async () => {
      if (!existsSync(target)) await build(module, target, say)
    },
    (pid) => say(`waiting for another build of ${module.name} (pid ${pid})`),
  )
  return target
}

async function build(module: GoModule, target: string, say: (line: string) => void): Promise<void> {
  if (outputOf('go', ['version']) === undefined) throw new Error(module.otherwise)
  const parts = `${target}.building`
  rmSync(parts, { recursive: true, force: true })
  mkdirSync(parts, { recursive: true })
  say(`building ${module.what}`)
  const started = Date.now()
  const minutes = () => `${((Date.now() - started) / 60_000).toFixed(1)} min`
  const timer = setInterval(() => say(`still building ${module.name}, ${minutes()} so far`), PROGRESS_EVERY_MS)
  try {
    await goBuild(module, join(parts, module.name), `${target}.log`)
    for (const program of module.programs) symlinkSync(module.name, join(parts, program))
    renameSync(parts, target)
  } finally {
    clearInterval(timer)
    rmSync(parts, { recursive: true, force: true })
  }
  say(`built ${module.name} in ${minutes()}: ${target}`)
}

async function goBuild({ name, directory, ldflags = '' }: GoModule, output: string, logFile: string): Promise<void> {
  const child = spawn('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags', `-s -w ${ldflags}`.trim(), '-o', output, '.'], {
    cwd: directory,
    env: { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile, { mode: 0o600 })
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log.write(chunk)
      tail = `${tail}${chunk.toString()}`.slice(-4_000)
    })
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  })
  log.end()
  if (code !== 0) throw new Error(`go build of ${name} failed (${logFile}):\n${tail.trimEnd().split('\n').slice(-15).join('\n')}`)
}
