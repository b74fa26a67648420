/** Every failure that a client can see: its status and what it means in a few words. Codes never change their meaning. */
const PROBLEMS = {
  InvalidJson: [400, 'The body is not valid JSON'],
  InvalidTask: [400, 'The task is not valid'],
  NotFound: [404, 'There is nothing at this path'],
  SwarmNotFound: [404, 'The router knows no such swarm'],
  NoAgentWithCapability: [404, 'No agent has this capability'],
  RevisionNotFound: [404, 'The swarm has no agents of this revision'],
  MethodNotAllowed: [405, 'The path does not have this method'],
  NoConsensus: [409, 'The voters did not agree'],
  BodyTooLarge: [413, 'The body is too large'],
  UrlTooLong: [414, 'The path is too long'],
  HeadersTooLarge: [431, 'The headers are too large'],
  BadRequest: [400, 'The request is not valid HTTP'],
  RequestTimeout: [408, 'The request did not arrive in time'],
  QueueFull: [429, 'Too many tasks wait for an agent'],
  WouldTimeOut: [429, 'No agent would be free in time'],
  StageFull: [429, 'A stage of the ring has as much as it can do'],
  QueueTimeout: [429, 'All agents stayed busy'],
  TooManyTasks: [429, 'The router has too many tasks'],
  NamespaceFull: [429, 'The namespace has too many tasks'],
  NamespaceTooFast: [429, 'The namespace sends too many tasks a second'],
  TooManyStreams: [429, 'Too many streams are open'],
  AgentsBusy: [503, 'The agents put the task off'],
  StageBroken: [503, 'A stage of the ring has no agent'],
  NoAgentReady: [503, 'No agent is ready'],
  NotReady: [503, 'The router does not know the swarms yet'],
  ShuttingDown: [503, 'The router is stopping'],
  IdempotencyKeyReused: [422, 'The idempotency key belongs to another task'],
  TaskRejected: [422, 'The agent rejected the task'],
  AgentFailed: [502, 'Every attempt failed'],
  OutcomeUnknown: [502, 'An agent may have begun the task'],
  TooManySubtasks: [502, 'The coordinator planned too many subtasks'],
  NestedSubtasks: [502, 'Subtasks were planned where none may be'],
  AnswerTooLarge: [502, 'The answer of the agent is too large'],
  TaskTimeout: [504, 'The time of the task was up'],
  Unauthorized: [401, 'The request has no token that is accepted'],
  Forbidden: [403, 'This is not allowed'],
  AccessUnknown: [503, 'Nobody can tell now whether this is allowed'],
  TooManyChecks: [429, 'Too many tokens or rights are to be checked'],
  Cancelled: [499, 'The client went away'],
  Internal: [500, 'The router made a mistake'],
} as const satisfies Record<string, readonly [number, string]>
export type ProblemCode = keyof typeof PROBLEMS

/** What a problem carries besides its code: the detail says what is wrong, where, and what to do instead. */
export type ProblemFields = {
  readonly detail: string
  readonly taskId?: string
  readonly retryAfterSeconds?: number
  /** Members of the body that only some codes have. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** A failure on its way to the client, as application/problem+json (RFC 9457). */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly fields: ProblemFields

  constructor(code: ProblemCode, fields: ProblemFields, options?: ErrorOptions) {
    super(fields.detail, options)
    this.code = code
    this.fields = fields
  }

  /** The status: that of the code, or, for a rejected task, the agent's own. */
  get status(): number {
    const own = this.code === 'TaskRejected' ? this.fields.more?.['agentStatus'] : undefined
    return typeof own === 'number' ? own : PROBLEMS[this.code][0]
  }

  /** The JSON text that the client gets. */
  body(): string {
    const { detail, taskId, more } = this.fields
    return JSON.stringify({
      type: `https://swarmops.dev/problems/${this.code}`,
      title: PROBLEMS[this.code][1],
      status: this.status,
      code: this.code,
      detail,
      ...(taskId && { taskId }),
      ...more,
    })
  }
}
