import { describe, it } from 'mocha'
import { expect } from 'chai'
import { readSubtasks, Results, type Subtask } from './subtasks.ts'

describe('the subtasks of an answer', () => {
  const cases: Record<string, { value: unknown; want: readonly Subtask[] | RegExp }> = {
    'are read in their order': {
      value: [{ input: 1 }, { input: null, capability: 'count' }],
      want: [{ input: 1 }, { input: null, capability: 'count' }],
    },
    'may be none': { value: [], want: [] },
    'have no capability when it is null': { value: [{ input: 1, capability: null }], want: [{ input: 1 }] },
    'lose what the protocol does not know': { value: [{ input: 1, note: 'x' }], want: [{ input: 1 }] },
    'must be a list': { value: { input: 1 }, want: /not a list/ },
    'must each have an input': { value: [{ input: 1 }, { capability: 'x' }], want: /number 1 .* input/ },
    'must each be an object': { value: [1], want: /number 0/ },
    'must name capabilities by texts': { value: [{ input: 1, capability: 7 }], want: /number 0 has a capability/ },
    'must name capabilities by short texts': { value: [{ input: 1, capability: 'x'.repeat(9) }], want: /1 to 8 characters/ },
  }
  for (const [name, { value, want }] of Object.entries(cases)) {
    it(name, () => {
      const read = readSubtasks(value, 8)
      if (want instanceof RegExp) expect(read).to.match(want)
      else expect(read).to.deep.equal(want)
    })
  }
})

describe('the results of subtasks', () => {
  it('stand in the order of the subtasks, whatever order they come in', () => {
    const results = new Results(3, 1_000)
    expect(results.done(2, 'c')).to.equal(true)
    results.failed(1, { code: 'TaskTimeout' })
    expect(results.done(0, null)).to.equal(true)
    expect(results.json).to.equal('[{"output":null},{"error":{"code":"TaskTimeout"}},{"output":"c"}]')
  })

  it('may be none', () => expect(new Results(0, 10).json).to.equal('[]'))

  it('are kept within a bound of bytes, beyond which errors still fit', () => {
    const results = new Results(3, 40)
    expect(results.done(0, 'a')).to.equal(true)
    expect(results.done(1, 'é'.repeat(12))).to.equal(false)
    results.failed(1, { code: 'ResultTooLarge' })
    expect(results.done(2, 'b')).to.equal(true)
    expect(results.json).to.equal('[{"output":"a"},{"error":{"code":"ResultTooLarge"}},{"output":"b"}]')
  })
})
