import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, recordProcess, runningProcess } from './process-record.ts'

const POLL_MS = 20

/** A program to run in the background; what is secret belongs in `env`, never in `args`. */
export interface DaemonSpec {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A background process that outlives whoever started it, until it is stopped. NAME.pid and NAME.log are in its directory. */
export class Daemon {
  readonly name: string
  readonly logFile: string
  readonly #dir: string
  readonly #pidFile: string

  constructor(name: string, dir: string) {
    this.name = name
    this.#dir = dir
    this.logFile = join(dir, `${name}.log`)
    this.#pidFile = join(dir, `${name}.pid`)
  }

  /** Its pid while it runs. */
  get pid(): number | undefined {
    return runningProcess(this.#pidFile)?.pid
  }

  /** Starts it in a session of its own, so that a terminal's Ctrl-C does not reach it. The log starts anew. */
  async start(spec: DaemonSpec): Promise<void> {
    const log = openSync(this.logFile, 'w', 0o600)
    try {
      const child = spawn(spec.command, spec.args, {
        cwd: this.#dir,
        env: { ...process.env, ...spec.env },
        detached: true,
        stdio: ['ignore', log, log],
      })
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve)
        child.once('error', (cause) => reject(new Error(`cannot start ${this.name} (${spec.command})`, { cause })))
      })
      if (child.pid !== undefined) recordProcess(child.pid, this.#pidFile)
      child.unref()
    } finally {
      closeSync(log)
    }
  }

  /** Ends it: SIGTERM, and SIGKILL to whatever is left of its session after the grace time. False when it was not running. */
  async stop(graceMs: number): Promise<boolean> {
    const record = runningProcess(this.#pidFile)
    if (!record) return false
    signal(record.pid, 'SIGTERM')
    const deadline = Date.now() + graceMs
    while (isRunning(record) && Date.now() < deadline) await sleep(POLL_MS)
    if (isRunning(record)) {
      signal(-record.pid, 'SIGKILL')
      while (isRunning(record)) await sleep(POLL_MS)
    }
    rmSync(this.#pidFile, { force: true })
    return true
  }

  /** Kills it without waiting; for the exit handler of a process, where nothing can be waited for. */
  killNow(): void {
    const record = runningProcess(this.#pidFile)
    if (record) signal(-record.pid, 'SIGKILL')
  }

  /** The end of what it has written. */
  logTail(lines = 20): string {
    try {
      return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
    } catch {
      return '(no log)'
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
