import type { Step } from './course.ts'
import { runOfStep, verdictOf, type Pass } from './pass.ts'
import { canServe, hasReady, shareToDo, sizesFor } from './sizes.ts'

/** Does one step as far as it goes; returns what it waits for, if it is not done. */
export function doStep(pass: Pass, step: Step): Pass['waitsFor'] {
  const { state, world } = pass
  switch (step.do) {
    case 'setWeight':
      return setWeight(pass, step.percent)
    case 'setScale':
      state.scale = step.scale
      return hasReady(world, state.targetRevision, sizesFor(world.groups, step.scale, state.aim)) ? undefined : 'Agents'
    case 'setMirror':
      return setMirror(pass, step.percent)
    case 'pause': {
      if (!isAlive(pass)) return 'Agents'
      if (step.durationMs === undefined) return 'Person'
      const leftMs = Date.parse(state.stepSince) + step.durationMs - world.nowMs
      if (leftMs <= 0) return undefined
      pass.times.push(leftMs)
      return 'Time'
    }
    case 'check':
      if (!isAlive(pass)) return 'Agents'
      return verdictOf(pass, runOfStep(state)).state === 'Successful' ? undefined : 'Check'
  }
}

/** A revision that has tasks must be able to do them. */
const isAlive = ({ state, world }: Pass) => state.weight === 0 || canServe(world, state.targetRevision)

/** Agents come before the weight. They go after it: those that any router still sends tasks to stay (see plan.ts). */
function setWeight(pass: Pass, percent: number): Pass['waitsFor'] {
  const { state, world } = pass
  const { targetRevision: target } = state
  const isReady = hasReady(world, target, sizesFor(world.groups, state.scale, percent)) && (percent === 0 || canServe(world, target))
  state.aim = percent
  if (percent > state.weight && !isReady) return 'Agents'
  state.weight = percent
  return isFollowed(pass) ? undefined : 'Routers'
}

/** Routers begin at once, and leave out what nobody is free for; the step is done when there are the agents for it. */
function setMirror({ state, world }: Pass, percent: number): Pass['waitsFor'] {
  const { targetRevision: target, scale } = state
  delete state.mirror
  if (percent === 0) return undefined
  state.mirror = percent
  return canServe(world, target) && hasReady(world, target, sizesFor(world.groups, scale, shareToDo(state))) ? undefined : 'Agents'
}

/** Whether all routers follow the weight that is asked for. */
export function isFollowed({ state, world }: Pass): boolean {
  const { least, most } = world.inForce[state.targetRevision] ?? { least: 0, most: 0 }
  return least === state.weight && most === state.weight
}
