import type { RolloutState } from '../api/rollout.ts'
import { hasBackground, isChecking, isUnderWay, runOfBackground, runOfGuard, runOfStep, type Pass } from './pass.ts'
import { BY_WEIGHT, canServe, shareToDo, sizesFor, WHOLE } from './sizes.ts'
import type { GroupWanted, Plan, World } from './world.ts'

/** The new revision may have tasks. It is guarded also while they go back: routers that have cut it off do not send to it again. */
const mayHaveTasks = (state: RolloutState) => isUnderWay(state) || state.activity === 'Returning'

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
    ...(stable !== undefined && mayHaveTasks(state) && { guard: { run: runOfGuard(state), revision: target } }),
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
  return mayHaveTasks(state) && canServe(world, state.targetRevision) ? state.weight : 0
}

/** The new agents; those for a weight that routers still follow stay until none does. */
function targetSizes(state: RolloutState, world: World): GroupWanted[] {
  if (state.stableRevision === undefined) return sizesFor(world.groups, WHOLE, 100)
  if (state.activity === 'Promoting') return sizesFor(world.groups, state.aim === 100 ? WHOLE : state.scale, state.aim)
  const followed = world.inForce[state.targetRevision]?.most ?? 0
  return sizesFor(world.groups, state.scale, shareToDo(state, followed))
}

/** The stable agents: all of them, or as many as the tasks need that are still theirs in every router. */
export function stableSizes({ course, state, world }: Pass): GroupWanted[] {
  const mayShrink = course.dynamicStableScale && isUnderWay(state)
  const gone = mayShrink ? Math.min(weightNow(state, world), world.inForce[state.targetRevision]?.least ?? 0) : 0
  return sizesFor(world.groups, BY_WEIGHT, 100 - gone)
}

/** The new revision gets tasks by now, be it to do them a second time. */
const doesTasks = ({ weight, mirror = 0 }: RolloutState) => weight > 0 || mirror > 0

/** What is to be measured now. The background goes on while the rollout is paused, so that a breach still ends it. */
function checksOf(pass: Pass): Plan['checks'] {
  const { state } = pass
  if (!isUnderWay(state) || state.stableRevision === undefined) return []
  return [
    ...(isChecking(pass) && state.hold === undefined ? [{ run: runOfStep(state), of: state.step }] : []),
    ...(hasBackground(pass) && doesTasks(state) ? [{ run: runOfBackground(state), of: 'background' as const }] : []),
  ]
}
