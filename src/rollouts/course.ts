import type { CanarySpec } from '../api/canary-rollout.ts'
import { durationMs } from '../api/duration.ts'
import type { Scale } from '../api/rollout.ts'

/** One thing to do on the way. A check is an analysis or a warm-up: something outside says how it came out. */
export type Step =
  | { readonly do: 'setWeight'; readonly percent: number }
  | { readonly do: 'setScale'; readonly scale: Scale }
  | { readonly do: 'setMirror'; readonly percent: number }
  | { readonly do: 'pause'; readonly durationMs?: number }
  | { readonly do: 'check'; readonly name: string }

/** What a rollout of either kind comes down to. */
export type Course = {
  readonly steps: readonly Step[]
  /** Step, from 1, from which on something is measured all the time; absent when nothing is. */
  readonly backgroundFrom?: number
  readonly onInconclusive: 'Pause' | 'Abort'
  readonly rollbackWindow: number
  readonly abortScaleDownDelayMs: number
  readonly scaleDownDelayMs: number
  readonly deadlineMs: number
  readonly paused: boolean
  readonly dynamicStableScale: boolean
}

type Common = Pick<
  CanarySpec,
  'onInconclusive' | 'rollbackWindow' | 'abortScaleDownDelay' | 'scaleDownDelay' | 'progressDeadline' | 'paused'
>

/** The rules that the specs of both kinds have in common. */
export function commonCourse(spec: Common): Omit<Course, 'steps' | 'dynamicStableScale' | 'backgroundFrom'> {
  return {
    onInconclusive: spec.onInconclusive,
    rollbackWindow: spec.rollbackWindow,
    abortScaleDownDelayMs: durationMs(spec.abortScaleDownDelay),
    scaleDownDelayMs: durationMs(spec.scaleDownDelay),
    deadlineMs: durationMs(spec.progressDeadline),
    paused: spec.paused,
  }
}

const UNITS: readonly (readonly [string, number])[] = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
]

/** A duration as people write it: 90000 ms are 1m30s. */
function durationText(ms: number): string {
  let left = ms
  let text = ''
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size)
    left -= count * size
    if (count > 0) text += `${count}${unit}`
  }
  return text || '0s'
}

/** A step in words. */
export function textOf(step: Step): string {
  switch (step.do) {
    case 'setWeight':
      return `setWeight ${step.percent}`
    case 'setScale':
      return step.scale.by === 'Weight'
        ? 'setReplicas by weight'
        : `setReplicas ${step.scale.value}${step.scale.by === 'Percent' ? '%' : ''}`
    case 'setMirror':
      return `setMirror ${step.percent}`
    case 'pause':
      return step.durationMs === undefined ? 'pause until promoted' : `pause ${durationText(step.durationMs)}`
    case 'check':
      return step.name
  }
}
