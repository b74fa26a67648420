import { beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { FRESH_MS, GRACE_MS, REFRESH_MS, REFUSED_MS, REVIEW_MS } from './limits.ts'
import { ReviewCache, type Answer, type Reviewed } from './review-cache.ts'

const AWAY = new Error('the API server is away')

describe('answers of the API server', () => {
  let nowMs: number
  let asked: number
  let says: Reviewed<string> | Error
  let cache: ReviewCache<string>
  beforeEach(() => {
    nowMs = 1_000
    asked = 0
    says = { good: 'jane' }
    cache = new ReviewCache({ max: { good: 4, refused: 4 }, now: () => nowMs })
  })

  const review = async (): Promise<Reviewed<string>> => {
    asked += 1
    const said = says
    await Promise.resolve()
    if (said instanceof Error) throw said
    return said
  }
  const ask = (key = 'k') => cache.ask(key, review)
  const word = (answer: Answer<string>) => (answer.kind === 'good' ? answer.value : answer.kind)
  /** What is answered at a moment, whether at once, and how often the API server was asked by then. */
  const at = async (ms: number) => {
    nowMs = ms
    const answer = ask()
    const seen = { answer: word(await answer), atOnce: !(answer instanceof Promise), asked }
    await new Promise(setImmediate) // what is asked in the background has its answer
    return seen
  }

  it('are given at once for a while, then asked for again in the background, then waited for', async () => {
    expect(await at(0)).to.deep.equal({ answer: 'jane', atOnce: false, asked: 1 })
    expect(await at(REFRESH_MS - 1)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 1 })
    says = { good: 'joan' }
    expect(await at(REFRESH_MS)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 2 })
    expect(await at(REFRESH_MS + 1)).to.deep.equal({ answer: 'joan', atOnce: true, asked: 2 })
    expect(await at(REFRESH_MS + FRESH_MS)).to.deep.equal({ answer: 'joan', atOnce: false, asked: 3 })
  })

  it('end with the time that they name, when that comes first', async () => {
    says = { good: 'jane', untilMs: 5_000 }
    await at(0)
    expect((await at(4_999)).asked).to.equal(1)
    says = { refused: 'expired' }
    expect(await at(5_000)).to.deep.equal({ answer: 'refused', atOnce: false, asked: 2 })
  })

  it('are taken back within a minute', async () => {
    await at(0)
    says = { refused: 'revoked' }
    expect(await at(FRESH_MS - 1)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 2 })
    expect(await at(FRESH_MS)).to.deep.equal({ answer: 'refused', atOnce: true, asked: 2 })
  })

  it('are remembered for a shorter time when they are refusals', async () => {
    says = { refused: 'wrong' }
    await at(0)
    says = { good: 'jane' }
    expect(await at(REFUSED_MS - 1)).to.deep.equal({ answer: 'refused', atOnce: true, asked: 1 })
    expect(await at(REFUSED_MS)).to.deep.equal({ answer: 'jane', atOnce: false, asked: 2 })
  })

  it('that were good hold on for a bounded time while none come, and are asked for once a second', async () => {
    await at(0)
    says = AWAY
    expect(await at(FRESH_MS)).to.deep.equal({ answer: 'jane', atOnce: false, asked: 2 })
    expect(await at(FRESH_MS + REVIEW_MS.pauseMs - 1)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 2 })
    expect(await at(FRESH_MS + REVIEW_MS.pauseMs)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 3 })
    expect(await at(GRACE_MS - 1)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 4 })
    expect(await at(GRACE_MS)).to.deep.equal({ answer: 'unknown', atOnce: false, asked: 5 })
    says = { good: 'jane' }
    expect(await at(GRACE_MS + 1)).to.deep.equal({ answer: 'jane', atOnce: false, asked: 6 })
    expect(await at(GRACE_MS + 2)).to.deep.equal({ answer: 'jane', atOnce: true, asked: 6 })
  })

  it('do not outlive a token while none come', async () => {
    says = { good: 'jane', untilMs: FRESH_MS + 5_000 }
    await at(0)
    says = AWAY
    expect((await at(FRESH_MS + 4_999)).answer).to.equal('jane')
    expect((await at(FRESH_MS + 5_000)).answer).to.equal('unknown')
  })

  it('are unknown while none come to a new question, which is asked again at once', async () => {
    says = AWAY
    expect(await at(0)).to.deep.equal({ answer: 'unknown', atOnce: false, asked: 1 })
    expect(await at(0)).to.deep.equal({ answer: 'unknown', atOnce: false, asked: 2 })
  })

  it('are asked for once by all who wait for the same one', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, async () => ask()))
    expect([new Set(answers.map(word)), asked]).to.deep.equal([new Set(['jane']), 1])
  })

  it('are no more than a number, and refusals do not drive out what is good', async () => {
    await ask('jane')
    says = { refused: 'wrong' }
    for (let i = 0; i < 100; i++) await ask(`made-up-${i}`)
    expect(cache.sizes).to.deep.equal({ good: 1, refused: 4 })
    expect(cache.known('jane')?.kind).to.equal('good')
    says = { good: 'somebody' }
    for (let i = 0; i < 100; i++) await ask(`new-${i}`)
    expect(cache.sizes).to.deep.equal({ good: 4, refused: 4 })
  })
})
