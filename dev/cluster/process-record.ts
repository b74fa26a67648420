import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/** A process as it can be told from all others: the pid alone may be another process's tomorrow. */
export interface ProcessRecord {
  readonly pid: number
  readonly startedAt: string
}

/** When a process started, in a form that only compares; undefined when there is none or it only waits to be collected. */
export function startTimeOf(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxStartTime(pid) : psStartTime(pid)
}

// Ticks since boot do not drift, which the wall clock time that ps computes does; the boot id tells one boot from the next.
function linuxStartTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${fields[19]}@${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}`
  } catch {
    return undefined
  }
}

function psStartTime(pid: number): string | undefined {
  try {
    const text = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env: { LC_ALL: 'C', TZ: 'UTC' },
    }).trim()
    const [state = '', ...started] = text.split(/\s+/)
    return started.length === 0 || state.startsWith('Z') ? undefined : started.join(' ')
  } catch {
    return undefined
  }
}

/** Whether that very process still runs. */
export function isRunning(record: ProcessRecord): boolean {
  return startTimeOf(record.pid) === record.startedAt
}

/** Notes a running process down; undefined when it is gone already. */
export function recordProcess(pid: number, file: string): ProcessRecord | undefined {
  const startedAt = startTimeOf(pid)
  if (startedAt === undefined) return undefined
  const record = { pid, startedAt }
  writeFileSync(file, `${JSON.stringify(record)}\n`, { mode: 0o600 })
  return record
}

/** The process noted down in a file if it still runs; a note of one that is gone is removed. */
export function runningProcess(file: string): ProcessRecord | undefined {
  const record = readRecord(file)
  if (record && isRunning(record)) return record
  rmSync(file, { force: true })
  return undefined
}

/** What a file says, whether or not that process still runs. */
export function readRecord(file: string): ProcessRecord | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof value !== 'object' || value === null || !('pid' in value) || !('startedAt' in value)) return undefined
    const { pid, startedAt } = value
    return Number.isSafeInteger(pid) && typeof pid === 'number' && pid > 1 && typeof startedAt === 'string' ? { pid, startedAt } : undefined
  } catch {
    return undefined
  }
}
