/** Longest pause that is asked of clients. */
const MAX_RETRY_AFTER_SECONDS = 60

/** Milliseconds as they are told: to a hundredth. */
export const rounded = (ms: number): number => Math.round(ms * 100) / 100

/** A pause that is asked of clients: whole seconds, at least 1 and, unless told otherwise, 60 at most; 1 where nothing is known. */
export const retryAfter = (ms = 0, most = MAX_RETRY_AFTER_SECONDS): number => Math.min(most, Math.max(1, Math.ceil(ms / 1000)))
