/** Longest time of one call to the provider's API without a limit of its own, in milliseconds. */
export const CALL_TIMEOUT_MS = 15_000

/** Longest time of a create. The provider answers within a second as a rule; an answer given up on must be looked for. Milliseconds. */
export const CREATE_TIMEOUT_MS = 30_000

/** Longest time of a pause or resume: about four seconds for each GiB of memory. Milliseconds. */
export const PAUSE_TIMEOUT_MS = 60_000

/** Longest time of one request into a sandbox, in milliseconds. */
export const SANDBOX_TIMEOUT_MS = 15_000

/** Longest wait for a turn to create. Somebody with a longer wait comes back later, so that no worker is held. Milliseconds. */
export const CREATE_WAIT_MS = 10_000

/** Longest wait for a turn of any other call, in milliseconds. */
export const CALL_WAIT_MS = 10_000

/** API calls that the provider lets one key make, by its documentation. */
export const CALLS = { count: 20_000, windowMs: 30_000 } as const

/** Pause of creates once the provider has refused one for want of room (it does not say for how long), doubled each time. Milliseconds. */
export const QUOTA_PAUSE_MS = { first: 5_000, longest: 30_000 } as const

/** How long a refused API key is not tried again, in milliseconds. */
export const REJECTED_KEY_PAUSE_MS = 10_000

/** Creates at once from which on the number is no longer held down after a refusal. */
export const OPEN_WINDOW = 64

/** A sandbox younger than this whose owner is unknown may belong to an Agent that the cache has yet to see. Milliseconds. */
export const YOUNG_SANDBOX_MS = 60_000

/** Sandboxes whose use one request asks for; the most that the API gives. */
export const USAGE_BATCH = 100

/** Longest wait for the answer to that: the next sample comes soon. Milliseconds. */
export const USAGE_TIMEOUT_MS = 5_000

/** Sandboxes on one page of a list; the most that the API gives. */
export const LIST_PAGE = 100

/** Size from which on the agent's log in its sandbox becomes the old one of two; together they stay under 10 MiB. Bytes. */
export const LOG_BYTES = 4 * 1024 * 1024

/** Bytes of the agent's output that `exitOf` brings back. */
export const LOG_TAIL_BYTES = 2_000
