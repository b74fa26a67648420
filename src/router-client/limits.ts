import type { Pauses } from '../time/backoff.ts'

/** A router that has said nothing for so long is not connected any more; it sends a heartbeat every 2 s. */
export const SILENCE_MS = 6_000

/** Time to get the first byte of the answer. */
export const CONNECT_MS = 3_000

/** Pauses before the next attempt to connect. */
export const RECONNECT_MS: Pauses = { first: 100, longest: 5_000 }

/** Characters of one line. */
export const MAX_LINE_CHARS = 4 * 1024 * 1024
