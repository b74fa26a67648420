import { expect } from 'chai'
import { describe, it } from 'mocha'
import { fieldsOf, integerOf, isDeeperThan, isTextMap, textListOf, textMapOf, textOf } from './input.ts'

describe('what a client sent', () => {
  const cases: Record<string, [got: unknown, want: unknown]> = {
    'an object has its fields': [fieldsOf({ a: 1 }), { a: 1 }],
    'a list has none': [fieldsOf([1]), {}],
    'null has none': [fieldsOf(null), {}],
    'a text has none': [fieldsOf('ab'), {}],
    'a text is a text': [textOf('a'), 'a'],
    'a number is no text': [textOf(1), undefined],
    'a whole number is one': [integerOf(7), 7],
    'a whole number as text is one': [integerOf('-7'), -7],
    'half a number is none': [integerOf(1.5), undefined],
    'half a number as text is none': [integerOf('1.5'), undefined],
    'a number in another notation is none': [integerOf('1e3'), undefined],
    'no text is no number': [integerOf(''), undefined],
    'a number beyond all counting is none': [integerOf('99999999999999999999'), undefined],
    'a map keeps its texts': [textMapOf({ a: 'b', c: 1 }), { a: 'b' }],
    'a list keeps its texts': [textListOf(['a', 1, null]), ['a']],
    'no list is an empty one': [textListOf('a'), []],
    'a map of texts is one': [isTextMap({ a: 'b' }), true],
    'a map of other things is none': [isTextMap({ a: 1 }), false],
    'a list is no map of texts': [isTextMap(['a']), false],
    'two levels are not deeper than two': [isDeeperThan({ a: { b: 1 } }, 2), false],
    'three levels are deeper than two': [isDeeperThan({ a: { b: [1] } }, 2), true],
    'a text has no depth': [isDeeperThan('a', 0), false],
  }
  for (const [name, [got, want]] of Object.entries(cases)) it(name, () => expect(got).to.deep.equal(want))

  it('cannot change what all objects have', () => {
    const fields = fieldsOf(JSON.parse('{"__proto__": {"polluted": true}}'))
    expect([Object.keys(fields), Reflect.get({}, 'polluted')]).to.deep.equal([['__proto__'], undefined])
  })
})
