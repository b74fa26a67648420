import type { Agent } from '../api/objects.ts'
import type { SandboxUsage } from '../e2b/types.ts'
import { addLatencies, latenciesSince, latencyQuantile, type Latencies } from '../stats/latency.ts'
import type { LiveAgent, LiveView } from './router.ts'
import { table, type Cell, type Paint, type Tone } from './table.ts'

/** What routers have counted for an agent, all together. */
export type Counted = {
  readonly inFlight: number
  readonly limit: number
  readonly done: number
  readonly failed: number
  readonly latency: Latencies
}

/** What was seen at one moment (Unix milliseconds): of the agents by name, and of their sandboxes by id. */
export type Look = {
  readonly atMs: number
  readonly counted: ReadonlyMap<string, Counted>
  readonly usage: ReadonlyMap<string, SandboxUsage>
}

/** How busy one agent is. What nobody told is left out. */
export type Load = {
  readonly swarm: string
  readonly group: string
  readonly agent: string
  readonly status: string
  readonly cpuPercent?: number
  readonly memoryPercent?: number
  readonly inFlight?: number
  readonly limit?: number
  readonly tasksPerSecond?: number
  readonly errorPercent?: number
  readonly latencyMs?: number
}

/** Adds up what several routers see. */
export function countedIn(views: readonly LiveView[]): Map<string, Counted> {
  const all = new Map<string, Counted>()
  for (const view of views) for (const seen of view.agents) all.set(seen.agent, plus(all.get(seen.agent), seen))
  return all
}

function plus(sum: Counted | undefined, { inFlight, limit, done, failed, latency = [] }: LiveAgent): Counted {
  if (!sum) return { inFlight, limit, done, failed, latency }
  const latencies = [...sum.latency]
  addLatencies(latencies, latency)
  const each = { inFlight: sum.inFlight + inFlight, limit: sum.limit + limit, done: sum.done + done, failed: sum.failed + failed }
  return { ...each, latency: latencies }
}

/** What agents did between two looks, and how busy they are at the second one. */
export function loadsOf(agents: readonly Agent[], before: Look, now: Look): Load[] {
  const seconds = (now.atMs - before.atMs) / 1_000
  return agents.map(({ metadata, spec, status }) => {
    const counted = now.counted.get(metadata.name)
    const usage = now.usage.get(status?.sandbox?.id ?? '')
    return {
      swarm: spec.swarm,
      group: spec.group,
      agent: metadata.name,
      status: status?.conditions?.find((c) => c.type === 'Ready')?.reason ?? 'Unknown',
      ...(usage && { cpuPercent: rounded(usage.cpuPercent), memoryPercent: rounded(usage.memoryPercent) }),
      ...(counted && {
        inFlight: counted.inFlight,
        limit: counted.limit,
        ...didSince(before.counted.get(metadata.name), counted, seconds),
      }),
    }
  })
}

const NOTHING: Counted = { inFlight: 0, limit: 0, done: 0, failed: 0, latency: [] }

/** What an agent ended since; a router that has started anew counts from zero. */
function didSince(before = NOTHING, now: Counted, seconds: number) {
  const [done, failed] = [Math.max(0, now.done - before.done), Math.max(0, now.failed - before.failed)]
  const ended = done + failed
  const latency = latencyQuantile(latenciesSince(now.latency, before.latency), 0.95)
  return {
    tasksPerSecond: rounded(seconds > 0 ? ended / seconds : 0),
    ...(ended > 0 && { errorPercent: rounded((failed * 100) / ended) }),
    ...(latency !== undefined && { latencyMs: Math.round(latency) }),
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10

/** By what lines can be sorted. */
export const ORDERS = ['name', 'cpu', 'memory', 'in-flight', 'tasks', 'errors', 'latency'] as const
export type Order = (typeof ORDERS)[number]

const FIGURE: Readonly<Record<Exclude<Order, 'name'>, (load: Load) => number | undefined>> = {
  cpu: (load) => load.cpuPercent,
  memory: (load) => load.memoryPercent,
  'in-flight': (load) => load.inFlight,
  tasks: (load) => load.tasksPerSecond,
  errors: (load) => load.errorPercent,
  latency: (load) => load.latencyMs,
}

/** Sorted: by name, or the largest figure first and those without one last. */
export function sortedBy(loads: readonly Load[], order: Order): readonly Load[] {
  const byName = (a: Load, b: Load) => Number(a.agent > b.agent) - Number(a.agent < b.agent)
  if (order === 'name') return loads.toSorted(byName)
  const figure = FIGURE[order]
  return loads.toSorted((a, b) => (figure(b) ?? -1) - (figure(a) ?? -1) || byName(a, b))
}

/** One line an agent. */
export function loadText(loads: readonly Load[], paint: Paint): string {
  const rows = loads.map((load): Cell[] => [
    load.agent,
    load.group,
    load.status,
    high(load.cpuPercent, '%', [75, 90]),
    high(load.memoryPercent, '%', [75, 90]),
    load.inFlight === undefined ? '' : `${load.inFlight}/${load.limit}`,
    load.tasksPerSecond?.toFixed(1) ?? '',
    high(load.errorPercent, '%', [5, 10]),
    load.latencyMs === undefined ? '' : `${load.latencyMs}ms`,
  ])
  return table(['AGENT', 'GROUP', 'STATUS', 'CPU', 'MEMORY', 'IN-FLIGHT', 'TASKS/S', 'ERRORS', 'P95'], rows, paint)
}

function high(value: number | undefined, unit: string, [warn, bad]: readonly [number, number]): Cell {
  if (value === undefined) return ''
  const tone: Tone | undefined = value >= bad ? 'bad' : value >= warn ? 'warn' : undefined
  const text = `${value}${unit}`
  return tone ? { text, tone } : text
}
