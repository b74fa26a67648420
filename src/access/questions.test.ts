import { describe, it } from 'mocha'
import { expect } from 'chai'
import { ALL_RIGHTS, TOKENS_OF_ADDRESS, UNKNOWN_RIGHTS, UNKNOWN_TOKENS } from './limits.ts'
import { RightQuestions, TokenQuestions } from './questions.ts'

/** How many of so many are let through. */
const count = (tries: number, take: (i: number) => boolean) => Array.from({ length: tries }, (_, i) => take(i)).filter(Boolean).length

describe('questions about tokens', () => {
  it('are so many of an address at once, then so many a second', () => {
    const questions = new TokenQuestions()
    expect(count(500, () => questions.take('10.0.0.1', 0))).to.equal(TOKENS_OF_ADDRESS.burst)
    expect(count(500, () => questions.take('10.0.0.1', 1_000))).to.equal(TOKENS_OF_ADDRESS.perSecond)
    expect(count(500, () => questions.take('10.0.0.2', 1_000))).to.equal(TOKENS_OF_ADDRESS.burst)
  })

  it('are so many of all addresses, and none is charged for what it is refused then', () => {
    const questions = new TokenQuestions()
    expect(count(1_000, (i) => questions.take(`10.0.${i >> 8}.${i & 255}`, 0))).to.equal(UNKNOWN_TOKENS.burst)
    expect(count(500, () => questions.take('10.1.0.1', 0))).to.equal(0)
    expect(count(500, () => questions.take('10.1.0.1', 60_000))).to.equal(TOKENS_OF_ADDRESS.burst)
  })

  it('cost an address nothing when the token is good', () => {
    const questions = new TokenQuestions()
    const taken = count(500, () => {
      const isTaken = questions.take('10.0.0.1', 0)
      if (isTaken) questions.wasGood('10.0.0.1')
      return isTaken
    })
    // All but the first are those of an address that is proven.
    expect(taken).to.equal(1 + UNKNOWN_TOKENS.burst)
  })

  it('from where a good token came are asked although others send as many bad ones as they like, from anywhere', () => {
    const questions = new TokenQuestions()
    questions.take('10.0.0.1', 0)
    questions.wasGood('10.0.0.1')
    count(100_000, (i) => questions.take(`10.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`, 0))
    expect(questions.take('10.9.9.9', 0)).to.equal(false)
    expect(questions.take('10.0.0.1', 0)).to.equal(true)
  })

  const senders: Record<string, readonly [string, string, boolean]> = {
    'an address of IPv4, however it is written': ['10.0.0.1', '::ffff:10.0.0.1', true],
    'two addresses of IPv4': ['::ffff:10.0.0.1', '::ffff:10.0.0.2', false],
    'two addresses of a network of IPv6': ['2001:db8:1:2::1', '2001:db8:1:2:a:b:c:d', true],
    'the same network with its zeros left out elsewhere': ['2001:db8::2:0:0:0:1', '2001:db8:0:2::7', true],
    'two networks of IPv6': ['2001:db8:1:2::1', '2001:db8:1:3::1', false],
    'itself and another machine': ['::1', '2001::1', false],
  }
  for (const [name, [one, other, isSame]] of Object.entries(senders))
    it(`take ${name} for ${isSame ? 'one sender' : 'two senders'}`, () => {
      const questions = new TokenQuestions()
      count(500, () => questions.take(one, 0))
      expect(questions.take(other, 0)).to.equal(!isSame)
    })
})

describe('questions about rights', () => {
  it('are so many of a user at once, then so many a second, and others have their own', () => {
    const questions = new RightQuestions()
    expect(count(2_000, () => questions.take('jane', 0))).to.equal(UNKNOWN_RIGHTS.burst)
    expect(count(2_000, () => questions.take('jane', 1_000))).to.equal(UNKNOWN_RIGHTS.perSecond)
    expect(count(2_000, () => questions.take('joe', 1_000))).to.equal(UNKNOWN_RIGHTS.burst)
  })

  it('count together for all ServiceAccounts of a namespace', () => {
    const questions = new RightQuestions()
    expect(count(2_000, (i) => questions.take(`system:serviceaccount:team:worker-${i}`, 0))).to.equal(UNKNOWN_RIGHTS.burst)
    expect(questions.take('system:serviceaccount:team-b:worker', 0)).to.equal(true)
  })

  it('are so many of all users, and none is charged for what it is refused then', () => {
    const questions = new RightQuestions()
    expect(count(10_000, (i) => questions.take(`user-${i}`, 0))).to.equal(ALL_RIGHTS.burst)
    expect(count(2_000, () => questions.take('jane', 0))).to.equal(0)
    expect(count(2_000, () => questions.take('jane', 60_000))).to.equal(UNKNOWN_RIGHTS.burst)
  })
})
