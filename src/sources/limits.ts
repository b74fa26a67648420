/** Bytes of an answer that are read. */
export const MAX_ANSWER_BYTES = 1024 * 1024

/** Characters of an answer that an error shows. */
export const SHOWN_CHARS = 200

/** Connections to one server; more requests wait within their time. */
export const CONNECTIONS = 8

/** Idle connections are closed after so long: most sources are asked now and then. Milliseconds. */
export const KEEP_ALIVE_MS = 15_000
