import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { planAgent, type Health, type World } from './plan.ts'

const NOW = 1_000_000
const running = { state: 'Running', commandStarted: true } as const
const made = { state: 'Running', commandStarted: false } as const
const health = (over: Partial<Health> = {}): Health => ({ outcome: 'ready', failures: 0, sinceMs: NOW - 1_000, ...over })
const world = (over: Partial<World> = {}): World => ({
  deleting: false,
  isForced: false,
  isHeld: true,
  wanted: 'Running',
  isPrepared: false,
  sleepsWarm: false,
  isLost: false,
  mayExist: false,
  isSuspect: false,
  wasReady: true,
  failureThreshold: 3,
  replaceAfterMs: 30_000,
  nowMs: NOW,
  ...over,
})

const CASES: Record<string, { world: World; want: object }> = {
  'creates a sandbox for a new agent': { world: world(), want: { do: 'create' } },
  'looks for a sandbox before it creates one, when one may exist': { world: world({ mayExist: true }), want: { do: 'find' } },
  'creates nothing for an agent that is to go': { world: world({ wanted: 'Draining' }), want: { do: 'rest' } },
  'creates a sandbox for the warm pool': { world: world({ wanted: 'Warm' }), want: { do: 'create' } },
  'writes the files into a sandbox of the warm pool': { world: world({ wanted: 'Warm', sandbox: made }), want: { do: 'prepare' } },
  'lets one rest that has its files': { world: world({ wanted: 'Warm', sandbox: made, isPrepared: true }), want: { do: 'rest' } },
  'puts it to sleep where the pool sleeps': {
    world: world({ wanted: 'Warm', sandbox: made, isPrepared: true, sleepsWarm: true }),
    want: { do: 'pause' },
  },
  'lets one sleep in a pool that sleeps': {
    world: world({ wanted: 'Warm', sandbox: { ...made, state: 'Paused' }, isPrepared: true, sleepsWarm: true }),
    want: { do: 'rest' },
  },
  'wakes it where the pool is awake': {
    world: world({ wanted: 'Warm', sandbox: { ...made, state: 'Paused' }, isPrepared: true }),
    want: { do: 'resume' },
  },
  'wakes one that sleeps without its files': {
    world: world({ wanted: 'Warm', sandbox: { ...made, state: 'Paused' }, sleepsWarm: true }),
    want: { do: 'resume' },
  },
  'gives up a sandbox of the warm pool that is gone': {
    world: world({ wanted: 'Warm', sandbox: { ...made, state: 'Gone' }, isPrepared: true }),
    want: { do: 'giveUp', reason: 'SandboxGone' },
  },
  'wakes one that is taken': {
    world: world({ sandbox: { ...made, state: 'Paused' }, isPrepared: true, sleepsWarm: true }),
    want: { do: 'resume' },
  },
  'starts the command in a new sandbox': { world: world({ sandbox: { state: 'Running', commandStarted: false } }), want: { do: 'start' } },
  'checks a started agent': { world: world({ sandbox: running }), want: { do: 'check' } },
  'leaves a ready agent alone': { world: world({ sandbox: running, health: health() }), want: { do: 'rest' } },
  'asks the provider when a check says that the sandbox is gone': {
    world: world({ sandbox: running, health: health({ outcome: 'sandbox-gone', failures: 1 }) }),
    want: { do: 'verify' },
  },
  'asks the provider when the sandbox was not in its list': {
    world: world({ sandbox: running, isSuspect: true, health: health() }),
    want: { do: 'verify' },
  },
  'gives up an agent whose sandbox is gone': {
    world: world({ sandbox: { state: 'Gone', commandStarted: true } }),
    want: { do: 'giveUp', reason: 'SandboxGone' },
  },
  'does not act on one failed check': {
    world: world({ sandbox: running, health: health({ outcome: 'not-listening', failures: 1 }) }),
    want: { do: 'rest' },
  },
  'looks whether the command has ended when nothing listens': {
    world: world({ sandbox: running, health: health({ outcome: 'not-listening', failures: 3 }) }),
    want: { do: 'inspect' },
  },
  'gives up an agent whose command has ended': {
    world: world({ sandbox: running, exit: { exited: true }, health: health({ outcome: 'not-listening', failures: 3 }) }),
    want: { do: 'giveUp', reason: 'CommandExited' },
  },
  'waits without end for an agent that never got ready': {
    world: world({
      sandbox: running,
      wasReady: false,
      exit: { exited: false },
      health: health({ outcome: 'not-listening', failures: 900, sinceMs: 0 }),
    }),
    want: { do: 'rest' },
  },
  'gives an agent that was ready its time to come back': {
    world: world({ sandbox: running, health: health({ outcome: 'no-answer', failures: 3, sinceMs: NOW - 1_000 }) }),
    want: { do: 'rest', checkAgainMs: 29_000 },
  },
  'gives it up when that has passed': {
    world: world({ sandbox: running, health: health({ outcome: 'no-answer', failures: 30, sinceMs: NOW - 30_000 }) }),
    want: { do: 'giveUp', reason: 'NotResponding' },
  },
  pauses: { world: world({ wanted: 'Paused', sandbox: running }), want: { do: 'pause' } },
  'leaves a paused agent alone': {
    world: world({ wanted: 'Paused', sandbox: { state: 'Paused', commandStarted: true } }),
    want: { do: 'rest' },
  },
  resumes: { world: world({ sandbox: { state: 'Paused', commandStarted: true } }), want: { do: 'resume' } },
  'leaves a lost agent to the swarm': {
    world: world({ isLost: true, sandbox: { state: 'Gone', commandStarted: true } }),
    want: { do: 'rest' },
  },
  'kills the sandbox of a deleted agent': { world: world({ deleting: true, sandbox: running }), want: { do: 'kill' } },
  'looks for the sandbox of a deleted agent that may have one': { world: world({ deleting: true, mayExist: true }), want: { do: 'find' } },
  'lets a deleted agent go when its sandbox is gone': {
    world: world({ deleting: true, sandbox: { state: 'Gone', commandStarted: true } }),
    want: { do: 'release' },
  },
  'lets a deleted agent go at once when forced': {
    world: world({ deleting: true, isForced: true, sandbox: running }),
    want: { do: 'release' },
  },
  'rests once it is released': { world: world({ deleting: true, isHeld: false, sandbox: running }), want: { do: 'rest' } },
}

describe('planAgent', () => {
  for (const [name, c] of Object.entries(CASES)) it(name, () => expect(planAgent(c.world)).to.deep.equal(c.want))

  it('never lets go of a sandbox that may live, unless forced', () => {
    const sandbox = fc.option(
      fc.record({ state: fc.constantFrom('Running' as const, 'Paused' as const, 'Gone' as const), commandStarted: fc.boolean() }),
      { nil: undefined },
    )
    const any = fc.record({
      sandbox,
      mayExist: fc.boolean(),
      isLost: fc.boolean(),
      isSuspect: fc.boolean(),
      wanted: fc.constantFrom('Running' as const, 'Draining' as const, 'Paused' as const),
    })
    fc.assert(
      fc.property(any, ({ sandbox: at, ...over }) => {
        const step = planAgent(world({ ...over, deleting: true, ...(at && { sandbox: at }) }))
        const mayLive = at ? at.state !== 'Gone' : over.mayExist
        expect(step.do === 'release').to.equal(!mayLive)
      }),
    )
  })
})
