import { callOf, answeredBy } from './calls.ts'
import { Problem } from '../problem.ts'
import type { StartWork } from './work.ts'

/** One agent does the task. */
export const startSingle: StartWork = (task, desk, onEnd) => {
  const call = desk.dispatcher.start(callOf(task, task.startedMs), (result) => {
    if (result instanceof Problem) return onEnd(result)
    onEnd(answeredBy(result))
    if (task.entry.mirroring) desk.mirrors.answered(task, result)
  })
  return {
    cancel: () => desk.dispatcher.cancel(call),
    fail: (problem) => desk.dispatcher.fail(call, problem),
  }
}
