/** Bytes of a JSON request body. */
export const JSON_BODY_BYTES = 4 * 1024 * 1024
/** Bytes of one uploaded file, and of one multipart upload, which is held in memory. */
export const FILE_BYTES = 1024 * 1024 * 1024
export const MULTIPART_BYTES = 256 * 1024 * 1024
/** Bytes of all request headers together. */
export const HEADER_BYTES = 32 * 1024
/** Commands and watchers that one sandbox may have at once. */
export const COMMANDS_PER_SANDBOX = 256
export const WATCHERS_PER_SANDBOX = 64
/** Ended commands whose exit code a late client can still ask for. */
export const ENDED_COMMANDS_KEPT = 64
/** Entries that one directory listing may return. */
export const LIST_ENTRIES = 20_000
/** Light mode: bytes of files that one sandbox, and all of them together, may hold. */
export const LIGHT_SANDBOX_BYTES = 8 * 1024 * 1024
export const LIGHT_TOTAL_BYTES = 512 * 1024 * 1024
/** A page of the sandbox list. */
export const PAGE_SIZE = 100
/** Seconds a sandbox lives when the request names no timeout. */
export const DEFAULT_TIMEOUT_S = 300
/** The version of envd that is spoken here; the package switches features by it. */
export const ENVD_VERSION = '0.6.4'
/** The port on which the services inside a sandbox are reached. */
export const ENVD_PORT = 49983
/** Milliseconds between two metrics points, and points kept. */
export const METRICS_EVERY_MS = 5000
export const METRICS_KEPT = 720
