import { describe, it } from 'mocha'
import { expect } from 'chai'
import { RolloutLab, START_MS } from '../../test/support/rollout-lab.ts'
import type { Step } from './course.ts'

const WEIGHTS: Step[] = [{ do: 'setWeight', percent: 25 }, { do: 'pause' }, { do: 'setWeight', percent: 75 }]
const CHECKED: Step[] = [
  { do: 'setWeight', percent: 50 },
  { do: 'check', name: 'analysis' },
]

/** A lab in which v2 has come to its first pause. */
function atPause(which: ConstructorParameters<typeof RolloutLab>[0] = {}): RolloutLab {
  const lab = new RolloutLab({ steps: WEIGHTS, ...which })
  lab.template = 'v2'
  lab.settle()
  expect(lab.weightOf('v2')).to.equal(25)
  return lab
}

const inShort = ({ plan, state }: RolloutLab) => ({
  activity: state?.activity,
  stable: state?.stableRevision,
  weights: plan.weights.map(({ revision, percent }) => `${revision}:${percent}`).join(' '),
})

describe('a rollout that goes well', () => {
  it('does nothing while the template is the stable one', () => {
    const lab = new RolloutLab()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
    expect(lab.plan.sides).to.deep.equal([{ revision: 'v1', groups: [{ name: '', replicas: 4 }] }])
    expect(lab.plan.checkAgainMs).to.equal(undefined)
    expect(lab.events).to.deep.equal([])
  })

  it('has the agents for a weight before the weight, and goes on when all routers follow', () => {
    const lab = new RolloutLab({ steps: WEIGHTS })
    lab.template = 'v2'
    lab.pass()
    expect([lab.sizeOf('v2'), lab.weightOf('v2'), lab.plan.waitsFor]).to.deep.equal([1, 0, 'Agents'])
    lab.agentsCome().pass()
    expect([lab.sizeOf('v2'), lab.weightOf('v2'), lab.plan.waitsFor]).to.deep.equal([1, 25, 'Routers'])
    lab.inForce = { v2: { least: 0, most: 25 } }
    expect(lab.pass().state.step).to.equal(0)
    lab.routersFollow().pass()
    expect([lab.plan.state.step, lab.plan.waitsFor]).to.deep.equal([1, 'Person'])
  })

  it('promotes after the last step: whole first, then all tasks, then it is stable, and the old agents stay for a while', () => {
    const lab = new RolloutLab()
    lab.template = 'v2'
    lab.pass()
    lab.agentsCome().pass()
    lab.routersFollow().pass()
    expect([lab.sizeOf('v2'), lab.weightOf('v2'), lab.sizeOf('v1')]).to.deep.equal([4, 50, 4])
    lab.agentsCome().pass()
    expect([lab.weightOf('v2'), lab.state?.stableRevision]).to.deep.equal([100, 'v1'])
    lab.routersFollow().pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v2', weights: 'v2:100' })
    expect([lab.plan.kept, lab.plan.checkAgainMs]).to.deep.equal([['v1'], 60_000])
    expect(lab.later(60_000).pass().kept).to.deep.equal([])
    expect(lab.reasons).to.deep.equal(['RolloutStarted', 'StepCompleted', 'Promoted'])
    expect(lab.state?.history.map(({ revision, result }) => `${revision} ${result}`)).to.deep.equal(['v2 Promoted'])
  })

  it('has as many agents as setReplicas says, never more than the group has, and one in each group for a small weight', () => {
    const groups = [
      { name: 'lead', replicas: 1 },
      { name: 'work', replicas: 10 },
      { name: 'none', replicas: 0 },
    ]
    const ready = { v1: { lead: 1, work: 10 } }
    const lab = new RolloutLab({ steps: [{ do: 'setScale', scale: { by: 'Count', value: 3 } }, { do: 'pause' }] }, { groups, ready })
    lab.template = 'v2'
    expect(lab.settle().sides[1]?.groups.map(({ replicas }) => replicas)).to.deep.equal([1, 3, 0])
    const small = new RolloutLab({ steps: [{ do: 'setWeight', percent: 1 }, { do: 'pause' }] }, { groups, ready })
    small.template = 'v2'
    expect(small.settle().sides[1]?.groups.map(({ replicas }) => replicas)).to.deep.equal([1, 1, 0])
  })

  it('has agents for the tasks that it does a second time, besides those for its weight, until the last step', () => {
    const mirrored: Step[] = [{ do: 'setMirror', percent: 50 }, { do: 'pause' }, { do: 'setWeight', percent: 25 }, { do: 'pause' }]
    const lab = new RolloutLab({ steps: [...mirrored, { do: 'setMirror', percent: 0 }, { do: 'pause' }, { do: 'setMirror', percent: 5 }] })
    const seen = () => [lab.plan.mirror?.percent, lab.weightOf('v2'), lab.sizeOf('v2'), lab.plan.waitsFor]
    lab.template = 'v2'
    lab.pass()
    expect(seen()).to.deep.equal([50, 0, 2, 'Agents'])
    expect(lab.plan.mirror).to.deep.equal({ run: '1', revision: 'v2', percent: 50 })
    lab.agentsCome().pass()
    expect(seen()).to.deep.equal([50, 0, 2, 'Person'])
    lab.asks('Promote').settle()
    expect(seen()).to.deep.equal([50, 25, 3, 'Person'])
    lab.asks('Promote').settle()
    expect(seen()).to.deep.equal([undefined, 25, 1, 'Person'])
    lab.asks('Promote').settle()
    expect([lab.plan.mirror, lab.state?.stableRevision]).to.deep.equal([undefined, 'v2'])
  })

  it('takes agents away after a lower weight only when no router follows the higher one', () => {
    const lab = new RolloutLab({ steps: [{ do: 'setWeight', percent: 75 }, { do: 'setWeight', percent: 25 }, { do: 'pause' }] })
    lab.template = 'v2'
    lab.pass()
    lab.agentsCome().pass()
    lab.routersFollow().pass()
    expect([lab.weightOf('v2'), lab.sizeOf('v2')]).to.deep.equal([25, 3])
    lab.inForce = { v2: { least: 25, most: 75 } }
    expect([lab.pass().state.step, lab.sizeOf('v2')]).to.deep.equal([1, 3])
    lab.routersFollow().pass()
    expect([lab.plan.state.step, lab.sizeOf('v2')]).to.deep.equal([2, 1])
  })

  it('waits in a timed pause until its time is up, and says when to look again', () => {
    const lab = new RolloutLab({ steps: [{ do: 'setWeight', percent: 25 }, { do: 'pause', durationMs: 10_000 }, { do: 'pause' }] })
    lab.template = 'v2'
    lab.settle()
    expect([lab.plan.waitsFor, lab.plan.checkAgainMs]).to.deep.equal(['Time', 10_000])
    expect(lab.later(9_999).pass().checkAgainMs).to.equal(1)
    expect(lab.later(1).pass().state.step).to.equal(2)
  })

  it('waits for its analysis, and asks for nothing more once that has ended', () => {
    const lab = new RolloutLab({ steps: [...CHECKED, { do: 'pause' }] })
    lab.template = 'v2'
    lab.settle()
    expect([lab.plan.waitsFor, lab.plan.checks]).to.deep.equal(['Check', [{ run: '1.0/2', of: 1 }]])
    lab.checksSay('Successful').pass()
    expect([lab.plan.waitsFor, lab.plan.checks]).to.deep.equal(['Person', []])
  })

  it('is not promoted before the background analysis has succeeded', () => {
    const lab = new RolloutLab({ backgroundFrom: 1 })
    lab.template = 'v2'
    expect(lab.settle().waitsFor).to.equal('Check')
    expect([lab.weightOf('v2'), lab.plan.checks]).to.deep.equal([50, [{ run: '1.0/background', of: 'background' }]])
    lab.checksSay('Successful').settle()
    expect(lab.state?.stableRevision).to.equal('v2')
  })

  it('also not when it had no weight before it was promoted', () => {
    const lab = new RolloutLab({ steps: [{ do: 'setScale', scale: { by: 'Percent', value: 100 } }], backgroundFrom: 1 })
    lab.template = 'v2'
    expect(lab.settle().waitsFor).to.equal('Check')
    expect([lab.weightOf('v2'), lab.state?.stableRevision]).to.deep.equal([100, 'v1'])
    lab.checksSay('Failed').pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Aborted', stable: 'v1', weights: 'v1:100' })
  })
})

