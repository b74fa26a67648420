import { randomUUID } from 'node:crypto'

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

// A UUID comes from a pool of random bytes: asking the system for a few costs more than the rest of a header.
const hex = () => randomUUID().replaceAll('-', '')

/** The place of a task in a trace (W3C Trace Context). */
export type Trace = { readonly traceId: string; readonly flags: string }

/** Continues the client's trace, or starts one. */
export function traceOf(traceparent: string | undefined): Trace {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? []
  if (traceId && flags && traceId !== NO_TRACE && spanId !== NO_SPAN) return { traceId, flags }
  return { traceId: hex(), flags: '01' }
}

/** The header of one request inside the trace, with a span of its own. */
export const traceparentOf = (trace: Trace): string => `00-${trace.traceId}-${hex().slice(16)}-${trace.flags}`
