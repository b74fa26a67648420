import { randomUUID } from 'node:crypto'
import type { Outcome } from '../routing/verdict.ts'

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)

// A UUID comes from a pool of random bytes: asking the system for a few costs more than the rest of a header.
const hex = () => randomUUID().replaceAll('-', '')

/** The place of a task in a trace (W3C Trace Context). `span` is there when somebody records it. */
export type Trace = { readonly traceId: string; readonly flags: string; readonly span?: TaskSpan }

/** Where a trace comes from, as its header says. */
export type Parent = { readonly traceId: string; readonly spanId: string; readonly flags: string }

/** Records what becomes of tasks. */
export interface Tracer {
  /** A task begins; undefined parent starts a trace. */
  begin(task: { readonly id: string; readonly namespace: string; readonly swarm: string }, parent: Parent | undefined): Trace
}

/** A task that is recorded. */
export interface TaskSpan {
  /** One request to an agent. `call` tells the parts of a task apart; empty for a task of one part. */
  attempt(facts: {
    readonly agent: string
    readonly group: string
    readonly revision: string
    readonly number: number
    readonly call: string
  }): AttemptSpan
  /** The task has ended: `Done`, or the code of its problem. */
  end(
    outcome: string,
    facts?: { readonly agent: string; readonly group: string; readonly revision: string; readonly queuedMs: number },
  ): void
}

/** A request to an agent that is recorded; the agent's own spans hang from `traceparent`. */
export interface AttemptSpan {
  readonly traceparent: string
  /** `status` is that of the answer, where there was one. */
  end(outcome: Outcome, status: number | undefined): void
}

/** Takes the header `traceparent` apart; undefined for one that is not valid. */
export function parentOf(traceparent: string | undefined): Parent | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? []
  return traceId && spanId && flags && traceId !== NO_TRACE && spanId !== NO_SPAN ? { traceId, spanId, flags } : undefined
}

/** Continues the client's trace, or starts one. */
export function traceOf(traceparent: string | undefined): Trace {
  const parent = parentOf(traceparent)
  return parent ? { traceId: parent.traceId, flags: parent.flags } : { traceId: hex(), flags: '01' }
}

/** The header of one request inside the trace, with a span of its own. */
export const traceparentOf = (trace: Trace): string => `00-${trace.traceId}-${hex().slice(16)}-${trace.flags}`
