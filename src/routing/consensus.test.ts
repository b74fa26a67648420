import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { FULL_WEIGHT, canonical, decide, readBallot, type CastVote, type Decision } from './consensus.ts'

/** Votes such as `A`, or `B:0.5` with a weight; `-` is a voter that failed and `?` one that is outstanding. */
const tally = (text: string) => {
  const marks = text.split(' ').filter((mark) => mark !== '')
  const cast = marks
    .filter((mark) => mark !== '-' && mark !== '?')
    .map((mark): CastVote => {
      const [key = '', weight = '1'] = mark.split(':')
      return { key, weightMillionths: Number(weight) * FULL_WEIGHT }
    })
  return { cast, outstanding: marks.filter((mark) => mark === '?').length, voters: marks.length }
}
const told = (decision: Decision) =>
  decision.kind === 'Decided' ? decision.key : decision.kind === 'NoConsensus' ? decision.reason : decision.kind

describe('a consensus', () => {
  const cases: Record<string, { votes: string; threshold?: number; want: string }> = {
    'is what all say': { votes: 'A A A', want: 'A' },
    'is what two of three say': { votes: 'A B A', want: 'A' },
    'is found before the last vote when that cannot change it': { votes: 'A A ?', want: 'A' },
    'waits while the last vote can change it': { votes: 'A B ?', want: 'Open' },
    'is not found early when the rest could fall below the threshold': { votes: 'A A ?', threshold: 67, want: 'Open' },
    'is not found when one voter of three differs and all must agree': { votes: 'A B ?', threshold: 100, want: 'BelowThreshold' },
    'is not found when three say three things': { votes: 'A B C', want: 'Tie' },
    'is not found when two choices weigh the same': { votes: 'A A B B', threshold: 50, want: 'Tie' },
    'is found at exactly the threshold': { votes: 'A A A B', threshold: 75, want: 'A' },
    'is not found just below it': { votes: 'A A A B', threshold: 76, want: 'BelowThreshold' },
    'goes by weight, not by number': { votes: 'A B:0.2 B:0.2', want: 'A' },
    'takes the threshold of the weight that was cast': { votes: 'A A -', want: 'A' },
    'needs a quorum of voters': { votes: 'A - -', want: 'NoQuorum' },
    'is out of reach as soon as too many have failed': { votes: '? - -', want: 'NoQuorum' },
    'counts votes without weight for the quorum only': { votes: 'A B:0 B:0', want: 'A' },
    'is not found when nobody gave any weight': { votes: 'A:0 A:0 A:0', want: 'BelowThreshold' },
    'needs one vote at a low threshold, if it is alone': { votes: 'A - -', threshold: 33, want: 'A' },
    'is not found early by one vote when others could outweigh it': { votes: 'A ? ?', threshold: 1, want: 'Open' },
    'can have one voter': { votes: 'A', want: 'A' },
    'fails with its one voter': { votes: '-', want: 'NoQuorum' },
    'is open before any vote': { votes: '? ? ?', want: 'Open' },
  }
  for (const [name, { votes, threshold = 66, want }] of Object.entries(cases)) {
    it(name, () => expect(told(decide(tally(votes), threshold))).to.equal(want))
  }

  it('tells the weights that decided it', () => {
    expect(decide(tally('A B:0.25 A:0.5'), 66)).to.deep.equal({
      kind: 'Decided',
      key: 'A',
      weightMillionths: 1_500_000,
      castMillionths: 1_750_000,
    })
  })
})

/** What a voter does in the end: a vote, or nothing. */
const ending = fc.option(
  fc.record({ key: fc.constantFrom('A', 'B', 'C'), weightMillionths: fc.oneof(fc.constantFrom(0, FULL_WEIGHT), fc.nat(FULL_WEIGHT)) }),
  { nil: undefined },
)
const endings = fc.array(ending, { minLength: 1, maxLength: 9 })
const threshold = fc.integer({ min: 1, max: 100 })
const after = (list: readonly (CastVote | undefined)[], count: number) => ({
  cast: list.slice(0, count).filter((vote) => vote !== undefined),
  outstanding: list.length - count,
  voters: list.length,
})
/** The same rule without looking ahead, written another way. */
const plain = (list: readonly (CastVote | undefined)[], percent: number): string => {
  const cast = list.filter((vote) => vote !== undefined)
  if (cast.length * 100 < list.length * percent) return 'NoQuorum'
  const of = (key: string) => cast.filter((vote) => vote.key === key).reduce((sum, vote) => sum + vote.weightMillionths, 0)
  const [first, second] = ['A', 'B', 'C'].map((key) => ({ key, weight: of(key) })).toSorted((a, b) => b.weight - a.weight)
  const all = cast.reduce((sum, vote) => sum + vote.weightMillionths, 0)
  if (!first || first.weight === 0) return 'BelowThreshold'
  if (first.weight === second?.weight) return 'Tie'
  return first.weight / all >= percent / 100 - 1e-12 ? first.key : 'BelowThreshold'
}

