import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Fleet } from './fleet.ts'
import { METRICS_EVERY_MS, METRICS_KEPT } from './limits.ts'
import type { MarkerScanner } from './markers.ts'

type Used = { cpuMs: number; memoryBytes: number }

/** `[DD-]HH:MM:SS` or `MM:SS.ss`, as ps prints processor time, in milliseconds. */
export function cpuTimeMs(text: string): number {
  const [rest = '', days = '0'] = text.split('-').reverse()
  return rest.split(':').reduce((total, part) => total * 60 + Number(part), 0) * 1000 + Number(days) * 86_400_000
}

async function processTable(pids: readonly number[]): Promise<string> {
  if (pids.length === 0) return ''
  // It fails when none of them is there any more.
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=,rss=,time=', '-p', pids.join(',')]).catch(() => ({ stdout: '' }))
  return stdout
}

/** Measures what the real processes of each sandbox use, every five seconds, as the provider does. */
export class UsageSampler {
  readonly #fleet: Fleet
  readonly #scanner: MarkerScanner
  readonly #before = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  #isSampling = false

  constructor(fleet: Fleet, scanner: MarkerScanner) {
    this.#fleet = fleet
    this.#scanner = scanner
    this.#timer = setInterval(() => void this.#tick(), METRICS_EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #tick(): Promise<void> {
    if (this.#isSampling) return
    this.#isSampling = true
    try {
      await this.#sample()
    } catch {
      // The next look comes in five seconds.
    } finally {
      this.#isSampling = false
    }
  }

  async #sample(): Promise<void> {
    const marked = await this.#scanner.scan()
    const owner = new Map(marked.map((m) => [m.pid, m.sandboxId]))
    const used = new Map<string, Used>()
    for (const line of (await processTable([...owner.keys()])).split('\n')) {
      const [pid = '', rss = '0', time = '0'] = line.trim().split(/\s+/)
      const id = owner.get(Number(pid))
      if (id === undefined) continue
      const sum = used.get(id) ?? { cpuMs: 0, memoryBytes: 0 }
      used.set(id, { cpuMs: sum.cpuMs + cpuTimeMs(time), memoryBytes: sum.memoryBytes + Number(rss) * 1024 })
    }
    for (const sandbox of this.#fleet.all)
      if (sandbox.state === 'running') this.#record(sandbox.id, used.get(sandbox.id) ?? { cpuMs: 0, memoryBytes: 0 })
    for (const id of this.#before.keys()) if (!this.#fleet.get(id)) this.#before.delete(id)
  }

  #record(id: string, { cpuMs, memoryBytes }: Used): void {
    const sandbox = this.#fleet.get(id)
    if (!sandbox) return
    const spent = Math.max(0, cpuMs - (this.#before.get(id) ?? 0))
    this.#before.set(id, cpuMs)
    const now = Date.now()
    sandbox.metrics.push({
      timestamp: new Date(now).toISOString(),
      timestampUnix: Math.floor(now / 1000),
      cpuUsedPct: Math.round((spent * 10_000) / METRICS_EVERY_MS / sandbox.size.cpuCount) / 100,
      cpuCount: sandbox.size.cpuCount,
      memUsed: memoryBytes,
      memTotal: sandbox.size.memoryMB * 1024 * 1024,
      memCache: 0,
      diskUsed: 0,
      diskTotal: sandbox.size.diskSizeMB * 1024 * 1024,
    })
    if (sandbox.metrics.length > METRICS_KEPT) sandbox.metrics.shift()
  }
}
