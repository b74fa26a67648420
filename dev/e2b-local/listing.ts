import { ApiError } from './errors.ts'
import { PAGE_SIZE } from './limits.ts'

/** What a list of sandboxes is asked for. */
export type ListQuery = {
  readonly metadata: ReadonlyMap<string, string>
  readonly states: ReadonlySet<string>
  readonly startedAfterMs: number | undefined
  readonly template: string | undefined
  readonly order: 'asc' | 'desc'
  readonly limit: number
  readonly after: Cursor | undefined
}

/** Where the next page begins: after the sandbox with this start and id. */
export type Cursor = { readonly startedAtMs: number; readonly id: string }

/** What the list needs to know of a sandbox. */
export type Listed = {
  readonly id: string
  readonly startedAtMs: number
  readonly state: string
  readonly templateId: string
  readonly alias: string
  readonly metadata: Readonly<Record<string, string>>
}

/** The filter that the package sends: encoded part by part, then as a whole, then once more as part of the query. */
export function parseMetadataFilter(text: string): Map<string, string> {
  const filter = new Map<string, string>()
  if (text === '') return filter
  try {
    for (const pair of decodeURIComponent(text).split('&')) {
      const at = pair.indexOf('=')
      if (at < 1) throw new ApiError(400, 'the metadata filter must be pairs of key=value joined by &')
      filter.set(decodePart(pair.slice(0, at)), decodePart(pair.slice(at + 1)))
    }
  } catch (error) {
    if (error instanceof ApiError) throw error
    throw new ApiError(400, 'the metadata filter is not validly encoded')
  }
  return filter
}

const decodePart = (part: string) => decodeURIComponent(part.replaceAll('+', ' '))

/** The query of a list request; refuses what the API refuses. */
export function parseListQuery(params: URLSearchParams): ListQuery {
  const limit = params.has('limit') ? Number(params.get('limit')) : PAGE_SIZE
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_SIZE) throw new ApiError(400, `limit must be between 1 and ${PAGE_SIZE}`)
  const states = params.getAll('state').flatMap((text) => text.split(','))
  const unknown = states.find((state) => state !== 'running' && state !== 'paused')
  if (unknown !== undefined) throw new ApiError(400, `state ${JSON.stringify(unknown)} is not one of running, paused`)
  const order = params.get('order') ?? 'desc'
  if (order !== 'asc' && order !== 'desc') throw new ApiError(400, 'order must be asc or desc')
  const startedAfter = params.get('startedAfter')
  const startedAfterMs = startedAfter === null ? undefined : Date.parse(startedAfter)
  if (startedAfterMs !== undefined && Number.isNaN(startedAfterMs)) throw new ApiError(400, 'startedAfter is not a date')
  const token = params.get('nextToken') ?? ''
  return {
    metadata: parseMetadataFilter(params.get('metadata') ?? ''),
    states: new Set(states.length === 0 ? ['running', 'paused'] : states),
    startedAfterMs,
    template: params.get('template') ?? undefined,
    order,
    limit,
    after: token === '' ? undefined : decodeCursor(token),
  }
}

/** The token that continues a list after this sandbox. */
export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(`${cursor.startedAtMs}__${cursor.id}`).toString('base64url')
}

function decodeCursor(token: string): Cursor {
  const match = /^(\d+)__(.+)$/.exec(Buffer.from(token, 'base64url').toString())
  if (match === null) throw new ApiError(400, 'nextToken is not one that this server gave')
  return { startedAtMs: Number(match[1]), id: match[2] ?? '' }
}

/** One page and, when more follows, the token for it. Stable while sandboxes come and go: the token is a place, not a count. */
export function pageOf<T extends Listed>(all: Iterable<T>, query: ListQuery): { items: T[]; nextToken: string | undefined } {
  const direction = query.order === 'asc' ? 1 : -1
  const compare = (a: Cursor, b: Cursor) => direction * (a.startedAtMs - b.startedAtMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  const { after } = query
  const found = [...all].filter((item) => matches(item, query) && (after === undefined || compare(item, after) > 0)).toSorted(compare)
  const items = found.slice(0, query.limit)
  const last = items.at(-1)
  return { items, nextToken: found.length > items.length && last !== undefined ? encodeCursor(last) : undefined }
}

function matches(item: Listed, query: ListQuery): boolean {
  if (!query.states.has(item.state)) return false
  if (query.startedAfterMs !== undefined && item.startedAtMs <= query.startedAfterMs) return false
  if (query.template !== undefined && query.template !== item.templateId && query.template !== item.alias) return false
  for (const [key, value] of query.metadata) if (item.metadata[key] !== value) return false
  return true
}
