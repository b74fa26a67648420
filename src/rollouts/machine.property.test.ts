import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Check, Errors } from 'typebox/value'
import { REQUESTS, RolloutState, type Request } from '../api/rollout.ts'
import { RolloutLab } from '../../test/support/rollout-lab.ts'
import type { Course, Step } from './course.ts'
import { planRollout } from './machine.ts'
import { isUnderWay, runOfGuard } from './pass.ts'
import { canServe, readyPercent } from './sizes.ts'
import type { Plan, Verdict } from './world.ts'

const percent = fc.integer({ min: 0, max: 100 })
const step: fc.Arbitrary<Step> = fc.oneof(
  percent.map((value): Step => ({ do: 'setWeight', percent: value })),
  percent.map((value): Step => ({ do: 'setMirror', percent: value })),
  fc
    .record({ by: fc.constantFrom('Weight', 'Count', 'Percent'), value: fc.integer({ min: 1, max: 100 }) })
    .map((scale): Step => ({ do: 'setScale', scale })),
  fc
    .option(fc.integer({ min: 0, max: 60_000 }), { nil: undefined })
    .map((durationMs): Step => ({ do: 'pause', ...(durationMs !== undefined && { durationMs }) })),
  fc.constant<Step>({ do: 'check', name: 'analysis' }),
)
const courses: fc.Arbitrary<Partial<Course>> = fc
  .record({
    steps: fc.array(step, { minLength: 1, maxLength: 8 }),
    background: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    onInconclusive: fc.constantFrom<('Pause' | 'Abort')[]>('Pause', 'Abort'),
    dynamicStableScale: fc.boolean(),
    rollbackWindow: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ background, ...rest }) => ({ ...rest, ...(background !== undefined && { backgroundFrom: background }) }))

/** Something that happens around a rollout. */
type Happening =
  | { what: 'agents' | 'routers' | 'togglePause' }
  | { what: 'someAgents' | 'someRouters'; share: number }
  | { what: 'time'; ms: number }
  | { what: 'verdict'; state: Verdict['state'] }
  | { what: 'trip' }
  | { what: 'crash' | 'template'; revision: string }
  | { what: 'scale'; replicas: number }
  | { what: 'steps'; steps: Step[] }
  | { what: 'ask'; action: Request['action']; revision: string }

