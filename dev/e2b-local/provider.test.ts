import { expect } from 'chai'
import { describe, it } from 'mocha'
import { ApiError } from './errors.ts'
import { type Behaviour, DEFAULT_BEHAVIOUR } from './options.ts'
import { Provider } from './provider.ts'

/** A provider at a moment that the test sets, with the chances that it is given in turn. */
function at(behaviour: Partial<Behaviour>, chances: number[] = []): { provider: Provider; clock: { nowMs: number } } {
  const clock = { nowMs: 1_000_000 }
  const provider = new Provider(
    { ...DEFAULT_BEHAVIOUR, ...behaviour },
    () => chances.shift() ?? 0.99,
    () => clock.nowMs,
  )
  return { provider, clock }
}

/** `created`, or how a create was refused. */
function create(provider: Provider, running = 0): string {
  try {
    provider.admitCreate(running)
    return 'created'
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    return `${error.code} ${error.headers['retry-after'] ?? 'no time'}`
  }
}

describe('a provider', () => {
  it('without a rate takes every create', () => {
    const { provider } = at({})
    expect(new Set(Array.from({ length: 1_000 }, () => create(provider)))).to.deep.equal(new Set(['created']))
  })

  const rates: Record<string, { rate: number; waits: number[]; want: string[] }> = {
    'takes as many at once as it takes in a second': { rate: 2, waits: [0, 0, 0], want: ['created', 'created', '429 1'] },
    'takes the next when its time has come': { rate: 1, waits: [0, 999, 1, 0], want: ['created', '429 1', 'created', '429 1'] },
    'saves up no more than a second': { rate: 2, waits: [60_000, 0, 0], want: ['created', 'created', '429 1'] },
    'takes one every ten seconds and says how long it is': {
      rate: 0.1,
      waits: [0, 0, 5_000, 5_000],
      want: ['created', '429 10', '429 5', 'created'],
    },
  }
  for (const [name, { rate, waits, want }] of Object.entries(rates))
    it(name, () => {
      // A rate below one begins with nothing saved up.
      const { provider, clock } = at({ createRate: rate })
      if (rate < 1) clock.nowMs += 1_000 / rate
      const got = waits.map((waitMs) => {
        clock.nowMs += waitMs
        return create(provider)
      })
      expect(got).to.deep.equal(want)
    })

  it('refuses beyond the cap without a time to come again, and does not count it against the rate', () => {
    const { provider } = at({ maxSandboxes: 2, createRate: 1 })
    expect([create(provider, 2), create(provider, 1)]).to.deep.equal(['429 no time', 'created'])
  })

  it('begins a new rate with a full second', () => {
    const { provider } = at({ createRate: 1 })
    create(provider)
    provider.change({ createRate: 3 })
    expect([create(provider), create(provider), create(provider), create(provider)]).to.deep.equal([
      'created',
      'created',
      'created',
      '429 1',
    ])
  })

  it('fails by chance', () => {
    const { provider } = at({ failureRate: 0.5 }, [0.4, 0.5])
    expect(() => provider.mayFail())
      .to.throw(ApiError)
      .with.property('code', 500)
    provider.mayFail()
  })

  it('loses answers by chance, in one way or the other', () => {
    const { provider } = at({ ambiguousRate: 0.5 }, [0.6, 0.4, 0.4, 0.4, 0.6])
    expect([provider.losesAnswer(), provider.losesAnswer(), provider.losesAnswer()]).to.deep.equal([undefined, 'reset', 'bad-gateway'])
  })

  const lives: Record<string, { timeoutS: unknown; startedAgoMs: number; want: number | 'refused' }> = {
    'ends a life after the time asked for': { timeoutS: 60, startedAgoMs: 0, want: 60_000 },
    'ends a life at once': { timeoutS: 0, startedAgoMs: 0, want: 0 },
    'ends a life at the end of the longest session': { timeoutS: 3_600, startedAgoMs: 1_800_000, want: 1_800_000 },
    'refuses more than the longest session': { timeoutS: 3_601, startedAgoMs: 0, want: 'refused' },
    'refuses a negative time': { timeoutS: -1, startedAgoMs: 0, want: 'refused' },
    'refuses parts of a second': { timeoutS: 1.5, startedAgoMs: 0, want: 'refused' },
    'refuses infinity': { timeoutS: Infinity, startedAgoMs: 0, want: 'refused' },
    'refuses text': { timeoutS: '60', startedAgoMs: 0, want: 'refused' },
    'refuses nothing': { timeoutS: undefined, startedAgoMs: 0, want: 'refused' },
  }
  for (const [name, { timeoutS, startedAgoMs, want }] of Object.entries(lives))
    it(name, () => {
      const { provider, clock } = at({ maxSessionMs: 3_600_000 })
      const life = () => provider.endOfLife(timeoutS, clock.nowMs - startedAgoMs) - clock.nowMs
      if (want === 'refused') expect(life).to.throw(ApiError).with.property('code', 400)
      else expect(life()).to.equal(want)
    })
})