describe('decisions', () => {
  it('agree with the rule once all votes are in', () => {
    fc.assert(fc.property(endings, threshold, (list, percent) => {
      expect(told(decide(after(list, list.length), percent))).to.equal(plain(list, percent))
    }), { numRuns: 2_000 }) // prettier-ignore
  })

  it('taken early are those of every completion', () => {
    const more = fc.array(ending, { minLength: 9, maxLength: 9 })
    fc.assert(fc.property(endings, fc.nat(9), threshold, more, (list, count, percent, others) => {
      const early = decide(after(list, Math.min(count, list.length)), percent)
      if (early.kind === 'Open') return
      const completed = list.map((vote, i) => (i < count ? vote : others[i]))
      const final = decide(after(completed, list.length), percent)
      expect(final.kind).to.equal(early.kind)
      if (early.kind === 'Decided' && final.kind === 'Decided') expect(final.key).to.equal(early.key)
    }), { numRuns: 5_000 }) // prettier-ignore
  })

  it('are not put off: while one is open, there is a completion with a consensus and one without', () => {
    fc.assert(fc.property(endings, fc.nat(8), threshold, (list, count, percent) => {
      const seen = after(list, Math.min(count, list.length))
      if (decide(seen, percent).kind !== 'Open') return
      const with_ = (fill: CastVote | undefined) =>
        told(decide(after([...list.slice(0, count), ...list.slice(count).map(() => fill)], list.length), percent))
      const outcomes = new Set(['A', 'B', 'C', 'D'].map((key) => with_({ key, weightMillionths: FULL_WEIGHT })).concat(with_(undefined)))
      expect(outcomes.size).to.be.greaterThan(1)
    }), { numRuns: 5_000 }) // prettier-ignore
  })

  it('do not depend on the order of the votes', () => {
    const shuffled = endings.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
    )
    fc.assert(fc.property(shuffled, threshold, fc.nat(3), ([list, other], percent, outstanding) => {
      const of = (votes: readonly (CastVote | undefined)[]) => {
        const { cast, voters } = after(votes, votes.length)
        return decide({ cast, outstanding, voters: voters + outstanding }, percent)
      }
      expect(of(other)).to.deep.equal(of(list))
    })) // prettier-ignore
  })
})

describe('a ballot', () => {
  const wrong: Record<string, unknown> = {
    'is an object': 'A',
    'has a choice': { weight: 1 },
    'has a weight that is a number': { choice: 1, weight: '1' },
    'has no weight above 1': { choice: 1, weight: 1.01 },
    'has no weight below 0': { choice: 1, weight: -0.1 },
    'is not too deep': { choice: JSON.parse('['.repeat(101) + ']'.repeat(101)) },
    'is not too long': { choice: 'x'.repeat(70_000) },
  }
  for (const [name, output] of Object.entries(wrong)) it(name, () => expect(readBallot(output)).to.be.a('string'))

  it('has full weight unless it says less', () => {
    expect(readBallot({ choice: 'buy' })).to.deep.equal({ choice: 'buy', weight: 1, key: '"buy"', weightMillionths: FULL_WEIGHT })
    expect(readBallot({ choice: null, weight: 0.5 })).to.include({ key: 'null', weightMillionths: 500_000 })
  })

  it('means the same however its JSON is written', () => {
    const keyOf = (json: string) => canonical(JSON.parse(json), 9)
    expect(keyOf('{"b": [1.0, {"y": null, "x": "é"}], "a": -0}')).to.equal(keyOf('{"a":0,"b":[1,{"x":"\\u00e9","y":null}]}'))
    expect(keyOf('[1,2]')).to.not.equal(keyOf('[2,1]'))
    expect(keyOf('"1"')).to.not.equal(keyOf('1'))
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      expect(JSON.parse(canonical(value, 20) ?? '')).to.deep.equal(JSON.parse(JSON.stringify(value)))
    })) // prettier-ignore
  })
})
