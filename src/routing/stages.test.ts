import { describe, it } from 'mocha'
import { expect } from 'chai'
import { stateOf, wayOf, type AskedDirection, type StageLoad, type StageState, type Way } from './stages.ts'

const ready = (stage: string, over: Partial<StageLoad> = {}): StageLoad => ({ stage, capacity: 4, waiting: 0, limit: 4, ...over })
const broken = (stage: string, waiting = 0): StageLoad => ready(stage, { capacity: 0, waiting })
const full = (stage: string): StageLoad => ready(stage, { waiting: 4 })

describe('the state of a stage', () => {
  const cases: Record<string, { capacity: number; waiting: number; want: StageState }> = {
    'is Ready when nothing waits': { capacity: 4, waiting: 0, want: 'Ready' },
    'is Waiting when something waits': { capacity: 4, waiting: 3, want: 'Waiting' },
    'is Full when as much waits as can be worked on': { capacity: 4, waiting: 4, want: 'Full' },
    'is Broken without an agent': { capacity: 0, waiting: 0, want: 'Broken' },
    'is Broken without an agent, whatever waits': { capacity: 0, waiting: 9, want: 'Broken' },
  }
  for (const [name, { want, ...load }] of Object.entries(cases)) it(name, () => expect(stateOf(load)).to.equal(want))
})

describe('the way of a new task through a ring', () => {
  const cases: Record<string, { stages: StageLoad[]; asked: AskedDirection; want: Way }> = {
    'is forward': { stages: [ready('a'), ready('b')], asked: 'forward', want: { direction: 'forward' } },
    'is reverse when asked for': { stages: [ready('a'), ready('b')], asked: 'reverse', want: { direction: 'reverse' } },
    'is forward when it does not matter': { stages: [ready('a'), ready('b')], asked: 'any', want: { direction: 'forward' } },
    'is refused for a broken stage': {
      stages: [ready('a'), broken('b'), broken('c')],
      asked: 'forward',
      want: { refusal: 'StageBroken', stage: 'b' },
    },
    'is refused for the broken stage that comes first on the way back': {
      stages: [ready('a'), broken('b'), broken('c')],
      asked: 'reverse',
      want: { refusal: 'StageBroken', stage: 'c' },
    },
    'is refused for a full stage': { stages: [ready('a'), full('b')], asked: 'forward', want: { refusal: 'StageFull', stage: 'b' } },
    'is refused for a full stage, whichever way': {
      stages: [full('a'), ready('b')],
      asked: 'any',
      want: { refusal: 'StageFull', stage: 'a' },
    },
    'is refused for the broken one of a full and a broken stage': {
      stages: [full('a'), broken('b')],
      asked: 'forward',
      want: { refusal: 'StageBroken', stage: 'b' },
    },
    'puts a broken first stage off': {
      stages: [broken('a'), ready('b'), ready('c')],
      asked: 'any',
      want: { direction: 'reverse' },
    },
    'puts a broken last stage off': { stages: [ready('a'), ready('b'), broken('c')], asked: 'any', want: { direction: 'forward' } },
    'is forward to a broken stage in the middle': {
      stages: [ready('a'), broken('b'), ready('c')],
      asked: 'any',
      want: { direction: 'forward' },
    },
    'is refused when both ways begin broken': {
      stages: [broken('a'), ready('b'), broken('c')],
      asked: 'any',
      want: { refusal: 'StageBroken', stage: 'a' },
    },
    'is refused when enough waits for the broken stage': {
      stages: [ready('a'), ready('b'), broken('c', 4)],
      asked: 'any',
      want: { refusal: 'StageBroken', stage: 'c' },
    },
    'is refused when the only stage is broken': { stages: [broken('a')], asked: 'any', want: { refusal: 'StageBroken', stage: 'a' } },
  }
  for (const [name, { stages, asked, want }] of Object.entries(cases)) it(name, () => expect(wayOf(stages, asked)).to.deep.equal(want))
})
