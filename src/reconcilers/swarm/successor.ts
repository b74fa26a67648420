import { doubledMs, type Pauses } from '../../time/backoff.ts'

/** An agent that has been ready this long starts again from the first, undelayed replacement. Milliseconds. */
const STEADY_MS = 60_000

/** Delays before a failed agent is replaced, from the second failure on. Milliseconds. */
const REPLACE_DELAY_MS: Pauses = { first: 1_000, longest: 30_000 }

/** A lost agent: the number of those before it that failed in its place, and how it failed (Unix milliseconds). */
type Lost = { readonly attempt: number; readonly failed?: { readonly atMs: number; readonly readyForMs: number } | undefined }

/** The successor's number and when it may come: the first at once, the second after 1 s, then 2 s, 4 s … */
export function successorOf(agent: Lost): { attempt: number; atMs: number } {
  const failed = agent.failed ?? { atMs: 0, readyForMs: 0 }
  const attempt = failed.readyForMs >= STEADY_MS ? 1 : agent.attempt + 1
  const delayMs = attempt <= 1 ? 0 : doubledMs(REPLACE_DELAY_MS, attempt - 2)
  return { attempt, atMs: failed.atMs + delayMs }
}
