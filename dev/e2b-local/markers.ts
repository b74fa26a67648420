import { execFile } from 'node:child_process'
import { readFile, readdir } from 'node:fs/promises'
import { promisify } from 'node:util'

/** The environment variable that every process of a sandbox carries: `SERVER/SANDBOX`. */
export const MARKER = 'E2B_LOCAL_SANDBOX'

/** A live process that carries a marker. */
export type Marked = { readonly pid: number; readonly serverId: string; readonly sandboxId: string }

const MARK = new RegExp(`(?:^|[\\0 ])${MARKER}=([\\w-]+)/([\\w-]+)(?=[\\0 ]|$)`)

/** The marker in an environment as `/proc/PID/environ` or `ps eww` shows it. */
export function markIn(environment: string): { serverId: string; sandboxId: string } | undefined {
  const match = MARK.exec(environment)
  return match === null ? undefined : { serverId: match[1] ?? '', sandboxId: match[2] ?? '' }
}

/** All live processes with a marker that may be looked at. Finds those too that left their process group. */
export async function markedProcesses(): Promise<Marked[]> {
  return process.platform === 'linux' ? fromProc() : fromPs()
}

async function fromProc(): Promise<Marked[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const marked = await Promise.all(
    pids.map(async (pid) => {
      // A process that ended meanwhile, or is another user's, has nothing to read.
      const mark = markIn(await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''))
      return mark === undefined ? [] : [{ pid: Number(pid), ...mark }]
    }),
  )
  return marked.flat()
}

async function fromPs(): Promise<Marked[]> {
  const { stdout } = await promisify(execFile)('ps', ['axeww', '-o', 'pid=,stat=,command='], { maxBuffer: 64 * 1024 * 1024 })
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\S+)\s(.*)$/.exec(line)
    const mark = match === null || match[2]?.startsWith('Z') === true ? undefined : markIn(match[3] ?? '')
    return mark === undefined ? [] : [{ pid: Number(match?.[1]), ...mark }]
  })
}

/** Looks for marked processes of one server; callers at the same time share a look that begins after they asked. */
export class MarkerScanner {
  readonly #serverId: string
  #running: Promise<Marked[]> | undefined
  #next: Promise<Marked[]> | undefined

  constructor(serverId: string) {
    this.#serverId = serverId
  }

  /** The server's live processes. */
  async scan(): Promise<Marked[]> {
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#running = this.#next
        this.#next = undefined
        return markedProcesses()
      })
    return (await this.#next).filter((process) => process.serverId === this.#serverId)
  }
}

/** Sends a signal to a process, or with a negative number to a group; one that has gone is no error. */
export function signalIfAlive(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
