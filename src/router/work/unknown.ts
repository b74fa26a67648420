import { Problem, type ProblemCode } from '../problem.ts'
import type { Task } from './work.ts'

/** Problems after which a client may believe that nothing was done. */
const SAYS_NOTHING_WAS_DONE: ReadonlySet<ProblemCode> = new Set([
  'NoAgentReady',
  'NoAgentWithCapability',
  'AgentsBusy',
  'AgentFailed',
  'QueueFull',
  'QueueTimeout',
  'WouldTimeOut',
  'TaskTimeout',
  'ShuttingDown',
  'SwarmNotFound',
  'RevisionNotFound',
  'StageBroken',
  'StageFull',
  'Cancelled',
])

/** Whether a client may believe after this problem that no agent has begun the task. */
export function saysNothingWasDone({ code, fields: { more } }: Problem): boolean {
  const votes = more?.['votes']
  return SAYS_NOTHING_WAS_DONE.has(code) || (code === 'NoConsensus' && Array.isArray(votes) && votes.length === 0)
}

/** The end of a task of which `done` may have taken effect: the problem itself, unless it says too little for a task that must not be done twice. */
export function endOfBegun({ id: taskId, isIdempotent }: Task, problem: Problem, done: string): Problem {
  const { fields } = problem
  if (isIdempotent || !saysNothingWasDone(problem)) return problem
  const detail = `${done} may have taken effect: ${fields.detail}; it is not idempotent and was not done again: find out what became of it`
  return new Problem('OutcomeUnknown', { taskId, detail, ...(fields.more && { more: fields.more }) })
}
