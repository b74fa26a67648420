import { ROLLOUT_REASON as REASON, type RolloutReason } from '../api/rollout.ts'
import { goBack, hasBackground, isChecking, runOfBackground, runOfGuard, runOfStep, tell, timeText, verdictOf, type Pass } from './pass.ts'
import type { Verdict } from './world.ts'

type Breach = { readonly reason: RolloutReason; readonly message: string }

/** Goes back after a breach, or holds; true when it did. This comes before everything else, so that nothing goes on after one. */
export function stopAtBreach(pass: Pass): boolean {
  const breach = breachOf(pass)
  if (!breach) return false
  if (breach.reason === REASON.analysisInconclusive && pass.course.onInconclusive === 'Pause') hold(pass, breach)
  else goBack(pass, breach.reason, breach.message)
  return true
}

/** What the guard and the analyses object to, the worst first. What an analysis cannot tell is none while a person decides, or has decided. */
function breachOf(pass: Pass): Breach | undefined {
  const { state, world } = pass
  const trip = world.trips.find(({ run }) => run === runOfGuard(state))
  if (trip) return { reason: REASON.guardTripped, message: trip.message }
  const runs = [...(isChecking(pass) ? [runOfStep(state)] : []), ...(hasBackground(pass) ? [runOfBackground(state)] : [])]
  const verdicts = runs.map((run) => verdictOf(pass, run))
  const find = (which: Verdict['state']) => verdicts.find((verdict) => verdict.state === which)
  const failed = find('Failed')
  if (failed) return { reason: REASON.analysisFailed, message: failed.message }
  const broken = find('Error')
  if (broken) return { reason: REASON.analysisError, message: broken.message }
  const unclear = find('Inconclusive')
  if (!unclear || state.hold || state.isForced) return undefined
  return { reason: REASON.analysisInconclusive, message: unclear.message }
}

/** Nothing goes on before a person has decided. */
function hold(pass: Pass, { reason, message }: Breach): void {
  const { state, world } = pass
  const why = message.slice(0, 1024)
  state.hold = { reason, message: why, since: timeText(world.nowMs) }
  tell(pass, 'Warning', reason, `revision ${state.targetRevision} waits for a person: ${why}`)
}
