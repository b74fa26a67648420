import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Default, Parse } from 'typebox/value'
import { BlueGreenSpec } from '../api/blue-green-rollout.ts'
import { CanarySpec } from '../api/canary-rollout.ts'
import { merge } from '../api/conditions.ts'
import { RolloutLab } from '../../test/support/rollout-lab.ts'
import { kstatus } from '../../test/support/kstatus.ts'
import { checkOfBlueGreen, courseOfBlueGreen } from './blue-green.ts'
import { courseOfCanary, metricsOfCanary } from './canary.ts'
import { conditionsOf, stepText } from './conditions.ts'
import { textOf, type Course, type Step } from './course.ts'

const canary = (over: object = {}) => Parse(CanarySpec, Default(CanarySpec, { swarm: 'desk', ...over }))
const blueGreen = (over: object = {}) => Parse(BlueGreenSpec, Default(BlueGreenSpec, { swarm: 'desk', ...over }))
const inWords = ({ steps }: Course) => steps.map(textOf)
const METRICS = { metrics: [{ name: 'errors', errorRate: { maxPercent: 5 } }] }

describe('a canary', () => {
  it('that says nothing goes 5, 25, 50, 100, with an analysis of errors and latency after each', () => {
    const spec = canary()
    expect(inWords(courseOfCanary(spec))).to.deep.equal([5, 25, 50, 100].flatMap((weight) => [`setWeight ${weight}`, 'analysis']))
    expect(metricsOfCanary(spec, 1).map(({ name }) => name)).to.deep.equal(['error-rate', 'latency'])
    expect(metricsOfCanary(spec, 'background')).to.deep.equal([])
  })

  it('has its defaults from the schema', () => {
    const spec = canary()
    const { steps, ...course } = courseOfCanary(spec)
    expect(steps.length).to.equal(8)
    expect(course).to.deep.equal({
      onInconclusive: 'Pause',
      rollbackWindow: 3,
      abortScaleDownDelayMs: 30_000,
      scaleDownDelayMs: 30_000,
      deadlineMs: 600_000,
      paused: false,
      dynamicStableScale: false,
    })
    expect(spec.guard).to.deep.equal({ maxErrorPercent: 10, minSamples: 10, window: '30s' })
  })

  it('does the steps that are written', () => {
    const steps = [
      { setReplicas: { count: 2 } },
      { setWeight: 0 },
      { setReplicas: { percent: 50 } },
      { analysis: METRICS },
      { pause: {} },
      { pause: { duration: '1m' } },
      { setReplicas: { followWeight: true } },
      { setMirror: { percent: 10 } },
    ]
    const spec = canary({ steps, analysis: { fromStep: 2, ...METRICS } })
    const course = courseOfCanary(spec)
    const want: Step[] = [
      { do: 'setScale', scale: { by: 'Count', value: 2 } },
      { do: 'setWeight', percent: 0 },
      { do: 'setScale', scale: { by: 'Percent', value: 50 } },
      { do: 'check', name: 'analysis' },
      { do: 'pause' },
      { do: 'pause', durationMs: 60_000 },
      { do: 'setScale', scale: { by: 'Weight', value: 0 } },
      { do: 'setMirror', percent: 10 },
    ]
    expect([course.steps, course.backgroundFrom]).to.deep.equal([want, 2])
    expect(metricsOfCanary(spec, 3)[0]).to.deep.include({ name: 'errors', interval: '1s', window: '5m', minSamples: 20 })
    expect([metricsOfCanary(spec, 0).length, metricsOfCanary(spec, 'background').length]).to.deep.equal([0, 1])
  })
})

