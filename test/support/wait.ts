import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

const POLL_MS = 50

/**
 * How long the garbage collector of Kubernetes may take: when the API server was away before, by another test, its watches come back
 * late. Measured: a deletion right after 6 s without an API server took 20 s to be followed, one after 10 s took 54 s.
 */
export const GARBAGE_MS = 180_000

/**
 * Looks again and again until `look` returns a value, and returns it. An error of `look` counts as not yet.
 * When the time is up it throws, saying what was waited for and what was seen last; `false`, like undefined, means not yet.
 */
export async function eventually<T>(
  description: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 20_000, pollMs = POLL_MS }: { timeoutMs?: number; pollMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  let last: { value?: unknown; error?: unknown } = {}
  for (;;) {
    try {
      const value = await look()
      if (value !== undefined && value !== false) return value
      last = { value }
    } catch (error) {
      last = { error }
    }
    if (Date.now() >= deadline) break
    await sleep(pollMs)
  }
  const seen = 'error' in last ? `the last error was: ${describe(last.error)}` : `the last value was: ${inspect(last.value, { depth: 4 })}`
  throw new Error(`waited ${timeoutMs} ms in vain: ${description}; ${seen}`, { cause: last.error })
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error, { depth: 4 })
}
