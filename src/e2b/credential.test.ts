import { expect } from 'chai'
import { describe, it } from 'mocha'
import { OperatorError, WaitingError } from '../errors.ts'
import { Credential, type Kind, type Seen } from './credential.ts'

const DOING = { what: 'creating a sandbox of template', about: 'base', isCreate: true }

/** A credential with its clock, and what a try to enter comes to. */
function setUp(createsPerSecond = 0) {
  let nowMs = 5_000_000
  const credential = new Credential({ createsPerSecond, clock: { now: () => nowMs, after: () => () => undefined } })
  const attempt = async (kind: Kind = 'create', isSpare = false) => {
    try {
      await credential.enter(kind, DOING, { isSpare })
      return 'granted'
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      return error instanceof WaitingError ? `${error.reason} ${error.retryAfterMs}` : error.reason
    }
  }
  const see = async (seen: Seen, kind: Kind = 'create') => {
    await credential.enter(kind, DOING, {})
    credential.leave(kind, seen)
  }
  return { credential, attempt, see, pass: (ms: number) => (nowMs += ms) }
}

describe('Credential', () => {
  it('does not try a refused key again for ten seconds, for any call', async () => {
    const { attempt, see, pass, credential } = setUp()
    await see({ as: 'rejected' }, 'call')
    expect([await attempt('create'), await attempt('call')]).to.deep.equal(['CredentialsRejected', 'CredentialsRejected'])
    expect(credential.pressure()).to.deep.equal({ waiting: 0, reason: 'CredentialsRejected' })
    pass(10_000)
    expect(await attempt('call')).to.equal('granted')
  })

  it('lets one try a refused key after that, while the others wait for what comes of it', async () => {
    const { attempt, see, pass, credential } = setUp()
    await see({ as: 'rejected' }, 'create')
    pass(10_000)
    const [first, ...others] = [attempt(), attempt(), attempt()]
    expect(await first).to.equal('granted')
    expect(credential.pressure().waiting).to.equal(2)
    credential.leave('create', { as: 'rejected' })
    expect(await Promise.all(others)).to.deep.equal(['CredentialsRejected', 'CredentialsRejected'])
  })

  it('holds creates back after the account was full, five seconds first and at most thirty', async () => {
    const { attempt, see, pass } = setUp()
    const pauses: string[] = []
    for (let i = 0; i < 5; i++) {
      await see({ as: 'no-room' })
      pauses.push(await attempt())
      pass(30_000)
    }
    expect(pauses).to.deep.equal([5, 10, 20, 30, 30].map((s) => `QuotaExceeded ${s * 1_000}`))
  })

  it('counts refusals of creates that were under way together as one', async () => {
    const { attempt, credential } = setUp()
    for (let i = 0; i < 3; i++) await credential.enter('create', DOING, {})
    for (let i = 0; i < 3; i++) credential.leave('create', { as: 'no-room' })
    expect(await attempt()).to.equal('QuotaExceeded 5000')
  })

  it('lets other calls through while creates are held back', async () => {
    const { attempt, see } = setUp()
    await see({ as: 'no-room' })
    expect(await attempt('call')).to.equal('granted')
  })

  it('lets creates through once a sandbox has made room', async () => {
    const { attempt, see, credential } = setUp()
    await see({ as: 'no-room' })
    credential.freed()
    expect(await attempt()).to.equal('granted')
  })

  it('says until when and why creates are held back', async () => {
    const { see, credential } = setUp()
    expect(credential.pressure()).to.deep.equal({ waiting: 0 })
    await see({ as: 'no-room' })
    expect(credential.pressure()).to.deep.equal({ createPausedUntilMs: 5_005_000, waiting: 0, reason: 'QuotaExceeded' })
  })

  it('says that the rate is used up when the turn would come too late', async () => {
    const { attempt } = setUp(1)
    expect(await attempt()).to.equal('granted')
    const waiting = Array.from({ length: 10 }, () => attempt())
    expect(await attempt()).to.equal('RateLimited 11000')
    expect(waiting).to.have.length(10)
  })

  it('pauses only the calls that came too fast', async () => {
    const { attempt, see, credential } = setUp()
    await see({ as: 'too-fast', retryAfterMs: 20_000 })
    expect([await attempt('create'), await attempt('call')]).to.deep.equal(['RateLimited 20000', 'granted'])
    expect(credential.pressure()).to.deep.equal({ createPausedUntilMs: 5_020_000, waiting: 0, reason: 'RateLimited' })
  })

  it('gives a spare call a turn only when one is free at once', async () => {
    const { attempt, see, pass } = setUp()
    expect(await attempt('call', true)).to.equal('granted')
    await see({ as: 'too-fast', retryAfterMs: 5_000 }, 'call')
    expect(await attempt('call', true)).to.equal('RateLimited 5000')
    const waiting = attempt('call')
    pass(6_000)
    expect(await attempt('call', true), 'somebody waits').to.match(/^RateLimited/)
    void waiting
  })

  it('names no key in its messages', async () => {
    const { credential } = setUp()
    for (const error of [credential.rejected(DOING), credential.full(DOING)])
      expect(error.message).to.match(/creating a sandbox of template base/)
  })
})
