import { LATENCY_BOUNDS_MS, type Latencies } from './latency.ts'

/** Version of the wire format. A reader refuses frames of another one. */
export const WIRE_VERSION = 1

/** What one router says of one agent. Counters grow from 0 since this router started. */
export type AgentStats = {
  readonly namespace: string
  readonly swarm: string
  readonly agent: string
  readonly uid: string
  readonly inFlight: number
  /** This router knows that the agent is to end or to pause and sends it nothing new. */
  readonly draining: boolean
  readonly done: number
  readonly failed: number
  /** How long the attempts that were done took; absent when there were none, or from an older router. */
  readonly latency?: Latencies
}

/** Attempts on the agents of one revision, since this router started. */
export type RevisionStats = { readonly revision: string; readonly inFlight: number; readonly done: number; readonly failed: number }

/** Tasks that wait and that agents of a group could take: one that several groups could take counts in each of them. */
export type GroupQueue = {
  readonly group: string
  readonly queued: number
  /** How long the oldest of them had waited when this was said, in milliseconds; absent when none waits. */
  readonly oldestMs?: number
}

/** Tasks that wait and that each of several groups could take. */
export type SharedQueue = { readonly groups: readonly string[]; readonly queued: number }

/** Percent of new tasks that a router gives one revision. */
export type ShareStats = { readonly revision: string; readonly percent: number }

/** A guard has tripped in the router: the run that it guarded, and why. */
export type TripStats = { readonly run: string; readonly message: string }

/** What one router says of one swarm. */
export type SwarmStats = {
  readonly namespace: string
  readonly swarm: string
  /** Tasks that wait for an agent. */
  readonly queued: number
  /** How long the oldest of them had waited when this was said, in milliseconds; absent when none waits, or from an older router. */
  readonly oldestMs?: number
  /** The same by group; absent without groups, when none waits, or from an older router. */
  readonly groups?: readonly GroupQueue[]
  /** Those of them that several groups could take, by which these are; absent when none waits, or from an older router. */
  readonly shared?: readonly SharedQueue[]
  readonly revisions: readonly RevisionStats[]
  /** The weights that the router goes by; absent from an older router. */
  readonly shares?: readonly ShareStats[]
  /** Absent while no guard has tripped. */
  readonly trip?: TripStats
}

/** An agent or a swarm that the router no longer knows. */
export type AgentRef = { readonly namespace: string; readonly agent: string }
export type SwarmRef = { readonly namespace: string; readonly swarm: string }

/**
 * One line of the stream. A snapshot may take several lines (`more`); it replaces everything once its last line is there.
 * A delta carries absolute values of what changed, so that one too many does no harm. Fields that a reader does not know are ignored.
 */
export type Frame =
  | {
      readonly v: typeof WIRE_VERSION
      readonly type: 'snapshot'
      /** Names this run of the router: counters of another run start at 0 again. */
      readonly router: string
      readonly more: boolean
      readonly agents: readonly AgentStats[]
      readonly swarms: readonly SwarmStats[]
    }
  | {
      readonly v: typeof WIRE_VERSION
      readonly type: 'delta'
      readonly agents?: readonly AgentStats[]
      readonly swarms?: readonly SwarmStats[]
      readonly goneAgents?: readonly AgentRef[]
      readonly goneSwarms?: readonly SwarmRef[]
    }
  | { readonly v: typeof WIRE_VERSION; readonly type: 'heartbeat' }

/** Agents in one line of a snapshot; keeps a line far below what a reader takes. */
const AGENTS_A_LINE = 500

/** A frame as a line. */
export const encodeFrame = (frame: Frame): string => `${JSON.stringify(frame)}\n`

/** The lines of a whole snapshot. */
export function encodeSnapshot(router: string, agents: readonly AgentStats[], swarms: readonly SwarmStats[]): string {
  let text = ''
  for (let from = 0; ; from += AGENTS_A_LINE) {
    const more = from + AGENTS_A_LINE < agents.length
    const part = agents.slice(from, from + AGENTS_A_LINE)
    text += encodeFrame({ v: WIRE_VERSION, type: 'snapshot', router, more, agents: part, swarms: more ? [] : swarms })
    if (!more) return text
  }
}

