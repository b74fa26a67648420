import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Foresight, needOf } from './foresight.ts'
import type { StoredHistory } from './history.ts'

const SEASON_MS = 600_000
const STEP_MS = 3_000
const PREDICTIVE = { mode: 'Scale', seasonMs: SEASON_MS, horizonMs: 30_000 } as const
const asked = (ms: number) => (ms % SEASON_MS < SEASON_MS / 2 ? 2 : 9)

/** Records from one moment to another, a look each second. */
function watch(foresight: Foresight, fromMs: number, toMs: number): void {
  for (let ms = fromMs; ms < toMs; ms += 1_000) foresight.see(PREDICTIVE, asked(ms), ms)
}
const stored = (foresight: Foresight, nowMs: number) => {
  const found = foresight.stored(undefined, nowMs)
  if (!found) throw new Error('nothing is recorded')
  return found
}

describe('what is needed', () => {
  const cases: Record<string, { answers: Parameters<typeof needOf>[0]; want: number | undefined }> = {
    'is the largest answer': {
      answers: [
        { state: 'Fresh', wanted: 3 },
        { state: 'Fresh', wanted: 7 },
      ],
      want: 7,
    },
    'is not known while a metric has failed that keeps what there is': {
      answers: [
        { state: 'Fresh', wanted: 3 },
        { state: 'Stale', wanted: 7 },
      ],
      want: undefined,
    },
    'does not depend on one that is ignored while it has failed': {
      answers: [{ state: 'Fresh', wanted: 3 }, { state: 'NoData' }],
      want: 3,
    },
    'is not known when none has a say': { answers: [{ state: 'Fresh' }], want: undefined },
  }
  for (const [name, { answers, want }] of Object.entries(cases)) it(name, () => expect(needOf(answers)).to.equal(want))
})

describe('the load as it was', () => {
  it('is the same after a restart, with what it lets expect', () => {
    const before = new Foresight(undefined, 0)
    watch(before, 0, 3 * SEASON_MS)
    const made = before.see(PREDICTIVE, undefined, 3 * SEASON_MS)
    expect(made).to.deep.include({ state: 'Made', isBetter: true })
    const after = new Foresight(stored(before, 3 * SEASON_MS), 3 * SEASON_MS)
    expect(after.see(PREDICTIVE, undefined, 3 * SEASON_MS)).to.deep.equal(made)
  })

  it('has a gap where nobody looked', () => {
    const before = new Foresight(undefined, 0)
    watch(before, 0, 30_000)
    const after = new Foresight(stored(before, 30_000), 60_000)
    watch(after, 60_000, 63_000)
    expect(stored(after, 63_000)).to.deep.include({ from: '1970-01-01T00:00:00.000Z', load: '2x10 -x10 2' })
  })

  it('begins anew with another season, and from what cannot be read', () => {
    const old: StoredHistory = { at: '1970-01-01T00:00:30Z', from: '1970-01-01T00:00:00Z', stepSeconds: 300, load: '7x5' }
    for (const from of [old, { ...old, stepSeconds: 3, load: 'seven' }]) {
      const foresight = new Foresight(from, 60_000)
      watch(foresight, 60_000, 60_000 + STEP_MS)
      expect(foresight.stored(from, 63_000)?.load).to.equal('2')
    }
  })

  it('is stored once a minute, or once a step when that is longer', () => {
    const writes = (predictive: Parameters<Foresight['see']>[0], lastsMs: number) => {
      const foresight = new Foresight(undefined, 0)
      let kept: StoredHistory | undefined
      let count = 0
      for (let ms = 0; ms < lastsMs; ms += 1_000) {
        foresight.see(predictive, 3, ms)
        const next = foresight.stored(kept, ms)
        if (next !== kept) count += 1
        kept = next
      }
      return count
    }
    expect(writes(PREDICTIVE, 600_000)).to.equal(10)
    expect(writes({ ...PREDICTIVE, seasonMs: 86_400_000 }, 3_600_000)).to.equal(12)
  })

  it('is stored nowhere before anything was recorded', () => {
    expect(new Foresight(undefined, 0).stored(undefined, 0)).to.equal(undefined)
  })
})
