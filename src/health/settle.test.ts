import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { HEALTH_STATES } from '../api/health.ts'
import { severity, type Verdict } from './judge.ts'
import { LOOKS_TO_IMPROVE, settle, type Held } from './settle.ts'

const look = (text: string): Verdict => {
  const [state = '', reason = 'Healthy'] = text.split(':')
  const found = HEALTH_STATES.find((s) => s === state)
  if (!found) throw new Error(`no such state: ${state}`)
  return { state: found, reason, message: '' }
}
const standing = (looks: readonly Verdict[], mayImprove = true) => {
  let held: Held | undefined
  return looks.map((each) => {
    held = settle(held, each, mayImprove)
    return held.verdict
  })
}

const C = 'Critical:Cpu'
const D = 'Degraded:Cpu'
const H = 'Healthy'
const CASES: Record<string, { looks: string[]; want: string[]; mayImprove?: boolean }> = {
  'gets worse at once': { looks: [H, D, C], want: [H, D, C] },
  'gets better after three looks in a row': { looks: [C, H, H, H], want: [C, C, C, H] },
  'begins to count again after a look that was not better': { looks: [D, H, H, D, H, H, H], want: [D, D, D, D, D, D, H] },
  'gets better to the worst of these looks only': { looks: [C, H, D, H, H, H, H], want: [C, C, C, D, D, D, H] },
  'changes its reason after three looks in a row': {
    looks: [D, 'Degraded:Errors', 'Degraded:Errors', 'Degraded:Errors'],
    want: [D, D, D, 'Degraded:Errors'],
  },
  'does not get better before it may': { looks: [C, H, H, H, H], want: [C, C, C, C, C], mayImprove: false },
  'gets worse although it may not get better': { looks: [D, C], want: [D, C], mayImprove: false },
}

describe('the verdict that stands', () => {
  for (const [name, c] of Object.entries(CASES))
    it(name, () => expect(standing(c.looks.map(look), c.mayImprove)).to.deep.equal(c.want.map(look)))

  const anyLook = fc.constantFrom(H, D, C, 'Degraded:Errors', 'Critical:Errors').map(look)
  it('is never better than the last look, and improves at most once in three looks', () => {
    fc.assert(
      fc.property(fc.array(anyLook, { maxLength: 60 }), (looks) => {
        const stood = standing(looks)
        let since = 0
        for (const [i, verdict] of stood.entries()) {
          expect(severity(verdict.state)).to.be.at.least(severity(looks[i]?.state ?? 'Healthy'))
          since += 1
          const before = stood[i - 1]
          if (!before || verdict.state === before.state) continue
          if (severity(verdict.state) < severity(before.state)) expect(since).to.be.at.least(LOOKS_TO_IMPROVE)
          since = 0
        }
      }),
    )
  })
})
