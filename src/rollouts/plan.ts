import type { RolloutState } from '../api/rollout.ts'
import { hasBackground, isUnderWay, runOfBackground, runOfGuard, runOfStep, type Pass } from './pass.ts'
import { canServe, hasReady, shareToDo, sizesFor } from './sizes.ts'
import type { GroupWanted, Plan, World } from './world.ts'

/** A revision that has tasks while they go back is guarded all the same: routers that have cut it off do not send to it again. */
const isGuarded = (state: RolloutState) => isUnderWay(state) || state.activity === 'Returning'

const WHOLE = { by: 'Percent', value: 100 } as const

/** What follows from a state that has settled: weights, agents, what is measured and guarded, and when to look again. */
export function planOf(pass: Pass): Plan {
  const { state, world, events, times, waitsFor } = pass
  const { stableRevision: stable, targetRevision: target } = state
  const sides: Plan['sides'][number][] = []
  if (stable !== undefined) sides.push({ revision: stable, groups: stableSizes(pass) })
  if (isUnderWay(state)) sides.push({ revision: target, groups: targetSizes(state, world) })
  const kept = state.kept.map(({ revision }) => revision)
  if (state.activity === 'Returning' && !kept.includes(target)) kept.push(target)
  const nextMs = Math.min(...times)
  return {
    state,
    weights: weightsOf(state, world),
    sides,
    kept,
    checks: checksOf(pass),
    ...(stable !== undefined && isGuarded(state) && { guard: { run: runOfGuard(state), revision: target } }),
    ...mirrorOf(state),
    ...(waitsFor && { waitsFor }),
    ...(Number.isFinite(nextMs) && { checkAgainMs: Math.max(1, Math.ceil(nextMs)) }),
    events,
  }
}

/** What is done a second time; the weights know nothing of it. */
function mirrorOf(state: RolloutState): Pick<Plan, 'mirror'> {
  const { mirror = 0, stableRevision, targetRevision: revision } = state
  if (state.activity !== 'Stepping' || stableRevision === undefined || mirror === 0) return {}
  return { mirror: { run: runOfGuard(state), revision, percent: mirror } }
}

/** Shares of new tasks. A revision that cannot do any task gets none, whatever its weight is meant to be. */
function weightsOf(state: RolloutState, world: World): Plan['weights'] {
  const { stableRevision: stable, targetRevision: target } = state
  if (stable === undefined) return [{ revision: target, percent: 100 }]
  const percent = weightNow(state, world)
  return [{ revision: stable, percent: 100 - percent }, ...(percent > 0 ? [{ revision: target, percent }] : [])]
}

function weightNow(state: RolloutState, world: World): number {
  const hasTasks = isUnderWay(state) || state.activity === 'Returning'
  return hasTasks && canServe(world, state.targetRevision) ? state.weight : 0
}

/** The new agents; those for a weight that routers still follow stay until none does. */
function targetSizes(state: RolloutState, world: World): GroupWanted[] {
  if (state.stableRevision === undefined) return sizesFor(world.groups, WHOLE, 100)
  if (state.activity === 'Promoting') return sizesFor(world.groups, state.aim === 100 ? WHOLE : state.scale, state.aim)
  const followed = world.inForce[state.targetRevision]?.most ?? 0
  return sizesFor(world.groups, state.scale, shareToDo(state, followed))
}

/** The stable agents: all of them, or as many as the tasks need that are still theirs in every router. */
function stableSizes({ course, state, world }: Pass): GroupWanted[] {
  const { targetRevision: target } = state
  const mayShrink = course.dynamicStableScale && isUnderWay(state)
  const gone = mayShrink ? Math.min(weightNow(state, world), world.inForce[target]?.least ?? 0) : 0
  const sizes = sizesFor(world.groups, { by: 'Weight', value: 0 }, 100 - gone)
  const isWhole = sizes.every(({ replicas }, i) => replicas === world.groups[i]?.replicas)
  if (!isWhole) state.isStableShrunk = true
  else if (state.stableRevision !== undefined && hasReady(world, state.stableRevision, sizes)) state.isStableShrunk = false
  return sizes
}

/** Percent of the tasks that the new revision gets by now, those that it does a second time included. */
const shareOf = ({ weight, mirror = 0 }: RolloutState) => weight + mirror

/** What is to be measured now. The background goes on while the rollout is paused, so that a breach still ends it. */
function checksOf(pass: Pass): Plan['checks'] {
  const { course, state } = pass
  if (!isUnderWay(state) || state.stableRevision === undefined) return []
  const isChecking = state.activity === 'Stepping' && course.steps[state.step]?.do === 'check'
  return [
    ...(isChecking && state.hold === undefined ? [{ run: runOfStep(state), of: state.step }] : []),
    ...(hasBackground(pass) && shareOf(state) > 0 ? [{ run: runOfBackground(state), of: 'background' as const }] : []),
  ]
}
