import { readFileSync } from 'node:fs'
import { DEFAULT_API_KEY } from '../../dev/e2b-local/server.ts'
import type { Program } from '../../test/support/programs.ts'
import { parseMetrics, sumOf, sumsBy } from './metrics-text.ts'

/** What a program has used since it started. */
export type Usage = {
  readonly cpuSeconds: number
  readonly residentBytes: number
  /** The most that was resident at any moment, where the system tells it. */
  readonly peakBytes: number | undefined
  /** Requests to the API server by verb and kind, without those for the lease. */
  readonly apiRequests: Readonly<Record<string, number>>
}

/** Requests that the provider has seen: to its API, and into sandboxes (files, commands, health, tasks). */
export type ProviderUsage = { readonly api: number; readonly sandbox: number }

/** Reads what a program with a metrics port has used. */
export async function usageOf(program: Program): Promise<Usage> {
  const answer = await fetch(`http://127.0.0.1:${program.port}/metrics`)
  if (!answer.ok) throw new Error(`the metrics of a program answered ${answer.status}`)
  const samples = parseMetrics(await answer.text())
  return {
    cpuSeconds: sumOf(samples, 'process_cpu_seconds_total'),
    residentBytes: sumOf(samples, 'process_resident_memory_bytes'),
    peakBytes: peakOf(program.pid),
    apiRequests: sumsBy(samples, 'swarmops_kube_requests_total', ({ verb = '', kind = '' }) =>
      kind === 'Lease' ? undefined : `${verb} ${kind}`,
    ),
  }
}

/** Reads how many requests an e2b-local has seen. */
export async function providerUsageOf(e2b: Program): Promise<ProviderUsage> {
  const answer = await fetch(`http://127.0.0.1:${e2b.port}/local/counters`, { headers: { 'x-api-key': DEFAULT_API_KEY } })
  if (!answer.ok) throw new Error(`the counters of e2b-local answered ${answer.status}`)
  const { 'sandbox traffic': sandbox = 0, ...routes } = (await answer.json()) as Record<string, number>
  return { sandbox, api: totalOf(routes) }
}

/** What came on top between two looks, without what did not change. */
export function growth(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): Record<string, number> {
  const grown = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
  return Object.fromEntries(grown.filter(([, value]) => value !== 0))
}

/** The sum of all. */
export const totalOf = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, n) => sum + n, 0)

/** Counts as words, the largest first. */
export function countsText(counts: Readonly<Record<string, number>>, per: number): string {
  const parts = Object.entries(counts).sort(([, a], [, b]) => b - a)
  return parts.map(([name, count]) => `${name} ${(count / per).toFixed(2)}`).join(', ')
}

function peakOf(pid: number): number | undefined {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined // only Linux has it
  }
}