/** A line that is not of this format; the stream cannot be trusted any further. */
export class WireError extends Error {
  override readonly name = 'WireError'
}

/** Reads one line. Throws a WireError when it is none of ours or misses what it must have. */
export function decodeFrame(line: string): Frame {
  let frame: unknown
  try {
    frame = JSON.parse(line)
  } catch (error) {
    throw new WireError('a line of the statistics is not JSON', { cause: error })
  }
  if (!isRecord(frame) || frame['v'] !== WIRE_VERSION) throw new WireError(`a line of the statistics is not of version ${WIRE_VERSION}`)
  const isFine =
    frame['type'] === 'heartbeat' ||
    (frame['type'] === 'snapshot' &&
      typeof frame['router'] === 'string' &&
      typeof frame['more'] === 'boolean' &&
      isListOf(frame['agents'], isAgentStats) &&
      isListOf(frame['swarms'], isSwarmStats)) ||
    (frame['type'] === 'delta' &&
      isListOf(frame['agents'] ?? [], isAgentStats) &&
      isListOf(frame['swarms'] ?? [], isSwarmStats) &&
      isListOf(frame['goneAgents'] ?? [], (item) => hasTexts(item, 'namespace', 'agent')) &&
      isListOf(frame['goneSwarms'] ?? [], (item) => hasTexts(item, 'namespace', 'swarm')))
  if (!isFine) throw new WireError('a line of the statistics misses fields or has others than its type asks for')
  return frame as Frame // the parse border: every field was looked at
}

type Check = (item: unknown) => boolean
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
const isListOf = (value: unknown, check: Check): boolean => Array.isArray(value) && value.every(check)
const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
const hasTexts = (item: unknown, ...fields: string[]): boolean => isRecord(item) && fields.every((field) => typeof item[field] === 'string')
const hasCounts = (item: unknown, ...fields: string[]): boolean => isRecord(item) && fields.every((field) => isCount(item[field]))

const isLatencies: Check = (item) => isListOf(item, isCount) && Array.isArray(item) && item.length <= LATENCY_BOUNDS_MS.length + 1
const isAgentStats: Check = (item) =>
  hasTexts(item, 'namespace', 'swarm', 'agent', 'uid') &&
  hasCounts(item, 'inFlight', 'done', 'failed') &&
  isRecord(item) &&
  typeof item['draining'] === 'boolean' &&
  (item['latency'] === undefined || isLatencies(item['latency']))
const isRevisionStats: Check = (item) => hasTexts(item, 'revision') && hasCounts(item, 'inFlight', 'done', 'failed')
const isOldest = (item: Record<string, unknown>): boolean => item['oldestMs'] === undefined || isCount(item['oldestMs'])
const isGroupQueue: Check = (item) => hasTexts(item, 'group') && hasCounts(item, 'queued') && isRecord(item) && isOldest(item)
const isSharedQueue: Check = (item) =>
  hasCounts(item, 'queued') && isRecord(item) && isListOf(item['groups'], (group) => typeof group === 'string')
const isShareStats: Check = (item) => hasTexts(item, 'revision') && hasCounts(item, 'percent')
const isSwarmStats: Check = (item) =>
  hasTexts(item, 'namespace', 'swarm') &&
  hasCounts(item, 'queued') &&
  isRecord(item) &&
  isOldest(item) &&
  isListOf(item['groups'] ?? [], isGroupQueue) &&
  isListOf(item['shared'] ?? [], isSharedQueue) &&
  isListOf(item['revisions'], isRevisionStats) &&
  isListOf(item['shares'] ?? [], isShareStats) &&
  (item['trip'] === undefined || hasTexts(item['trip'], 'run', 'message'))