describe('a rollout that goes back', () => {
  const WAYS: Record<string, { break: (lab: RolloutLab) => void; reason: string }> = {
    'a guard trips': { break: (lab) => lab.trips.push({ run: '1', message: '3 of 10 attempts failed' }), reason: 'GuardTripped' },
    'its analysis fails': { break: (lab) => lab.checksSay('Failed'), reason: 'AnalysisFailed' },
    'its analysis cannot be made': { break: (lab) => lab.checksSay('Error'), reason: 'AnalysisError' },
    'somebody aborts it': { break: (lab) => lab.asks('Abort'), reason: 'AbortedByRequest' },
  }
  for (const [name, way] of Object.entries(WAYS)) {
    it(`has no more tasks in the same pass when ${name}, and is not tried again`, () => {
      const lab = new RolloutLab({ steps: CHECKED })
      lab.template = 'v2'
      lab.settle()
      way.break(lab)
      lab.pass()
      expect(inShort(lab)).to.deep.equal({ activity: 'Aborted', stable: 'v1', weights: 'v1:100' })
      expect(lab.state?.failure?.reason).to.equal(way.reason)
      expect([lab.plan.kept, lab.plan.checkAgainMs]).to.deep.equal([['v2'], 30_000])
      lab.later(30_000).settle()
      expect([lab.plan.kept, lab.plan.sides.length, lab.state?.activity]).to.deep.equal([[], 1, 'Aborted'])
      expect(lab.reasons.filter((reason) => reason === way.reason).length).to.equal(1)
      expect(lab.state?.history[0]).to.deep.include({ revision: 'v2', result: 'Aborted', step: 2 })
    })
  }

  it('goes back while it is paused, too', () => {
    const lab = atPause({ backgroundFrom: 1 })
    lab.course = { ...lab.course, paused: true }
    lab.pass()
    lab.checksSay('Failed').pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Aborted', stable: 'v1', weights: 'v1:100' })
  })

  it('does not listen to the guard or the analyses of an earlier attempt', () => {
    const lab = new RolloutLab({ steps: CHECKED })
    lab.template = 'v2'
    lab.settle()
    lab.checksSay('Failed').pass()
    lab.trips.push({ run: '1', message: 'late' })
    lab.asks('Retry').settle()
    expect([lab.state?.activity, lab.state?.attempt, lab.weightOf('v2')]).to.deep.equal(['Stepping', 2, 50])
  })

  it('is tried again when the template changes and comes back', () => {
    const lab = new RolloutLab({ steps: CHECKED })
    lab.template = 'v2'
    lab.settle()
    lab.checksSay('Failed').pass()
    lab.template = 'v1'
    lab.settle()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
    lab.template = 'v2'
    lab.settle()
    expect(lab.weightOf('v2')).to.equal(50)
  })

  it('gives up a revision whose agents never become ready, at the deadline, and has given it no tasks', () => {
    const lab = new RolloutLab()
    lab.template = 'v2'
    lab.pass()
    expect(lab.plan.checkAgainMs).to.equal(600_000)
    lab.later(599_999).pass()
    expect([lab.state?.activity, lab.weightOf('v2')]).to.deep.equal(['Stepping', 0])
    lab.later(1).pass()
    expect([lab.state?.activity, lab.state?.failure?.reason]).to.deep.equal(['Aborted', 'ProgressDeadlineExceeded'])
  })

  it('winds the deadline up again with each agent more that is ready', () => {
    const lab = new RolloutLab({ steps: [{ do: 'setWeight', percent: 100 }] })
    lab.template = 'v2'
    lab.pass()
    lab.later(500_000).ready['v2'] = { '': 1 }
    expect(lab.pass().checkAgainMs).to.equal(600_000)
    lab.later(500_000).pass()
    expect([lab.state?.activity, lab.plan.checkAgainMs]).to.deep.equal(['Stepping', 100_000])
  })

  it('does not count a pause against the deadline', () => {
    const lab = new RolloutLab()
    lab.template = 'v2'
    lab.pass()
    lab.later(500_000).asks('Pause').pass()
    lab.later(10_000_000).pass()
    lab.asks('Resume').pass()
    expect([lab.state?.activity, lab.plan.checkAgainMs]).to.deep.equal(['Stepping', 100_000])
    lab.later(100_000).pass()
    expect(lab.state?.activity).to.equal('Aborted')
  })

  it('gives up a promotion that does not get its agents', () => {
    const lab = new RolloutLab()
    lab.template = 'v2'
    lab.pass()
    lab.agentsCome().pass()
    lab.routersFollow().pass()
    lab.later(600_000).pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Aborted', stable: 'v1', weights: 'v1:100' })
  })
})

