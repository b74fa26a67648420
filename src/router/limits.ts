/** Bytes of a task's body. */
export const MAX_BODY_BYTES = 1024 * 1024

/** Bytes of a body that are read and thrown away before a body that is too large is refused. */
export const MAX_DISCARDED_BYTES = 8 * MAX_BODY_BYTES

/** Bytes of a request's headers. */
export const MAX_HEADER_BYTES = 16 * 1024

/** Connections of clients; further ones are closed at once, so that agents and the API server can still be reached. */
export const MAX_CLIENTS = 20_000

/** Characters of a request's path and query. */
export const MAX_URL_CHARS = 2048

/** Objects and lists inside each other in a task, and in an agent's answer. */
export const MAX_JSON_DEPTH = 100

/** Characters of a session key, a capability, an idempotency key. */
export const MAX_KEY_CHARS = 256

/** Bytes of an agent's answer that the router keeps. */
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024

/** Subtasks that a coordinator may plan for one task. */
export const MAX_SUBTASKS = 256

/** Subtasks of one task that are with agents, or wait for them, at once. */
export const SUBTASKS_AT_ONCE = 64

/** Bytes of all results of the subtasks of one task. */
export const MAX_RESULTS_BYTES = 8 * 1024 * 1024

/** Part of the time that a task has left after it was planned that is kept for the coordinator to merge the results. */
export const MERGE_SHARE = 0.2

/** How often a call is sent again because its agent knows of a higher epoch. */
export const MAX_TAKE_OVERS = 16

/** Bytes of an agent's refusal that are passed on to the client. */
export const MAX_REFUSAL_BYTES = 4 * 1024

/** Longest time that a task may ask for. */
export const MAX_TASK_MS = 24 * 3_600_000

/** Attempts that no agent can have begun (it was busy, or not there) before a task is given up, besides those that count. */
export const MAX_UNBEGUN = 16

/** Bounds of the pause that an agent asks for with Retry-After. */
export const NOT_NOW_MS = { minMs: 100, maxMs: 5_000 } as const

/** Time to open a connection to an agent. */
export const CONNECT_MS = 1_000

/** Idle time after which a connection to an agent is closed; below the 5 s of common servers, so that we close first. */
export const UPSTREAM_KEEP_ALIVE_MS = 4_000

/** Connections to one origin: an agent's own, or the one address of all sandboxes. */
export const MAX_CONNECTIONS = 2_048

/** Time between two looks of the prober. */
export const PROBE_TICK_MS = 25

/** An agent with tasks that has given no sign of life for so long is probed. */
export const QUIET_MS = 75

/** Longest time between two probes of an agent that does not answer; the first ones follow its own readiness interval. */
export const SUSPECT_MAX_MS = 1_000

/** Time between two probes of an agent without tasks. */
export const IDLE_PROBE_MS = 30_000

/** Time between two probes of a leader without tasks: it is to be followed before a task finds out. */
export const LEADER_PROBE_MS = 250

/** Probes that may run at once. */
export const MAX_PROBES_RUNNING = 200

/** Time between two frames of the live view's stream. */
export const VIEW_MS = 250

/** Streams of the live view that are open at once. */
export const MAX_VIEWERS = 100

/** Those of them that may show swarms of one namespace, so that others see theirs as well. */
export const MAX_VIEWERS_OF_NAMESPACE = 50

/** Least time between two lines of the statistics; after a pause a change is told at once. */
export const STATS_MS = 100

/** The same for attempts that fail on a revision that is being rolled out: each may be the one that ends it. */
export const URGENT_STATS_MS = 20

/** Time between two heartbeats of the statistics. */
export const HEARTBEAT_MS = 2_000

/** Streams of statistics that are open at once. */
export const MAX_STATS_READERS = 16

/** Bytes that a slow reader of a stream may fall behind before it is cut off. */
export const MAX_BEHIND_BYTES = 4 * 1024 * 1024

/** How long the reader of a stream that has ended, or a client that is refused as malformed, has to take the last bytes. */
export const LAST_BYTES_MS = 2_000

/** Time that tasks get to end after a request to stop. */
export const DRAIN_MS = 30_000

/** Time that the last answers get to be written. */
export const FLUSH_MS = 500

/** Answers of tasks with an idempotency key that are remembered. */
export const MAX_REPEATS = 10_000

/** Bytes of these answers. */
export const MAX_REPEAT_BYTES = 64 * 1024 * 1024

/** Time for which they are. */
export const REPEAT_MS = 120_000

/** Mirrored tasks that are on their way at once; more are left out. */
export const MAX_MIRRORED = 64

/** Bytes of the inputs of these tasks and of the answers that theirs are compared with. */
export const MAX_MIRRORED_BYTES = 32 * 1024 * 1024
