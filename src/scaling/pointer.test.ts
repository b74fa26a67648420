import { describe, it } from 'mocha'
import { expect } from 'chai'
import { numberAt } from './pointer.ts'

const DOCUMENT = { data: [{ index: 0.85 }, { index: '12.5' }], 'a/b': 1, 'm~n': 2, off: null, text: 'high', empty: '', list: [1, 2] }

const cases: Record<string, { json: unknown; pointer: string; want: number | undefined }> = {
  'the whole answer': { json: 3, pointer: '', want: 3 },
  'a place in lists and objects': { json: DOCUMENT, pointer: '/data/0/index', want: 0.85 },
  'a number that is written as text': { json: DOCUMENT, pointer: '/data/1/index', want: 12.5 },
  'a key with a slash': { json: DOCUMENT, pointer: '/a~1b', want: 1 },
  'a key with a tilde': { json: DOCUMENT, pointer: '/m~0n', want: 2 },
  'nothing at the place': { json: DOCUMENT, pointer: '/data/2/index', want: undefined },
  null: { json: DOCUMENT, pointer: '/off', want: undefined },
  'a word': { json: DOCUMENT, pointer: '/text', want: undefined },
  'an empty text': { json: DOCUMENT, pointer: '/empty', want: undefined },
  'the length of a list, which is not in the document': { json: DOCUMENT, pointer: '/list/length', want: undefined },
  'what every object inherits': { json: DOCUMENT, pointer: '/constructor', want: undefined },
}

describe('a number in a JSON document', () => {
  for (const [name, { json, pointer, want }] of Object.entries(cases))
    it(`is found, or not: ${name}`, () => expect(numberAt(json, pointer)).to.equal(want))
})