describe('what else changes meanwhile', () => {
  it('switches to a newer template: back at once, then the steps of the newest, without the old agents', () => {
    const lab = atPause()
    lab.template = 'v3'
    lab.pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Stepping', stable: 'v1', weights: 'v1:100' })
    expect([lab.plan.kept, lab.sizeOf('v3'), lab.sizeOf('v2'), lab.state?.step]).to.deep.equal([[], 1, undefined, 0])
    expect(lab.state?.history[0]).to.deep.include({ revision: 'v2', result: 'Replaced' })
  })

  it('goes straight back when the template is the stable one again', () => {
    const lab = atPause()
    lab.template = 'v1'
    lab.pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
    expect(lab.state?.history[0]).to.deep.include({ revision: 'v2', result: 'Reverted' })
    expect(lab.reasons.slice(-1)).to.deep.equal(['TemplateReverted'])
  })

  it('goes back to a revision that was stable lately in one step, and further back through the steps', () => {
    const lab = new RolloutLab({ rollbackWindow: 1, scaleDownDelayMs: 0 })
    for (const revision of ['v2', 'v3', 'v4']) {
      lab.template = revision
      lab.settle()
    }
    expect(lab.state?.recentStable).to.deep.equal(['v3', 'v2', 'v1'])
    lab.template = 'v3'
    lab.pass()
    expect([lab.sizeOf('v3'), lab.weightOf('v3'), lab.state?.activity]).to.deep.equal([4, 0, 'Promoting'])
    lab.agentsCome().pass()
    expect(lab.weightOf('v3')).to.equal(100)
    lab.settle()
    lab.template = 'v1'
    lab.pass()
    expect([lab.state?.activity, lab.sizeOf('v1')]).to.deep.equal(['Stepping', 2])
  })

  it('goes back at once to a revision whose agents are still kept, whatever the window', () => {
    const lab = new RolloutLab({ rollbackWindow: 0 })
    lab.template = 'v2'
    lab.settle()
    lab.template = 'v1'
    lab.pass()
    expect(lab.weightOf('v1')).to.equal(100)
    lab.settle()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
  })

  it('scales both sides at once when the swarm is scaled, paused or not, and repeats no step', () => {
    const lab = atPause()
    lab.groups = [{ name: '', replicas: 12 }]
    lab.pass()
    expect([lab.sizeOf('v1'), lab.sizeOf('v2'), lab.weightOf('v2'), lab.state?.step]).to.deep.equal([12, 3, 25, 1])
  })

  it('takes a change of template and replicas together: stable is scaled, the new revision gets its part', () => {
    const lab = new RolloutLab({ steps: WEIGHTS })
    lab.template = 'v2'
    lab.groups = [{ name: '', replicas: 8 }]
    lab.pass()
    expect([lab.sizeOf('v1'), lab.sizeOf('v2'), lab.weightOf('v2')]).to.deep.equal([8, 2, 0])
  })

  it('waits without a deadline while the swarm has no agents, and goes on when it has', () => {
    const lab = new RolloutLab({ steps: WEIGHTS })
    lab.groups = [{ name: '', replicas: 0 }]
    lab.template = 'v2'
    lab.settle()
    expect([lab.plan.waitsFor, lab.weightOf('v2')]).to.deep.equal(['Replicas', 0])
    lab.later(10_000_000).pass()
    lab.groups = [{ name: '', replicas: 4 }]
    lab.settle()
    expect([lab.state?.activity, lab.weightOf('v2')]).to.deep.equal(['Stepping', 25])
  })

  it('gives the tasks to stable while nobody of the new revision is ready, and gives up at the deadline', () => {
    const lab = atPause()
    lab.ready['v2'] = {}
    lab.pass()
    expect([lab.weightOf('v2'), lab.sizeOf('v2'), lab.plan.waitsFor]).to.deep.equal([0, 1, 'Agents'])
    lab.ready['v2'] = { '': 1 }
    lab.pass()
    expect([lab.weightOf('v2'), lab.plan.waitsFor]).to.deep.equal([25, 'Person'])
    lab.ready['v2'] = {}
    lab.pass()
    lab.later(600_000).pass()
    expect(lab.state?.failure?.reason).to.equal('ProgressDeadlineExceeded')
  })

  it('begins the steps anew when they were changed, from the weight that it has', () => {
    const lab = atPause()
    lab.course = { ...lab.course, steps: [{ do: 'pause' }, { do: 'setWeight', percent: 10 }] }
    lab.pass()
    expect([lab.state?.step, lab.weightOf('v2'), lab.reasons.at(-1)]).to.deep.equal([0, 25, 'StepsChanged'])
  })

  it('is nothing to roll out when all agents are restarted', () => {
    const lab = new RolloutLab()
    lab.ready['v1'] = {}
    expect(lab.settle().state.activity).to.equal('Idle')
  })
})