describe('a blue-green rollout', () => {
  const FULL = { warmUp: { input: '{}' }, prePromotion: METRICS, approval: 'Manual', analysis: METRICS, postPromotion: METRICS }

  it('that says nothing brings green up whole and gives it 25, 50, 75 and 100, 75 s apart', () => {
    expect(inWords(courseOfBlueGreen(blueGreen()))).to.deep.equal([
      'setReplicas 100%',
      ...[25, 50, 75].flatMap((weight) => [`setWeight ${weight}`, 'pause 1m15s']),
      'setWeight 100',
    ])
  })

  it('warms up, is analysed and approved before it has tasks, and is analysed after', () => {
    const spec = blueGreen({ ...FULL, shift: { weights: [100] } })
    const course = courseOfBlueGreen(spec)
    expect(inWords(course)).to.deep.equal([
      'setReplicas 100%',
      'warm-up',
      'analysis before',
      'pause until promoted',
      'setWeight 100',
      'analysis after',
    ])
    expect(course.backgroundFrom).to.equal(5)
    expect(checkOfBlueGreen(spec, 1)).to.deep.equal({ warmUp: spec.warmUp })
    for (const place of [2, 5, 'background'] as const)
      expect(checkOfBlueGreen(spec, place)).to.have.nested.property('metrics[0].name', 'errors')
    expect(checkOfBlueGreen(spec, 0)).to.deep.equal({ metrics: [] })
  })

  it('is promoted at the end only, with blue whole and stable until then, and kept for a while', () => {
    const lab = new RolloutLab(courseOfBlueGreen(blueGreen(FULL)))
    lab.template = 'v2'
    lab.settle()
    expect([lab.sizeOf('v1'), lab.sizeOf('v2'), lab.weightOf('v2'), lab.plan.waitsFor]).to.deep.equal([4, 4, 0, 'Check'])
    lab.checksSay('Successful').settle()
    lab.checksSay('Successful').settle()
    expect([lab.weightOf('v2'), lab.plan.waitsFor]).to.deep.equal([0, 'Person'])
    lab.asks('Promote').settle()
    const weights = [lab.weightOf('v2')]
    while (lab.plan.waitsFor === 'Time') {
      lab.later(lab.plan.checkAgainMs ?? 0).settle()
      weights.push(lab.weightOf('v2'))
    }
    expect([weights, lab.plan.waitsFor, lab.state?.stableRevision, lab.sizeOf('v1')]).to.deep.equal([[25, 50, 75, 100], 'Check', 'v1', 4])
    lab.checksSay('Successful').settle()
    expect([lab.state?.stableRevision, lab.plan.kept]).to.deep.equal(['v2', ['v1']])
  })

  it('goes back in one step from all tasks when the analysis after it fails', () => {
    const lab = new RolloutLab(courseOfBlueGreen(blueGreen({ shift: { weights: [100] }, postPromotion: METRICS })))
    lab.template = 'v2'
    lab.settle()
    expect(lab.weightOf('v2')).to.equal(100)
    lab.checksSay('Failed').pass()
    expect([lab.weightOf('v1'), lab.state?.activity]).to.deep.equal([100, 'Aborted'])
  })

  it('is over when a task of the warm-up fails', () => {
    const lab = new RolloutLab(courseOfBlueGreen(blueGreen(FULL)))
    lab.template = 'v2'
    lab.settle()
    lab.checksSay('Failed').pass()
    expect([lab.weightOf('v1'), lab.state?.activity]).to.deep.equal([100, 'Aborted'])
  })
})

describe('the conditions of a rollout', () => {
  const told = (lab: RolloutLab) => conditionsOf(lab.course, lab.plan)
  const read = (lab: RolloutLab) => {
    const conditions = merge([], told(lab), 1, '2026-01-01T00:00:00Z')
    return kstatus({ metadata: { generation: 1 }, status: { observedGeneration: 1, conditions } })
  }
  const under = () => {
    const lab = new RolloutLab({ steps: [{ do: 'setWeight', percent: 25 }, { do: 'check', name: 'analysis' }, { do: 'pause' }] })
    lab.template = 'v2'
    lab.settle()
    return lab
  }

  it('are current with nothing to roll out', () => {
    const lab = new RolloutLab()
    expect(told(lab)).to.deep.equal([{ type: 'Ready', status: 'True', reason: 'NothingToRollOut', message: 'revision v1 is stable' }])
    expect([read(lab), stepText(lab.course, lab.plan)]).to.deep.equal(['Current', undefined])
  })

  it('say where it is and what it waits for while it is under way', () => {
    const lab = under()
    expect(told(lab)[1]).to.deep.equal({
      type: 'Reconciling',
      status: 'True',
      reason: 'RolloutProgressing',
      message: 'revision v2 has 25 % of the tasks, 2/3 analysis: waits for what is measured',
    })
    expect([read(lab), stepText(lab.course, lab.plan)]).to.deep.equal(['InProgress', '2/3 analysis'])
  })

  it('say what a person can do while it waits for one', () => {
    const lab = under()
    lab.checksSay('Successful').settle()
    const pause = 'revision v2 has 25 % of the tasks, 3/3 pause until promoted: ask for Promote to go on, or Abort'
    expect(told(lab).map(({ type, reason }) => `${type} ${reason}`)).to.deep.equal([
      'Ready PauseStep',
      'Reconciling PauseStep',
      'Paused PauseStep',
    ])
    expect([told(lab)[0]?.message, read(lab)]).to.deep.equal([pause, 'InProgress'])
    lab.course = { ...lab.course, paused: true }
    lab.pass()
    expect(told(lab)[0]?.reason).to.equal('PausedBySpec')
  })

  it('say why an analysis could not tell', () => {
    const lab = under()
    lab.checksSay('Inconclusive').settle()
    expect(told(lab)[0]).to.deep.include({
      reason: 'AnalysisInconclusive',
      message: 'revision v2 has 25 % of the tasks, 2/3 analysis: it is Inconclusive; ask for Resume, PromoteFully or Abort',
    })
  })

  it('are stalled after it was aborted, with the reason, the figures and what to do', () => {
    const lab = under()
    lab.trips.push({ run: '1', message: '3 of 10 attempts failed, more than 10 %' })
    lab.pass()
    expect(told(lab)[1]).to.deep.equal({
      type: 'Stalled',
      status: 'True',
      reason: 'GuardTripped',
      message:
        'revision v2 was given up: 3 of 10 attempts failed, more than 10 %; v1 has all tasks. Change spec.template of the Swarm, or ask for Retry',
    })
    expect(read(lab)).to.equal('Failed')
  })
})
