/** How long an answer of the API server holds: the longest time for which a token or a right still works that has been taken away. */
export const FRESH_MS = 60_000

/** From this age on, whoever uses an answer has it asked for again, without waiting for it. */
export const REFRESH_MS = 45_000

/** How long a refusal holds: the longest time for which a right that was just given does not work yet. */
export const REFUSED_MS = 10_000

/**
 * How long what was good goes on being so while the API server gives no answer, counted from its last one; never beyond a token's own
 * expiry. Long enough for the restart or the upgrade of a control plane, so that this costs no task; short, because nobody can take
 * anything away meanwhile.
 */
export const GRACE_MS = 600_000

/** Longest wait for an answer of the API server, and the pause before it is asked again about what was good. */
export const REVIEW_MS = { timeoutMs: 3_000, pauseMs: 1_000 } as const

/** Tokens that are remembered as good, and as refused: apart, so that no flood of bad ones drives out a good one. */
export const MAX_TOKENS = { good: 10_000, refused: 10_000 } as const

/** Decisions about what users may do that are remembered. */
export const MAX_DECISIONS = { good: 50_000, refused: 10_000 } as const

/**
 * Unknown tokens that the API server is asked about, from addresses that a good one has come from, and as many from all others. Those that
 * are known are asked about again whatever this says.
 */
export const UNKNOWN_TOKENS = { perSecond: 50, burst: 200 } as const

/** Those of one address; good ones do not count. */
export const TOKENS_OF_ADDRESS = { perSecond: 10, burst: 50 } as const

/** Rights of one user that the API server is asked about. */
export const UNKNOWN_RIGHTS = { perSecond: 100, burst: 500 } as const

/** Those of all users. */
export const ALL_RIGHTS = { perSecond: 500, burst: 2_000 } as const

/** Addresses, and users, of which is remembered how much they have had asked. */
export const MAX_ASKERS = 10_000

/** Requests that wait for the API server at once. */
export const MAX_WAITING = 10_000

/** Rest after a change of the files of a certificate before they are read; how often they are looked at anyway; longest TLS handshake. */
export const CERTIFICATE_MS = { settle: 100, look: 60_000, handshake: 10_000 } as const