describe('the first revision', () => {
  const empty = { ready: {}, inForce: {} }

  it('is stable as soon as it can serve, without steps or deadline', () => {
    const lab = new RolloutLab({ steps: WEIGHTS }, empty)
    expect([lab.weightOf('v1'), lab.sizeOf('v1'), lab.state?.stableRevision]).to.deep.equal([100, 4, undefined])
    lab.later(10_000_000).pass()
    expect(lab.state?.activity).to.equal('Promoting')
    lab.ready = { v1: { '': 1 } }
    lab.pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
  })

  it('gives its place to a newer one when it never could', () => {
    const lab = new RolloutLab({ steps: WEIGHTS }, empty)
    lab.template = 'v2'
    lab.pass()
    expect([lab.weightOf('v2'), lab.sizeOf('v2'), lab.sizeOf('v1')]).to.deep.equal([100, 4, undefined])
    lab.settle()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v2', weights: 'v2:100' })
  })
})

describe('a rollout that is attached', () => {
  it('in the middle of an update goes back as the stable side has agents for it, then begins the steps', () => {
    const inForce = { v1: { least: 25, most: 25 }, v2: { least: 75, most: 75 } }
    const lab = new RolloutLab({ steps: WEIGHTS }, { template: 'v2', ready: { v1: { '': 1 }, v2: { '': 3 } }, inForce })
    expect(inShort(lab)).to.deep.equal({ activity: 'Returning', stable: 'v1', weights: 'v1:25 v2:75' })
    expect([lab.sizeOf('v1'), lab.plan.kept]).to.deep.equal([4, ['v2']])
    lab.ready['v1'] = { '': 3 }
    expect(lab.pass().weights[0]?.percent).to.equal(75)
    lab.ready['v1'] = { '': 4 }
    lab.pass()
    expect([lab.state?.activity, lab.state?.step, lab.state?.history]).to.deep.equal(['Stepping', 0, []])
  })
})

