import { Problem, type ProblemCode } from '../problem.ts'
import type { Task } from './work.ts'

/** Problems after which a client may believe that nothing was done. */
const SAYS_NOTHING_WAS_DONE: ReadonlySet<ProblemCode> = new Set([
  'NoAgentReady',
  'AgentsBusy',
  'AgentFailed',
  'QueueFull',
  'QueueTimeout',
  'TaskTimeout',
  'ShuttingDown',
  'SwarmNotFound',
  'RevisionNotFound',
  'StageBroken',
  'Cancelled',
])

/** The end of a task of which `done` may have taken effect: the problem itself, unless it says too little for a task that must not be done twice. */
export function endOfBegun({ id: taskId, isIdempotent }: Task, { code, fields }: Problem, done: string): Problem {
  if (isIdempotent || !SAYS_NOTHING_WAS_DONE.has(code)) return new Problem(code, fields)
  const detail = `${done} may have taken effect: ${fields.detail}; it is not idempotent and was not done again: find out what became of it`
  return new Problem('OutcomeUnknown', { taskId, detail, ...(fields.more && { more: fields.more }) })
}
