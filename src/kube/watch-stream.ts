import { KubeApiError } from './api-error.ts'
import { WATCH_LINE_BYTES } from './limits.ts'

/** One line of a watch. The object of a BOOKMARK has only a resource version, that of an ERROR is a `Status`. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: object
}

/** A watch sent something that cannot be understood: whatever it said is lost, so the reader must list again. */
export class WatchBroken extends KubeApiError {
  constructor(doing: string, what: string, options?: ErrorOptions) {
    super({ code: 200, reason: 'BadAnswer', message: `the API server's answer to ${doing} is not understood: ${what}` }, options)
  }
}

const TYPES = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'])
const NEWLINE = 0x0a

/** Cuts a watch's bytes into events; yields those of one chunk together. Throws `WatchBroken` on a line too long or not understood; `doing` names the watch in it. */
export async function* watchEvents(
  body: AsyncIterable<Uint8Array>,
  doing: string,
  maxLineBytes = WATCH_LINE_BYTES,
): AsyncGenerator<readonly WatchEvent[]> {
  let parts: Uint8Array[] = []
  let pending = 0
  for await (const chunk of body) {
    const events: WatchEvent[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end))
      events.push(...parseLine(Buffer.concat(parts), doing))
      parts = []
      pending = 0
      start = end + 1
    }
    if (start < chunk.length) {
      parts.push(chunk.subarray(start))
      pending += chunk.length - start
      if (pending > maxLineBytes) throw new WatchBroken(doing, `a line is longer than ${maxLineBytes} bytes`)
    }
    if (events.length > 0) yield events
  }
  // A connection cut in mid-line ends here too: the rest of the line comes again with the next watch.
}

function parseLine(line: Buffer, doing: string): WatchEvent[] {
  if (line.length === 0) return []
  let parsed: unknown
  try {
    parsed = JSON.parse(line.toString('utf8'))
  } catch (cause) {
    throw new WatchBroken(doing, 'a line is not JSON', { cause })
  }
  if (!isEvent(parsed)) throw new WatchBroken(doing, 'a line is not an event')
  return [parsed]
}

function isEvent(value: unknown): value is WatchEvent {
  if (typeof value !== 'object' || value === null || !('type' in value) || !('object' in value)) return false
  return typeof value.type === 'string' && TYPES.has(value.type) && typeof value.object === 'object' && value.object !== null
}