describe('a stable side that shrinks', () => {
  const shrinking = { dynamicStableScale: true }

  it('keeps the agents for all tasks that are still its own in any router', () => {
    const lab = new RolloutLab({ ...shrinking, steps: [{ do: 'setWeight', percent: 50 }, { do: 'pause' }] })
    lab.template = 'v2'
    lab.pass()
    lab.agentsCome().pass()
    expect([lab.weightOf('v2'), lab.sizeOf('v1')]).to.deep.equal([50, 4])
    lab.inForce = { v2: { least: 25, most: 50 } }
    lab.pass()
    expect(lab.sizeOf('v1')).to.equal(3)
    lab.routersFollow().pass()
    expect(lab.sizeOf('v1')).to.equal(2)
  })

  for (const [name, cause] of Object.entries({
    'after a breach': (lab: RolloutLab) => lab.asks('Abort'),
    'for a newer template': (lab: RolloutLab) => Object.assign(lab, { template: 'v3' }),
    'for the stable template': (lab: RolloutLab) => Object.assign(lab, { template: 'v1' }),
  })) {
    it(`gets its tasks back ${name} only as it has agents for them`, () => {
      const lab = new RolloutLab({ ...shrinking, steps: [{ do: 'setWeight', percent: 75 }, { do: 'pause' }] })
      lab.template = 'v2'
      lab.settle()
      expect(lab.sizeOf('v1')).to.equal(1)
      cause(lab)
      lab.pass()
      expect([lab.weightOf('v1'), lab.sizeOf('v1'), lab.state?.activity]).to.deep.equal([25, 4, 'Returning'])
      lab.ready['v1'] = { '': 2 }
      expect([lab.pass().kept, lab.weightOf('v1')]).to.deep.equal([['v2'], 50])
      lab.ready['v1'] = { '': 4 }
      lab.pass()
      expect([lab.weightOf('v1'), lab.state?.activity === 'Returning']).to.deep.equal([100, false])
    })
  }

  it('has a guard on the new one until it has all tasks back, so that a router that has cut it off does not send to it again', () => {
    const lab = new RolloutLab({ ...shrinking, steps: [{ do: 'setWeight', percent: 75 }, { do: 'pause' }] })
    lab.template = 'v2'
    const { guard } = lab.settle()
    lab.trips.push({ run: guard?.run ?? '', message: 'too many failed' })
    expect(lab.pass().guard).to.deep.equal(guard)
    expect(lab.weightOf('v2')).to.equal(75)
    lab.ready['v1'] = { '': 4 }
    expect(lab.pass().guard).to.equal(undefined)
  })

  it('gets them back at once when the new one cannot do any', () => {
    const lab = new RolloutLab({ ...shrinking, steps: [{ do: 'setWeight', percent: 75 }, { do: 'pause' }] })
    lab.template = 'v2'
    lab.settle()
    lab.ready['v2'] = {}
    lab.asks('Abort').pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Aborted', stable: 'v1', weights: 'v1:100' })
  })

  it('makes room for the new agents one after the other when it is promoted', () => {
    const lab = new RolloutLab(shrinking)
    lab.template = 'v2'
    lab.pass()
    lab.agentsCome().pass()
    lab.routersFollow().pass()
    lab.ready['v2'] = { '': 3 }
    lab.pass()
    expect([lab.weightOf('v2'), lab.sizeOf('v1')]).to.deep.equal([75, 2])
    lab.routersFollow().pass()
    expect(lab.sizeOf('v1')).to.equal(1)
  })
})

