import { describe, it } from 'mocha'
import { expect } from 'chai'
import { joinResults, readSubtasks, type Subtask } from './subtasks.ts'

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
  const done = (text: string) => ({ json: JSON.stringify({ output: text }), isDone: true })
  const failed = { json: '{"error":{}}', isDone: false }
  const cases = {
    'stand in their order': {
      results: [done('a'), failed, done('b')],
      maxBytes: 1_000,
      want: '[{"output":"a"},{"error":{}},{"output":"b"}]',
    },
    'may be none': { results: [], maxBytes: 10, want: '[]' },
    'are replaced where they do not fit': {
      results: [done('a'), done('é'.repeat(200)), done('b')],
      maxBytes: 300,
      want: '[{"output":"a"},{"big":1},{"output":"b"}]',
    },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => expect(joinResults(c.results, c.maxBytes, '{"big":1}')).to.equal(c.want))
  }
})
