/** Connections for requests to the API server; watches have their own. More only moves the queue into the server. */
export const MAX_CONNECTIONS = 16

/** Idle connections are closed by us before the server does it (90 s), so that no request meets a closing one. */
export const KEEP_ALIVE_MS = 60_000

/** Longest wait for TCP and TLS. */
export const CONNECT_TIMEOUT_MS = 5_000

/** How long credentials are used before the kubeconfig's plugin or token file is asked again. */
export const AUTH_REFRESH_MS = 10_000

/** Longest wait for the whole of an ordinary request. */
export const REQUEST_TIMEOUT_MS = 15_000

/** Longest wait for one page of a list. */
export const LIST_TIMEOUT_MS = 60_000

/** Objects in a page of a list. */
export const LIST_PAGE = 500

/** A watch without a byte for this long is dead: the server sends a bookmark about every minute. */
export const WATCH_IDLE_MS = 150_000

/** A watch is renewed after this long, and up to twice of it, so that watches do not all end together. */
export const WATCH_SECONDS = 300

/** Longest line of a watch, in bytes; etcd holds objects up to 1.5 MiB. */
export const WATCH_LINE_BYTES = 16 * 1024 * 1024

/** First and longest pause before a failed list or watch is tried again. */
export const WATCH_RETRY_MS = { first: 50, longest: 5_000 } as const

/** First and longest pause before a failed reconcile is tried again. */
export const RECONCILE_RETRY_MS = { first: 50, longest: 60_000 } as const

/** Longest time one reconcile may take before its signal is aborted. */
export const RECONCILE_TIMEOUT_MS = 120_000

/** Deleted objects whose uid is remembered, so that a late answer does not bring one back. */
export const GRAVES = 10_000
