/** How the last checks of an agent went. Times are Unix milliseconds. */
export type Health = {
  outcome: 'ready' | 'not-listening' | 'unhealthy' | 'no-answer' | 'sandbox-gone'
  /** Checks in a row that were not `ready`. */
  failures: number
  /** When the first of those failed; when the first ready one succeeded otherwise. */
  sinceMs: number
}

/** What is known of one agent in the middle of a pass. */
export type World = {
  deleting: boolean
  /** A person has asked to let go of it although its sandbox may live on. */
  isForced: boolean
  /** Still to be released: the finalizer is there. */
  isHeld: boolean
  wanted: 'Running' | 'Draining' | 'Paused' | 'Warm'
  /** The files are in its sandbox, for the warm pool. */
  isPrepared: boolean
  /** Sandboxes of the warm pool sleep until they are taken. */
  sleepsWarm: boolean
  isLost: boolean
  /** A sandbox was, or may have been, created of which nobody wrote down the id. */
  mayExist: boolean
  sandbox?: { state: 'Running' | 'Paused' | 'Gone'; commandStarted: boolean }
  /** The provider does not show its sandbox, or not in the state it should be in. */
  isSuspect: boolean
  /** The agent has been ready in this sandbox. */
  wasReady: boolean
  /** Whether the command is known to have ended; undefined when nobody has looked since the checks began to fail. */
  exit?: { exited: boolean }
  health?: Health
  failureThreshold: number
  replaceAfterMs: number
  nowMs: number
}

/** Why an agent is given up; another one takes its place. */
export type LossReason = 'SandboxGone' | 'CommandExited' | 'NotResponding'

/** The next thing to do. `rest` ends the pass. */
export type Step =
  | { do: 'find' | 'create' | 'prepare' | 'start' | 'check' | 'inspect' | 'verify' | 'pause' | 'resume' | 'kill' | 'release' }
  | { do: 'giveUp'; reason: LossReason }
  | { do: 'rest'; checkAgainMs?: number }

/**
 * The next step for one agent; a pass takes steps until `rest`.
 *
 * | state                                   | step                                                        |
 * |-----------------------------------------|-------------------------------------------------------------|
 * | deleted, sandbox alive or unknown       | find it if its id is unknown, kill it                       |
 * | deleted, sandbox gone, or forced        | release                                                     |
 * | lost, or nothing wanted of it           | rest: the swarm puts another one in its place               |
 * | no sandbox                              | find, if one may exist; else create                         |
 * | Paused wanted / sandbox paused          | pause / resume                                              |
 * | Warm wanted                             | prepare, then pause / resume as the pool waits              |
 * | command not started                     | start                                                       |
 * | no check yet                            | check                                                       |
 * | sandbox not seen, or checks say so      | verify at the provider                                      |
 * | nothing listens                         | inspect whether the command has ended; if so, give up       |
 * | was ready, fails for `replaceAfterMs`   | give up                                                     |
 */
export function planAgent(w: World): Step {
  if (w.deleting) return planEnd(w)
  if (w.isLost) return { do: 'rest' }
  if (w.sandbox?.state === 'Gone') return { do: 'giveUp', reason: 'SandboxGone' }
  if (w.sandbox && w.isSuspect) return { do: 'verify' }
  if (!w.sandbox) {
    if (w.mayExist) return { do: 'find' }
    return w.wanted === 'Running' || w.wanted === 'Warm' ? { do: 'create' } : { do: 'rest' }
  }
  if (w.wanted === 'Warm') return planWarm(w.sandbox.state === 'Paused', w)
  if (w.wanted === 'Paused') return { do: w.sandbox.state === 'Paused' ? 'rest' : 'pause' }
  if (w.sandbox.state === 'Paused') return { do: 'resume' }
  if (!w.sandbox.commandStarted) return { do: 'start' }
  return planHealth(w)
}

function planEnd(w: World): Step {
  if (!w.isHeld) return { do: 'rest' }
  if (w.isForced) return { do: 'release' }
  if (w.sandbox) return { do: w.sandbox.state === 'Gone' ? 'release' : 'kill' }
  return { do: w.mayExist ? 'find' : 'release' }
}

function planWarm(isAsleep: boolean, { isPrepared, sleepsWarm }: World): Step {
  if (!isPrepared) return { do: isAsleep ? 'resume' : 'prepare' }
  if (isAsleep === sleepsWarm) return { do: 'rest' }
  return { do: sleepsWarm ? 'pause' : 'resume' }
}

function planHealth(w: World): Step {
  const { health } = w
  if (!health) return { do: 'check' }
  if (health.outcome === 'ready') return { do: 'rest' }
  if (health.outcome === 'sandbox-gone') return { do: 'verify' }
  const isDown = health.failures >= w.failureThreshold
  if (isDown && health.outcome === 'not-listening') {
    if (!w.exit) return { do: 'inspect' }
    if (w.exit.exited) return { do: 'giveUp', reason: 'CommandExited' }
  }
  if (!w.wasReady || !isDown) return { do: 'rest' }
  const leftMs = health.sinceMs + w.replaceAfterMs - w.nowMs
  return leftMs <= 0 ? { do: 'giveUp', reason: 'NotResponding' } : { do: 'rest', checkAgainMs: leftMs }
}