const revision = fc.constantFrom('v1', 'v2', 'v3', 'v4')
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Happening[]>({ what: 'agents' }, { what: 'routers' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constantFrom<('someAgents' | 'someRouters')[]>('someAgents', 'someRouters'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('time' as const), ms: fc.integer({ min: 0, max: 400_000 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('verdict' as const),
      state: fc.constantFrom<Verdict['state'][]>('Running', 'Successful', 'Successful', 'Successful', 'Failed', 'Inconclusive', 'Error'),
    }),
  },
  fc.constant<Happening>({ what: 'trip' }),
  fc.constant<Happening>({ what: 'togglePause' }),
  fc.record({ what: fc.constantFrom<('crash' | 'template')[]>('crash', 'template'), revision }),
  fc.record({ what: fc.constant('scale' as const), replicas: fc.integer({ min: 0, max: 12 }) }),
  fc.record({ what: fc.constant('steps' as const), steps: fc.array(step, { minLength: 1, maxLength: 4 }) }),
  { weight: 3, arbitrary: fc.record({ what: fc.constant('ask' as const), action: fc.constantFrom(...REQUESTS), revision }) },
)

const part = (share: number, most: number) => Math.floor(share * most)

function happens(lab: RolloutLab, it: Happening): void {
  switch (it.what) {
    case 'agents':
      return void lab.agentsCome()
    case 'someAgents':
      for (const side of lab.plan.sides)
        lab.ready[side.revision] = Object.fromEntries(side.groups.map((g) => [g.name, part(it.share, g.replicas)]))
      return
    case 'routers':
      return void lab.routersFollow()
    case 'someRouters':
      for (const { revision: name, percent: asked } of lab.plan.weights) {
        const old = lab.inForce[name]?.least ?? 0
        lab.inForce[name] = { least: Math.min(old, asked), most: Math.max(old, asked) }
      }
      return
    case 'time':
      return void lab.later(it.ms)
    case 'verdict':
      return void lab.checksSay(it.state)
    case 'trip':
      if (lab.plan.guard) lab.trips.push({ run: lab.plan.guard.run, message: 'too many failed' })
      return
    case 'togglePause':
      lab.course = { ...lab.course, paused: !lab.course.paused }
      return
    case 'crash':
      lab.ready[it.revision] = {}
      return
    case 'template':
      lab.template = it.revision
      return
    case 'scale':
      lab.groups = [{ name: '', replicas: it.replicas }]
      return
    case 'steps':
      lab.course = { ...lab.course, steps: it.steps }
      return
    case 'ask':
      lab.asks(it.action, it.action === 'RollbackTo' ? it.revision : undefined)
  }
}

/** Runs of the attempt that is under way which have breached, as far as the plan asked for them. */
const hasBreached = (lab: RolloutLab, { state, checks, guard }: Plan) =>
  isUnderWay(state) &&
  (lab.trips.some(({ run }) => run === guard?.run) ||
    checks.some(({ run }) => ['Failed', 'Error'].includes(lab.verdicts.get(run)?.state ?? '')))

const story = fc.tuple(courses, fc.array(happening, { maxLength: 60 }))

/** Plays a story and shows what was before and what is after each pass. */
function play([which, happenings]: [Partial<Course>, Happening[]], look: (lab: RolloutLab, before: Plan, after: Plan) => void): RolloutLab {
  const lab = new RolloutLab({ deadlineMs: 300_000, ...which })
  lab.template = 'v2'
  for (const it of happenings) {
    const before = lab.plan
    happens(lab, it)
    look(lab, before, lab.pass())
  }
  return lab
}

describe('every rollout, whatever happens', () => {
  const holds = (look: (lab: RolloutLab, before: Plan, after: Plan) => void, runs = 400) =>
    fc.assert(
      fc.property(story, (told) => void play(told, look)),
      { numRuns: runs },
    )

  it('has weights that sum to 100, and a state that the schema takes', () => {
    holds((_, __, { weights, state }) => {
      expect(weights.reduce((sum, share) => sum + share.percent, 0)).to.equal(100)
      expect(weights.every((share) => Number.isInteger(share.percent) && share.percent >= 0)).to.equal(true)
      expect(new Set(weights.map((share) => share.revision)).size).to.equal(weights.length)
      if (!Check(RolloutState, state)) expect(Errors(RolloutState, state)).to.deep.equal([])
    })
  })

  it('does nothing more in a second pass, and the same after a crash: the state that is stored says everything', () => {
    holds((lab, _, { events: __, ...after }) => {
      const { events, ...again } = planRollout(lab.course, lab.state, lab.world)
      expect(again).to.deep.equal(after)
      expect(events).to.deep.equal([])
    })
  })

  it('has each revision once: on a side, or kept', () => {
    holds((_, __, { sides, kept, state }) => {
      const all = [...sides.map((side) => side.revision), ...kept]
      expect(new Set(all).size).to.equal(all.length)
      if (state.stableRevision !== undefined) expect(all[0]).to.equal(state.stableRevision)
    })
  })

  it('gives no task to a new revision that cannot do any', () => {
    holds((lab, _, { weights, state }) => {
      for (const share of weights)
        if (share.revision !== state.stableRevision && state.stableRevision !== undefined && share.percent > 0)
          expect(canServe(lab.world, share.revision)).to.equal(true)
    })
  })

  it('is never promoted after a breach, and is at stable with weight 100 in the same pass unless stable has shrunk', () => {
    const breached = new WeakMap<RolloutLab, Set<string>>()
    holds((lab, before, after) => {
      const runs = breached.get(lab) ?? new Set()
      breached.set(lab, runs)
      const promoted = after.state.stableRevision !== before.state.stableRevision && before.state.stableRevision !== undefined
      if (promoted) expect(runs.has(runOfGuard(after.state))).to.equal(false)
      if (!hasBreached(lab, before)) return
      runs.add(runOfGuard(before.state))
      expect(after.state.stableRevision).to.equal(before.state.stableRevision)
      expect(isUnderWay(after.state) && after.state.attempt === before.state.attempt).to.equal(false)
      if (!before.state.isStableShrunk) expect(after.weights[0]).to.deep.equal({ revision: before.state.stableRevision, percent: 100 })
    }, 1_000)
  })

  it('mirrors tasks of stable only while it goes through its steps, and never by a change of a weight', () => {
    holds((lab, before, { state, weights, mirror, guard }) => {
      const { mirror: _, ...without } = state
      expect(planRollout(lab.course, without, lab.world).weights).to.deep.equal(weights)
      if (hasBreached(lab, before) && state.attempt === before.state.attempt) expect(mirror).to.equal(undefined)
      if (state.activity !== 'Stepping') expect(state.mirror).to.equal(undefined)
      if (!mirror) return
      expect(mirror).to.deep.equal({ run: guard?.run, revision: state.targetRevision, percent: state.mirror })
      expect(mirror.revision).not.to.equal(state.stableRevision)
    })
  })

  it('keeps the stable side whole, or large enough for what any router still sends it', () => {
    holds((lab, _, { sides, state }) => {
      const [stable] = sides
      if (!stable || state.stableRevision === undefined) return
      const [size = 0, whole = 0] = [stable.groups[0]?.replicas, lab.groups[0]?.replicas]
      const gone = lab.course.dynamicStableScale && isUnderWay(state) ? (lab.inForce[state.targetRevision]?.least ?? 0) : 0
      expect(size * 100).to.be.at.least(whole * (100 - gone))
    })
  })

  it('gives tasks back to a stable side that has shrunk only as it has agents for them', () => {
    holds((lab, before, after) => {
      if (!before.state.isStableShrunk || after.state.activity !== 'Returning') return
      const [share] = after.weights
      const had = before.weights.find(({ revision: name }) => name === share?.revision)?.percent ?? 0
      expect(share?.percent).to.be.at.most(Math.max(had, readyPercent(lab.world, share?.revision ?? '')))
    })
  })

  it('ends when the world is kind: promoted, or where it was aborted', () => {
    fc.assert(
      fc.property(story, (told) => {
        const lab = play(told, () => {})
        lab.course = { ...lab.course, paused: false }
        lab.groups = [{ name: '', replicas: 4 }]
        for (let i = 0; i < 200 && !['Idle', 'Aborted'].includes(lab.state?.activity ?? ''); i += 1) {
          const { plan } = lab
          lab.agentsCome().routersFollow()
          for (const { run } of plan.checks) if (!lab.verdicts.get(run)) lab.verdicts.set(run, { state: 'Successful', message: '' })
          for (const [run, verdict] of lab.verdicts)
            if (verdict.state === 'Running') lab.verdicts.set(run, { ...verdict, state: 'Successful' })
          if (plan.waitsFor === 'Person') lab.asks('Promote')
          if (plan.waitsFor === 'Time') lab.later(plan.checkAgainMs ?? 0)
          lab.pass()
        }
        expect(lab.state?.activity).to.be.oneOf(['Idle', 'Aborted'])
        expect(
          lab.state?.stableRevision === lab.state?.wantedRevision || lab.state?.rejectedRevision === lab.state?.wantedRevision,
        ).to.equal(true)
      }),
      { numRuns: 400 },
    )
  })
})