describe('what people ask for', () => {
  const said = (lab: RolloutLab) => `${lab.state?.answer?.accepted ? 'yes' : 'no'}: ${lab.state?.answer?.message}`

  it('is answered once, by its id', () => {
    const lab = atPause()
    lab.asks('Promote').pass()
    expect([lab.state?.step, lab.state?.answer]).to.deep.equal([
      2,
      { id: 'r1', accepted: true, message: 'Promote was done', at: new Date(START_MS).toISOString() },
    ])
    expect(lab.pass().state.step).to.equal(2)
  })

  it('pauses and resumes: weights and agents stay, steps do not go on', () => {
    const lab = new RolloutLab({ steps: [...WEIGHTS.slice(0, 1), { do: 'pause', durationMs: 10_000 }, { do: 'setWeight', percent: 75 }] })
    lab.template = 'v2'
    lab.settle()
    lab.asks('Pause').pass()
    lab.later(60_000).settle()
    expect([lab.weightOf('v2'), lab.plan.waitsFor]).to.deep.equal([25, 'Person'])
    lab.asks('Resume').settle()
    expect(lab.state?.stableRevision).to.equal('v2')
  })

  it('leaves out the remaining steps and the analyses, but not the agents', () => {
    const lab = atPause({ backgroundFrom: 1 })
    lab.asks('PromoteFully').pass()
    expect([lab.sizeOf('v2'), lab.weightOf('v2')]).to.deep.equal([4, 25])
    lab.settle()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v2', weights: 'v2:100' })
  })

  it('skips a step', () => {
    const lab = new RolloutLab({ steps: [...CHECKED, { do: 'pause' }] })
    lab.template = 'v2'
    lab.settle()
    lab.asks('SkipStep').pass()
    expect(lab.state?.step).to.equal(2)
  })

  it('waits for a person when an analysis cannot tell, and begins it anew after Resume', () => {
    const lab = new RolloutLab({ steps: CHECKED })
    lab.template = 'v2'
    lab.settle()
    lab.checksSay('Inconclusive').settle()
    expect([lab.plan.waitsFor, lab.plan.checks, lab.weightOf('v2')]).to.deep.equal(['Person', [], 50])
    lab.asks('Resume').pass()
    expect([lab.plan.waitsFor, lab.plan.checks]).to.deep.equal(['Check', [{ run: '1.1/2', of: 1 }]])
    lab.checksSay('Successful').settle()
    expect(lab.state?.stableRevision).to.equal('v2')
  })

  it('goes back when an analysis cannot tell, if that is wanted', () => {
    const lab = new RolloutLab({ steps: CHECKED, onInconclusive: 'Abort' })
    lab.template = 'v2'
    lab.settle()
    lab.checksSay('Inconclusive').pass()
    expect([lab.state?.activity, lab.state?.failure?.reason]).to.deep.equal(['Aborted', 'AnalysisInconclusive'])
  })

  it('goes back to an earlier revision until the template changes', () => {
    const lab = new RolloutLab({ scaleDownDelayMs: 0 })
    lab.template = 'v2'
    lab.settle()
    lab.asks('RollbackTo', 'v1').settle()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
    lab.template = 'v3'
    lab.settle()
    expect(lab.state?.stableRevision).to.equal('v3')
  })

  it('goes back to stable in the middle when that is the revision asked for', () => {
    const lab = atPause()
    lab.asks('RollbackTo', 'v1').pass()
    expect(inShort(lab)).to.deep.equal({ activity: 'Idle', stable: 'v1', weights: 'v1:100' })
  })

  it('keeps a pause that somebody asked for when a newer template comes', () => {
    const lab = atPause()
    lab.asks('Pause').pass()
    lab.template = 'v3'
    lab.settle()
    expect([lab.plan.waitsFor, lab.sizeOf('v3'), lab.weightOf('v1')]).to.deep.equal(['Person', 0, 100])
  })

  const REFUSED: Record<string, { ask: () => RolloutLab; want: string }> = {
    'Pause with nothing under way': { ask: () => new RolloutLab().asks('Pause'), want: 'no: no rollout is under way' },
    'Abort of the first revision': {
      ask: () => new RolloutLab({}, { ready: {}, inForce: {} }).asks('Abort'),
      want: 'no: this is the first revision: there is none to go back to, and it has no steps',
    },
    'Resume of a pause step': {
      ask: () => atPause().asks('Resume'),
      want: 'no: it is not paused by a request or an analysis; to end a pause step, ask for Promote',
    },
    'Promote of another revision': {
      ask: () => atPause().asks('Promote', 'v9'),
      want: 'no: revision v9 was meant, but it is v2 now; look again and ask again',
    },
    'Promote while the spec pauses': {
      ask: () => atPause({ paused: false }).asks('Promote'),
      want: 'no: spec.paused is true; set it to false, then nothing else may be needed',
    },
    'Retry of what was not given up': { ask: () => atPause().asks('Retry'), want: 'no: nothing was given up' },
    'RollbackTo what is not stored': {
      ask: () => atPause().asks('RollbackTo', 'v9'),
      want: 'no: no revision v9 is stored; there are v1, v2, v3, v4',
    },
    'RollbackTo what is not stored, when another one was given up': {
      ask: () => {
        const lab = atPause().asks('Abort')
        lab.settle()
        return lab.asks('RollbackTo', 'v9')
      },
      want: 'no: no revision v9 is stored; there are v1, v3, v4',
    },
    'RollbackTo what is wanted': { ask: () => atPause().asks('RollbackTo', 'v2'), want: 'no: revision v2 is wanted already' },
    'SkipStep out of the steps': { ask: () => new RolloutLab().asks('SkipStep'), want: 'no: it is in no step' },
  }
  for (const [name, { ask, want }] of Object.entries(REFUSED)) {
    it(`is refused with a reason: ${name}`, () => {
      const lab = ask()
      if (name.endsWith('the spec pauses')) lab.course = { ...lab.course, paused: true }
      const before = lab.plan.weights
      lab.pass()
      expect(said(lab)).to.equal(want)
      expect(lab.plan.weights).to.deep.equal(before)
    })
  }
})

describe('a rollout that goes round in a circle', () => {
  it('ends the pass with an error that says where, and nothing of it is stored', () => {
    const lab = atPause()
    let percent = 0
    const step = {
      do: 'setWeight',
      get percent() {
        return (percent += 1)
      },
    } as const
    lab.course = { ...lab.course, steps: [step] }
    const { state } = lab
    expect(() => lab.pass()).to.throw('the rollout of revision v2 does not come to rest: Stepping, step 1')
    expect(lab.state).to.equal(state)
  })
})
