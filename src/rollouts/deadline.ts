import { ROLLOUT_REASON as REASON } from '../api/rollout.ts'
import { goBack, timeText, type Pass } from './pass.ts'
import { readyCount } from './sizes.ts'
import type { WaitsFor } from './world.ts'

/**
 * Nothing more can be done now. The clock of the deadline runs only while agents or routers are waited for; each agent more that
 * is ready winds it up again. Returns true when its time is up, and the rollout goes back.
 */
export function wait(pass: Pass, waitsFor: WaitsFor): boolean {
  const { course, state, world } = pass
  pass.waitsFor = waitsFor
  const ready = readyCount(world, state.targetRevision)
  let clock = state.deadline
  if (!clock || ready > clock.ready) clock = { leftMs: course.deadlineMs, ready }
  const sinceMs = clock.since === undefined ? world.nowMs : Date.parse(clock.since)
  const leftMs = Math.max(0, clock.leftMs - Math.max(0, world.nowMs - sinceMs))
  const isRunning = waitsFor === 'Agents' || waitsFor === 'Routers'
  if (!isRunning) {
    state.deadline = { leftMs, ready: clock.ready }
    return false
  }
  state.deadline = { ...clock, since: timeText(sinceMs) }
  if (leftMs > 0) {
    pass.times.push(leftMs)
    return false
  }
  const what = waitsFor === 'Agents' ? `${ready} agents of it are ready and no more became so` : 'not all routers follow its weight'
  goBack(pass, REASON.deadlineExceeded, `${what} within ${course.deadlineMs / 1000} s`)
  return true
}
