import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { durationMs } from './duration.ts'
import { choice, countOrPercent, dataKey, duration, isDuration, keyedBy, objectName, rules, text } from './schema.ts'

/** The regular expression of the first rule of a schema. */
const formOf = (schema: object) => new RegExp(/matches\('([^']*)'\)/.exec(JSON.stringify(schema))?.[1] ?? 'no form')

const FORMS: Record<string, { schema: object; good: string[]; bad: string[] }> = {
  'a duration': {
    schema: duration({ default: '1s', min: '0s', max: '1h', description: '' }),
    good: ['0s', '500ms', '30s', '1m30s', '24h', '99999999ms', '1h1m1s1ms'],
    bad: ['', '30', '1d', '1.5s', '-1s', '100000h', '1s1s1s1s1s', ' 1s', '1 s'],
  },
  'the name of an object': {
    schema: objectName(''),
    good: ['a', '1', 'my-secret', 'a.b-c.d'],
    bad: ['', 'A', '-a', 'a-', '.a', 'a.', 'a..b', 'a/b', 'a_b', 'a-.b'],
  },
  'a key': {
    schema: dataKey({ description: '' }),
    good: ['apiKey', 'agent.mjs', '.env', 'a_b', '-'],
    bad: ['', '.', '..', '..a', 'a/b', 'a b'],
  },
}

describe('parts of schemas', () => {
  for (const [name, { schema, good, bad }] of Object.entries(FORMS)) {
    it(`${name} has its form`, () => {
      expect(good.filter((t) => !formOf(schema).test(t))).to.deep.equal([])
      expect(bad.filter((t) => formOf(schema).test(t))).to.deep.equal([])
    })
  }

  it('what has the form of a duration can be counted, here and by the API server', () => {
    const form = formOf({ rule: isDuration('self') })
    const LARGEST_IN_CEL_MS = 2 ** 63 / 1e6
    const isCounted = (ms: number) => ms >= 0 && ms < LARGEST_IN_CEL_MS
    fc.assert(fc.property(fc.stringMatching(form), (t) => isCounted(durationMs(t))))
  })

  it('a duration carries its bounds, the length of its text and what to write', () => {
    expect(duration({ default: '30s', min: '10ms', max: '24h', description: 'A time.' })).to.deep.include({
      type: 'string',
      maxLength: 24,
      default: '30s',
      description: 'A time.',
      'x-kubernetes-validations': [
        {
          rule: `${isDuration('self')} && duration(self) >= duration('10ms') && duration(self) <= duration('24h')`,
          message: 'must be a duration from 10ms to 24h, written such as 500ms, 30s, 1m30s or 24h',
        },
      ],
    })
  })

  it('a text carries its form as a rule, so that people are told in words', () => {
    expect(text({ form: '^a+$', message: 'must be of the letter a', maxLength: 9, description: 'Letters.' })).to.deep.equal({
      type: 'string',
      maxLength: 9,
      description: 'Letters.',
      'x-kubernetes-validations': [{ rule: "self.matches('^a+$')", message: 'must be of the letter a' }],
    })
  })

  it('a choice is an enum of strings, the only form that a CRD takes', () => {
    expect(JSON.parse(JSON.stringify(choice(['A', 'B'], { default: 'A' })))).to.deep.equal({
      type: 'string',
      enum: ['A', 'B'],
      default: 'A',
    })
  })

  it('a count or a share is what Kubernetes calls int-or-string, without a type of its own', () => {
    const schema = JSON.parse(JSON.stringify(countOrPercent({ default: 1, description: 'Agents.' }))) as object
    expect(schema).to.deep.equal({ 'x-kubernetes-int-or-string': true, maxLength: 8, default: 1, description: 'Agents.' })
  })

  it('options for lists and rules are those of Kubernetes', () => {
    const rule = { rule: 'true', message: 'never' }
    expect({ ...keyedBy('name', 'kind'), ...rules(rule) }).to.deep.equal({
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name', 'kind'],
      'x-kubernetes-validations': [rule],
    })
  })
})
