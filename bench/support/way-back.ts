import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Context, Figure } from '../benchmark.ts'
import { afterwards, type Attempt } from './attempts.ts'
import type { ReleaseLab } from './release-lab.ts'
import { percentile } from './statistics.ts'

/** A revision that goes back again and again. */
export type WayBack = {
  readonly name: string
  /** Percent of the tasks that it has before. */
  readonly percent: number
  /** How it fails, from some moment on: see ReleaseLab. */
  readonly pattern: string
  /** When the response was sent that decides. */
  readonly decided: (attempts: readonly Attempt[]) => number | undefined
  readonly runs: number
  readonly targetMs: number
}

/** Has a release fail under load, in so many runs, and tells how long it got tasks after the response that decided. */
export async function wayBack(context: Context, lab: ReleaseLab, what: WayBack): Promise<Figure[]> {
  const { name, percent, pattern, decided, targetMs } = what
  const runs = context.quick ? 3 : what.runs
  const times: number[] = []
  const tasks: number[] = []
  for (let run = 0; run < runs; run += 1) {
    context.signal.throwIfAborted()
    await lab.tryOut('second')
    const revision = await lab.hasShare(percent)
    await sleep(randomInt(150, 350)) // so that no timer of ours beats in time with one of theirs
    lab.fail(revision, pattern)
    const why = await lab.isBack()
    lab.allDoWell()
    const seen = (await lab.newAttempts()).filter((attempt) => attempt.revision === revision)
    const atMs = decided(seen)
    if (atMs === undefined) throw new Error(`${name}: it went back for nothing that its agents have noted: ${why}`)
    const late = afterwards(seen, atMs)
    times.push(late.ms)
    tasks.push(late.tasks)
  }
  context.say(`${name}: done`)
  const what99 = 'deciding response to last task'
  return [
    { name: `${name}: ${what99}, p50`, unit: 'ms', value: percentile(times, 0.5), ...spreadOf(times), note: `${runs} runs` },
    { name: `${name}: ${what99}, p99`, unit: 'ms', value: percentile(times, 0.99), beside: { target: targetMs } },
    { name: `${name}: tasks sent after it`, unit: '', value: percentile(tasks, 0.5), ...spreadOf(tasks) },
  ]
}

const spreadOf = (values: readonly number[]) => ({ least: Math.min(...values), most: Math.max(...values) })
